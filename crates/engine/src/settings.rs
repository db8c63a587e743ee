//! Settings that an operator makes while the server runs.

use crate::admin::ACTOR;
use crate::observe::event;
use crate::{Engine, Result};
use config::DcrMode;
use domain::AuditAction;

const DCR_MODE: &str = "dcr.mode";

fn mode_of(word: &str) -> Option<DcrMode> {
    [
        DcrMode::Open,
        DcrMode::ApprovedRedirects,
        DcrMode::AdminOnly,
    ]
    .into_iter()
    .find(|mode| mode.as_str() == word)
}

impl Engine {
    /// Who may register clients: what was set at run time, else what is configured.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn dcr_mode(&self) -> Result<DcrMode> {
        let set = self.store().setting(DCR_MODE).await?;
        Ok(set
            .as_deref()
            .and_then(mode_of)
            .unwrap_or(self.config().dcr.mode))
    }

    /// Sets who may register clients, on all instances and across restarts.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn set_dcr_mode(&self, mode: DcrMode) -> Result<()> {
        let event = event(AuditAction::DcrModeUpdated, ACTOR).with("mode", mode.as_str());
        self.store()
            .put_setting(DCR_MODE.to_owned(), mode.as_str().to_owned(), vec![event])
            .await?;
        tracing::info!(mode = mode.as_str(), "registration mode changed");
        Ok(())
    }
}
