//! Entities as operators see them, in JSON. Field names are fixed (spec: admin).

mod audit;
mod fronting;
mod issuances;
mod system;
mod tokens;

pub use audit::{AuditEventView, AuditListView};
pub use fronting::{FrontingLinkView, ResourceFrontingView, TriedFrontingLinkView};
pub use issuances::{ConsentGrantView, IssuanceListView, IssuanceView, UserGrantsView};
pub use system::{DatabaseView, KeysView, StatsView, SystemStatusView, VerifiedView};
pub use tokens::{RevokedView, TokenFamilyView};

use domain::{
    CatalogScope, Client, ClientKeys, GrantType, Policy, Resource, TokenTyp, UnixMillis, User,
};
use engine::admin::{ClientWithSecret, KeptResource};
use keys::KeyInfo;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// A client.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientView {
    /// Its `client_id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub grant_types: Vec<GrantType>,
    /// `code`, or nothing.
    pub response_types: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: &'static str,
    /// How it may authenticate instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_auth_methods: Vec<&'static str>,
    /// The one algorithm that its assertions may be signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<&'static str>,
    /// Its keys, when it authenticates by them and gave them by value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Box<RawValue>>,
    /// Where its keys are, when it gave them by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Web or native.
    pub application_type: &'static str,
    /// Whether it may act.
    pub status: &'static str,
    /// How it came to be known.
    pub registration_source: &'static str,
    /// The URL of its metadata document, for CIMD clients.
    pub cimd_url: Option<String>,
    /// Its scope ceiling.
    pub scope: String,
    /// Slug of the resource of its requests that name none.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    pub agent: bool,
    /// What the agent does.
    pub agent_description: Option<String>,
    /// When it was registered.
    pub issued_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        let by_url = client.source == domain::ClientSource::Cimd;
        Self {
            id: client.id.to_string(),
            name: client.name.clone(),
            redirect_uris: client.redirect_uris.clone(),
            grant_types: client.grant_types.clone(),
            response_types: client.response_types.clone(),
            token_endpoint_auth_method: client.token_endpoint_auth_method.as_str(),
            further_auth_methods: client
                .further_auth_methods
                .iter()
                .map(|own| own.as_str())
                .collect(),
            token_endpoint_auth_signing_alg: client
                .token_endpoint_auth_signing_alg
                .map(|own| own.as_str()),
            jwks: jwks(client),
            jwks_uri: client
                .keys
                .as_ref()
                .and_then(ClientKeys::jwks_uri)
                .map(str::to_owned),
            application_type: client.application_type.as_str(),
            status: client.status.as_str(),
            registration_source: client.source.as_str(),
            cimd_url: by_url.then(|| client.id.to_string()),
            scope: client.scope.to_string(),
            default_resource: client.default_resource.clone(),
            agent: client.agent,
            agent_description: client.agent_description.clone(),
            issued_at: client.issued_at,
            updated_at: client.updated_at,
        }
    }
}

/// As it is stored: read, it would take a multiple of its size.
fn jwks(client: &Client) -> Option<Box<RawValue>> {
    let jwks = client.keys.as_ref().and_then(ClientKeys::jwks)?;
    RawValue::from_string(jwks.to_owned()).ok()
}

/// A client that was just changed.
#[derive(Serialize, ToSchema)]
pub struct ChangedClientView {
    /// The client.
    #[serde(flatten)]
    pub client: ClientView,
    /// Its secret, if the change gave it one: the one time that it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

impl From<&ClientWithSecret> for ChangedClientView {
    fn from(changed: &ClientWithSecret) -> Self {
        Self {
            client: ClientView::from(&changed.client),
            client_secret: changed.secret.clone(),
        }
    }
}

/// A client that was just created or got a new secret: the one time the secret is shown.
#[derive(Serialize, ToSchema)]
pub struct CreatedClientView {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Its name.
    pub client_name: String,
    /// Where authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub grant_types: Vec<GrantType>,
    /// `code`, or nothing.
    pub response_types: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: &'static str,
    /// How it may authenticate instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_auth_methods: Vec<&'static str>,
    /// The one algorithm that its assertions may be signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<&'static str>,
    /// Its keys, when it authenticates by them and gave them by value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Box<RawValue>>,
    /// Where its keys are, when it gave them by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its scope ceiling.
    pub scope: String,
    /// Slug of the resource of its requests that name none.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    pub agent: bool,
    /// What the agent does.
    pub agent_description: Option<String>,
    /// When it was registered.
    pub issued_at: UnixMillis,
}

impl From<&ClientWithSecret> for CreatedClientView {
    fn from(created: &ClientWithSecret) -> Self {
        let client = &created.client;
        Self {
            client_id: client.id.to_string(),
            client_secret: created.secret.clone(),
            client_name: client.name.clone(),
            redirect_uris: client.redirect_uris.clone(),
            grant_types: client.grant_types.clone(),
            response_types: client.response_types.clone(),
            token_endpoint_auth_method: client.token_endpoint_auth_method.as_str(),
            further_auth_methods: client
                .further_auth_methods
                .iter()
                .map(|own| own.as_str())
                .collect(),
            token_endpoint_auth_signing_alg: client
                .token_endpoint_auth_signing_alg
                .map(|own| own.as_str()),
            jwks: jwks(client),
            jwks_uri: client
                .keys
                .as_ref()
                .and_then(ClientKeys::jwks_uri)
                .map(str::to_owned),
            scope: client.scope.to_string(),
            default_resource: client.default_resource.clone(),
            agent: client.agent,
            agent_description: client.agent_description.clone(),
            issued_at: client.issued_at,
        }
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The `sub` of the user's tokens.
    pub id: String,
    /// Address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: &'static str,
    /// Whether the user may sign in.
    pub status: &'static str,
    /// When the user was created.
    pub created_at: UnixMillis,
    /// When the user last changed.
    pub updated_at: UnixMillis,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role.as_str(),
            status: user.status.as_str(),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// A resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceView {
    /// Its id.
    pub id: String,
    /// Short name.
    pub slug: String,
    /// Its identifier.
    pub uri: Option<String>,
    /// What stands behind it.
    pub backend_kind: &'static str,
    /// The upstream provider, for broker resources.
    pub broker_provider_id: Option<String>,
    /// Name shown on pages.
    pub display_name: String,
    /// Its catalog.
    pub scopes: Vec<CatalogScope>,
    /// Its policy.
    pub policy: Policy,
    /// What the header of its tokens says they are.
    pub token_typ: TokenTyp,
    /// When it was registered.
    pub created_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
}

impl From<&Resource> for ResourceView {
    fn from(resource: &Resource) -> Self {
        Self {
            id: resource.id.to_string(),
            slug: resource.slug.clone(),
            uri: resource.uri.clone(),
            backend_kind: resource.backend_kind.as_str(),
            broker_provider_id: None,
            display_name: resource.display_name.clone(),
            scopes: resource.scopes.clone(),
            policy: resource.policy.clone(),
            token_typ: resource.token_typ,
            created_at: resource.created_at,
            updated_at: resource.updated_at,
        }
    }
}

/// A resource that was just registered or changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeptResourceView {
    /// The resource.
    #[serde(flatten)]
    pub resource: ResourceView,
    /// What the operator should know about it, in sentences; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl From<&KeptResource> for KeptResourceView {
    fn from(kept: &KeptResource) -> Self {
        Self {
            resource: ResourceView::from(&kept.resource),
            warnings: kept.warnings.clone(),
        }
    }
}

/// A signing key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id in token headers.
    pub kid: String,
    /// Its algorithm.
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub use_: &'static str,
    /// `pending`: published, and not yet used; `active`: signs; `retired`: verifies what it signed.
    pub status: &'static str,
    /// When it was made.
    pub created_at: UnixMillis,
    /// From when it signs, or has signed.
    pub active_at: UnixMillis,
}

impl From<KeyInfo> for KeyView {
    fn from(key: KeyInfo) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg.as_str(),
            use_: key.use_,
            status: key.status.as_str(),
            created_at: key.created_at,
            active_at: key.active_at,
        }
    }
}

/// The signing keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyListView {
    /// The active one first, then the pending one, then the retired ones, newest first.
    pub keys: Vec<KeyView>,
}

/// A key that was just made, or just put to use.
#[derive(Debug, Serialize, ToSchema)]
pub struct RotatedKeyView {
    /// Its id in token headers.
    pub kid: String,
    /// Its algorithm.
    pub alg: &'static str,
    /// `pending` or `active`.
    pub status: &'static str,
    /// From when it signs.
    pub active_at: UnixMillis,
}

impl From<KeyInfo> for RotatedKeyView {
    fn from(key: KeyInfo) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg.as_str(),
            status: key.status.as_str(),
            active_at: key.active_at,
        }
    }
}
