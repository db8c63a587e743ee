//! Whether the server is alive and ready. One question to the database serves all probes of
//! one second.

use crate::Engine;
use domain::UnixMillis;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// An answer of the database is good for so long.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// A database that takes longer to write a few bytes is not ready.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a probe is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether the database answered.
    pub database: bool,
    /// When it was asked.
    pub checked_at: UnixMillis,
}

impl Health {
    fn is_fresh(&self, now: UnixMillis) -> bool {
        self.checked_at <= now && now.since(self.checked_at) < SHARED_FOR
    }
}

/// The last answers.
#[derive(Default)]
pub(crate) struct HealthProbe {
    reading: Mutex<Option<Health>>,
    writing: Mutex<Option<Health>>,
    draining: AtomicBool,
}

impl Engine {
    /// Whether the database answers. Probes that come together wait for one question.
    pub async fn health(&self) -> Health {
        let mut last = self.inner().health.reading.lock().await;
        if let Some(health) = last.filter(|last| last.is_fresh(self.now())) {
            return health;
        }
        let was_well = last.is_none_or(|health| health.database);
        let database = match self.store().ping().await {
            Ok(()) => {
                if !was_well {
                    tracing::info!("the database answers again");
                }
                true
            }
            Err(error) => {
                if was_well {
                    tracing::error!(%error, "the database does not answer");
                }
                false
            }
        };
        let health = Health {
            database,
            checked_at: self.now(),
        };
        *last = Some(health);
        health
    }

    /// Whether the server can do its work: it is not about to stop, and the database can be read
    /// and written. The schema was brought up to date and the signing key opened before the
    /// server began to listen, so both are there as long as it runs.
    pub async fn ready(&self) -> bool {
        !self.inner().health.draining.load(Ordering::Relaxed)
            && self.health().await.database
            && self.can_write().await
    }

    /// From now on the server is not ready.
    pub fn drain(&self) {
        self.inner().health.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the database can be written. What was written for somebody else just now is proof
    /// enough.
    async fn can_write(&self) -> bool {
        let mut last = self.inner().health.writing.lock().await;
        if let Some(health) = last.filter(|last| last.is_fresh(self.now())) {
            return health.database;
        }
        let was_well = last.is_none_or(|health| health.database);
        let outcome = if self.store().has_written_within(SHARED_FOR) {
            Ok(())
        } else {
            match tokio::time::timeout(WRITE_TIMEOUT, self.beat()).await {
                Ok(written) => written.map_err(|error| error.to_string()),
                Err(_) => Err(format!("not within {} s", WRITE_TIMEOUT.as_secs())),
            }
        };
        match &outcome {
            Ok(()) if !was_well => tracing::info!("the database can be written again"),
            Err(error) if was_well => {
                tracing::error!(%error, "the database cannot be written: the server is not ready");
            }
            _ => {}
        }
        *last = Some(Health {
            database: outcome.is_ok(),
            checked_at: self.now(),
        });
        outcome.is_ok()
    }
}
