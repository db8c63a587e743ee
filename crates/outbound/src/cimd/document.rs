//! What a client ID metadata document says.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{CimdError, ClientIdUrl};

/// How a client with a metadata document authenticates: without a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CimdAuthMethod {
    /// A public client (RFC 7591 §2), protected by PKCE.
    #[default]
    None,
    /// With a key of its own (RFC 7523 §2.2).
    PrivateKeyJwt,
}

/// The members of a metadata document (RFC 7591 §2) that mean something here. All but `client_id`
/// is the client's own claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMetadataDocument {
    /// The URL under which the document was found.
    pub client_id: ClientIdUrl,
    /// A name to show, as the client chose it.
    pub client_name: Option<String>,
    /// At least one; their form is not yet checked.
    pub redirect_uris: Vec<String>,
    /// As written; `None` when absent.
    pub grant_types: Option<Vec<String>>,
    /// As written; `None` when absent.
    pub response_types: Option<Vec<String>>,
    /// As written; `None` when absent.
    pub scope: Option<String>,
    /// The client's home page.
    pub client_uri: Option<String>,
    /// The client's logo; never fetched by the server.
    pub logo_uri: Option<String>,
    /// Absent means none: a default of RFC 7591 that needs a secret cannot apply here.
    pub token_endpoint_auth_method: CimdAuthMethod,
    /// `web` or `native`, as written.
    pub application_type: Option<String>,
    /// Where the client's keys are.
    pub jwks_uri: Option<String>,
    /// The client's keys, in the document itself.
    pub jwks: Option<serde_json::Value>,
    /// The client's privacy policy.
    pub policy_uri: Option<String>,
    /// The client's terms of service.
    pub tos_uri: Option<String>,
    /// Whom to write to.
    pub contacts: Option<Vec<String>>,
}

/// The document as it is read. A member given twice is refused, not guessed.
#[derive(Deserialize)]
struct Raw {
    client_id: Option<String>,
    client_name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    scope: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    token_endpoint_auth_method: Option<String>,
    application_type: Option<String>,
    jwks_uri: Option<String>,
    jwks: Option<serde_json::Value>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    contacts: Option<Vec<String>>,
    client_secret: Option<IgnoredAny>,
    client_secret_expires_at: Option<IgnoredAny>,
}

impl ClientMetadataDocument {
    /// Reads the document found under `client_id`
    /// (draft-ietf-oauth-client-id-metadata-document §4).
    ///
    /// # Errors
    /// When it is not a JSON object, names another client, has no redirect URI, or uses a secret.
    pub fn parse(client_id: &ClientIdUrl, body: &[u8]) -> Result<Self, CimdError> {
        // serde would also read an array into a struct.
        let is_object = body.trim_ascii_start().first() == Some(&b'{');
        if !is_object {
            return Err(CimdError::NotJson);
        }
        let raw: Raw = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                CimdError::MetadataInvalid(error.to_string())
            } else {
                CimdError::NotJson
            }
        })?;
        if raw.client_id.as_deref() != Some(client_id.as_str()) {
            return Err(CimdError::ClientIdMismatch);
        }
        if raw.client_secret.is_some() || raw.client_secret_expires_at.is_some() {
            return Err(CimdError::SymmetricAuth);
        }
        let auth_method = match raw.token_endpoint_auth_method.as_deref() {
            None | Some("none") => CimdAuthMethod::None,
            Some("private_key_jwt") => CimdAuthMethod::PrivateKeyJwt,
            Some(method) if method.starts_with("client_secret") => {
                return Err(CimdError::SymmetricAuth);
            }
            Some(method) => {
                return Err(CimdError::MetadataInvalid(format!(
                    "token_endpoint_auth_method {method:?} is not supported"
                )));
            }
        };
        let redirect_uris = raw.redirect_uris.unwrap_or_default();
        if redirect_uris.is_empty() {
            return Err(CimdError::NoRedirectUris);
        }
        Ok(Self {
            client_id: client_id.clone(),
            client_name: raw.client_name,
            redirect_uris,
            grant_types: raw.grant_types,
            response_types: raw.response_types,
            scope: raw.scope,
            client_uri: raw.client_uri,
            logo_uri: raw.logo_uri,
            token_endpoint_auth_method: auth_method,
            application_type: raw.application_type,
            jwks_uri: raw.jwks_uri,
            jwks: raw.jwks,
            policy_uri: raw.policy_uri,
            tos_uri: raw.tos_uri,
            contacts: raw.contacts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "https://app.example/client.json";

    fn parse(body: &str) -> Result<ClientMetadataDocument, CimdError> {
        let id = ClientIdUrl::parse(ID, false).unwrap();
        ClientMetadataDocument::parse(&id, body.replace("$ID", ID).as_bytes())
    }

    #[test]
    fn a_document_is_read_and_unknown_members_are_ignored() {
        let document = parse(
            r#" {"client_id":"$ID","client_name":"App","redirect_uris":["http://127.0.0.1/cb"],
                "client_name#ja":"アプリ","software_id":7,"grant_types":["authorization_code"],
                "token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[]},"scope":null}"#,
        )
        .unwrap();
        assert_eq!(document.client_id.as_str(), ID);
        assert_eq!(document.client_name.as_deref(), Some("App"));
        assert_eq!(document.redirect_uris, ["http://127.0.0.1/cb"]);
        assert_eq!(document.scope, None);
        assert_eq!(
            document.token_endpoint_auth_method,
            CimdAuthMethod::PrivateKeyJwt
        );
    }

    #[test]
    fn each_rule_has_its_reason() {
        for (body, reason) in [
            ("", "not_json"),
            ("<html>", "not_json"),
            ("[]", "not_json"),
            ("null", "not_json"),
            (r#"{"client_id":"$ID""#, "not_json"),
            (r#"{"client_id":"$ID","redirect_uris":["a"]} x"#, "not_json"),
            (r#"{"redirect_uris":["a"]}"#, "client_id_mismatch"),
            (
                r#"{"client_id":"https://app.example/client.json/","redirect_uris":["a"]}"#,
                "client_id_mismatch",
            ),
            (
                r#"{"client_id":"HTTPS://app.example/client.json","redirect_uris":["a"]}"#,
                "client_id_mismatch",
            ),
            (r#"{"client_id":"$ID"}"#, "no_redirect_uris"),
            (
                r#"{"client_id":"$ID","redirect_uris":[]}"#,
                "no_redirect_uris",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":"a"}"#,
                "metadata_invalid",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":[7]}"#,
                "metadata_invalid",
            ),
            (
                r#"{"client_id":"$ID","client_id":"$ID","redirect_uris":["a"]}"#,
                "metadata_invalid",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":["a"],"client_secret":"x"}"#,
                "symmetric_auth",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":["a"],"client_secret_expires_at":0}"#,
                "symmetric_auth",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":["a"],"token_endpoint_auth_method":"client_secret_basic"}"#,
                "symmetric_auth",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":["a"],"token_endpoint_auth_method":"client_secret_jwt"}"#,
                "symmetric_auth",
            ),
            (
                r#"{"client_id":"$ID","redirect_uris":["a"],"token_endpoint_auth_method":"tls_client_auth"}"#,
                "metadata_invalid",
            ),
        ] {
            assert_eq!(parse(body).unwrap_err().reason(), reason, "{body}");
        }
    }

    #[test]
    fn a_deeply_nested_document_is_refused_and_does_not_overflow_the_stack() {
        let body = format!(
            r#"{{"jwks":{}1{}}}"#,
            "[".repeat(30_000),
            "]".repeat(30_000)
        );
        assert!(parse(&body).is_err());
        let body = format!(
            r#"{{"other":{}1{}}}"#,
            "[".repeat(30_000),
            "]".repeat(30_000)
        );
        assert!(parse(&body).is_err());
    }
}
