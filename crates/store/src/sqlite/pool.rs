//! The connections to the file.

use super::session::SqliteSession;
use crate::{Result, StoreError};
use deadpool::managed::{self, Metrics, QueueMode, RecycleResult};
use rusqlite::Connection;
use std::path::PathBuf;
use std::time::Duration;

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

pub(crate) type Pool = managed::Pool<Manager>;

/// How connections to a file are opened.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    /// The file, which is there.
    pub path: PathBuf,
    /// Whether it has a write-ahead log.
    pub wal: bool,
    /// Whether the connections may write.
    pub writes: bool,
    /// Memory for pages, KiB.
    pub cache: i64,
    /// How long a statement waits for a lock that another process holds.
    pub lock_timeout: Duration,
}

impl Manager {
    /// Opens a connection.
    pub fn open(&self) -> rusqlite::Result<SqliteSession> {
        let connection = Connection::open(&self.path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_timeout(self.lock_timeout)?;
        let journal = if self.wal { "wal" } else { "delete" };
        connection.pragma_update(None, "journal_mode", journal)?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "cache_size", -self.cache)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        // The lane does it, with a mark: see the module `file`.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        if !self.writes {
            connection.pragma_update(None, "query_only", true)?;
        }
        Ok(SqliteSession(connection))
    }

    /// A pool of at most `most` connections, one of which is opened at once.
    pub async fn pool(self, most: usize) -> Result<Pool> {
        let pool = Pool::builder(self)
            .max_size(most)
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| StoreError::Open(error.to_string()))?;
        let first = pool.get().await;
        drop(first.map_err(|error| StoreError::Open(StoreError::from(error).to_string()))?);
        Ok(pool)
    }
}

impl managed::Manager for Manager {
    type Type = SqliteSession;
    type Error = StoreError;

    async fn create(&self) -> Result<SqliteSession> {
        Ok(self.open()?)
    }

    async fn recycle(&self, _: &mut SqliteSession, _: &Metrics) -> RecycleResult<StoreError> {
        Ok(())
    }
}
