//! `client_credentials`: tokens for machines (RFC 6749 §4.4).

use std::time::Duration;

use super::rule::ABOVE_ZERO;
use crate::schema::section;

section! {
    /// Tokens that clients get for themselves, without a user (RFC 6749 §4.4).
    pub struct ClientCredentials at "client_credentials." {
        /// Offer the grant.
        enabled: bool = "true", "AUTHPLANE_CLIENT_CREDENTIALS_ENABLED";
        /// Lifetime of such tokens.
        token_expiry: Duration = "1h", "AUTHPLANE_CLIENT_CREDENTIALS_TOKEN_EXPIRY", ABOVE_ZERO;
    }
}
