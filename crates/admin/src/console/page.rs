//! What all pages have in common: the frame around them, their headers, and how faults look.

use super::Console;
use super::assets;
use super::moment::Moment;
use super::session::Visit;
use askama::Template;
use axum::response::{IntoResponse, Response};
use domain::UnixMillis;
use engine::Error;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
};
use http::{HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a page is allowed to do: nothing but itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// What stays as it is in a part of a path (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The page that a link in the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Clients,
    Users,
    Resources,
    Fronting,
    Grants,
    Issuances,
    Tokens,
    Keys,
    Audit,
    System,
}

impl Section {
    /// All, as the navigation shows them.
    pub const ALL: [Self; 11] = [
        Self::Overview,
        Self::Clients,
        Self::Users,
        Self::Resources,
        Self::Fronting,
        Self::Grants,
        Self::Issuances,
        Self::Tokens,
        Self::Keys,
        Self::Audit,
        Self::System,
    ];

    /// Its name and path.
    pub fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => ("Overview", "/admin/ui/"),
            Self::Clients => ("Clients", "/admin/ui/clients"),
            Self::Users => ("Users", "/admin/ui/users"),
            Self::Resources => ("Resources", "/admin/ui/resources"),
            Self::Fronting => ("Fronting", "/admin/ui/fronting"),
            Self::Grants => ("Grants", "/admin/ui/grants"),
            Self::Issuances => ("Issuances", "/admin/ui/issuances"),
            Self::Tokens => ("Tokens", "/admin/ui/tokens"),
            Self::Keys => ("Signing keys", "/admin/ui/keys"),
            Self::Audit => ("Audit", "/admin/ui/audit"),
            Self::System => ("System", "/admin/ui/system"),
        }
    }
}

/// What stands around a page.
pub(super) struct Frame {
    /// Where in the navigation it is.
    pub section: Section,
    /// Token for its forms.
    pub csrf: String,
    /// What has just been done.
    pub notice: Option<&'static str>,
    /// Host of the issuer.
    pub host: String,
    /// The time it is made.
    pub now: UnixMillis,
}

impl Frame {
    /// The navigation: name, path, and whether it is here.
    pub fn links(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let here = self.section;
        Section::ALL.into_iter().map(move |section| {
            let (name, path) = section.link();
            (name, path, section == here)
        })
    }

    /// A time, shown.
    pub fn time(&self, at: &UnixMillis) -> Moment {
        Moment::new(*at, self.now)
    }

    /// Text from outside, fit to be shown.
    pub fn plain(&self, text: &str) -> String {
        plain(text)
    }

    /// Name of the style sheet.
    pub fn style(&self) -> &'static str {
        assets::style()
    }

    /// Name of the script.
    pub fn script(&self) -> &'static str {
        assets::script()
    }
}

/// What a page comes to.
pub(super) type Shown = Result<Response, Trouble>;

/// A fault on its way to a page that tells of it.
#[derive(Clone)]
pub(super) struct Trouble(pub Error);

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// A page that tells of a fault.
#[derive(Template)]
#[template(path = "trouble.html")]
pub(super) struct TroublePage {
    frame: Frame,
    title: &'static str,
    detail: String,
}

impl TroublePage {
    /// The page for a fault of the engine.
    pub fn of(trouble: &Trouble, visit: &Visit) -> Response {
        let Trouble(error) = trouble;
        let status = StatusCode::from_u16(error.code.status());
        let status = status.unwrap_or(StatusCode::BAD_REQUEST);
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => "Changed in the meantime",
            _ if status.is_server_error() => "That did not work",
            _ => "That cannot be done",
        };
        Self::show(status, title, error.description.to_string(), visit)
    }

    /// Such a page.
    pub fn show(
        status: StatusCode,
        title: &'static str,
        detail: String,
        visit: &Visit,
    ) -> Response {
        let frame = visit.frame(Section::Overview);
        let page = Self {
            frame,
            title,
            detail,
        };
        render(status, &page)
    }
}

/// Every other path.
pub(super) async fn nowhere(visit: Visit) -> Response {
    let detail = "There is no such page.".to_owned();
    TroublePage::show(StatusCode::NOT_FOUND, "Not found", detail, &visit)
}

/// A page with its headers.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    // With no-referrer, browsers do not name the origin of a form either.
    let own_pages = HeaderValue::from_static("same-origin");
    headers.insert(REFERRER_POLICY, own_pages);
    response
}

/// A good page.
pub(super) fn show(page: &impl Template) -> Shown {
    Ok(render(StatusCode::OK, page))
}

/// To another page, by GET (RFC 9110 §15.4.4).
pub(super) fn go(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match HeaderValue::try_from(location) {
        Ok(location) => drop(headers.insert(LOCATION, location)),
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// A part of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// `path?name=value…`, without what is empty.
pub(super) fn link(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Text from outside, fit to be shown: what is invisible in it can be seen.
pub(super) fn plain(text: &str) -> String {
    web::pages::text::label(text, 400)
}

impl Console {
    /// The present time.
    pub(super) fn now(&self) -> UnixMillis {
        self.app.engine.now()
    }
}
