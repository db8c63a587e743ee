//! Audit events with the request they belong to, and refusals told in all three places at once.

use crate::{Engine, Error};
use domain::{AuditAction, AuditEvent};
use telemetry::RequestContext;

/// The actor of what the server does by itself.
pub(crate) const SYSTEM: &str = "system";

/// An event by `actor`, with address, trace and id of the request at hand.
pub(crate) fn event(action: AuditAction, actor: impl Into<String>) -> AuditEvent {
    let mut event = AuditEvent::new(action, actor);
    RequestContext::with_current(|context| {
        event.ip = context.client_ip.map(|ip| ip.to_string());
        event.trace_id = Some(context.trace_id.to_string());
        event.request_id = Some(context.request_id.to_string());
    });
    event
}

impl Engine {
    /// Records events that belong to no transaction of their own, but for refusals beyond
    /// `audit.denials_per_minute`. When the database is gone they are counted as dropped: the refusal they tell of stands all the same.
    pub(crate) async fn record(&self, events: Vec<AuditEvent>) {
        let now = self.monotonic();
        let admit = |event| self.inner().denials.admit(event, now);
        let events: Vec<_> = events.into_iter().flat_map(admit).collect();
        if !events.is_empty() {
            self.write_events(events).await;
        }
    }

    pub(crate) async fn write_events(&self, events: Vec<AuditEvent>) {
        let actions: Vec<_> = events.iter().map(|event| event.action).collect();
        if let Err(error) = self.store().record(events).await {
            tracing::error!(%error, "audit events could not be written");
            for action in actions {
                self.metrics().audit_events_dropped.add(action);
            }
        }
    }

    /// Counts and records a refusal: one metric, one audit row, both with its reason. What clients
    /// bring about on purpose is counted by itself.
    pub(crate) async fn deny(&self, error: &Error, event: AuditEvent) {
        match error.reason.challenge() {
            Some(challenge) => self.metrics().auth_challenges.add(challenge),
            None => self.metrics().auth_denied.add(error.reason),
        }
        if !error.is_server_fault() {
            self.record(vec![
                event
                    .with("error", error.code.as_str())
                    .with("reason", error.reason.as_str()),
            ])
            .await;
        }
    }
}
