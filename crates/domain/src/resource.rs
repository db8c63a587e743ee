//! Resources: what a token is for.

use crate::{ResourceId, ScopeSet, UnixMillis, scope::Scope};

crate::words! {
    /// What stands behind a resource.
    BackendKind {
        /// We sign a JWT for it.
        Mint = "mint",
        /// We hand out the user's own token of an upstream provider.
        Broker = "broker",
    }
}

crate::words! {
    /// What the header of a resource's tokens says they are (RFC 7515 §4.1.9).
    #[derive(Default)]
    TokenTyp {
        /// An access token (RFC 9068 §2.1), which is not mistaken for a JWT of another kind.
        #[default]
        AtJwt = "at+jwt",
        /// Any JWT: for verifiers that know no other kind.
        Jwt = "JWT",
    }
}

impl TokenTyp {
    /// That of a token for all of `resources`: `JWT` when none of them asks for more.
    #[must_use]
    pub fn of_token<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Self {
        let mut resources = resources.into_iter().peekable();
        let is_plain = |resource: &Resource| resource.token_typ == Self::Jwt;
        match resources.peek().is_some() && resources.all(is_plain) {
            true => Self::Jwt,
            false => Self::AtJwt,
        }
    }
}

/// A scope of a resource's catalog.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct CatalogScope {
    /// The scope token.
    pub name: String,
    /// What it allows, in words for the consent page.
    #[serde(default)]
    pub description: String,
    /// The upstream provider's scope it stands for (broker resources).
    #[serde(default)]
    pub upstream: String,
}

/// Who may do what with a resource beyond the ordinary flow.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(default)]
pub struct Policy {
    /// Token exchange.
    #[serde(deserialize_with = "crate::object")]
    pub exchange: ExchangePolicy,
    /// The resource's own clients.
    #[serde(deserialize_with = "crate::object")]
    pub runtime: RuntimePolicy,
    /// Upstream connections.
    #[serde(deserialize_with = "crate::object")]
    pub connect: ConnectPolicy,
}

/// Who may exchange tokens for this resource.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(default)]
pub struct ExchangePolicy {
    /// Clients that may; empty = not restricted.
    pub allowed_client_ids: Vec<String>,
}

/// The clients as which the resource server itself runs.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(default)]
pub struct RuntimePolicy {
    /// They may introspect tokens of this resource.
    pub client_ids: Vec<String>,
}

/// Where a user may be sent after connecting a provider.
#[derive(
    Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(default)]
pub struct ConnectPolicy {
    /// Exact URLs.
    pub allowed_return_urls: Vec<String>,
}

/// A protected resource (RFC 8707, RFC 9728).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// Short name, unique, `[a-z0-9-]`.
    pub slug: String,
    /// Its identifier: the `aud` of its tokens. Some gateways have none.
    pub uri: Option<String>,
    /// What stands behind it.
    pub backend_kind: BackendKind,
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

impl Resource {
    /// The `aud` value: the URI, or the slug of a resource without one.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.uri.as_deref().unwrap_or(&self.slug)
    }

    /// Whether the catalog has `scope`.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own.name == scope)
    }

    /// All scopes of the catalog.
    #[must_use]
    pub fn catalog(&self) -> ScopeSet {
        self.scopes
            .iter()
            .filter_map(|scope| Scope::parse(&scope.name).ok())
            .collect()
    }

    /// Whether `client_id` runs this resource's server.
    #[must_use]
    pub fn is_runtime_client(&self, client_id: &str) -> bool {
        self.policy
            .runtime
            .client_ids
            .iter()
            .any(|id| id == client_id)
    }
}

/// Whether `slug` can name a resource: 1 to 64 of `a-z`, `0-9`, `-`, not at the edges.
#[must_use]
pub fn is_valid_slug(slug: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&slug.len())
        && slug.bytes().all(allowed)
        && !slug.starts_with('-')
        && !slug.ends_with('-')
}
