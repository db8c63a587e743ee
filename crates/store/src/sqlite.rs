//! SQLite: how it differs, and the code compiled for it.

pub(crate) mod open;
mod pool;
mod session;

pub(crate) mod dialect {
    pub(crate) use super::pool::Pool;
    pub(crate) use super::session::SqliteSession as Conn;
    use crate::sql::{Query, Step};
    use crate::{Change, Result, StoreError};
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;
    use tokio::task::JoinError;

    /// A connection that goes back to its pool when dropped.
    pub(crate) type Object = deadpool::managed::Object<super::pool::Manager>;

    /// A statement in the form that SQLite takes.
    macro_rules! sql {
        ($($part:expr),+ $(,)?) => {{
            const TEXT: &str = const_format::concatcp!($($part),+);
            const NUMBERED: [u8; TEXT.len()] = $crate::sql::numbered(TEXT);
            const SQL: &str = match std::str::from_utf8(&NUMBERED) {
                Ok(text) => text,
                Err(_) => panic!("statements are text"),
            };
            $crate::sql::Sql(SQL)
        }};
    }
    pub(crate) use sql;

    /// Readers of either kind and the one writer have pools of their own.
    pub(crate) const SEPARATE_POOLS: bool = true;
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
    /// Other processes make themselves known by `PRAGMA data_version` alone.
    pub(crate) const POLLS_FOR_FOREIGN_WRITES: bool = true;

    /// Changes each time another connection, here or in another process, commits. Asked on the
    /// one writing connection of this process, it speaks of other processes only.
    pub(crate) fn data_version(conn: &Conn) -> Result<i64> {
        conn.scalar("PRAGMA data_version")
    }

    /// Writes the log back into the file, and begins a new one; see the module `file` for the
    /// marks. Says whether nobody who reads was in the way.
    pub(crate) fn checkpoint(conn: &Conn) -> Result<bool> {
        // The log may not have the mark that the file has: another process may have emptied it.
        repeat_mark(conn)?;
        mark(conn, "SELECT abs(random()) % 2147483647 + 1")?;
        let busy: i64 = conn.scalar("PRAGMA wal_checkpoint(RESTART)")?;
        repeat_mark(conn)?;
        Ok(busy == 0)
    }

    /// Puts the mark that the file has into a log that is new.
    pub(crate) fn repeat_mark(conn: &Conn) -> Result<()> {
        mark(conn, "PRAGMA user_version")
    }

    /// Puts the mark that `which` answers on page 1.
    fn mark(conn: &Conn, which: &'static str) -> Result<()> {
        let mark: i64 = conn.scalar(which)?;
        Ok(conn.0.pragma_update(None, "user_version", mark)?)
    }

    /// Writes all of the log into the file and leaves none.
    pub(crate) fn empty_log(conn: &Conn) -> Result<()> {
        conn.scalar::<i64>("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }

    /// A session here is as good as any other.
    pub(crate) fn drop_idle(_pool: &Pool) {}

    /// What a file cannot be kept from: `work` takes as long as the disk takes.
    pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> Option<T> {
        Some(work.await)
    }

    /// Does `work` on a thread that may be kept waiting.
    pub(crate) async fn aside<T: Send + 'static>(
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let failed = |error: JoinError| StoreError::Unavailable(error.to_string());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }

    /// What comes of `answer`, which is ready at once.
    pub(crate) fn at_once<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
        let late = || StoreError::Unavailable(String::from("no answer at once"));
        answer.now_or_never().ok_or_else(late)?
    }

    /// SQL: whether a column is one of the values in `$1`, a list.
    macro_rules! is_listed {
        (bytes $column:literal) => {
            concat!($column, " IN (SELECT unhex(value) FROM json_each($1))")
        };
        ($column:literal) => {
            concat!($column, " IN (SELECT value FROM json_each($1))")
        };
    }
    pub(crate) use is_listed;

    /// SQL that makes a list of bytes a table with a column `value`.
    macro_rules! listed {
        ($list:literal) => {
            concat!(
                "(SELECT unhex(value) AS value FROM json_each(",
                $list,
                ")) AS listed"
            )
        };
    }
    pub(crate) use listed;

    /// Leaves the transaction, if there is one: some errors make SQLite leave it by itself.
    #[expect(
        clippy::unused_async,
        reason = "PostgreSQL has something to wait for here"
    )]
    pub(crate) async fn roll_back(conn: &mut Conn) -> Result<()> {
        if !conn.0.is_autocommit() {
            conn.execute_now(&Query::new("ROLLBACK", '?'))?;
        }
        Ok(())
    }

    /// Begins a transaction. The write lock is taken at once, so that nothing fails half way for
    /// want of it.
    #[expect(
        clippy::unused_async,
        reason = "PostgreSQL has something to wait for here"
    )]
    pub(crate) async fn begin(conn: &mut Conn) -> Result<()> {
        conn.execute_now(&Query::new("BEGIN IMMEDIATE", '?'))?;
        Ok(())
    }

    /// Commits.
    #[expect(
        clippy::unused_async,
        reason = "PostgreSQL has something to wait for here"
    )]
    pub(crate) async fn commit(conn: &mut Conn) -> Result<()> {
        conn.execute_now(&Query::new("COMMIT", '?'))?;
        Ok(())
    }

    /// A commit may have to wait for others, and is made apart.
    pub(crate) fn commit_with_steps(_conn: &mut Conn) {}

    /// The same.
    pub(crate) fn may_stand(_conn: &Conn) -> bool {
        false
    }

    /// Nothing to say: other processes poll.
    pub(crate) fn notify<'s>(_conn: &Conn, _changes: &'s [Change]) -> Option<Step<'s>> {
        None
    }

    /// Has a lane work on a thread of its own, where it may wait for the disk.
    pub(crate) fn start(work: impl Future<Output = ()> + Send + 'static) -> oneshot::Receiver<()> {
        let (done, ended) = oneshot::channel();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let body = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            match runtime {
                Ok(runtime) => {
                    tracing::dispatcher::with_default(&dispatch, || runtime.block_on(work))
                }
                Err(error) => tracing::error!(%error, "no writes: their thread does not run"),
            }
            drop(done);
        };
        let thread = std::thread::Builder::new().name(String::from("store"));
        if let Err(error) = thread.spawn(body) {
            tracing::error!(%error, "no writes: their thread did not start");
        }
        ended
    }
}

#[path = "both/mod.rs"]
pub(crate) mod both;
