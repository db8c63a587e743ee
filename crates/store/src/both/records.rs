//! Issuances and settings: what is read back of the permanent record.

use super::ledger::Tx;
use super::statement;
use super::{Conn, Db};
use crate::rows::IssuanceRow;
use crate::{Change, Counts, IssuanceFilter, Page, Result};
use domain::{AuditEvent, Issuance, UnixMillis, first_uuid_at};
use sqlx::QueryBuilder;

pub(crate) async fn find_issuance(conn: &mut Conn, jti: &str) -> Result<Option<Issuance>> {
    let row: Option<IssuanceRow> = statement::query_as(
        "SELECT jti, subject_user_id, client_id, resource_id, audience, scopes, family_id, parent_jti, \
         consent_client_id, consent_resource_id, obtained_by, dpop_jkt, agent_id, agent_chain, issued_at, expires_at, revoked_at \
         FROM issuances WHERE jti = $1",
    )
    .bind(jti)
    .fetch_optional(conn)
    .await?;
    row.map(Issuance::try_from).transpose()
}

pub(crate) async fn list_issuances(
    conn: &mut Conn,
    filter: &IssuanceFilter,
    page: &Page,
) -> Result<Vec<Issuance>> {
    let mut query = QueryBuilder::<Db>::new(
        "SELECT jti, subject_user_id, client_id, resource_id, audience, scopes, family_id, parent_jti, \
         consent_client_id, consent_resource_id, obtained_by, dpop_jkt, agent_id, agent_chain, issued_at, expires_at, revoked_at \
         FROM issuances WHERE jti >= ",
    );
    // A `jti` begins with the time, so that one index bounds the search and orders its results.
    query.push_bind(first_uuid_at(filter.since));
    if let Some(user) = &filter.user_id {
        query.push(" AND subject_user_id = ").push_bind(user);
    }
    if let Some(client) = &filter.client_id {
        query.push(" AND client_id = ").push_bind(client);
    }
    if let Some(resource) = &filter.resource_id {
        query.push(" AND resource_id = ").push_bind(resource);
    }
    query
        .push(" ORDER BY jti DESC LIMIT ")
        .push_bind(i64::from(page.limit));
    query.push(" OFFSET ").push_bind(i64::from(page.offset));
    let rows: Vec<IssuanceRow> = statement::built(&mut query)
        .build_query_as()
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(Issuance::try_from).collect()
}

pub(crate) async fn find_setting(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    Ok(
        statement::query_scalar("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(conn)
            .await?,
    )
}

pub(crate) async fn put_setting(
    tx: &mut Tx,
    name: &str,
    value: &str,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<()> {
    statement::query(
        "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
    )
    .bind(name)
    .bind(value)
    .bind(now.0)
    .execute(&mut *tx.conn)
    .await?;
    tx.pending_audit(audit);
    tx.changed(Change::Settings);
    Ok(())
}

pub(crate) async fn ping(conn: &mut Conn) -> Result<()> {
    statement::query("SELECT 1").execute(conn).await?;
    Ok(())
}

/// How much there is. The id of a token begins with its time.
pub(crate) async fn counts(conn: &mut Conn, since: UnixMillis, now: UnixMillis) -> Result<Counts> {
    let (clients, users, alive, revoked): (i64, i64, i64, i64) = statement::query_as(
        "SELECT (SELECT COUNT(*) FROM clients), (SELECT COUNT(*) FROM users), \
         (SELECT COUNT(*) FROM issuances WHERE jti >= $1 AND revoked_at IS NULL AND expires_at > $2), \
         (SELECT COUNT(*) FROM issuances WHERE revoked_at IS NOT NULL)",
    )
    .bind(first_uuid_at(since))
    .bind(now.0)
    .fetch_one(conn)
    .await?;
    Ok(Counts {
        clients: clients.unsigned_abs(),
        users: users.unsigned_abs(),
        alive_tokens: alive.unsigned_abs(),
        revoked_tokens: revoked.unsigned_abs(),
    })
}
