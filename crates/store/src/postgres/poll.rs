//! Hearing of changes that other instances made where there is no `LISTEN`: a number in a table
//! grows with each, and is asked for often enough to keep what [`super::listen`] promises.

use super::dialect::Pool;
use crate::cache::Caches;
use crate::sql::Query;
use crate::{Change, Result, StoreError};
use std::sync::Weak;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often the number is asked for.
const INTERVAL: Duration = Duration::from_millis(250);
/// Without an answer for so long, changes are not heard of.
const PATIENCE: Duration = Duration::from_millis(600);

/// Applies what other instances changed to `caches` until these are dropped or `pool` is closed.
pub(crate) async fn poll(pool: Pool, caches: Weak<Caches>) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut known, mut failing) = (None, false);
    loop {
        interval.tick().await;
        let asked = tokio::time::timeout(PATIENCE, number(&pool)).await;
        let Some(caches) = caches.upgrade().filter(|_| !pool.is_closed()) else {
            return;
        };
        match asked.unwrap_or_else(|_| Err(late())) {
            Ok(number) => {
                // The first answer counts as a change too: something may have been read before it.
                if known.replace(number) != Some(number) {
                    caches.apply(Change::Everything);
                }
                caches.set_blind(false);
                failing = false;
            }
            Err(error) => {
                caches.set_blind(true);
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot hear of changes made by other instances; reading everything from the database");
                }
            }
        }
    }
}

fn late() -> StoreError {
    StoreError::Unavailable(String::from("no answer in time"))
}

async fn number(pool: &Pool) -> Result<i64> {
    let mut session = pool.get().await?;
    let number = Query::new("SELECT number FROM changes WHERE id = 1", '$');
    number.one(&mut *session).await
}
