//! Who the client is.

use crate::client_authentication::{asker, traceparent};
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, Client, ClientId, ClientKeys, ClientSource, ClientStatus, ScopeSet};
use oauth::ErrorCode;
use oauth::registration::ClientRegistration;
use outbound::FetchError;
use outbound::cimd::is_client_id_url;
use outbound::documents::DocumentError;
use std::borrow::Cow;
use std::sync::Arc;
use store::StoreError;
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::RegistrationSource;

impl Engine {
    /// The client of an authorization request. A URL is looked up at its address (Client ID
    /// Metadata Documents draft §3), anything else in the database.
    ///
    /// # Errors
    /// When there is none, or it may not act.
    pub(crate) async fn client_for_authorization(&self, id: &ClientId) -> Result<Arc<Client>> {
        let stored = self.store().client(id.as_str()).await?;
        let from_url = self
            .inner()
            .parts
            .cimd
            .as_ref()
            .filter(|_| is_client_id_url(id.as_str()));
        let client = match (from_url, stored) {
            // An operator's word about an id outranks what is published under it.
            (_, Some(client)) if client.source != ClientSource::Cimd => client,
            (Some(resolver), stored) => {
                let traceparent = traceparent();
                let document = resolver
                    .resolve(id.as_str(), asker(traceparent.as_deref()))
                    .await
                    .map_err(|error| cimd_refusal(&error))?;
                if let Some(ClientKeys::JwksUri(uri)) = &document.keys {
                    self.check_jwks_scheme(uri)?;
                }
                Arc::new(self.client_of_document(id, &document, stored.as_deref()))
            }
            (None, _) => {
                return Err(Error::new(
                    ErrorCode::InvalidClient,
                    DenyReason::UnknownClient,
                    "no client is registered under this client_id; register again, or check the id",
                ));
            }
        };
        check_status(&client)?;
        Ok(client)
    }

    /// The client that a metadata document describes. What an operator has decided about it
    /// (status, ceiling) stays.
    fn client_of_document(
        &self,
        id: &ClientId,
        document: &ClientRegistration,
        stored: Option<&Client>,
    ) -> Client {
        let now = self.now();
        let host = url::Url::parse(id.as_str())
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        let client = Client {
            id: id.clone(),
            name: document
                .client_name
                .clone()
                .or(host)
                .unwrap_or_else(|| id.to_string()),
            secret_hash: None,
            redirect_uris: document.redirect_uris.clone(),
            grant_types: document.grant_types.clone(),
            response_types: document.response_types.clone(),
            token_endpoint_auth_method: document.token_endpoint_auth_method,
            further_auth_methods: document.further_auth_methods.clone(),
            token_endpoint_auth_signing_alg: document.token_endpoint_auth_signing_alg,
            keys: document.keys.clone(),
            application_type: document.application_type,
            status: stored.map_or(ClientStatus::Active, |client| client.status),
            source: ClientSource::Cimd,
            scope: stored.map_or_else(|| self.default_scope(), |client| client.scope.clone()),
            default_resource: stored.and_then(|client| client.default_resource.clone()),
            client_uri: document.client_uri.clone(),
            logo_uri: document.logo_uri.clone(),
            agent: document.agent,
            agent_description: document.agent_description.clone(),
            issued_at: stored.map_or(now, |client| client.issued_at),
            updated_at: stored.map_or(now, |client| client.updated_at),
        };
        match stored {
            Some(stored) if *stored != client => Client {
                updated_at: now,
                ..client
            },
            _ => client,
        }
    }

    /// Makes sure that a client found by its document can be found by its id later, when it
    /// redeems the code that it is about to get.
    pub(crate) async fn remember_cimd_client(&self, client: &Client) -> Result<()> {
        if client.source != ClientSource::Cimd {
            return Ok(());
        }
        let store = self.store();
        match store.client(client.id.as_str()).await? {
            Some(stored) if *stored == *client => Ok(()),
            Some(stored) => {
                let described = Client {
                    scope: stored.scope.clone(),
                    default_resource: stored.default_resource.clone(),
                    updated_at: stored.updated_at,
                    ..client.clone()
                };
                // Whoever changes or deletes it at this moment is right; the next request looks again.
                store.update_client(described, Vec::new()).await?;
                Ok(())
            }
            None => {
                let event = event(AuditAction::ClientRegistered, client.id.as_str())
                    .client(client.id.as_str())
                    .with("source", "cimd");
                match store.create_client(client.clone(), vec![event]).await {
                    Ok(()) => self
                        .metrics()
                        .clients_registered
                        .add(RegistrationSource::Cimd),
                    // Another request of the same client was faster.
                    Err(StoreError::Conflict(_)) => {}
                    Err(error) => return Err(error.into()),
                }
                Ok(())
            }
        }
    }

    /// Whether keys may be fetched from `uri`, as far as its scheme goes: like metadata documents,
    /// over https unless the configuration allows otherwise.
    pub(crate) fn check_jwks_scheme(&self, uri: &str) -> Result<()> {
        let https = uri
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        match https || !self.config().cimd.require_https {
            true => Ok(()),
            false => Err(Error::new(
                ErrorCode::InvalidClientMetadata,
                DenyReason::InvalidClientMetadata,
                "jwks_uri is not an https URL; publish the keys over https",
            )),
        }
    }

    /// The ceiling that clients get which no operator has given one.
    pub(crate) fn default_scope(&self) -> ScopeSet {
        self.config()
            .oauth
            .default_client_scope
            .as_deref()
            .map(ScopeSet::from_stored)
            .unwrap_or_default()
    }
}

/// Suspended and revoked clients may not act.
pub(crate) fn check_status(client: &Client) -> Result<()> {
    match client.status {
        ClientStatus::Active => Ok(()),
        ClientStatus::Suspended => Err(Error::invalid_client(DenyReason::ClientSuspended)),
        ClientStatus::Revoked => Err(Error::invalid_client(DenyReason::ClientRevoked)),
    }
}

fn cimd_refusal(error: &DocumentError) -> Error {
    let reason = match error.cause() {
        DocumentError::Fetch(FetchError::BlockedAddress { .. }) => DenyReason::CimdBlocked,
        DocumentError::Fetch(_) | DocumentError::Capacity => DenyReason::CimdUnavailable,
        _ => DenyReason::CimdInvalid,
    };
    // What is wrong with a document is for whoever wrote it. Why it could not be fetched is not
    // told: that would make the server a way to look into the network it stands in.
    let description = match error.cause() {
        DocumentError::Document(problem) => Cow::from(format!(
            "the client's metadata document is not acceptable: {problem}. The client's developer has to correct \
             the document under the client_id URL"
        )),
        _ => Cow::from(
            "the client's metadata document could not be fetched or is not valid; the client's developer has to \
             look at the document under the client_id URL",
        ),
    };
    Error::new(ErrorCode::InvalidClient, reason, description).with_cause(error)
}
