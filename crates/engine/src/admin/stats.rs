//! How much there is of everything.

use crate::{Engine, Result};
use domain::UnixMillis;
use std::time::Duration;
use store::Counts;
use tokio::sync::Mutex;

/// Counting a day's tokens takes a while where there are millions: numbers are good for so long.
const SHARED_FOR: Duration = Duration::from_secs(10);
/// How far back tokens are counted that are alive.
const LOOKBACK: Duration = Duration::from_secs(24 * 3600);

/// The last numbers, and when they were counted.
#[derive(Default)]
pub(crate) struct LastCounts(Mutex<Option<(UnixMillis, Counts)>>);

impl Engine {
    /// How many clients, users and tokens there are; at most ten seconds old. Callers that come
    /// together wait for one count.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn counts(&self) -> Result<Counts> {
        let mut last = self.inner().counts.0.lock().await;
        let now = self.now();
        if let Some((at, counts)) = *last
            && at <= now
            && now.since(at) < SHARED_FOR
        {
            return Ok(counts);
        }
        let counts = self.store().counts(now.minus(LOOKBACK)).await?;
        *last = Some((now, counts));
        Ok(counts)
    }
}
