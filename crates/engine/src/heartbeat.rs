//! Signs of life in the database, and what the keys remember of them: a database that was lost,
//! swapped or restored from an old copy is told from the one that these keys have worked with.

use crate::Engine;
use keys::DatabaseNote;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::{AuditFilter, Heartbeat, Page, StoreError};

/// How far the signs of life have come.
#[derive(Default)]
pub(crate) struct Heart {
    /// Transactions of the store that the last one has seen.
    seen: AtomicU64,
    /// Whether the note beside the keys could not be written.
    mute: AtomicBool,
}

/// What to do about a database that lacks what these keys have signed.
const ADVICE: &str = "Tokens issued meanwhile stay valid until they expire but are not on record; clients, users and revocations made \
     meanwhile are gone. If this is not meant, stop the server and restore the right database; \
     if it is, see \"Restore\" in docs/start/production.md";

/// What to do about keys that the database does not know.
const KEYS_ADVICE: &str = "Access tokens that the old keys signed are refused. Sessions, and the secrets of clients, ended too, unless the \
     configuration gives session.secret and client_secret_pepper. Refresh tokens stay valid. \
     If this is not meant, stop the server and put the old keys back at signing.key_path; \
     if it is, see \"The signing keys are new\" in docs/operate/runbook.md";

impl Engine {
    /// Compares the database with what the keys remember of it, and logs what does not fit.
    pub async fn recognise_database(&self) {
        let noted = match self.keys().database_note().await {
            Ok(noted) => noted,
            Err(error) => {
                tracing::warn!(%error, "what the keys remember of the database cannot be read");
                None
            }
        };
        match (noted, self.store().last_heartbeat().await) {
            (Some(noted), Ok(None)) => tracing::error!(
                last_seen = %noted.at.rfc3339(),
                "the database is new or older than the keys: they have worked with another until {}. {ADVICE}",
                noted.at.rfc3339()
            ),
            (Some(noted), Ok(Some(last))) => self.compare(&noted, &last),
            (None, Ok(None)) if !self.keys().is_new() && self.has_no_past().await => {
                tracing::warn!(
                    "the database is new, but there are signing keys already. If they have worked with another database, \
                     that is the one to restore or to point to"
                );
            }
            (None, Ok(Some(last))) if self.keys().is_new() => tracing::error!(
                last_seen = %last.at.rfc3339(),
                "the signing keys are new, but the database was in use until {} with others. {KEYS_ADVICE}",
                last.at.rfc3339()
            ),
            (None, Ok(_)) => {}
            (_, Err(error)) => {
                tracing::warn!(%error, "whether the database is the one of these keys could not be found out");
            }
        }
        if let Err(error) = self.beat().await {
            tracing::warn!(%error, "the database cannot be written");
        }
    }

    fn compare(&self, noted: &DatabaseNote, last: &Heartbeat) {
        let (keys, database) = (noted.at.rfc3339(), last.at.rfc3339());
        if noted.database_id != last.database_id {
            tracing::error!(
                last_seen = %keys,
                "the database is another than the one that these keys have worked with until {keys}. {ADVICE}"
            );
        } else if last.at < noted.at {
            tracing::error!(
                last_seen = %keys,
                database_until = %database,
                "the database is behind: it ends at {database}, but was in use until {keys}. What was written in between is lost: \
                 its log was cut off or removed, or an older copy was put in place. {ADVICE}"
            );
        }
    }

    /// Whether nothing was ever recorded.
    async fn has_no_past(&self) -> bool {
        let page = Page {
            limit: 1,
            ..Page::default()
        };
        let events = self.store().audit(&AuditFilter::default(), &page).await;
        events.is_ok_and(|events| events.is_empty())
    }

    /// Leaves a sign of life when something was written since the last one.
    pub async fn beat_when_written(&self) {
        if self.store().commits() != self.inner().heart.seen.load(Ordering::Relaxed)
            && let Err(error) = self.beat().await
        {
            tracing::debug!(%error, "no sign of life could be left in the database");
        }
    }

    /// Leaves a sign of life in the database, and notes it beside the keys.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub(crate) async fn beat(&self) -> Result<(), StoreError> {
        let heart = &self.inner().heart;
        let before = self.store().commits();
        let Heartbeat { database_id, at } = self.store().beat().await?;
        // It has been committed itself.
        heart.seen.store(before + 1, Ordering::Relaxed);
        let noted = self.keys().note_database(DatabaseNote { database_id, at });
        match noted.await {
            Ok(()) => heart.mute.store(false, Ordering::Relaxed),
            Err(error) if !heart.mute.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "what the keys remember of the database cannot be written");
            }
            Err(_) => {}
        }
        Ok(())
    }
}
