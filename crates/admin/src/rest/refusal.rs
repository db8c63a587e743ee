//! How the admin API says no: handlers return a [`Refused`] with `?`, and one middleware makes
//! the answer of it, as only there is known which request it was.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::Error;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use oauth::{ErrorBody, ErrorCode};
use std::sync::Arc;
use web::shell::Exchange;

/// What a handler returns.
pub(crate) type Answer<T> = Result<T, Refused>;

/// A refusal on its way out.
#[derive(Clone)]
pub(crate) struct Refused {
    error: Error,
    status: u16,
}

impl Refused {
    /// What was sent cannot be read: 400.
    pub fn unreadable(what: impl Into<String>) -> Self {
        let error = Error::invalid_request(what.into());
        let status = error.code.status();
        Self { error, status }
    }
}

impl Refused {
    /// What was sent is not of the shape that is asked for: 422.
    pub fn misshapen(what: impl Into<String>) -> Self {
        Error::invalid_request(what.into()).into()
    }

    /// What it is about.
    pub fn into_error(self) -> Error {
        self.error
    }
}

/// What a deletion comes to. An id that is unknown is told, as it may be misspelled.
pub(crate) fn deleted(outcome: Result<(), Error>) -> Answer<StatusCode> {
    outcome?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<Error> for Refused {
    /// What could be read and yet not be done is 422, unless there is a better word for it.
    fn from(error: Error) -> Self {
        let status = match error.code {
            ErrorCode::InvalidRequest
            | ErrorCode::InvalidClientMetadata
            | ErrorCode::InvalidRedirectUri => StatusCode::UNPROCESSABLE_ENTITY.as_u16(),
            code => code.status(),
        };
        Self { error, status }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts refusals into words, and lets nobody keep what operators see.
pub(crate) async fn tell(request: Request, next: Next) -> Response {
    let exchange = request.extensions().get::<Arc<Exchange>>().cloned();
    let mut response = next.run(request).await;
    if let Some(refused) = response.extensions_mut().remove::<Refused>() {
        response = refuse(&refused.error, refused.status, exchange.as_deref());
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal as a problem (RFC 9457).
pub(crate) fn refuse(error: &Error, status: u16, exchange: Option<&Exchange>) -> Response {
    let request_id = exchange.map_or("", |exchange| &exchange.context.request_id);
    let body = ErrorBody::new(error.code, &error.description, request_id)
        .with_status(status)
        .with_dependents(error.dependents.clone())
        .with_field(field(&error.description));
    let mut response = match exchange {
        Some(exchange) => web::shell::refusal::answer_error(&body, exchange),
        None => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, body.to_json()).into_response()
        }
    };
    if let Some(after) = error.retry_after {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

/// The member or parameter that a description begins with, as all do that are about one; or that
/// a parser names in its own way.
fn field(description: &str) -> Option<&str> {
    let is_name = |name: &str| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b'-');
        !name.is_empty() && name.bytes().all(letters)
    };
    let before = description.split_once(": ").map(|(name, _)| name);
    let quoted = || description.split('`').nth(1);
    before
        .filter(|name| is_name(name))
        .or_else(|| quoted().filter(|name| is_name(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_field_that_it_is_about() {
        for (description, name) in [
            ("scope: a scope is empty", Some("scope")),
            (
                "redirect_uris: http://x: not allowed",
                Some("redirect_uris"),
            ),
            (
                "Failed to deserialize: unknown field `nmae`, expected",
                Some("nmae"),
            ),
            ("there is no client x: y", None),
            ("", None),
        ] {
            assert_eq!(field(description), name, "{description}");
        }
    }
}
