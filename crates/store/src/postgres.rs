//! PostgreSQL: how it differs, and the code compiled for it.

pub(crate) mod dialect {
    use crate::{Change, Result};
    use sqlx::QueryBuilder;
    use std::time::Duration;

    pub(crate) type Db = sqlx::Postgres;
    pub(crate) type Conn = sqlx::PgConnection;

    /// Readers and writers share a pool.
    pub(crate) const SEPARATE_WRITERS: bool = false;
    pub(crate) const BEGIN: &str = "BEGIN";
    /// Whether transactions run beside each other.
    pub(crate) const WRITERS_OVERLAP: bool = true;

    /// Added to a `SELECT` whose rows must stay as they are until the transaction ends.
    macro_rules! and_hold {
        ($statement:literal) => {
            concat!($statement, " FOR SHARE")
        };
    }
    pub(crate) use and_hold;

    /// Lets no other instance change fronting links meanwhile.
    pub(crate) async fn hold_fronting_links(conn: &mut Conn) -> Result<()> {
        sqlx::query("LOCK TABLE fronting_links IN SHARE ROW EXCLUSIVE MODE")
            .execute(conn)
            .await?;
        Ok(())
    }

    /// Other instances are heard by `LISTEN`.
    pub(crate) const POLLS_FOR_FOREIGN_WRITES: bool = false;
    /// The channel on which instances tell each other of changes.
    pub(crate) const CHANNEL: &str = "authplane_changes";

    /// Never asked on PostgreSQL.
    #[expect(clippy::unused_async, reason = "SQLite has something to wait for here")]
    pub(crate) async fn data_version(_conn: &mut Conn) -> Result<i64> {
        Ok(0)
    }

    /// The server writes its log back by itself.
    #[expect(clippy::unused_async, reason = "SQLite has something to wait for here")]
    pub(crate) async fn checkpoint(_conn: &mut Conn) -> Result<bool> {
        Ok(true)
    }

    /// The same.
    #[expect(clippy::unused_async, reason = "SQLite has something to wait for here")]
    pub(crate) async fn empty_log(_conn: &mut Conn) -> Result<()> {
        Ok(())
    }

    /// Lets go of sessions that nobody uses: when one is of no use, none is that was opened
    /// before.
    pub(crate) fn drop_idle(pool: &sqlx::Pool<Db>) {
        while let Some(mut conn) = pool.try_acquire() {
            conn.close_on_drop();
        }
    }

    /// A server that is asked something and stays silent for so long counts as unreachable.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// What comes of `work`, unless the server falls silent meanwhile.
    pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(PATIENCE, work).await.ok()
    }

    /// For work that may take as long as it takes.
    pub(crate) async fn at_leisure<T>(work: impl Future<Output = T>) -> Option<T> {
        Some(work.await)
    }

    /// SQL: whether a column is one of the texts in `$1`, a [`list`].
    macro_rules! is_listed {
        ($column:literal) => {
            concat!($column, " = ANY($1)")
        };
    }
    pub(crate) use is_listed;

    /// SQL around a [`list`] that makes it a table with a column `value`.
    pub(crate) const LISTED: (&str, &str) = ("unnest(", ") AS listed (value)");

    /// Texts, as one argument.
    pub(crate) fn list(texts: impl Iterator<Item = String>) -> Vec<String> {
        texts.collect()
    }

    /// Writes what stands before the `INSERT` of this number in a message of several.
    pub(crate) fn open_insert(message: &mut QueryBuilder<Db>, number: usize) {
        message
            .push(if number == 0 {
                "WITH insert_"
            } else {
                ", insert_"
            })
            .push(number)
            .push(" AS (");
    }
    /// Stands behind each.
    pub(crate) const CLOSE_INSERT: &str = ")";
    /// Stands behind them all.
    pub(crate) const END_INSERTS: &str = " SELECT 1";

    /// Whether a message may have been carried out, though it failed.
    pub(crate) fn may_stand(error: &sqlx::Error, _done: usize, _inserts: usize) -> bool {
        !matches!(error, sqlx::Error::Database(_))
    }

    /// Leaves the transaction.
    pub(crate) async fn roll_back(conn: &mut Conn) -> Result<()> {
        let rollback = in_time(sqlx::query("ROLLBACK").execute(conn)).await;
        rollback.map_or_else(
            || Err(sqlx::Error::PoolTimedOut.into()),
            |done| Ok(done.map(drop)?),
        )
    }

    /// Tells all instances of `changes`, when and if the transaction commits.
    pub(crate) async fn notify(conn: &mut Conn, changes: &[Change]) -> Result<()> {
        let mut told = std::collections::HashSet::new();
        for change in changes.iter().filter(|change| told.insert(*change)) {
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(change.encode())
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }
}

#[path = "both/mod.rs"]
pub(crate) mod both;
