//! Token requests and responses (RFC 6749 §4.1.3, §4.4.2, §5.1, §6, RFC 8693 §2).

mod exchange;

pub use exchange::{ActorToken, TokenExchangeRequest, TokenTypeIdentifier};

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
    /// RFC 6749 §4.4.2
    ClientCredentials(ClientCredentialsRequest),
    /// RFC 8693 §2.1
    TokenExchange(TokenExchangeRequest),
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

/// A request of a client for a token of its own (RFC 6749 §4.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredentialsRequest {
    /// What is asked for; without it, all that the client may have.
    pub scope: Option<ScopeSet>,
    /// What the token is for (RFC 8707 §2.2).
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
                Ok(Self::AuthorizationCode(AuthorizationCodeRequest {
                    code: SecretString::from(params.required("code")?),
                    redirect_uri: params.get("redirect_uri").map(str::to_owned),
                    code_verifier: code_verifier(params)?,
                    resources: resources(params)?,
                }))
            }
            Some(GrantType::RefreshToken) => Ok(Self::RefreshToken(RefreshTokenRequest {
                refresh_token: SecretString::from(params.required("refresh_token")?),
                scope: scope(params)?,
                resources: resources(params)?,
            })),
            Some(GrantType::ClientCredentials) => {
                Ok(Self::ClientCredentials(ClientCredentialsRequest {
                    scope: scope(params)?,
                    resources: resources(params)?,
                }))
            }
            Some(GrantType::TokenExchange) => {
                TokenExchangeRequest::parse(params).map(Self::TokenExchange)
            }
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
            Self::ClientCredentials(_) => GrantType::ClientCredentials,
            Self::TokenExchange(_) => GrantType::TokenExchange,
        }
    }
}

/// The verifier. A code without one is worth nothing (RFC 7636 §4.6), whoever brings it.
fn code_verifier(params: &Params) -> Result<CodeVerifier, Rejection> {
    let verifier = params.get("code_verifier").ok_or_else(|| {
        Rejection::new(
            ErrorCode::InvalidGrant,
            Reason::PkceMissing,
            "code_verifier is missing, and the code is of no use without it; send the one whose \
             code_challenge the authorization request had",
        )
    })?;
    CodeVerifier::parse(verifier).map_err(|error| {
        Rejection::new(
            ErrorCode::InvalidRequest,
            Reason::PkceMalformed,
            error.to_string(),
        )
    })
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
    /// What kind of token this is, after a token exchange; see [`TokenTypeIdentifier`].
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
mod tests;
