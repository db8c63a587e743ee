//! Opening a database: connections, and a schema that is up to date.

use crate::{Result, StoreError};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// How long an operation waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long SQLite waits for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The same on the writing connection. Its lane tries again, and looks around in between.
const LANE_LOCK_TIMEOUT: Duration = Duration::from_millis(200);
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

fn open_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Open(error.to_string())
}

/// The schema's history: number, name and text, oldest first. What has been released never changes.
const MIGRATIONS: [(i64, &str, &str); 8] = [
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

/// Makes the file that SQLite then opens, readable by its owner alone. The files that SQLite puts
/// beside it get the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

/// The reading and the writing pool of a SQLite file.
pub(crate) async fn sqlite(path: &Path, wal: bool) -> Result<(SqlitePool, SqlitePool)> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| StoreError::Open(format!("{}: {error}", folder.display())))?;
    }
    create_private(path)
        .map_err(|error| StoreError::Open(format!("{}: {error}", path.display())))?;
    let journal = if wal {
        SqliteJournalMode::Wal
    } else {
        SqliteJournalMode::Delete
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(journal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(LOCK_TIMEOUT)
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    let one_writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false);
    {
        // Processes that start at once take turns; SQLite itself has no lock for this.
        let _turn = MigrationTurn::take(path).await?;
        let migrating = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(open_error)?;
        migrator()
            .run(&migrating)
            .await
            .map_err(|error| StoreError::Migration(error.to_string()))?;
        migrating.close().await;
    }
    let writers = one_writer
        .connect_with(
            options
                .clone()
                .busy_timeout(LANE_LOCK_TIMEOUT)
                .statement_cache_capacity(STATEMENTS),
        )
        .await
        .map_err(open_error)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .min_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_with(options.create_if_missing(false).pragma("query_only", "1"))
        .await
        .map_err(open_error)?;
    Ok((readers, writers))
}

/// A lock on `<database>.migrate`, released when dropped.
struct MigrationTurn(#[expect(dead_code, reason = "held for its lock")] std::fs::File);

impl MigrationTurn {
    /// Waits on a thread of its own: the holder may need this one to get done.
    async fn take(database: &Path) -> Result<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push(".migrate");
        tokio::task::spawn_blocking(move || {
            std::fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(&path)
                .and_then(|file| file.lock().map(|()| Self(file)))
                .map_err(|error| {
                    StoreError::Open(format!("{}: {error}", Path::new(&path).display()))
                })
        })
        .await
        .map_err(open_error)?
    }
}

/// The pool of a PostgreSQL database.
pub(crate) async fn postgres(
    dsn: &str,
    (min, max): (u32, u32),
    max_lifetime: Duration,
    idle_timeout: Duration,
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
        .connect_with(options)
        .await
        .map_err(open_error)?;
    migrator()
        .run(&pool)
        .await
        .map_err(|error| StoreError::Migration(error.to_string()))?;
    Ok(pool)
}
