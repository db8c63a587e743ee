//! `storage`: the database.

use std::path::PathBuf;
use std::time::Duration;

use super::rule::{ABOVE_ZERO, AT_LEAST_THREE};
use crate::schema::{choice, section};
use crate::value::PostgresDsn;

choice! {
    /// Which database holds the data.
    pub enum StorageDriver {
        /// One file on this machine; one server.
        Sqlite = "sqlite",
        /// PostgreSQL; any number of servers.
        Postgres = "postgres",
    }
}

choice! {
    /// What stands between the server and PostgreSQL.
    pub enum PostgresPooler {
        /// Nothing, or a pooler in session mode.
        None = "none",
        /// A pooler in transaction mode.
        Transaction = "transaction",
    }
}

choice! {
    /// How an instance hears of what others changed.
    pub enum PostgresNotify {
        /// By `LISTEN` and `NOTIFY`.
        Listen = "listen",
        /// By asking four times a second.
        Poll = "poll",
    }
}

section! {
    /// The database.
    pub struct Storage at "storage." {
        /// `sqlite` for one server on one machine, `postgres` for several.
        driver: StorageDriver = "sqlite", "AUTHPLANE_STORAGE_DRIVER";
        /// How often expired codes, sessions and tokens are removed; `0s` for never.
        purge_interval: Duration = "1h", "AUTHPLANE_STORAGE_PURGE_INTERVAL";
        /// How long a start waits for a PostgreSQL that does not answer yet.
        connect_timeout: Duration = "30s", "AUTHPLANE_STORAGE_CONNECT_TIMEOUT", ABOVE_ZERO;

        sections {
            /// SQLite.
            sqlite: Sqlite;
            /// PostgreSQL.
            postgres: Postgres;
        }
    }
}

section! {
    /// Read when `storage.driver` is `sqlite`.
    pub struct Sqlite at "storage.sqlite." {
        /// The database file; its directory is created when missing.
        path: PathBuf = "data/authserver.db", "AUTHPLANE_STORAGE_SQLITE_PATH";
        /// Write-ahead log: readers do not wait for the writer. Turn it off only where the file
        /// system has no shared memory, such as a network share.
        wal: bool = "true", "AUTHPLANE_STORAGE_SQLITE_WAL";
    }
}

section! {
    /// Read when `storage.driver` is `postgres`.
    pub struct Postgres at "storage.postgres." {
        /// Connection URL, `postgres://user:password@host:5432/database`. Needed with this driver.
        /// Several hosts are divided by commas; the one that can be written to is used. `sslmode`,
        /// `sslrootcert`, `sslcert`, `sslkey` and `target_session_attrs` are as in libpq.
        dsn: Option<PostgresDsn>, "AUTHPLANE_STORAGE_POSTGRES_DSN";
        /// Connections opened at most.
        max_conns: u32 = "25", "AUTHPLANE_STORAGE_POSTGRES_MAX_CONNS", AT_LEAST_THREE;
        /// Connections kept open when idle.
        min_conns: u32 = "5", "AUTHPLANE_STORAGE_POSTGRES_MIN_CONNS";
        /// Age at which a connection is replaced.
        max_conn_lifetime: Duration = "1h", "AUTHPLANE_STORAGE_POSTGRES_MAX_CONN_LIFETIME", ABOVE_ZERO;
        /// Idle time after which a connection beyond `min_conns` is closed.
        max_conn_idle_time: Duration = "30m", "AUTHPLANE_STORAGE_POSTGRES_MAX_CONN_IDLE_TIME", ABOVE_ZERO;
        /// `transaction` when the URL leads to a pooler in that mode, such as PgBouncer: nothing is
        /// left behind in a session.
        pooler: PostgresPooler = "none", "AUTHPLANE_STORAGE_POSTGRES_POOLER";
        /// How instances hear of each other's changes, the same for all: `listen`, or `poll` where
        /// the server has no `LISTEN`.
        notify: PostgresNotify = "listen", "AUTHPLANE_STORAGE_POSTGRES_NOTIFY";
        /// Connection URL past the pooler, for `LISTEN` and for bringing the schema up to date.
        listen_dsn: Option<PostgresDsn>, "AUTHPLANE_STORAGE_POSTGRES_LISTEN_DSN";
    }
}
