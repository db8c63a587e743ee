//! Opaque secrets that clients carry, and what the server keeps of them.

use crate::Rng;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::Zeroize;

/// SHA-256 of a code, refresh token or cookie: all that the database holds of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `secret`.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest that these are the bytes of, if there are 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads what [`Self::to_hex`] wrote.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}…)", hex::encode(&self.0[..4]))
    }
}

/// A 256-bit value in base64url that nobody can guess, shown once and never stored.
#[derive(Clone)]
pub struct OpaqueToken(String);

impl OpaqueToken {
    /// A fresh value.
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = [0_u8; 32];
        rng.fill(&mut bytes);
        let token = Self(URL_SAFE_NO_PAD.encode(bytes));
        bytes.zeroize();
        token
    }

    /// The value that `key` makes of `secret`: the same each time, and not to be found from
    /// either of the two alone.
    #[must_use]
    pub fn derive(key: &hmac::Key, secret: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(hmac::sign(key, secret)))
    }

    /// The value itself, for the response that hands it out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What to store.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl Drop for OpaqueToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(****)")
    }
}
