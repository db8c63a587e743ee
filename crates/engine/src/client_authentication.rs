//! Whether the client of a token, revocation or introspection request is who it says.

use crate::clients::check_status;
use crate::{Engine, Error, Result};
use domain::{AuthMethod, Client, ClientKeys, ClientNetwork, ClientSource};
use oauth::client_assertion::{ClientAssertion, Verdict};
use oauth::client_auth::{Credentials, PresentedClient};
use oauth::jwks::KeySet;
use oauth::{Endpoint, ErrorCode};
use outbound::documents::{Asker, DocumentError, FAILURE_LIFETIME};
use secrecy::SecretString;
use std::sync::Arc;
use store::AssertionUse;
use telemetry::RequestContext;
use telemetry::metrics::DenyReason;
use telemetry::trace::Span;

/// A client that has authenticated, or that need not.
pub(crate) struct AuthenticatedClient {
    /// The client.
    pub client: Arc<Client>,
    /// How it has authenticated this time.
    pub method: AuthMethod,
    /// What to remember of its assertion. The assertion still has to be spent.
    assertion: Option<AssertionUse>,
}

impl AuthenticatedClient {
    /// Whether the client has proven who it is.
    pub fn is_proven(&self) -> bool {
        self.method != AuthMethod::None
    }
}

impl Engine {
    /// Authenticates the client of a request to `endpoint` and spends its assertion.
    ///
    /// # Errors
    /// `invalid_client`; `temporarily_unavailable` when its keys cannot be fetched at the moment.
    pub(crate) async fn authenticate(
        &self,
        presented: &PresentedClient,
        endpoint: Endpoint,
    ) -> Result<AuthenticatedClient> {
        let authenticated = self.identify(presented, endpoint).await?;
        self.spend_assertion(&authenticated).await?;
        Ok(authenticated)
    }

    /// Authenticates the client of a request to `endpoint` (RFC 6749 §2.3, §3.2.1, RFC 7523 §2.2).
    /// An unknown client costs as much as a wrong secret or signature and reads the same. An
    /// assertion is not spent yet: a client that is sent back for a nonce sends it again.
    ///
    /// # Errors
    /// As [`Engine::authenticate`].
    pub(crate) async fn identify(
        &self,
        presented: &PresentedClient,
        endpoint: Endpoint,
    ) -> Result<AuthenticatedClient> {
        let client = self.store().client(presented.client_id.as_str()).await?;
        let method = presented.credentials.method();
        let registered = client
            .as_deref()
            .is_some_and(|client| client.may_authenticate_by(method));
        let (proven, assertion) = match &presented.credentials {
            Credentials::Nothing => (
                self.has_secret(client.as_deref(), &SecretString::default()) || registered,
                None,
            ),
            Credentials::Secret(_, secret) => (self.has_secret(client.as_deref(), secret), None),
            Credentials::Assertion(assertion) => {
                let signer = client.as_deref().filter(|_| registered);
                let work = Span::start("client_assertion.verify");
                // Apart: the future of every request would be as large as this one.
                let signed = Box::pin(self.has_signed(signer, assertion, endpoint));
                let proven = work.run(signed).await?;
                (proven, Some(assertion))
            }
        };
        let Some(client) = client else {
            return Err(Error::invalid_client(DenyReason::UnknownClient));
        };
        if !registered {
            return Err(Error::invalid_client(match method {
                AuthMethod::None => DenyReason::ClientAuthProbe,
                _ => DenyReason::ClientAuthMethodMismatch,
            }));
        }
        if !proven {
            return Err(Error::invalid_client(match assertion {
                Some(_) => DenyReason::InvalidClientAssertion,
                None => DenyReason::InvalidClient,
            }));
        }
        check_status(&client)?;
        Ok(AuthenticatedClient {
            client,
            method,
            assertion: assertion.map(|assertion| AssertionUse {
                assertion: assertion.replay_key(),
                expires_at: assertion.remember_until(),
            }),
        })
    }

    /// Uses the assertion that the client has authenticated with, if it did with one.
    ///
    /// # Errors
    /// `invalid_client` when it was used before, here or at another instance.
    pub(crate) async fn spend_assertion(&self, client: &AuthenticatedClient) -> Result<()> {
        let Some(used) = client.assertion else {
            return Ok(());
        };
        match Box::pin(self.store().spend_assertion(used)).await? {
            true => Ok(()),
            false => Err(Error::new(
                ErrorCode::InvalidClient,
                DenyReason::ClientAssertionReplayed,
                "the client_assertion was used before; make a new one, with its own jti, per request",
            )),
        }
    }

    fn has_secret(&self, client: Option<&Client>, secret: &SecretString) -> bool {
        let stored = client.and_then(|client| client.secret_hash.as_deref());
        self.inner().parts.client_secrets.verify(stored, secret)
    }

    /// Whether `client`, one that may authenticate by assertion, has signed this one for this
    /// endpoint. What is wrong with the assertion as such is told first, for it says nothing of
    /// the client.
    async fn has_signed(
        &self,
        client: Option<&Client>,
        assertion: &ClientAssertion,
        endpoint: Endpoint,
    ) -> Result<bool> {
        assertion
            .check(self.issuer(), endpoint, self.now())
            .map_err(|error| {
                Error::new(
                    ErrorCode::InvalidClient,
                    DenyReason::InvalidClientAssertion,
                    error.to_string(),
                )
            })?;
        let algorithm = assertion.algorithm();
        let signer = client.filter(|client| {
            client
                .token_endpoint_auth_signing_alg
                .is_none_or(|own| own == algorithm)
        });
        let Some(client) = signer else {
            assertion.verify_in_vain();
            return Ok(false);
        };
        let verdict = match self.keys_of(client).await? {
            None => Verdict::NoKey,
            Some(ClientKeys::Jwks(jwks)) => KeySet::parse(jwks.as_bytes())
                .map_or(Verdict::NoKey, |keys| assertion.verify(&keys)),
            Some(ClientKeys::JwksUri(uri)) => self.verify_with_published(&uri, assertion).await?,
        };
        if verdict == Verdict::NoKey {
            assertion.verify_in_vain();
        }
        Ok(verdict == Verdict::Good)
    }

    /// Where the keys of a client are at this moment: the document of a client that is found by
    /// one says so, not what was remembered of it.
    async fn keys_of(&self, client: &Client) -> Result<Option<ClientKeys>> {
        let resolver = self.inner().parts.cimd.as_ref();
        match resolver.filter(|_| client.source == ClientSource::Cimd) {
            Some(resolver) => {
                let id = client.id.as_str();
                let document = resolver.resolve(id, asker(traceparent().as_deref())).await;
                let document = document.map_err(|error| keys_unavailable(&error))?;
                Ok(document.keys.clone())
            }
            None => Ok(client.keys.clone()),
        }
    }

    /// Verifies with the keys at `uri`; fetched again when they do not have the one it takes, or
    /// may not, as it does not say which.
    async fn verify_with_published(
        &self,
        uri: &str,
        assertion: &ClientAssertion,
    ) -> Result<Verdict> {
        let resolver = &self.inner().parts.jwks;
        let traceparent = traceparent();
        let asker = asker(traceparent.as_deref());
        let keys = resolver.resolve(uri, asker).await;
        let keys = keys.map_err(|error| keys_unavailable(&error))?;
        match (assertion.verify(&keys), assertion.names_key()) {
            (Verdict::NoKey, _) | (Verdict::Bad, false) => {
                let keys = resolver.renew(uri, asker).await;
                let keys = keys.map_err(|error| keys_unavailable(&error))?;
                Ok(assertion.verify(&keys))
            }
            (verdict, _) => Ok(verdict),
        }
    }
}

/// The request at hand, as those know it that it leads to.
pub(crate) fn traceparent() -> Option<String> {
    RequestContext::with_current(|context| context.traceparent().to_string())
}

/// On whose behalf documents are fetched: of whoever sent the request at hand.
pub(crate) fn asker(traceparent: Option<&str>) -> Asker<'_> {
    let address = RequestContext::with_current(|context| context.client_ip).flatten();
    Asker {
        traceparent,
        network: address.map(ClientNetwork::from),
    }
}

/// The caller is told to come back when nothing is known of the keys, and otherwise no more than
/// for a wrong signature; the log has the cause.
fn keys_unavailable(error: &DocumentError) -> Error {
    let reason = DenyReason::ClientKeysUnavailable;
    let refusal = match error.is_passing() {
        true => Error::new(
            ErrorCode::TemporarilyUnavailable,
            reason,
            "the client's keys cannot be fetched at the moment; try again shortly",
        )
        .retry_after(FAILURE_LIFETIME),
        false => Error::invalid_client(reason),
    };
    refusal.with_cause(error)
}
