//! Client secrets: made here, shown once, kept as an HMAC.
//!
//! Secrets are 256-bit random, so a slow password hash would buy nothing and cost 50 ms of CPU
//! for each token. A keyed hash keeps a stolen database useless without the key.

use aws_lc_rs::{constant_time, hmac};
use domain::{OpaqueToken, Rng};
use secrecy::{ExposeSecret as _, SecretString};

/// Makes and checks client secrets.
pub struct ClientSecrets {
    key: hmac::Key,
    nobody: String,
}

impl ClientSecrets {
    /// With the pepper `key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let nobody = hash(&key, "");
        Self { key, nobody }
    }

    /// A fresh secret and what to store of it.
    pub(crate) fn generate(&self, rng: &dyn Rng) -> (OpaqueToken, String) {
        let secret = OpaqueToken::generate(rng);
        let stored = hash(&self.key, secret.expose());
        (secret, stored)
    }

    /// Whether `presented` is the secret of which `stored` was kept. Takes as long when there
    /// is nothing stored, as for a client that does not exist.
    pub(crate) fn verify(&self, stored: Option<&str>, presented: &SecretString) -> bool {
        let presented = hash(&self.key, presented.expose_secret());
        let expected = stored.unwrap_or(&self.nobody);
        let equal =
            constant_time::verify_slices_are_equal(presented.as_bytes(), expected.as_bytes())
                .is_ok();
        equal && stored.is_some()
    }
}

fn hash(key: &hmac::Key, secret: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hmac::sign(key, secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SystemRng;

    #[test]
    fn a_secret_verifies_against_its_own_hash_and_pepper_only() {
        let secrets = ClientSecrets::new(b"pepper");
        let (secret, stored) = secrets.generate(&SystemRng);
        let presented = SecretString::from(secret.expose());
        assert!(secrets.verify(Some(&stored), &presented));
        assert!(!secrets.verify(None, &presented));
        assert!(!secrets.verify(None, &SecretString::from("")));
        assert!(!secrets.verify(Some(&stored), &SecretString::from("other")));
        assert!(!ClientSecrets::new(b"other pepper").verify(Some(&stored), &presented));
        assert!(!stored.contains(secret.expose()));
    }
}
