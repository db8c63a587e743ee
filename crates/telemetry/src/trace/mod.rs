//! Traces: which work a request led to, and how long each part of it took.
//!
//! A request is recorded when its [`RequestContext`] carries a [`Tracer`]; that is decided once,
//! when it arrives. A [`Span`] of a request that is not recorded is nothing at all, so that
//! spans can stand on the hot path.

mod span;

pub use span::Span;

use crate::context::{RequestContext, SpanId};
use crate::metrics::{Metrics, Signal};
use crate::shipping::{ATTRIBUTE, Carrier, Sender, Shipping};
use domain::{Clock, Rng};
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Takes finished spans. Cloning is cheap.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    spans: Sender<SpanData>,
    rng: Arc<dyn Rng>,
    scope: InstrumentationScope,
    /// A moment on both clocks: spans begin by the wall's and are measured by the other.
    anchor: (SystemTime, Instant),
}

impl PartialEq for Tracer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Tracer {}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}

/// A span that has ended.
struct Ended {
    name: Cow<'static, str>,
    kind: SpanKind,
    started: Instant,
    attributes: Vec<KeyValue>,
    status: Status,
}

/// Sends spans by an exporter.
struct Spans<E>(E);

impl<E: SpanExporter + 'static> Carrier for Spans<E> {
    type Item = SpanData;
    const SIGNAL: Signal = Signal::Traces;

    fn bytes(span: &SpanData) -> usize {
        let text = |value: &Value| match value {
            Value::String(text) => text.as_str().len(),
            _ => 0,
        };
        let attributes = span.attributes.iter();
        let attributes = attributes.map(|own| ATTRIBUTE + text(&own.value));
        size_of::<SpanData>() + attributes.sum::<usize>()
    }

    async fn send(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.export(batch).await
    }
}

impl Tracer {
    /// Starts sending spans by `exporter`, within a tokio runtime. `resource` says whose they
    /// are; what is dropped is counted in `metrics`.
    pub fn start(
        mut exporter: impl SpanExporter + 'static,
        resource: &Resource,
        metrics: &Metrics,
        clock: &dyn Clock,
        rng: Arc<dyn Rng>,
    ) -> (Self, Shipping) {
        exporter.set_resource(resource);
        let (spans, shipping) = Shipping::start(Spans(exporter), metrics);
        (Self::new(spans, clock, rng), shipping)
    }

    fn new(spans: Sender<SpanData>, clock: &dyn Clock, rng: Arc<dyn Rng>) -> Self {
        let millis = u64::try_from(clock.now().0).unwrap_or(0);
        Self(Arc::new(Inner {
            spans,
            rng,
            scope: InstrumentationScope::builder("authserver").build(),
            anchor: (UNIX_EPOCH + Duration::from_millis(millis), Instant::now()),
        }))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::random(&*self.0.rng)
    }

    /// The moment on the wall's clock.
    fn at(&self, moment: Instant) -> SystemTime {
        let (wall, anchor) = self.0.anchor;
        match moment.checked_duration_since(anchor) {
            Some(since) => wall + since,
            None => wall - anchor.duration_since(moment),
        }
    }

    fn record(&self, context: &RequestContext, ended: Ended) {
        let own = SpanContext::new(
            opentelemetry::TraceId::from_bytes(context.trace_id.0),
            opentelemetry::SpanId::from_bytes(context.span_id.0),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let parent = context
            .parent
            .map_or(opentelemetry::SpanId::INVALID, |parent| {
                opentelemetry::SpanId::from_bytes(parent.0)
            });
        self.0.spans.send(SpanData {
            span_context: own,
            parent_span_id: parent,
            parent_span_is_remote: ended.kind == SpanKind::Server,
            span_kind: ended.kind,
            name: ended.name,
            start_time: self.at(ended.started),
            end_time: self.at(Instant::now()),
            attributes: ended.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: ended.status,
            instrumentation_scope: self.0.scope.clone(),
        });
    }

    /// Records the span of a request that has been answered: the one that its context names,
    /// with the attributes of the HTTP semantic conventions.
    pub fn server_span(
        &self,
        context: &RequestContext,
        started: Instant,
        (method, route): (&'static str, &str),
        status: u16,
        path: &str,
    ) {
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(status)),
            KeyValue::new("url.path", path.to_owned()),
            KeyValue::new("authplane.request_id", context.request_id.to_string()),
        ];
        if let Some(address) = context.client_ip {
            attributes.push(KeyValue::new("client.address", address.to_string()));
        }
        // The convention: of a server's span, only its own faults are errors.
        let failed = status >= 500;
        if failed {
            attributes.push(KeyValue::new("error.type", status.to_string()));
        }
        self.record(
            context,
            Ended {
                name: format!("{method} {route}").into(),
                kind: SpanKind::Server,
                started,
                attributes,
                status: if failed {
                    Status::error("")
                } else {
                    Status::Unset
                },
            },
        );
    }
}

#[cfg(test)]
mod tests;
