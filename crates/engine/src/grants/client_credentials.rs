//! `client_credentials` (RFC 6749 §4.4; spec: tokens): a client gets a token for itself.
//!
//! The gates in their order: the grant is offered, the client was made by an operator, has authenticated
//! and has the grant, the resources are registered, and the scope lies within the client's
//! ceiling and the resources' catalogs.

use super::mint::{Grant, Issued, Subject};
use super::{Requester, check_grant_registered, unsupported};
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, Client, ClientSource, GrantType, Resource, ScopeSet};
use oauth::ErrorCode;
use oauth::dpop::DpopError;
use oauth::token::ClientCredentialsRequest;
use std::sync::Arc;
use store::{Issue, Issued as Recorded};
use telemetry::metrics::DenyReason;

impl Engine {
    pub(super) async fn client_credentials(
        &self,
        requester: Requester<'_>,
        request: ClientCredentialsRequest,
    ) -> Result<Issued> {
        let settings = &self.config().client_credentials;
        if !settings.enabled {
            return Err(unsupported(
                "the client_credentials grant is not offered here",
            ));
        }
        let client = requester.client;
        check_machine_client(client, requester.is_proven)?;
        check_grant_registered(client, GrantType::ClientCredentials)?;
        let resources = self
            .machine_audience(client, &request.resources, request.scope.as_ref())
            .await?;
        let scope = machine_scope(client, &resources, request.scope)?;

        let grant = Grant {
            grant_type: GrantType::ClientCredentials,
            client,
            subject: Subject::Client,
            resources: &resources,
            scope: &scope,
            jkt: requester.jkt(),
            lifetime: settings.token_expiry,
            delegation: None,
            now: requester.now,
        };
        let minted = self.mint(&grant).await?;
        let command = Issue {
            issuance: minted.issuance.clone(),
            audit: event(AuditAction::ClientCredentialsIssued, client.id.as_str())
                .client(client.id.as_str())
                .resource(minted.issuance.audience.join(" "))
                .with("scope", scope.to_string())
                .with("jti", minted.issuance.jti.as_str()),
            proof: requester.proof(),
        };
        match self.store().issue(command).await? {
            Recorded::Yes => {
                self.metrics().client_credentials_issued.inc();
                self.proof_used(requester.possession.as_ref());
                Ok(Issued::new(minted, &grant, None))
            }
            Recorded::ProofReplayed => Err(self.proof_rejected(DpopError::Replay)),
        }
    }
}

/// A client that registered itself proves nothing about who runs it, and one that does not
/// authenticate proves nothing at all.
fn check_machine_client(client: &Client, is_proven: bool) -> Result<()> {
    let refuse = |reason, description| {
        Err(Error::new(
            ErrorCode::UnauthorizedClient,
            reason,
            description,
        ))
    };
    if client.source != ClientSource::Admin {
        return refuse(
            DenyReason::SelfRegistered,
            "the client_credentials grant is for clients that an operator has created",
        );
    }
    if !is_proven {
        return refuse(
            DenyReason::UnauthorizedClient,
            "the client_credentials grant is for clients that authenticate, with a secret or a key",
        );
    }
    Ok(())
}

/// An omitted scope is the ceiling, as far as the resources know it; an empty ceiling is
/// nothing (spec: product, scope ceiling).
fn machine_scope(
    client: &Client,
    resources: &[Arc<Resource>],
    asked: Option<ScopeSet>,
) -> Result<ScopeSet> {
    let in_catalog = |scope: &str| {
        resources.is_empty() || resources.iter().any(|resource| resource.has_scope(scope))
    };
    let refuse = |description| {
        Err(Error::new(
            ErrorCode::InvalidScope,
            DenyReason::InvalidScope,
            description,
        ))
    };
    let Some(asked) = asked else {
        let ceiling = client.scope.iter().cloned();
        let cut: ScopeSet = ceiling.filter(|scope| in_catalog(scope.as_str())).collect();
        let have_scopes = resources.iter().any(|resource| !resource.scopes.is_empty());
        if cut.is_empty() && !client.scope.is_empty() && have_scopes {
            return refuse("the client was not registered for any scope of the resource".into());
        }
        return Ok(cut);
    };
    if let Some(beyond) = asked.first_outside(|scope| client.scope.contains(scope)) {
        return refuse(format!(
            "the client was not registered for the scope '{beyond}'"
        ));
    }
    if let Some(outside) = asked.first_outside(in_catalog) {
        return refuse(format!(
            "the scope '{outside}' is not in the catalog of the resource"
        ));
    }
    Ok(asked)
}
