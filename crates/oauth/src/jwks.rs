//! The public keys of a client (RFC 7517 §5), registered by value or published at a URL.

use crate::json::{Json, Object};
use crate::jwk::{PublicKey, is_secret};
use domain::{ClientSigningAlgorithm as Algorithm, Word as _};
use std::sync::LazyLock;

/// The largest key set that is registered by value, in bytes.
pub const MAX_REGISTERED: usize = 16 * 1024;
/// The most keys of one set.
pub const MAX_KEYS: usize = 32;
/// The most keys that one signature is tried with.
const MAX_ALIKE: usize = 4;

/// Why a key set cannot be used; fit for whoever registers or publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// It holds a private or symmetric key, which is no secret any more.
    #[error("it holds a private or symmetric key; publish public keys only, and replace that key")]
    Secret,
    /// It is not a JWK Set, has too many keys, or none that can be used.
    #[error("{0}")]
    Unusable(&'static str),
}

/// One key, under each algorithm that it can be used with.
#[derive(Debug)]
struct Key {
    kid: Option<String>,
    by_algorithm: Vec<(Algorithm, PublicKey)>,
}

impl Key {
    /// The key as one for `alg`.
    fn for_algorithm(&self, alg: Algorithm) -> Option<&PublicKey> {
        let alg = match alg {
            Algorithm::Ed25519 => Algorithm::EdDsa,
            other => other,
        };
        let mut keys = self.by_algorithm.iter();
        keys.find(|(own, _)| *own == alg).map(|(_, key)| key)
    }
}

/// Keys that verify what a client signed.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK Set. Keys of kinds that are not known, or not meant for signatures, are passed
    /// over (RFC 7517 §5).
    ///
    /// # Errors
    /// See [`JwksError`].
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        let set = Object::read(json).ok_or(JwksError::Unusable(
            "it is not a JSON object with unique members; publish a JWK Set",
        ))?;
        let Some(Json::Array(jwks)) = set.get("keys") else {
            return Err(JwksError::Unusable(
                "it has no member keys that is an array; publish a JWK Set",
            ));
        };
        if jwks.len() > MAX_KEYS {
            return Err(JwksError::Unusable(
                "it has more than 32 keys; publish fewer",
            ));
        }
        let mut keys = Vec::with_capacity(jwks.len());
        for jwk in jwks {
            let Json::Object(jwk) = jwk else {
                return Err(JwksError::Unusable("a key in it is not a JSON object"));
            };
            if is_secret(jwk) {
                return Err(JwksError::Secret);
            }
            keys.extend(key(jwk));
        }
        if keys.is_empty() {
            return Err(JwksError::Unusable(
                "it holds no key to verify signatures with; publish an EC key on P-256 or P-384, \
                 an RSA key of 2048 to 8192 bits, or an Ed25519 key",
            ));
        }
        let set = Self(keys);
        let too_alike = |key: &Key| {
            let mut algorithms = key.by_algorithm.iter();
            algorithms.any(|(alg, _)| set.named(*alg, key.kid.as_deref()).len() > MAX_ALIKE)
        };
        if set.0.iter().any(too_alike) {
            return Err(JwksError::Unusable(
                "more than 4 keys of one kind have the same kid, or none; give each its own",
            ));
        }
        Ok(set)
    }

    /// Whether it holds a key for `alg`.
    pub(crate) fn fits(&self, alg: Algorithm) -> bool {
        self.0.iter().any(|key| key.for_algorithm(alg).is_some())
    }

    /// The keys that a signature by `alg` may be by: those named `kid`, else those without a
    /// name; all, when the signature names none, unless they are too many to try.
    pub(crate) fn find(&self, alg: Algorithm, kid: Option<&str>) -> Vec<&PublicKey> {
        let Some(kid) = kid else {
            let all = self.0.iter().filter_map(|key| key.for_algorithm(alg));
            let all: Vec<_> = all.take(MAX_ALIKE + 1).collect();
            return match all.len() > MAX_ALIKE {
                true => Vec::new(),
                false => all,
            };
        };
        let named = self.named(alg, Some(kid));
        match named.is_empty() {
            true => self.named(alg, None),
            false => named,
        }
    }

    /// The keys for `alg` whose name is `kid`, or that have none.
    fn named(&self, alg: Algorithm, kid: Option<&str>) -> Vec<&PublicKey> {
        let named = self.0.iter().filter(|key| key.kid.as_deref() == kid);
        named.filter_map(|key| key.for_algorithm(alg)).collect()
    }
}

/// The key that `jwk` holds, if it is one to verify with (RFC 7517 §4).
fn key(jwk: &Object<'_>) -> Option<Key> {
    // RFC 7517 §4.2, §4.3: keys for encryption.
    if matches!(jwk.get("use"), Some(Json::Text(other)) if other != "sig") {
        return None;
    }
    if let Some(Json::Array(operations)) = jwk.get("key_ops")
        && !operations
            .iter()
            .any(|own| matches!(own, Json::Text(name) if name == "verify"))
    {
        return None;
    }
    // RFC 7517 §4.4: a key that names its algorithm is for no other.
    let own = match jwk.get("alg") {
        None => None,
        Some(Json::Text(name)) => Some(Algorithm::from_word(name)?),
        Some(_) => return None,
    };
    let by_algorithm: Vec<_> = [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::EdDsa,
    ]
    .into_iter()
    .filter(|alg| match own {
        None => true,
        Some(Algorithm::Ed25519) => *alg == Algorithm::EdDsa,
        Some(own) => own == *alg,
    })
    .filter_map(|alg| Some((alg, PublicKey::read(alg, jwk).ok()?)))
    .collect();
    (!by_algorithm.is_empty()).then(|| Key {
        kid: jwk.text("kid").map(str::to_owned),
        by_algorithm,
    })
}

/// Nobody's keys: what is verified with them costs as much as with a client's, and fails.
pub(crate) fn nobodys(alg: Algorithm) -> Option<&'static PublicKey> {
    static NOBODYS: LazyLock<Option<KeySet>> =
        LazyLock::new(|| KeySet::parse(include_bytes!("jwks/nobodys.json")).ok());
    NOBODYS.as_ref()?.find(alg, None).into_iter().next()
}

#[cfg(test)]
mod tests;
