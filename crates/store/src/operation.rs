//! One database operation, as metrics and traces see it.

use crate::Result;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use telemetry::metrics::labels::{DbOp, StoreKind};
use telemetry::trace::Span;
use telemetry::{Metrics, Stopwatch};

/// The text of an operation ends there.
const LONGEST: usize = 4096;

tokio::task_local! {
    /// The statements that have been made, as far as anyone wants to know.
    static MADE: RefCell<String>;
}

/// Notes a statement, each once.
pub(crate) fn note(statement: &str) {
    // Without anyone who wants to know, there is nothing to write to.
    let _nobody = MADE.try_with(|made| {
        let made = &mut *made.borrow_mut();
        if made.len() >= LONGEST || made.contains(statement) {
            return;
        }
        if !made.is_empty() {
            made.push_str("; ");
        }
        made.push_str(statement);
        made.truncate(made.floor_char_boundary(LONGEST));
    });
}

/// The statements of an operation, without values, for its span; nothing when there is no span.
#[derive(Clone, Default)]
pub(crate) struct Notes(Option<Arc<Mutex<String>>>);

impl Notes {
    /// Whether anyone wants to know.
    pub fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Takes these statements down, in place of those of an earlier attempt.
    pub fn take_down(&self, statements: &str) {
        if let Some(notes) = &self.0 {
            let end = statements.floor_char_boundary(LONGEST);
            statements[..end].clone_into(&mut notes.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Does `work`, and takes its statements down.
    pub async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.are_wanted() {
            return work.await;
        }
        let (outcome, made) = noting(work).await;
        self.take_down(&made);
        outcome
    }
}

/// Does `work`, and says which statements it made.
pub(crate) async fn noting<T>(work: impl Future<Output = T>) -> (T, String) {
    let noted = async {
        let outcome = work.await;
        let made = MADE.with(|made| std::mem::take(&mut *made.borrow_mut()));
        (outcome, made)
    };
    MADE.scope(RefCell::default(), noted).await
}

/// Whether an operation asks or changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Query,
    Exec,
}

/// An operation under way.
pub(crate) struct Operation {
    op: DbOp,
    kind: StoreKind,
    stopwatch: Stopwatch,
    span: Span,
    notes: Notes,
}

impl Operation {
    pub fn begin(kind: StoreKind, access: Access, op: DbOp) -> Self {
        // PostgreSQL answers changes too, so both are queries there (spec: observability, Traces).
        let (name, system) = match (kind, access) {
            (StoreKind::Sqlite, Access::Query) => ("sqlite.query", "sqlite"),
            (StoreKind::Sqlite, Access::Exec) => ("sqlite.exec", "sqlite"),
            (StoreKind::Postgres, _) => ("postgres.query", "postgresql"),
        };
        let span = Span::client(name)
            .with("db.system.name", system)
            .with("db.operation.name", op.as_str());
        Self {
            op,
            kind,
            stopwatch: Stopwatch::start(),
            notes: Notes(span.is_recorded().then(Arc::default)),
            span,
        }
    }

    /// Where the statements of the operation are taken down.
    pub fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Records how long it took and whether it failed.
    pub fn end<T>(mut self, metrics: &Metrics, answer: Result<T>) -> Result<T> {
        let seconds = self.stopwatch.seconds();
        metrics
            .db_operation_duration
            .record((self.op, self.kind), seconds);
        if let Some(notes) = self.notes.0.take() {
            let statements = notes.lock().unwrap_or_else(PoisonError::into_inner);
            self.span.set("db.query.text", statements.clone());
        }
        if let Err(error) = &answer {
            self.span.fail(error);
        }
        answer
    }
}
