//! What the server does by itself from time to time.

use crate::observe::{SYSTEM, event};
use crate::{Engine, Result};
use domain::AuditAction;
use std::time::Duration;
use store::{ClientExpiry, PurgeTarget};

/// How often the gauges that are counted in the database are counted, and keys settled.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// How often the key file is looked at, and a sign of life left if something was written.
const FOLLOW_KEYS_EVERY: Duration = Duration::from_secs(1);

/// What a purge goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purgeable {
    /// Rows that have ended by themselves.
    Ended(PurgeTarget),
    /// Clients that registered themselves and that nobody uses.
    Clients,
    /// What this server does not keep, or keeps for ever, under the name that operators know it by.
    Nothing(&'static str),
}

/// Words of the command line for what is kept for ever, or nowhere.
const NOTHING: [&str; 5] = [
    "connect-pending-states",
    "jti",
    "machine-tokens",
    "audit",
    "issuances",
];

impl Purgeable {
    /// All that there is something to remove of.
    pub fn all() -> impl Iterator<Item = Self> {
        let ended = PurgeTarget::ALL.into_iter().map(Self::Ended);
        ended.chain([Self::Clients])
    }

    /// All names on the command line.
    pub fn words() -> impl Iterator<Item = Self> {
        Self::all().chain(NOTHING.map(Self::Nothing))
    }

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ended(target) => target.as_str(),
            Self::Clients => "clients",
            Self::Nothing(word) => word,
        }
    }
}

/// What a purge removed, target by target.
#[derive(Debug)]
pub struct PurgeReport {
    /// Rows removed, or why not.
    pub outcomes: Vec<(Purgeable, Result<u64>)>,
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
    pub async fn purge(&self, targets: impl IntoIterator<Item = Purgeable>) -> PurgeReport {
        let mut outcomes = Vec::new();
        for target in targets {
            let outcome = match target {
                Purgeable::Ended(rows) => self.store().purge(rows).await.map_err(Into::into),
                Purgeable::Clients => self.expire_clients().await,
                Purgeable::Nothing(_) => Ok(0),
            };
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
            outcomes.push((target, outcome));
        }
        self.settle_keys().await;
        PurgeReport { outcomes }
    }

    /// Removes clients that registered themselves and that nobody uses, by `dcr.unused_expiry` and
    /// `dcr.idle_expiry`. Says how many.
    async fn expire_clients(&self) -> Result<u64> {
        let (now, dcr) = (self.now(), &self.config().dcr);
        let before = |expiry: Duration| (!expiry.is_zero()).then(|| now.minus(expiry));
        let expiry = ClientExpiry {
            unused_before: before(dcr.unused_expiry),
            idle_before: before(dcr.idle_expiry),
        };
        let mut removed = 0;
        loop {
            let event = event(AuditAction::ClientDeleted, SYSTEM);
            let (gone, more) = self.store().expire_clients(expiry, event).await?;
            self.metrics().clients_expired.add_many((), gone);
            removed += gone;
            if !more {
                return Ok(removed);
            }
        }
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
        // A purge may take long, and is not to hold up the rest.
        let mut purging: Option<tokio::task::JoinHandle<()>> = None;
        loop {
            tokio::select! {
                _ = keys.tick() => {
                    self.follow_keys().await;
                    self.record_suppressed(false).await;
                    self.beat_when_written().await;
                }
                _ = count.tick() => {
                    self.settle_keys().await;
                    if let Err(error) = self.count().await {
                        tracing::warn!(cause = error.cause.as_deref(), "clients and token families could not be counted");
                    }
                }
                _ = purge.tick(), if !purge_every.is_zero() => {
                    if purging.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) {
                        let engine = self.clone();
                        purging = Some(tokio::spawn(async move { engine.purge(Purgeable::all()).await; }));
                    }
                }
            }
        }
    }
}
