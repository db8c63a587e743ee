//! The public listener, described (OpenAPI 3.1). The admin listener serves this with its own.
//!
//! Requests are read by hand where a specification has rules that no deserialiser knows (repeated
//! parameters, two ways to authenticate); their shapes stand here, and a real client of the
//! description holds them against the handlers (`tests/e2e/test_openapi.py`).

use super::{authorize, discovery, health, oauth};
use utoipa::OpenApi as _;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

/// Name of the scheme by which clients authenticate (RFC 6749 §2.3.1).
pub const CLIENT_SECRET: &str = "client_secret";

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    authorize::authorize,
    oauth::token,
    oauth::register,
    oauth::revoke,
    oauth::introspect,
    discovery::oauth,
    discovery::openid,
    discovery::jwks,
    discovery::any_resource,
    discovery::resource,
    health::livez,
    health::health,
    health::ready,
))]
struct Public;

/// The description of the endpoints of the public listener that software calls.
#[must_use]
pub fn document() -> OpenApi {
    Public::openapi()
}

/// A token request; which members go together depends on the grant.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct TokenForm {
    grant_type: domain::GrantType,
    /// With `authorization_code`.
    #[schema(nullable = false)]
    code: Option<String>,
    /// With `authorization_code` (RFC 7636 §4.5).
    #[schema(nullable = false)]
    code_verifier: Option<String>,
    /// With `authorization_code`: the one of the authorization request, if it is sent at all.
    #[schema(nullable = false)]
    redirect_uri: Option<String>,
    /// With `refresh_token`.
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// Scopes, separated by blanks.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// What the token is for (RFC 8707); may be repeated.
    #[schema(nullable = false)]
    resource: Option<Vec<String>>,
    /// With token exchange (RFC 8693 §2.1).
    #[schema(nullable = false)]
    subject_token: Option<String>,
    /// With token exchange.
    #[schema(nullable = false)]
    subject_token_type: Option<String>,
    /// With token exchange: who acts.
    #[schema(nullable = false)]
    actor_token: Option<String>,
    /// With token exchange.
    #[schema(nullable = false)]
    actor_token_type: Option<String>,
    /// With token exchange.
    #[schema(nullable = false)]
    requested_token_type: Option<String>,
    /// For clients that do not use the `Authorization` header.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// For clients that do not use the `Authorization` header.
    #[schema(nullable = false)]
    client_secret: Option<String>,
    /// With `private_key_jwt`: the client's signed JWT (RFC 7523 §2.2).
    #[schema(nullable = false)]
    client_assertion: Option<String>,
    /// With `client_assertion`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    #[schema(nullable = false)]
    client_assertion_type: Option<String>,
}

/// Tokens (RFC 6749 §5.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct TokenAnswer {
    access_token: String,
    /// `Bearer`, or `DPoP` for a bound token (RFC 9449 §5).
    token_type: String,
    /// Seconds.
    expires_in: u64,
    scope: Option<String>,
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// After an exchange (RFC 8693 §2.2.1).
    #[schema(nullable = false)]
    issued_token_type: Option<String>,
}

/// A token to look at or to end.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct PresentedForm {
    token: String,
    #[schema(nullable = false)]
    token_type_hint: Option<String>,
    /// For clients that do not use the `Authorization` header.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// For clients that do not use the `Authorization` header.
    #[schema(nullable = false)]
    client_secret: Option<String>,
    /// With `private_key_jwt`: the client's signed JWT (RFC 7523 §2.2).
    #[schema(nullable = false)]
    client_assertion: Option<String>,
    /// With `client_assertion`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    #[schema(nullable = false)]
    client_assertion_type: Option<String>,
}

/// Whether a token is good (RFC 7662 §2.2); the other members are there when it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct IntrospectionAnswer {
    active: bool,
    #[schema(nullable = false)]
    scope: Option<String>,
    #[schema(nullable = false)]
    client_id: Option<String>,
    #[schema(nullable = false)]
    token_type: Option<String>,
    /// Seconds since 1970.
    #[schema(nullable = false)]
    exp: Option<i64>,
    /// Seconds since 1970.
    #[schema(nullable = false)]
    iat: Option<i64>,
    #[schema(nullable = false)]
    sub: Option<String>,
    #[schema(nullable = false)]
    aud: Option<Vec<String>>,
    #[schema(nullable = false)]
    iss: Option<String>,
    #[schema(nullable = false)]
    jti: Option<String>,
    #[schema(nullable = false)]
    username: Option<String>,
    #[schema(nullable = false, value_type = Option<Object>)]
    cnf: Option<()>,
    #[schema(nullable = false, value_type = Option<Object>)]
    act: Option<()>,
    #[schema(nullable = false)]
    agent_id: Option<String>,
    #[schema(nullable = false)]
    agent_chain: Option<Vec<String>>,
}

/// A client that registers itself (RFC 7591 §2). Other members are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct RegistrationRequest {
    #[schema(nullable = false)]
    redirect_uris: Option<Vec<String>>,
    #[schema(nullable = false)]
    client_name: Option<String>,
    #[schema(nullable = false)]
    grant_types: Option<Vec<String>>,
    #[schema(nullable = false)]
    response_types: Option<Vec<String>>,
    #[schema(nullable = false)]
    token_endpoint_auth_method: Option<String>,
    #[schema(nullable = false)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[schema(nullable = false)]
    token_endpoint_auth_signing_alg: Option<String>,
    #[schema(nullable = false, value_type = Option<Object>)]
    jwks: Option<()>,
    #[schema(nullable = false)]
    jwks_uri: Option<String>,
    #[schema(nullable = false)]
    application_type: Option<String>,
    #[schema(nullable = false)]
    scope: Option<String>,
}

/// What became of a registration (RFC 7591 §3.2.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct RegistrationAnswer {
    client_id: String,
    #[schema(nullable = false)]
    client_secret: Option<String>,
    client_id_issued_at: i64,
    redirect_uris: Vec<String>,
    grant_types: Vec<String>,
    token_endpoint_auth_method: String,
}

/// How a probe is answered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its shape is all that is wanted of it")]
pub(super) struct ProbeAnswer {
    status: String,
    #[schema(nullable = false)]
    time: Option<domain::UnixMillis>,
    #[schema(nullable = false)]
    db: Option<String>,
}
