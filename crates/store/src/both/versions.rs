//! Rows that are read, changed and written back. Such a row carries its version in `updated_at`,
//! and is written only while that is still its version: who comes second does not undo what who
//! came first has done.

use super::ledger::Tx;
use super::statement;
use crate::sql::Sql;
use crate::{Change, Deleted, Result, Updated};
use domain::UnixMillis;

/// No version: the statement of [`take`] then takes any.
const ANY: i64 = -1;

/// The version after the one that was `read`: the time, or a little later if the row has had
/// that one already.
pub(crate) fn next(read: UnixMillis, now: UnixMillis) -> UnixMillis {
    now.max(UnixMillis(read.0.saturating_add(1)))
}

/// What a write comes to that met no row of its version. `there` selects the row by its id.
pub(crate) async fn missed(tx: &mut Tx, there: Sql, id: &str, row: Change) -> Result<Updated> {
    // The caller may have read from a cache that has not heard of the change yet; now it has.
    tx.changed(row);
    let found = statement::query(there)
        .bind(id)
        .optional::<i64>(&mut *tx.conn)
        .await?;
    Ok(match found {
        Some(_) => Updated::Stale,
        None => Updated::Gone,
    })
}

/// Takes the row of this id, if it has this version or may have any: `statement`, of the id and
/// the version, deletes it or holds it until the transaction ends. The rest is as in [`missed`].
/// `None` when it is taken.
pub(crate) async fn take(
    tx: &mut Tx,
    statement: Sql,
    there: Sql,
    id: &str,
    version: Option<UnixMillis>,
    row: Change,
) -> Result<Option<Deleted>> {
    let taken = statement::query(statement)
        .bind(id)
        .bind(version.map_or(ANY, |version| version.0))
        .execute(&mut *tx.conn)
        .await?;
    if taken == 1 {
        return Ok(None);
    }
    Ok(Some(match missed(tx, there, id, row).await? {
        Updated::Gone => Deleted::Gone,
        Updated::Stale | Updated::Yes { .. } => Deleted::Stale,
    }))
}
