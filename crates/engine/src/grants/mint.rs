//! Making an access token and the record of it.

use crate::{Engine, Error, Result};
use domain::{
    Client, ClientId, FamilyId, GrantType, Issuance, Jti, OFFLINE_ACCESS, Resource, ResourceId,
    ScopeSet, TokenTyp, UnixMillis, UserId,
};
use oauth::ErrorCode;
use oauth::jwt::{self, AccessTokenClaims, Confirmation};
use oauth::token::{TokenResponse, TokenType, TokenTypeIdentifier};
use std::sync::Arc;
use std::time::Duration;
use telemetry::metrics::DenyReason;
use telemetry::trace::Span;

/// Whom a token speaks for.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A user, by an authorization that founded `family_id`.
    User {
        id: &'a UserId,
        family_id: &'a FamilyId,
        auth_time: UnixMillis,
    },
    /// The client itself: `sub` is its `client_id`.
    Client,
    /// Whomever the token speaks for that it is exchanged for (RFC 8693).
    Exchanged {
        sub: &'a str,
        issuance: &'a Issuance,
        auth_time: Option<i64>,
    },
}

/// What a token that was exchanged for another says of those who act (RFC 8693 §4), and what
/// its record says it rests on.
pub(super) struct Delegation {
    /// Whom it is issued to: the caller, or the gateway it runs.
    pub client_id: ClientId,
    pub act: Option<serde_json::Value>,
    pub agent_id: Option<String>,
    pub agent_chain: Vec<String>,
    pub parent_jti: Jti,
    pub consent_client_id: Option<ClientId>,
    pub consent_resource_id: Option<ResourceId>,
    /// The caller, when the token is issued to its gateway.
    pub obtained_by: Option<ClientId>,
}

/// What an access token is to say.
pub(super) struct Grant<'a> {
    pub grant_type: GrantType,
    pub client: &'a Client,
    pub subject: Subject<'a>,
    pub resources: &'a [Arc<Resource>],
    pub scope: &'a ScopeSet,
    /// Thumbprint of the key that the token is bound to (RFC 9449 §6).
    pub jkt: Option<&'a str>,
    pub lifetime: Duration,
    /// Set when the token is exchanged for another.
    pub delegation: Option<&'a Delegation>,
    pub now: UnixMillis,
}

impl Grant<'_> {
    fn sub(&self) -> &str {
        match self.subject {
            Subject::User { id, .. } => id.as_str(),
            Subject::Client => self.client.id.as_str(),
            Subject::Exchanged { sub, .. } => sub,
        }
    }

    /// Whom the token is issued to.
    fn client_id(&self) -> &ClientId {
        self.delegation
            .map_or(&self.client.id, |delegation| &delegation.client_id)
    }
}

/// A signed token and its record, not yet stored.
pub(super) struct Minted {
    pub token: String,
    pub issuance: Issuance,
}

impl Engine {
    /// Signs an access token (RFC 9068 §2).
    pub(super) async fn mint(&self, grant: &Grant<'_>) -> Result<Minted> {
        let key = self.keys().active();
        let jti = Jti::generate(self.clock(), self.rng());
        let expires_at = grant.now.plus(grant.lifetime);
        let mut audience: Vec<_> = grant
            .resources
            .iter()
            .map(|resource| resource.audience().to_owned())
            .collect();
        if audience.is_empty() {
            audience.push(self.issuer().to_owned());
        }
        let scope = grant.scope.without(OFFLINE_ACCESS);
        let names_agent = grant.client.agent && self.config().agents.agent_identity_enabled;
        let delegation = grant.delegation;
        let agent_id = match delegation {
            Some(delegation) => delegation.agent_id.clone(),
            None => names_agent.then(|| grant.client.id.to_string()),
        };
        let agent_chain = delegation.map_or_else(Vec::new, |own| own.agent_chain.clone());
        let (user_id, family_id, auth_time) = match grant.subject {
            Subject::User {
                id,
                family_id,
                auth_time,
            } => (
                Some(id.clone()),
                Some(family_id.clone()),
                Some(auth_time.seconds()),
            ),
            Subject::Client => (None, None, None),
            Subject::Exchanged {
                issuance,
                auth_time,
                ..
            } => (
                issuance.subject_user_id.clone(),
                issuance.family_id.clone(),
                auth_time,
            ),
        };
        let claims = AccessTokenClaims {
            iss: self.issuer().to_owned(),
            sub: grant.sub().to_owned(),
            aud: audience.clone(),
            exp: expires_at.seconds(),
            iat: grant.now.seconds(),
            jti: jti.to_string(),
            client_id: grant.client_id().to_string(),
            scope: scope.to_string(),
            cnf: grant.jkt.map(|jkt| Confirmation {
                jkt: jkt.to_owned(),
            }),
            act: delegation.and_then(|own| own.act.clone()),
            agent_id: agent_id.clone(),
            agent_chain: agent_chain.clone(),
            auth_time,
        };
        let typ = TokenTyp::of_token(grant.resources.iter().map(|own| &**own));
        let header = jwt::header(key.algorithm(), typ, key.kid());
        let signing_input = jwt::signing_input(&header, &claims);
        let span = Span::start("jwt.sign").with("jwt.alg", key.algorithm().as_str());
        let signing = self.keys().sign(&key, signing_input.as_bytes());
        let signature = span.run(signing).await?;
        let token = jwt::assemble(signing_input, signature.as_ref());
        if token.len() > jwt::MAX_LENGTH {
            return Err(Error::new(
                ErrorCode::InvalidTarget,
                DenyReason::InvalidTarget,
                "the token would be too long for anyone to read; ask for fewer resources or scopes",
            ));
        }
        let issuance = Issuance {
            jti,
            subject_user_id: user_id,
            client_id: grant.client_id().clone(),
            resource_id: match grant.resources {
                [only] => Some(only.id.clone()),
                _ => None,
            },
            audience,
            scopes: scope,
            family_id,
            parent_jti: delegation.map(|own| own.parent_jti.clone()),
            consent_client_id: delegation.and_then(|own| own.consent_client_id.clone()),
            consent_resource_id: delegation.and_then(|own| own.consent_resource_id.clone()),
            obtained_by: delegation.and_then(|own| own.obtained_by.clone()),
            dpop_jkt: grant.jkt.map(str::to_owned),
            agent_id,
            agent_chain,
            issued_at: grant.now,
            expires_at: UnixMillis(expires_at.seconds() * 1000),
            revoked_at: None,
        };
        Ok(Minted { token, issuance })
    }
}

/// A token that is stored and may be handed out.
pub(super) struct Issued {
    pub grant_type: GrantType,
    pub response: TokenResponse,
    client_id: String,
    sub: String,
    resource: String,
    jti: String,
    /// Whether the token names an agent.
    pub names_agent: bool,
    /// Whether the refresh token that comes with it was handed out before.
    pub is_retry: bool,
}

impl Issued {
    pub fn new(minted: Minted, grant: &Grant<'_>, refresh_token: Option<String>) -> Self {
        Self {
            grant_type: grant.grant_type,
            client_id: grant.client_id().to_string(),
            sub: grant.sub().to_owned(),
            resource: minted.issuance.audience.join(" "),
            names_agent: minted.issuance.agent_id.is_some(),
            is_retry: false,
            jti: minted.issuance.jti.into_string(),
            response: TokenResponse {
                access_token: minted.token,
                token_type: if grant.jkt.is_some() {
                    TokenType::Dpop
                } else {
                    TokenType::Bearer
                },
                expires_in: grant.lifetime.as_secs(),
                refresh_token,
                scope: grant.scope.to_string(),
                issued_token_type: None,
            },
        }
    }

    /// The answer to a token exchange, which says what kind of token it brings (RFC 8693 §2.2.1).
    pub fn of_type(mut self, kind: TokenTypeIdentifier) -> Self {
        self.response.issued_token_type = Some(kind.as_str());
        self
    }

    /// The answer to a refresh that was answered before.
    pub fn again(mut self) -> Self {
        self.is_retry = true;
        self
    }

    /// The line that stands for the whole request.
    pub fn log(&self) {
        tracing::info!(
            grant_type = self.grant_type.as_str(),
            client_id = %self.client_id,
            sub = %self.sub,
            resource = %self.resource,
            scope = %self.response.scope,
            jti = %self.jti,
            retry = self.is_retry.then_some(true),
            "token issued"
        );
    }
}
