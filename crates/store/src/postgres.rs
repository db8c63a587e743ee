//! PostgreSQL: how it differs, and the code compiled for it.

mod dsn;
pub(crate) mod listen;
mod migrate;
pub(crate) mod open;
pub(crate) mod poll;
mod pool;
mod session;
mod tls;

pub(crate) mod dialect {
    pub(crate) use super::pool::Pool;
    pub(crate) use super::session::PostgresSession as Conn;
    use crate::sql::{Query, Step};
    use crate::{Change, Notify, Result, StoreError};
    use std::time::Duration;
    use tokio::sync::oneshot;

    /// A connection that goes back to its pool when dropped.
    pub(crate) type Object = deadpool::managed::Object<super::pool::Manager>;

    /// A statement in the form that PostgreSQL takes.
    macro_rules! sql {
        ($($part:expr),+ $(,)?) => {
            $crate::sql::Sql(const_format::concatcp!($($part),+))
        };
    }
    pub(crate) use sql;

    /// Readers and writers share a pool.
    pub(crate) const SEPARATE_POOLS: bool = false;
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
        conn.batch("LOCK TABLE fronting_links IN SHARE ROW EXCLUSIVE MODE")
            .await
    }

    /// Other instances are heard by `LISTEN`.
    pub(crate) const POLLS_FOR_FOREIGN_WRITES: bool = false;
    /// The channel on which instances tell each other of changes.
    pub(crate) const CHANNEL: &str = "authplane_changes";

    /// Never asked on PostgreSQL.
    pub(crate) fn data_version(_conn: &Conn) -> Result<i64> {
        Ok(0)
    }

    /// The server writes its log back by itself.
    pub(crate) fn checkpoint(_conn: &Conn) -> Result<bool> {
        Ok(true)
    }

    /// The same.
    pub(crate) fn empty_log(_conn: &Conn) -> Result<()> {
        Ok(())
    }

    /// Lets go of sessions that nobody uses: when one is of no use, none is that was opened
    /// before.
    pub(crate) fn drop_idle(pool: &Pool) {
        pool.retain(|_, _| false);
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

    /// SQL: whether a column is one of the values in `$1`, a list.
    macro_rules! is_listed {
        (bytes $column:literal) => {
            concat!($column, " = ANY($1)")
        };
        ($column:literal) => {
            concat!($column, " = ANY($1)")
        };
    }
    pub(crate) use is_listed;

    /// SQL that makes a list of bytes a table with a column `value`.
    macro_rules! listed {
        ($list:literal) => {
            concat!("unnest(", $list, ") AS listed (value)")
        };
    }
    pub(crate) use listed;

    /// Leaves the transaction.
    pub(crate) async fn roll_back(conn: &mut Conn) -> Result<()> {
        let late = || StoreError::Unavailable(String::from("no answer in time"));
        in_time(conn.batch("ROLLBACK")).await.ok_or_else(late)?
    }

    /// Begins a transaction, together with the first statement of it.
    #[expect(clippy::unused_async, reason = "SQLite has something to wait for here")]
    pub(crate) async fn begin(conn: &mut Conn) -> Result<()> {
        conn.begin();
        Ok(())
    }

    /// Commits.
    pub(crate) async fn commit(conn: &mut Conn) -> Result<()> {
        conn.commit().await
    }

    /// Has the steps that come end the transaction.
    pub(crate) fn commit_with_steps(conn: &mut Conn) {
        conn.commit_with_steps();
    }

    /// Whether steps failed in a way that leaves open whether they were committed.
    pub(crate) fn may_stand(conn: &Conn) -> bool {
        conn.may_stand()
    }

    /// Tells all instances of `changes`, when and if the transaction commits.
    pub(crate) fn notify<'s>(conn: &Conn, changes: &'s [Change]) -> Vec<Step<'s>> {
        let mut told = std::collections::HashSet::new();
        match conn.notify() {
            Notify::Poll if changes.is_empty() => Vec::new(),
            Notify::Poll => vec![Step::Statement(Query::new(
                "UPDATE changes SET number = number + 1 WHERE id = 1",
                '$',
            ))],
            Notify::Listen => {
                let changes = changes.iter().filter(|change| told.insert(*change));
                let steps = changes.map(|change| {
                    let notify = Query::new("SELECT pg_notify($1, $2)", '$');
                    Step::Statement(notify.bind(CHANNEL).bind(change.encode()))
                });
                steps.collect()
            }
        }
    }

    /// Has a lane work.
    pub(crate) fn start(work: impl Future<Output = ()> + Send + 'static) -> oneshot::Receiver<()> {
        let (done, ended) = oneshot::channel();
        tokio::spawn(async move {
            work.await;
            drop(done);
        });
        ended
    }
}

#[path = "both/mod.rs"]
pub(crate) mod both;
