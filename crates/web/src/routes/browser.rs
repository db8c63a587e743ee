//! The browser at the other end: its cookies and who it belongs to.

use super::App;
use axum::response::Response;
use domain::{OpaqueToken, SystemRng};
use engine::{Error, SignedIn};
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::time::Duration;

/// Added to the session cookie's name for the cookie that a login form is bound to before
/// there is a session.
const BEFORE_LOGIN: &str = "_login";
/// How long that one lives.
const LOGIN_FORM_LIFETIME: Duration = Duration::from_secs(3600);

/// The value of the cookie `name`.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(own, value)| (own == name).then_some(value))
}

impl App {
    fn cookie_name(&self) -> &str {
        &self.engine.config().session.cookie_name
    }

    fn set_cookie(&self, name: &str, value: &str, max_age: Duration) -> HeaderValue {
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
        let cookie = format!(
            "{name}={value}; Path={path}; Max-Age={}; HttpOnly; SameSite={same_site}{secure}",
            max_age.as_secs()
        );
        HeaderValue::try_from(cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Who the browser belongs to.
    pub(crate) async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<SignedIn>, Error> {
        match cookie(headers, self.cookie_name()) {
            Some(cookie) => self.engine.signed_in(cookie).await,
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
        let cookie = self.set_cookie(self.cookie_name(), &cookie.0, max_age);
        response.headers_mut().append(SET_COOKIE, cookie);
        self.forget_login_form(response);
    }

    /// Takes the session from the browser.
    pub(crate) fn end_session(&self, response: &mut Response) {
        let cookie = self.set_cookie(self.cookie_name(), "", Duration::ZERO);
        response.headers_mut().append(SET_COOKIE, cookie);
    }

    /// What login forms of this browser are bound to, if it has opened one.
    pub(crate) fn login_form_of(&self, headers: &HeaderMap) -> Option<String> {
        let name = format!("{}{BEFORE_LOGIN}", self.cookie_name());
        let value = cookie(headers, &name)?;
        self.engine
            .form_tokens()
            .read_cookie(&name, value)
            .map(str::to_owned)
    }

    /// Binds login forms to this browser: a value, and the cookie to set if it is new.
    pub(crate) fn bind_login_form(&self, headers: &HeaderMap) -> (String, Option<HeaderValue>) {
        if let Some(value) = self.login_form_of(headers) {
            return (value, None);
        }
        let name = format!("{}{BEFORE_LOGIN}", self.cookie_name());
        let value = OpaqueToken::generate(&SystemRng).expose().to_owned();
        let signed = self.engine.form_tokens().sign_cookie(&name, &value);
        let cookie = self.set_cookie(&name, &signed, LOGIN_FORM_LIFETIME);
        (value, Some(cookie))
    }

    fn forget_login_form(&self, response: &mut Response) {
        let name = format!("{}{BEFORE_LOGIN}", self.cookie_name());
        let cookie = self.set_cookie(&name, "", Duration::ZERO);
        response.headers_mut().append(SET_COOKIE, cookie);
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
