//! Refuses a client address that asks too often.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer, Service};

use super::exchange::Exchange;
use super::limiter::AddressLimiter;
use super::refusal::{Refusal, RefusedOr};
use super::surface::Area;

/// A limit of its own for one route, such as registration:
/// `post(register).layer(RateLimitLayer::new(AddressLimiter::new(10, 20)))`.
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    limiter: Option<Arc<AddressLimiter>>,
}

impl RateLimitLayer {
    /// Limits by `limiter`; without one, does nothing.
    #[must_use]
    pub fn new(limiter: Option<AddressLimiter>) -> Self {
        Self {
            limiter: limiter.map(Arc::new),
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, self.limiter.clone())
    }
}

/// Counts requests per client address and answers 429 with `Retry-After` to those beyond the
/// limit (RFC 6585 §4). Probes are never refused: an orchestrator that gets no answer would
/// restart a server that is merely busy.
#[derive(Debug, Clone)]
pub struct RateLimit<S> {
    inner: S,
    limiter: Option<Arc<AddressLimiter>>,
}

impl<S> RateLimit<S> {
    /// Around `inner`.
    pub fn new(inner: S, limiter: Option<Arc<AddressLimiter>>) -> Self {
        Self { inner, limiter }
    }

    fn refusal<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let limiter = self.limiter.as_ref()?;
        let exchange = Exchange::of(request)?;
        if exchange.area == Area::Probe {
            return None;
        }
        let seconds = limiter.check(exchange.client).err()?;
        Some(Refusal::TooManyRequests(seconds).answer(exchange))
    }
}

impl<S, B> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RefusedOr<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.refusal(&request) {
            Some(answer) => RefusedOr::refused(answer),
            None => RefusedOr::passed(self.inner.call(request)),
        }
    }
}
