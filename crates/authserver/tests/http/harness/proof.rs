//! A client's key, and the proofs that it makes with it (RFC 9449 §4.2).

use super::server::Server;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{OpaqueToken, SystemRng};
use serde_json::{Value, json};

/// An ES256 key pair.
pub struct ProofKey(EcdsaKeyPair);

impl ProofKey {
    pub fn fresh() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self(pair.expect("a key"))
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
    }

    /// Its thumbprint (RFC 7638). The members of a JSON object here are in their order.
    pub fn jkt(&self) -> String {
        let canonical = self.jwk().to_string();
        URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
    }

    /// A proof for the token endpoint of `server`.
    pub fn proof(&self, server: &Server) -> String {
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let claims = json!({
            "jti": OpaqueToken::generate(&SystemRng).expose(),
            "htm": "POST",
            "htu": format!("{}/oauth/token", server.engine.issuer()),
            "iat": server.engine.now().seconds(),
        });
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let input = parts.join(".");
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.expect("a signature"));
        format!("{input}.{signature}")
    }
}
