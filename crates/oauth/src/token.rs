//! Token requests and responses (RFC 6749 §4.1.3, §5.1, §6).

use crate::authorize::{resources, scope};
use crate::error::{ErrorCode, Reason, Rejection, quote};
use crate::params::Params;
use crate::pkce::CodeVerifier;
use domain::{GrantType, ScopeSet, Word as _};
use secrecy::SecretString;
use serde::Serialize;

/// A well-formed token request. Grants that this server learns later are further variants.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TokenRequest {
    /// RFC 6749 §4.1.3
    AuthorizationCode(AuthorizationCodeRequest),
    /// RFC 6749 §6
    RefreshToken(RefreshTokenRequest),
}

/// A request to exchange a code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).
#[derive(Debug, Clone)]
pub struct AuthorizationCodeRequest {
    /// The code.
    pub code: SecretString,
    /// Must repeat the authorization request's, if that had one.
    pub redirect_uri: Option<String>,
    /// Proves that the caller began the flow.
    pub code_verifier: CodeVerifier,
    /// Narrows what the code covers (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

/// A request to exchange a refresh token for the next (RFC 6749 §6).
#[derive(Debug, Clone)]
pub struct RefreshTokenRequest {
    /// The refresh token.
    pub refresh_token: SecretString,
    /// Narrows the scope of the access token.
    pub scope: Option<ScopeSet>,
    /// Narrows the audience of the access token (RFC 8707 §2.2).
    pub resources: Vec<String>,
}

impl TokenRequest {
    /// Reads a token request.
    ///
    /// # Errors
    /// `unsupported_grant_type`, `invalid_request`, `invalid_scope` or `invalid_target`
    /// (RFC 6749 §5.2, RFC 8707 §2).
    pub fn parse(params: &Params) -> Result<Self, Rejection> {
        let name = params.required("grant_type")?;
        match GrantType::from_word(name) {
            Some(GrantType::AuthorizationCode) => {
                let verifier = params.required("code_verifier")?;
                Ok(Self::AuthorizationCode(AuthorizationCodeRequest {
                    code: SecretString::from(params.required("code")?),
                    redirect_uri: params.get("redirect_uri").map(str::to_owned),
                    code_verifier: CodeVerifier::parse(verifier).map_err(|error| {
                        Rejection::new(
                            ErrorCode::InvalidRequest,
                            Reason::PkceMalformed,
                            error.to_string(),
                        )
                    })?,
                    resources: resources(params)?,
                }))
            }
            Some(GrantType::RefreshToken) => Ok(Self::RefreshToken(RefreshTokenRequest {
                refresh_token: SecretString::from(params.required("refresh_token")?),
                scope: scope(params)?,
                resources: resources(params)?,
            })),
            _ => Err(Rejection::new(
                ErrorCode::UnsupportedGrantType,
                Reason::GrantType,
                format!(
                    "grant_type {} is not supported; see grant_types_supported in the server \
                     metadata",
                    quote(name)
                ),
            )),
        }
    }

    /// The grant that is asked for.
    #[must_use]
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode(_) => GrantType::AuthorizationCode,
            Self::RefreshToken(_) => GrantType::RefreshToken,
        }
    }
}

/// The grant that a request names, whether or not the rest of it can be read; for labels.
#[must_use]
pub fn named_grant_type(params: &Params) -> Option<GrantType> {
    params.get("grant_type").and_then(GrantType::from_word)
}

/// `token_type` of a response (RFC 6749 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum TokenType {
    /// RFC 6750
    Bearer,
    /// RFC 9449 §5
    #[serde(rename = "DPoP")]
    Dpop,
}

/// A successful token response (RFC 6749 §5.1, RFC 8693 §2.2.1).
#[derive(Clone, Serialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// How to present it.
    pub token_type: TokenType,
    /// Its lifetime in seconds.
    pub expires_in: u64,
    /// The refresh token, when the client may have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What was granted.
    pub scope: String,
    /// What kind of token this is, after a token exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
}

impl TokenResponse {
    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl std::fmt::Debug for TokenResponse {
    /// Without the tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn parse(body: &str) -> Result<TokenRequest, Rejection> {
        TokenRequest::parse(&Params::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn a_code_request_is_read() {
        let body = format!(
            "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fa%2Fcb&\
             code_verifier={VERIFIER}&resource=r1&resource=r2"
        );
        let request = parse(&body).unwrap();
        assert_eq!(request.grant_type(), GrantType::AuthorizationCode);
        assert!(!format!("{request:?}").contains(VERIFIER));
        let TokenRequest::AuthorizationCode(request) = request else {
            panic!("another grant");
        };
        assert_eq!(request.code.expose_secret(), "c");
        assert_eq!(request.redirect_uri.as_deref(), Some("https://a/cb"));
        assert_eq!(request.resources, ["r1", "r2"]);
    }

    #[test]
    fn a_refresh_request_is_read() {
        let request = parse("grant_type=refresh_token&refresh_token=r&scope=a").unwrap();
        assert_eq!(request.grant_type(), GrantType::RefreshToken);
        let TokenRequest::RefreshToken(request) = request else {
            panic!("another grant");
        };
        assert_eq!(request.refresh_token.expose_secret(), "r");
        assert_eq!(request.scope.unwrap().to_string(), "a");
    }

    #[test]
    fn what_is_missing_or_unknown_has_its_error() {
        use ErrorCode::*;
        let verifier = format!("grant_type=authorization_code&code_verifier={VERIFIER}");
        for (body, code) in [
            ("", InvalidRequest),
            ("grant_type=password", UnsupportedGrantType),
            ("grant_type=client_credentials", UnsupportedGrantType),
            ("grant_type=AUTHORIZATION_CODE", UnsupportedGrantType),
            ("grant_type=authorization_code&code=c", InvalidRequest),
            (verifier.as_str(), InvalidRequest),
            (
                "grant_type=authorization_code&code=c&code_verifier=short",
                InvalidRequest,
            ),
            ("grant_type=refresh_token", InvalidRequest),
            (
                "grant_type=refresh_token&refresh_token=r&scope=%22",
                InvalidScope,
            ),
            (
                "grant_type=refresh_token&refresh_token=r&resource=a%23b",
                InvalidTarget,
            ),
        ] {
            assert_eq!(parse(body).unwrap_err().code, code, "{body}");
        }
        let named = Params::parse(b"grant_type=client_credentials").unwrap();
        assert_eq!(named_grant_type(&named), Some(GrantType::ClientCredentials));
    }

    #[test]
    fn the_response_has_only_what_applies_and_debug_no_tokens() {
        let response = TokenResponse {
            access_token: "hunter2".into(),
            token_type: TokenType::Bearer,
            expires_in: 900,
            refresh_token: None,
            scope: "a b".into(),
            issued_token_type: None,
        };
        assert_eq!(
            String::from_utf8(response.to_json()).unwrap(),
            r#"{"access_token":"hunter2","token_type":"Bearer","expires_in":900,"scope":"a b"}"#
        );
        assert!(!format!("{response:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in "(grant_type=(authorization_code|refresh_token))?[a-z_=&%0-9+]{0,80}") {
            if let Ok(params) = Params::parse(body.as_bytes()) {
                let _ = TokenRequest::parse(&params);
            }
        }
    }
}
