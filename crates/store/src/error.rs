//! What can go wrong in the store.

use deadpool::managed::PoolError;

/// A failed store operation.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database did not answer, or refused for a reason of its own.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The session with the database is of no use any more: the server has become a standby, or
    /// is ending it. Another may do.
    #[error("the database is unavailable: {0}")]
    StaleSession(String),
    /// Others were changing the same rows; nothing was written and trying again is safe.
    #[error("the database was too busy: {0}")]
    Contention(String),
    /// A row with that unique value exists.
    #[error("{0} already exists")]
    Conflict(&'static str),
    /// A stored value cannot be read back.
    #[error("the database holds a value that cannot be read: {0}")]
    Corrupt(String),
    /// The schema could not be brought up to date.
    #[error("the database schema could not be migrated: {0}")]
    Migration(String),
    /// There is no database, and none was to be made.
    #[error("there is no database {0}")]
    Missing(String),
    /// The database could not be opened.
    #[error("the database could not be opened: {0}")]
    Open(String),
}

impl StoreError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::StaleSession(_) | Self::Contention(_)
        )
    }
}

impl From<std::convert::Infallible> for StoreError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        use rusqlite::{Error, ErrorCode};
        match &error {
            Error::SqliteFailure(failure, _) => match (failure.code, failure.extended_code) {
                (_, SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE) => {
                    Self::Conflict("a row with the same unique value")
                }
                (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => {
                    Self::Contention(error.to_string())
                }
                (_, code) => Self::Unavailable(format!("{error} (code {code})")),
            },
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnIndex(_)
            | Error::InvalidColumnType(..) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::from_ref(&error)
    }
}

impl StoreError {
    /// What an answer of PostgreSQL, or the lack of one, comes to.
    pub(crate) fn from_ref(error: &tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        let Some(answer) = error.as_db_error() else {
            // The error itself says in which step, its source what.
            let source = std::error::Error::source(error);
            return Self::Unavailable(
                source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
            );
        };
        let words = answer.message().to_owned();
        match *answer.code() {
            SqlState::UNIQUE_VIOLATION => Self::Conflict("a row with the same unique value"),
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Self::Contention(words)
            }
            // The server became a standby; it stops, stopped, or starts; a statement that was
            // prepared is of no use any more, since tables have changed.
            SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::FEATURE_NOT_SUPPORTED
            | SqlState::INVALID_SQL_STATEMENT_NAME => Self::StaleSession(words),
            _ => Self::Unavailable(words),
        }
    }
}

impl<E: Into<StoreError>> From<PoolError<E>> for StoreError {
    fn from(error: PoolError<E>) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => Self::Unavailable(String::from("the store is shutting down")),
            PoolError::Timeout(_)
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => {
                Self::Unavailable(String::from("no connection came free in time"))
            }
        }
    }
}

/// The result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
