//! What a refresh token is exchanged for (spec: tokens, retry window).
//!
//! The successor is derived from the token, so that the server can hand it out again without
//! keeping it. It takes the token and the key: a copy of the database has neither, whoever has
//! stolen the token lacks the key, and whoever has the key lacks the token.

use aws_lc_rs::hmac;
use domain::OpaqueToken;
use secrecy::{ExposeSecret as _, SecretString};

const PURPOSE: &[u8] = b"successor of a refresh token";

/// Derives refresh tokens from those before them.
pub struct RefreshSuccessors {
    key: hmac::Key,
}

impl RefreshSuccessors {
    /// With the session secret, which all instances share.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        // A key of its own: whatever else is signed with the secret is never a refresh token.
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&secret, PURPOSE);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        }
    }

    /// The one that follows `token`.
    pub(crate) fn of(&self, token: &SecretString) -> OpaqueToken {
        OpaqueToken::derive(&self.key, token.expose_secret().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_the_same_for_all_who_hold_secret_and_token_and_for_nobody_else() {
        let successors = RefreshSuccessors::new(b"the secret of all instances");
        let next = successors.of(&"a token".into());
        let elsewhere = RefreshSuccessors::new(b"the secret of all instances");
        assert_eq!(elsewhere.of(&"a token".into()).expose(), next.expose());
        assert_eq!(next.expose().len(), 43, "256 bits");
        let others = [
            successors.of(&"another token".into()),
            RefreshSuccessors::new(b"another secret").of(&"a token".into()),
            OpaqueToken::derive(
                &hmac::Key::new(hmac::HMAC_SHA256, b"the secret of all instances"),
                b"a token",
            ),
        ];
        for other in others {
            assert_ne!(other.expose(), next.expose());
        }
    }
}
