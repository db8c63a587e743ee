//! Pushing metrics to a collector, and counting the exports that failed.

use super::{Inner, Signal};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// An exporter whose failures count in `authserver_telemetry_dropped_total{signal="metrics"}`,
/// once it knows where: the counter is among the metrics that it exports.
pub(super) struct Counted<E> {
    exporter: E,
    metrics: Arc<OnceLock<Weak<Inner>>>,
}

impl<E> Counted<E> {
    pub fn new(exporter: E, metrics: Arc<OnceLock<Weak<Inner>>>) -> Self {
        Self { exporter, metrics }
    }
}

impl<E> fmt::Debug for Counted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Counted<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let outcome = self.exporter.export(metrics).await;
        if outcome.is_err()
            && let Some(own) = self.metrics.get().and_then(Weak::upgrade)
        {
            own.catalog.telemetry_dropped.add(Signal::Metrics);
        }
        outcome
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
