//! Lets scripts of configured origins call the OAuth endpoints and read discovery documents.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Cors, CorsLayer};

use super::arrival::REQUEST_ID;
use super::exchange::Exchange;

/// How long a browser may remember a preflight. Chromium caps it at two hours.
const PREFLIGHT_AGE: Duration = Duration::from_secs(7200);

/// Request headers that clients send: those of OAuth and DPoP, MCP's version, and tracing.
const ACCEPTED: [HeaderName; 7] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("mcp-protocol-version"),
    REQUEST_ID,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// Response headers that scripts get to read.
const EXPOSED: [HeaderName; 5] = [
    WWW_AUTHENTICATE,
    REQUEST_ID,
    RETRY_AFTER,
    HeaderName::from_static("dpop-nonce"),
    HeaderName::from_static("traceparent"),
];

/// CORS, on those paths alone where it belongs. Credentials are never allowed: no endpoint that
/// scripts may call looks at cookies.
#[derive(Clone)]
pub struct CrossOrigin<S> {
    open: Option<Cors<S>>,
    closed: S,
}

impl<S: Clone> CrossOrigin<S> {
    /// Around `inner`, for the given origins; `*` means any, none means no CORS.
    pub fn new(inner: S, origins: &[String]) -> Self {
        let allowed = if origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(
                origins
                    .iter()
                    .filter_map(|origin| HeaderValue::from_str(origin).ok()),
            )
        };
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(ACCEPTED)
            .expose_headers(EXPOSED)
            .max_age(PREFLIGHT_AGE);
        Self {
            open: (!origins.is_empty()).then(|| layer.layer(inner.clone())),
            closed: inner,
        }
    }
}

impl<S, B> Service<Request<B>> for CrossOrigin<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Crossing<<Cors<S> as Service<Request<B>>>::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.closed.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match &mut self.open {
            Some(open) if is_for_scripts(&request) => Crossing::Open {
                future: open.call(request),
            },
            _ => Crossing::Closed {
                future: self.closed.call(request),
            },
        }
    }
}

fn is_for_scripts<B>(request: &Request<B>) -> bool {
    Exchange::of(request).is_some_and(|exchange| exchange.area.is_for_scripts())
}

pin_project! {
    /// An answer that other origins may, or may not, read.
    #[project = CrossingProjection]
    #[expect(missing_docs, reason = "the variants' fields cannot carry doc comments here")]
    pub enum Crossing<O, C> {
        /// With CORS headers.
        Open { #[pin] future: O },
        /// Without.
        Closed { #[pin] future: C },
    }
}

impl<O, C, T> Future for Crossing<O, C>
where
    O: Future<Output = T>,
    C: Future<Output = T>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.project() {
            CrossingProjection::Open { future } => future.poll(cx),
            CrossingProjection::Closed { future } => future.poll(cx),
        }
    }
}
