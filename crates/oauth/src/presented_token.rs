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

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn an_unknown_hint_is_ignored_and_a_missing_token_refused() {
        let parse = |body: &str| PresentedToken::parse(&Params::parse(body.as_bytes()).unwrap());
        let presented = parse("token=t&token_type_hint=refresh_token").unwrap();
        assert_eq!(presented.token.expose_secret(), "t");
        assert_eq!(presented.hint, Some(TokenTypeHint::RefreshToken));
        assert_eq!(parse("token=t&token_type_hint=pizza").unwrap().hint, None);
        assert_eq!(parse("token=t").unwrap().hint, None);
        assert!(parse("token=&token_type_hint=access_token").is_err());
    }
}
