//! Writes one line for each request, when it ends.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::{Method, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower::Service;
use tracing::Level;

use super::exchange::Exchange;
use super::refusal::exchange_of;

/// The status that stands for "the client went away before there was an answer".
pub(super) const GONE: u16 = 499;

/// Characters of a path that are logged at most.
const PATH_LIMIT: usize = 256;

/// In the extensions of a response: the handler has written the line of this request itself,
/// as the token endpoint does with `token issued` and `token denied`.
#[derive(Debug, Clone, Copy)]
pub struct AlreadyLogged;

/// The access log. Quiet areas are logged at debug, all others at info; an answer that is the
/// server's fault at error, and one that it could not give for the moment at warn. The query is
/// never logged: codes and state values travel in it.
#[derive(Clone)]
pub struct AccessLog<S> {
    inner: S,
}

impl<S> AccessLog<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for AccessLog<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Logging<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let line = exchange_of(&request).map(|exchange| Line {
            exchange,
            method: request.method().clone(),
            uri: request.uri().clone(),
        });
        Logging {
            future: self.inner.call(request),
            line,
        }
    }
}

/// What will be in the line, apart from how the request ended.
struct Line {
    exchange: Arc<Exchange>,
    method: Method,
    uri: Uri,
}

impl Line {
    fn level(&self, status: u16) -> Level {
        match status {
            // Unready databases and full queues pass; they are not defects.
            503 => Level::WARN,
            500.. => Level::ERROR,
            _ if self.exchange.area.is_quiet() => Level::DEBUG,
            _ => Level::INFO,
        }
    }

    fn write(&self, status: u16) {
        let level = self.level(status);
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    $level,
                    method = self.method.as_str(),
                    path = self.path(),
                    route = self.exchange.route(),
                    status,
                    duration_ms = self.duration_ms(),
                    client_ip = %self.exchange.client,
                    "{}",
                    if status == GONE { "request abandoned" } else { "request" }
                )
            };
        }
        match level {
            Level::ERROR => line!(Level::ERROR),
            Level::WARN => line!(Level::WARN),
            Level::INFO => line!(Level::INFO),
            _ => line!(Level::DEBUG),
        }
    }

    fn path(&self) -> &str {
        let path = self.uri.path();
        // A path is ASCII, so any cut is a boundary.
        path.get(..PATH_LIMIT).unwrap_or(path)
    }

    fn duration_ms(&self) -> f64 {
        (self.exchange.started.seconds() * 1e6).round() / 1e3
    }
}

pin_project! {
    /// A request whose line is still to be written.
    pub struct Logging<F> {
        #[pin]
        future: F,
        line: Option<Line>,
    }

    impl<F> PinnedDrop for Logging<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(line) = this.project().line.take() {
                // Whoever drops us is not within the context of the request.
                let context = line.exchange.context.clone();
                context.sync_scope(|| line.write(GONE));
            }
        }
    }
}

impl<F> Future for Logging<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.future.poll(cx));
        if let Some(line) = this.line.take()
            && response.extensions().get::<AlreadyLogged>().is_none()
        {
            line.write(response.status().as_u16());
        }
        Poll::Ready(Ok(response))
    }
}
