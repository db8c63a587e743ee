//! Codes, families and refresh tokens: the transitions of the interactive flow.

use super::dialect::{self, sql};
use super::lane::Asked;
use super::ledger::Tx;
use super::statement;
use super::{Conn, consents, proofs};
use crate::sql::{Table as _, Value, both};
use crate::{Authorize, RedeemCode, Redeemed, Result, RotateRefresh, Rotated};
use domain::{AuthorizationCode, Digest, FamilyId, RefreshToken, RefreshTokenState, UnixMillis};
use std::collections::HashSet;

pub(crate) async fn authorize(tx: &mut Tx, command: &Authorize) -> Result<()> {
    let code = &command.code;
    for consent in &command.consents {
        consents::remember(tx, &code.user_id, &code.client_id, consent, code.created_at).await?;
    }
    statement::query(sql!(
        "INSERT INTO authorization_codes (",
        AuthorizationCode::LIST,
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    ))
    .bind_all(code)
    .execute(&mut *tx.conn)
    .await?;
    tx.pending_audit(&command.audit);
    Ok(())
}

/// The code and whether it has been spent.
pub(crate) async fn find_code(
    conn: &mut Conn,
    digest: &Digest,
) -> Result<Option<(AuthorizationCode, bool)>> {
    let found: Option<(_, Option<UnixMillis>)> = statement::query(sql!(
        "SELECT ",
        AuthorizationCode::LIST,
        ", spent_at FROM authorization_codes WHERE digest = $1"
    ))
    .bind(digest)
    .optional(conn)
    .await?;
    Ok(found.map(|(code, spent_at)| (code, spent_at.is_some())))
}

/// Spends the codes of `group` and founds their families.
pub(crate) async fn redeem(
    tx: &mut Tx,
    group: &mut [&mut Asked<RedeemCode, Redeemed>],
) -> Result<()> {
    let proof = |command: &RedeemCode| command.proof;
    let group = proofs::use_all(tx, group, proof, Redeemed::ProofReplayed).await?;
    let Some(now) = group.iter().map(|asked| asked.request.now.0).max() else {
        return Ok(());
    };
    let digests = group.iter().map(|asked| &asked.request.digest);
    let spent: Vec<Digest> = statement::query(sql!(
        "UPDATE authorization_codes SET spent_at = $2 WHERE ",
        dialect::is_listed!(bytes "digest"),
        " AND spent_at IS NULL AND expires_at > $2 RETURNING digest"
    ))
    .bind(Value::list(digests))
    .bind(now)
    .all(&mut *tx.conn)
    .await?;
    let mut spent = HashSet::<Digest>::from_iter(spent);
    for asked in group {
        let command = &asked.request;
        // Of two that bring the same code, one has spent it.
        asked.answer = Some(if spent.remove(&command.digest) {
            let expires_at = command
                .refresh
                .as_ref()
                .map_or(command.issuance.expires_at, |refresh| refresh.expires_at);
            tx.family(command.family.clone(), expires_at);
            if let Some(refresh) = &command.refresh {
                tx.refresh_token(refresh.clone());
            }
            tx.issuance(command.issuance.clone());
            tx.audit(command.audit.clone());
            Redeemed::Yes
        } else {
            match find_code(&mut tx.conn, &command.digest).await? {
                Some((_, true)) => Redeemed::AlreadySpent,
                _ => Redeemed::Gone,
            }
        });
    }
    Ok(())
}

pub(crate) async fn find_refresh(
    conn: &mut Conn,
    digest: &Digest,
) -> Result<Option<RefreshTokenState>> {
    statement::query(sql!(
        "SELECT t.digest, t.family_id, t.dpop_jkt, t.created_at, t.expires_at, t.spent_at, t.narrowed_to, \
         f.id, f.user_id, f.client_id, f.scope, f.resources, f.auth_time, f.created_at, f.revoked_at \
         FROM refresh_tokens t JOIN token_families f ON f.id = t.family_id WHERE t.digest = $1"
    ))
    .bind(digest)
    .optional(conn)
    .await
}

/// Spends the refresh tokens of `group` and adds the next ones. Those that were spent before are
/// looked at again: they may have been presented by somebody who retries.
pub(crate) async fn rotate(
    tx: &mut Tx,
    group: &mut [&mut Asked<RotateRefresh, Rotated>],
) -> Result<()> {
    let proof = |command: &RotateRefresh| command.proof;
    let group = proofs::use_all(tx, group, proof, Rotated::ProofReplayed).await?;
    let latest =
        |of: fn(&RotateRefresh) -> UnixMillis| group.iter().map(|asked| of(&asked.request).0).max();
    let (Some(now), Some(expires_at)) = (
        latest(|command| command.now),
        latest(|command| command.next.expires_at),
    ) else {
        return Ok(());
    };
    // The families' rows are taken first: a revocation either comes before and is seen here,
    // or waits, and then sees the tokens added here. A token that is no good leaves them alone.
    let digests = || Value::list(group.iter().map(|asked| &asked.request.digest));
    let hold = statement::query(sql!(
        "UPDATE token_families SET expires_at = $3 WHERE revoked_at IS NULL AND id IN \
         (SELECT family_id FROM refresh_tokens WHERE ",
        dialect::is_listed!(bytes "digest"),
        " AND spent_at IS NULL AND expires_at > $2) RETURNING id"
    ))
    .bind(digests())
    .bind(now)
    .bind(expires_at);
    let spend = statement::query(sql!(
        "UPDATE refresh_tokens SET spent_at = $2 WHERE ",
        dialect::is_listed!(bytes "digest"),
        " AND spent_at IS NULL AND expires_at > $2 AND EXISTS \
         (SELECT 1 FROM token_families WHERE id = family_id AND revoked_at IS NULL) RETURNING digest"
    ))
    .bind(digests())
    .bind(now);
    let (_, spent): (Vec<FamilyId>, Vec<Digest>) = both(&mut *tx.conn, (hold, spend)).await?;
    let mut spent = HashSet::<Digest>::from_iter(spent);
    let mut others = Vec::new();
    for asked in group {
        let command = &asked.request;
        // Of two that bring the same token, one has spent it.
        if spent.remove(&command.digest) {
            tx.refresh_token(command.next.clone());
            tx.issuance(command.issuance.clone());
            tx.audit(command.audit.clone());
            asked.answer = Some(Rotated::Yes);
        } else {
            others.push(asked);
        }
    }
    if !others.is_empty() {
        retry(tx, others).await?;
    }
    Ok(())
}

/// Answers those of a rotation whose token cannot be spent: it was, or it is no good. Their
/// families are held first, so that neither a revocation nor the use of a successor can come
/// between what is read here and what is written.
async fn retry(tx: &mut Tx, group: Vec<&mut Asked<RotateRefresh, Rotated>>) -> Result<()> {
    // The successors that this very transaction has made are to be found, too.
    tx.flush_tokens().await?;
    let families = group.iter().map(|asked| &asked.request.family_id);
    statement::query(sql!(
        "SELECT id FROM token_families WHERE ",
        dialect::is_listed!("id"),
        dialect::and_hold!(" ORDER BY id")
    ))
    .bind(Value::list(families))
    .execute(&mut *tx.conn)
    .await?;
    for asked in group {
        let command = &asked.request;
        let found = find_refresh(&mut tx.conn, &command.digest).await?;
        let answer = match found {
            Some(RefreshTokenState { token, family })
                if token.spent_at.is_some() && family.revoked_at.is_none() =>
            {
                let is_retry = token.spent_within(command.retry_window, command.now);
                let next = match is_retry {
                    true => find_refresh(&mut tx.conn, &command.next.digest).await?,
                    false => None,
                };
                retried(command, next.map(|state| state.token).as_ref())
            }
            _ => Rotated::Gone,
        };
        if answer == Rotated::Retried {
            tx.issuance(command.issuance.clone());
            tx.audit(command.audit.clone().with("retry", "true"));
        }
        asked.answer = Some(answer);
    }
    Ok(())
}

/// How `command` ends, whose token was spent a moment ago for `next`.
fn retried(command: &RotateRefresh, next: Option<&RefreshToken>) -> Rotated {
    match next {
        Some(next) if next.spent_at.is_none() => {
            let scopes = &command.issuance.scopes;
            let limit = next.narrowed_to.as_ref();
            if next.expires_at <= command.now {
                Rotated::Gone
            } else if limit.is_none_or(|limit| scopes.is_subset_of(limit)) {
                Rotated::Retried
            } else {
                Rotated::RetriedBeyondScope
            }
        }
        _ => Rotated::AlreadySpent,
    }
}

/// Families that can still be refreshed.
pub(crate) async fn count_active_families(conn: &mut Conn, now: UnixMillis) -> Result<i64> {
    statement::query(sql!(
        "SELECT COUNT(*) FROM token_families WHERE expires_at > $1 AND revoked_at IS NULL"
    ))
    .bind(now)
    .one(conn)
    .await
}
