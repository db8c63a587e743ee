//! Hearing of changes that other instances made: PostgreSQL `LISTEN`.
//!
//! The listener also hears its own heartbeat. When that stays away, or the connection breaks,
//! the caches count as blind and every read goes to the database, so that nothing revoked
//! elsewhere stays usable here for longer than [`DEAF_AFTER`].

use crate::Change;
use crate::cache::Caches;
use crate::postgres::dialect::CHANNEL;
use sqlx::postgres::{PgListener, PgPool};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Interval of the heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(300);
/// Without a word for so long, the listener counts as deaf.
const DEAF_AFTER: Duration = Duration::from_millis(900);

/// Applies what other instances announce to `caches` until these are dropped or `pool` is closed.
pub(crate) async fn listen(pool: PgPool, caches: Weak<Caches>, heartbeat_channel: String) {
    while let Some(alive) = caches.upgrade() {
        let heard = hear(&pool, &alive, &heartbeat_channel).await;
        if pool.is_closed() {
            return;
        }
        if let Err(error) = heard {
            tracing::warn!(%error, "cannot hear of changes made by other instances; reading everything from the database");
        }
        alive.set_blind(true);
        drop(alive);
        tokio::time::sleep(HEARTBEAT).await;
    }
}

async fn hear(
    pool: &PgPool,
    caches: &Arc<Caches>,
    heartbeat_channel: &str,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([CHANNEL, heartbeat_channel]).await?;
    caches.set_blind(false);
    // Runs beside the listening, so that a beat that hangs does not hide that nothing is heard.
    let mut heart = std::pin::pin!(beat(pool, heartbeat_channel));
    let mut last_heard = tokio::time::Instant::now();
    loop {
        if Arc::strong_count(caches) == 1 {
            return Ok(());
        }
        tokio::select! {
            heard = listener.try_recv() => match heard? {
                Some(word) => {
                    last_heard = tokio::time::Instant::now();
                    if word.channel() == CHANNEL {
                        caches.apply(Change::decode(word.payload()));
                    }
                }
                None => return Err(sqlx::Error::PoolClosed),
            },
            stopped = &mut heart => return stopped,
            () = tokio::time::sleep_until(last_heard + DEAF_AFTER) => {
                return Err(sqlx::Error::PoolTimedOut);
            }
        }
    }
}

/// Speaks to its own channel for as long as the database accepts it.
async fn beat(pool: &PgPool, channel: &str) -> Result<(), sqlx::Error> {
    let mut interval = tokio::time::interval(HEARTBEAT);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        sqlx::query("SELECT pg_notify($1, '')")
            .bind(channel)
            .execute(pool)
            .await?;
    }
}
