//! Everything a request meets before and after its handler.
//!
//! [`wrap`] puts a router into its shell: services around one another, each with one job. From
//! the outside in:
//!
//! | module | job |
//! |---|---|
//! | [`arrival`] | gives the request its ids and its client address, and the answer their headers |
//! | [`measure`] | counts and times it |
//! | [`access_log`] | writes one line when it ends |
//! | [`report`] | has refusals recorded that come in place of a handler's answer |
//! | [`security_headers`] | tells browsers what they must not do |
//! | [`cross_origin`] | lets scripts of other origins read documents and call the OAuth endpoints (CORS) |
//! | [`mod@panic`] | turns a panic into a 500 |
//! | [`host`] | refuses requests that do not name one host |
//! | [`rate_limit`] | refuses a client address that asks too often |
//! | [`target_limit`] | refuses request targets that are too long |
//! | [`body_limit`] | reads the body, within limits of size and time |
//! | [`time_limit`] | gives up on a handler that takes too long |
//! | [`well_known`] | takes the many addresses of a discovery document to its route |
//! | [`route`] | notes which route matched |
//!
//! Nothing here allocates a future or clones the router for a request without a body: the whole
//! is one type, cloned once per connection.

pub mod access_log;
pub mod arrival;
pub mod body_limit;
pub mod client_address;
pub mod cross_origin;
pub mod exchange;
pub mod host;
pub mod limiter;
pub mod measure;
pub mod panic;
pub mod rate_limit;
pub mod refusal;
pub mod report;
pub mod route;
pub mod security_headers;
mod spare_random;
pub mod state;
pub mod surface;
pub mod target_limit;
pub mod time_limit;
pub mod unmatched;
pub mod well_known;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

pub use access_log::AlreadyLogged;
pub use exchange::Exchange;
pub use limiter::AddressLimiter;
pub use rate_limit::RateLimitLayer;
pub use refusal::{ErrorPage, Refusal};
pub use report::RecordRefusal;
pub use state::ShellState;
pub use surface::Surface;

/// Puts `router` into its shell. The result is always ready, and cheap to call; hand it to
/// [`crate::serve::serve`].
///
/// The router's own fallbacks are replaced: unknown paths and methods are answered here, in
/// the form that the caller prefers.
pub fn wrap<B>(
    router: Router,
    state: ShellState,
) -> impl Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ Sync
+ 'static
where
    B: http_body::Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let router = unmatched::answer_unmatched(router);
    let service = router.layer(route::RouteLayer::new(state.metrics.clone()));
    let service = well_known::WellKnown::new(service, Arc::clone(&state.base_path));
    let service = time_limit::TimeLimit::new(service, state.handler_timeout);
    let service = body_limit::BodyLimit::new(service, state.body_limit, state.body_room);
    let service = target_limit::TargetLimit::new(service);
    let service = rate_limit::RateLimit::new(service, state.rate_limit.clone());
    let service = host::OneHost::new(service);
    let service = panic::CatchPanic::new(service);
    let service = cross_origin::CrossOrigin::new(service, &state.allowed_origins);
    let service = security_headers::SecurityHeaders::new(service, state.surface, state.https);
    let service = report::Report::new(service, state.record_refusal.clone());
    let service = access_log::AccessLog::new(service);
    let service = measure::Measure::new(service, state.metrics.clone());
    arrival::Arrival::new(service, state)
}
