//! One database operation, as metrics and traces see it.

use crate::Result;
use telemetry::metrics::labels::{DbOp, StoreKind};
use telemetry::trace::Span;
use telemetry::{Metrics, Stopwatch};

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
}

impl Operation {
    pub fn begin(kind: StoreKind, access: Access, op: DbOp) -> Self {
        // PostgreSQL answers changes too, so both are queries there (spec: observability, Traces).
        let (name, system) = match (kind, access) {
            (StoreKind::Sqlite, Access::Query) => ("sqlite.query", "sqlite"),
            (StoreKind::Sqlite, Access::Exec) => ("sqlite.exec", "sqlite"),
            (StoreKind::Postgres, _) => ("postgres.query", "postgresql"),
        };
        Self {
            op,
            kind,
            stopwatch: Stopwatch::start(),
            span: Span::client(name)
                .with("db.system.name", system)
                .with("db.operation.name", op.as_str()),
        }
    }

    /// Records how long it took and whether it failed.
    pub fn end<T>(mut self, metrics: &Metrics, answer: Result<T>) -> Result<T> {
        let seconds = self.stopwatch.seconds();
        metrics
            .db_operation_duration
            .record((self.op, self.kind), seconds);
        if let Err(error) = &answer {
            self.span.fail(error);
        }
        answer
    }
}
