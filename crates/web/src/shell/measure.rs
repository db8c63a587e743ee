//! Counts and times requests, and records the spans of those that are traced.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::{Request, Response};
use pin_project_lite::pin_project;
use telemetry::Metrics;
use telemetry::metrics::Method;
use tower::Service;

use super::access_log::GONE;
use super::exchange::Exchange;
use super::refusal::exchange_of;

/// Feeds `authserver_http_requests_total` and `authserver_http_request_duration_seconds`.
#[derive(Clone)]
pub struct Measure<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Measure<S> {
    /// Around `inner`.
    pub fn new(inner: S, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

impl<S, B> Service<Request<B>> for Measure<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Measuring<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let open = exchange_of(&request).map(|exchange| Open {
            method: request.method().as_str().into(),
            traced_path: exchange
                .context
                .tracer
                .is_some()
                .then(|| request.uri().path().to_owned()),
            exchange,
            metrics: self.metrics.clone(),
        });
        Measuring {
            future: self.inner.call(request),
            open,
        }
    }
}

struct Open {
    method: Method,
    /// Only when there will be a span.
    traced_path: Option<String>,
    exchange: Arc<Exchange>,
    metrics: Metrics,
}

impl Open {
    fn ended(self, status: u16) {
        let seconds = self.exchange.started.seconds();
        self.metrics
            .http_request(self.method, self.exchange.route_label(), status, seconds);
        let context = &self.exchange.context;
        if let (Some(tracer), Some(path)) = (&context.tracer, &self.traced_path) {
            let started = self.exchange.started.started();
            let what = (self.method.as_str(), self.exchange.route());
            tracer.server_span(context, started, what, status, path);
        }
    }
}

pin_project! {
    /// A request being timed. One whose client has gone counts too, when it is dropped.
    pub struct Measuring<F> {
        #[pin]
        future: F,
        open: Option<Open>,
    }

    impl<F> PinnedDrop for Measuring<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(open) = this.project().open.take() {
                open.ended(GONE);
            }
        }
    }
}

impl<F> Future for Measuring<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.future.poll(cx));
        if let Some(open) = this.open.take() {
            open.ended(response.status().as_u16());
        }
        Poll::Ready(Ok(response))
    }
}
