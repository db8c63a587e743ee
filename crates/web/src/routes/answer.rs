//! Answers of the OAuth endpoints: JSON that is never stored, and errors in both vocabularies.

use crate::shell::{AlreadyLogged, Exchange, refusal::answer_error};
use ::oauth::{ErrorBody, ErrorCode};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use engine::Error;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode, request::Parts};
use std::convert::Infallible;
use std::sync::Arc;

/// The request's ids and preferences, as the shell has noted them.
pub(crate) struct Asked(pub Option<Arc<Exchange>>);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Arc<Exchange>>().cloned()))
    }
}

impl Asked {
    pub fn request_id(&self) -> &str {
        self.0
            .as_ref()
            .map_or("", |exchange| &exchange.context.request_id)
    }

    /// The error answer of an endpoint at which clients authenticate.
    pub fn refuse(&self, error: &Error) -> Response {
        self.refuse_with(error, error.code.status())
    }

    /// The same of the token endpoint, whose statuses RFC 6749 §5.2 prescribes.
    pub fn refuse_token(&self, error: &Error) -> Response {
        self.refuse_with(error, error.code.token_status())
    }

    fn refuse_with(&self, error: &Error, status: u16) -> Response {
        let body = ErrorBody::new(error.code, &error.description, self.request_id());
        let mut body = body.with_status(status);
        if let Some(missing) = &error.missing_consent {
            let (url, cause) = (missing.url.clone(), error.reason.as_str().to_owned());
            body = body.with_consent(url, cause, missing.resource.clone());
        }
        let mut response = match &self.0 {
            Some(exchange) => answer_error(&body, exchange),
            None => json(StatusCode::BAD_REQUEST, body.to_json()),
        };
        let headers = response.headers_mut();
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        if error.code == ErrorCode::InvalidClient {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"authserver\""),
            );
        }
        if let Some(after) = error.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        response
    }
}

/// JSON that no cache may keep (RFC 6749 §5.1).
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
        (PRAGMA, "no-cache"),
    ];
    (status, headers, body.into()).into_response()
}

/// The same, for a handler whose own log line stands for the request.
pub(crate) fn logged(mut response: Response) -> Response {
    response.extensions_mut().insert(AlreadyLogged);
    response
}
