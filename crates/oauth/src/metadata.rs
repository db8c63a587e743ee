//! Discovery documents: of this server (RFC 8414, OpenID Connect Discovery) and of the
//! resources it protects (RFC 9728).
//!
//! A member is there only when the feature behind it is.

use crate::jwt::Algorithm;
use domain::{AuthMethod, ClientSigningAlgorithm, GrantType, Word as _};
use serde::Serialize;

/// How clients authenticate where they have to.
const CONFIDENTIAL: &[AuthMethod] = &[
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::PrivateKeyJwt,
];

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
    token_endpoint_auth_methods_supported: &'static [AuthMethod],
    token_endpoint_auth_signing_alg_values_supported: &'static [ClientSigningAlgorithm],
    revocation_endpoint_auth_methods_supported: &'static [AuthMethod],
    revocation_endpoint_auth_signing_alg_values_supported: &'static [ClientSigningAlgorithm],
    introspection_endpoint_auth_methods_supported: &'static [AuthMethod],
    introspection_endpoint_auth_signing_alg_values_supported: &'static [ClientSigningAlgorithm],
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
            token_endpoint_auth_methods_supported: AuthMethod::ALL,
            token_endpoint_auth_signing_alg_values_supported: ClientSigningAlgorithm::ALL,
            revocation_endpoint_auth_methods_supported: AuthMethod::ALL,
            revocation_endpoint_auth_signing_alg_values_supported: ClientSigningAlgorithm::ALL,
            introspection_endpoint_auth_methods_supported: CONFIDENTIAL,
            introspection_endpoint_auth_signing_alg_values_supported: ClientSigningAlgorithm::ALL,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn input(issuer: &str) -> MetadataInput {
        MetadataInput {
            issuer: issuer.into(),
            registration_open: true,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: vec!["a".into(), "offline_access".into()],
            cimd: true,
            ..Default::default()
        }
    }

    fn read(json: &[u8]) -> Value {
        serde_json::from_slice(json).unwrap()
    }

    #[test]
    fn the_document_says_what_is_there_and_nothing_else() {
        let document = AuthorizationServerMetadata::build(input("https://as.example/t"));
        assert_eq!(
            read(&document.to_json()),
            json!({
                "issuer": "https://as.example/t",
                "authorization_endpoint": "https://as.example/t/oauth/authorize",
                "token_endpoint": "https://as.example/t/oauth/token",
                "registration_endpoint": "https://as.example/t/oauth/register",
                "revocation_endpoint": "https://as.example/t/oauth/revoke",
                "introspection_endpoint": "https://as.example/t/oauth/introspect",
                "jwks_uri": "https://as.example/t/.well-known/jwks.json",
                "scopes_supported": ["a", "offline_access"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported":
                    ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported":
                    ["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"],
                "revocation_endpoint_auth_methods_supported":
                    ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
                "revocation_endpoint_auth_signing_alg_values_supported":
                    ["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"],
                "introspection_endpoint_auth_methods_supported":
                    ["client_secret_basic", "client_secret_post", "private_key_jwt"],
                "introspection_endpoint_auth_signing_alg_values_supported":
                    ["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"],
                "code_challenge_methods_supported": ["S256"],
                "resource_indicators_supported": true,
                "authorization_response_iss_parameter_supported": true,
                "client_id_metadata_document_supported": true,
            })
        );
    }

    #[test]
    fn features_bring_their_members() {
        let document = AuthorizationServerMetadata::build(MetadataInput {
            registration_open: false,
            cimd: false,
            dpop_algorithms: vec!["ES256".into()],
            grant_profiles: vec!["p".into()],
            agent_identity: true,
            service_documentation: Some("https://docs.example".into()),
            ..input("https://as.example/")
        });
        let document = document.openid_configuration(&[Algorithm::Es256, Algorithm::Rs256]);
        let json = read(&document.to_json());
        assert_eq!(json["issuer"], "https://as.example/");
        assert_eq!(json["token_endpoint"], "https://as.example/oauth/token");
        assert_eq!(json.get("registration_endpoint"), None);
        assert_eq!(json.get("client_id_metadata_document_supported"), None);
        assert_eq!(json["dpop_signing_alg_values_supported"], json!(["ES256"]));
        assert_eq!(json["authorization_grant_profiles_supported"], json!(["p"]));
        assert_eq!(json["authplane_agent_identity_supported"], true);
        assert_eq!(json["service_documentation"], "https://docs.example");
        assert_eq!(json["subject_types_supported"], json!(["public"]));
        assert_eq!(
            json["id_token_signing_alg_values_supported"],
            json!(["ES256", "RS256"])
        );
    }

    #[test]
    fn a_resource_names_its_server() {
        let document = ProtectedResourceMetadata::new(
            "https://mcp.example/mcp".into(),
            "https://as.example".into(),
            vec!["a".into()],
            None,
        );
        assert_eq!(
            read(&document.to_json()),
            json!({
                "resource": "https://mcp.example/mcp",
                "authorization_servers": ["https://as.example"],
                "scopes_supported": ["a"],
                "bearer_methods_supported": ["header"],
            })
        );
    }

    #[test]
    fn well_known_names_go_between_host_and_path() {
        let name = "oauth-protected-resource";
        for (identifier, url) in [
            (
                "https://a.example",
                "https://a.example/.well-known/oauth-protected-resource",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/oauth-protected-resource",
            ),
            (
                "https://a.example:1/mcp",
                "https://a.example:1/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://a.example?x=1",
                "https://a.example/.well-known/oauth-protected-resource?x=1",
            ),
        ] {
            assert_eq!(well_known_url(identifier, name), url);
        }
    }
}
