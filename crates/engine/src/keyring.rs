//! Rotation of the signing key, and noticing that others rotated it.

use crate::admin::ACTOR;
use crate::observe::{SYSTEM, event};
use crate::{Engine, Result};
use domain::AuditAction;
use keys::{Activation, KeyInfo, ReloadSummary};
use oauth::ErrorCode;
use telemetry::Stopwatch;
use telemetry::trace::Span;

impl Engine {
    /// Makes a new signing key. It signs from its `active_at` on; the old one verifies until the
    /// last token it signed has ended.
    ///
    /// # Errors
    /// `conflict` when a published key waits for its time already; and when the key store cannot
    /// be written.
    pub async fn rotate_key(&self, activation: Activation) -> Result<KeyInfo> {
        self.rotate_key_by(ACTOR, activation).await
    }

    async fn rotate_key_by(&self, actor: &str, activation: Activation) -> Result<KeyInfo> {
        let algorithm = self.config().signing.algorithm;
        let rotation = self.keys().rotate(algorithm, activation);
        let key = Span::start("KeyService.Rotate").run(rotation).await?;
        self.metrics().key_rotation.inc();
        self.tell_last_rotation();
        let active_at = key.active_at.rfc3339();
        tracing::info!(kid = %key.kid, alg = key.alg.as_str(), status = key.status.as_str(), active_at, "signing key rotated");
        let event = event(AuditAction::KeyRotated, actor)
            .with("kid", &key.kid)
            .with("alg", key.alg.as_str())
            .with("status", key.status.as_str())
            .with("active_at", active_at);
        self.record(vec![event]).await;
        Ok(key)
    }

    /// Lets go of a signing key at once, and with it of all tokens that it signed.
    ///
    /// # Errors
    /// `not_found` when there is no such key; and when the key store cannot be written.
    pub async fn retire_key(&self, kid: &str) -> Result<()> {
        let retirement = self.keys().retire(kid);
        Span::start("KeyService.Retire").run(retirement).await?;
        self.tell_last_rotation();
        let active = self.keys().active();
        tracing::warn!(kid, active = active.kid(), "signing key retired");
        let event = event(AuditAction::KeyRetired, ACTOR)
            .with("kid", kid)
            .with("active", active.kid());
        self.record(vec![event]).await;
        Ok(())
    }

    /// Rotates if the configuration asks for another algorithm than the newest key's. Meant for
    /// the start of a server; of several that start together, one rotates.
    ///
    /// # Errors
    /// When the key store cannot be read or written.
    pub async fn follow_configured_algorithm(&self) -> Result<()> {
        let fits = || self.keys().newest_algorithm() == self.config().signing.algorithm;
        if fits() {
            return Ok(());
        }
        self.reload_keys().await?;
        if fits() {
            return Ok(());
        }
        match self.rotate_key_by(SYSTEM, Activation::Published).await {
            // Another instance was faster, and its key is of this algorithm.
            Err(error) if error.code == ErrorCode::Conflict => {
                self.reload_keys().await?;
                Ok(())
            }
            rotated => rotated.map(drop),
        }
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
        Ok(self.keys_changed(summary).await)
    }

    /// Puts a pending key to use whose time has come, and drops retired keys whose tokens are all
    /// dead. Meant to be called now and then: the pending key signs from its time on anyway.
    pub async fn settle_keys(&self) {
        match self.keys().settle().await {
            Ok(summary) => {
                self.keys_changed(summary).await;
            }
            Err(error) => {
                tracing::error!(%error, "the state of the signing keys could not be written")
            }
        }
    }

    /// Tells what has changed of the keys, if anything.
    async fn keys_changed(&self, summary: ReloadSummary) -> bool {
        self.tell_last_rotation();
        if summary.is_unchanged() {
            return false;
        }
        let is_new =
            |kid: &Option<String>| kid.as_ref().is_some_and(|kid| summary.added.contains(kid));
        if is_new(&summary.new_active) || is_new(&summary.new_pending) {
            self.metrics().key_rotation.inc();
        }
        let removed = summary.removed.join(" ");
        tracing::info!(
            new_active = summary.new_active.as_deref(),
            new_pending = summary.new_pending.as_deref(),
            retired = summary.retired.join(" "),
            removed,
            "signing keys changed"
        );
        let active = self.keys().active();
        let mut event = event(AuditAction::KeyReloaded, SYSTEM).with("active", active.kid());
        if let Some(pending) = summary.new_pending {
            event = event.with("pending", pending);
        }
        if !removed.is_empty() {
            event = event.with("removed", removed);
        }
        self.record(vec![event]).await;
        true
    }

    fn tell_last_rotation(&self) {
        self.metrics()
            .set_key_last_rotation(self.keys().last_rotation().seconds());
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
