//! Nonces that nobody has to remember (RFC 9449 §8): the time they were made, under a MAC.
//!
//! They bound the age of a proof by this server's clock rather than the client's. Every
//! instance with the same secret accepts what any of them issued.

use super::{DpopError, DpopProof};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::UnixMillis;
use std::time::Duration;

/// How far the clock of the instance that issued a nonce may be ahead of ours.
pub const NONCE_CLOCK_SKEW: Duration = Duration::from_secs(30);

/// Separates these MACs from others under the same secret.
const PURPOSE: &[u8] = b"authplane dpop nonce 1\0";
/// Bytes of the time in a nonce.
const TIME: usize = 8;
/// Bytes of the MAC in a nonce: half of it, as RFC 2104 §5 allows.
const MAC: usize = 16;

/// Issues nonces and recognises them.
pub struct NonceKeeper {
    key: hmac::Key,
}

impl NonceKeeper {
    /// With the secret that all instances share.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
        }
    }

    fn mac(&self, time: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(PURPOSE);
        context.update(time);
        context.sign()
    }

    /// A nonce made at `now`: 32 characters of base64url, for the `DPoP-Nonce` header
    /// (RFC 9449 §8.1).
    #[must_use]
    pub fn issue(&self, now: UnixMillis) -> String {
        let time = now.0.to_be_bytes();
        let mut nonce = [0; TIME + MAC];
        nonce[..TIME].copy_from_slice(&time);
        nonce[TIME..].copy_from_slice(&self.mac(&time).as_ref()[..MAC]);
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether `nonce` was issued with our secret less than `ttl` ago, and not in the future
    /// beyond [`NONCE_CLOCK_SKEW`] (RFC 9449 §8).
    #[must_use]
    pub fn accepts(&self, nonce: &str, now: UnixMillis, ttl: Duration) -> bool {
        let mut bytes = [0; TIME + MAC];
        if nonce.len() != bytes.len() / 3 * 4
            || URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes).is_err()
        {
            return false;
        }
        let (time, mac) = bytes.split_at(TIME);
        let own = self.mac(time);
        if constant_time::verify_slices_are_equal(&own.as_ref()[..MAC], mac).is_err() {
            return false;
        }
        let mut issued = [0; TIME];
        issued.copy_from_slice(time);
        let issued = UnixMillis(i64::from_be_bytes(issued));
        now < issued.plus(ttl) && issued <= now.plus(NONCE_CLOCK_SKEW)
    }

    /// Checks the nonce of `proof`: one that is there must be accepted, and one must be there
    /// when `required` (RFC 9449 §4.3 item 10, §8).
    ///
    /// # Errors
    /// [`DpopError::Nonce`]
    pub fn check(
        &self,
        proof: &DpopProof,
        required: bool,
        now: UnixMillis,
        ttl: Duration,
    ) -> Result<(), DpopError> {
        match proof.nonce() {
            Some(nonce) if self.accepts(nonce, now, ttl) => Ok(()),
            None if !required => Ok(()),
            _ => Err(DpopError::Nonce),
        }
    }
}

impl std::fmt::Debug for NonceKeeper {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKeeper(****)")
    }
}
