//! What the server does by itself from time to time.

use crate::{Engine, Result};
use std::time::Duration;
use store::PurgeTarget;

/// How often the gauges that are counted in the database are counted, and keys settled.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// How often the key file is looked at, and a sign of life left if something was written.
const FOLLOW_KEYS_EVERY: Duration = Duration::from_secs(1);

/// What a purge removed, target by target.
#[derive(Debug)]
pub struct PurgeReport {
    /// Rows removed, or why not.
    pub outcomes: Vec<(PurgeTarget, Result<u64>)>,
}

impl PurgeReport {
    /// Whether a target failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.outcomes.iter().any(|(_, outcome)| outcome.is_err())
    }
}

impl Engine {
    /// Removes what has ended.
    pub async fn purge(&self, targets: &[PurgeTarget]) -> PurgeReport {
        let mut outcomes = Vec::new();
        for target in targets {
            let outcome = self.store().purge(*target).await.map_err(Into::into);
            match &outcome {
                Ok(0) => {}
                Ok(removed) => tracing::info!(target_name = target.as_str(), removed, "purged"),
                Err(error) => {
                    let error: &crate::Error = error;
                    tracing::error!(
                        target_name = target.as_str(),
                        cause = error.cause.as_deref(),
                        "purge failed"
                    );
                }
            }
            outcomes.push((*target, outcome));
        }
        self.settle_keys().await;
        PurgeReport { outcomes }
    }

    /// Counts clients and families for the gauges.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn count(&self) -> Result<()> {
        self.metrics()
            .set_active_clients(self.store().count_active_clients().await?);
        self.metrics()
            .set_active_token_families(self.store().count_active_families().await?);
        Ok(())
    }

    /// Runs purge, gauges and the watch over the key file until the task is dropped.
    pub async fn maintain(self) {
        self.metrics()
            .set_key_last_rotation(self.keys().last_rotation().seconds());
        let mut count = tokio::time::interval(COUNT_EVERY);
        let mut keys = tokio::time::interval(FOLLOW_KEYS_EVERY);
        let purge_every = self.config().storage.purge_interval;
        let mut purge = tokio::time::interval(purge_every.max(Duration::from_secs(1)));
        for timer in [&mut count, &mut keys, &mut purge] {
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        purge.tick().await;
        loop {
            tokio::select! {
                _ = keys.tick() => {
                    self.follow_keys().await;
                    self.beat_when_written().await;
                }
                _ = count.tick() => {
                    self.settle_keys().await;
                    if let Err(error) = self.count().await {
                        tracing::warn!(cause = error.cause.as_deref(), "clients and token families could not be counted");
                    }
                }
                _ = purge.tick(), if !purge_every.is_zero() => { self.purge(&PurgeTarget::ALL).await; }
            }
        }
    }
}
