//! Clients, as operators see them.

use super::ACTOR;
use super::change::{TRIES, changed_fields, in_use, is_version, overtaken, replace};
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{
    ApplicationType, AuditAction, AuthMethod, Client, ClientId, ClientKeys, ClientSigningAlgorithm,
    ClientSource, ClientStatus, GrantType, ScopeSet, UnixMillis, Weigh as _, is_valid_client_id,
    is_valid_slug,
};
use oauth::ErrorCode;
use oauth::redirect_uri::{RedirectUri, infer_application_type};
use oauth::registration::{MAX_AGENT_DESCRIPTION, check_jwks, check_jwks_uri, check_signing_alg};
use store::{ClientFilter, Deleted, Deletion, Page, Part, RevokeCount, Updated};
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::RegistrationSource;

/// A client to create.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// Its `client_id`, such as a URL that others know it by; made up when absent.
    pub client_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Where authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for; the default follows from the redirect URIs.
    pub grant_types: Vec<GrantType>,
    /// `code` with the authorization_code grant, and nothing without; follows when absent.
    pub response_types: Option<Vec<String>>,
    /// How it authenticates; by default with a secret in the `Authorization` header.
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// Its keys, when it authenticates by them.
    pub keys: NewKeys,
    /// Web or native; inferred when absent.
    pub application_type: Option<ApplicationType>,
    /// Its scope ceiling, separated by blanks.
    pub scope: String,
    /// The resource, by slug, id or URI, that its requests are for which name none and could be
    /// for several.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    pub agent: bool,
    /// What the agent does.
    pub agent_description: Option<String>,
}

/// What to change of a client; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ClientChange {
    /// Its name.
    pub name: Option<String>,
    /// Where authorization responses may go.
    pub redirect_uris: Option<Vec<String>>,
    /// What it may ask for.
    pub grant_types: Option<Vec<GrantType>>,
    /// How it authenticates, see [`Engine::update_client`].
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// Its keys, in place of those it has.
    pub keys: NewKeys,
    /// Its scope ceiling.
    pub scope: Option<String>,
    /// The resource of its requests that name none; empty for none.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    pub agent: Option<bool>,
    /// What the agent does; empty for nothing.
    pub agent_description: Option<String>,
    /// Change this version alone, by its `updated_at`.
    pub version: Option<UnixMillis>,
}

/// The keys of a client, as an operator gives them (RFC 7591 §2).
#[derive(Debug, Clone, Default)]
pub struct NewKeys {
    /// A JWK Set.
    pub jwks: Option<serde_json::Value>,
    /// The URL of one.
    pub jwks_uri: Option<String>,
    /// The one algorithm that assertions may be signed with.
    pub signing_alg: Option<ClientSigningAlgorithm>,
}

/// A client together with its secret, the one time that can be seen.
#[derive(Clone)]
pub struct ClientWithSecret {
    /// The client.
    pub client: Client,
    /// Its secret; `None` for public clients.
    pub secret: Option<String>,
}

impl std::fmt::Debug for ClientWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientWithSecret")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn metadata_error(description: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(
        ErrorCode::InvalidClientMetadata,
        DenyReason::InvalidClientMetadata,
        description,
    )
}

fn parse_scope(scope: &str) -> Result<ScopeSet> {
    ScopeSet::parse(scope).map_err(|error| metadata_error(format!("scope: {error}")))
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("there is no client {id}"))
}

/// An id that an operator chose (RFC 6749 Appendix A.1). It must not look like the slug of a
/// resource: a token that a gateway obtains has the gateway's slug as its `client_id`.
fn chosen_id(id: String) -> Result<ClientId> {
    if !is_valid_client_id(&id) {
        return Err(metadata_error(
            "client_id: give an https URL, or 1 to 2048 of letters, digits and - . _ ~ : @ + =, \
             which begin with a letter or digit and look like no path",
        ));
    }
    if is_valid_slug(&id) {
        return Err(metadata_error(
            "client_id: give one that cannot be a resource's slug, such as a URL or a name with a dot in it",
        ));
    }
    Ok(ClientId::from(id))
}

/// The most bytes that are kept of one client.
const MAX_CLIENT: usize = 64 * 1024;

/// The rules that hold for every client, new or changed.
fn check(client: &Client) -> Result<()> {
    // Clients that registered themselves need no name (RFC 7591 §2).
    let nameless = client.source == ClientSource::Admin && client.name.trim().is_empty();
    if nameless || client.name.chars().count() > 256 {
        return Err(metadata_error("name: give 1 to 256 characters"));
    }
    let bytes = client.heap_bytes();
    if bytes > MAX_CLIENT {
        return Err(metadata_error(format!(
            "redirect_uris: with them the client takes {bytes} bytes; give fewer or shorter ones, so that it takes \
             {MAX_CLIENT} at most"
        )));
    }
    if client
        .agent_description
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_AGENT_DESCRIPTION)
    {
        return Err(metadata_error(
            "agent_description: give at most 500 characters",
        ));
    }
    for uri in &client.redirect_uris {
        RedirectUri::parse_for_registration(uri, client.application_type).map_err(|error| {
            Error::new(
                ErrorCode::InvalidRedirectUri,
                DenyReason::InvalidRedirectUri,
                format!("redirect_uris: {uri}: {error}"),
            )
        })?;
    }
    let interactive = client.may_use(GrantType::AuthorizationCode);
    if interactive && client.redirect_uris.is_empty() {
        return Err(metadata_error(
            "redirect_uris: the authorization_code grant needs at least one",
        ));
    }
    for grant in [GrantType::ClientCredentials, GrantType::TokenExchange] {
        if client.may_use(grant) && !client.can_authenticate() {
            return Err(metadata_error(format!(
                "token_endpoint_auth_method: the {grant} grant needs a client that authenticates, with a \
                 secret or a key"
            )));
        }
    }
    if client.may_authenticate_by(AuthMethod::PrivateKeyJwt) && client.keys.is_none() {
        return Err(metadata_error(
            "token_endpoint_auth_method: private_key_jwt needs jwks or jwks_uri; give the one that holds the \
             client's public keys",
        ));
    }
    Ok(())
}

/// Keys are for clients that authenticate by them, among other methods or by nothing else.
fn check_keys_fit(
    signs: bool,
    method: AuthMethod,
    keys: Option<&ClientKeys>,
    signing_alg: Option<ClientSigningAlgorithm>,
) -> Result<()> {
    if !signs && (keys.is_some() || signing_alg.is_some()) {
        return Err(metadata_error(format!(
            "jwks, jwks_uri and token_endpoint_auth_signing_alg are for clients that authenticate by \
             private_key_jwt, and this one by {method}"
        )));
    }
    Ok(())
}

/// Sets how a client authenticates, see [`Engine::update_client`].
fn set_authentication(
    client: &mut Client,
    change: &ClientChange,
    keys: Option<&ClientKeys>,
    fresh_hash: &str,
) -> Result<()> {
    let own = client.token_endpoint_auth_method;
    let method = change.token_endpoint_auth_method.unwrap_or(own);
    let signing_alg = change.keys.signing_alg;
    if keys.is_none() && signing_alg.is_none() && change.token_endpoint_auth_method.is_none() {
        return Ok(());
    }
    if client.source == ClientSource::Cimd {
        return match method == own && keys.is_none() && signing_alg.is_none() {
            true => Ok(()),
            false => Err(metadata_error(
                "token_endpoint_auth_method: the client's metadata document says how it authenticates; change \
                 it there",
            )),
        };
    }
    client.token_endpoint_auth_method = method;
    if change.token_endpoint_auth_method.is_some() {
        client.further_auth_methods.clear();
    }
    let signs = client.may_authenticate_by(AuthMethod::PrivateKeyJwt);
    check_keys_fit(signs, method, keys, signing_alg)?;
    match signs {
        true => {
            if let Some(keys) = keys {
                client.keys = Some(keys.clone());
            }
            if let Some(alg) = signing_alg {
                client.token_endpoint_auth_signing_alg = Some(alg);
            }
            check_signing_alg(client.keys.as_ref(), client.token_endpoint_auth_signing_alg)?;
        }
        false => {
            client.keys = None;
            client.token_endpoint_auth_signing_alg = None;
        }
    }
    client.secret_hash = match client.uses_secret() {
        true => client
            .secret_hash
            .take()
            .or_else(|| Some(fresh_hash.to_owned())),
        false => None,
    };
    Ok(())
}

/// What the authorization endpoint may be asked for (RFC 7591 §2.1).
fn response_types(grants: &[GrantType]) -> Vec<String> {
    match grants.contains(&GrantType::AuthorizationCode) {
        true => vec![String::from("code")],
        false => Vec::new(),
    }
}

/// Which fields differ.
fn changed(before: &Client, after: &Client) -> String {
    changed_fields(&[
        ("name", before.name != after.name),
        ("redirect_uris", before.redirect_uris != after.redirect_uris),
        ("grant_types", before.grant_types != after.grant_types),
        ("scope", before.scope != after.scope),
        (
            "default_resource",
            before.default_resource != after.default_resource,
        ),
        ("agent", before.agent != after.agent),
        (
            "agent_description",
            before.agent_description != after.agent_description,
        ),
        ("client_secret", before.secret_hash != after.secret_hash),
        (
            "token_endpoint_auth_method",
            before.token_endpoint_auth_method != after.token_endpoint_auth_method
                || before.further_auth_methods != after.further_auth_methods,
        ),
        ("keys", before.keys != after.keys),
        (
            "token_endpoint_auth_signing_alg",
            before.token_endpoint_auth_signing_alg != after.token_endpoint_auth_signing_alg,
        ),
    ])
}

impl Engine {
    /// Creates a client.
    ///
    /// # Errors
    /// `invalid_client_metadata` or `invalid_redirect_uri`, naming the field.
    pub async fn create_client(&self, new: NewClient) -> Result<ClientWithSecret> {
        let now = self.now();
        let method = new
            .token_endpoint_auth_method
            .unwrap_or(AuthMethod::ClientSecretBasic);
        let grant_types = match (new.grant_types.is_empty(), new.redirect_uris.is_empty()) {
            (false, _) => new.grant_types,
            (true, false) => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            (true, true) => vec![GrantType::ClientCredentials],
        };
        let (secret, secret_hash) = match method.uses_secret() {
            false => (None, None),
            true => {
                let (secret, hash) = self.inner().parts.client_secrets.generate(self.rng());
                (Some(secret.expose().to_owned()), Some(hash))
            }
        };
        let keys = self.registered_keys(&new.keys)?;
        let signs = method == AuthMethod::PrivateKeyJwt;
        check_keys_fit(signs, method, keys.as_ref(), new.keys.signing_alg)?;
        check_signing_alg(keys.as_ref(), new.keys.signing_alg)?;
        let response_types = response_types(&grant_types);
        if new.response_types.is_some_and(|own| own != response_types) {
            return Err(metadata_error(
                "response_types: give [code] with the authorization_code grant, and [] without",
            ));
        }
        let client = Client {
            id: match new.client_id {
                Some(id) => chosen_id(id)?,
                None => ClientId::generate(self.clock(), self.rng()),
            },
            name: new.name,
            secret_hash,
            application_type: infer_application_type(new.application_type, &new.redirect_uris),
            redirect_uris: new.redirect_uris,
            response_types,
            grant_types,
            token_endpoint_auth_method: method,
            further_auth_methods: Vec::new(),
            token_endpoint_auth_signing_alg: new.keys.signing_alg,
            keys,
            status: ClientStatus::Active,
            source: ClientSource::Admin,
            scope: parse_scope(&new.scope)?,
            default_resource: match new.default_resource {
                Some(reference) => Some(self.default_resource(&reference).await?),
                None => None,
            },
            client_uri: None,
            logo_uri: None,
            agent: new.agent,
            agent_description: new.agent_description,
            issued_at: now,
            updated_at: now,
        };
        check(&client)?;
        let event = event(AuditAction::ClientCreatedAdmin, ACTOR)
            .client(client.id.as_str())
            .with("name", &client.name);
        self.store()
            .create_client(client.clone(), vec![event])
            .await?;
        self.metrics()
            .clients_registered
            .add(RegistrationSource::Admin);
        tracing::info!(client_id = %client.id, "client created");
        Ok(ClientWithSecret { client, secret })
    }

    /// Clients, newest first.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn clients(&self, filter: &ClientFilter, page: &Page) -> Result<Part<Client>> {
        Ok(self.store().clients(filter, page).await?)
    }

    /// The client with this id.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn client(&self, id: &str) -> Result<Client> {
        let found = self.store().client_now(id).await?;
        found.ok_or_else(|| not_found(id))
    }

    /// What a client holds that is alive: it would end with the client.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn client_holdings(&self, id: &str) -> Result<RevokeCount> {
        Ok(self.store().client_holdings(id).await?)
    }

    /// Changes a client. With another way to authenticate, what belonged to the old one is gone:
    /// - from a secret to a secret: it keeps its secret;
    /// - to a secret: it gets one, shown this once; its keys are dropped;
    /// - to `private_key_jwt`: it needs keys; its secret is dead;
    /// - to `none`: its secret is dead and its keys are dropped.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` for another version; as [`Engine::create_client`];
    /// `invalid_client_metadata` for the keys and method of a client whose document says them.
    pub async fn update_client(&self, id: &str, change: ClientChange) -> Result<ClientWithSecret> {
        let keys = self.registered_keys(&change.keys)?;
        let (fresh, fresh_hash) = self.inner().parts.client_secrets.generate(self.rng());
        let scope = change.scope.as_deref().map(parse_scope).transpose()?;
        let default_resource = match change.default_resource.as_deref() {
            Some("") => Some(None),
            Some(reference) => Some(Some(self.default_resource(reference).await?)),
            None => None,
        };
        let apply = |client: &mut Client| {
            replace(&mut client.name, change.name.as_ref());
            replace(&mut client.redirect_uris, change.redirect_uris.as_ref());
            if let Some(grants) = &change.grant_types {
                client.response_types = response_types(grants);
                client.grant_types.clone_from(grants);
            }
            set_authentication(client, &change, keys.as_ref(), &fresh_hash)?;
            replace(&mut client.scope, scope.as_ref());
            replace(&mut client.default_resource, default_resource.as_ref());
            replace(&mut client.agent, change.agent.as_ref());
            if let Some(description) = &change.agent_description {
                client.agent_description =
                    Some(description.clone()).filter(|text| !text.is_empty());
            }
            check(client)
        };
        let client = self
            .change_client(id, change.version, AuditAction::ClientUpdated, apply)
            .await?;
        let is_fresh = client.secret_hash.as_ref() == Some(&fresh_hash);
        Ok(ClientWithSecret {
            client,
            secret: is_fresh.then(|| fresh.expose().to_owned()),
        })
    }

    /// The keys that an operator gives, if they can be used.
    fn registered_keys(&self, new: &NewKeys) -> Result<Option<ClientKeys>> {
        match (&new.jwks, new.jwks_uri.as_deref()) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(metadata_error(
                "jwks: give either jwks or jwks_uri, not both",
            )),
            (Some(jwks), None) => Ok(Some(ClientKeys::Jwks(check_jwks(jwks)?))),
            (None, Some(uri)) => {
                check_jwks_uri(uri)?;
                self.check_jwks_scheme(uri)?;
                Ok(Some(ClientKeys::JwksUri(uri.to_owned())))
            }
        }
    }

    /// The slug of the resource that `reference` names.
    async fn default_resource(&self, reference: &str) -> Result<String> {
        match self.resource(reference).await {
            Ok(resource) => Ok(resource.slug.clone()),
            Err(error) if error.code == ErrorCode::NotFound => Err(metadata_error(format!(
                "default_resource: {}; give the slug, id or URI of one",
                error.description
            ))),
            Err(error) => Err(error),
        }
    }

    /// Reads a client, changes it and writes it back; again, when others changed it meanwhile.
    async fn change_client(
        &self,
        id: &str,
        version: Option<UnixMillis>,
        action: AuditAction,
        apply: impl Fn(&mut Client) -> Result<()>,
    ) -> Result<Client> {
        for _ in 0..TRIES {
            let before = self.client(id).await?;
            is_version(before.updated_at, version)?;
            let mut after = before.clone();
            apply(&mut after)?;
            let changed = changed(&before, &after);
            if changed.is_empty() {
                return Ok(after);
            }
            let event = event(action, ACTOR).client(id).with("changed", &changed);
            match self
                .store()
                .update_client(after.clone(), vec![event])
                .await?
            {
                Updated::Yes { updated_at, .. } => {
                    tracing::info!(
                        client_id = id,
                        action = action.as_str(),
                        changed,
                        "client changed"
                    );
                    return Ok(Client {
                        updated_at,
                        ..after
                    });
                }
                Updated::Stale => {}
                Updated::Gone => return Err(not_found(id)),
            }
        }
        Err(overtaken("client", id))
    }

    /// Suspends, reactivates or revokes a client. Revocation is for good and ends its tokens.
    ///
    /// # Errors
    /// `not_found`; `invalid_request` for a client that is revoked.
    pub async fn set_client_status(&self, id: &str, status: ClientStatus) -> Result<()> {
        let client = self.client(id).await?;
        if client.status == status {
            return Ok(());
        }
        if client.status == ClientStatus::Revoked {
            return Err(Error::invalid_request(format!(
                "the client {id} is revoked, which is for good"
            )));
        }
        let action = match status {
            ClientStatus::Active => AuditAction::ClientReactivated,
            ClientStatus::Suspended => AuditAction::ClientSuspended,
            ClientStatus::Revoked => AuditAction::ClientRevoked,
        };
        let event = event(action, ACTOR).client(id);
        let changed = self
            .store()
            .set_client_status(id.to_owned(), status, vec![event])
            .await?;
        if let Some(ended) = changed {
            self.count_ended(ended);
            tracing::info!(
                client_id = id,
                status = status.as_str(),
                families = ended.families,
                tokens = ended.tokens,
                "client status changed"
            );
        }
        Ok(())
    }

    /// Gives a client a new secret; the old one dies at once.
    ///
    /// # Errors
    /// `not_found`; `invalid_request` for a public client.
    pub async fn rotate_client_secret(&self, id: &str) -> Result<ClientWithSecret> {
        let (secret, hash) = self.inner().parts.client_secrets.generate(self.rng());
        let apply = |client: &mut Client| {
            if !client.uses_secret() {
                return Err(Error::invalid_request(format!(
                    "the client {id} has no secret: it does not authenticate by one"
                )));
            }
            client.secret_hash = Some(hash.clone());
            Ok(())
        };
        let client = self
            .change_client(id, None, AuditAction::ClientSecretRotated, apply)
            .await?;
        Ok(ClientWithSecret {
            client,
            secret: Some(secret.expose().to_owned()),
        })
    }

    /// Deletes a client with all its tokens and consents.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` for another version; `conflict` when it holds
    /// anything that is alive and `force` is not set.
    pub async fn delete_client(&self, id: &str, how: Deletion) -> Result<()> {
        let event = event(AuditAction::ClientDeleted, ACTOR).client(id);
        let ended = match self
            .store()
            .delete_client(id.to_owned(), how, vec![event])
            .await?
        {
            Deleted::Yes(ended) => ended,
            Deleted::InUse(held) => return Err(in_use("client", id, held)),
            Deleted::Stale => return Err(Error::precondition_failed()),
            Deleted::Gone => return Err(not_found(id)),
        };
        self.count_ended(ended);
        tracing::info!(
            client_id = id,
            families = ended.families,
            tokens = ended.tokens,
            "client deleted"
        );
        Ok(())
    }
}
