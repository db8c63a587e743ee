//! Signature algorithms.

crate::words! {
    /// A JWS algorithm that this server signs its own tokens with (RFC 7518 §3.1).
    ///
    /// The list is closed: `none` and HMAC are not on it and no configuration can put them there
    /// (RFC 8725 §3.1).
    #[derive(Default)]
    SigningAlgorithm {
        /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
        #[default]
        Es256 = "ES256",
        /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3), 2048 bits.
        Rs256 = "RS256",
    }
}
