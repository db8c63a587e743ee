//! Public keys as JSON Web Keys (RFC 7517, RFC 7518 §6) and their thumbprints (RFC 7638).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{Algorithm, Error, Result};

/// The public half of a key, in the members a JWK has for its type. It cannot hold a private
/// member: there is no field for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty", deny_unknown_fields)]
pub enum PublicJwk {
    /// An elliptic-curve key (RFC 7518 §6.2.1).
    #[serde(rename = "EC")]
    Ec {
        /// The curve, always `P-256`.
        crv: String,
        /// The x coordinate, base64url.
        x: String,
        /// The y coordinate, base64url.
        y: String,
    },
    /// An RSA key (RFC 7518 §6.3.1).
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus, base64url, without leading zeros.
        n: String,
        /// The exponent, base64url, without leading zeros.
        e: String,
    },
}

impl PublicJwk {
    /// A P-256 key from its uncompressed point (SEC 1 §2.3.3).
    pub(crate) fn from_p256_point(point: &[u8]) -> Result<Self> {
        match point {
            [0x04, coordinates @ ..] if coordinates.len() == 64 => {
                let (x, y) = coordinates.split_at(32);
                Ok(Self::Ec {
                    crv: String::from("P-256"),
                    x: URL_SAFE_NO_PAD.encode(x),
                    y: URL_SAFE_NO_PAD.encode(y),
                })
            }
            _ => Err(Error::Crypto {
                operation: "read the point of a P-256 key",
            }),
        }
    }

    /// An RSA key from its big-endian modulus and exponent.
    pub(crate) fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa {
            n: URL_SAFE_NO_PAD.encode(modulus),
            e: URL_SAFE_NO_PAD.encode(exponent),
        }
    }

    /// The SHA-256 thumbprint (RFC 7638 §3), base64url: the `kid` of every key of ours, so that a
    /// key has the same name wherever it is kept.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // RFC 7638 §3.2: required members only, in lexicographic order, without white space.
        // base64url and the curve's name need no JSON escaping.
        let canonical = match self {
            Self::Ec { crv, x, y } => {
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }
}

/// One entry of the published key set (RFC 7517 §4).
#[derive(Serialize)]
pub(crate) struct PublishedKey<'a> {
    pub kid: &'a str,
    #[serde(rename = "use")]
    pub use_: &'static str,
    pub alg: Algorithm,
    #[serde(flatten)]
    pub key: &'a PublicJwk,
}

/// The JWK Set (RFC 7517 §5).
#[derive(Serialize)]
pub(crate) struct KeySet<'a> {
    pub keys: Vec<PublishedKey<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7638 §3.1.
    #[test]
    fn thumbprint_follows_rfc_7638() {
        let key = PublicJwk::Rsa {
            n: String::from(
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            ),
            e: String::from("AQAB"),
        };
        assert_eq!(
            key.thumbprint(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }
}
