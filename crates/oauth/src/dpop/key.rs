//! The key that a proof carries: a public JWK (RFC 7517) of the type its algorithm needs.

use super::DpopError;
use super::json::{Json, Object};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Digest, Word};

/// Members that only private and symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1,
/// RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Declares the closed list of algorithms.
macro_rules! algorithms {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// How a proof may be signed (RFC 9449 §4.3 item 5, §11.6): asymmetric algorithms only,
        /// whatever the configuration.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DpopAlgorithm { $($(#[$meta])* $variant),+ }

        impl Word for DpopAlgorithm {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        /// `dpop_signing_alg_values_supported` of the server's metadata (RFC 9449 §5.1).
        pub const SIGNING_ALG_VALUES_SUPPORTED: &[&str] = &[$($word),+];
    };
}

algorithms! {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256 = "ES256",
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256 = "RS256",
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    Ps256 = "PS256",
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa = "EdDSA",
    /// The same by the name that says which curve (RFC 9864 §2.2).
    Ed25519 = "Ed25519",
}

/// A public key and its name.
pub(super) struct ProofKey {
    key: ParsedPublicKey,
    /// SHA-256 thumbprint (RFC 7638 §3), base64url.
    pub(super) jkt: String,
}

impl ProofKey {
    /// Reads `jwk` as a key for `alg` (RFC 7517 §4, RFC 9449 §4.3 items 5 and 7).
    pub(super) fn read(alg: DpopAlgorithm, jwk: Option<&Json<'_>>) -> Result<Self, DpopError> {
        let Some(Json::Object(jwk)) = jwk else {
            return Err(DpopError::Jwk("the JWS header has none that is an object"));
        };
        if PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some()) {
            return Err(DpopError::Jwk(
                "it holds a private or symmetric key; send the public key only",
            ));
        }
        let kty = jwk.text("kty");
        match alg {
            DpopAlgorithm::Es256 if kty == Some("EC") => Self::p256(jwk),
            DpopAlgorithm::Rs256 if kty == Some("RSA") => {
                Self::rsa(jwk, &RSA_PKCS1_2048_8192_SHA256)
            }
            DpopAlgorithm::Ps256 if kty == Some("RSA") => Self::rsa(jwk, &RSA_PSS_2048_8192_SHA256),
            DpopAlgorithm::EdDsa | DpopAlgorithm::Ed25519 if kty == Some("OKP") => {
                Self::ed25519(jwk)
            }
            _ => Err(DpopError::Jwk("its kty does not fit the proof's alg")),
        }
    }

    /// RFC 7518 §6.2.1. That the point lies on the curve is checked by the cryptographic
    /// library.
    fn p256(jwk: &Object<'_>) -> Result<Self, DpopError> {
        if jwk.text("crv") != Some("P-256") {
            return Err(DpopError::Jwk("its curve is not P-256"));
        }
        let (x, x_bytes) = member(jwk, "x")?;
        let (y, y_bytes) = member(jwk, "y")?;
        if x_bytes.len() != 32 || y_bytes.len() != 32 {
            return Err(DpopError::Jwk("x and y are not 32 bytes each"));
        }
        // SEC 1 §2.3.3: the uncompressed form of a point.
        let mut point = [0x04; 65];
        point[1..33].copy_from_slice(&x_bytes);
        point[33..].copy_from_slice(&y_bytes);
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .map_err(|_| DpopError::Jwk("x and y are not a point of P-256"))?;
        let jkt = thumbprint(&[
            r#"{"crv":"P-256","kty":"EC","x":""#,
            x,
            r#"","y":""#,
            y,
            "\"}",
        ]);
        Ok(Self { key, jkt })
    }

    /// RFC 7518 §6.3.1: numbers without leading zeros, so that a key has one spelling and one
    /// thumbprint. Short moduli are weak, long ones and long exponents costly to verify with.
    fn rsa(jwk: &Object<'_>, parameters: &'static RsaParameters) -> Result<Self, DpopError> {
        let (n, modulus) = member(jwk, "n")?;
        let (e, exponent) = member(jwk, "e")?;
        let Some(first) = modulus.first().filter(|first| **first != 0) else {
            return Err(DpopError::Jwk("n is empty or has leading zeros"));
        };
        let bits = modulus.len() * 8 - first.leading_zeros() as usize;
        if !(2048..=8192).contains(&bits) {
            return Err(DpopError::Jwk("n does not have 2048 to 8192 bits"));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !odd(&modulus) {
            return Err(DpopError::Jwk("n is even, so it is no RSA modulus"));
        }
        if !odd(&exponent) || exponent[0] == 0 || exponent.len() > 4 || exponent == [1] {
            return Err(DpopError::Jwk(
                "e is not an odd number from 3 to 2^32; use AQAB",
            ));
        }
        let components = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        let key = components
            .to_parsed_public_key(parameters)
            .map_err(|_| DpopError::Jwk("n and e are not an RSA key"))?;
        let jkt = thumbprint(&[r#"{"e":""#, e, r#"","kty":"RSA","n":""#, n, "\"}"]);
        Ok(Self { key, jkt })
    }

    /// RFC 8037 §2.
    fn ed25519(jwk: &Object<'_>) -> Result<Self, DpopError> {
        if jwk.text("crv") != Some("Ed25519") {
            return Err(DpopError::Jwk("its curve is not Ed25519"));
        }
        let (x, bytes) = member(jwk, "x")?;
        if bytes.len() != 32 {
            return Err(DpopError::Jwk("x is not 32 bytes"));
        }
        if has_small_order(&bytes) {
            return Err(DpopError::Jwk("x is a point of small order"));
        }
        let key = ParsedPublicKey::new(&ED25519, bytes)
            .map_err(|_| DpopError::Jwk("x is not a point of Ed25519"))?;
        let jkt = thumbprint(&[r#"{"crv":"Ed25519","kty":"OKP","x":""#, x, "\"}"]);
        Ok(Self { key, jkt })
    }

    /// Whether `signature` is this key's of `input` (RFC 7515 §5.2).
    pub(super) fn verify(&self, input: &[u8], signature: &[u8]) -> Result<(), DpopError> {
        self.key
            .verify_sig(input, signature)
            .map_err(|_| DpopError::Signature)
    }
}

/// Whether an encoded point of Ed25519 has an order of at most 8 (RFC 7748 §7 on why such points
/// contribute nothing): a signature by such a "key" can be made without any secret, so it
/// proves nothing.
fn has_small_order(point: &[u8]) -> bool {
    let Some((last, head)) = point.split_last() else {
        return true;
    };
    // The highest bit is the sign of the other coordinate.
    SMALL_ORDER
        .iter()
        .any(|small| head == &small[..31] && last & 0x7f == small[31])
}

/// The y coordinates of the points of small order, little-endian, and the two that reduce to
/// one of them: 0, 1, the two of order 8, p - 1, p, p + 1.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with_ends(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    with_ends(0xec, 0xff, 0x7f),
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
];

/// 32 bytes that are all `middle` but for the ends.
const fn with_ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// A member in base64url, as it is written and as it reads.
fn member<'j>(jwk: &'j Object<'_>, name: &'static str) -> Result<(&'j str, Vec<u8>), DpopError> {
    let text = jwk
        .text(name)
        .ok_or(DpopError::Jwk("a member that its kty requires is missing"))?;
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| DpopError::Jwk("a member is not base64url without padding"))?;
    Ok((text, bytes))
}

/// The thumbprint of the canonical form that `parts` spell (RFC 7638 §3.2: required members
/// only, in lexicographic order, no white space; base64url needs no escapes).
fn thumbprint(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of(parts.concat().as_bytes()).as_bytes())
}
