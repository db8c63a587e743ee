//! Clients.

use super::ledger::Tx;
use super::{Conn, Db, versions};
use crate::rows::{ClientRow, to_json};
use crate::{Change, ClientFilter, Page, Result, RevokeCount, StoreError, Updated};
use domain::{AuditEvent, Client, ClientStatus, UnixMillis};
use sqlx::query::Query;
use sqlx::{Database, QueryBuilder};

const COLUMNS: &str = "id, name, secret_hash, redirect_uris, grant_types, response_types, \
     token_endpoint_auth_method, application_type, status, source, scope, client_uri, logo_uri, agent, \
     agent_description, issued_at, updated_at";

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Client>> {
    let row: Option<ClientRow> = sqlx::query_as(
        "SELECT id, name, secret_hash, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, status, source, scope, client_uri, logo_uri, agent, \
         agent_description, issued_at, updated_at FROM clients WHERE id = $1",
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
) -> Result<Vec<Client>> {
    let mut query = QueryBuilder::<Db>::new(format!("SELECT {COLUMNS} FROM clients WHERE 1 = 1"));
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(source) = filter.source {
        query.push(" AND source = ").push_bind(source.as_str());
    }
    if let Some(text) = &filter.q {
        let mut pattern = String::from("%");
        for c in text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        query
            .push(" AND (lower(name) LIKE lower(")
            .push_bind(pattern.clone())
            .push(") ESCAPE '\\' OR lower(id) LIKE lower(")
            .push_bind(pattern)
            .push(") ESCAPE '\\')");
    }
    query
        .push(" ORDER BY issued_at DESC, id DESC LIMIT ")
        .push_bind(i64::from(page.limit));
    query.push(" OFFSET ").push_bind(i64::from(page.offset));
    let rows: Vec<ClientRow> = query.build_query_as().fetch_all(conn).await?;
    rows.into_iter().map(Client::try_from).collect()
}

pub(crate) async fn count_active(conn: &mut Conn) -> Result<i64> {
    Ok(
        sqlx::query_scalar("SELECT COUNT(*) FROM clients WHERE status = 'active'")
            .fetch_one(conn)
            .await?,
    )
}

/// A statement whose first arguments are the id of a client and what can change of it.
fn with_fields<'q>(
    client: &'q Client,
    statement: &'static str,
) -> Query<'q, Db, <Db as Database>::Arguments> {
    sqlx::query(statement)
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
}

/// Adds a client.
pub(crate) async fn create(tx: &mut Tx, client: &Client, audit: &[AuditEvent]) -> Result<()> {
    with_fields(
        client,
        "INSERT INTO clients (id, name, secret_hash, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, scope, client_uri, logo_uri, agent, \
         agent_description, updated_at, status, source, issued_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
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
         client_uri = $10, logo_uri = $11, agent = $12, agent_description = $13, updated_at = $14 \
         WHERE id = $1 AND updated_at = $15",
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
    let changed = sqlx::query(
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

/// Deletes a client with all it holds. Says what ended with it; `None` when it was not there.
pub(crate) async fn delete(
    tx: &mut Tx,
    id: &str,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Option<RevokeCount>> {
    if tx.run("DELETE FROM clients WHERE id = $1", id).await? == 0 {
        return Ok(None);
    }
    let ended = super::revocations::revoke_client(tx, id, now).await?;
    tx.run("DELETE FROM consent_grants WHERE client_id = $1", id)
        .await?;
    tx.pending_audit(audit);
    Ok(Some(ended))
}
