//! `dpop`: sender-constrained tokens (RFC 9449).

use std::time::Duration;

use super::rule::ABOVE_ZERO;
use crate::schema::section;

section! {
    /// Tokens bound to a key of the client (RFC 9449).
    pub struct Dpop at "dpop." {
        /// Accept proofs. When false, the `DPoP` header is ignored and tokens are bearer tokens.
        enabled: bool = "true", "AUTHPLANE_DPOP_ENABLED";
        /// How old the `iat` of a proof may be.
        proof_lifetime: Duration = "60s", "AUTHPLANE_DPOP_PROOF_LIFETIME", ABOVE_ZERO;
        /// How long a nonce of this server is accepted.
        nonce_ttl: Duration = "60s", "AUTHPLANE_DPOP_NONCE_TTL", ABOVE_ZERO;
        /// Refuse proofs without a nonce of this server (RFC 9449 §8).
        require_nonce: bool = "false", "AUTHPLANE_DPOP_REQUIRE_NONCE";
    }
}
