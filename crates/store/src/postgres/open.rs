//! Opening a PostgreSQL database: connections, and a schema that is up to date.

use super::dsn::Target;
use super::pool::{Manager, Pool, tend};
use crate::open::{ACQUIRE_TIMEOUT, Missing, migration_error, migrations, open_error};
use crate::{Result, StoreError};
use deadpool::managed::QueueMode;
use std::time::Duration;

/// A lane, the listener and a reader.
const FEWEST_CONNECTIONS: u32 = 3;
/// Held while a schema is brought up to date: "auth" in ASCII.
const MIGRATION_LOCK: i64 = 0x6175_7468;

/// The target and the pool of a PostgreSQL database.
pub(crate) async fn open(
    dsn: &str,
    (min, max): (u32, u32),
    max_lifetime: Duration,
    idle_timeout: Duration,
    missing: Missing,
) -> Result<(Target, Pool)> {
    if max < FEWEST_CONNECTIONS {
        return Err(StoreError::Open(format!(
            "storage.postgres.max_conns is {max}; at least {FEWEST_CONNECTIONS} are needed"
        )));
    }
    let target = Target::parse(dsn)?;
    prepare(&target, missing).await?;
    // The listener has a connection of its own.
    let pool = Pool::builder(Manager::new(&target))
        .max_size(max as usize - 1)
        .queue_mode(QueueMode::Lifo)
        .build()
        .map_err(open_error)?;
    let mut kept = Vec::new();
    for _ in 0..min.min(max - 1) {
        kept.push(pool.get().await.map_err(open_error)?);
    }
    drop(kept);
    let kept = min as usize;
    tokio::spawn(tend(pool.clone(), kept, max_lifetime, idle_timeout));
    Ok((target, pool))
}

/// Brings the schema up to date, one instance after the other.
async fn prepare(target: &Target, missing: Missing) -> Result<()> {
    let connect = async || {
        let connected = target.config.connect(target.tls.clone());
        let connected = tokio::time::timeout(ACQUIRE_TIMEOUT, connected).await;
        let (client, connection) = connected
            .map_err(|_| StoreError::Open(String::from("no answer in time")))?
            .map_err(|error| StoreError::Open(StoreError::from(error).to_string()))?;
        tokio::spawn(connection);
        Ok::<_, StoreError>(client)
    };
    let mut client = connect().await?;
    if missing == Missing::Refuse {
        let known = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
        let known = client.query_one(known, &[]).await?;
        if !known.get::<_, bool>(0) {
            return Err(StoreError::Missing(format!(
                "schema in {}",
                target.describe()
            )));
        }
    }
    // In a transaction of its own, that ends with the connection whatever happens.
    let mut turn = connect().await?;
    let turn = turn.transaction().await?;
    let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    turn.batch_execute(&lock).await?;
    let migrated = migrations()?.run_async(&mut client).await;
    migrated.map_err(migration_error)?;
    turn.rollback().await?;
    Ok(())
}
