//! Bringing a schema up to date in a way that every pooler lets through: with simple queries, which
//! leave nothing behind in a session (PostgreSQL documentation, §55.2.2).

use refinery::Migration;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use std::fmt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// A connection that asks simple queries only.
pub(super) struct Plain<'c>(pub &'c Client);

/// Why a migration failed.
#[derive(Debug)]
pub(super) enum Failure {
    Database(tokio_postgres::Error),
    History,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => crate::StoreError::from_ref(error).fmt(f),
            Self::History => f.write_str("the history of the schema cannot be read"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl AsyncTransaction for Plain<'_> {
    type Error = Failure;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        queries: T,
    ) -> Result<usize, Failure> {
        let queries: Vec<_> = queries.collect();
        // One message is one transaction, whatever becomes of the connection.
        let whole = format!("BEGIN; {}; COMMIT", queries.join("; "));
        if let Err(error) = self.0.batch_execute(&whole).await {
            drop(self.0.batch_execute("ROLLBACK").await);
            return Err(error.into());
        }
        Ok(queries.len())
    }
}

impl AsyncQuery<Vec<Migration>> for Plain<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, Failure> {
        let answers = self.0.simple_query(query).await?;
        let rows = answers.iter().filter_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(applied(row).ok_or(Failure::History)),
            _ => None,
        });
        rows.collect()
    }
}

fn applied(row: &SimpleQueryRow) -> Option<Migration> {
    let version = row.get(0)?.parse().ok()?;
    let on = OffsetDateTime::parse(row.get(2)?, &Rfc3339).ok()?;
    let checksum = row.get(3)?.parse().ok()?;
    Some(Migration::applied(
        version,
        row.get(1)?.to_owned(),
        on,
        checksum,
    ))
}

impl AsyncMigrate for Plain<'_> {}
