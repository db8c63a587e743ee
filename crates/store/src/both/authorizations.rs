//! Codes, consents, families and refresh tokens: the transitions of the interactive flow.

use super::Conn;
use super::ledger::Tx;
use super::proofs;
use crate::rows::{
    AuthorizationCodeRow, ConsentGrantRow, RefreshTokenRow, TokenFamilyRow, to_json,
};
use crate::{Authorize, NewConsent, RedeemCode, Redeemed, Result, RotateRefresh, Rotated};
use domain::{
    AuthorizationCode, ConsentGrant, Digest, RefreshToken, RefreshTokenState, ScopeSet,
    TokenFamily, UnixMillis,
};

pub(crate) async fn find_consent(
    conn: &mut Conn,
    user_id: &str,
    client_id: &str,
    resource_id: &str,
) -> Result<Option<ConsentGrant>> {
    let row: Option<ConsentGrantRow> = sqlx::query_as(
        "SELECT id, user_id, client_id, resource_id, scopes, created_at, updated_at, revoked_at \
         FROM consent_grants WHERE user_id = $1 AND client_id = $2 AND resource_id = $3",
    )
    .bind(user_id)
    .bind(client_id)
    .bind(resource_id)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Into::into))
}

async fn remember_consent(
    tx: &mut Tx,
    code: &AuthorizationCode,
    consent: &NewConsent,
) -> Result<()> {
    let (user, client, resource) = (
        code.user_id.as_str(),
        code.client_id.as_str(),
        consent.resource_id.as_str(),
    );
    // Takes the row first, new or not: others who widen it wait, and then start from this.
    let (before, revoked_at): (String, Option<i64>) = sqlx::query_as(
        "INSERT INTO consent_grants (id, user_id, client_id, resource_id, scopes, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) \
         ON CONFLICT (user_id, client_id, resource_id) DO UPDATE SET updated_at = excluded.updated_at \
         RETURNING scopes, revoked_at",
    )
    .bind(consent.id.as_str())
    .bind(user)
    .bind(client)
    .bind(resource)
    .bind(consent.scopes.to_string())
    .bind(code.created_at.0)
    .fetch_one(&mut *tx.conn)
    .await?;
    let before = match revoked_at {
        None => ScopeSet::from_stored(&before),
        Some(_) => ScopeSet::default(),
    };
    sqlx::query(
        "UPDATE consent_grants SET scopes = $4, revoked_at = NULL \
         WHERE user_id = $1 AND client_id = $2 AND resource_id = $3",
    )
    .bind(user)
    .bind(client)
    .bind(resource)
    .bind(before.union(&consent.scopes).to_string())
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

pub(crate) async fn authorize(tx: &mut Tx, command: &Authorize) -> Result<()> {
    let code = &command.code;
    for consent in &command.consents {
        remember_consent(tx, code, consent).await?;
    }
    sqlx::query(
        "INSERT INTO authorization_codes (digest, client_id, user_id, redirect_uri, redirect_uri_given, \
         code_challenge, scope, resources, auth_time, family_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(code.digest.to_hex())
    .bind(code.client_id.as_str())
    .bind(code.user_id.as_str())
    .bind(&code.redirect_uri)
    .bind(i64::from(code.redirect_uri_given))
    .bind(&code.code_challenge)
    .bind(code.scope.to_string())
    .bind(to_json(&code.resources))
    .bind(code.auth_time.0)
    .bind(code.family_id.as_str())
    .bind(code.created_at.0)
    .bind(code.expires_at.0)
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
    let row: Option<AuthorizationCodeRow> = sqlx::query_as(
        "SELECT digest, client_id, user_id, redirect_uri, redirect_uri_given, code_challenge, scope, resources, \
         auth_time, family_id, created_at, expires_at, spent_at FROM authorization_codes WHERE digest = $1",
    )
    .bind(digest.to_hex())
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let spent = row.spent_at.is_some();
    Ok(Some((row.try_into()?, spent)))
}

pub(crate) async fn redeem(tx: &mut Tx, command: &RedeemCode) -> Result<Redeemed> {
    if !proofs::use_once(tx, command.proof.as_ref()).await? {
        return Ok(Redeemed::ProofReplayed);
    }
    let spent = sqlx::query(
        "UPDATE authorization_codes SET spent_at = $2 WHERE digest = $1 AND spent_at IS NULL AND expires_at > $2",
    )
    .bind(command.digest.to_hex())
    .bind(command.now.0)
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    if spent == 0 {
        return Ok(match find_code(&mut tx.conn, &command.digest).await? {
            Some((_, true)) => Redeemed::AlreadySpent,
            _ => Redeemed::Gone,
        });
    }
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
    Ok(Redeemed::Yes)
}

pub(crate) async fn find_refresh(
    conn: &mut Conn,
    digest: &Digest,
) -> Result<Option<RefreshTokenState>> {
    let token: Option<RefreshTokenRow> = sqlx::query_as(
        "SELECT digest, family_id, dpop_jkt, created_at, expires_at, spent_at FROM refresh_tokens WHERE digest = $1",
    )
    .bind(digest.to_hex())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(token) = token else { return Ok(None) };
    let token = RefreshToken::try_from(token)?;
    let family: Option<TokenFamilyRow> = sqlx::query_as(
        "SELECT id, user_id, client_id, scope, resources, auth_time, created_at, revoked_at \
         FROM token_families WHERE id = $1",
    )
    .bind(token.family_id.as_str())
    .fetch_optional(conn)
    .await?;
    let Some(family) = family else {
        return Ok(None);
    };
    Ok(Some(RefreshTokenState {
        token,
        family: TokenFamily::try_from(family)?,
    }))
}

/// Marks the token spent. Says whether it was this call that did.
async fn spend_refresh(tx: &mut Tx, digest: &Digest, now: UnixMillis) -> Result<bool> {
    let spent = sqlx::query(
        "UPDATE refresh_tokens SET spent_at = $2 WHERE digest = $1 AND spent_at IS NULL AND expires_at > $2",
    )
    .bind(digest.to_hex())
    .bind(now.0)
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    Ok(spent == 1)
}

pub(crate) async fn rotate(tx: &mut Tx, command: &RotateRefresh) -> Result<Rotated> {
    if !proofs::use_once(tx, command.proof.as_ref()).await? {
        return Ok(Rotated::ProofReplayed);
    }
    // The family's row is taken first: a revocation either comes before and is seen here,
    // or waits, and then sees the tokens added here. A token that is no good leaves it alone.
    let alive = sqlx::query(
        "UPDATE token_families SET expires_at = $2 WHERE id = $1 AND revoked_at IS NULL AND EXISTS \
         (SELECT 1 FROM refresh_tokens WHERE digest = $3 AND spent_at IS NULL AND expires_at > $4)",
    )
    .bind(command.family_id.as_str())
    .bind(command.next.expires_at.0)
    .bind(command.digest.to_hex())
    .bind(command.now.0)
    .execute(&mut *tx.conn)
    .await?
    .rows_affected();
    if alive == 0 || !spend_refresh(tx, &command.digest, command.now).await? {
        return Ok(match find_refresh(&mut tx.conn, &command.digest).await? {
            Some(state) if state.token.spent_at.is_some() && state.family.revoked_at.is_none() => {
                Rotated::AlreadySpent
            }
            _ => Rotated::Gone,
        });
    }
    tx.refresh_token(command.next.clone());
    tx.issuance(command.issuance.clone());
    tx.audit(command.audit.clone());
    Ok(Rotated::Yes)
}

/// Families that can still be refreshed.
pub(crate) async fn count_active_families(conn: &mut Conn, now: UnixMillis) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM token_families WHERE expires_at > $1 AND revoked_at IS NULL",
    )
    .bind(now.0)
    .fetch_one(conn)
    .await?)
}
