//! Whether the server is alive and ready. One question to the database serves all probes of
//! one second.

use crate::Engine;
use domain::UnixMillis;
use std::time::Duration;
use tokio::sync::Mutex;

/// An answer of the database is good for so long.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// What a probe is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether the database answered.
    pub database: bool,
    /// When it was asked.
    pub checked_at: UnixMillis,
}

/// The last answer.
#[derive(Default)]
pub(crate) struct HealthProbe(Mutex<Option<Health>>);

impl Engine {
    /// Whether the database answers. Probes that come together wait for one question.
    pub async fn health(&self) -> Health {
        let mut last = self.inner().health.0.lock().await;
        let now = self.now();
        if let Some(health) = *last
            && health.checked_at <= now
            && now.since(health.checked_at) < SHARED_FOR
        {
            return health;
        }
        let database = match self.store().ping().await {
            Ok(()) => true,
            Err(error) => {
                if last.is_none_or(|health| health.database) {
                    tracing::error!(%error, "the database does not answer");
                }
                false
            }
        };
        if database && last.is_some_and(|health| !health.database) {
            tracing::info!("the database answers again");
        }
        let health = Health {
            database,
            checked_at: self.now(),
        };
        *last = Some(health);
        health
    }

    /// Whether the server can do its work: the database answers. The schema was brought up to
    /// date and the signing key opened before the server began to listen, so both are there
    /// as long as it runs.
    pub async fn ready(&self) -> bool {
        self.health().await.database
    }
}
