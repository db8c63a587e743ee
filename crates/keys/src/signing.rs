//! Private keys and what they sign.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use domain::UnixMillis;
use zeroize::Zeroizing;

use crate::{Algorithm, Error, PublicJwk, Result, VerifyingKey};

/// The largest signature: RSA with 4096 bits.
const MAX_SIGNATURE: usize = 512;

/// A JWS signature in its wire form (RFC 7515 §3), before base64url. Lives on the stack.
#[derive(Clone)]
pub struct Signature {
    bytes: [u8; MAX_SIGNATURE],
    length: usize,
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.length)
    }
}

/// Where the private half is and how to use it. A key that never leaves its store becomes a
/// variant of its own.
enum PrivateKey {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

/// A key that signs. Take it with [`Keyring::active`](crate::Keyring::active),
/// write its [`kid`](Self::kid) and [`algorithm`](Self::algorithm) into the header, then sign
/// with the same value, so that a rotation in between cannot part header and signature.
pub struct SigningKey {
    public: VerifyingKey,
    private: PrivateKey,
    created_at: UnixMillis,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new key. The library draws from its own generator, seeded by the operating system.
    pub(crate) fn generate(algorithm: Algorithm, created_at: UnixMillis) -> Result<Self> {
        let failed = |_| Error::Crypto {
            operation: "generate a signing key",
        };
        let private = match algorithm {
            Algorithm::Es256 => PrivateKey::Es256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?,
            ),
            Algorithm::Rs256 => {
                PrivateKey::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)
            }
        };
        Self::new(private, created_at)
    }

    /// Reads a key from PKCS #8 (RFC 5958).
    pub(crate) fn from_pkcs8(
        algorithm: Algorithm,
        pkcs8: &[u8],
        created_at: UnixMillis,
    ) -> Result<Self> {
        let refused = |_| Error::Crypto {
            operation: "read a private key",
        };
        let private = match algorithm {
            Algorithm::Es256 => PrivateKey::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(refused)?,
            ),
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(refused)?;
                if !(256..=MAX_SIGNATURE).contains(&pair.public_modulus_len()) {
                    return Err(Error::Crypto {
                        operation: "use an RSA key outside 2048 to 4096 bits",
                    });
                }
                PrivateKey::Rs256(pair)
            }
        };
        Self::new(private, created_at)
    }

    fn new(private: PrivateKey, created_at: UnixMillis) -> Result<Self> {
        let public = match &private {
            PrivateKey::Es256(pair) => VerifyingKey::from_jwk(
                Algorithm::Es256,
                PublicJwk::from_p256_point(pair.public_key().as_ref())?,
            )?,
            PrivateKey::Rs256(pair) => {
                let key = pair.public_key();
                VerifyingKey::from_jwk(
                    Algorithm::Rs256,
                    PublicJwk::from_rsa(
                        key.modulus().big_endian_without_leading_zero(),
                        key.exponent().big_endian_without_leading_zero(),
                    ),
                )?
            }
        };
        Ok(Self {
            public,
            private,
            created_at,
        })
    }

    /// The private key as PKCS #8 (RFC 5958), for the store only.
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |_| Error::Crypto {
            operation: "write a private key",
        };
        Ok(Zeroizing::new(match &self.private {
            PrivateKey::Es256(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            PrivateKey::Rs256(pair) => pair.as_der().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    /// The key's id: its RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// What goes into the `alg` header.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// When the key was made.
    #[must_use]
    pub fn created_at(&self) -> UnixMillis {
        self.created_at
    }

    /// The public half.
    #[must_use]
    pub fn verifying(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs `message`: 64 bytes `r || s` for ES256 (RFC 7518 §3.4), as long as the modulus for
    /// RS256.
    ///
    /// Callers outside this crate use [`Keyring::sign`](crate::Keyring::sign), which also knows
    /// keys that are not in this process.
    ///
    /// # Errors
    /// When the library refuses, which for a key that was read successfully means that memory
    /// or entropy ran out.
    pub fn sign(&self, message: &[u8]) -> Result<Signature> {
        let failed = |_| Error::Crypto { operation: "sign" };
        let random = SystemRandom::new();
        let mut bytes = [0; MAX_SIGNATURE];
        let length = match &self.private {
            PrivateKey::Es256(pair) => {
                let signature = pair.sign(&random, message).map_err(failed)?;
                let signature = signature.as_ref();
                bytes[..signature.len()].copy_from_slice(signature);
                signature.len()
            }
            PrivateKey::Rs256(pair) => {
                let length = pair.public_modulus_len();
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut bytes[..length])
                    .map_err(failed)?;
                length
            }
        };
        Ok(Signature { bytes, length })
    }
}
