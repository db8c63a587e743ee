//! Refuses request targets that are too long.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use tower::Service;

use super::exchange::Exchange;
use super::refusal::{Refusal, RefusedOr};

/// Longest path and query, in bytes: every server must take 8000 (RFC 9110 §4.1), and an
/// authorization request with several resources and a long state stays well below this.
pub const TARGET_LIMIT: usize = 16 * 1024;

/// Answers 414 to requests whose target is longer than [`TARGET_LIMIT`].
#[derive(Debug, Clone)]
pub struct TargetLimit<S> {
    inner: S,
}

impl<S> TargetLimit<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for TargetLimit<S>
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
        let length = request
            .uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        match Exchange::of(&request) {
            Some(exchange) if length > TARGET_LIMIT => {
                RefusedOr::refused(Refusal::TargetTooLong(TARGET_LIMIT).answer(exchange))
            }
            _ => RefusedOr::passed(self.inner.call(request)),
        }
    }
}
