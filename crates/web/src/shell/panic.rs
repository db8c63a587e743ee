//! Turns a panic into a 500 that touches no other request.

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::exchange::Exchange;
use super::refusal::{Refusal, exchange_of};

/// Catches panics of the service within, logs them, and answers in their place.
#[derive(Clone)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S> CatchPanic<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for CatchPanic<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Catching<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let exchange = exchange_of(&request);
        // Sound to go on with: what a handler shares with others is behind locks that cope
        // with poison, or in the database behind a transaction.
        let called = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        match called {
            Ok(future) => Catching {
                future: Some(future),
                panicked: None,
                exchange,
            },
            Err(panic) => Catching {
                future: None,
                panicked: Some(panic),
                exchange,
            },
        }
    }
}

pin_project! {
    /// An answer that may turn out to be a panic.
    pub struct Catching<F> {
        #[pin]
        future: Option<F>,
        panicked: Option<Box<dyn Any + Send>>,
        exchange: Option<Arc<Exchange>>,
    }
}

impl<F> Future for Catching<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let panic = match this.future.as_mut().as_pin_mut() {
            Some(future) => match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                Ok(poll) => return poll,
                Err(panic) => {
                    // What is left of the handler may panic again as it is dropped.
                    let _ = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
                    panic
                }
            },
            None => this.panicked.take().expect("polled after completion"),
        };
        Poll::Ready(Ok(answer(&*panic, this.exchange.as_deref())))
    }
}

fn answer(panic: &(dyn Any + Send), exchange: Option<&Exchange>) -> Response<Body> {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let route = exchange.map_or("unmatched", Exchange::route);
    tracing::error!(panic = message, route, "request handler panicked");
    match exchange {
        Some(exchange) => Refusal::Panicked.answer(exchange),
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}
