//! Clients.

use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use super::walk::{Order, Walk};
use super::{Conn, versions};
use crate::sql::Table as _;
use crate::{
    Change, ClientFilter, Cursor, Deleted, Deletion, Page, Part, Result, RevokeCount, StoreError,
    Updated,
};
use domain::{AuditEvent, Client, ClientStatus, UnixMillis};

/// Where a search looks.
const SEARCHED: &[&str] = &["name", "id"];

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Client>> {
    statement::query(sql!("SELECT ", Client::LIST, " FROM clients WHERE id = $1"))
        .bind(id)
        .optional(conn)
        .await
}

pub(crate) async fn list(
    conn: &mut Conn,
    filter: &ClientFilter,
    page: &Page,
) -> Result<Part<Client>> {
    let status = filter.status.map(|own| ("status", own.as_str()));
    let source = filter.source.map(|own| ("source", own.as_str()));
    let walk = Walk {
        columns: Client::LIST,
        table: "clients",
        order: Order::Age("issued_at"),
        within: status.or(source),
        also: source.filter(|_| status.is_some()).into_iter().collect(),
        from: None,
        alive_at: None,
        text: filter.text.as_deref().map(|text| (text, SEARCHED)),
        behind: filter.behind.as_ref(),
    };
    let place = |client: &Client| Cursor {
        at: client.issued_at,
        id: client.id.to_string(),
    };
    walk.part(conn, page, place).await
}

pub(crate) async fn count_active(conn: &mut Conn) -> Result<i64> {
    statement::query(sql!("SELECT COUNT(*) FROM clients WHERE status = 'active'"))
        .one(conn)
        .await
}

pub(crate) async fn count_registered(conn: &mut Conn) -> Result<i64> {
    statement::query(sql!("SELECT COUNT(*) FROM clients WHERE source = 'dcr'"))
        .one(conn)
        .await
}

/// Adds a client.
pub(crate) async fn create(tx: &mut Tx, client: &Client, audit: &[AuditEvent]) -> Result<()> {
    statement::query(sql!(
        "INSERT INTO clients (",
        Client::LIST,
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22)"
    ))
    .bind_all(client)
    .execute(&mut *tx.conn)
    .await
    .map_err(|error| match error {
        StoreError::Conflict(_) => StoreError::Conflict("a client with that id"),
        other => other,
    })?;
    tx.pending_audit(audit);
    tx.changed(Change::Client(client.id.to_string()));
    Ok(())
}

/// Writes all fields but status, source and age, if the client is still the one that was read.
pub(crate) async fn update(
    tx: &mut Tx,
    client: &Client,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Updated> {
    let (id, change) = (client.id.as_str(), Change::Client(client.id.to_string()));
    let updated_at = versions::next(client.updated_at, now);
    let written = statement::query(sql!(
        "UPDATE clients SET name = $2, secret_hash = $3, redirect_uris = $4, grant_types = $5, \
         response_types = $6, token_endpoint_auth_method = $7, further_auth_methods = $8, \
         token_endpoint_auth_signing_alg = $9, jwks = $10, jwks_uri = $11, application_type = $12, \
         scope = $15, default_resource = $16, client_uri = $17, logo_uri = $18, agent = $19, \
         agent_description = $20, updated_at = $23 WHERE id = $1 AND updated_at = $22"
    ))
    .bind_all(client)
    .bind(updated_at)
    .execute(&mut *tx.conn)
    .await?;
    if written == 0 {
        let there = sql!("SELECT 1 FROM clients WHERE id = $1");
        return versions::missed(tx, there, id, change).await;
    }
    tx.pending_audit(audit);
    tx.changed(change);
    Ok(Updated::Yes {
        updated_at,
        ended: RevokeCount::default(),
    })
}

/// Sets the status, unless the client is revoked, which is for good. Says what ended with it;
/// `None` when it did not change.
pub(crate) async fn set_status(
    tx: &mut Tx,
    id: &str,
    status: ClientStatus,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Option<RevokeCount>> {
    let changed = statement::query(sql!(
        "UPDATE clients SET status = $2, \
         updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at + 1 END \
         WHERE id = $1 AND status <> $2 AND status <> 'revoked'"
    ))
    .bind(id)
    .bind(status.as_str())
    .bind(now)
    .execute(&mut *tx.conn)
    .await?
        == 1;
    if !changed {
        return Ok(None);
    }
    let ended = match status {
        ClientStatus::Revoked => super::revocations::revoke_client(tx, id, now).await?,
        _ => RevokeCount::default(),
    };
    tx.pending_audit(audit);
    tx.changed(Change::Client(id.to_owned()));
    Ok(Some(ended))
}

/// The clients that have the resource with this slug for their default, by id.
pub(crate) async fn defaulting_to(conn: &mut Conn, slug: &str) -> Result<Vec<String>> {
    statement::query(sql!(
        "SELECT id FROM clients WHERE default_resource = $1 ORDER BY id"
    ))
    .bind(slug)
    .all(conn)
    .await
}

/// Whether any client has the resource with this id for its default.
pub(super) async fn default_to(tx: &mut Tx, resource_id: &str) -> Result<bool> {
    let clients: i64 = statement::query(sql!("SELECT COUNT(*) FROM clients WHERE default_resource = (SELECT slug FROM resources WHERE id = $1)"))
    .bind(resource_id)
    .one(&mut *tx.conn)
    .await?;
    Ok(clients > 0)
}

/// Takes the resource with this id from the clients that have it for their default.
pub(super) async fn without_default(tx: &mut Tx, resource_id: &str, now: UnixMillis) -> Result<()> {
    let changed: Vec<String> = statement::query(sql!(
        "UPDATE clients SET default_resource = NULL, \
         updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at + 1 END \
         WHERE default_resource = (SELECT slug FROM resources WHERE id = $1) RETURNING id"
    ))
    .bind(resource_id)
    .bind(now)
    .all(&mut *tx.conn)
    .await?;
    for id in changed {
        tx.changed(Change::Client(id));
    }
    Ok(())
}

/// Deletes a client with all it holds.
pub(crate) async fn delete(
    tx: &mut Tx,
    id: &str,
    how: Deletion,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Deleted> {
    if !how.force {
        tx.flush_tokens().await?;
        let held = super::holdings::of_client(&mut tx.conn, id, now).await?;
        if held.any() {
            return Ok(Deleted::InUse(held));
        }
    }
    let missed = versions::take(
        tx,
        sql!("DELETE FROM clients WHERE id = $1 AND ($2 < 0 OR updated_at = $2)"),
        sql!("SELECT 1 FROM clients WHERE id = $1"),
        id,
        how.version,
        Change::Client(id.to_owned()),
    );
    if let Some(missed) = missed.await? {
        return Ok(missed);
    }
    let ended = super::revocations::revoke_client(tx, id, now).await?;
    tx.run(sql!("DELETE FROM consent_grants WHERE client_id = $1"), id)
        .await?;
    tx.pending_audit(audit);
    Ok(Deleted::Yes(ended))
}
