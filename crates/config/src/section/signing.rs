//! `signing`: the keys that sign access tokens.

use std::path::PathBuf;
use std::time::Duration;

use domain::{SigningAlgorithm, Word as _};

use crate::schema::{Allowed, Kind, choice, section};
use crate::value::{Value, kind};

impl Value for SigningAlgorithm {
    const KIND: Kind = kind(Allowed::OneOf(&["ES256", "RS256"]));

    fn parse(text: &str) -> Result<Self, String> {
        Self::from_word(text).ok_or_else(|| "is not known".into())
    }

    fn render(&self) -> serde_json::Value {
        self.as_str().into()
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
        /// Algorithm of the keys this server makes. When the newest key is of another kind, a new
        /// one is published at the next start; the old one still verifies what it signed.
        algorithm: SigningAlgorithm = "ES256", "AUTHPLANE_SIGNING_ALGORITHM";
        /// Where the keys are kept.
        key_store: KeyStore = "keyfile", "AUTHPLANE_SIGNING_KEY_STORE";
        /// Directory of the key files, mode 0700; created when missing.
        key_path: PathBuf = "data/keys", "AUTHPLANE_SIGNING_KEY_PATH";
        /// How long a new key is published before it signs, so that no verifier meets a token whose
        /// key its copy of the key set cannot hold. 0 = no wait.
        publish_ahead: Duration = "20m", "AUTHPLANE_SIGNING_PUBLISH_AHEAD";
    }
}
