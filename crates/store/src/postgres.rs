//! PostgreSQL: how it differs, and the code compiled for it.

pub(crate) mod dialect {
    use crate::{Change, Result};

    pub(crate) type Db = sqlx::Postgres;
    pub(crate) type Conn = sqlx::PgConnection;

    /// Readers and writers share a pool.
    pub(crate) const SEPARATE_WRITERS: bool = false;
    pub(crate) const BEGIN: &str = "BEGIN";
    /// Other instances are heard by `LISTEN`.
    pub(crate) const POLLS_FOR_FOREIGN_WRITES: bool = false;
    /// The channel on which instances tell each other of changes.
    pub(crate) const CHANNEL: &str = "authplane_changes";

    /// Never asked on PostgreSQL.
    #[expect(clippy::unused_async, reason = "SQLite has something to wait for here")]
    pub(crate) async fn data_version(_conn: &mut Conn) -> Result<i64> {
        Ok(0)
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
