//! The audit trail.

use domain::{AuditRecord, UnixMillis};
use serde::Serialize;
use utoipa::ToSchema;

/// One event.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEventView {
    /// Its id, which begins with its time.
    pub id: String,
    /// What happened.
    pub action: &'static str,
    /// Who did it: a user id, a client id, `admin`, `system` or `anonymous`.
    pub actor_id: String,
    /// Whom it concerns.
    pub user_id: Option<String>,
    /// The client in play.
    pub client_id: Option<String>,
    /// The resource in play.
    pub resource: Option<String>,
    /// Address of the caller.
    pub ip: Option<String>,
    /// `key=value …`.
    pub detail: String,
    /// Trace of the request.
    pub trace_id: Option<String>,
    /// Id of the request.
    pub request_id: Option<String>,
    /// When.
    pub created_at: UnixMillis,
}

impl AuditEventView {
    /// The fields, in their order.
    pub const FIELDS: [&str; 11] = [
        "id",
        "action",
        "actor_id",
        "user_id",
        "client_id",
        "resource",
        "ip",
        "detail",
        "trace_id",
        "request_id",
        "created_at",
    ];
}

impl From<AuditRecord> for AuditEventView {
    fn from(record: AuditRecord) -> Self {
        let event = record.event;
        Self {
            id: record.id,
            action: event.action.as_str(),
            actor_id: event.actor_id,
            user_id: event.user_id,
            client_id: event.client_id,
            resource: event.resource,
            ip: event.ip,
            detail: event.detail,
            trace_id: event.trace_id,
            request_id: event.request_id,
            created_at: record.created_at,
        }
    }
}

/// `GET /admin/audit`
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditListView {
    /// Newest first.
    pub events: Vec<AuditEventView>,
    /// The `cursor` of the next page; null on the last.
    pub next_cursor: Option<String>,
}
