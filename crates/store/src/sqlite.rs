//! SQLite: how it differs, and the code compiled for it.

pub(crate) mod dialect {
    use crate::{Change, Result};
    use sqlx::QueryBuilder;

    pub(crate) type Db = sqlx::Sqlite;
    pub(crate) type Conn = sqlx::SqliteConnection;

    /// Readers and the one writer have pools of their own.
    pub(crate) const SEPARATE_WRITERS: bool = true;
    /// Added to a `SELECT` whose rows must stay as they are until the transaction ends. Here no
    /// one else writes meanwhile.
    macro_rules! and_hold {
        ($statement:literal) => {
            $statement
        };
    }
    pub(crate) use and_hold;

    /// Lets no other instance change fronting links meanwhile. Here no one else writes.
    #[expect(
        clippy::unused_async,
        reason = "PostgreSQL has something to wait for here"
    )]
    pub(crate) async fn hold_fronting_links(_conn: &mut Conn) -> Result<()> {
        Ok(())
    }

    /// Whether transactions run beside each other.
    pub(crate) const WRITERS_OVERLAP: bool = false;
    /// Takes the write lock at once, so that a transaction never fails half way for want of it.
    pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
    /// Other processes make themselves known by `PRAGMA data_version` alone.
    pub(crate) const POLLS_FOR_FOREIGN_WRITES: bool = true;

    /// Changes each time another connection, here or in another process, commits. Asked on the
    /// one writing connection of this process, it speaks of other processes only.
    pub(crate) async fn data_version(conn: &mut Conn) -> Result<i64> {
        Ok(sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(conn)
            .await?)
    }

    /// Writes the log back into the file, and begins a new one; see the module `file` for the
    /// marks. Says whether nobody who reads was in the way.
    pub(crate) async fn checkpoint(conn: &mut Conn) -> Result<bool> {
        // The log may not have the mark that the file has: another process may have emptied it.
        repeat_mark(conn).await?;
        mark(conn, "SELECT abs(random()) % 2147483647 + 1").await?;
        let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(RESTART)")
            .fetch_one(&mut *conn)
            .await?;
        repeat_mark(conn).await?;
        Ok(busy == 0)
    }

    /// Puts the mark that the file has into a log that is new.
    pub(crate) async fn repeat_mark(conn: &mut Conn) -> Result<()> {
        mark(conn, "PRAGMA user_version").await
    }

    /// Puts the mark that `which` answers on page 1.
    async fn mark(conn: &mut Conn, which: &'static str) -> Result<()> {
        let mark: i64 = sqlx::query_scalar(which).fetch_one(&mut *conn).await?;
        let set = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {mark}"));
        sqlx::query(set).execute(&mut *conn).await?;
        Ok(())
    }

    /// Writes all of the log into the file and leaves none.
    pub(crate) async fn empty_log(conn: &mut Conn) -> Result<()> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(conn)
            .await?;
        Ok(())
    }

    /// A session here is as good as any other.
    pub(crate) fn drop_idle(_pool: &sqlx::Pool<Db>) {}

    /// What a file cannot be kept from: `work` takes as long as the disk takes.
    pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
        Some(work.await)
    }

    /// For work that may take as long as it takes.
    pub(crate) async fn at_leisure<T>(work: impl Future<Output = T>) -> Option<T> {
        Some(work.await)
    }

    /// SQL: whether a column is one of the texts in `$1`, a [`list`].
    macro_rules! is_listed {
        ($column:literal) => {
            concat!($column, " IN (SELECT value FROM json_each($1))")
        };
    }
    pub(crate) use is_listed;

    /// SQL around a [`list`] that makes it a table with a column `value`.
    pub(crate) const LISTED: (&str, &str) = ("json_each(", ")");

    /// Texts, as one argument.
    pub(crate) fn list(texts: impl Iterator<Item = String>) -> String {
        crate::rows::to_json(&texts.collect::<Vec<_>>())
    }

    /// Writes what stands before the `INSERT` of this number in a message of several.
    pub(crate) fn open_insert(message: &mut QueryBuilder<Db>, number: usize) {
        message.push(if number == 0 {
            "BEGIN IMMEDIATE; "
        } else {
            "; "
        });
    }
    /// Stands behind each.
    pub(crate) const CLOSE_INSERT: &str = "";
    /// Stands behind them all.
    pub(crate) const END_INSERTS: &str = "; COMMIT";

    /// Whether a message may have been carried out, though it failed after `done` statements.
    pub(crate) fn may_stand(_error: &sqlx::Error, done: usize, inserts: usize) -> bool {
        done > inserts
    }

    /// Leaves the transaction, if there is one: some errors make SQLite leave it by itself.
    pub(crate) async fn roll_back(conn: &mut Conn) -> Result<()> {
        match sqlx::query("ROLLBACK").execute(conn).await {
            Err(sqlx::Error::Database(error)) if error.message().contains("no transaction") => {
                Ok(())
            }
            outcome => outcome.map(drop).map_err(Into::into),
        }
    }

    /// Nothing to say: other processes poll.
    #[expect(
        clippy::unused_async,
        reason = "PostgreSQL has something to wait for here"
    )]
    pub(crate) async fn notify(_conn: &mut Conn, _changes: &[Change]) -> Result<()> {
        Ok(())
    }
}

#[path = "both/mod.rs"]
pub(crate) mod both;
