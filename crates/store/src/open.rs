//! Where a database is, and the history of its schema.

use crate::{Result, StoreError};
use refinery::{Migration, Runner};
use std::path::PathBuf;
use std::time::Duration;

/// How long an operation waits for a connection before the database counts as unavailable.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The connections of a database, by what they are for.
pub(crate) struct Pools<P> {
    /// To ask what is answered at once.
    pub readers: P,
    /// To ask what may take long.
    pub asides: P,
    /// To write.
    pub writers: P,
}

impl<P: Clone> Pools<P> {
    /// One pool for all.
    pub fn shared(pool: &P) -> Self {
        Self {
            readers: pool.clone(),
            asides: pool.clone(),
            writers: pool.clone(),
        }
    }
}

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
    Postgres(PostgresOptions),
}

/// How to reach a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`; several hosts are divided by commas.
    pub dsn: String,
    /// Connections at most, readers and writers together.
    pub max_connections: u32,
    /// Connections kept open.
    pub min_connections: u32,
    /// Connections are replaced after so long.
    pub max_lifetime: Duration,
    /// Connections beyond the minimum are closed when idle for so long.
    pub idle_timeout: Duration,
    /// How long a start waits for the server.
    pub connect_timeout: Duration,
    /// What stands between.
    pub pooler: Pooler,
    /// How changes made by other instances become known.
    pub notify: Notify,
    /// The server past the pooler, for what needs a session of its own.
    pub listen_dsn: Option<String>,
}

impl PostgresOptions {
    /// The usual options with this DSN.
    #[must_use]
    pub fn new(dsn: String) -> Self {
        Self {
            dsn,
            max_connections: 25,
            min_connections: 5,
            max_lifetime: Duration::from_secs(3600),
            idle_timeout: Duration::from_secs(1800),
            connect_timeout: Duration::from_secs(30),
            pooler: Pooler::None,
            notify: Notify::Listen,
            listen_dsn: None,
        }
    }
}

/// What stands between this server and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a pooler that gives each connection a session of its own.
    None,
    /// A pooler that gives each transaction another session: none may leave anything behind.
    Transaction,
}

/// How changes made by other instances become known. All instances have to use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// By `LISTEN` and `NOTIFY`.
    Listen,
    /// By asking a table, where these cannot be had.
    Poll,
}

/// What to do when there is no database yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Make one. One that is there is looked through for damage first.
    Make,
    /// Say so.
    Refuse,
}

/// The schema's history: number, name and text, oldest first. What has been released never changes.
const MIGRATIONS: [(i64, &str, &str); 11] = [
    (
        1,
        "foundation",
        include_str!("../migrations/0001_foundation.sql"),
    ),
    (
        2,
        "machine_tokens",
        include_str!("../migrations/0002_machine_tokens.sql"),
    ),
    (
        3,
        "token_exchange",
        include_str!("../migrations/0003_token_exchange.sql"),
    ),
    (4, "lists", include_str!("../migrations/0004_lists.sql")),
    (
        5,
        "client_keys",
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
        "refresh_retries",
        include_str!("../migrations/0008_refresh_retries.sql"),
    ),
    (
        9,
        "heartbeat",
        include_str!("../migrations/0009_heartbeat.sql"),
    ),
    (
        10,
        "client_use",
        include_str!("../migrations/0010_client_use.sql"),
    ),
    (
        11,
        "changes",
        include_str!("../migrations/0011_changes.sql"),
    ),
];

/// What brings a schema up to date.
pub(crate) fn migrations() -> Result<Runner> {
    let migrations: Result<Vec<_>, _> = MIGRATIONS
        .iter()
        .map(|(version, name, text)| Migration::unapplied(&format!("V{version}__{name}"), text))
        .collect();
    // A newer version may have added migrations; while both run, the older must still start.
    Ok(Runner::new(&migrations.map_err(migration_error)?).set_abort_missing(false))
}

pub(crate) fn migration_error(error: refinery::Error) -> StoreError {
    StoreError::Migration(error.to_string())
}

pub(crate) fn open_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::Open(error.to_string())
}
