//! One request and its answer, as the shell sees them.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::MatchedPath;
use http::HeaderValue;
use telemetry::metrics::RouteLabel;
use telemetry::{RequestContext, Stopwatch};

use super::refusal::ErrorPage;
use super::surface::{Area, Surface};

/// What the shell knows about a request. It is in the request's extensions as
/// `Arc<Exchange>`.
pub struct Exchange {
    /// The ids of the request, and where it comes from.
    pub context: RequestContext,
    /// The client: the peer of the connection, or whom a trusted proxy names.
    pub client: IpAddr,
    /// Runs since the request head was complete.
    pub started: Stopwatch,
    /// The listener it came in by.
    pub surface: Surface,
    /// The use of the path it asked for.
    pub area: Area,
    pub(super) accept: Option<HeaderValue>,
    pub(super) error_page: Option<ErrorPage>,
    pub(super) route: OnceLock<(RouteLabel, MatchedPath)>,
}

impl Exchange {
    /// The template of the route that matched, such as `/connect/{provider}`, or `unmatched`.
    #[must_use]
    pub fn route(&self) -> &str {
        self.route
            .get()
            .map_or("unmatched", |(_, path)| path.as_str())
    }

    /// The same as a label.
    pub(super) fn route_label(&self) -> RouteLabel {
        self.route
            .get()
            .map_or(RouteLabel::UNMATCHED, |(label, _)| *label)
    }

    /// The exchange that `request` belongs to.
    pub(super) fn of<B>(request: &http::Request<B>) -> Option<&Arc<Self>> {
        request.extensions().get()
    }
}
