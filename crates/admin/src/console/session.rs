//! Who is at the console: a signed cookie, and the token that its forms carry.
//!
//! The cookie holds a random id and two times, signed with the server's session secret under a
//! name that stands for the admin key. So every instance with the same secret and key accepts
//! it, and it ends when the key is replaced (and the previous one no longer accepted). That it was
//! ended by signing out is written in the database, where every instance looks.

use super::Console;
use super::form::Pairs;
use super::page::{Frame, Section, Trouble, TroublePage, go, link};
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Digest, OpaqueToken, SystemRng, UnixMillis};
use engine::Error;
use http::header::{self, ACCEPT, HOST, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::time::Duration;

/// What the name of the cookie begins with. A mark of the issuer follows, since browsers send a
/// cookie to every port of a host (RFC 6265 §8.5).
const COOKIE: &str = "authplane_console";
/// A session ends when nothing was asked for so long.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after so long, whatever was asked.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// The cookie is renewed no more often than this.
const RENEWAL: Duration = Duration::from_secs(60);
/// What the script of a page asks for by itself does not keep a session from being idle.
const UNASKED: [&str; 2] = ["/admin/ui/charts", "/admin/ui/audit/stream"];
/// The name under which tokens of forms are signed.
const FORM: &str = "console";
/// The largest form.
const FORM_LIMIT: usize = 256 * 1024;

/// What the cookie says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    id: String,
    began: UnixMillis,
    seen: UnixMillis,
}

impl Session {
    fn write(&self) -> String {
        format!("{}.{}.{}", self.id, self.began.0, self.seen.0)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let session = Self {
            id: parts.next()?.to_owned(),
            began: UnixMillis(parts.next()?.parse().ok()?),
            seen: UnixMillis(parts.next()?.parse().ok()?),
        };
        parts.next().is_none().then_some(session)
    }

    /// What the database knows it by.
    fn digest(&self) -> Digest {
        Digest::of(self.id.as_bytes())
    }

    fn is_alive(&self, now: UnixMillis) -> bool {
        now < self.seen.plus(IDLE) && now < self.began.plus(LONGEST)
    }
}

/// A request of somebody who has signed in.
#[derive(Clone)]
pub(super) struct Visit {
    session: Session,
    csrf: String,
    host: String,
    notice: Option<&'static str>,
    now: UnixMillis,
}

impl Visit {
    /// What stands around the page that answers it.
    pub fn frame(&self, section: Section) -> Frame {
        Frame {
            section,
            csrf: self.csrf.clone(),
            notice: self.notice,
            host: self.host.clone(),
            now: self.now,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // There is no route to a page around the guard.
        let visit = parts.extensions.get::<Self>().cloned();
        visit.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Console {
    fn cookie_name(&self) -> String {
        format!("{COOKIE}_{}", self.app.engine.issuer_mark())
    }

    fn sealed(&self, session: &Session) -> String {
        let (mark, _) = self.app.key.marks();
        let name = format!("{COOKIE}:{mark}");
        let tokens = self.app.engine.form_tokens();
        tokens.sign_cookie(&name, &session.write())
    }

    /// The session whose cookie came along, whether or not it was ended by signing out.
    fn shown_session(&self, headers: &HeaderMap) -> Option<Session> {
        let own = self.cookie_name();
        let cookies = headers.get_all(header::COOKIE).iter();
        let sealed = cookies
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == own).then_some(value))?;
        let tokens = self.app.engine.form_tokens();
        let (mark, previous) = self.app.key.marks();
        let text = std::iter::once(mark).chain(previous).find_map(|mark| {
            let name = format!("{COOKIE}:{mark}");
            tokens.read_cookie(&name, sealed)
        })?;
        Session::read(text).filter(|session| session.is_alive(self.now()))
    }

    async fn is_open(&self, session: &Session) -> Result<bool, Error> {
        let store = self.app.engine.store();
        let ended = store.console_session_has_ended(&session.digest()).await?;
        Ok(!ended)
    }

    /// The session of who has signed in, and not out.
    async fn session_of(&self, headers: &HeaderMap) -> Result<Option<Session>, Error> {
        match self.shown_session(headers) {
            Some(session) if self.is_open(&session).await? => Ok(Some(session)),
            _ => Ok(None),
        }
    }

    /// Begins a session, or the one anew that the browser has, whose forms may be open in other
    /// tabs: what to set as the cookie.
    pub(super) async fn begin(&self, headers: &HeaderMap) -> HeaderValue {
        let now = self.now();
        // If the database does not answer, what is open in other tabs matters little.
        let present = self.session_of(headers).await.ok().flatten();
        let present = present.map(|session| session.id);
        let fresh = || OpaqueToken::generate(&SystemRng).expose().to_owned();
        let session = Session {
            id: present.unwrap_or_else(fresh),
            began: now,
            seen: now,
        };
        self.cookie(&self.sealed(&session), IDLE, headers)
    }

    /// Ends the session of a visit on every instance.
    pub(super) async fn end(&self, visit: &Visit) -> Result<(), Error> {
        let session = &visit.session;
        // Another cookie of it may have been renewed since this one.
        let until = self.now().plus(LONGEST);
        let store = self.app.engine.store();
        store.end_console_session(session.digest(), until).await?;
        Ok(())
    }

    /// What to set as the cookie of a browser that is to have no session any more.
    pub(super) fn no_cookie(&self, headers: &HeaderMap) -> HeaderValue {
        self.cookie("", Duration::ZERO, headers)
    }

    fn cookie(&self, value: &str, age: Duration, headers: &HeaderMap) -> HeaderValue {
        // The listener itself speaks plain HTTP. A proxy in front says when the browser does not.
        let https = headers
            .get("x-forwarded-proto")
            .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
        let secure = if https { "; Secure" } else { "" };
        let name = self.cookie_name();
        let text = format!(
            "{name}={value}; Path=/admin/ui; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            age.as_secs()
        );
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Whether somebody has signed in.
    pub(super) async fn is_signed_in(&self, headers: &HeaderMap) -> Result<bool, Error> {
        Ok(self.session_of(headers).await?.is_some())
    }
}

/// Whether a browser sent this on behalf of a page of another origin.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return true;
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(ORIGIN) else {
        return false;
    };
    let own = origin.split_once("://").map(|(_, host)| host);
    own.is_none() || own != text(HOST)
}

/// Lets nobody in without a session, and no form without its token.
pub(super) async fn guard(
    State(console): State<Console>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(session) = console.shown_session(&parts.headers) else {
        return to_sign_in(&parts);
    };
    let open = console.is_open(&session).await;
    if matches!(open, Ok(false)) {
        return to_sign_in(&parts);
    }
    let now = console.now();
    let tokens = console.app.engine.form_tokens();
    let visit = Visit {
        csrf: tokens.issue(FORM, &session.id, &[], now),
        host: console.issuer_host.to_string(),
        notice: notice(parts.uri.query().unwrap_or_default()),
        now,
        session,
    };
    // No session is accepted unchecked.
    if let Err(error) = open {
        return TroublePage::of(&Trouble(error), &visit);
    }
    if parts.method == Method::POST {
        let form = match to_bytes(body, FORM_LIMIT).await {
            Ok(bytes) => Pairs::parse(&bytes),
            Err(_) => Err(Error::invalid_request("the form is too large")),
        };
        let form = match form {
            Ok(form) => form,
            Err(error) => return TroublePage::of(&Trouble(error), &visit),
        };
        let token = form.raw("csrf_token");
        if is_foreign(&parts.headers) || !tokens.accepts(token, FORM, &visit.session.id, &[], now) {
            let detail = "Nothing was changed. The form was open for more than an hour, or did \
                          not come from this page. Go back, reload the page, and send it again.";
            return TroublePage::show(
                StatusCode::FORBIDDEN,
                "The form could not be accepted",
                detail.to_owned(),
                &visit,
            );
        }
        parts.extensions.insert(form);
    }
    parts.extensions.insert(visit.clone());
    let is_asked = !UNASKED.contains(&parts.uri.path());
    let renewed = (is_asked && now.since(visit.session.seen) >= RENEWAL).then(|| {
        let session = Session {
            seen: now,
            ..visit.session.clone()
        };
        console.cookie(&console.sealed(&session), IDLE, &parts.headers)
    });
    let request = Request::from_parts(parts, Body::empty());
    let mut response = next.run(request).await;
    if let Some(trouble) = response.extensions_mut().remove::<Trouble>() {
        response = TroublePage::of(&trouble, &visit);
    }
    if let Some(renewed) = renewed
        && !response.headers().contains_key(SET_COOKIE)
    {
        response.headers_mut().insert(SET_COOKIE, renewed);
    }
    response
}

/// A person is led to the sign-in and back; a script is told.
fn to_sign_in(parts: &Parts) -> Response {
    let accept = parts.headers.get(ACCEPT).map(HeaderValue::as_bytes);
    let for_people = accept.is_some_and(|accept| accept.starts_with(b"text/html"));
    if !for_people && parts.method != Method::POST {
        return (StatusCode::UNAUTHORIZED, "sign in at /admin/ui/sign-in\n").into_response();
    }
    let here = match parts.method {
        Method::GET => parts.uri.path_and_query().map_or("", |here| here.as_str()),
        _ => "",
    };
    go(&link("/admin/ui/sign-in", &[("next", here)]))
}

/// What has been done, by the word that the redirect after it carries.
fn notice(query: &str) -> Option<&'static str> {
    let word = form_urlencoded::parse(query.as_bytes());
    let word = word.into_iter().find(|(name, _)| name == "done")?.1;
    Some(match &*word {
        "created" => "Created.",
        "changed" => "The changes are saved.",
        "suspended" => "Suspended: it can do nothing until it is reactivated.",
        "reactivated" => "Reactivated.",
        "revoked" => "Revoked.",
        "deleted" => "Deleted.",
        "disabled" => "Disabled: sessions and tokens have ended.",
        "enabled" => "Enabled.",
        "logged-out" => "All sessions and tokens have ended.",
        "rotated" => "There is a new signing key.",
        "retired" => "The signing key is gone.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_idle_and_after_twelve_hours() {
        let began = UnixMillis(1_000_000);
        let mut session = Session {
            id: "x".into(),
            began,
            seen: began,
        };
        assert_eq!(Session::read(&session.write()), Some(session.clone()));
        assert!(session.is_alive(began.plus(IDLE - RENEWAL)));
        assert!(!session.is_alive(began.plus(IDLE)));
        session.seen = began.plus(LONGEST - RENEWAL);
        assert!(session.is_alive(began.plus(LONGEST - RENEWAL)));
        assert!(!session.is_alive(began.plus(LONGEST)));
        for wrong in ["", "x", "x.1", "x.1.2.3", "x.a.2"] {
            assert_eq!(Session::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn requests_on_behalf_of_other_origins_are_told_apart() {
        let foreign = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_foreign(&headers)
        };
        let host = ("host", "admin.example:9001");
        assert!(!foreign(&[host]));
        assert!(!foreign(&[host, ("origin", "http://admin.example:9001")]));
        assert!(!foreign(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[host, ("origin", "http://admin.example")]));
        assert!(foreign(&[host, ("origin", "null")]));
        assert!(foreign(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[host, ("sec-fetch-site", "same-site")]));
    }
}
