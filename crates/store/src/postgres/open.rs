//! Opening a PostgreSQL database: connections, and a schema that is up to date.

use super::dsn::Target;
use super::migrate::Plain;
use super::pool::{Manager, Pool, tend};
use super::session::Manners;
use crate::open::{
    ACQUIRE_TIMEOUT, Missing, PostgresOptions, migration_error, migrations, open_error,
};
use crate::{Result, StoreError};
use deadpool::managed::QueueMode;
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A lane, the listener and a reader.
const FEWEST_CONNECTIONS: u32 = 3;
/// Held while a schema is brought up to date: "auth" in ASCII.
const MIGRATION_LOCK: i64 = 0x6175_7468;
/// How often a server is tried that is not there yet.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// The pool of a PostgreSQL database, and where to listen.
pub(crate) async fn open(options: &PostgresOptions, missing: Missing) -> Result<(Target, Pool)> {
    let max = options.max_connections;
    if max < FEWEST_CONNECTIONS {
        return Err(StoreError::Open(format!(
            "storage.postgres.max_conns is {max}; at least {FEWEST_CONNECTIONS} are needed"
        )));
    }
    let target = Target::parse(&options.dsn, "storage.postgres.dsn")?;
    let direct = match &options.listen_dsn {
        Some(dsn) => Target::parse(dsn, "storage.postgres.listen_dsn")?,
        None => target.clone(),
    };
    prepare(&direct, options.connect_timeout, missing).await?;
    let manners = Manners {
        pooler: options.pooler,
        notify: options.notify,
    };
    // The listener has a connection of its own.
    let pool = Pool::builder(Manager::new(&target, manners))
        .max_size(max as usize - 1)
        .queue_mode(QueueMode::Lifo)
        .build()
        .map_err(open_error)?;
    let kept = options.min_connections.min(max - 1) as usize;
    let mut opened = Vec::with_capacity(kept);
    for _ in 0..kept {
        let session = pool.get().await;
        opened.push(session.map_err(|error| open_error(StoreError::from(error)))?);
    }
    drop(opened);
    let (lifetime, idle) = (options.max_lifetime, options.idle_timeout);
    tokio::spawn(tend(pool.clone(), kept, lifetime, idle));
    Ok((direct, pool))
}

/// Connects, and waits for a server that is not there yet.
async fn connect(target: &Target, patience: Duration) -> Result<Client> {
    let give_up = Instant::now() + patience;
    let mut said = false;
    loop {
        let connecting = target.config.connect(target.tls.clone());
        let error = match tokio::time::timeout(ACQUIRE_TIMEOUT, connecting).await {
            Ok(Ok((client, connection))) => {
                tokio::spawn(connection);
                return Ok(client);
            }
            Ok(Err(error)) if is_final(&error) => {
                return Err(refused(target, &StoreError::from_ref(&error)));
            }
            Ok(Err(error)) => StoreError::from_ref(&error).to_string(),
            Err(_) => String::from("no answer in time"),
        };
        if Instant::now() + TRY_AGAIN >= give_up {
            return Err(refused(target, &error));
        }
        if !std::mem::replace(&mut said, true) {
            let seconds = patience.as_secs();
            tracing::warn!(%error, "waiting up to {seconds} s for the database {}", target.describe());
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// Whether waiting changes nothing: the server is there and says no.
fn is_final(error: &tokio_postgres::Error) -> bool {
    let starts = [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS];
    error.code().is_some_and(|code| !starts.contains(code))
}

fn refused(target: &Target, cause: &impl std::fmt::Display) -> StoreError {
    StoreError::Open(format!("{}: {cause}", target.describe()))
}

/// Brings the schema up to date, one instance after the other.
async fn prepare(target: &Target, patience: Duration, missing: Missing) -> Result<()> {
    let client = connect(target, patience).await?;
    if missing == Missing::Refuse {
        let known = "SELECT 1 WHERE to_regclass('refinery_schema_history') IS NOT NULL";
        let known = client.query_typed(known, &[]).await?;
        if known.is_empty() {
            return Err(StoreError::Missing(format!(
                "schema in {}",
                target.describe()
            )));
        }
    }
    // In a transaction of its own, that ends with the connection whatever happens.
    let turn = connect(target, patience).await?;
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    turn.batch_execute(&lock).await?;
    let runner = migrations()?;
    let migrated = runner.run_async(&mut Plain(&client)).await;
    migrated.map_err(migration_error)?;
    Ok(turn.batch_execute("ROLLBACK").await?)
}
