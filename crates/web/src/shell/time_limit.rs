//! Gives up on a handler that takes too long.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::Service;

use super::exchange::Exchange;
use super::refusal::{Refusal, exchange_of};

/// Answers 503 when the service within has not begun its answer in time. A body that is streamed
/// afterwards may take as long as it likes, as long as the client takes it.
#[derive(Debug, Clone)]
pub struct TimeLimit<S> {
    inner: S,
    limit: Duration,
}

impl<S> TimeLimit<S> {
    /// Around `inner`.
    pub fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<S, B> Service<Request<B>> for TimeLimit<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Timing<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = exchange_of(&request);
        Timing {
            future: self.inner.call(request),
            timer: None,
            limit: self.limit,
            exchange,
        }
    }
}

pin_project! {
    /// A handler at work, against the clock. The timer is only set when the handler waits.
    pub struct Timing<F> {
        #[pin]
        future: F,
        #[pin]
        timer: Option<Sleep>,
        limit: Duration,
        exchange: Option<Arc<Exchange>>,
    }
}

impl<F> Future for Timing<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.future.poll(cx) {
            return Poll::Ready(answer);
        }
        let Some(exchange) = this.exchange else {
            return Poll::Pending;
        };
        if this.timer.is_none() {
            this.timer.set(Some(sleep(*this.limit)));
        }
        if let Some(timer) = this.timer.as_pin_mut() {
            ready!(timer.poll(cx));
        }
        tracing::warn!(route = exchange.route(), "request handler took too long");
        Poll::Ready(Ok(Refusal::HandlerTooSlow.answer(exchange)))
    }
}
