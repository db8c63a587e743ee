//! Fronting links: which resource may obtain tokens for which.

use super::Conn;
use super::dialect::{self, sql};
use super::ledger::Tx;
use super::statement;
use crate::sql::Table as _;
use crate::{Change, FrontingLinkState, Result};
use domain::{AuditEvent, FrontingLink};

pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<FrontingLink>> {
    statement::query(sql!(
        "SELECT ",
        FrontingLink::LIST,
        " FROM fronting_links ORDER BY source_id, target_id"
    ))
    .all(conn)
    .await
}

/// Adds a link, unless it is there or would close a cycle. Without `keep` it is only tried.
pub(crate) async fn create(
    tx: &mut Tx,
    link: &FrontingLink,
    keep: bool,
    audit: &[AuditEvent],
) -> Result<FrontingLinkState> {
    dialect::hold_fronting_links(&mut tx.conn).await?;
    let links = all(&mut tx.conn).await?;
    let is_this = |other: &FrontingLink| {
        other.source_id == link.source_id && other.target_id == link.target_id
    };
    if links.iter().any(is_this) {
        return Ok(FrontingLinkState::Exists);
    }
    if FrontingLink::closes_a_cycle(&links, &link.source_id, &link.target_id) {
        return Ok(FrontingLinkState::Cycle);
    }
    // The resources may have been deleted since they were looked up.
    let ends: i64 = statement::query(sql!("SELECT COUNT(*) FROM resources WHERE id IN ($1, $2)"))
        .bind(link.source_id.as_str())
        .bind(link.target_id.as_str())
        .one(&mut *tx.conn)
        .await?;
    if ends != 2 {
        return Ok(FrontingLinkState::NoResource);
    }
    if keep {
        statement::query(sql!(
            "INSERT INTO fronting_links (",
            FrontingLink::LIST,
            ") VALUES ($1, $2, $3, $4, $5, $6)"
        ))
        .bind_all(link)
        .execute(&mut *tx.conn)
        .await?;
        tx.pending_audit(audit);
        tx.changed(Change::Resources);
    }
    Ok(FrontingLinkState::Free)
}

/// Writes the scope map of a link. Says whether the link was there.
pub(crate) async fn update(tx: &mut Tx, link: &FrontingLink, audit: &[AuditEvent]) -> Result<bool> {
    let found = statement::query(sql!("UPDATE fronting_links SET scope_map = $3, updated_at = $4 WHERE source_id = $1 AND target_id = $2"))
    .bind(link.source_id.as_str())
    .bind(link.target_id.as_str())
    .bind(&link.scope_map)
    .bind(link.updated_at)
    .execute(&mut *tx.conn)
        .await?
        == 1;
    if found {
        tx.pending_audit(audit);
        tx.changed(Change::Resources);
    }
    Ok(found)
}

/// Removes a link. Says whether it was there.
pub(crate) async fn delete(
    tx: &mut Tx,
    source_id: &str,
    target_id: &str,
    audit: &[AuditEvent],
) -> Result<bool> {
    let found = statement::query(sql!(
        "DELETE FROM fronting_links WHERE source_id = $1 AND target_id = $2"
    ))
    .bind(source_id)
    .bind(target_id)
    .execute(&mut *tx.conn)
    .await?
        == 1;
    if found {
        tx.pending_audit(audit);
        tx.changed(Change::Resources);
    }
    Ok(found)
}

/// Whether there are links from or to a resource; there will be no others until the transaction
/// ends.
pub(crate) async fn refer_to(tx: &mut Tx, resource_id: &str) -> Result<bool> {
    dialect::hold_fronting_links(&mut tx.conn).await?;
    let links: i64 = statement::query(sql!(
        "SELECT COUNT(*) FROM fronting_links WHERE source_id = $1 OR target_id = $1"
    ))
    .bind(resource_id)
    .one(&mut *tx.conn)
    .await?;
    Ok(links > 0)
}

/// Removes the links of a resource, in either direction.
pub(crate) async fn release(tx: &mut Tx, resource_id: &str) -> Result<()> {
    statement::query(sql!(
        "DELETE FROM fronting_links WHERE source_id = $1 OR target_id = $1"
    ))
    .bind(resource_id)
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
