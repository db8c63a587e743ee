//! Versions of what can be read and then changed: `ETag` and `If-Match` (RFC 9110 §8.8.3, §13.1.1).

use super::refusal::{Answer, Refused};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Json, Response};
use domain::UnixMillis;
use engine::Error;
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// An answer with the version of what it shows.
pub(crate) fn versioned(status: StatusCode, view: &impl Serialize, at: UnixMillis) -> Response {
    let mut response = (status, Json(view)).into_response();
    // Digits and quotes are always a valid header value.
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", at.0)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The version that a change is meant for; `None` for any.
pub(crate) struct IfMatch(pub Option<UnixMillis>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        Ok(Self(read(&parts.headers)?))
    }
}

fn read(headers: &HeaderMap) -> Result<Option<UnixMillis>, Refused> {
    let mut values = headers.get_all(IF_MATCH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if values.next().is_some() || text.contains(',') {
        return Err(Refused::unreadable(
            "If-Match: give one version, the ETag of what was read",
        ));
    }
    if text == "*" {
        return Ok(None);
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .and_then(|text| text.parse().ok());
    // A tag that was never given, or a weak one, matches nothing.
    match version {
        Some(version) => Ok(Some(UnixMillis(version))),
        None => Err(Error::precondition_failed().into()),
    }
}
