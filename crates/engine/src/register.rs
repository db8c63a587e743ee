//! Dynamic client registration (RFC 7591).

use crate::observe::event;
use crate::{Engine, Error, Result};
use config::DcrMode;
use domain::{AuditAction, Client, ClientId, ClientKeys, ClientSource, ClientStatus};
use oauth::approved_redirect::approved_redirect;
use oauth::registration::{ClientRegistration, RegistrationResponse};
use oauth::{Endpoint, ErrorCode};
use std::time::Duration;
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::RegistrationSource;
use telemetry::trace::Span;
use tokio::sync::Mutex;

/// How long a count of the clients is good for. Meanwhile an instance adds its own registrations;
/// those of others may go beyond `dcr.max_clients` for so long.
const COUNT_IS_GOOD_FOR: Duration = Duration::from_secs(1);
/// Room is made by purges, once an hour.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(3600);

/// How many clients have registered themselves, and when they were counted.
#[derive(Default)]
pub(crate) struct Registered(Mutex<Option<(Duration, i64)>>);

impl Engine {
    /// Registers the client that `body` describes.
    ///
    /// # Errors
    /// RFC 7591 §3.2.2; `access_denied` (403) while only operators may register clients.
    pub async fn register(&self, body: &[u8]) -> Result<RegistrationResponse> {
        let span = Span::start("RegistrationService.Register");
        let outcome = span.run(self.register_client(body)).await;
        if let Err(error) = &outcome {
            self.refuse_unread(Endpoint::Registration, error).await;
        }
        outcome
    }

    async fn register_client(&self, body: &[u8]) -> Result<RegistrationResponse> {
        let mode = self.dcr_mode().await?;
        if mode == DcrMode::AdminOnly {
            return Err(Error::new(
                ErrorCode::AccessDenied,
                DenyReason::RegistrationRefused,
                "clients cannot register themselves here; ask the operator, or use a client ID metadata document",
            ));
        }
        let registration = ClientRegistration::parse(body)?;
        if mode == DcrMode::ApprovedRedirects {
            self.check_approved(&registration)?;
        }
        if let Some(ClientKeys::JwksUri(uri)) = &registration.keys {
            self.check_jwks_scheme(uri)?;
        }
        self.check_room().await?;
        let now = self.now();
        let (secret, secret_hash) = match registration.uses_secret() {
            false => (None, None),
            true => {
                let (secret, hash) = self.inner().parts.client_secrets.generate(self.rng());
                (Some(secret), Some(hash))
            }
        };
        let client = Client {
            id: ClientId::generate(self.clock(), self.rng()),
            name: registration.client_name.clone().unwrap_or_default(),
            secret_hash,
            redirect_uris: registration.redirect_uris.clone(),
            grant_types: registration.grant_types.clone(),
            response_types: registration.response_types.clone(),
            token_endpoint_auth_method: registration.token_endpoint_auth_method,
            further_auth_methods: registration.further_auth_methods.clone(),
            token_endpoint_auth_signing_alg: registration.token_endpoint_auth_signing_alg,
            keys: registration.keys.clone(),
            application_type: registration.application_type,
            status: ClientStatus::Active,
            source: ClientSource::Dcr,
            scope: self.default_scope(),
            client_uri: registration.client_uri.clone(),
            logo_uri: registration.logo_uri.clone(),
            agent: registration.agent,
            default_resource: None,
            agent_description: registration.agent_description.clone(),
            issued_at: now,
            updated_at: now,
        };
        let event = event(AuditAction::ClientRegistered, "anonymous")
            .client(client.id.as_str())
            .with("source", "dcr")
            .with("name", &client.name);
        self.store()
            .create_client(client.clone(), vec![event])
            .await?;
        self.metrics()
            .clients_registered
            .add(RegistrationSource::Dcr);
        tracing::info!(client_id = %client.id, application_type = client.application_type.as_str(), "client registered");
        let secret = secret.map(|secret| secret.expose().to_owned());
        Ok(RegistrationResponse::new(
            registration,
            client.id.into_string(),
            now.seconds(),
            secret,
            client.scope.to_string(),
        ))
    }

    /// Whether one more client may register itself.
    async fn check_room(&self) -> Result<()> {
        let (most, now) = (self.config().dcr.max_clients, self.monotonic());
        let mut last = self.inner().registered.0.lock().await;
        let count = match *last {
            Some((at, count)) if now.saturating_sub(at) < COUNT_IS_GOOD_FOR => count,
            _ => {
                let count = self.store().count_registered_clients().await?;
                *last = Some((now, count));
                count
            }
        };
        if count < i64::from(most) {
            // One that fails after all is taken back by the next count.
            *last = last.map(|(at, count)| (at, count + 1));
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::TemporarilyUnavailable,
            DenyReason::TooManyClients,
            "as many clients have registered themselves here as may; ask the operator, or use a client ID metadata document",
        )
        .retry_after(RETRY_WHEN_FULL))
    }

    fn check_approved(&self, registration: &ClientRegistration) -> Result<()> {
        let approved = &self.config().dcr.approved_redirects;
        let refused = registration.redirect_uris.iter().find(|uri| {
            !approved
                .iter()
                .any(|entry| approved_redirect(entry.as_str(), uri))
        });
        match refused {
            None => Ok(()),
            Some(uri) => Err(Error::new(
                ErrorCode::InvalidRedirectUri,
                DenyReason::RegistrationRefused,
                format!("the redirect URI '{uri}' is not among those the operator has approved"),
            )),
        }
    }
}
