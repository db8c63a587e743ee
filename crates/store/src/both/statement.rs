//! Statements, as the code of this folder makes them: noted for the trace they belong to.

use super::Db;
use crate::operation::note;
use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::{Database, QueryBuilder};

type Arguments = <Db as Database>::Arguments;

/// A statement.
pub(crate) fn query<'q>(text: &'static str) -> Query<'q, Db, Arguments> {
    note(text);
    sqlx::query(text)
}

/// A statement whose rows are `R`s.
pub(crate) fn query_as<'q, R>(text: &'static str) -> QueryAs<'q, Db, R, Arguments>
where
    R: for<'r> sqlx::FromRow<'r, <Db as Database>::Row>,
{
    note(text);
    sqlx::query_as(text)
}

/// A statement whose rows have one column.
pub(crate) fn query_scalar<'q, T>(text: &'static str) -> QueryScalar<'q, Db, T, Arguments>
where
    (T,): for<'r> sqlx::FromRow<'r, <Db as Database>::Row>,
{
    note(text);
    sqlx::query_scalar(text)
}

/// A statement that was put together, its values being bound apart from it.
pub(crate) fn built(text: &mut QueryBuilder<Db>) -> &mut QueryBuilder<Db> {
    note(text.sql().as_str());
    text
}
