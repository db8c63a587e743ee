//! The metrics of the server.
//!
//! [`Metrics`] dereferences to the [`Catalog`], one field per instrument:
//!
//! ```
//! use domain::GrantType;
//! use telemetry::metrics::{Format, Method, Metrics, MetricsOptions};
//!
//! let metrics = Metrics::new(MetricsOptions::default());
//! metrics.tokens_issued.add(GrantType::AuthorizationCode);
//! metrics.refresh_token_reuse.inc();
//! let token = metrics.route("/oauth/token");
//! metrics.http_request_duration.record((Method::Post, token, 200), 0.004);
//! assert!(metrics.render(Format::Text).contains("authserver_refresh_token_reuse_total 1"));
//! ```
//!
//! A label value outside its closed set does not compile, so nothing a caller sends can
//! become a label.
//!
//! # How it works, and why
//!
//! The instruments are those of the OpenTelemetry SDK, and every series of a closed label set
//! is *bound* when the server starts: an increment is an array access and an atomic addition,
//! a few nanoseconds, without looking attributes up. Binding is also what makes a series exist
//! at zero before its first event, without which Prometheus' `rate()` would not see that event.
//!
//! `/metrics` is a reader of that SDK: it collects what the instruments hold and
//! [writes it](Format) as Prometheus text or OpenMetrics. Pushing the same instruments over OTLP
//! is one more reader ([`Metrics::pushing`]). Atomics of our own with an
//! encoder beside them would have been as fast, but OpenTelemetry has no observable form of a
//! histogram, so OTLP would have needed a second implementation of the data model; and the
//! upstream Prometheus exporter speaks neither OpenMetrics nor promises a future. The two SDK
//! features this rests on (bound instruments, custom readers) are flagged experimental; only
//! this module uses them.

mod catalog;
mod definition;
mod deny_reason;
mod exposition;
mod http;
mod instrument;
mod label;
pub mod labels;
mod process;
mod push;
mod reader;
mod reference;
mod vitals;

use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{MeterProviderBuilder, PeriodicReader, SdkMeterProvider, Stream};

pub use catalog::{Catalog, DEFINITIONS};
pub use definition::{Definition, Kind, LabelValues};
pub use deny_reason::DenyReason;
pub use exposition::Format;
pub use http::{MAX_ROUTES, Method, RequestCounter, RequestHistogram, RouteLabel};
pub use instrument::{
    BUCKETS, BuildInfo, Counter, Gauge, Histogram, Instrument, ObservedCounter, ObservedGauge,
    Source, SparseHistogram,
};
pub use label::{Label, LabelSet};
pub use labels::{
    AllowlistOp, Cached, ConnectionState, ConsentDecision, DbOp, DpopRejection, ExchangeKind,
    FetchOutcome, Listener, LoginOutcome, RegistrationSource, ResourceOp, RevocationHalf,
    RevocationPath, RevokeReason, Signal, StoreKind, SuppressReason, TokenActive, VerifierCheck,
};
pub use reference::reference_markdown;
pub use vitals::Vitals;

use http::Routes;
use instrument::Builder;
use push::Counted;
use reader::ScrapeReader;

/// What [`Metrics::new`] needs to know.
pub struct MetricsOptions {
    /// Release of the program, for `authserver_build_info`.
    pub version: &'static str,
    /// Commit of the program, for `authserver_build_info`.
    pub revision: &'static str,
    /// Whether [`Metrics::render`] and [`Metrics::vitals`] have anything to say.
    pub scrape: bool,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self {
            version: "unknown",
            revision: "unknown",
            scrape: true,
        }
    }
}

/// Connections of a database pool, as [`Metrics::observe_pool`] reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Connections at work.
    pub in_use: u32,
    /// Connections that are open and free.
    pub idle: u32,
    /// Operations that wait for a connection.
    pub waiting: u32,
}

/// The metrics of the server. Cloning is cheap, and all clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    catalog: Catalog,
    routes: Arc<Routes>,
    scrape: ScrapeReader,
    provider: SdkMeterProvider,
}

impl Deref for Metrics {
    type Target = Catalog;
    fn deref(&self) -> &Catalog {
        &self.0.catalog
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Makes the instruments, with every series that is known in advance at zero.
    #[must_use]
    pub fn new(options: MetricsOptions) -> Self {
        Self::build(options, |provider, _| provider)
    }

    /// The same, pushed by `exporter` as metrics of `resource` every minute
    /// (`OTEL_METRIC_EXPORT_INTERVAL`, in milliseconds). Exports that fail are counted.
    #[must_use]
    pub fn pushing(
        options: MetricsOptions,
        exporter: impl PushMetricExporter,
        resource: Resource,
    ) -> Self {
        Self::build(options, |provider, own| {
            let exporter = Counted::new(exporter, own);
            provider
                .with_resource(resource)
                .with_reader(PeriodicReader::builder(exporter).build())
        })
    }

    fn build(
        options: MetricsOptions,
        configure: impl FnOnce(MeterProviderBuilder, Arc<OnceLock<Weak<Inner>>>) -> MeterProviderBuilder,
    ) -> Self {
        let scrape = ScrapeReader::default();
        let mut provider =
            SdkMeterProvider::builder().with_view(|instrument: &_| room_for(instrument));
        if options.scrape {
            provider = provider.with_reader(scrape.clone());
        }
        // An exporter holds no more than a weak hand on what it reports about itself.
        let own = Arc::new(OnceLock::new());
        let provider = configure(provider, Arc::clone(&own)).build();
        let routes = Arc::new(Routes::new());
        let catalog = Catalog::build(&Builder {
            meter: provider.meter("authserver"),
            routes: Arc::clone(&routes),
        });
        catalog.build_info.set(options.version, options.revision);
        process::observe(&catalog);
        let metrics = Self(Arc::new(Inner {
            catalog,
            routes,
            scrape,
            provider,
        }));
        own.get_or_init(|| Arc::downgrade(&metrics.0));
        metrics
    }

    /// Registers a route template such as `/oauth/token`; the same template gives the same
    /// label. Call it when routers are built, not for each request.
    #[must_use]
    pub fn route(&self, template: &str) -> RouteLabel {
        self.0.routes.register(template)
    }

    /// Counts and measures a request that has been answered.
    pub fn http_request(&self, method: Method, route: RouteLabel, status: u16, seconds: f64) {
        self.http_requests.add((method, route, status));
        self.http_request_duration
            .record((method, route, status), seconds);
    }

    /// Sets the number of clients that may act.
    pub fn set_active_clients(&self, clients: i64) {
        self.active_clients.set(clients);
    }

    /// Sets the number of token families that can still be refreshed.
    pub fn set_active_token_families(&self, families: i64) {
        self.active_token_families.set(families);
    }

    /// Sets when the current signing key was made, in seconds since 1970.
    pub fn set_key_last_rotation(&self, unix_seconds: i64) {
        self.key_last_rotation_timestamp.set(unix_seconds);
    }

    /// Reads the state of the database pool from `state` whenever metrics are collected.
    pub fn observe_pool(&self, state: Arc<dyn Fn() -> PoolState + Send + Sync>) {
        let connections = Arc::clone(&state);
        self.db_pool_connections.read_from(Box::new(move |emit| {
            let now = connections();
            emit(ConnectionState::InUse, f64::from(now.in_use));
            emit(ConnectionState::Idle, f64::from(now.idle));
        }));
        self.db_pool_waiting
            .read_from(Box::new(move |emit| emit((), f64::from(state().waiting))));
    }

    /// Reads the number of open connections of a listener from `open` whenever metrics are
    /// collected.
    pub fn observe_connections(&self, open: Arc<dyn Fn(Listener) -> usize + Send + Sync>) {
        self.connections.read_from(Box::new(move |emit| {
            for listener in Listener::ALL {
                emit(*listener, open(*listener) as f64);
            }
        }));
    }

    /// Reads how many bytes a cache takes from `size` whenever metrics are collected.
    pub fn observe_caches(&self, size: Arc<dyn Fn(Cached) -> u64 + Send + Sync>) {
        self.cache_bytes.read_from(Box::new(move |emit| {
            for cache in Cached::ALL {
                emit(*cache, size(*cache) as f64);
            }
        }));
    }

    /// What a scraper gets.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        self.0
            .scrape
            .collect(|collected| exposition::write(collected, format))
    }

    /// The few totals that tell at a glance how the server is. All zero when nothing scrapes.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        self.0.scrape.collect(Vitals::read)
    }

    /// Sends what exporters still hold, and stops them.
    pub fn shutdown(&self) {
        // An exporter that cannot be reached at the end has nobody left to tell.
        let _ = self.0.provider.shutdown();
    }
}

/// Gives each instrument exactly the room its series need; the SDK would reserve room for
/// two thousand each.
fn room_for(instrument: &opentelemetry_sdk::metrics::Instrument) -> Option<Stream> {
    let definition = DEFINITIONS
        .iter()
        .find(|definition| definition.name == instrument.name())?;
    Stream::builder()
        .with_cardinality_limit((definition.max_series)().max(1))
        .build()
        .ok()
}

#[cfg(test)]
mod tests;
