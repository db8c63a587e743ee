//! Clients that registered themselves and that nobody uses.
//!
//! One that an operator has changed is the operator's, and stays.
//!
//! When a client was last used is found out when it is asked, from the tokens, grants and consents
//! it has; a request writes nothing for it. What was found is kept with the client, so that a
//! purge looks at each client once in a while only.

use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use crate::sql::Sql;
use crate::{Change, ClientExpiry, Result};
use domain::{AuditEvent, UnixMillis};

/// Clients that one transaction looks at, of each kind.
const STEP: i64 = 100;

/// Whoever holds a grant or a code that is alive, or is named by the policy of a resource, counts
/// as used now; else the latest of what it was given.
const LAST_USE: Sql = sql!(
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM token_families \
     WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > $2) \
     OR EXISTS (SELECT 1 FROM authorization_codes WHERE client_id = $1 AND expires_at > $2) \
     OR EXISTS (SELECT 1 FROM resources WHERE policy LIKE '%\"' || $1 || '\"%') THEN $2 ELSE \
     (SELECT MAX(at) FROM ( \
     SELECT MAX(created_at) AS at FROM token_families WHERE client_id = $1 UNION ALL \
     SELECT MAX(updated_at) AS at FROM consent_grants WHERE client_id = $1 UNION ALL \
     SELECT (SELECT issued_at FROM issuances WHERE client_id = $1 ORDER BY jti DESC LIMIT 1) AS at) uses) END"
);

/// Removes those of the next clients that have expired; `audit` is recorded of each, with its id
/// and the reason. Says how many went, and whether there may be more.
pub(crate) async fn expire(
    tx: &mut Tx,
    expiry: ClientExpiry,
    now: UnixMillis,
    audit: &AuditEvent,
) -> Result<(u64, bool)> {
    tx.flush_tokens().await?;
    let (mut removed, mut more) = (0, false);
    if let Some(before) = expiry.unused_before {
        let candidates = sql!(
            "SELECT id FROM clients WHERE source = 'dcr' AND used_at IS NULL \
             AND updated_at = issued_at AND issued_at < $1 ORDER BY issued_at, id LIMIT $2"
        );
        let ids = next(tx, candidates, before).await?;
        more |= is_full(&ids);
        for id in ids {
            match last_use(tx, &id, now).await? {
                Some(at) => remember(tx, &id, at).await?,
                None => removed += remove(tx, &id, "unused", audit).await?,
            }
        }
    }
    if let Some(before) = expiry.idle_before {
        let candidates = sql!(
            "SELECT id FROM clients WHERE source = 'dcr' AND used_at IS NOT NULL \
             AND updated_at = issued_at AND used_at < $1 ORDER BY used_at, id LIMIT $2"
        );
        let ids = next(tx, candidates, before).await?;
        more |= is_full(&ids);
        for id in ids {
            match last_use(tx, &id, now).await? {
                Some(at) if at >= before => remember(tx, &id, at).await?,
                _ => {
                    let gone = remove(tx, &id, "idle", audit).await?;
                    if gone > 0 {
                        super::revocations::revoke_client(tx, &id, now).await?;
                        tx.run(sql!("DELETE FROM consent_grants WHERE client_id = $1"), &id)
                            .await?;
                    }
                    removed += gone;
                }
            }
        }
    }
    Ok((removed, more))
}

async fn next(tx: &mut Tx, candidates: Sql, before: UnixMillis) -> Result<Vec<String>> {
    statement::query(candidates)
        .bind(before)
        .bind(STEP)
        .all(&mut *tx.conn)
        .await
}

fn is_full(ids: &[String]) -> bool {
    i64::try_from(ids.len()).is_ok_and(|ids| ids == STEP)
}

async fn last_use(tx: &mut Tx, id: &str, now: UnixMillis) -> Result<Option<UnixMillis>> {
    statement::query(LAST_USE)
        .bind(id)
        .bind(now)
        .one(&mut *tx.conn)
        .await
}

async fn remember(tx: &mut Tx, id: &str, at: UnixMillis) -> Result<()> {
    statement::query(sql!("UPDATE clients SET used_at = $2 WHERE id = $1"))
        .bind(id)
        .bind(at)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}

/// Removes the client, unless an operator has changed it or another purge was first.
async fn remove(tx: &mut Tx, id: &str, reason: &str, audit: &AuditEvent) -> Result<u64> {
    let unchanged = sql!("DELETE FROM clients WHERE id = $1 AND updated_at = issued_at");
    let removed = statement::query(unchanged)
        .bind(id)
        .execute(&mut *tx.conn)
        .await?;
    if removed > 0 {
        tx.audit(audit.clone().client(id).with("reason", reason));
        tx.changed(Change::Client(id.to_owned()));
    }
    Ok(removed)
}
