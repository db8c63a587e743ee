//! Proofs of possession (DPoP, RFC 9449): the client signs each request's method and URL with
//! a key of its own, and tokens are bound to that key.
//!
//! [`DpopProof::parse`] reads the header and verifies the signature, [`DpopProof::check`]
//! compares the proof with the request, [`NonceKeeper`] issues and checks nonces. What is left
//! to the caller: that the proof has not been seen ([`DpopProof::replay_key`]) and that it is
//! by the key a token is bound to ([`DpopProof::check_key`]).

mod error;
mod htu;
mod nonce;

pub use error::{DpopError, DpopRejection};
pub use htu::Htu;
pub use nonce::{NONCE_CLOCK_SKEW, NonceKeeper};

use crate::json::{Json, Object};
use crate::jwk::PublicKey;
use crate::jws::{Compact, numeric_date};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ClientSigningAlgorithm, Digest, UnixMillis, Word as _};
use std::time::Duration;

/// How a proof may be signed (RFC 9449 §4.3 item 5, §11.6), whatever the configuration:
/// `dpop_signing_alg_values_supported` of the server's metadata (§5.1).
pub const ALGORITHMS: &[ClientSigningAlgorithm] = &[
    ClientSigningAlgorithm::Es256,
    ClientSigningAlgorithm::Rs256,
    ClientSigningAlgorithm::Ps256,
    ClientSigningAlgorithm::EdDsa,
    ClientSigningAlgorithm::Ed25519,
];

/// The request header that carries a proof (RFC 9449 §4.1).
pub const HEADER: &str = "dpop";
/// The response header that carries a nonce (RFC 9449 §8.1).
pub const NONCE_HEADER: &str = "dpop-nonce";
/// The longest proof that is read, in bytes. One with an RSA key of 8192 bits needs 5 KiB.
pub const MAX_LENGTH: usize = 8 * 1024;
/// The longest `jti`, in characters.
pub const MAX_JTI: usize = 256;

/// A proof whose signature is good. What it is for is still to be [checked](Self::check).
#[derive(Debug, Clone, PartialEq)]
pub struct DpopProof {
    jkt: String,
    jti: String,
    htm: String,
    htu: Htu,
    iat: UnixMillis,
    ath: Option<String>,
    nonce: Option<String>,
}

/// The request that a proof must be for.
#[derive(Debug, Clone, Copy)]
pub struct DpopContext<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL, as the issuer's URL spells it; read it once per endpoint.
    pub htu: &'a Htu,
    /// The time.
    pub now: UnixMillis,
    /// How long after its `iat` a proof is good.
    pub lifetime: Duration,
    /// How far a client's clock may be ahead of ours.
    pub leeway: Duration,
    /// The hash of the access token that is presented along with the proof, where one is
    /// (RFC 9449 §4.2 `ath`); see [`access_token_hash`].
    pub expected_ath: Option<&'a str>,
}

impl DpopProof {
    /// Reads the values of all `DPoP` headers and verifies the proof's signature with its own
    /// key (RFC 9449 §4.3 items 1 to 7). No header, no proof.
    ///
    /// # Errors
    /// `multiple`, `malformed`, `typ`, `alg`, `jwk`, `htu` (when it is no URL) or `signature`.
    pub fn parse<'h>(
        headers: impl IntoIterator<Item = &'h [u8]>,
    ) -> Result<Option<Self>, DpopError> {
        let mut headers = headers.into_iter();
        let Some(proof) = headers.next() else {
            return Ok(None);
        };
        // Intermediaries may join repeated headers with a comma (RFC 9110 §5.3).
        if headers.next().is_some() || proof.contains(&b',') {
            return Err(DpopError::Multiple);
        }
        Self::read(proof).map(Some)
    }

    /// RFC 7515 §7.1: three parts in base64url, joined by dots.
    fn read(proof: &[u8]) -> Result<Self, DpopError> {
        if proof.len() > MAX_LENGTH {
            return Err(DpopError::Malformed("it is longer than 8192 bytes"));
        }
        let compact = Compact::read(proof).ok_or(DpopError::Malformed(
            "it is not three base64url parts joined by dots",
        ))?;
        let key = read_header(&compact.header)?;
        let proof = Self::read_claims(&compact.claims, &key)?;
        if !key.verify(compact.input, &compact.signature) {
            return Err(DpopError::Signature);
        }
        Ok(proof)
    }

    /// RFC 9449 §4.2, §4.3 item 3.
    fn read_claims(claims: &[u8], key: &PublicKey) -> Result<Self, DpopError> {
        let claims = Object::read(claims).ok_or(DpopError::Malformed(
            "its payload is not a JSON object with unique members",
        ))?;
        let jti = claims
            .text("jti")
            .filter(|jti| !jti.is_empty() && jti.chars().count() <= MAX_JTI)
            .ok_or(DpopError::Malformed(
                "its jti is not a text of 1 to 256 characters",
            ))?;
        let htm = claims
            .text("htm")
            .ok_or(DpopError::Malformed("its htm is not a text"))?;
        let htu = claims
            .text("htu")
            .ok_or(DpopError::Malformed("its htu is not a text"))?;
        let Some(Json::Number(iat)) = claims.get("iat") else {
            return Err(DpopError::Malformed("its iat is not a number of seconds"));
        };
        let optional = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text.clone().into_owned())),
            Some(_) => Err(DpopError::Malformed("its ath or nonce is not a text")),
        };
        Ok(Self {
            jkt: key.thumbprint.clone(),
            jti: jti.to_owned(),
            htm: htm.to_owned(),
            htu: Htu::parse(htu)?,
            iat: numeric_date(*iat),
            ath: optional("ath")?,
            nonce: optional("nonce")?,
        })
    }

    /// Checks that the proof was made for this request, and lately (RFC 9449 §4.3 items 8, 9,
    /// 11 and 12). Nonce, replay and the key of a bound token are the caller's to check.
    ///
    /// # Errors
    /// `htm`, `htu`, `iat`, or `binding` when `ath` is not the expected hash.
    pub fn check(&self, context: &DpopContext<'_>) -> Result<(), DpopError> {
        if self.htm != context.method {
            return Err(DpopError::Htm);
        }
        if self.htu != *context.htu {
            return Err(DpopError::Htu(
                "it is not the URL of this request; make a proof for it",
            ));
        }
        if self.iat > context.now.plus(context.leeway) {
            return Err(DpopError::Iat("it lies in the future; check the clock"));
        }
        if context.now >= self.iat.plus(context.lifetime) {
            return Err(DpopError::Iat(
                "it is too long ago; make a new proof per request and check the clock",
            ));
        }
        if context.expected_ath.is_some() && self.ath.as_deref() != context.expected_ath {
            return Err(DpopError::Binding);
        }
        Ok(())
    }

    /// Checks that the proof is by the key with this thumbprint (RFC 9449 §5, §6.1).
    ///
    /// # Errors
    /// [`DpopError::Binding`]
    pub fn check_key(&self, jkt: &str) -> Result<(), DpopError> {
        if self.jkt == jkt {
            Ok(())
        } else {
            Err(DpopError::Binding)
        }
    }

    /// SHA-256 thumbprint of the key (RFC 7638 §3, RFC 9449 §6.1), base64url: the `cnf.jkt` of
    /// tokens that are bound to it.
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// The nonce, if the proof has one (RFC 9449 §8).
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// What must not be seen twice: this `jti` by this key for this URL (RFC 9449 §11.1).
    #[must_use]
    pub fn replay_key(&self) -> Digest {
        let mut text = Vec::with_capacity(128);
        for part in [self.jkt.as_str(), &self.jti, self.htu.as_str()] {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        Digest::of(&text)
    }

    /// Until when the [replay key](Self::replay_key) must be remembered: the end of the proof's
    /// lifetime, and `leeway` more for instances whose clocks are behind (RFC 9449 §11.1).
    #[must_use]
    pub fn remember_until(&self, context: &DpopContext<'_>) -> UnixMillis {
        self.iat.plus(context.lifetime).plus(context.leeway)
    }
}

/// The key of a proof, from its JWS header (RFC 9449 §4.2, §4.3 items 4, 5 and 7). `kid` and
/// everything else that could point to another key is ignored.
fn read_header(header: &[u8]) -> Result<PublicKey, DpopError> {
    let header = Object::read(header).ok_or(DpopError::Malformed(
        "its header is not a JSON object with unique members",
    ))?;
    if header.text("typ") != Some("dpop+jwt") {
        return Err(DpopError::Typ);
    }
    let alg = header
        .text("alg")
        .and_then(ClientSigningAlgorithm::from_word)
        .filter(|alg| ALGORITHMS.contains(alg))
        .ok_or(DpopError::Alg)?;
    // RFC 7515 §4.1.11: no extension is understood.
    if header.get("crit").is_some() {
        return Err(DpopError::Malformed(
            "its header has crit, which is not supported",
        ));
    }
    let Some(Json::Object(jwk)) = header.get("jwk") else {
        return Err(DpopError::Jwk("the JWS header has none that is an object"));
    };
    PublicKey::read(alg, jwk).map_err(|error| DpopError::Jwk(error.0))
}

/// The hash of an access token that a proof for it carries (RFC 9449 §4.2 `ath`).
#[must_use]
pub fn access_token_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of(access_token.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests;
