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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const TTL: Duration = Duration::from_secs(300);

    #[test]
    fn a_nonce_holds_for_its_time_on_every_instance_with_the_secret() {
        let keeper = NonceKeeper::new(b"secret");
        let nonce = keeper.issue(NOW);
        assert_eq!(nonce.len(), 32);
        let other = NonceKeeper::new(b"secret");
        for keeper in [&keeper, &other] {
            assert!(keeper.accepts(&nonce, NOW, TTL));
            let last = NOW.plus(TTL).minus(Duration::from_millis(1));
            assert!(keeper.accepts(&nonce, last, TTL));
            assert!(!keeper.accepts(&nonce, NOW.plus(TTL), TTL));
        }
        assert!(!NonceKeeper::new(b"Secret").accepts(&nonce, NOW, TTL));
        assert!(!format!("{keeper:?}").contains("secret"));
    }

    #[test]
    fn a_nonce_of_a_clock_slightly_ahead_holds_and_of_one_further_ahead_does_not() {
        let keeper = NonceKeeper::new(b"secret");
        let ahead = keeper.issue(NOW.plus(NONCE_CLOCK_SKEW));
        assert!(keeper.accepts(&ahead, NOW, TTL));
        assert!(!keeper.accepts(&ahead, NOW.minus(Duration::from_millis(1)), TTL));
        let endless = keeper.issue(UnixMillis(i64::MAX));
        assert!(!keeper.accepts(&endless, NOW, TTL));
        assert!(!keeper.accepts(&keeper.issue(UnixMillis(i64::MIN)), NOW, TTL));
    }

    #[test]
    fn a_nonce_has_one_spelling() {
        let keeper = NonceKeeper::new(b"secret");
        let nonce = keeper.issue(NOW);
        for other in [
            String::new(),
            nonce[..31].to_owned(),
            format!("{nonce}A"),
            format!("{nonce}="),
            format!(" {}", &nonce[1..]),
            "A".repeat(32),
        ] {
            assert!(!keeper.accepts(&other, NOW, TTL), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(bit in 0..192_usize) {
            let keeper = NonceKeeper::new(b"secret");
            let mut bytes = URL_SAFE_NO_PAD.decode(keeper.issue(NOW)).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!keeper.accepts(&URL_SAFE_NO_PAD.encode(bytes), NOW, TTL));
        }

        #[test]
        fn any_text_is_refused(text in any::<String>()) {
            prop_assert!(!NonceKeeper::new(b"secret").accepts(&text, NOW, TTL));
        }
    }
}
