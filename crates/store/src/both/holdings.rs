//! What clients and users hold that is alive, and would end with them.

use super::Conn;
use super::dialect::sql;
use super::statement;
use crate::sql::Sql;
use crate::{Result, RevokeCount};
use domain::UnixMillis;

pub(crate) async fn of_client(conn: &mut Conn, id: &str, now: UnixMillis) -> Result<RevokeCount> {
    Ok(RevokeCount {
        consents: count(conn, sql!("SELECT COUNT(*) FROM consent_grants WHERE client_id = $1 AND (revoked_at IS NULL OR revoked_at > $2)"), id, now).await?,
        families: count(conn, sql!("SELECT COUNT(*) FROM token_families WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > $2"), id, now).await?,
        tokens: count(conn, sql!("SELECT COUNT(*) FROM issuances WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > $2"), id, now).await?,
        sessions: 0,
    })
}

pub(crate) async fn of_user(conn: &mut Conn, id: &str, now: UnixMillis) -> Result<RevokeCount> {
    Ok(RevokeCount {
        consents: count(conn, sql!("SELECT COUNT(*) FROM consent_grants WHERE user_id = $1 AND (revoked_at IS NULL OR revoked_at > $2)"), id, now).await?,
        families: count(conn, sql!("SELECT COUNT(*) FROM token_families WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2"), id, now).await?,
        tokens: count(conn, sql!("SELECT COUNT(*) FROM issuances WHERE subject_user_id = $1 AND revoked_at IS NULL AND expires_at > $2"), id, now).await?,
        sessions: count(conn, sql!("SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND expires_at > $2"), id, now).await?,
    })
}

/// How many rows a statement counts, of what `id` names, at the time `now`.
async fn count(conn: &mut Conn, statement: Sql, id: &str, now: UnixMillis) -> Result<u64> {
    let rows: i64 = statement::query(statement)
        .bind(id)
        .bind(now)
        .one(conn)
        .await?;
    Ok(rows.unsigned_abs())
}
