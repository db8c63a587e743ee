//! The audit trail: filtered, exported, and live.

use super::form::{Asked, Pairs};
use super::page::{Frame, Section, Shown, Trouble, link, plain, show};
use super::session::Visit;
use super::{Console, ROWS};
use crate::rest::audit::{Format, export as write_export, follow};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{AuditAction, AuditRecord, UnixMillis, Word as _};
use engine::Error;
use engine::admin::{AuditQuery, Since, parse_audit_actions};
use http::{HeaderMap, StatusCode};
use store::{AuditFilter, Page};

/// The fields of the filter, by name and label.
const FIELDS: [(&str, &str); 8] = [
    ("action", "Action"),
    ("user_id", "User id"),
    ("client_id", "Client id"),
    ("actor_id", "Actor"),
    ("ip", "Address"),
    ("trace_id", "Trace id"),
    ("since", "Since"),
    ("until", "Until"),
];

/// An event, as a row.
pub(super) struct Row {
    pub action: &'static str,
    pub at: UnixMillis,
    pub actor: String,
    pub user: Option<String>,
    pub client: Option<String>,
    pub resource: Option<String>,
    pub ip: Option<String>,
    pub detail: String,
    pub trace: Option<String>,
    pub request: Option<String>,
}

impl Row {
    /// How it is marked.
    pub fn tone(&self) -> &'static str {
        let bad = ["denied", "failed", "locked_out", "family.revoked"];
        match bad.iter().any(|word| self.action.contains(word)) {
            true => "bad",
            false => "plain",
        }
    }
}

impl From<AuditRecord> for Row {
    fn from(record: AuditRecord) -> Self {
        let event = record.event;
        let shown = |text: Option<String>| text.map(|text| plain(&text));
        Self {
            action: event.action.as_str(),
            at: record.created_at,
            actor: plain(&event.actor_id),
            user: shown(event.user_id),
            client: shown(event.client_id),
            resource: shown(event.resource),
            ip: event.ip,
            detail: plain(&event.detail),
            trace: event.trace_id,
            request: event.request_id,
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    actions: Vec<&'static str>,
    fields: Vec<(&'static str, &'static str, String)>,
    q: String,
    events: Vec<Row>,
    older: Option<String>,
    exports: [(&'static str, String); 2],
    stream: Option<String>,
    problem: Option<String>,
}

impl AuditPage {
    /// Whether one of the fields that are folded away holds something.
    fn is_narrow(&self) -> bool {
        self.fields.iter().any(|(.., value)| !value.is_empty())
    }
}

/// What the query asks for.
fn filter(console: &Console, asked: &Pairs) -> Result<AuditFilter, Error> {
    let wrong = |name: &str, fault: String| Error::invalid_request(format!("{name}: {fault}"));
    let time = |name: &str| -> Result<Option<Since>, Error> {
        let time = asked.given(name).map(|text| text.parse());
        time.transpose().map_err(|fault: String| wrong(name, fault))
    };
    let actions = asked.given("action").map(|list| parse_audit_actions(&list));
    let query = AuditQuery {
        actions: actions
            .transpose()
            .map_err(|fault| wrong("action", fault))?
            .unwrap_or_default(),
        user_id: asked.given("user_id"),
        actor_id: asked.given("actor_id"),
        client_id: asked.given("client_id"),
        ip: asked.given("ip"),
        trace_id: asked.given("trace_id"),
        since: time("since")?,
        until: time("until")?,
        text: asked.given("q"),
    };
    Ok(AuditFilter {
        behind: asked.given("cursor"),
        ..console.app.engine.audit_filter(query)
    })
}

/// A link that carries the filter on, and `more`.
fn onward(path: &str, asked: &Pairs, more: (&str, &str)) -> String {
    let names = FIELDS.iter().map(|(name, _)| *name).chain(["q"]);
    let mut pairs: Vec<_> = names.map(|name| (name, asked.get(name))).collect();
    pairs.push(more);
    link(path, &pairs)
}

/// `GET /admin/ui/audit`
pub(super) async fn list(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let (found, problem) = match filter(&console, &asked) {
        Ok(filter) => (
            Some(console.app.engine.audit_page(&filter, &page).await?),
            None,
        ),
        Err(error) => (None, Some(error.description.to_string())),
    };
    let next = found.as_ref().and_then(|found| found.next.as_deref());
    let older = next.map(|next| onward("/admin/ui/audit", &asked, ("cursor", next)));
    let export = |format| onward("/admin/ui/audit/export", &asked, ("format", format));
    // What has an end or begins further back cannot be followed.
    let live = problem.is_none() && asked.get("until").is_empty() && asked.get("cursor").is_empty();
    show(&AuditPage {
        frame: visit.frame(Section::Audit),
        actions: AuditAction::ALL.iter().map(|own| own.as_str()).collect(),
        fields: FIELDS
            .iter()
            .map(|(name, label)| (*name, *label, asked.get(name).to_owned()))
            .collect(),
        q: asked.get("q").to_owned(),
        events: found
            .into_iter()
            .flat_map(|found| found.events)
            .map(Row::from)
            .collect(),
        older,
        exports: [("NDJSON", export("ndjson")), ("CSV", export("csv"))],
        stream: live.then(|| onward("/admin/ui/audit/stream", &asked, ("", ""))),
        problem,
    })
}

/// `GET /admin/ui/audit/export`
pub(super) async fn export(
    State(console): State<Console>,
    Asked(asked): Asked,
) -> Result<Response, Trouble> {
    let format = match asked.get("format") {
        "csv" => Format::Csv,
        _ => Format::Ndjson,
    };
    let filter = filter(&console, &asked)?;
    let written = write_export(console.app, filter, format, None, 0).await;
    written.map_err(|refused| Trouble(refused.into_error()))
}

/// `GET /admin/ui/audit/stream`
pub(super) async fn stream(
    State(console): State<Console>,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Response {
    let Ok(filter) = filter(&console, &asked) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match follow(console.app, &headers, filter) {
        Ok(events) => events,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
