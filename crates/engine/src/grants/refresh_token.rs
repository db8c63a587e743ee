//! `refresh_token` (RFC 6749 §6, RFC 9700 §4.14; spec: tokens).
//!
//! The gates in their order; all of them before the token is spent: it exists and is this
//! client's, was not used before, is alive, its user may sign in, and what is asked for lies
//! within what was agreed to and what the client may still have.
//!
//! A token that was used before passes the second gate for a moment (`oauth.refresh_retry_window`),
//! as long as its successor is unused: its client has lost the answer, or several processes of it
//! share the token. It gets the same successor. Whoever has stolen the token holds then what the
//! client holds, and the first use of either that comes after the other's ends the family.

use super::authorization_code::narrowed_scope;
use super::mint::{Grant, Issued, Subject};
use super::{Requester, check_grant_registered};
use crate::audience::still_admitted;
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, Client, Digest, GrantType, OpaqueToken, RefreshToken, RefreshTokenState, ScopeSet,
    TokenFamily, UnixMillis,
};
use oauth::ErrorCode;
use oauth::dpop::DpopError;
use oauth::token::RefreshTokenRequest;
use secrecy::ExposeSecret as _;
use store::{ProofUse, RotateRefresh, Rotated};
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::{RevocationPath, RevokeReason};

impl Engine {
    pub(super) async fn refresh_token(
        &self,
        requester: Requester<'_>,
        request: RefreshTokenRequest,
    ) -> Result<Issued> {
        let mut issued = self
            .refresh(&requester, &request, requester.proof())
            .await?;
        if issued.is_none() && request.scope.is_none() {
            // Another process of the client was faster, with a request for less. Whoever asks for
            // nothing in particular gets as much, now that it can be seen. The proof is spent.
            issued = self.refresh(&requester, &request, None).await?;
        }
        issued.ok_or_else(used_for_less)
    }

    /// One attempt; `None` when the token was used for less while this one was under way. `proof`
    /// is what to remember of the proof, unless an earlier attempt has.
    async fn refresh(
        &self,
        requester: &Requester<'_>,
        request: &RefreshTokenRequest,
        proof: Option<ProofUse>,
    ) -> Result<Option<Issued>> {
        let client = requester.client;
        check_grant_registered(client, GrantType::RefreshToken)?;
        let digest = Digest::of(request.refresh_token.expose_secret().as_bytes());
        let Some(RefreshTokenState { token, family }) = self.store().refresh_token(&digest).await?
        else {
            return Err(Error::invalid_grant(DenyReason::InvalidGrant));
        };
        if family.client_id != client.id {
            return Err(Error::invalid_grant(DenyReason::ClientMismatch));
        }
        let now = requester.now;
        let next = self
            .inner()
            .parts
            .refresh_successors
            .of(&request.refresh_token);
        let retried = match token.spent_at {
            None => None,
            Some(_) => match self.unused_successor(&token, &next, now).await? {
                None => return Err(self.refresh_reused(&family, client).await),
                unused => unused,
            },
        };
        check_alive(retried.as_ref().unwrap_or(&token), &family, now)?;
        self.check_binding(token.dpop_jkt.as_deref(), requester.possession.as_ref())?;
        self.check_user(family.user_id.as_str()).await?;
        let granted = self.resources_of_grant(&family.resources).await?;
        let resources = self.narrow(&granted, &request.resources).await?;
        let limit = retried.and_then(|successor| successor.narrowed_to);
        let agreed = limit.as_ref().unwrap_or(&family.scope);
        let admitted = still_admitted(client, &granted, agreed)?;
        let scope = narrowed_scope(&asked_scope(admitted, request.scope.as_ref())?, &resources);
        if limit.is_some() && scope.is_empty() {
            return Err(used_for_less());
        }

        let grant = Grant {
            grant_type: GrantType::RefreshToken,
            client,
            subject: Subject::User {
                id: &family.user_id,
                family_id: &family.id,
                auth_time: family.auth_time,
            },
            resources: &resources,
            scope: &scope,
            jkt: requester.jkt(),
            lifetime: self.config().dcr.default_token_expiry,
            delegation: None,
            now,
        };
        let minted = self.mint(&grant).await?;
        let command = RotateRefresh {
            digest,
            family_id: family.id.clone(),
            next: RefreshToken {
                digest: next.digest(),
                family_id: family.id.clone(),
                dpop_jkt: token.dpop_jkt.clone(),
                created_at: now,
                expires_at: now.plus(self.config().dcr.default_refresh_expiry),
                spent_at: None,
                narrowed_to: (scope != family.scope).then(|| scope.clone()),
            },
            issuance: minted.issuance.clone(),
            audit: event(AuditAction::TokenRefreshed, client.id.as_str())
                .user(family.user_id.as_str())
                .client(client.id.as_str())
                .resource(minted.issuance.audience.join(" "))
                .with("scope", scope.to_string())
                .with("jti", minted.issuance.jti.as_str()),
            proof,
            retry_window: self.config().oauth.refresh_retry_window,
            now,
        };
        let rotated = self.store().rotate_refresh(command).await?;
        match rotated {
            Rotated::Yes | Rotated::Retried => {
                self.metrics().tokens_refreshed.inc();
                self.proof_used(requester.possession.as_ref());
                let issued = Issued::new(minted, &grant, Some(next.expose().to_owned()));
                if rotated == Rotated::Yes {
                    return Ok(Some(issued));
                }
                self.metrics().refresh_token_retries.inc();
                Ok(Some(issued.again()))
            }
            Rotated::RetriedBeyondScope => Ok(None),
            Rotated::AlreadySpent => Err(self.refresh_reused(&family, client).await),
            Rotated::Gone => Err(Error::invalid_grant(DenyReason::RefreshRevoked)),
            Rotated::ProofReplayed => Err(self.proof_rejected(DpopError::Replay)),
        }
    }

    /// The successor of a spent token, if whoever presents the token may be retrying.
    async fn unused_successor(
        &self,
        token: &RefreshToken,
        next: &OpaqueToken,
        now: UnixMillis,
    ) -> Result<Option<RefreshToken>> {
        if !token.spent_within(self.config().oauth.refresh_retry_window, now) {
            return Ok(None);
        }
        let successor = self.store().refresh_token(&next.digest()).await?;
        Ok(successor
            .map(|state| state.token)
            .filter(|successor| successor.spent_at.is_none()))
    }

    /// A spent refresh token came back: it was stolen, or its thief was first. The family dies.
    async fn refresh_reused(&self, family: &TokenFamily, client: &Client) -> Error {
        self.metrics().refresh_token_reuse.inc();
        tracing::warn!(client_id = %client.id, sub = %family.user_id, family = %family.id, "refresh token reuse detected; revoking its family");
        let event = event(AuditAction::FamilyRevoked, client.id.as_str())
            .user(family.user_id.as_str())
            .client(client.id.as_str())
            .with("family", family.id.as_str())
            .with("cause", "refresh_reuse");
        self.revoke_stolen_family(
            &family.id,
            event,
            RevocationPath::Reuse,
            RevokeReason::FamilyRevocation,
        )
        .await;
        Error::invalid_grant(DenyReason::RefreshReuse)
    }
}

/// Whoever retries a request gets no more than it did the first time.
fn used_for_less() -> Error {
    Error::new(
        ErrorCode::InvalidScope,
        DenyReason::InvalidScope,
        "the refresh token was used a moment ago for less than this",
    )
}

fn check_alive(token: &RefreshToken, family: &TokenFamily, now: UnixMillis) -> Result<()> {
    if family.revoked_at.is_some() {
        return Err(Error::invalid_grant(DenyReason::RefreshRevoked));
    }
    if token.expires_at <= now {
        return Err(Error::invalid_grant(DenyReason::RefreshExpired));
    }
    Ok(())
}

/// The request may narrow what was agreed to (RFC 6749 §6); what was agreed to but is no
/// longer admitted cannot be had.
fn asked_scope(admitted: ScopeSet, asked: Option<&ScopeSet>) -> Result<ScopeSet> {
    let Some(asked) = asked else {
        return Ok(admitted);
    };
    match asked.first_outside(|scope| admitted.contains(scope)) {
        None => Ok(asked.clone()),
        Some(outside) => Err(Error::new(
            ErrorCode::InvalidScope,
            DenyReason::InvalidScope,
            format!(
                "the scope '{outside}' goes beyond what was agreed to or what the client may still have"
            ),
        )),
    }
}
