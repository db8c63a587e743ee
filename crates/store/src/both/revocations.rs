//! What ends tokens, and what is removed once it has ended.

use super::dialect::{self, sql};
use super::ledger::Tx;
use super::statement;
use crate::sql::{Sql, Value};
use crate::{Change, PurgeTarget, Result, Revoke, RevokeCount};
use domain::{AuditEvent, UnixMillis};
use std::time::Duration;

/// Spent codes are kept so long after their end, to recognise a late replay.
const CODE_MEMORY: Duration = Duration::from_secs(24 * 3600);
/// Rows removed in one transaction; between two of them others get their turn.
const PURGE_STEP: i64 = 1000;

pub(crate) async fn revoke(
    tx: &mut Tx,
    what: &Revoke,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<RevokeCount> {
    let count = match what {
        Revoke::Family(id) => revoke_family(tx, id.as_str(), now).await?,
        Revoke::Token(jti) => revoke_token(tx, jti.as_str(), now).await?,
        Revoke::User(id) => revoke_user(tx, id, now).await?,
        Revoke::Client(id) => revoke_client(tx, id, now).await?,
        Revoke::Consent(id) => super::consents::revoke(tx, id.as_str(), now).await?,
    };
    if count.any() {
        tx.pending_audit(audit);
    }
    Ok(count)
}

/// Runs an `UPDATE` of what `key` names. Says how many rows it changed.
pub(super) async fn execute<'q>(
    tx: &mut Tx,
    statement: Sql,
    key: impl Into<Value<'q>>,
    now: UnixMillis,
) -> Result<u64> {
    let query = statement::query(statement).bind(key).bind(now);
    query.execute(&mut *tx.conn).await
}

/// The same, for tokens, until there is nothing left to change. Where writers overlap, a
/// statement does not see what others add while it waits for them: a token that is being
/// exchanged for another holds the row that this is to change.
pub(super) async fn execute_all<'q, K: Into<Value<'q>>>(
    tx: &mut Tx,
    statement: Sql,
    key: impl Fn() -> K,
    now: UnixMillis,
) -> Result<u64> {
    let mut total = 0;
    loop {
        let changed = execute(tx, statement, key(), now).await?;
        total += changed;
        if changed == 0 || !dialect::WRITERS_OVERLAP {
            return Ok(total);
        }
    }
}

async fn revoke_family(tx: &mut Tx, id: &str, now: UnixMillis) -> Result<RevokeCount> {
    tx.flush_tokens().await?;
    tx.changed(Change::Family(id.to_owned()));
    let families = execute(
        tx,
        sql!("UPDATE token_families SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),
        id,
        now,
    )
    .await?;
    let tokens = execute_all(
        tx,
        sql!("UPDATE issuances SET revoked_at = $2 WHERE family_id = $1 AND revoked_at IS NULL AND expires_at > $2"),
        || id,
        now,
    )
    .await?;
    Ok(RevokeCount {
        families,
        tokens,
        ..RevokeCount::default()
    })
}

async fn revoke_token(tx: &mut Tx, jti: &str, now: UnixMillis) -> Result<RevokeCount> {
    tx.flush_tokens().await?;
    tx.changed(Change::Token(jti.to_owned()));
    let tokens = execute(
        tx,
        sql!("UPDATE issuances SET revoked_at = $2 WHERE jti = $1 AND revoked_at IS NULL AND expires_at > $2"),
        jti,
        now,
    )
    .await?;
    Ok(RevokeCount {
        tokens,
        ..RevokeCount::default()
    })
}

pub(crate) async fn revoke_user(tx: &mut Tx, id: &str, now: UnixMillis) -> Result<RevokeCount> {
    tx.flush_tokens().await?;
    tx.changed(Change::User(id.to_owned()));
    // Codes first: a redemption under way holds its code's row until its family can be seen.
    tx.run(
        sql!("DELETE FROM authorization_codes WHERE user_id = $1"),
        id,
    )
    .await?;
    let sessions = tx
        .run(sql!("DELETE FROM sessions WHERE user_id = $1"), id)
        .await?;
    let families = execute(
        tx,
        sql!("UPDATE token_families SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL"),
        id,
        now,
    )
    .await?;
    let tokens = execute_all(
        tx,
        sql!("UPDATE issuances SET revoked_at = $2 WHERE subject_user_id = $1 AND revoked_at IS NULL AND expires_at > $2"),
        || id,
        now,
    )
    .await?;
    Ok(RevokeCount {
        families,
        tokens,
        sessions,
        ..RevokeCount::default()
    })
}

pub(crate) async fn revoke_client(tx: &mut Tx, id: &str, now: UnixMillis) -> Result<RevokeCount> {
    tx.flush_tokens().await?;
    tx.changed(Change::Client(id.to_owned()));
    tx.run(
        sql!("DELETE FROM authorization_codes WHERE client_id = $1"),
        id,
    )
    .await?;
    let families = execute(
        tx,
        sql!(
            "UPDATE token_families SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL"
        ),
        id,
        now,
    )
    .await?;
    let own = execute(
        tx,
        sql!("UPDATE issuances SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > $2"),
        id,
        now,
    )
    .await?;
    let derived = execute_all(
        tx,
        sql!(
            "WITH RECURSIVE ended(jti) AS (SELECT jti FROM issuances \
         WHERE (client_id = $1 OR obtained_by = $1) AND expires_at > $2 \
         UNION SELECT i.jti FROM issuances i JOIN ended e ON i.parent_jti = e.jti) \
         UPDATE issuances SET revoked_at = $2 WHERE jti IN (SELECT jti FROM ended) \
         AND revoked_at IS NULL AND expires_at > $2"
        ),
        || id,
        now,
    )
    .await?;
    if derived > 0 {
        // They are other clients' tokens, and of any user.
        tx.changed(Change::Everything);
    }
    Ok(RevokeCount {
        families,
        tokens: own + derived,
        ..RevokeCount::default()
    })
}

/// Ends the tokens that were exchanged from `tokens`, at any depth. A token never outlives
/// the one it was exchanged from, so those that have expired need not be looked at.
pub(super) async fn revoke_descendants(
    tx: &mut Tx,
    tokens: &[String],
    now: UnixMillis,
) -> Result<u64> {
    if tokens.is_empty() {
        return Ok(0);
    }
    execute_all(
        tx,
        sql!(
            "WITH RECURSIVE ended(jti) AS (SELECT jti FROM issuances WHERE ",
            dialect::is_listed!("jti"),
            " UNION SELECT i.jti FROM issuances i JOIN ended e ON i.parent_jti = e.jti) \
             UPDATE issuances SET revoked_at = $2 WHERE jti IN (SELECT jti FROM ended) \
             AND revoked_at IS NULL AND expires_at > $2"
        ),
        || Value::list(tokens),
        now,
    )
    .await
}

/// Removes one step's worth. Says how much of the target went and whether nothing is left.
pub(crate) async fn purge_step(
    tx: &mut Tx,
    target: PurgeTarget,
    now: UnixMillis,
) -> Result<(u64, bool)> {
    let (statement, before) = match target {
        PurgeTarget::AuthorizationCodes => (
            sql!(
                "DELETE FROM authorization_codes WHERE digest IN \
             (SELECT digest FROM authorization_codes WHERE expires_at < $1 LIMIT $2)"
            ),
            now.minus(CODE_MEMORY),
        ),
        PurgeTarget::Sessions => {
            let sign_outs = sql!(
                "DELETE FROM console_sign_outs WHERE session_digest IN \
                 (SELECT session_digest FROM console_sign_outs WHERE expires_at < $1 LIMIT $2)"
            );
            if !delete_step(tx, sign_outs, now).await?.1 {
                return Ok((0, false));
            }
            (
                sql!(
                    "DELETE FROM sessions WHERE token_digest IN \
                 (SELECT token_digest FROM sessions WHERE expires_at < $1 LIMIT $2)"
                ),
                now,
            )
        }
        PurgeTarget::DpopProofs => (
            sql!(
                "DELETE FROM dpop_proofs WHERE proof IN \
             (SELECT proof FROM dpop_proofs WHERE expires_at < $1 LIMIT $2)"
            ),
            now,
        ),
        PurgeTarget::Assertions => (
            sql!(
                "DELETE FROM client_assertions WHERE assertion IN \
             (SELECT assertion FROM client_assertions WHERE expires_at < $1 LIMIT $2)"
            ),
            now,
        ),
        PurgeTarget::RefreshTokens => {
            // One family may hold thousands of tokens; these go first, in steps of their own.
            let tokens = sql!(
                "DELETE FROM refresh_tokens WHERE digest IN \
                 (SELECT r.digest FROM token_families f JOIN refresh_tokens r ON r.family_id = f.id \
                 WHERE f.expires_at < $1 LIMIT $2)"
            );
            if !delete_step(tx, tokens, now).await?.1 {
                return Ok((0, false));
            }
            (
                sql!(
                    "DELETE FROM token_families WHERE expires_at < $1 AND id IN \
                 (SELECT id FROM token_families f WHERE expires_at < $1 AND NOT EXISTS \
                 (SELECT 1 FROM refresh_tokens WHERE family_id = f.id) LIMIT $2)"
                ),
                now,
            )
        }
    };
    delete_step(tx, statement, before).await
}

/// Runs a `DELETE` of at most [`PURGE_STEP`] rows that ended before `before`; fewer rows mean
/// that nothing is left.
async fn delete_step(tx: &mut Tx, statement: Sql, before: UnixMillis) -> Result<(u64, bool)> {
    let removed = statement::query(statement)
        .bind(before)
        .bind(PURGE_STEP)
        .execute(&mut *tx.conn)
        .await?;
    let done = i64::try_from(removed).is_ok_and(|removed| removed < PURGE_STEP);
    Ok((removed, done))
}
