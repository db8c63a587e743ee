//! Hearing of changes that other instances made: PostgreSQL `LISTEN`.
//!
//! The listener also hears its own heartbeat. When that stays away, or the connection breaks,
//! the caches count as blind and every read goes to the database, so that nothing revoked
//! elsewhere stays usable here for longer than [`DEAF_AFTER`].

use super::dialect::{CHANNEL, Pool};
use super::dsn::Target;
use crate::cache::Caches;
use crate::sql::Query;
use crate::{Change, Result, StoreError};
use futures_util::{Stream, StreamExt as _, stream};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_postgres::{AsyncMessage, Client, Error};

/// Interval of the heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(300);
/// Without a word for so long, the listener counts as deaf.
const DEAF_AFTER: Duration = Duration::from_millis(900);

/// Applies what other instances announce to `caches` until these are dropped or `pool` is closed.
pub(crate) async fn listen(target: Target, pool: Pool, caches: Weak<Caches>, heartbeat: String) {
    while let Some(alive) = caches.upgrade() {
        let heard = hear(&target, &pool, &alive, &heartbeat).await;
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

/// What a connection has to say: it has to be read for the client to get its answers.
async fn connect(
    target: &Target,
) -> Result<(
    Client,
    impl Stream<Item = Result<AsyncMessage, Error>> + Unpin + use<>,
)> {
    let (client, mut connection) = target.config.connect(target.tls.clone()).await?;
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    Ok((client, messages))
}

async fn hear(target: &Target, pool: &Pool, caches: &Arc<Caches>, heartbeat: &str) -> Result<()> {
    let deaf = || StoreError::Unavailable(String::from("nothing is heard"));
    let connected = tokio::time::timeout(DEAF_AFTER, connect(target)).await;
    let (client, mut messages) = connected.map_err(|_| deaf())??;
    let channels = format!("LISTEN {CHANNEL}; LISTEN \"{heartbeat}\"");
    let mut listening = pin!(client.batch_execute(&channels));
    let (mut listens, mut last_heard) = (false, Instant::now());
    // Runs beside the listening, so that a beat that hangs does not hide that nothing is heard.
    let mut heart = pin!(beat(pool, heartbeat));
    loop {
        if Arc::strong_count(caches) == 1 || pool.is_closed() {
            return Ok(());
        }
        tokio::select! {
            begun = &mut listening, if !listens => {
                begun?;
                listens = true;
                caches.set_blind(false);
            }
            heard = messages.next() => {
                let AsyncMessage::Notification(word) = heard.ok_or_else(deaf)?? else {
                    continue;
                };
                last_heard = Instant::now();
                if word.channel() == CHANNEL {
                    caches.apply(Change::decode(word.payload()));
                }
            }
            stopped = &mut heart => return stopped,
            () = tokio::time::sleep_until(last_heard + DEAF_AFTER) => return Err(deaf()),
        }
    }
}

/// Speaks to its own channel for as long as the database accepts it.
async fn beat(pool: &Pool, channel: &str) -> Result<()> {
    let mut interval = tokio::time::interval(HEARTBEAT);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        Query::new("SELECT pg_notify($1, '')", '$')
            .bind(channel)
            .execute(&mut *pool.get().await?)
            .await?;
    }
}
