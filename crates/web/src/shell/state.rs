//! What the shell of a listener needs to know.

use std::sync::Arc;
use std::time::Duration;

use config::{Config, Origin};
use domain::Rng;
use ipnet::IpNet;
use telemetry::Metrics;
use telemetry::trace::Tracer;

use super::limiter::AddressLimiter;
use super::refusal::ErrorPage;
use super::report::RecordRefusal;
use super::surface::{Area, Surface};

/// Largest request body on the public listener.
pub const PUBLIC_BODY_LIMIT: usize = 64 * 1024;

/// Largest request body on the admin listener.
pub const ADMIN_BODY_LIMIT: usize = 1024 * 1024;

/// What request bodies may take together in memory, on each listener, until they are answered.
pub const BODY_ROOM: usize = 64 << 20;

/// The settings of a [shell](super::wrap).
#[derive(Clone)]
pub struct ShellState {
    /// Which listener this is.
    pub surface: Surface,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// Where request, trace and span ids come from.
    pub rng: Arc<dyn Rng>,
    /// Takes the spans of requests, when traces are recorded at all.
    pub tracer: Option<Tracer>,
    /// Share of the traces begun here that are recorded, 0 to 1.
    pub trace_sample_rate: f64,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// Origins whose scripts may call the OAuth endpoints.
    pub allowed_origins: Vec<Origin>,
    /// Path of the issuer, without a slash at its end; empty at the root.
    pub base_path: Arc<str>,
    /// Path of the metrics, where this listener has them.
    pub scrape_path: Option<Arc<str>>,
    /// Whether clients reach this server over https.
    pub https: bool,
    /// Limit per client address, if there is one.
    pub rate_limit: Option<Arc<AddressLimiter>>,
    /// Largest request body, bytes.
    pub body_limit: usize,
    /// What request bodies may take together, bytes.
    pub body_room: usize,
    /// Time for a handler to begin its answer.
    pub handler_timeout: Duration,
    /// Makes the page for errors that a browser gets to see; without it they get JSON.
    pub error_page: Option<ErrorPage>,
    /// Records what the shell refuses at the endpoints that software calls.
    pub record_refusal: Option<RecordRefusal>,
}

impl ShellState {
    /// The shell of the public listener.
    pub fn public(config: &Config, metrics: Metrics, rng: Arc<dyn Rng>) -> Self {
        let limit = &config.rate_limit;
        Self {
            surface: Surface::Public,
            metrics,
            rng,
            tracer: None,
            trace_sample_rate: match config.observability.tracing.enabled {
                true => config.observability.tracing.sample_rate,
                false => 0.0,
            },
            trusted_proxies: config.server.trusted_proxies.as_slice().into(),
            allowed_origins: config.server.allowed_origins.clone(),
            base_path: config.server.issuer.path().into(),
            scrape_path: None,
            https: config.server.issuer.is_https(),
            rate_limit: limit
                .enabled
                .then(|| AddressLimiter::new(limit.requests_per_second, limit.burst))
                .flatten()
                .map(Arc::new),
            body_limit: PUBLIC_BODY_LIMIT,
            body_room: BODY_ROOM,
            handler_timeout: config.server.write_timeout,
            error_page: None,
            record_refusal: None,
        }
    }

    /// The area that `path` lies in on this listener.
    pub(super) fn area_of(&self, path: &str) -> Area {
        if self.scrape_path.as_deref() == Some(path) {
            return Area::Probe;
        }
        Area::below(&self.base_path, path)
    }

    /// The shell of the admin listener: larger bodies, no foreign scripts, no HSTS because it
    /// speaks plain HTTP on the inside.
    pub fn admin(config: &Config, metrics: Metrics, rng: Arc<dyn Rng>) -> Self {
        Self {
            surface: Surface::Admin,
            allowed_origins: Vec::new(),
            base_path: Arc::default(),
            scrape_path: Some(config.observability.metrics.path.as_str().into()),
            https: false,
            rate_limit: None,
            body_limit: ADMIN_BODY_LIMIT,
            ..Self::public(config, metrics, rng)
        }
    }
}
