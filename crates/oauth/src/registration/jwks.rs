//! `jwks` and `jwks_uri`: where a client's public keys are (RFC 7591 §2).

use super::{refuse, text, web_url};
use crate::error::Rejection;
use crate::jwks::{JwksError, KeySet, MAX_REGISTERED};
use domain::{ClientKeys, ClientSigningAlgorithm};
use serde_json::{Map, Value};

/// The keys that metadata names. `needed` says whether the client authenticates by them; if it
/// does not, they may be of kinds that this server has no use for.
pub(super) fn keys(
    members: &Map<String, Value>,
    needed: bool,
) -> Result<Option<ClientKeys>, Rejection> {
    let uri = text(members, "jwks_uri")?.filter(|uri| !uri.is_empty());
    match (members.get("jwks"), uri) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(refuse("jwks and jwks_uri are both given; give one of them")),
        (Some(jwks), None) => match read(jwks) {
            Ok(json) => Ok(Some(ClientKeys::Jwks(json))),
            Err(JwksError::Unusable(_)) if !needed => Ok(None),
            Err(error) => Err(refuse(format!("jwks is not acceptable: {error}"))),
        },
        (None, Some(_)) if !needed => Ok(None),
        (None, Some(uri)) => {
            check_jwks_uri(uri)?;
            Ok(Some(ClientKeys::JwksUri(uri.to_owned())))
        }
    }
}

/// The JSON of a JWK Set that can be registered (RFC 7517 §5).
///
/// # Errors
/// `invalid_client_metadata` when it is too large, holds private or symmetric keys, or none that
/// could verify a signature.
pub fn check_jwks(jwks: &Value) -> Result<String, Rejection> {
    read(jwks).map_err(|error| refuse(format!("jwks is not acceptable: {error}")))
}

/// Whether assertions that are signed by `alg`, if the client is bound to one, can ever be
/// verified. Keys at a URL are judged when they are fetched.
///
/// # Errors
/// `invalid_client_metadata` when no key in the registered set is for `alg`.
pub fn check_signing_alg(
    keys: Option<&ClientKeys>,
    alg: Option<ClientSigningAlgorithm>,
) -> Result<(), Rejection> {
    let (Some(ClientKeys::Jwks(jwks)), Some(alg)) = (keys, alg) else {
        return Ok(());
    };
    match KeySet::parse(jwks.as_bytes()).is_ok_and(|keys| keys.fits(alg)) {
        true => Ok(()),
        false => Err(refuse(format!(
            "token_endpoint_auth_signing_alg: no key in jwks is for {alg}; add one, or name the algorithm of \
             one that is there"
        ))),
    }
}

fn read(jwks: &Value) -> Result<String, JwksError> {
    let json = jwks.to_string();
    if json.len() > MAX_REGISTERED {
        return Err(JwksError::Unusable("it is larger than 16 KiB; shorten it"));
    }
    KeySet::parse(json.as_bytes())?;
    Ok(json)
}

/// Whether `uri` can be where a client publishes its keys. Whether it may be `http` depends on
/// the configuration and is not asked here.
///
/// # Errors
/// `invalid_client_metadata`
pub fn check_jwks_uri(uri: &str) -> Result<(), Rejection> {
    match web_url(uri) {
        Some(url) if url.fragment().is_none() => Ok(()),
        _ => Err(refuse(
            "jwks_uri is not an https URL of at most 2048 bytes without fragment, user name and \
             password; correct it",
        )),
    }
}
