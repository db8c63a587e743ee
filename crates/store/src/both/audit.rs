//! The audit trail: adding to it, reading it, and checking its chains.

use super::Conn;
use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use super::walk::{containing, read};
use crate::sql::{LinkRow, Query, Table as _};
use crate::verify::ChainCheck;
use crate::{AuditFilter, AuditOrder, ChainReport, Cursor, Page, Part, Result};
use domain::{AuditAction, AuditEvent, AuditRecord, UnixMillis, first_uuid_at};
use std::ops::ControlFlow;
use std::time::Duration;

/// Ids begin with a time, so that the primary key bounds a search in time. They are made a
/// little before the row gets its own time, and clocks are set back now and then.
const ID_LAG: Duration = Duration::from_secs(60);
/// Rows that are read at a time.
const STRETCH: i64 = 10_000;

pub(crate) async fn record(tx: &mut Tx, events: &[AuditEvent]) -> Result<()> {
    tx.pending_audit(events);
    Ok(())
}

pub(crate) async fn list(
    conn: &mut Conn,
    filter: &AuditFilter,
    page: &Page,
) -> Result<Part<AuditRecord>> {
    let mut query = statement::build("");
    // One more tells whether there are more.
    let reach = i64::from(page.limit) + i64::from(page.offset) + 1;
    match filter.actions.as_slice() {
        [] => push_rows(&mut query, filter, None, reach),
        [first, more @ ..] => {
            // Each action in turn has an index that is in the order of the list.
            query.push("SELECT * FROM (");
            push_rows(&mut query, filter, Some(*first), reach);
            for action in more {
                query.push(") AS own UNION ALL SELECT * FROM (");
                push_rows(&mut query, filter, Some(*action), reach);
            }
            query.push(") AS own");
            if !more.is_empty() {
                push_order(&mut query, filter.order);
                query.push(" LIMIT ").push_bind(reach);
            }
        }
    }
    let rows = read(statement::built(query), conn, page.offset, page.limit).await?;
    let place = |record: &AuditRecord| Cursor {
        at: record.created_at,
        id: record.id.clone(),
    };
    Ok(Part::of(rows, place, None))
}

fn push_rows<'q>(
    query: &mut Query<'q>,
    filter: &'q AuditFilter,
    action: Option<AuditAction>,
    reach: i64,
) {
    query
        .push("SELECT ")
        .push(AuditRecord::LIST)
        .push(" FROM audit_events WHERE 1 = 1");
    if let Some(action) = action {
        query.push(" AND action = ").push_bind(action.as_str());
    }
    for (condition, value) in [
        (" AND user_id = ", &filter.user_id),
        (" AND actor_id = ", &filter.actor_id),
        (" AND client_id = ", &filter.client_id),
        (" AND ip = ", &filter.ip),
        (" AND trace_id = ", &filter.trace_id),
    ] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    if let Some(since) = filter.since {
        query
            .push(" AND id >= ")
            .push_bind(first_uuid_at(since.minus(ID_LAG)))
            .push(" AND created_at >= ")
            .push_bind(since);
    }
    if let Some(until) = filter.until {
        query
            .push(" AND id < ")
            .push_bind(first_uuid_at(until.plus(ID_LAG)))
            .push(" AND created_at < ")
            .push_bind(until);
    }
    if let Some(text) = &filter.text {
        query
            .push(
                " AND lower(detail || ' ' || coalesce(resource, '') || ' ' || \
                 coalesce(client_id, '') || ' ' || actor_id) LIKE lower(",
            )
            .push_bind(containing(text))
            .push(") ESCAPE '!'");
    }
    if let Some(id) = &filter.behind {
        query
            .push(match filter.order {
                AuditOrder::NewestFirst => " AND id < ",
                AuditOrder::OldestFirst => " AND id > ",
            })
            .push_bind(id);
    }
    push_order(query, filter.order);
    query.push(" LIMIT ").push_bind(reach);
}

fn push_order(query: &mut Query<'_>, order: AuditOrder) {
    query.push(match order {
        AuditOrder::NewestFirst => " ORDER BY id DESC",
        AuditOrder::OldestFirst => " ORDER BY id",
    });
}

/// Reads the whole record, a stretch at a time, so that no reader stands in the way of what cleans
/// up behind writers. Only the latest rows, some of which may be on their way, are read at once.
pub(crate) async fn verify_chain(conn: &mut Conn, now: UnixMillis) -> Result<ChainReport> {
    let mut check = ChainCheck::default();
    let mut behind = String::new();
    let settled = Some(first_uuid_at(now.minus(ID_LAG)));
    while let Some(last) = see_links(conn, &mut check, &behind, &settled, STRETCH).await? {
        behind = last;
    }
    see_links(conn, &mut check, &behind, &None, i64::MAX).await?;
    Ok(check.finish())
}

/// Shows `check` up to `limit` rows behind an id, and before another if there is one. The last of
/// them; `None` when there was none.
async fn see_links(
    conn: &mut Conn,
    check: &mut ChainCheck,
    behind: &str,
    before: &Option<String>,
    limit: i64,
) -> Result<Option<String>> {
    let mut last = None;
    let mut see = |link: LinkRow| {
        last = Some(link.row.id.clone());
        check.see(link);
        ControlFlow::Continue(())
    };
    statement::query(sql!(
        "SELECT ",
        LinkRow::LIST,
        " FROM audit_events WHERE id > $1 AND ($2 IS NULL OR id < $2) ORDER BY id LIMIT $3"
    ))
    .bind(behind)
    .bind(before)
    .bind(limit)
    .each(conn, &mut see)
    .await?;
    Ok(last)
}
