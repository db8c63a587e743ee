//! OAuth clients.

use crate::{ClientId, ClientSigningAlgorithm, GrantType, ScopeSet, UnixMillis};

crate::words! {
    /// Whether a client may act.
    ClientStatus {
        /// May do all it is registered for.
        Active = "active",
        /// May do nothing until reactivated; what it was issued lives on.
        Suspended = "suspended",
        /// May never act again; its tokens are dead.
        Revoked = "revoked",
    }
}

crate::words! {
    /// How a client came to be known.
    ClientSource {
        /// Created by an operator.
        Admin = "admin",
        /// Registered itself (RFC 7591).
        Dcr = "dcr",
        /// Its id is the URL of its metadata document.
        Cimd = "cimd",
    }
}

crate::words! {
    /// How a client authenticates at the token endpoint (RFC 7591 §2).
    AuthMethod {
        /// A public client: PKCE alone.
        None = "none",
        /// HTTP Basic (RFC 6749 §2.3.1).
        ClientSecretBasic = "client_secret_basic",
        /// In the form body (RFC 6749 §2.3.1).
        ClientSecretPost = "client_secret_post",
        /// A JWT signed with the client's own key (RFC 7523 §2.2).
        PrivateKeyJwt = "private_key_jwt",
    }
}

impl AuthMethod {
    /// Whether the client shows a secret that the server gave it.
    #[must_use]
    pub fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// Where the public keys of a client are found (RFC 7591 §2); one place, never two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientKeys {
    /// `jwks`: a JWK Set, as JSON (RFC 7517 §5).
    Jwks(String),
    /// `jwks_uri`: the URL of one.
    JwksUri(String),
}

impl ClientKeys {
    /// The keys of two columns or members, of which one is given at most.
    #[must_use]
    pub fn from_parts(jwks: Option<String>, jwks_uri: Option<String>) -> Option<Self> {
        jwks.map(Self::Jwks).or(jwks_uri.map(Self::JwksUri))
    }

    /// `jwks`, when the keys are given by value.
    #[must_use]
    pub fn jwks(&self) -> Option<&str> {
        match self {
            Self::Jwks(jwks) => Some(jwks),
            Self::JwksUri(_) => None,
        }
    }

    /// `jwks_uri`, when the keys are given by reference.
    #[must_use]
    pub fn jwks_uri(&self) -> Option<&str> {
        match self {
            Self::Jwks(_) => None,
            Self::JwksUri(uri) => Some(uri),
        }
    }
}

crate::words! {
    /// `application_type` of dynamic registration (OpenID Connect Registration §2).
    ApplicationType {
        /// Runs on a server or in a browser.
        Web = "web",
        /// Runs on the user's machine (RFC 8252).
        Native = "native",
    }
}

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// The name it gave itself, or an operator gave it. Not to be trusted.
    pub name: String,
    /// HMAC of its secret; `None` without one.
    pub secret_hash: Option<String>,
    /// Where authorization responses may go, character for character.
    pub redirect_uris: Vec<String>,
    /// What it may ask for at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// `["code"]`, or empty for machine clients.
    pub response_types: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthMethod,
    /// How it may authenticate instead (OpenID Connect RP Metadata Choices 1.0 §2,
    /// `token_endpoint_auth_methods_supported`).
    pub further_auth_methods: Vec<AuthMethod>,
    /// The one algorithm its assertions may be signed with; `None` for any that is supported.
    pub token_endpoint_auth_signing_alg: Option<ClientSigningAlgorithm>,
    /// The keys that its assertions are signed with.
    pub keys: Option<ClientKeys>,
    /// Web or native.
    pub application_type: ApplicationType,
    /// Whether it may act.
    pub status: ClientStatus,
    /// How it came to be known.
    pub source: ClientSource,
    /// Its scope ceiling.
    pub scope: ScopeSet,
    /// Slug of the resource that its requests are for which name none and could be for several.
    pub default_resource: Option<String>,
    /// Its home page, self-declared.
    pub client_uri: Option<String>,
    /// Its logo, self-declared; never loaded by our pages.
    pub logo_uri: Option<String>,
    /// Whether its tokens carry `agent_id`.
    pub agent: bool,
    /// What the agent does, in its owner's words.
    pub agent_description: Option<String>,
    /// When it was registered.
    pub issued_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
}

impl Client {
    /// Every method the client may authenticate by.
    pub fn auth_methods(&self) -> impl Iterator<Item = AuthMethod> {
        let further = self.further_auth_methods.iter().copied();
        std::iter::once(self.token_endpoint_auth_method).chain(further)
    }

    /// Whether the client may authenticate by `method`. A client that has a secret may send it
    /// in either way (RFC 6749 §2.3.1).
    #[must_use]
    pub fn may_authenticate_by(&self, method: AuthMethod) -> bool {
        self.auth_methods()
            .any(|own| own == method || (own.uses_secret() && method.uses_secret()))
    }

    /// Whether the client may authenticate with a secret.
    #[must_use]
    pub fn uses_secret(&self) -> bool {
        self.auth_methods().any(AuthMethod::uses_secret)
    }

    /// Whether every request of the client is authenticated, with a secret or a key.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.auth_methods().all(|method| method != AuthMethod::None)
    }

    /// Whether the client can authenticate, with a secret or a key.
    #[must_use]
    pub fn can_authenticate(&self) -> bool {
        self.auth_methods().any(|method| method != AuthMethod::None)
    }

    /// Whether the client registered `grant`.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether the ceiling admits `scope` on an interactive grant: an empty ceiling leaves
    /// the catalog as the only bound.
    #[must_use]
    pub fn ceiling_admits(&self, scope: &str) -> bool {
        self.scope.is_empty() || self.scope.contains(scope)
    }
}
