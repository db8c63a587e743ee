//! Verification with our own public keys, parsed once when the keyring is read.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Algorithm, Error, PublicJwk, Result};

/// A public key that verifies what a [`SigningKey`](crate::SigningKey) signed. Cheap to clone.
///
/// The algorithm belongs to the key, never to the token: a token's `alg` must equal
/// [`VerifyingKey::algorithm`] before it is worth verifying (RFC 8725 §3.1).
#[derive(Debug, Clone)]
pub struct VerifyingKey(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kid: String,
    algorithm: Algorithm,
    jwk: PublicJwk,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Parses a public key.
    ///
    /// # Errors
    /// When the members do not form a valid key for `algorithm`.
    pub(crate) fn from_jwk(algorithm: Algorithm, jwk: PublicJwk) -> Result<Self> {
        let refused = || Error::Crypto {
            operation: "read a public key",
        };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| refused());
        let key = match (algorithm, &jwk) {
            (Algorithm::Es256, PublicJwk::Ec { crv, x, y }) if crv == "P-256" => {
                let mut point = vec![0x04];
                point.extend(decode(x)?);
                point.extend(decode(y)?);
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| refused())?
            }
            (Algorithm::Rs256, PublicJwk::Rsa { n, e }) => RsaPublicKeyComponents {
                n: decode(n)?,
                e: decode(e)?,
            }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| refused())?,
            _ => return Err(refused()),
        };
        Ok(Self(Arc::new(Inner {
            kid: jwk.thumbprint(),
            algorithm,
            jwk,
            key,
        })))
    }

    /// The key's id: its RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The one algorithm this key verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The public key as it is published.
    #[must_use]
    pub fn jwk(&self) -> &PublicJwk {
        &self.0.jwk
    }

    /// Whether `signature` (JWS form: 64 bytes `r || s` for ES256, RFC 7518 §3.4) is this key's
    /// signature of `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.key.verify_sig(message, signature).is_ok()
    }
}
