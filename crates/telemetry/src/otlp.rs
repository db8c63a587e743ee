//! Exporters of the OpenTelemetry protocol (OTLP over gRPC), and who we say we are.

use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use std::time::Duration;

/// How long a collector may take for one message.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a collector listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:4317`
    pub address: String,
    /// Without TLS.
    pub insecure: bool,
}

impl Endpoint {
    fn url(&self) -> String {
        let scheme = if self.insecure { "http" } else { "https" };
        format!("{scheme}://{}", self.address)
    }
}

/// Builds an exporter of one signal; within a tokio runtime.
macro_rules! exporter {
    ($kind:ident, $endpoint:expr) => {{
        let endpoint = $endpoint;
        let builder = $kind::builder()
            .with_tonic()
            .with_endpoint(endpoint.url())
            .with_timeout(TIMEOUT);
        if endpoint.insecure {
            builder.build()
        } else {
            builder
                .with_tls_config(ClientTlsConfig::new().with_native_roots())
                .build()
        }
    }};
}

/// Sends spans.
///
/// # Errors
/// When the address is none; whether anyone listens there shows later.
pub fn span_exporter(endpoint: &Endpoint) -> Result<SpanExporter, ExporterBuildError> {
    exporter!(SpanExporter, endpoint)
}

/// Sends metrics.
///
/// # Errors
/// As [`span_exporter`].
pub fn metric_exporter(endpoint: &Endpoint) -> Result<MetricExporter, ExporterBuildError> {
    exporter!(MetricExporter, endpoint)
}

/// Sends log records.
///
/// # Errors
/// As [`span_exporter`].
pub fn log_exporter(endpoint: &Endpoint) -> Result<LogExporter, ExporterBuildError> {
    exporter!(LogExporter, endpoint)
}

/// What all signals say of their source. `OTEL_RESOURCE_ATTRIBUTES` adds to it (that is where
/// `deployment.environment.name` comes from), and `OTEL_SERVICE_NAME` renames the service.
#[must_use]
pub fn resource(version: &'static str, instance: &str) -> Resource {
    let own = Resource::builder_empty()
        .with_service_name("authserver")
        .with_attributes([
            KeyValue::new("service.version", version),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .build();
    let environment = Resource::builder_empty()
        .with_detector(Box::new(
            opentelemetry_sdk::resource::EnvResourceDetector::new(),
        ))
        .build();
    let named = std::env::var("OTEL_SERVICE_NAME").ok();
    let mut all = Resource::builder_empty()
        .with_attributes(attributes(&own))
        .with_attributes(attributes(&environment));
    if let Some(name) = named.filter(|name| !name.is_empty()) {
        all = all.with_service_name(name);
    }
    all.build()
}

fn attributes(resource: &Resource) -> Vec<KeyValue> {
    let pairs = resource.iter();
    pairs
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
        .collect()
}
