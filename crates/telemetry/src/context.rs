//! Who a piece of work is done for.
//!
//! A [`RequestContext`] is made when a request arrives and travels with the task that answers
//! it. Log lines take their `request_id`, `trace_id` and `span_id` from it, so code that logs
//! never has to pass them. The ids exist whether or not traces are exported.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use crate::trace::Tracer;
use domain::Rng;

mod traceparent;

pub use traceparent::{SpanId, TraceId, TraceParent};

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// What a request brought along that its context is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Incoming<'a> {
    /// The `X-Request-Id` header.
    pub request_id: Option<&'a str>,
    /// The `traceparent` header; `None` also when there were several.
    pub traceparent: Option<&'a str>,
    /// Where the request came from, trusted proxies looked through.
    pub client_ip: Option<IpAddr>,
}

/// The identity of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The caller's `X-Request-Id` if it sent a sane one, else one of ours.
    pub request_id: Arc<str>,
    /// The trace the request belongs to.
    pub trace_id: TraceId,
    /// The span in which the work is done.
    pub span_id: SpanId,
    /// The caller's span, when it sent a valid `traceparent`.
    pub parent: Option<SpanId>,
    /// Whether the trace is recorded.
    pub sampled: bool,
    /// Where the request came from.
    pub client_ip: Option<IpAddr>,
    /// Takes the spans of the request, if it is recorded here.
    pub tracer: Option<Tracer>,
}

impl RequestContext {
    /// Makes the context of an arriving request. A valid `traceparent` decides trace and
    /// sampling (W3C Trace Context §3.2); otherwise the trace is new and `sample_new_trace`
    /// decides.
    #[must_use]
    pub fn begin(
        incoming: Incoming<'_>,
        sample_new_trace: impl FnOnce(TraceId) -> bool,
        rng: &dyn Rng,
    ) -> Self {
        // One call: asking for randomness costs more than using it.
        let mut random = [0; 12 + 16 + 8];
        rng.fill(&mut random);
        let (for_request, for_ids) = random.split_at(12);
        let (for_trace, for_span) = for_ids.split_at(16);
        let request_id = match incoming.request_id {
            Some(id) if is_sane_request_id(id) => id.into(),
            _ => format!("r_{}", Hex(for_request)).into(),
        };
        let (trace_id, parent, sampled) = match incoming.traceparent.and_then(TraceParent::parse) {
            Some(caller) => (caller.trace_id, Some(caller.span_id), caller.sampled),
            None => {
                let trace_id = TraceId::from_random(for_trace);
                (trace_id, None, sample_new_trace(trace_id))
            }
        };
        Self {
            request_id,
            trace_id,
            span_id: SpanId::from_random(for_span),
            parent,
            sampled,
            client_ip: incoming.client_ip,
            tracer: None,
        }
    }

    /// The same request, in another span: the present one becomes the parent.
    #[must_use]
    pub fn in_span(&self, span_id: SpanId) -> Self {
        Self {
            span_id,
            parent: Some(self.span_id),
            ..self.clone()
        }
    }

    /// What goes into the `traceparent` header of answers and of outbound calls.
    #[must_use]
    pub fn traceparent(&self) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            span_id: self.span_id,
            sampled: self.sampled,
        }
    }

    /// Runs `work` as part of this request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Runs `work`, which does not wait, as part of this request.
    pub fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// The request that the present task works for.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::with_current(Clone::clone)
    }

    /// Looks at the request that the present task works for, without copying it.
    pub fn with_current<T>(look: impl FnOnce(&Self) -> T) -> Option<T> {
        CURRENT.try_with(look).ok()
    }

    /// `work` as part of the present request, if there is one, wherever it runs:
    /// `tokio::spawn(RequestContext::carry(work))`.
    pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
        let context = Self::current();
        async move {
            match context {
                Some(context) => context.scope(work).await,
                None => work.await,
            }
        }
    }
}

/// Whether a caller's `X-Request-Id` may be used as it is: 1 to 128 letters, digits, dots,
/// underscores and hyphens.
#[must_use]
pub fn is_sane_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Bytes in lower-case hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 32];
        let mut length = 0;
        for (byte, pair) in self.0.iter().zip(digits.chunks_exact_mut(2)) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
            length += 2;
        }
        f.write_str(str::from_utf8(&digits[..length]).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
