//! `private_key_jwt`: a client authenticates with a JWT that it has signed (RFC 7521 §4.2,
//! RFC 7523 §2.2 and §3, OpenID Connect Core §9).
//!
//! [`ClientAssertion::parse`] reads it, [`ClientAssertion::check`] compares it with the request,
//! [`ClientAssertion::verify`] its signature with the client's keys. What is left to the caller:
//! that it has not been used before ([`ClientAssertion::replay_key`]).

use crate::json::{Json, Object};
use crate::jwks::{KeySet, nobodys};
use crate::jws::{Compact, numeric_date};
use crate::{Endpoint, jwt};
use domain::{ClientId, ClientSigningAlgorithm, Digest, UnixMillis, Word as _};
use std::fmt;
use std::time::Duration;

/// The `client_assertion_type` of a JWT (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest assertion that is read, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// The longest `jti`, in characters.
pub const MAX_JTI: usize = 256;
/// The longest `iss` and `sub`, in bytes: no `client_id` is longer.
pub const MAX_CLIENT_ID: usize = 2048;
/// How far ahead `exp` may lie: longer than that nobody needs for one request, and so long each
/// `jti` has to be remembered.
pub const MAX_LIFETIME: Duration = Duration::from_secs(600);
/// How far the clocks of a client and of this server may differ.
pub const LEEWAY: Duration = Duration::from_secs(jwt::LEEWAY_SECONDS.unsigned_abs());

/// Why an assertion is refused. The text is fit for `error_description`: it depends on the
/// request alone, not on what is known of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client_assertion is refused: {0}")]
pub struct AssertionError(&'static str);

/// An assertion. Nothing in it is verified yet.
#[derive(Clone)]
pub struct ClientAssertion {
    alg: ClientSigningAlgorithm,
    kid: Option<String>,
    client_id: ClientId,
    aud: String,
    exp: UnixMillis,
    not_before: Option<UnixMillis>,
    jti: String,
    input: Vec<u8>,
    signature: Vec<u8>,
}

/// What became of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is by the client's key.
    Good,
    /// It is not.
    Bad,
    /// The client has no key that it could be by.
    NoKey,
}

impl ClientAssertion {
    /// Reads an assertion (RFC 7523 §3).
    ///
    /// # Errors
    /// When it is not the form of one.
    pub fn parse(assertion: &str) -> Result<Self, AssertionError> {
        if assertion.len() > MAX_LENGTH {
            return Err(AssertionError("it is longer than 8192 bytes"));
        }
        let compact = Compact::read(assertion.as_bytes()).ok_or(AssertionError(
            "it is not three base64url parts joined by dots",
        ))?;
        let header = Object::read(&compact.header).ok_or(AssertionError(
            "its header is not a JSON object with unique members",
        ))?;
        check_type(&header)?;
        let alg = header
            .text("alg")
            .and_then(ClientSigningAlgorithm::from_word)
            .ok_or(AssertionError(
                "its alg is not supported; see token_endpoint_auth_signing_alg_values_supported",
            ))?;
        // RFC 7515 §4.1.11: no extension is understood.
        if header.get("crit").is_some() {
            return Err(AssertionError(
                "its header has crit, which is not supported",
            ));
        }
        let kid = match header.get("kid") {
            None => None,
            Some(Json::Text(kid)) => Some(kid.clone().into_owned()),
            Some(_) => return Err(AssertionError("its kid is not a text")),
        };
        let claims = Object::read(&compact.claims).ok_or(AssertionError(
            "its payload is not a JSON object with unique members",
        ))?;
        let (Some(iss), Some(sub)) = (claims.text("iss"), claims.text("sub")) else {
            return Err(AssertionError("iss or sub is missing or not a text"));
        };
        if iss != sub || iss.is_empty() {
            return Err(AssertionError(
                "iss and sub differ; both have to be the client_id",
            ));
        }
        // It is looked up, and told of in the audit log, before anything is verified.
        if iss.len() > MAX_CLIENT_ID || iss.chars().any(char::is_control) {
            return Err(AssertionError(
                "iss and sub are longer than 2048 bytes or have control characters, as no client_id",
            ));
        }
        Ok(Self {
            alg,
            kid,
            client_id: ClientId::from(iss),
            aud: audience(&claims)?.to_owned(),
            exp: time(&claims, "exp")?.ok_or(AssertionError("exp is missing"))?,
            not_before: time(&claims, "nbf")?.max(time(&claims, "iat")?),
            jti: claims
                .text("jti")
                .filter(|jti| !jti.is_empty() && jti.chars().count() <= MAX_JTI)
                .ok_or(AssertionError(
                    "jti is not a text of 1 to 256 characters; give each assertion its own",
                ))?
                .to_owned(),
            input: compact.input.to_vec(),
            signature: compact.signature,
        })
    }

    /// Who it says it is from.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// How it is signed.
    #[must_use]
    pub fn algorithm(&self) -> ClientSigningAlgorithm {
        self.alg
    }

    /// Whether it says by which key it is signed.
    #[must_use]
    pub fn names_key(&self) -> bool {
        self.kid.is_some()
    }

    /// Checks that it was made for this server, or this very endpoint of it, and for this moment
    /// (RFC 7523 §3 items 3 to 6).
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(
        &self,
        issuer: &str,
        endpoint: Endpoint,
        now: UnixMillis,
    ) -> Result<(), AssertionError> {
        let below = self.aud.strip_prefix(issuer.trim_end_matches('/'));
        // Clients that read URLs with a library spell an issuer without a path with a slash.
        if !below.is_some_and(|rest| rest.is_empty() || rest == "/" || rest == endpoint.path()) {
            return Err(AssertionError(
                "its aud is neither the issuer nor the URL of this endpoint; make one for it",
            ));
        }
        if now >= self.exp.plus(LEEWAY) {
            return Err(AssertionError("it has expired; check the clock"));
        }
        if self.exp > now.plus(MAX_LIFETIME).plus(LEEWAY) {
            return Err(AssertionError(
                "its exp is more than 10 minutes ahead; make one per request, and check the clock",
            ));
        }
        if self
            .not_before
            .is_some_and(|begin| begin > now.plus(LEEWAY))
        {
            return Err(AssertionError(
                "its nbf or iat lies in the future; check the clock",
            ));
        }
        Ok(())
    }

    /// Verifies the signature with the keys of the client.
    #[must_use]
    pub fn verify(&self, keys: &KeySet) -> Verdict {
        let keys = keys.find(self.alg, self.kid.as_deref());
        if keys.is_empty() {
            return Verdict::NoKey;
        }
        let mut keys = keys.into_iter();
        match keys.any(|key| key.verify(&self.input, &self.signature)) {
            true => Verdict::Good,
            false => Verdict::Bad,
        }
    }

    /// Takes as long as [`verify`](Self::verify), for a client that does not exist.
    pub fn verify_in_vain(&self) {
        if let Some(key) = nobodys(self.alg) {
            let _ = key.verify(&self.input, &self.signature);
        }
    }

    /// What must not be seen twice: this `jti` of this client (RFC 7523 §3 item 7).
    #[must_use]
    pub fn replay_key(&self) -> Digest {
        let id = self.client_id.as_str();
        let length = (id.len() as u64).to_be_bytes();
        Digest::of(&[&length, id.as_bytes(), self.jti.as_bytes()].concat())
    }

    /// Until when the [replay key](Self::replay_key) must be remembered: as long as it would be
    /// accepted, here or where the clock is behind.
    #[must_use]
    pub fn remember_until(&self) -> UnixMillis {
        self.exp.plus(LEEWAY).plus(LEEWAY)
    }
}

impl fmt::Debug for ClientAssertion {
    /// Without the signature, so that no log holds a usable assertion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertion")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// A JWT that says what it is must be one for this (RFC 8725 §3.11); most clients say `JWT` or
/// nothing.
fn check_type(header: &Object<'_>) -> Result<(), AssertionError> {
    let typ = match header.get("typ") {
        None => return Ok(()),
        Some(Json::Text(typ)) => typ.to_ascii_lowercase(),
        Some(_) => String::new(),
    };
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "jwt" | "client-authentication+jwt" => Ok(()),
        _ => Err(AssertionError(
            "its typ is neither JWT nor client-authentication+jwt",
        )),
    }
}

/// One audience: with several, another of them could use the assertion here.
fn audience<'c>(claims: &'c Object<'_>) -> Result<&'c str, AssertionError> {
    match claims.get("aud") {
        Some(Json::Text(aud)) => Ok(aud),
        Some(Json::Array(auds)) => match auds.as_slice() {
            [Json::Text(aud)] => Ok(aud),
            _ => Err(AssertionError("its aud is not exactly one text")),
        },
        _ => Err(AssertionError("its aud is not exactly one text")),
    }
}

/// A time (RFC 7519 §2 `NumericDate`).
fn time(claims: &Object<'_>, name: &str) -> Result<Option<UnixMillis>, AssertionError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(seconds)) => Ok(Some(numeric_date(*seconds))),
        Some(_) => Err(AssertionError("exp, nbf or iat is not a number of seconds")),
    }
}

#[cfg(test)]
mod tests;
