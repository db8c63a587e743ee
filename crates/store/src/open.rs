//! Opening a database: connections, and a schema that is up to date.

use crate::file::{self, DatabaseFile, beside};
use crate::sqlite::dialect;
use crate::{Result, StoreError};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};
use std::fs::{File, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long an operation waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long SQLite waits for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The same on the writing connection. Its lane tries again, and looks around in between.
const LANE_LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a start looks for damage in the file.
const LOOK_FOR_DAMAGE: Duration = Duration::from_secs(5);
/// How often a start asks whether it is its turn, and after which time it says that it waits.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const SAID_TO_WAIT: Duration = Duration::from_millis(500);
/// A lane, the listener and a reader.
const FEWEST_CONNECTIONS: u32 = 3;

/// Statements that a writing connection keeps prepared: room for one per table of the ledger and
/// number of rows, and all others.
const STATEMENTS: usize = 256;
/// A pooled connection to PostgreSQL is asked for a sign of life when it has been idle longer.
const FRESH: Duration = Duration::from_millis(500);

/// How to reach a database.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file.
    Sqlite {
        /// Where; its folder is made when it is missing.
        path: PathBuf,
        /// Write-ahead log, so that readers and the writer do not wait for each other.
        wal: bool,
    },
    /// A server.
    Postgres {
        /// `postgres://user:password@host:port/database`.
        dsn: String,
        /// Connections at most, readers and writers together.
        max_connections: u32,
        /// Connections kept open.
        min_connections: u32,
        /// Connections are replaced after so long.
        max_lifetime: Duration,
        /// Connections beyond the minimum are closed when idle for so long.
        idle_timeout: Duration,
    },
}

/// What to do when there is no database yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Make one. One that is there is looked through for damage first.
    Make,
    /// Say so.
    Refuse,
}

fn open_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Open(error.to_string())
}

/// The schema's history: number, name and text, oldest first. What has been released never changes.
const MIGRATIONS: [(i64, &str, &str); 10] = [
    (
        1,
        "foundation",
        include_str!("../migrations/0001_foundation.sql"),
    ),
    (
        2,
        "machine tokens",
        include_str!("../migrations/0002_machine_tokens.sql"),
    ),
    (
        3,
        "token exchange",
        include_str!("../migrations/0003_token_exchange.sql"),
    ),
    (4, "lists", include_str!("../migrations/0004_lists.sql")),
    (
        5,
        "client keys",
        include_str!("../migrations/0005_client_keys.sql"),
    ),
    (
        6,
        "audiences",
        include_str!("../migrations/0006_audiences.sql"),
    ),
    (7, "browser", include_str!("../migrations/0007_browser.sql")),
    (
        8,
        "refresh retries",
        include_str!("../migrations/0008_refresh_retries.sql"),
    ),
    (
        9,
        "heartbeat",
        include_str!("../migrations/0009_heartbeat.sql"),
    ),
    (
        10,
        "client use",
        include_str!("../migrations/0010_client_use.sql"),
    ),
];

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.into_iter().map(|(version, name, text)| {
        let text = text.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, text, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    // A newer version may have added migrations; while both run, the older must still start.
    migrator.set_ignore_missing(true);
    migrator
}

/// An open SQLite file: to read with, to write with, and to watch.
pub(crate) struct OpenFile {
    pub readers: SqlitePool,
    pub writers: SqlitePool,
    pub file: DatabaseFile,
}

/// Opens a SQLite file.
pub(crate) async fn sqlite(path: &Path, wal: bool, missing: Missing) -> Result<OpenFile> {
    let given = path;
    let path = file::resolve(given);
    let absent = || StoreError::Missing(format!("at {}", path.display()));
    if missing == Missing::Refuse && !path.exists() && !beside(&path, "-wal").exists() {
        return Err(absent());
    }
    let journal = if wal {
        SqliteJournalMode::Wal
    } else {
        SqliteJournalMode::Delete
    };
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(journal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(LOCK_TIMEOUT)
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        // The lane does it, with a mark: see the module `file`.
        .pragma("wal_autocheckpoint", "0")
        .disable_statement_logging();
    let one_writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false);
    // Processes that start at once take turns; SQLite itself has no lock for this.
    let turn = Turn::take(&path, missing).await?;
    let make = missing == Missing::Make;
    let file = DatabaseFile::open((given, &path), wal, make)?.ok_or_else(absent)?;
    let migrating = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options.clone())
        .await
        .map_err(|error| file::unopened(&path, &error))?;
    {
        let mut conn = migrating.acquire().await.map_err(open_error)?;
        if make {
            look_for_damage(&mut conn, &path).await?;
        }
        if wal && !file.log_is_marked() {
            dialect::repeat_mark(&mut conn).await?;
            dialect::checkpoint(&mut conn).await?;
            file.wrote(true);
        }
    }
    migrator()
        .run(&migrating)
        .await
        .map_err(|error| StoreError::Migration(error.to_string()))?;
    let writers = one_writer
        .connect_with(
            options
                .clone()
                .busy_timeout(LANE_LOCK_TIMEOUT)
                .statement_cache_capacity(STATEMENTS),
        )
        .await
        .map_err(open_error)?;
    // The last to leave would take the log along.
    migrating.close().await;
    drop(turn);
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .min_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_with(options.pragma("query_only", "1"))
        .await
        .map_err(open_error)?;
    Ok(OpenFile {
        readers,
        writers,
        file,
    })
}

/// Reads the whole file, for as long as that does not keep a start waiting.
async fn look_for_damage(conn: &mut SqliteConnection, path: &Path) -> Result<()> {
    let end = Instant::now() + LOOK_FOR_DAMAGE;
    let mut handle = conn.lock_handle().await.map_err(open_error)?;
    handle.set_progress_handler(1000, move || Instant::now() < end);
    drop(handle);
    let found = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)")
        .fetch_one(&mut *conn)
        .await;
    let mut handle = conn.lock_handle().await.map_err(open_error)?;
    handle.remove_progress_handler();
    drop(handle);
    match found {
        Ok(word) if word == "ok" => Ok(()),
        _ if Instant::now() >= end => {
            tracing::info!(
                path = %path.display(),
                "the database was looked through for damage for {} s, not to its end", LOOK_FOR_DAMAGE.as_secs()
            );
            Ok(())
        }
        Ok(word) => Err(open_error(file::damaged(path, word.replace('\n', ": ")))),
        Err(error) => Err(file::unopened(path, &error)),
    }
}

/// A lock on `<database>.migrate`, a file that is there while the lock is held.
struct Turn {
    path: PathBuf,
    #[expect(dead_code, reason = "held for its lock")]
    file: File,
}

impl Turn {
    async fn take(database: &Path, missing: Missing) -> Result<Self> {
        if missing == Missing::Make {
            file::create_folder(database)?;
        }
        let path = beside(database, ".migrate");
        let failed = |error| StoreError::Open(format!("{}: {error}", path.display()));
        let (begin, mut said) = (Instant::now(), false);
        loop {
            if let Some(file) = Self::try_take(&path).map_err(failed)? {
                return Ok(Self { path, file });
            }
            if !said && begin.elapsed() > SAID_TO_WAIT {
                said = true;
                tracing::info!(
                    lock = %path.display(),
                    "another process is opening the database, and holds a lock on {}: waiting for it", path.display()
                );
            }
            // Not on a thread that waits for the lock itself: nobody could end that.
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    /// `None` while another process has it.
    fn try_take(path: &Path) -> std::io::Result<Option<File>> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever held it before may have removed it meanwhile.
        let own = file.metadata()?;
        let is_there = std::fs::metadata(path).is_ok_and(|there| there.ino() == own.ino());
        Ok(is_there.then_some(file))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// The pool of a PostgreSQL database.
pub(crate) async fn postgres(
    dsn: &str,
    (min, max): (u32, u32),
    max_lifetime: Duration,
    idle_timeout: Duration,
    missing: Missing,
) -> Result<PgPool> {
    if max < FEWEST_CONNECTIONS {
        return Err(StoreError::Open(format!(
            "storage.postgres.max_conns is {max}; at least {FEWEST_CONNECTIONS} are needed"
        )));
    }
    // The message of a parse error could repeat the password.
    let options = PgConnectOptions::from_str(dsn)
        .map_err(|_| StoreError::Open("storage.postgres.dsn is not a postgres:// URL".into()))?
        .application_name("authserver")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(max)
        .min_connections(min)
        .max_lifetime(max_lifetime)
        .idle_timeout(idle_timeout)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for >= FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(open_error)?;
    if missing == Missing::Refuse {
        let known = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
        let known: bool = sqlx::query_scalar(known)
            .fetch_one(&pool)
            .await
            .map_err(open_error)?;
        if !known {
            let (host, port) = (options.get_host(), options.get_port());
            let database = options.get_database().unwrap_or(options.get_username());
            return Err(StoreError::Missing(format!(
                "schema in {database} at {host}:{port}"
            )));
        }
    }
    migrator()
        .run(&pool)
        .await
        .map_err(|error| StoreError::Migration(error.to_string()))?;
    Ok(pool)
}
