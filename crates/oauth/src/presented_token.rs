//! A token that a caller presents to have it revoked (RFC 7009 §2.1) or explained (RFC 7662
//! §2.1).

use crate::error::Rejection;
use crate::params::Params;
use secrecy::SecretString;

/// What the caller believes the token to be. Never more than a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// `access_token`
    AccessToken,
    /// `refresh_token`
    RefreshToken,
}

/// The token of a revocation or introspection request.
#[derive(Debug, Clone)]
pub struct PresentedToken {
    /// The token.
    pub token: SecretString,
    /// What it may be; an unknown hint is ignored (RFC 7009 §2.1).
    pub hint: Option<TokenTypeHint>,
}

impl PresentedToken {
    /// Reads `token` and `token_type_hint`.
    ///
    /// # Errors
    /// `invalid_request` when there is no token.
    pub fn parse(params: &Params) -> Result<Self, Rejection> {
        let hint = match params.get("token_type_hint") {
            Some("access_token") => Some(TokenTypeHint::AccessToken),
            Some("refresh_token") => Some(TokenTypeHint::RefreshToken),
            _ => None,
        };
        Ok(Self {
            token: SecretString::from(params.required("token")?),
            hint,
        })
    }
}
