//! `signing`: the keys that sign access tokens.

use std::path::PathBuf;

use crate::schema::{choice, section};

choice! {
    /// The algorithm of new signing keys (RFC 7518 §3.1).
    pub enum SigningAlgorithm {
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
    }
}

choice! {
    /// Where signing keys are kept.
    pub enum KeyStore {
        /// Files in `signing.key_path`.
        Keyfile = "keyfile",
    }
}

section! {
    /// The keys that sign access tokens.
    pub struct Signing at "signing." {
        /// Algorithm of the keys this server generates. Changing it takes effect with the next
        /// rotation; older keys still verify.
        algorithm: SigningAlgorithm = "ES256", "AUTHPLANE_SIGNING_ALGORITHM";
        /// Where the keys are kept.
        key_store: KeyStore = "keyfile", "AUTHPLANE_SIGNING_KEY_STORE";
        /// Directory of the key files, mode 0700; created when missing.
        key_path: PathBuf = "data/keys", "AUTHPLANE_SIGNING_KEY_PATH";
    }
}
