//! Introspection answers (RFC 7662 §2.2).

use crate::jwt::{AccessTokenClaims, Confirmation};
use crate::token::TokenType;
use serde::Serialize;

/// The whole answer for a token that is not active or not the caller's business (RFC 7662
/// §2.2): nothing else may be said.
pub const INACTIVE: &str = r#"{"active":false}"#;

/// The answer for an active access token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntrospectionResponse<'a> {
    active: bool,
    scope: &'a str,
    client_id: &'a str,
    token_type: TokenType,
    exp: i64,
    iat: i64,
    sub: &'a str,
    aud: &'a [String],
    iss: &'a str,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<&'a Confirmation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    agent_chain: &'a [String],
}

impl<'a> IntrospectionResponse<'a> {
    /// What is told of an active token with `claims`; `username` for a user's token.
    #[must_use]
    pub fn active(claims: &'a AccessTokenClaims, username: Option<&'a str>) -> Self {
        Self {
            active: true,
            scope: &claims.scope,
            client_id: &claims.client_id,
            token_type: match claims.cnf {
                Some(_) => TokenType::Dpop,
                None => TokenType::Bearer,
            },
            exp: claims.exp,
            iat: claims.iat,
            sub: &claims.sub,
            aud: &claims.aud,
            iss: &claims.iss,
            jti: &claims.jti,
            username,
            cnf: claims.cnf.as_ref(),
            act: claims.act.as_ref(),
            agent_id: claims.agent_id.as_deref(),
            agent_chain: &claims.agent_chain,
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| INACTIVE.as_bytes().to_vec())
    }
}
