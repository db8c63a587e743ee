//! How a client that describes itself may authenticate.

use super::{Origin, jwks, refuse, text, texts, word};
use crate::error::{Rejection, quote};
use domain::{AuthMethod, ClientKeys, ClientSigningAlgorithm, Word as _};
use serde_json::{Map, Value};

/// The methods of a client, and the keys for them.
pub(super) struct Authentication {
    pub method: AuthMethod,
    pub further: Vec<AuthMethod>,
    pub signing_alg: Option<ClientSigningAlgorithm>,
    pub keys: Option<ClientKeys>,
}

impl Authentication {
    /// Reads `token_endpoint_auth_method`, its list form `token_endpoint_auth_methods_supported`
    /// (OpenID Connect RP Metadata Choices 1.0 §2: any listed one may be used), `jwks`,
    /// `jwks_uri` and `token_endpoint_auth_signing_alg`. What is not offered is left out.
    pub(super) fn read(members: &Map<String, Value>, origin: Origin) -> Result<Self, Rejection> {
        let single = text(members, "token_endpoint_auth_method")?;
        let list = texts(members, "token_endpoint_auth_methods_supported", 32)?;
        let named: Vec<&str> = single
            .into_iter()
            .chain(list.into_iter().flatten())
            .collect();
        let mut methods: Vec<AuthMethod> = Vec::new();
        for method in named.iter().filter_map(|name| AuthMethod::from_word(name)) {
            // What a document says, everybody can read.
            let offered = origin == Origin::Registration || !method.uses_secret();
            if offered && !methods.contains(&method) {
                methods.push(method);
            }
        }
        if named.is_empty() {
            methods.push(AuthMethod::None);
        }
        let keys = jwks::keys(members, methods.contains(&AuthMethod::PrivateKeyJwt))?;
        if keys.is_none() && methods.len() > 1 {
            methods.retain(|method| *method != AuthMethod::PrivateKeyJwt);
        }
        let mut methods = methods.into_iter();
        let method = methods.next().ok_or_else(|| not_offered(&named, origin))?;
        let further: Vec<_> = methods.collect();
        let signs =
            method == AuthMethod::PrivateKeyJwt || further.contains(&AuthMethod::PrivateKeyJwt);
        if signs && keys.is_none() {
            return Err(refuse(
                "token_endpoint_auth_method private_key_jwt needs jwks or jwks_uri; add the one \
                 that holds the client's public keys",
            ));
        }
        let keys = keys.filter(|_| signs);
        let signing_alg = match signs {
            true => word(members, "token_endpoint_auth_signing_alg")?,
            false => None,
        };
        jwks::check_signing_alg(keys.as_ref(), signing_alg)?;
        Ok(Self {
            method,
            further,
            signing_alg,
            keys,
        })
    }
}

/// None of the methods that the client names will do.
fn not_offered(named: &[&str], origin: Origin) -> Rejection {
    let secret = |name: &&&str| {
        AuthMethod::from_word(name).is_some_and(AuthMethod::uses_secret)
            || **name == "client_secret_jwt"
    };
    let all: Vec<_> = named.iter().map(|name| quote(name)).collect();
    let all = all.join(", ");
    match origin {
        Origin::Document if named.iter().any(|name| secret(&name)) => refuse(format!(
            "token_endpoint_auth_method {all} needs a shared secret, which a document cannot \
             have; use none or private_key_jwt"
        )),
        Origin::Document => refuse(format!(
            "token_endpoint_auth_method {all} is not supported; use none or private_key_jwt"
        )),
        Origin::Registration => {
            let known: Vec<_> = AuthMethod::ALL.iter().map(|own| own.as_str()).collect();
            refuse(format!(
                "token_endpoint_auth_method {all} is not supported; use one of {}",
                known.join(", ")
            ))
        }
    }
}
