//! Token exchange (RFC 8693; spec: tokens): one token for another, for another resource or by
//! another client.
//!
//! The tokens brought along must be this server's, alive, and of a key that the caller holds.
//! Then the gates, in `gates.rs`, decide whether and with which scope the target may be had;
//! what the new token says of those who act is put together in `delegation.rs`. What all this
//! rests on is read once more in the transaction that records the token.

mod delegation;
mod gates;
mod target;

use super::mint::{Grant, Issued, Subject};
use super::{Requester, check_grant_registered, unsupported};
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, BackendKind, Client, GrantType, Issuance, OFFLINE_ACCESS};
use gates::{Passage, Wish};
use oauth::ErrorCode;
use oauth::dpop::DpopError;
use oauth::jwt::{AccessTokenClaims, ActorChain};
use oauth::token::{TokenExchangeRequest, TokenTypeIdentifier};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use store::{Exchange, Exchanged};
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::ExchangeKind;

/// A token that was brought along: ours, alive, and well-formed.
struct Foundation {
    claims: AccessTokenClaims,
    issuance: Issuance,
    actors: ActorChain,
}

impl Foundation {
    /// Whether it speaks for a client rather than for a user.
    fn is_machine(&self) -> bool {
        self.issuance.subject_user_id.is_none()
    }

    fn is_of(&self, client: &Client) -> bool {
        self.issuance.client_id == client.id
    }
}

impl Engine {
    pub(super) async fn token_exchange(
        &self,
        requester: Requester<'_>,
        request: TokenExchangeRequest,
    ) -> Result<Issued> {
        let settings = &self.config().token_exchange;
        if !settings.enabled {
            return Err(unsupported("token exchange is not offered here"));
        }
        let caller = requester.client;
        check_exchanger(&requester)?;
        let subject = self
            .foundation(&request.subject_token, DenyReason::SubjectTokenInvalid)
            .await?;
        let actor = match &request.actor {
            Some(actor) => Some(
                self.foundation(&actor.token, DenyReason::ActorTokenInvalid)
                    .await?,
            ),
            None => None,
        };
        for token in std::iter::once(&subject).chain(&actor) {
            self.check_holder(token, &requester)?;
        }
        let target = self
            .exchange_target(&request.resources, &request.audiences)
            .await?;
        let passage = self
            .pass_gates(
                Wish {
                    caller,
                    subject: &subject,
                    with_actor: actor.is_some(),
                    scope: request.scope,
                },
                target.as_ref(),
            )
            .await?;
        let delegation = self
            .delegate(caller, &subject, actor.as_ref(), &passage)
            .await?;
        let resources: Vec<_> = target.into_iter().collect();
        let grant = Grant {
            grant_type: GrantType::TokenExchange,
            client: caller,
            subject: Subject::Exchanged {
                sub: &subject.claims.sub,
                issuance: &subject.issuance,
                auth_time: subject.claims.auth_time,
            },
            resources: &resources,
            scope: &passage.scope,
            jkt: requester.jkt(),
            lifetime: remaining(&subject, &requester).min(settings.token_expiry),
            delegation: Some(&delegation),
            now: requester.now,
        };
        let minted = self.mint(&grant).await?;
        let kind = kind(caller, &subject, &passage);
        let mut audit = event(AuditAction::TokenExchanged, caller.id.as_str())
            .client(caller.id.as_str())
            .resource(minted.issuance.audience.join(" "))
            .with("kind", kind.as_str())
            .with("scope", passage.scope.to_string())
            .with("jti", minted.issuance.jti.as_str())
            .with("parent_jti", subject.issuance.jti.as_str());
        if let Some(user) = &subject.issuance.subject_user_id {
            audit = audit.user(user.as_str());
        }
        let command = Exchange {
            issuance: minted.issuance.clone(),
            founded_on: std::iter::once(&subject)
                .chain(&actor)
                .map(|token| token.issuance.jti.clone())
                .collect(),
            consent: passage.consent,
            audit,
            proof: requester.proof(),
        };
        match self.store().exchange(command).await? {
            Exchanged::Yes => {
                let both = (kind, BackendKind::Mint, BackendKind::Mint);
                self.metrics().token_exchange.add(both);
                self.proof_used(requester.possession.as_ref());
                let issued = Issued::new(minted, &grant, None);
                let kind = request
                    .requested_token_type
                    .unwrap_or(TokenTypeIdentifier::AccessToken);
                Ok(issued.of_type(kind))
            }
            Exchanged::TokenRevoked | Exchanged::ConsentRevoked => Err(Error::new(
                ErrorCode::InvalidRequest,
                DenyReason::RevokedMeanwhile,
                "the token, or the consent it rests on, has just been revoked",
            )),
            Exchanged::ClientEnded => Err(Error::invalid_client(DenyReason::RevokedMeanwhile)),
            Exchanged::ProofReplayed => Err(self.proof_rejected(DpopError::Replay)),
        }
    }

    /// Reads a token that was brought along (RFC 8693 §2.2.2: one that is invalid for any
    /// reason is an invalid request).
    async fn foundation(&self, token: &SecretString, reason: DenyReason) -> Result<Foundation> {
        let refuse = || {
            let which = match reason {
                DenyReason::ActorTokenInvalid => "actor_token",
                _ => "subject_token",
            };
            Error::new(
                ErrorCode::InvalidRequest,
                reason,
                format!(
                    "the {which} is not an access token of this server, or has expired or been revoked"
                ),
            )
        };
        let claims = self.own_token(token.expose_secret()).ok_or_else(refuse)?;
        let live = self.live_token(&claims).await?.ok_or_else(refuse)?;
        let actors = ActorChain::read(claims.act.clone()).map_err(|_| refuse())?;
        Ok(Foundation {
            claims,
            issuance: live.issuance,
            actors,
        })
    }

    /// A token that is bound to a key is worth nothing without it (RFC 9449 §6).
    fn check_holder(&self, token: &Foundation, requester: &Requester<'_>) -> Result<()> {
        let proven = requester.jkt();
        match &token.claims.cnf {
            Some(bound) if proven != Some(&bound.jkt) => {
                Err(self.proof_rejected(DpopError::Binding))
            }
            _ => Ok(()),
        }
    }
}

/// A client that does not authenticate cannot be told from any other that has got hold of a token.
fn check_exchanger(requester: &Requester<'_>) -> Result<()> {
    if !requester.is_proven {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            DenyReason::UnauthorizedClient,
            "token exchange is for clients that authenticate, with a secret or a key",
        ));
    }
    check_grant_registered(requester.client, GrantType::TokenExchange)
}

/// How long the subject token still lives: the new one must not outlive it.
fn remaining(subject: &Foundation, requester: &Requester<'_>) -> Duration {
    let left = subject.claims.exp * 1000 - requester.now.0;
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

fn kind(caller: &Client, subject: &Foundation, passage: &Passage) -> ExchangeKind {
    if passage.gateway.is_some() {
        ExchangeKind::Fronted
    } else if subject.is_of(caller) {
        ExchangeKind::SelfExchange
    } else {
        ExchangeKind::Delegation
    }
}

/// The scope of a token never holds what stands for refresh tokens alone.
fn held(subject: &Foundation) -> domain::ScopeSet {
    subject.issuance.scopes.without(OFFLINE_ACCESS)
}
