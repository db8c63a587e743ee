//! What can go wrong in the store.

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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error {
            if database.is_unique_violation() {
                return Self::Conflict("a row with the same unique value");
            }
            // PostgreSQL: serialization failure, deadlock.
            // SQLite: busy, locked; busy recovering, with an old snapshot, after a timeout.
            if matches!(
                database.code().as_deref(),
                Some("40001" | "40P01" | "5" | "6" | "261" | "517" | "773")
            ) {
                return Self::Contention(database.to_string());
            }
            // PostgreSQL: read-only transaction; shutdown by an operator, after a crash, and
            // while it starts.
            if matches!(
                database.code().as_deref(),
                Some("25006" | "57P01" | "57P02" | "57P03")
            ) {
                return Self::StaleSession(database.to_string());
            }
        }
        match error {
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_) => Self::Corrupt(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// The result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
