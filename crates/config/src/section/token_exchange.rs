//! `token_exchange`: one token for another (RFC 8693).

use std::time::Duration;

use super::rule::ABOVE_ZERO;
use crate::schema::{Rule, section};

const DEPTH: Rule<u32> = Rule {
    allowed: "a whole number from 1 to 10",
    holds: |depth| (1..=10).contains(depth),
};

section! {
    /// Exchanging a token for one of another resource or another actor (RFC 8693).
    pub struct TokenExchange at "token_exchange." {
        /// Offer the grant.
        enabled: bool = "true", "AUTHPLANE_TOKEN_EXCHANGE_ENABLED";
        /// Lifetime of exchanged tokens; they never outlive their subject token.
        token_expiry: Duration = "1h", "AUTHPLANE_TOKEN_EXCHANGE_TOKEN_EXPIRY", ABOVE_ZERO;
        /// Actors that may stand one behind the other in `act`.
        max_chain_depth: u32 = "5", "AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", DEPTH;
        /// Let a client exchange a token of its own without a consent of the user for the target.
        allow_self_exchange: bool = "false", "AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE";
    }
}
