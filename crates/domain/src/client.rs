//! OAuth clients.

use crate::{ClientId, GrantType, ScopeSet, UnixMillis};

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
    /// HMAC of its secret; `None` for public clients.
    pub secret_hash: Option<String>,
    /// Where authorization responses may go, character for character.
    pub redirect_uris: Vec<String>,
    /// What it may ask for at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// `["code"]`, or empty for machine clients.
    pub response_types: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: AuthMethod,
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
    /// Whether the client proves itself with a secret.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.token_endpoint_auth_method != AuthMethod::None
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
