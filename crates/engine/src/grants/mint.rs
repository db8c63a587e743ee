//! Making an access token and the record of it.

use crate::{Engine, Result};
use domain::{
    Client, FamilyId, GrantType, Issuance, Jti, OFFLINE_ACCESS, Resource, ScopeSet, UnixMillis,
    UserId,
};
use oauth::jwt::{self, AccessTokenClaims, Confirmation};
use oauth::token::{TokenResponse, TokenType};
use std::sync::Arc;
use std::time::Duration;

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
    pub now: UnixMillis,
}

impl Grant<'_> {
    fn sub(&self) -> &str {
        match self.subject {
            Subject::User { id, .. } => id.as_str(),
            Subject::Client => self.client.id.as_str(),
        }
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
        let key = self.keys().current();
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
        let agent_id = names_agent.then(|| grant.client.id.to_string());
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
        };
        let claims = AccessTokenClaims {
            iss: self.issuer().to_owned(),
            sub: grant.sub().to_owned(),
            aud: audience.clone(),
            exp: expires_at.seconds(),
            iat: grant.now.seconds(),
            jti: jti.to_string(),
            client_id: grant.client.id.to_string(),
            scope: scope.to_string(),
            cnf: grant.jkt.map(|jkt| Confirmation {
                jkt: jkt.to_owned(),
            }),
            act: None,
            agent_id: agent_id.clone(),
            agent_chain: Vec::new(),
            auth_time,
        };
        let header = jwt::header(key.algorithm(), key.kid());
        let signing_input = jwt::signing_input(&header, &claims);
        let signature = self.keys().sign(&key, signing_input.as_bytes()).await?;
        let token = jwt::assemble(signing_input, signature.as_ref());
        let issuance = Issuance {
            jti,
            subject_user_id: user_id,
            client_id: grant.client.id.clone(),
            resource_id: match grant.resources {
                [only] => Some(only.id.clone()),
                _ => None,
            },
            audience,
            scopes: scope,
            family_id,
            parent_jti: None,
            consent_client_id: None,
            dpop_jkt: grant.jkt.map(str::to_owned),
            agent_id,
            agent_chain: Vec::new(),
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
}

impl Issued {
    pub fn new(minted: Minted, grant: &Grant<'_>, refresh_token: Option<String>) -> Self {
        Self {
            grant_type: grant.grant_type,
            client_id: grant.client.id.to_string(),
            sub: grant.sub().to_owned(),
            resource: minted.issuance.audience.join(" "),
            names_agent: minted.issuance.agent_id.is_some(),
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

    /// The line that stands for the whole request.
    pub fn log(&self) {
        tracing::info!(
            grant_type = self.grant_type.as_str(),
            client_id = %self.client_id,
            sub = %self.sub,
            resource = %self.resource,
            scope = %self.response.scope,
            jti = %self.jti,
            "token issued"
        );
    }
}
