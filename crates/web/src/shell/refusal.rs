//! How the shell says no.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use oauth::{ErrorBody, ErrorCode};
use pin_project_lite::pin_project;

use super::exchange::Exchange;
use super::surface::{Area, Surface};

/// Makes a page for people out of an error. The shell sets the status.
pub type ErrorPage = Arc<dyn Fn(&ErrorBody) -> Response<Body> + Send + Sync>;

/// A reason of the shell not to let a request through, or not to let its answer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No route has this path: 404.
    UnknownPath,
    /// The route does not take this method: 405.
    WrongMethod,
    /// The body took too long to arrive: 408.
    BodyTooSlow,
    /// The body ended early or is not framed as it should be: 400.
    BodyBroken,
    /// The body has more than so many bytes: 413.
    BodyTooLarge(usize),
    /// The bodies of all requests together take as much memory as they may: 503.
    NoRoomForBody,
    /// The request names no host, several, or something that is no host: 400.
    BadHost,
    /// The request target has more than so many bytes: 414.
    TargetTooLong(usize),
    /// The address asks too often; it may try again after so many seconds: 429.
    TooManyRequests(u64),
    /// The handler panicked: 500.
    Panicked,
    /// The handler took too long: 503.
    HandlerTooSlow,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::BadHost => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoRoomForBody | Self::HandlerTooSlow => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the caller is told in one word.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::UnknownPath => ErrorCode::NotFound,
            Self::WrongMethod
            | Self::BodyTooSlow
            | Self::BodyBroken
            | Self::BodyTooLarge(_)
            | Self::BadHost
            | Self::TargetTooLong(_) => ErrorCode::InvalidRequest,
            Self::TooManyRequests(_) | Self::NoRoomForBody | Self::HandlerTooSlow => {
                ErrorCode::TemporarilyUnavailable
            }
            Self::Panicked => ErrorCode::ServerError,
        }
    }

    /// What the caller is told in a sentence.
    #[must_use]
    pub fn description(self) -> String {
        match self {
            Self::UnknownPath => "there is nothing at this path".into(),
            Self::WrongMethod => {
                "this path does not take this method; the Allow header has those it takes".into()
            }
            Self::BodyTooSlow => "the request body did not arrive in time".into(),
            Self::BodyBroken => "the request body could not be read to its end".into(),
            Self::BodyTooLarge(limit) => {
                format!("the request body is larger than {limit} bytes")
            }
            Self::NoRoomForBody => {
                "the server is reading too many large requests at the moment; try again shortly"
                    .into()
            }
            Self::BadHost => {
                "the Host header is missing, sent more than once, or not a host; send one, such as \
                 auth.example.com or localhost:9000"
                    .into()
            }
            Self::TargetTooLong(limit) => {
                format!("the request target is longer than {limit} bytes")
            }
            Self::TooManyRequests(seconds) => {
                format!("too many requests from this address; try again in {seconds} s")
            }
            Self::Panicked => {
                "the server met an unexpected condition; its log has more under the request id"
                    .into()
            }
            Self::HandlerTooSlow => "the server did not manage to answer in time".into(),
        }
    }

    /// Whether it refuses what a handler would otherwise have answered. Requests that no handler
    /// is for are none of these, nor those beyond a rate, which must cost nothing.
    #[must_use]
    pub fn is_in_place_of_handler(self) -> bool {
        match self {
            Self::BodyTooSlow
            | Self::BodyBroken
            | Self::BodyTooLarge(_)
            | Self::Panicked
            | Self::HandlerTooSlow => true,
            Self::UnknownPath
            | Self::WrongMethod
            | Self::NoRoomForBody
            | Self::BadHost
            | Self::TargetTooLong(_)
            | Self::TooManyRequests(_) => false,
        }
    }

    /// The answer, which has the refusal in its extensions: a page for a browser that asks for one, else the two vocabularies of
    /// [`ErrorBody`] as JSON.
    pub fn answer(self, exchange: &Exchange) -> Response<Body> {
        let status = self.status();
        let body = ErrorBody::new(
            self.code(),
            &self.description(),
            exchange.context.request_id.as_ref(),
        )
        .with_status(status.as_u16());
        let mut response = answer_error(&body, exchange);
        response.extensions_mut().insert(self);
        let again = match self {
            Self::TooManyRequests(seconds) => Some(seconds),
            Self::NoRoomForBody => Some(1),
            _ => None,
        };
        if let Some(seconds) = again {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Answers with `body` and its status, in the form that the caller of `exchange` prefers.
#[must_use]
pub fn answer_error(body: &ErrorBody, exchange: &Exchange) -> Response<Body> {
    let mut response = match (Form::of(exchange), &exchange.error_page) {
        (Form::Page, Some(page)) => page(body),
        (Form::Json | Form::Page, _) => json(body, "application/json"),
        (Form::Problem, _) => json(body, "application/problem+json"),
    };
    *response.status_mut() =
        StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn json(body: &ErrorBody, media_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_json()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The form in which a caller wants to be told of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Problem,
    Page,
}

impl Form {
    fn of(exchange: &Exchange) -> Self {
        let accept = exchange
            .accept
            .as_ref()
            .and_then(|value| value.to_str().ok());
        match (exchange.surface, exchange.area) {
            (Surface::Admin, _) => Self::Problem,
            // Clients of these parse JSON, whatever else they say (RFC 6749 §5.2).
            (_, Area::Endpoint(_)) if accept.map(preferred) == Some(Self::Page) => Self::Json,
            _ => accept.map_or(Self::Json, preferred),
        }
    }
}

/// The form that an `Accept` header prefers (RFC 9110 §12.5.1). A wildcard is content with
/// plain JSON.
fn preferred(accept: &str) -> Form {
    let mut best = (Form::Json, 0.0_f32);
    for range in accept.split(',').take(16) {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default() {
            "text/html" | "application/xhtml+xml" => Form::Page,
            "application/problem+json" => Form::Problem,
            "application/json" | "application/*" | "*/*" => Form::Json,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > best.1 {
            best = (form, quality);
        }
    }
    best.0
}

/// Keeps what a refusal will need of `request`, which the handler is going to consume.
pub(super) fn exchange_of<B>(request: &http::Request<B>) -> Option<Arc<Exchange>> {
    debug_assert!(Exchange::of(request).is_some(), "outside of the shell");
    Exchange::of(request).cloned()
}

/// The `Accept` header, for [`Exchange::accept`].
pub(super) fn accept_of(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ACCEPT).cloned()
}

pin_project! {
    /// Either the answer of the service within, or a refusal made before it was called.
    #[project = RefusedOrProjection]
    #[expect(missing_docs, reason = "the variants' fields cannot carry doc comments here")]
    pub enum RefusedOr<F> {
        /// The refusal, until it is taken.
        Refused { answer: Option<Response<Body>> },
        /// The service within.
        Passed { #[pin] future: F },
    }
}

impl<F> RefusedOr<F> {
    pub(super) fn refused(answer: Response<Body>) -> Self {
        Self::Refused {
            answer: Some(answer),
        }
    }

    pub(super) fn passed(future: F) -> Self {
        Self::Passed { future }
    }
}

impl<F> Future for RefusedOr<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            RefusedOrProjection::Refused { answer } => {
                Poll::Ready(Ok(answer.take().expect("polled after completion")))
            }
            RefusedOrProjection::Passed { future } => future.poll(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_preference_decides_the_form() {
        for (accept, form) in [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("application/json", Form::Json),
            ("application/problem+json", Form::Problem),
            (
                "application/problem+json, application/json;q=0.9",
                Form::Problem,
            ),
            (
                "application/json, application/problem+json;q=0.9",
                Form::Json,
            ),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Form::Page,
            ),
            ("text/html;q=0.1, application/json", Form::Json),
            ("text/html;q=0", Form::Json),
            ("text/html;q=x", Form::Json),
            ("image/png", Form::Json),
        ] {
            assert_eq!(preferred(accept), form, "{accept}");
        }
    }
}
