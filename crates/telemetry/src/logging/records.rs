//! From an event to a log record of OpenTelemetry, for a collector.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::{InstrumentationScope, TraceFlags};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    LogBatch, LogExporter, LogProcessor, SdkLogRecord, SdkLogger, SdkLoggerProvider,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::gate::is_ours;
use super::{Level, LoggingOptions};
use crate::context::RequestContext;
use crate::metrics::{Metrics, Signal};
use crate::shipping::{ATTRIBUTE, Carrier, Sender, Shipping};

/// What is queued: a record and whose it is.
type Record = (SdkLogRecord, InstrumentationScope);

/// Sends records by an exporter.
struct Records<E>(E);

impl<E: LogExporter + 'static> Carrier for Records<E> {
    type Item = Record;
    const SIGNAL: Signal = Signal::Logs;

    fn bytes((record, _): &Record) -> usize {
        let text = |value: &AnyValue| match value {
            AnyValue::String(text) => text.as_str().len(),
            _ => 0,
        };
        let body = record.body().map_or(0, text);
        let attributes = record.attributes_iter();
        let attributes = attributes.map(|(_, value)| ATTRIBUTE + text(value));
        size_of::<Record>() + body + attributes.sum::<usize>()
    }

    async fn send(&self, batch: Vec<Record>) -> OTelSdkResult {
        let borrowed: Vec<_> = batch
            .iter()
            .map(|(record, scope)| (record, scope))
            .collect();
        self.0.export(LogBatch::new(&borrowed)).await
    }
}

/// Puts what the SDK made into our queue, which counts what it has no room for.
#[derive(Debug)]
struct Queued(Sender<Record>);

impl LogProcessor for Queued {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.0.send((record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
}

/// Turns events into log records.
pub(super) struct RecordLayer {
    options: LoggingOptions,
    logger: SdkLogger,
}

impl RecordLayer {
    /// Starts sending by `exporter`, within a tokio runtime.
    pub(super) fn start(
        options: LoggingOptions,
        mut exporter: impl LogExporter + 'static,
        resource: &Resource,
        metrics: &Metrics,
    ) -> (Self, Shipping) {
        exporter.set_resource(resource);
        let (records, shipping) = Shipping::start(Records(exporter), metrics);
        let provider = SdkLoggerProvider::builder()
            .with_log_processor(Queued(records))
            .build();
        let logger = provider.logger("authserver");
        (Self { options, logger }, shipping)
    }
}

impl<S: Subscriber> Layer<S> for RecordLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut record = self.logger.create_log_record();
        let millis = u64::try_from(self.options.clock.now().0).unwrap_or(0);
        let now = UNIX_EPOCH + Duration::from_millis(millis);
        record.set_timestamp(now);
        record.set_observed_timestamp(now);
        let level = Level::of(*metadata.level());
        record.set_severity_text(level.as_str());
        record.set_severity_number(match level {
            Level::Debug => Severity::Debug,
            Level::Info => Severity::Info,
            Level::Warn => Severity::Warn,
            Level::Error => Severity::Error,
        });
        event.record(&mut Fields(&mut record));
        if !is_ours(metadata.target()) {
            record.add_attribute("target", metadata.target());
        }
        if self.options.add_source
            && let (Some(file), Some(line)) = (metadata.file(), metadata.line())
        {
            record.add_attribute("source", format!("{file}:{line}"));
        }
        RequestContext::with_current(|context| {
            record.add_attribute("request_id", context.request_id.to_string());
            record.set_trace_context(
                opentelemetry::TraceId::from_bytes(context.trace_id.0),
                opentelemetry::SpanId::from_bytes(context.span_id.0),
                Some(TraceFlags::default().with_sampled(context.sampled)),
            );
        });
        self.logger.emit(record);
    }
}

/// Writes the fields of an event into a record; the message is its body.
struct Fields<'a>(&'a mut SdkLogRecord);

impl Fields<'_> {
    fn set(&mut self, field: &Field, value: impl Into<AnyValue>) {
        match field.name() {
            "message" => self.0.set_body(value.into()),
            name => self.0.add_attribute(name, value),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.set(field, value),
            Err(_) => self.set(field, value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }
}
