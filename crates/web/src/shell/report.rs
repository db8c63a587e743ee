//! Reports requests that the shell refused in place of their handler.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::{Request, Response};
use oauth::Endpoint;
use pin_project_lite::pin_project;
use tower::Service;

use super::access_log::AlreadyLogged;
use super::exchange::Exchange;
use super::refusal::Refusal;
use super::surface::Area;

type Recording = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Records a refusal at one of the endpoints that software calls. The answer waits for it.
pub type RecordRefusal = Arc<dyn Fn(Endpoint, Refusal) -> Recording + Send + Sync>;

/// Has the refusals of the services within recorded that a handler would have recorded, had it
/// been asked.
#[derive(Clone)]
pub struct Report<S> {
    inner: S,
    record: Option<RecordRefusal>,
}

impl<S> Report<S> {
    /// Around `inner`.
    pub fn new(inner: S, record: Option<RecordRefusal>) -> Self {
        Self { inner, record }
    }
}

impl<S, B> Service<Request<B>> for Report<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Reporting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let endpoint = match Exchange::of(&request).map(|exchange| exchange.area) {
            Some(Area::Endpoint(endpoint)) => Some(endpoint),
            _ => None,
        };
        Reporting {
            future: self.inner.call(request),
            report: endpoint.zip(self.record.clone()),
            recording: None,
        }
    }
}

pin_project! {
    /// An answer on its way, which may turn out to be a refusal.
    pub struct Reporting<F> {
        #[pin]
        future: F,
        report: Option<(Endpoint, RecordRefusal)>,
        recording: Option<(Recording, Response<Body>)>,
    }
}

impl<F> Future for Reporting<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.recording.is_none() {
            let Ok(mut response) = ready!(this.future.poll(cx));
            let Some((endpoint, record)) = this.report.take() else {
                return Poll::Ready(Ok(response));
            };
            let refusal = response.extensions().get::<Refusal>().copied();
            let Some(refusal) = refusal.filter(|refusal| refusal.is_in_place_of_handler()) else {
                return Poll::Ready(Ok(response));
            };
            if endpoint == Endpoint::Token {
                response.extensions_mut().insert(AlreadyLogged);
            }
            *this.recording = Some((record(endpoint, refusal), response));
        }
        if let Some((recording, _)) = this.recording {
            ready!(recording.as_mut().poll(cx));
        }
        let (_, response) = this.recording.take().expect("polled after completion");
        Poll::Ready(Ok(response))
    }
}
