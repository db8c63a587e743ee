//! One part of the work for a request.

use super::{Ended, Tracer};
use crate::context::{RequestContext, TraceParent};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use std::fmt::Display;
use std::time::Instant;

/// A span that is open. It ends when it is dropped.
///
/// ```
/// # async fn sign() -> Result<(), std::fmt::Error> { Ok(()) }
/// # async fn example() -> Result<(), std::fmt::Error> {
/// use telemetry::trace::Span;
/// Span::start("jwt.sign").with("jwt.alg", "ES256").run(sign()).await
/// # }
/// ```
#[must_use = "a span ends when it is dropped"]
pub struct Span(Option<Box<Open>>);

struct Open {
    tracer: Tracer,
    /// The context of the work within.
    context: RequestContext,
    name: &'static str,
    kind: SpanKind,
    started: Instant,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    /// Opens a span within the present one, if the present request is recorded.
    pub fn start(name: &'static str) -> Self {
        Self::of_kind(name, SpanKind::Internal)
    }

    /// The same for a call to another server, which learns of the span by
    /// [`traceparent`](Self::traceparent).
    pub fn client(name: &'static str) -> Self {
        Self::of_kind(name, SpanKind::Client)
    }

    fn of_kind(name: &'static str, kind: SpanKind) -> Self {
        let open = RequestContext::with_current(|context| {
            let tracer = context.tracer.clone()?;
            let context = context.in_span(tracer.new_span_id());
            Some(Box::new(Open {
                tracer,
                context,
                name,
                kind,
                started: Instant::now(),
                attributes: Vec::new(),
                status: Status::Unset,
            }))
        });
        Self(open.flatten())
    }

    /// Adds an attribute. Never a secret: spans leave the machine.
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// Adds an attribute that became known on the way.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.attributes.push(KeyValue::new(key, value));
        }
    }

    /// The same for a value that has to be written first; it is not when there is no span.
    pub fn with_display(self, key: &'static str, value: impl Display) -> Self {
        match self.0 {
            Some(_) => self.with(key, value.to_string()),
            None => self,
        }
    }

    /// Whether there is anything to add to: the present request is recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// Says that the work failed.
    pub fn fail(&mut self, what: impl Display) {
        if let Some(open) = &mut self.0 {
            open.status = Status::error(what.to_string());
        }
    }

    /// For the `traceparent` header of a call; without a span, that of the present request.
    #[must_use]
    pub fn traceparent(&self) -> Option<TraceParent> {
        match &self.0 {
            Some(open) => Some(open.context.traceparent()),
            None => RequestContext::with_current(RequestContext::traceparent),
        }
    }

    /// Does `work`, which cannot fail, within the span, and ends it.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        match &self.0 {
            Some(open) => open.context.clone().scope(work).await,
            None => work.await,
        }
    }

    /// Does `work` within the span, and ends it. An error makes the span one that failed.
    pub async fn run<T, E: Display>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.run_noting(work, |_, _| {}).await
    }

    /// The same; `note` adds to the span what the work has shown.
    pub async fn run_noting<T, E: Display>(
        mut self,
        work: impl Future<Output = Result<T, E>>,
        note: impl FnOnce(&mut Self, &T),
    ) -> Result<T, E> {
        let outcome = match &self.0 {
            Some(open) => open.context.clone().scope(work).await,
            None => return work.await,
        };
        match &outcome {
            Ok(found) => note(&mut self, found),
            Err(error) => self.fail(error),
        }
        outcome
    }

    /// Does work that does not wait within the span, likewise.
    pub fn run_sync<T, E: Display>(mut self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let outcome = work();
        if let Err(error) = &outcome {
            self.fail(error);
        }
        outcome
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open {
            tracer,
            context,
            name,
            kind,
            started,
            attributes,
            status,
        } = *open;
        tracer.record(
            &context,
            Ended {
                name: name.into(),
                kind,
                started,
                attributes,
                status,
            },
        );
    }
}
