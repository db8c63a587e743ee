//! The audit trail: in pages, as an export, and live.

mod export;
mod tail;

use super::App;
use super::input::Query;
use super::list::{near, page};
use super::query;
use super::refusal::{Answer, Refused};
use crate::views::{AuditEventView, AuditListView};
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use engine::admin::{AuditQuery, Since, parse_audit_actions};
pub(crate) use export::{Format, export};
use http::HeaderMap;
use http::header::ACCEPT;
use serde::Deserialize;
use store::AuditFilter;
pub(crate) use tail::{__path_stream, Tails, follow, stream};
use utoipa::IntoParams;

/// Which events, and which part of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    since: Option<String>,
    until: Option<String>,
    kind: Option<String>,
    action: Option<String>,
    user_id: Option<String>,
    actor_id: Option<String>,
    client_id: Option<String>,
    ip: Option<String>,
    trace_id: Option<String>,
    q: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "query::limit")]
    limit: Option<u32>,
    #[param(maximum = 10000)]
    #[serde(default, deserialize_with = "query::offset")]
    offset: Option<u32>,
    cursor: Option<String>,
}

impl Filter {
    /// What is asked of the store.
    fn read(self, app: &App) -> Result<AuditFilter, Refused> {
        let mut actions = Vec::new();
        for (name, list) in [("kind", self.kind), ("action", self.action)] {
            if let Some(list) = list {
                actions.extend(parse_audit_actions(&list).map_err(|fault| wrong(name, fault))?);
            }
        }
        actions.sort_unstable();
        actions.dedup();
        let query = AuditQuery {
            actions,
            user_id: self.user_id,
            actor_id: self.actor_id,
            client_id: self.client_id,
            ip: self.ip,
            trace_id: self.trace_id,
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            text: self.q,
        };
        let behind = self.cursor.map(|cursor| position("cursor", cursor));
        Ok(AuditFilter {
            behind: behind.transpose()?,
            ..app.engine.audit_filter(query)
        })
    }
}

fn wrong(name: &str, fault: impl std::fmt::Display) -> Refused {
    Refused::unreadable(format!("{name}: {fault}"))
}

fn time(name: &str, text: Option<String>) -> Result<Option<Since>, Refused> {
    let time = text.map(|text| text.parse());
    time.transpose().map_err(|fault: String| wrong(name, fault))
}

/// A place in the trail, which is the id of the event there.
fn position(name: &str, text: String) -> Result<String, Refused> {
    match domain::unix_millis_of(&text) {
        Some(_) if text.len() == 36 => Ok(text.to_ascii_lowercase()),
        _ => Err(wrong(
            name,
            "give what an earlier answer gave as the cursor",
        )),
    }
}

/// Audit events, newest first. With `Accept: application/x-ndjson` or `text/csv`, an export of all that is found.
#[utoipa::path(
    get,
    path = "/admin/audit",
    tag = "Audit",
    operation_id = "audit_list",
    params(
        Filter,
    ),
    responses(
        (status = 200, description = "Events", content((AuditListView = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(asked): Query<Filter>,
) -> Answer<Response> {
    let (limit, offset) = (asked.limit, asked.offset.unwrap_or(0));
    near(offset)?;
    let filter = asked.read(&app)?;
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if let Some(format) = accept.and_then(Format::asked_for) {
        return export(app, filter, format, limit, offset).await;
    }
    let page = page(limit, Some(offset))?;
    let found = app.engine.audit_page(&filter, &page).await?;
    let view = AuditListView {
        events: found.events.into_iter().map(AuditEventView::from).collect(),
        next_cursor: found.next,
    };
    Ok(Json(view).into_response())
}
