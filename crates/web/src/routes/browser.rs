//! The browser at the other end: its cookies, who it belongs to, and the forms it sends back.

use super::App;
use axum::response::Response;
use domain::{OpaqueToken, SystemRng};
use engine::{Error, FormToken, SignedIn};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::time::Duration;

/// Added to the session cookie's name, with a mark of their own, for the cookies that tell this
/// browser from others. Forms are bound to them and not to the session, which changes while
/// other forms are open.
const BROWSER: &str = "_browser_";
/// Characters of such a mark.
const MARK: usize = 8;
/// More of these cookies than this are not looked at: one is enough, and as many more as forms
/// were first opened at the same moment.
const MOST: usize = 16;

/// The cookies of a request.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// What forms on a page are bound to: the browser that it is for.
pub(crate) struct Binding {
    /// Goes into the token of each form.
    pub browser: String,
    /// The cookie to set, if the browser has none yet.
    cookie: Option<HeaderValue>,
}

impl Binding {
    /// Lets the browser know, with the page.
    pub fn tie(self, response: &mut Response) {
        if let Some(cookie) = self.cookie {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
}

impl App {
    /// A cookie for this server's pages; without `max_age`, it goes when the browser is closed.
    fn set_cookie(&self, name: &str, value: &str, max_age: Option<Duration>) -> HeaderValue {
        let session = &self.engine.config().session;
        let secure = if self.engine.config().secure_cookies() {
            "; Secure"
        } else {
            ""
        };
        let path = if self.pages.base_path.is_empty() {
            "/"
        } else {
            &self.pages.base_path
        };
        let same_site = match session.same_site {
            config::SameSite::Lax => "Lax",
            config::SameSite::Strict => "Strict",
            config::SameSite::None => "None",
        };
        let ends = max_age.map_or_else(String::new, |age| format!("; Max-Age={}", age.as_secs()));
        let cookie =
            format!("{name}={value}; Path={path}{ends}; HttpOnly; SameSite={same_site}{secure}");
        HeaderValue::try_from(cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Who the browser belongs to.
    pub(crate) async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<SignedIn>, Error> {
        let name = self.engine.session_cookie_name();
        match cookies(headers).find(|(own, _)| *own == name) {
            Some((_, cookie)) => self.engine.signed_in(cookie).await,
            None => Ok(None),
        }
    }

    /// Who the browser belongs to, for an answer that may be a code. HEAD is sent by what merely
    /// looks, and has to have no effect (RFC 9110 §9.2.1): it is nobody's.
    pub(crate) async fn acting_user(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<SignedIn>, Error> {
        match *method {
            Method::HEAD => Ok(None),
            _ => self.signed_in(headers).await,
        }
    }

    /// Gives the browser its session.
    pub(crate) fn start_session(&self, response: &mut Response, cookie: &engine::Cookie) {
        let max_age = self.engine.config().session.max_age;
        let name = self.engine.session_cookie_name();
        let cookie = self.set_cookie(name, &cookie.0, Some(max_age));
        response.headers_mut().append(SET_COOKIE, cookie);
    }

    /// Takes the session from the browser.
    pub(crate) fn end_session(&self, response: &mut Response) {
        let name = self.engine.session_cookie_name();
        let cookie = self.set_cookie(name, "", Some(Duration::ZERO));
        response.headers_mut().append(SET_COOKIE, cookie);
    }

    /// What this browser is known by. Several, if it opened its first forms at the same moment,
    /// each of which then brought a cookie.
    fn browsers<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
        let prefix = format!("{}{BROWSER}", self.engine.session_cookie_name());
        cookies(headers)
            .filter(move |(name, _)| name.starts_with(&prefix))
            .take(MOST)
            .filter_map(|(name, value)| self.engine.form_tokens().read_cookie(name, value))
    }

    /// Binds the forms of a page to this browser.
    pub(crate) fn bind(&self, headers: &HeaderMap) -> Binding {
        if let Some(browser) = self.browsers(headers).next() {
            return Binding {
                browser: browser.to_owned(),
                cookie: None,
            };
        }
        let browser = OpaqueToken::generate(&SystemRng).expose().to_owned();
        let (session, mark) = (self.engine.session_cookie_name(), &browser[..MARK]);
        let name = format!("{session}{BROWSER}{mark}");
        let signed = self.engine.form_tokens().sign_cookie(&name, &browser);
        Binding {
            cookie: Some(self.set_cookie(&name, &signed, None)),
            browser,
        }
    }

    /// What the token of a form says that came back from this browser.
    pub(crate) fn form_token(
        &self,
        headers: &HeaderMap,
        token: &str,
        purpose: &str,
        content: &[&str],
    ) -> FormToken {
        let (tokens, now) = (self.engine.form_tokens(), self.engine.now());
        self.browsers(headers)
            .map(|browser| tokens.read(token, purpose, browser, content, now))
            .max()
            .unwrap_or(FormToken::Forged)
    }
}

/// A redirect that makes the browser ask with GET (RFC 9110 §15.4.4), and that no cache keeps.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = Response::default();
    match HeaderValue::try_from(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response.headers_mut().insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    response
}
