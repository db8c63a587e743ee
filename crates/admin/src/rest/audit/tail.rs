//! The audit trail as it grows, as server-sent events.

use super::super::refusal::{Answer, Refused};
use super::super::{App, input::Query};
use super::{Filter, position, wrong};
use crate::views::AuditEventView;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::AuditRecord;
use engine::{Engine, Error};
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use oauth::ErrorCode;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use store::AuditFilter;
use telemetry::metrics::DenyReason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Tails and exports at a time.
const MOST: usize = 16;
/// Time between two looks at the database.
const PAUSE: Duration = Duration::from_secs(1);
/// Events of one look.
const STEP: u32 = 500;
/// So often a comment keeps the connection of a quiet tail open.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Lets tails begin, and end with the server.
#[derive(Clone)]
pub(crate) struct Tails {
    seats: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

impl Tails {
    pub fn until(stop: watch::Receiver<bool>) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(MOST)),
            stop,
        }
    }

    /// A place among those whose answers are written bit by bit.
    pub fn seat(&self) -> Result<OwnedSemaphorePermit, Refused> {
        Arc::clone(&self.seats).try_acquire_owned().map_err(|_| {
            let mut error = Error::new(
                ErrorCode::TemporarilyUnavailable,
                DenyReason::RateLimited,
                format!("{MOST} streams and exports are open, and there are no more"),
            );
            error.retry_after = Some(KEEP_ALIVE);
            Refused::from(error)
        })
    }

    /// Completes when the server is told to stop.
    async fn stopped(mut self) {
        if self.stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Audit events as they are recorded, as server-sent events.
#[utoipa::path(
    get,
    path = "/admin/audit/stream",
    tag = "Audit",
    operation_id = "audit_stream",
    params(
        Filter,
        ("Last-Event-ID" = Option<String>, Header, description = "Go on behind this event"),
    ),
    responses(
        (status = 200, description = "Events without end", body = String, content_type = "text/event-stream"),
    ),
)]
pub(crate) async fn stream(
    State(app): State<App>,
    headers: HeaderMap,
    Query(asked): Query<Filter>,
) -> Answer<Response> {
    for (name, given) in [
        ("until", asked.until.is_some()),
        ("limit", asked.limit.is_some()),
        ("offset", asked.offset.is_some()),
    ] {
        if given {
            return Err(wrong(name, "a stream has no end; leave it out"));
        }
    }
    let filter = asked.read(&app)?;
    follow(app, &headers, filter)
}

/// Events that pass `filter`, from now on or from where the caller has been, as they come.
pub(crate) fn follow(app: App, headers: &HeaderMap, filter: AuditFilter) -> Answer<Response> {
    let last = headers.get("last-event-id").map(|id| {
        let id = id.to_str().unwrap_or_default();
        position("Last-Event-ID", id.to_owned())
    });
    let after = last.transpose()?.or_else(|| filter.behind.clone());
    let tail = Tail {
        filter: app.engine.audit_tail(filter, after),
        engine: app.engine,
        resting: false,
        _seat: app.tails.seat()?,
    };
    let events = stream::unfold(tail, Tail::look)
        .flat_map(stream::iter)
        .map(|event| Ok::<_, Infallible>(sent(event)))
        .take_until(app.tails.stopped());
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

/// One stream.
struct Tail {
    engine: Engine,
    filter: AuditFilter,
    /// Whether nothing more is to be had at the moment.
    resting: bool,
    _seat: OwnedSemaphorePermit,
}

impl Tail {
    /// What is new. A database that does not answer is asked again.
    async fn look(mut self) -> Option<(Vec<AuditRecord>, Self)> {
        if self.resting {
            tokio::time::sleep(PAUSE).await;
        }
        let found = self.engine.audit_follow(&mut self.filter, STEP).await;
        let (events, next) =
            found.map_or_else(|_| (Vec::new(), None), |own| (own.events, own.next));
        self.resting = next.is_none();
        Some((events, self))
    }
}

fn sent(record: AuditRecord) -> Event {
    let event = Event::default().id(&record.id);
    let view = AuditEventView::from(record);
    event.event(view.action).data(
        serde_json::to_string(&view).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")),
    )
}
