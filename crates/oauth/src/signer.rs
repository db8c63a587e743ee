//! Keys of every algorithm, and JWTs made with them by hand, for tests.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ClientSigningAlgorithm as Algorithm;
use serde_json::{Value, json};

enum Key {
    Ec(EcdsaKeyPair, &'static str),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ed(Ed25519KeyPair),
}

/// A client's key.
pub(crate) struct Signer {
    pub(crate) alg: Algorithm,
    key: Key,
}

impl Signer {
    pub(crate) fn new(alg: Algorithm) -> Self {
        let rsa = || RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let key = match alg {
            Algorithm::Es256 => Key::Ec(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
                "P-256",
            ),
            Algorithm::Es384 => Key::Ec(
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
                "P-384",
            ),
            Algorithm::Rs256 => Key::Rsa(rsa(), &RSA_PKCS1_SHA256),
            Algorithm::Ps256 => Key::Rsa(rsa(), &RSA_PSS_SHA256),
            Algorithm::EdDsa | Algorithm::Ed25519 => Key::Ed(Ed25519KeyPair::generate().unwrap()),
        };
        Self { alg, key }
    }

    pub(crate) fn jwk(&self) -> Value {
        match &self.key {
            Key::Ec(key, curve) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({
                    "kty": "EC", "crv": curve,
                    "x": URL_SAFE_NO_PAD.encode(x),
                    "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
            Key::Rsa(key, _) => json!({
                "kty": "RSA",
                "n": URL_SAFE_NO_PAD.encode(
                    key.public_key().modulus().big_endian_without_leading_zero()),
                "e": URL_SAFE_NO_PAD.encode(
                    key.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Key::Ed(key) => json!({
                "kty": "OKP", "crv": "Ed25519",
                "x": URL_SAFE_NO_PAD.encode(key.public_key().as_ref()),
            }),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": self.alg.as_str(), "jwk": self.jwk()})
    }

    pub(crate) fn signature(&self, input: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match &self.key {
            Key::Ec(key, _) => key.sign(&rng, input).unwrap().as_ref().to_vec(),
            Key::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &rng, input, &mut signature).unwrap();
                signature
            }
            Key::Ed(key) => key.sign(input).as_ref().to_vec(),
        }
    }

    /// A proof with this header and these claims, byte for byte, and a good signature.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = URL_SAFE_NO_PAD.encode(self.signature(input.as_bytes()));
        format!("{input}.{signature}")
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }
}
