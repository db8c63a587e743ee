//! What the server says about itself: metrics, logs, and the identity of the request that
//! each of them belongs to.
//!
//! - [`metrics`] is the catalog: every instrument is declared once, and the endpoint, the
//!   reference page and the series that exist from the start all come from that declaration.
//! - [`logging`] turns `tracing` events into one line each, JSON or text, without ever making
//!   the caller wait for the output.
//! - [`context`] carries the ids of a request (`request_id`, `trace_id`, `span_id`) to every
//!   line written and every task spawned on its behalf.
//! - [`trace`] records the parts of that work as spans, for whoever collects them.
//! - [`otlp`] makes the exporters that send all three to a collector.
//! - [`Stopwatch`] measures durations.
//!
//! For operators, docs/reference/metrics.md lists the metrics.

pub mod context;
pub mod logging;
pub mod metrics;
pub mod otlp;
mod shipping;
mod stopwatch;
pub mod trace;

pub use context::RequestContext;
pub use logging::LogHandle;
pub use metrics::Metrics;
pub use shipping::Shipping;
pub use stopwatch::Stopwatch;
