//! Statements, as the code of this folder makes them: noted for the trace they belong to.

use super::Conn;
use crate::operation::note;
use crate::sql::{Query, Session as _, Sql};

/// A statement.
pub(crate) fn query<'q>(text: Sql) -> Query<'q> {
    note(text.0);
    Query::new(text.0, Conn::MARK)
}

/// A statement that is put together, beginning like this; see [`built`].
pub(crate) fn build<'q>(beginning: impl Into<String>) -> Query<'q> {
    Query::new(beginning.into(), Conn::MARK)
}

/// A statement that has been put together.
pub(crate) fn built(query: Query<'_>) -> Query<'_> {
    note(&query.text);
    query
}
