//! Resources.

use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use super::{Conn, clients, consents, fronting, versions};
use crate::sql::Table as _;
use crate::{Change, Deleted, Deletion, Result, RevokeCount, StoreError, Updated};
use domain::{AuditEvent, FrontingLink, Resource, UnixMillis};

fn taken(error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict(_) => StoreError::Conflict("a resource with that slug or uri"),
        other => other,
    }
}

/// All resources, by slug, and the links between them.
pub(crate) async fn all(conn: &mut Conn) -> Result<(Vec<Resource>, Vec<FrontingLink>)> {
    let resources = statement::query(sql!(
        "SELECT ",
        Resource::LIST,
        " FROM resources ORDER BY slug"
    ))
    .all(&mut *conn)
    .await?;
    Ok((resources, fronting::all(conn).await?))
}

/// The resource with this id, or else with this slug.
pub(crate) async fn find(conn: &mut Conn, reference: &str) -> Result<Option<Resource>> {
    statement::query(sql!("SELECT ", Resource::LIST, " FROM resources WHERE id = $1 OR slug = $1 ORDER BY CASE WHEN id = $1 THEN 0 ELSE 1 END LIMIT 1"))
    .bind(reference)
    .optional(conn)
    .await
}

pub(crate) async fn create(tx: &mut Tx, resource: &Resource, audit: &[AuditEvent]) -> Result<()> {
    statement::query(sql!(
        "INSERT INTO resources (",
        Resource::LIST,
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind_all(resource)
    .execute(&mut *tx.conn)
    .await
    .map_err(taken)?;
    tx.pending_audit(audit);
    tx.changed(Change::Resources);
    Ok(())
}

/// Writes all fields, if the resource is still the one that was read.
pub(crate) async fn update(
    tx: &mut Tx,
    resource: &Resource,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Updated> {
    let updated_at = versions::next(resource.updated_at, now);
    let written = statement::query(sql!("UPDATE resources SET slug = $2, uri = $3, backend_kind = $4, display_name = $5, scopes = $6, policy = $7, \
         token_typ = $8, updated_at = $9 WHERE id = $1 AND updated_at = $10"))
    .bind(resource.id.as_str())
    .bind(&resource.slug)
    .bind(&resource.uri)
    .bind(resource.backend_kind.as_str())
    .bind(&resource.display_name)
    .bind(&resource.scopes)
    .bind(&resource.policy)
    .bind(resource.token_typ.as_str())
    .bind(updated_at.0)
    .bind(resource.updated_at.0)
    .execute(&mut *tx.conn)
    .await
    .map_err(taken)?;
    if written == 0 {
        let there = sql!("SELECT 1 FROM resources WHERE id = $1");
        return versions::missed(tx, there, resource.id.as_str(), Change::Resources).await;
    }
    tx.pending_audit(audit);
    tx.changed(Change::Resources);
    Ok(Updated::Yes {
        updated_at,
        ended: RevokeCount::default(),
    })
}

/// Deletes a resource with the consents for it and its fronting links, and takes it from the
/// clients that have it for their default. Without `force`, a resource with either stays. All that rests on the consents ends: a resource that is
/// registered later under the same name is another.
pub(crate) async fn delete(
    tx: &mut Tx,
    id: &str,
    how: Deletion,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Deleted> {
    let referred = fronting::refer_to(tx, id).await? || clients::default_to(tx, id).await?;
    if referred && !how.force {
        return Ok(Deleted::InUse(RevokeCount::default()));
    }
    // What rests on the consents is found by way of the resource, which therefore goes last.
    let missed = versions::take(
        tx,
        sql!(
            "UPDATE resources SET updated_at = updated_at WHERE id = $1 AND ($2 < 0 OR updated_at = $2)"
        ),
        sql!("SELECT 1 FROM resources WHERE id = $1"),
        id,
        how.version,
        Change::Resources,
    );
    if let Some(missed) = missed.await? {
        return Ok(missed);
    }
    fronting::release(tx, id).await?;
    clients::without_default(tx, id, now).await?;
    let ended = consents::revoke_all_for(tx, id, now).await?;
    tx.run(
        sql!("DELETE FROM consent_grants WHERE resource_id = $1"),
        id,
    )
    .await?;
    tx.run(sql!("DELETE FROM resources WHERE id = $1"), id)
        .await?;
    tx.pending_audit(audit);
    tx.changed(Change::Resources);
    Ok(Deleted::Yes(ended))
}
