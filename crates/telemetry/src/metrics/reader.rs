//! The reader behind `/metrics`.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, Temporality};

/// Collects cumulative values on demand. The provider holds one clone, [`Metrics`] the other.
///
/// [`Metrics`]: super::Metrics
#[derive(Debug, Clone, Default)]
pub(super) struct ScrapeReader {
    reader: Arc<ManualReader>,
    /// Kept between scrapes, so that its memory is used again.
    collected: Arc<Mutex<ResourceMetrics>>,
}

impl ScrapeReader {
    /// Collects, and hands the result to `read`. After shutdown, or without a provider, it is
    /// what was collected last.
    pub(super) fn collect<T>(&self, read: impl FnOnce(&ResourceMetrics) -> T) -> T {
        let mut collected = self
            .collected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _ = self.reader.collect(&mut collected);
        read(&collected)
    }
}

impl MetricReader for ScrapeReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.reader.register_pipeline(pipeline);
    }

    fn collect(&self, rm: &mut ResourceMetrics) -> OTelSdkResult {
        self.reader.collect(rm)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.reader.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.reader.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.reader.temporality(kind)
    }
}
