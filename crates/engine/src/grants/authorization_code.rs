//! `authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.6; spec: tokens).
//!
//! The gates in their order; all of them before the code is spent:
//! the code exists and is this client's, was not used before, has not expired, went to this
//! redirect URI, was asked for by whoever knows the verifier and holds the key that it is bound to
//! (RFC 9449 §10), covers the resources, its user may
//! sign in, and its client may still have some of what was agreed to.

use super::mint::{Grant, Issued, Subject};
use super::{Requester, check_grant_registered};
use crate::audience::still_admitted;
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, AuthorizationCode, Client, Digest, GrantType, OpaqueToken, RefreshToken, ScopeSet,
    TokenFamily, UserStatus,
};
use oauth::dpop::DpopError;
use oauth::pkce::CodeChallenge;
use oauth::token::AuthorizationCodeRequest;
use secrecy::ExposeSecret as _;
use store::{RedeemCode, Redeemed};
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::{RevocationPath, RevokeReason, VerifierCheck};

impl Engine {
    pub(super) async fn authorization_code(
        &self,
        requester: Requester<'_>,
        request: AuthorizationCodeRequest,
    ) -> Result<Issued> {
        let client = requester.client;
        check_grant_registered(client, GrantType::AuthorizationCode)?;
        let digest = Digest::of(request.code.expose_secret().as_bytes());
        let Some((code, spent)) = self.store().code(&digest).await? else {
            return Err(Error::invalid_grant(DenyReason::InvalidGrant));
        };
        check_client(&code, client)?;
        let verified = verifies(&code, &request);
        if spent {
            return Err(self.code_replayed(&code, client, verified).await);
        }
        let now = requester.now;
        if code.expires_at <= now {
            return Err(Error::invalid_grant(DenyReason::CodeExpired));
        }
        check_redirect_uri(&code, &request)?;
        if !verified {
            return Err(Error::invalid_grant(DenyReason::PkceMismatch));
        }
        self.check_binding(code.dpop_jkt.as_deref(), requester.possession.as_ref())?;
        let granted = self.resources_of_grant(&code.resources).await?;
        let resources = self.narrow(&granted, &request.resources).await?;
        self.check_user(code.user_id.as_str()).await?;
        let admitted = still_admitted(client, &granted, &code.scope)?;
        let scope = narrowed_scope(&admitted, &resources);

        let jkt = requester.jkt();
        let grant = Grant {
            grant_type: GrantType::AuthorizationCode,
            client,
            subject: Subject::User {
                id: &code.user_id,
                family_id: &code.family_id,
                auth_time: code.auth_time,
            },
            resources: &resources,
            scope: &scope,
            jkt,
            lifetime: self.config().dcr.default_token_expiry,
            delegation: None,
            now,
        };
        let minted = self.mint(&grant).await?;
        let refresh = client
            .may_use(GrantType::RefreshToken)
            .then(|| OpaqueToken::generate(self.rng()));
        let command = RedeemCode {
            digest,
            family: TokenFamily {
                id: code.family_id.clone(),
                user_id: code.user_id.clone(),
                client_id: client.id.clone(),
                scope: code.scope.clone(),
                resources: code.resources.clone(),
                auth_time: code.auth_time,
                created_at: now,
                revoked_at: None,
            },
            refresh: refresh.as_ref().map(|token| RefreshToken {
                digest: token.digest(),
                family_id: code.family_id.clone(),
                dpop_jkt: bound_refresh(client, jkt),
                created_at: now,
                expires_at: now.plus(self.config().dcr.default_refresh_expiry),
                spent_at: None,
                narrowed_to: None,
            }),
            issuance: minted.issuance.clone(),
            audit: event(AuditAction::TokenIssued, client.id.as_str())
                .user(code.user_id.as_str())
                .client(client.id.as_str())
                .resource(minted.issuance.audience.join(" "))
                .with("grant_type", GrantType::AuthorizationCode.as_str())
                .with("scope", scope.to_string())
                .with("jti", minted.issuance.jti.as_str()),
            proof: requester.proof(),
            now,
        };
        match self.store().redeem_code(command).await? {
            Redeemed::Yes => {
                self.proof_used(requester.possession.as_ref());
                Ok(Issued::new(
                    minted,
                    &grant,
                    refresh.map(|token| token.expose().to_owned()),
                ))
            }
            Redeemed::AlreadySpent => Err(self.code_replayed(&code, client, verified).await),
            Redeemed::Gone => Err(Error::invalid_grant(DenyReason::CodeExpired)),
            Redeemed::ProofReplayed => Err(self.proof_rejected(DpopError::Replay)),
        }
    }

    /// A spent code came back (RFC 6749 §4.1.2). Whoever proved client and verifier holds all
    /// the client had, so what was born from the code dies.
    async fn code_replayed(
        &self,
        code: &AuthorizationCode,
        client: &Client,
        verified: bool,
    ) -> Error {
        let verifier = if verified {
            VerifierCheck::Valid
        } else {
            VerifierCheck::Invalid
        };
        self.metrics().auth_code_reuse.add(verifier);
        if verified {
            let event = event(AuditAction::FamilyRevoked, client.id.as_str())
                .user(code.user_id.as_str())
                .client(client.id.as_str())
                .with("family", code.family_id.as_str())
                .with("cause", "code_replayed");
            self.revoke_stolen_family(
                &code.family_id,
                event,
                RevocationPath::CodeReuse,
                RevokeReason::CodeReuse,
            )
            .await;
        }
        Error::invalid_grant(DenyReason::CodeReplayed)
    }

    /// A disabled or deleted user gets no tokens.
    pub(super) async fn check_user(&self, id: &str) -> Result<()> {
        match self.store().user(id).await? {
            Some(user) if user.status == UserStatus::Active => Ok(()),
            _ => Err(Error::invalid_grant(DenyReason::UserDisabled)),
        }
    }
}

/// A public client has nothing but its key to show for a refresh token, so the token is bound to
/// it (RFC 9449 §5). A confidential one has its secret or
/// its own key, and may change the proof's.
fn bound_refresh(client: &Client, jkt: Option<&str>) -> Option<String> {
    jkt.filter(|_| !client.is_confidential()).map(str::to_owned)
}

fn check_client(code: &AuthorizationCode, client: &Client) -> Result<()> {
    if code.client_id == client.id {
        return Ok(());
    }
    Err(Error::invalid_grant(DenyReason::ClientMismatch))
}

/// What is sent must be what the code went to. Clients of OAuth 2.1 send nothing here, since
/// PKCE, which is required, already ties the code to its request (OAuth 2.1 draft §4.1.3).
fn check_redirect_uri(code: &AuthorizationCode, request: &AuthorizationCodeRequest) -> Result<()> {
    match &request.redirect_uri {
        Some(uri) if *uri != code.redirect_uri => {
            Err(Error::invalid_grant(DenyReason::RedirectUriMismatch))
        }
        _ => Ok(()),
    }
}

fn verifies(code: &AuthorizationCode, request: &AuthorizationCodeRequest) -> bool {
    CodeChallenge::parse(&code.code_challenge)
        .is_ok_and(|challenge| challenge.verifies(&request.code_verifier))
}

/// The scopes of `agreed` that mean something to `resources`; all, for the issuer itself.
pub(super) fn narrowed_scope(
    agreed: &ScopeSet,
    resources: &[std::sync::Arc<domain::Resource>],
) -> ScopeSet {
    agreed
        .iter()
        .filter(|scope| {
            resources.is_empty()
                || scope.as_str() == domain::OFFLINE_ACCESS
                || resources
                    .iter()
                    .any(|resource| resource.has_scope(scope.as_str()))
        })
        .cloned()
        .collect()
}
