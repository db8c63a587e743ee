//! A client's public key: a JWK (RFC 7517) of the type that its algorithm needs.

use crate::json::Object;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ClientSigningAlgorithm as Algorithm, Digest};

/// Members that only private and symmetric keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1,
/// RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a JWK is no key to verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JwkError(pub(crate) &'static str);

/// Whether `jwk` holds a private or symmetric key.
pub(crate) fn is_secret(jwk: &Object<'_>) -> bool {
    PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some()) || jwk.text("kty") == Some("oct")
}

/// A public key and its name.
#[derive(Debug)]
pub(crate) struct PublicKey {
    key: ParsedPublicKey,
    /// SHA-256 thumbprint (RFC 7638 §3), base64url.
    pub(crate) thumbprint: String,
}

impl PublicKey {
    /// Reads `jwk` as a key for `alg` (RFC 7517 §4).
    pub(crate) fn read(alg: Algorithm, jwk: &Object<'_>) -> Result<Self, JwkError> {
        if is_secret(jwk) {
            return Err(JwkError(
                "it holds a private or symmetric key; send the public key only",
            ));
        }
        let kty = jwk.text("kty");
        match alg {
            Algorithm::Es256 if kty == Some("EC") => {
                Self::ec(jwk, "P-256", 32, &ECDSA_P256_SHA256_FIXED)
            }
            Algorithm::Es384 if kty == Some("EC") => {
                Self::ec(jwk, "P-384", 48, &ECDSA_P384_SHA384_FIXED)
            }
            Algorithm::Rs256 if kty == Some("RSA") => Self::rsa(jwk, &RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Ps256 if kty == Some("RSA") => Self::rsa(jwk, &RSA_PSS_2048_8192_SHA256),
            Algorithm::EdDsa | Algorithm::Ed25519 if kty == Some("OKP") => Self::ed25519(jwk),
            _ => Err(JwkError("its kty does not fit the alg")),
        }
    }

    /// RFC 7518 §6.2.1. That the point lies on the curve is checked by the cryptographic
    /// library. Widespread libraries leave leading zeros of a coordinate out, which happens to one
    /// key in 128; the thumbprint is of what was sent, as it is at resource servers.
    fn ec(
        jwk: &Object<'_>,
        curve: &'static str,
        size: usize,
        algorithm: &'static EcdsaVerificationAlgorithm,
    ) -> Result<Self, JwkError> {
        if jwk.text("crv") != Some(curve) {
            return Err(JwkError("its curve is not the one of the alg"));
        }
        let (x, x_bytes) = member(jwk, "x")?;
        let (y, y_bytes) = member(jwk, "y")?;
        let missing = |bytes: &[u8]| {
            let missing = size.checked_sub(bytes.len()).filter(|_| !bytes.is_empty());
            missing.ok_or(JwkError("x and y are not as long as the curve's numbers"))
        };
        let (before_x, before_y) = (vec![0; missing(&x_bytes)?], vec![0; missing(&y_bytes)?]);
        // SEC 1 §2.3.3: the uncompressed form of a point.
        let point = [&[0x04], &before_x[..], &x_bytes, &before_y, &y_bytes].concat();
        let key = ParsedPublicKey::new(algorithm, point)
            .map_err(|_| JwkError("x and y are not a point of the curve"))?;
        let thumbprint = thumbprint(&[
            r#"{"crv":""#,
            curve,
            r#"","kty":"EC","x":""#,
            x,
            r#"","y":""#,
            y,
            "\"}",
        ]);
        Ok(Self { key, thumbprint })
    }

    /// RFC 7518 §6.3.1: numbers without leading zeros, so that a key has one spelling and one
    /// thumbprint. Short moduli are weak, long ones and long exponents costly to verify with.
    fn rsa(jwk: &Object<'_>, parameters: &'static RsaParameters) -> Result<Self, JwkError> {
        let (n, modulus) = member(jwk, "n")?;
        let (e, exponent) = member(jwk, "e")?;
        let Some(first) = modulus.first().filter(|first| **first != 0) else {
            return Err(JwkError("n is empty or has leading zeros"));
        };
        let bits = modulus.len() * 8 - first.leading_zeros() as usize;
        if !(2048..=8192).contains(&bits) {
            return Err(JwkError("n does not have 2048 to 8192 bits"));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !odd(&modulus) {
            return Err(JwkError("n is even, so it is no RSA modulus"));
        }
        if !odd(&exponent) || exponent[0] == 0 || exponent.len() > 4 || exponent == [1] {
            return Err(JwkError("e is not an odd number from 3 to 2^32; use AQAB"));
        }
        let components = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        let key = components
            .to_parsed_public_key(parameters)
            .map_err(|_| JwkError("n and e are not an RSA key"))?;
        let thumbprint = thumbprint(&[r#"{"e":""#, e, r#"","kty":"RSA","n":""#, n, "\"}"]);
        Ok(Self { key, thumbprint })
    }

    /// RFC 8037 §2.
    fn ed25519(jwk: &Object<'_>) -> Result<Self, JwkError> {
        if jwk.text("crv") != Some("Ed25519") {
            return Err(JwkError("its curve is not Ed25519"));
        }
        let (x, bytes) = member(jwk, "x")?;
        if bytes.len() != 32 {
            return Err(JwkError("x is not 32 bytes"));
        }
        if has_small_order(&bytes) {
            return Err(JwkError("x is a point of small order"));
        }
        let key = ParsedPublicKey::new(&ED25519, bytes)
            .map_err(|_| JwkError("x is not a point of Ed25519"))?;
        let thumbprint = thumbprint(&[r#"{"crv":"Ed25519","kty":"OKP","x":""#, x, "\"}"]);
        Ok(Self { key, thumbprint })
    }

    /// Whether `signature` is this key's of `input` (RFC 7515 §5.2).
    pub(crate) fn verify(&self, input: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(input, signature).is_ok()
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
fn member<'j>(jwk: &'j Object<'_>, name: &'static str) -> Result<(&'j str, Vec<u8>), JwkError> {
    let text = jwk
        .text(name)
        .ok_or(JwkError("a member that its kty requires is missing"))?;
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| JwkError("a member is not base64url without padding"))?;
    Ok((text, bytes))
}

/// The thumbprint of the canonical form that `parts` spell (RFC 7638 §3.2: required members
/// only, in lexicographic order, no white space; base64url needs no escapes).
fn thumbprint(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of(parts.concat().as_bytes()).as_bytes())
}
