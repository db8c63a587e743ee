//! Clients.

use super::ledger::Tx;
use super::statement;
use super::walk::{Order, Walk};
use super::{Conn, Db, versions};
use crate::rows::{ClientRow, to_json};
use crate::{
    Change, ClientFilter, Cursor, Deleted, Deletion, Page, Part, Result, RevokeCount, StoreError,
    Updated,
};
use domain::{AuditEvent, Client, ClientKeys, ClientStatus, UnixMillis};
use sqlx::Database;
use sqlx::query::Query;

const COLUMNS: &str = "id, name, secret_hash, redirect_uris, grant_types, response_types, \
     token_endpoint_auth_method, application_type, status, source, scope, default_resource, client_uri, \
     logo_uri, agent, agent_description, further_auth_methods, token_endpoint_auth_signing_alg, jwks, \
     jwks_uri, issued_at, updated_at";
/// Where a search looks.
const SEARCHED: &[&str] = &["name", "id"];

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Client>> {
    let row: Option<ClientRow> = statement::query_as(
        "SELECT id, name, secret_hash, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, status, source, scope, default_resource, \
         client_uri, logo_uri, agent, agent_description, further_auth_methods, \
         token_endpoint_auth_signing_alg, jwks, jwks_uri, issued_at, updated_at FROM clients WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.map(Client::try_from).transpose()
}

pub(crate) async fn list(
    conn: &mut Conn,
    filter: &ClientFilter,
    page: &Page,
) -> Result<Part<Client>> {
    let status = filter.status.map(|own| ("status", own.as_str()));
    let source = filter.source.map(|own| ("source", own.as_str()));
    let walk = Walk {
        columns: COLUMNS,
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
    walk.part::<ClientRow, _>(conn, page, place).await
}

pub(crate) async fn count_active(conn: &mut Conn) -> Result<i64> {
    Ok(
        statement::query_scalar("SELECT COUNT(*) FROM clients WHERE status = 'active'")
            .fetch_one(conn)
            .await?,
    )
}

pub(crate) async fn count_registered(conn: &mut Conn) -> Result<i64> {
    Ok(
        statement::query_scalar("SELECT COUNT(*) FROM clients WHERE source = 'dcr'")
            .fetch_one(conn)
            .await?,
    )
}

/// A statement whose first arguments are the id of a client and what can change of it.
fn with_fields<'q>(
    client: &'q Client,
    statement: &'static str,
) -> Query<'q, Db, <Db as Database>::Arguments> {
    statement::query(statement)
        .bind(client.id.as_str())
        .bind(&client.name)
        .bind(&client.secret_hash)
        .bind(to_json(&client.redirect_uris))
        .bind(to_json(&client.grant_types))
        .bind(to_json(&client.response_types))
        .bind(client.token_endpoint_auth_method.as_str())
        .bind(client.application_type.as_str())
        .bind(client.scope.to_string())
        .bind(&client.client_uri)
        .bind(&client.logo_uri)
        .bind(i64::from(client.agent))
        .bind(&client.agent_description)
        .bind(&client.default_resource)
        .bind(to_json(&client.further_auth_methods))
        .bind(
            client
                .token_endpoint_auth_signing_alg
                .map(|own| own.as_str()),
        )
        .bind(client.keys.as_ref().and_then(ClientKeys::jwks))
        .bind(client.keys.as_ref().and_then(ClientKeys::jwks_uri))
}

/// Adds a client.
pub(crate) async fn create(tx: &mut Tx, client: &Client, audit: &[AuditEvent]) -> Result<()> {
    with_fields(
        client,
        "INSERT INTO clients (id, name, secret_hash, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, scope, client_uri, logo_uri, agent, \
         agent_description, default_resource, further_auth_methods, token_endpoint_auth_signing_alg, \
         jwks, jwks_uri, updated_at, status, source, issued_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
         $20, $21, $22)",
    )
    .bind(client.updated_at.0)
    .bind(client.status.as_str())
    .bind(client.source.as_str())
    .bind(client.issued_at.0)
    .execute(&mut *tx.conn)
    .await
    .map_err(|error| match StoreError::from(error) {
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
    let written = with_fields(
        client,
        "UPDATE clients SET name = $2, secret_hash = $3, redirect_uris = $4, grant_types = $5, \
         response_types = $6, token_endpoint_auth_method = $7, application_type = $8, scope = $9, \
         client_uri = $10, logo_uri = $11, agent = $12, agent_description = $13, default_resource = $14, \
         further_auth_methods = $15, token_endpoint_auth_signing_alg = $16, jwks = $17, jwks_uri = $18, \
         updated_at = $19 WHERE id = $1 AND updated_at = $20",
    )
    .bind(updated_at.0)
    .bind(client.updated_at.0)
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    if written == 0 {
        let there = "SELECT 1 FROM clients WHERE id = $1";
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
    let changed = statement::query(
        "UPDATE clients SET status = $2, \
         updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at + 1 END \
         WHERE id = $1 AND status <> $2 AND status <> 'revoked'",
    )
    .bind(id)
    .bind(status.as_str())
    .bind(now.0)
    .execute(&mut *tx.conn)
    .await?
    .rows_affected()
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
    Ok(
        statement::query_scalar("SELECT id FROM clients WHERE default_resource = $1 ORDER BY id")
            .bind(slug)
            .fetch_all(conn)
            .await?,
    )
}

/// Whether any client has the resource with this id for its default.
pub(super) async fn default_to(tx: &mut Tx, resource_id: &str) -> Result<bool> {
    let clients: i64 = statement::query_scalar(
        "SELECT COUNT(*) FROM clients WHERE default_resource = (SELECT slug FROM resources WHERE id = $1)",
    )
    .bind(resource_id)
    .fetch_one(&mut *tx.conn)
    .await?;
    Ok(clients > 0)
}

/// Takes the resource with this id from the clients that have it for their default.
pub(super) async fn without_default(tx: &mut Tx, resource_id: &str, now: UnixMillis) -> Result<()> {
    let changed: Vec<String> = statement::query_scalar(
        "UPDATE clients SET default_resource = NULL, \
         updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at + 1 END \
         WHERE default_resource = (SELECT slug FROM resources WHERE id = $1) RETURNING id",
    )
    .bind(resource_id)
    .bind(now.0)
    .fetch_all(&mut *tx.conn)
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
        "DELETE FROM clients WHERE id = $1 AND ($2 < 0 OR updated_at = $2)",
        "SELECT 1 FROM clients WHERE id = $1",
        id,
        how.version,
        Change::Client(id.to_owned()),
    );
    if let Some(missed) = missed.await? {
        return Ok(missed);
    }
    let ended = super::revocations::revoke_client(tx, id, now).await?;
    tx.run("DELETE FROM consent_grants WHERE client_id = $1", id)
        .await?;
    tx.pending_audit(audit);
    Ok(Deleted::Yes(ended))
}
