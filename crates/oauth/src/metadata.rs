//! Discovery documents: of this server (RFC 8414, OpenID Connect Discovery) and of the
//! resources it protects (RFC 9728).
//!
//! A member is there only when the feature behind it is.

use crate::jwt::Algorithm;
use domain::GrantType;
use serde::Serialize;

/// What the server's metadata depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataInput {
    /// The issuer, exactly as it stands in tokens; may have a path.
    pub issuer: String,
    /// Whether clients may register themselves.
    pub registration_open: bool,
    /// The grants that are enabled.
    pub grant_types: Vec<GrantType>,
    /// The scopes of all catalogs and `offline_access`.
    pub scopes: Vec<String>,
    /// Whether client ids may be URLs of metadata documents.
    pub cimd: bool,
    /// Algorithms of DPoP proofs; empty while DPoP is off.
    pub dpop_algorithms: Vec<String>,
    /// Grant profiles, such as the identity assertion's; empty while there are none.
    pub grant_profiles: Vec<String>,
    /// Whether tokens may carry agent identities.
    pub agent_identity: bool,
    /// Where people read about this server.
    pub service_documentation: Option<String>,
}

/// Metadata of the authorization server (RFC 8414 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorizationServerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    introspection_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: Vec<GrantType>,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    resource_indicators_supported: bool,
    authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    client_id_metadata_document_supported: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_grant_profiles_supported: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    authplane_agent_identity_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_documentation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_types_supported: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_signing_alg_values_supported: Option<Vec<&'static str>>,
}

impl AuthorizationServerMetadata {
    /// The document for a configuration. Endpoints are the issuer with their path appended.
    #[must_use]
    pub fn build(input: MetadataInput) -> Self {
        let base = input.issuer.trim_end_matches('/').to_owned();
        let endpoint = |path: &str| format!("{base}{path}");
        Self {
            authorization_endpoint: endpoint("/oauth/authorize"),
            token_endpoint: endpoint("/oauth/token"),
            registration_endpoint: input.registration_open.then(|| endpoint("/oauth/register")),
            revocation_endpoint: endpoint("/oauth/revoke"),
            introspection_endpoint: endpoint("/oauth/introspect"),
            jwks_uri: endpoint("/.well-known/jwks.json"),
            issuer: input.issuer,
            scopes_supported: input.scopes,
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: input.grant_types,
            token_endpoint_auth_methods_supported: [
                "none",
                "client_secret_basic",
                "client_secret_post",
            ],
            revocation_endpoint_auth_methods_supported: [
                "none",
                "client_secret_basic",
                "client_secret_post",
            ],
            introspection_endpoint_auth_methods_supported: [
                "client_secret_basic",
                "client_secret_post",
            ],
            code_challenge_methods_supported: ["S256"],
            resource_indicators_supported: true,
            authorization_response_iss_parameter_supported: true,
            client_id_metadata_document_supported: input.cimd,
            dpop_signing_alg_values_supported: input.dpop_algorithms,
            authorization_grant_profiles_supported: input.grant_profiles,
            authplane_agent_identity_supported: input.agent_identity,
            service_documentation: input.service_documentation,
            subject_types_supported: None,
            id_token_signing_alg_values_supported: None,
        }
    }

    /// The `openid-configuration` form, with the members that OpenID Connect parsers insist on
    /// (OpenID Connect Discovery §3). This server issues no id tokens; `algorithms` are those
    /// of its keys.
    #[must_use]
    pub fn openid_configuration(&self, algorithms: &[Algorithm]) -> Self {
        let names = algorithms.iter().map(|alg| alg.as_str()).collect();
        Self {
            subject_types_supported: Some(["public"]),
            id_token_signing_alg_values_supported: Some(names),
            ..self.clone()
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Metadata of a protected resource (RFC 9728 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedResourceMetadata {
    /// The resource's identifier.
    pub resource: String,
    /// Who issues tokens for it.
    pub authorization_servers: Vec<String>,
    /// The scopes of its catalog.
    pub scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    /// Its name, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
}

impl ProtectedResourceMetadata {
    /// The document of `resource`, whose tokens come from `issuer` and are sent in the
    /// `Authorization` header (RFC 6750 §2.1).
    #[must_use]
    pub fn new(
        resource: String,
        issuer: String,
        scopes_supported: Vec<String>,
        resource_name: Option<String>,
    ) -> Self {
        Self {
            resource,
            authorization_servers: vec![issuer],
            scopes_supported,
            bearer_methods_supported: ["header"],
            resource_name,
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Where the document `name` of `identifier` is found: `/.well-known/{name}` goes between the
/// host and the path (RFC 8414 §3.1, RFC 9728 §3.1).
#[must_use]
pub fn well_known_url(identifier: &str, name: &str) -> String {
    let authority_at = identifier.find("://").map_or(0, |at| at + 3);
    let path_at = identifier[authority_at..]
        .find(['/', '?'])
        .map_or(identifier.len(), |at| authority_at + at);
    let (origin, rest) = identifier.split_at(path_at);
    let rest = if rest == "/" { "" } else { rest };
    format!("{origin}/.well-known/{name}{rest}")
}
