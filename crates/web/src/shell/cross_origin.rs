//! Lets scripts of all origins read discovery documents, and those of configured origins call the
//! OAuth endpoints.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use config::Origin;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, Cors, CorsLayer, Vary};

use super::arrival::REQUEST_ID;
use super::exchange::Exchange;
use super::surface::{Area, Surface};

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
    documents: Cors<S>,
    endpoints: Option<Cors<S>>,
    closed: S,
}

impl<S: Clone> CrossOrigin<S> {
    /// Around `inner`, whose endpoints are for scripts of the given origins; none means no CORS
    /// there. Documents that say how to reach the server are public.
    pub fn new(inner: S, origins: &[Origin]) -> Self {
        let layer = || {
            CorsLayer::new()
                .expose_headers(EXPOSED)
                .max_age(PREFLIGHT_AGE)
        };
        // The answers are the same for all, so that caches need not tell origins apart.
        let documents = layer()
            .allow_origin(AllowOrigin::any())
            .allow_methods([Method::GET, Method::HEAD])
            .allow_headers(AllowHeaders::mirror_request())
            .vary(Vary::list([]));
        let endpoints = layer()
            .allow_origin(admitted(origins))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(ACCEPTED);
        Self {
            documents: documents.layer(inner.clone()),
            endpoints: (!origins.is_empty()).then(|| endpoints.layer(inner.clone())),
            closed: inner,
        }
    }
}

fn admitted(origins: &[Origin]) -> AllowOrigin {
    if origins.iter().any(Origin::is_any) {
        return AllowOrigin::any();
    }
    let origins = origins.to_vec();
    AllowOrigin::predicate(move |asking, _| {
        asking
            .to_str()
            .is_ok_and(|asking| origins.iter().any(|own| own.admits(asking)))
    })
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
        let open = match public_area(&request) {
            Some(Area::Discovery) => Some(&mut self.documents),
            Some(Area::Endpoint(_)) => self.endpoints.as_mut(),
            _ => None,
        };
        match open {
            Some(open) => Crossing::Open {
                future: open.call(request),
            },
            None => Crossing::Closed {
                future: self.closed.call(request),
            },
        }
    }
}

/// The area of a request on the public listener.
fn public_area<B>(request: &Request<B>) -> Option<Area> {
    Exchange::of(request)
        .filter(|exchange| exchange.surface == Surface::Public)
        .map(|exchange| exchange.area)
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
