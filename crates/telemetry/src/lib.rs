//! What the server says about itself: metrics, logs, and the identity of the request that
//! each of them belongs to.
//!
//! - [`metrics`] is the catalog: every instrument is declared once, and the endpoint, the
//!   reference page and the series that exist from the start all come from that declaration.
//! - [`logging`] turns `tracing` events into one line each, JSON or text, without ever making
//!   the caller wait for the output.
//! - [`context`] carries the ids of a request (`request_id`, `trace_id`, `span_id`) to every
//!   line written and every task spawned on its behalf.
//! - [`Stopwatch`] measures durations.
//!
//! The operator's side of all this is docs/operate/monitoring.md.

pub mod context;
pub mod logging;
pub mod metrics;
mod stopwatch;

pub use context::RequestContext;
pub use logging::LogHandle;
pub use metrics::Metrics;
pub use stopwatch::Stopwatch;
