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

crate::words! {
    /// A JWS algorithm that clients sign with: proofs of possession and assertions.
    ///
    /// Asymmetric algorithms only; the list is closed as the one above.
    ClientSigningAlgorithm {
        /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
        Es256 = "ES256",
        /// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
        Es384 = "ES384",
        /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
        Ps256 = "PS256",
        /// Ed25519 (RFC 8037 §3.1).
        EdDsa = "EdDSA",
        /// The same by the name that says which curve (RFC 9864 §2.2).
        Ed25519 = "Ed25519",
    }
}
