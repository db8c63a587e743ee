//! Log lines: one for each event, JSON or text, never in the way of the work.
//!
//! Code logs with the macros of `tracing`:
//!
//! ```
//! tracing::info!(grant_type = "authorization_code", client_id = "my-client", "token issued");
//! ```
//!
//! A line has the time, the level and `msg`, then the fields of the event in their order, then
//! `request_id`, `trace_id` and `span_id` of the [request](crate::RequestContext) the task works
//! for. Whatever a value contains, it stays inside its field: line breaks, quotes and control
//! characters are escaped, so no value can forge a line or a field.
//!
//! The event is written into a buffer of its thread, and from there into a bounded queue that a
//! thread of its own empties. When the output does not keep up, lines are dropped and counted
//! in `authserver_telemetry_dropped_total{signal="logs"}`; the caller never waits.

mod gate;
mod layer;
mod line;
mod queue;
mod records;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, SystemClock};
use tracing::Subscriber;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::metrics::Metrics;
use crate::shipping::Shipping;
use gate::Gate;
use layer::LogLayer;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::LogExporter;
use queue::Queue;
use records::RecordLayer;

/// How long shutting down waits for an output that does not take its lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What a developer wants to know. `TRACE` events count as this.
    Debug,
    /// What happened.
    Info,
    /// What should not happen, and was dealt with.
    Warn,
    /// What went wrong and is the server's fault.
    Error,
}

impl Level {
    fn of(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            _ => Self::Debug,
        }
    }

    /// The level as it stands in a line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl FromStr for Level {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(format!("{word:?} is not one of debug, info, warn, error")),
        }
    }
}

/// What is logged, and how.
#[derive(Clone)]
pub struct LoggingOptions {
    /// Lines below this level are not written.
    pub level: Level,
    /// JSON objects instead of text.
    pub json: bool,
    /// Whether lines say where in the source they come from.
    pub add_source: bool,
    /// Whether lines are written to standard output.
    pub stdout: bool,
    /// Where the time of a line comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for LoggingOptions {
    fn default() -> Self {
        Self {
            level: Level::Info,
            json: true,
            add_source: false,
            stdout: true,
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for LoggingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggingOptions")
            .field("level", &self.level)
            .field("json", &self.json)
            .field("add_source", &self.add_source)
            .field("stdout", &self.stdout)
            .finish_non_exhaustive()
    }
}

/// Something in this process has claimed the logs already.
#[derive(Debug, thiserror::Error)]
#[error("logging is already set up in this process")]
pub struct AlreadyInitialized;

/// Starts logging to standard output for the whole process.
///
/// # Errors
/// When logging was started before.
pub fn init(options: LoggingOptions, metrics: &Metrics) -> Result<LogHandle, AlreadyInitialized> {
    init_with_writer(options, metrics, Box::new(io::stdout()))
}

/// Starts logging for the whole process: to standard output, and by `exporter` to a collector.
/// Within a tokio runtime. `resource` says whose records they are.
///
/// # Errors
/// When logging was started before.
pub fn init_with_exporter(
    options: LoggingOptions,
    metrics: &Metrics,
    exporter: impl LogExporter + 'static,
    resource: &Resource,
) -> Result<(LogHandle, Shipping), AlreadyInitialized> {
    let (lines, mut handle) = layer(options.clone(), metrics, Box::new(io::stdout()));
    let gate = Gate::new(options.level, true);
    handle.collector = Some(gate.clone());
    let (records, shipping) = RecordLayer::start(options, exporter, resource, metrics);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        .with(records.with_filter(gate));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyInitialized)?;
    Ok((handle, shipping))
}

/// Starts logging to `writer` for the whole process. With `stdout: false` nothing is written.
///
/// # Errors
/// When logging was started before.
pub fn init_with_writer(
    options: LoggingOptions,
    metrics: &Metrics,
    writer: Box<dyn Write + Send>,
) -> Result<LogHandle, AlreadyInitialized> {
    let (layer, handle) = layer(options, metrics, writer);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyInitialized)?;
    Ok(handle)
}

/// The log as a layer, to be put beside others, or under
/// `tracing::subscriber::with_default` in a test.
pub fn layer<S>(
    options: LoggingOptions,
    metrics: &Metrics,
    writer: Box<dyn Write + Send>,
) -> (impl Layer<S> + use<S>, LogHandle)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let gate = Gate::new(options.level, options.stdout);
    let queue = Queue::start(writer, metrics.clone());
    let handle = LogHandle {
        gate: gate.clone(),
        collector: None,
        queue: Arc::clone(&queue),
    };
    (LogLayer::new(options, queue).with_filter(gate), handle)
}

/// Control over the log while it runs. Dropping it writes out what is queued and ends the log.
#[must_use = "the log ends when its handle is dropped"]
pub struct LogHandle {
    gate: Gate,
    /// What goes to a collector has a gate of its own: it may be all there is.
    collector: Option<Gate>,
    queue: Arc<Queue>,
}

impl LogHandle {
    /// Changes the level, from the next line on.
    pub fn set_level(&self, level: Level) {
        for gate in std::iter::once(&self.gate).chain(&self.collector) {
            gate.set_level(level);
        }
        tracing_core::callsite::rebuild_interest_cache();
    }

    /// The present level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.gate.level()
    }

    /// Waits until everything logged so far is written, two seconds at most. Returns whether
    /// it is.
    pub fn flush(&self) -> bool {
        self.queue.flush(FLUSH_TIMEOUT)
    }
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHandle")
            .field("level", &self.level())
            .finish_non_exhaustive()
    }
}

impl Drop for LogHandle {
    fn drop(&mut self) {
        self.queue.flush(FLUSH_TIMEOUT);
        self.queue.close();
    }
}

#[cfg(test)]
mod tests;
