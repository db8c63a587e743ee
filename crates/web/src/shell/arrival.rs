//! Gives a request its ids and its client address, and the answer the headers that name them.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use telemetry::context::{Incoming, TraceId};
use telemetry::{RequestContext, Stopwatch};
use tower::Service;

use super::client_address::client_address;
use super::exchange::Exchange;
use super::refusal::accept_of;
use super::spare_random::SpareRandom;
use super::state::ShellState;
use crate::serve::PeerAddress;

/// The header with the id of a request, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The outermost service. Below it, [`RequestContext::current`] is the request at hand.
#[derive(Clone)]
pub struct Arrival<S> {
    inner: S,
    shared: Arc<Shared>,
}

struct Shared {
    state: ShellState,
    random: SpareRandom,
}

impl<S> Arrival<S> {
    /// Around `inner`.
    pub fn new(inner: S, state: ShellState) -> Self {
        let random = SpareRandom::new(Arc::clone(&state.rng));
        Self {
            inner,
            shared: Arc::new(Shared { state, random }),
        }
    }
}

impl Shared {
    fn exchange<B>(&self, request: &Request<B>) -> Exchange {
        let headers = request.headers();
        let client = match request.extensions().get::<PeerAddress>() {
            Some(peer) => client_address(peer.0.ip(), headers, &self.state.trusted_proxies),
            // Only where no socket is involved, in tests of handlers.
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let mut context = RequestContext::begin(
            Incoming {
                request_id: single(headers, &REQUEST_ID),
                traceparent: single(headers, &TRACEPARENT),
                client_ip: Some(client),
            },
            |trace| is_sampled(trace, self.state.trace_sample_rate),
            &self.random,
        );
        if context.sampled {
            context.tracer.clone_from(&self.state.tracer);
        }
        Exchange {
            context,
            client,
            started: Stopwatch::start(),
            surface: self.state.surface,
            area: self.state.area_of(request.uri().path()),
            accept: accept_of(headers),
            error_page: self.state.error_page.clone(),
            route: OnceLock::new(),
        }
    }
}

/// The value of a header that was sent exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    first.to_str().ok()
}

/// Whether a trace begun here is recorded: decided by its random id, as OpenTelemetry's ratio
/// sampler does, so that every service decides alike.
fn is_sampled(trace: TraceId, rate: f64) -> bool {
    let mut low = [0; 8];
    low.copy_from_slice(&trace.0[8..]);
    // The 53 bits that a float holds exactly.
    let share = (u64::from_be_bytes(low) >> 11) as f64 / (1_u64 << 53) as f64;
    share < rate
}

impl<S, B> Service<Request<B>> for Arrival<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Arriving<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let exchange = Arc::new(self.shared.exchange(&request));
        request.extensions_mut().insert(Arc::clone(&exchange));
        let inner = &mut self.inner;
        let future = exchange.context.clone().sync_scope(|| inner.call(request));
        Arriving { future, exchange }
    }
}

pin_project! {
    /// The answer on its way, within the context of its request.
    pub struct Arriving<F> {
        #[pin]
        future: F,
        exchange: Arc<Exchange>,
    }
}

impl<F> Future for Arriving<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let context = &this.exchange.context;
        let Ok(mut response) = ready!(context.clone().sync_scope(|| this.future.poll(cx)));
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        let mut text = [0_u8; 55];
        if write!(&mut text[..], "{}", context.traceparent()).is_ok()
            && let Ok(value) = HeaderValue::from_bytes(&text)
        {
            headers.insert(TRACEPARENT, value);
        }
        Poll::Ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_decides_how_many_traces_are_recorded() {
        let trace = |first: u8| TraceId([first; 16]);
        for first in [0x01, 0x7f, 0xff] {
            assert!(is_sampled(trace(first), 1.0));
            assert!(!is_sampled(trace(first), 0.0));
        }
        assert!(is_sampled(trace(0x3f), 0.25));
        assert!(!is_sampled(trace(0x41), 0.25));
    }
}
