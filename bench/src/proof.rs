//! DPoP proofs (RFC 9449 §4.2) by a key of our own.

use crate::{Result, failure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A key that proofs are made with.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    header: String,
    made: AtomicU64,
}

impl ProofKey {
    /// A fresh one.
    pub fn generate() -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        // An uncompressed point: a tag, then both coordinates (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}}"#
        );
        Ok(Self {
            pair,
            header: URL_SAFE_NO_PAD.encode(header),
            made: AtomicU64::new(0),
        })
    }

    /// A proof for a `POST` to `url`, made now and never before.
    #[expect(
        clippy::disallowed_methods,
        reason = "a client of its own, without the product's clock"
    )]
    pub fn prove(&self, url: &str) -> Result<String> {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let jti = self.made.fetch_add(1, Ordering::Relaxed);
        let claims =
            format!(r#"{{"jti":"proof-{jti:016}","htm":"POST","htu":"{url}","iat":{iat}}}"#);
        let mut proof = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), proof.as_bytes())
            .map_err(|_| failure("the proof cannot be signed"))?;
        proof.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut proof);
        Ok(proof)
    }
}
