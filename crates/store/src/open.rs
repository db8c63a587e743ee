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

/// The schema's history: number, name and text, oldest first. What has been released never changes.
const MIGRATIONS: [(i64, &str, &str); 10] = [
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
