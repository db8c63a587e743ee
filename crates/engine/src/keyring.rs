//! Rotation of the signing key, and noticing that others rotated it.

use crate::admin::ACTOR;
use crate::observe::{SYSTEM, event};
use crate::{Engine, Result};
use domain::AuditAction;
use keys::KeyInfo;
use telemetry::Stopwatch;
use telemetry::trace::Span;

impl Engine {
    /// Makes a new signing key. The old one verifies until the last token it signed has ended.
    ///
    /// # Errors
    /// When the key store cannot be written.
    pub async fn rotate_key(&self) -> Result<KeyInfo> {
        self.rotate_key_by(ACTOR).await
    }

    async fn rotate_key_by(&self, actor: &str) -> Result<KeyInfo> {
        let algorithm = self.config().signing.algorithm;
        let rotation = self.keys().rotate(algorithm);
        let key = Span::start("KeyService.Rotate").run(rotation).await?;
        self.metrics().key_rotation.inc();
        self.metrics()
            .set_key_last_rotation(self.keys().last_rotation().seconds());
        tracing::info!(kid = %key.kid, alg = key.alg.as_str(), "signing key rotated");
        let event = event(AuditAction::KeyRotated, actor)
            .with("kid", &key.kid)
            .with("alg", key.alg.as_str());
        self.record(vec![event]).await;
        Ok(key)
    }

    /// Rotates if the configuration asks for another algorithm than the current key's. Meant for
    /// the start of a server.
    ///
    /// # Errors
    /// As [`Engine::rotate_key`].
    pub async fn follow_configured_algorithm(&self) -> Result<()> {
        if self.keys().current().algorithm() != self.config().signing.algorithm {
            self.rotate_key_by(SYSTEM).await?;
        }
        Ok(())
    }

    /// Reads the key store again. Says whether anything had changed.
    ///
    /// # Errors
    /// When the key store cannot be read; the keys in use stay.
    pub async fn reload_keys(&self) -> Result<bool> {
        let stopwatch = Stopwatch::start();
        let summary = self.keys().reload().await?;
        self.metrics()
            .key_reload_duration
            .observe(stopwatch.seconds());
        self.metrics()
            .set_key_last_rotation(self.keys().last_rotation().seconds());
        if summary.is_unchanged() {
            return Ok(false);
        }
        if summary.new_current.is_some() {
            self.metrics().key_rotation.inc();
        }
        let removed = summary.removed.join(" ");
        tracing::info!(
            new_current = summary.new_current.as_deref(),
            retired = summary.retired.join(" "),
            removed,
            "signing keys reloaded"
        );
        let current = summary
            .new_current
            .unwrap_or_else(|| self.keys().current().kid().to_owned());
        let mut event = event(AuditAction::KeyReloaded, SYSTEM).with("current", current);
        if !removed.is_empty() {
            event = event.with("removed", removed);
        }
        self.record(vec![event]).await;
        Ok(true)
    }

    /// Records that the server has read its files again because an operator told it to, with
    /// what it `found` of each.
    pub async fn record_reload(&self, found: &[(&str, &str)]) {
        let event = event(AuditAction::KeyReloaded, SYSTEM).with("cause", "sighup");
        let event = found
            .iter()
            .fold(event, |event, (what, how)| event.with(what, how));
        self.record(vec![event]).await;
    }

    /// Reads the key store again if its file has changed. Meant to be called every second.
    pub async fn follow_keys(&self) {
        if self.keys().changed_on_disk()
            && let Err(error) = self.reload_keys().await
        {
            tracing::error!(
                cause = error.cause.as_deref(),
                "the signing keys have changed and cannot be read; the old ones stay in use"
            );
        }
    }
}
