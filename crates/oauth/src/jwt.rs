//! Access tokens: JWTs of type `at+jwt` (RFC 9068), or `JWT` for resources that know no other,
//! written fast and read strictly.
//!
//! Writing is on the hot path of every grant: the header is rendered once per key
//! ([`header`]), the claims are written as JSON straight from the struct, and signing is left
//! to `keys`. Reading believes nothing: what [`parse`] returns still has to be verified.

mod actor;

pub use actor::{
    Actor, ActorChain, ActorChainError, ActorType, MAX_ACTOR_DEPTH, MAX_AGENT_CHAIN, push_agent,
};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Word as _;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest token that is read, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;
/// How far the clocks of two machines may differ, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

pub use domain::SigningAlgorithm as Algorithm;
use domain::TokenTyp;

/// Why a text is not an acceptable access token. Callers of public endpoints are never told
/// which; logs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Longer than [`MAX_LENGTH`].
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not three base64url parts.
    #[error("the token is not three base64url parts joined by dots")]
    NotAJwt,
    /// The header is not a JSON object with `alg`, `typ` and `kid`.
    #[error("the token's header is not an object with alg, typ and kid")]
    Header,
    /// `typ` is neither `at+jwt` (RFC 9068 §4) nor `JWT`.
    #[error("the token's typ is neither at+jwt nor JWT")]
    Type,
    /// `alg` is not one of [`Algorithm`].
    #[error("the token's alg is not ES256 or RS256")]
    Algorithm,
    /// `crit` names extensions, and none is understood (RFC 7515 §4.1.11).
    #[error("the token's header has crit, which is not supported")]
    Critical,
    /// The claims are not those of an access token (RFC 9068 §2.2).
    #[error("the token's claims are not those of an access token")]
    Claims,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `iat` lies in the future.
    #[error("the token was issued in the future; check the clocks")]
    IssuedInFuture,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    Issuer,
    /// `aud` does not name the expected audience.
    #[error("the token is for another audience")]
    Audience,
}

/// `cnf`: the key that must be proven along with the token (RFC 7800 §3.1, RFC 9449 §6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// SHA-256 thumbprint of the key (RFC 7638).
    pub jkt: String,
}

/// The claims of an access token (RFC 9068 §2.2, spec: tokens). Times are in seconds.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct AccessTokenClaims {
    /// The issuer.
    pub iss: String,
    /// The user, or the client itself on machine tokens.
    pub sub: String,
    /// The resources it is for.
    #[serde(deserialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// When it ends.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Its id.
    pub jti: String,
    /// Who it was issued to (RFC 8693 §4.3).
    pub client_id: String,
    /// What it allows, separated by blanks; left out of the token when empty.
    #[serde(default)]
    pub scope: String,
    /// The key it is bound to.
    #[serde(default)]
    pub cnf: Option<Confirmation>,
    /// Who acts for the subject (RFC 8693 §4.1).
    #[serde(default)]
    pub act: Option<serde_json::Value>,
    /// The agent that acts.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// The agents through which it came, oldest first.
    #[serde(default)]
    pub agent_chain: Vec<String>,
    /// When the user signed in (RFC 9068 §2.2.1).
    #[serde(default)]
    pub auth_time: Option<i64>,
}

/// `aud` may be one string or several (RFC 7519 §4.1.3).
fn one_or_many<'de, D: serde::Deserializer<'de>>(de: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(de)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}

impl AccessTokenClaims {
    /// Writes the claims as a JSON object, absent ones left out.
    fn write_json(&self, json: &mut String) {
        json.push_str(r#"{"iss":"#);
        write_string(json, &self.iss);
        json.push_str(r#","sub":"#);
        write_string(json, &self.sub);
        json.push_str(r#","aud":"#);
        write_strings(json, &self.aud);
        // Writing to a String cannot fail.
        let _ = write!(json, r#","exp":{},"iat":{}"#, self.exp, self.iat);
        json.push_str(r#","jti":"#);
        write_string(json, &self.jti);
        json.push_str(r#","client_id":"#);
        write_string(json, &self.client_id);
        if !self.scope.is_empty() {
            json.push_str(r#","scope":"#);
            write_string(json, &self.scope);
        }
        if let Some(cnf) = &self.cnf {
            json.push_str(r#","cnf":{"jkt":"#);
            write_string(json, &cnf.jkt);
            json.push('}');
        }
        if let Some(act) = &self.act {
            let _ = write!(json, r#","act":{act}"#);
        }
        if let Some(agent_id) = &self.agent_id {
            json.push_str(r#","agent_id":"#);
            write_string(json, agent_id);
        }
        if !self.agent_chain.is_empty() {
            json.push_str(r#","agent_chain":"#);
            write_strings(json, &self.agent_chain);
        }
        if let Some(auth_time) = self.auth_time {
            let _ = write!(json, r#","auth_time":{auth_time}"#);
        }
        json.push('}');
    }
}

/// A JSON string (RFC 8259 §7). Claims hardly ever need escapes, so these come last.
fn write_string(json: &mut String, text: &str) {
    json.push('"');
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        json.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => json.push_str("\\\""),
                '\\' => json.push_str("\\\\"),
                c if c < ' ' => {
                    let _ = write!(json, "\\u{:04x}", u32::from(c));
                }
                c => json.push(c),
            }
        }
    }
    json.push('"');
}

fn write_strings(json: &mut String, texts: &[String]) {
    json.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_string(json, text);
    }
    json.push(']');
}

/// The encoded header for a key and a kind of token (RFC 9068 §2.1).
#[must_use]
pub fn header(alg: Algorithm, typ: TokenTyp, kid: &str) -> String {
    let mut json = String::from(r#"{"alg":"#);
    write_string(&mut json, alg.as_str());
    json.push_str(r#","typ":"#);
    write_string(&mut json, typ.as_str());
    json.push_str(r#","kid":"#);
    write_string(&mut json, kid);
    json.push('}');
    URL_SAFE_NO_PAD.encode(json)
}

/// What is to be signed: the encoded header and claims (RFC 7515 §5.1).
#[must_use]
pub fn signing_input(header: &str, claims: &AccessTokenClaims) -> String {
    let mut json = String::with_capacity(512);
    claims.write_json(&mut json);
    let claims_length = json.len().div_ceil(3) * 4;
    // Room for an RS256 signature too, so that `assemble` does not copy.
    let mut input = String::with_capacity(header.len() + claims_length + 352);
    input.push_str(header);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(&json, &mut input);
    input
}

/// The token: the signing input and its signature (RFC 7515 §3.1).
#[must_use]
pub fn assemble(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut signing_input);
    signing_input
}

/// The header of a token that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How it claims to be signed; the key must be of that kind.
    pub alg: Algorithm,
    /// By which key.
    pub kid: String,
}

/// A well-formed access token whose signature nobody has checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct UnverifiedToken<'a> {
    /// Its header.
    pub header: Header,
    /// What the signature covers.
    pub signing_input: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
    claims: Vec<u8>,
}

#[derive(Deserialize)]
struct RawHeader<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    kid: String,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Whether a member is there, whatever its value.
fn present<'de, D: serde::Deserializer<'de>>(de: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(de).map(|_| true)
}

/// Reads a token in compact form (RFC 7515 §7.1, RFC 9068 §4, RFC 8725 §3).
///
/// # Errors
/// When it is not the form of an access token of this server.
pub fn parse(token: &str) -> Result<UnverifiedToken<'_>, JwtError> {
    if token.len() > MAX_LENGTH {
        return Err(JwtError::TooLong);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(JwtError::NotAJwt)?;
    let (header, claims) = signing_input.split_once('.').ok_or(JwtError::NotAJwt)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::NotAJwt);
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let raw: RawHeader<'_> = object(&header).ok_or(JwtError::Header)?;
    if raw.crit {
        return Err(JwtError::Critical);
    }
    let alg = Algorithm::from_word(&raw.alg).ok_or(JwtError::Algorithm)?;
    // RFC 9068 §4; a media type may be written with its prefix and in any case.
    let typ = raw.typ.to_ascii_lowercase();
    if !matches!(
        typ.strip_prefix("application/").unwrap_or(&typ),
        "at+jwt" | "jwt"
    ) {
        return Err(JwtError::Type);
    }
    Ok(UnverifiedToken {
        header: Header { alg, kid: raw.kid },
        signing_input,
        signature,
        claims,
    })
}

/// Reads a JSON object; a known member that appears twice is an error (RFC 8725 §2.4).
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(json).ok()
}

impl UnverifiedToken<'_> {
    /// The claims. Believe them only after the signature has been verified over
    /// `signing_input` with the key `header.kid`.
    ///
    /// # Errors
    /// [`JwtError::Claims`]
    pub fn claims(&self) -> Result<AccessTokenClaims, JwtError> {
        object(&self.claims).ok_or(JwtError::Claims)
    }

    /// The claims as they were encoded.
    #[must_use]
    pub fn claims_json(&self) -> &[u8] {
        &self.claims
    }
}

impl std::fmt::Debug for UnverifiedToken<'_> {
    /// Without the signature, so that no log holds a usable token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnverifiedToken")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// What must hold of the claims of a token whose signature is good.
#[derive(Debug, Clone, Copy)]
pub struct Validation<'a> {
    /// The issuer that must have issued it.
    pub issuer: &'a str,
    /// An audience that it must name, when one is asked for.
    pub audience: Option<&'a str>,
    /// The time, in seconds.
    pub now: i64,
    /// How far clocks may differ, in seconds; see [`LEEWAY_SECONDS`].
    pub leeway: i64,
}

impl<'a> Validation<'a> {
    /// A check against `issuer` at `now` (seconds) with the usual leeway and any audience.
    #[must_use]
    pub fn new(issuer: &'a str, now: i64) -> Self {
        Self {
            issuer,
            audience: None,
            now,
            leeway: LEEWAY_SECONDS,
        }
    }

    /// Checks `iss`, `aud`, `exp` and `iat` (RFC 9068 §4).
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self, claims: &AccessTokenClaims) -> Result<(), JwtError> {
        if claims.iss != self.issuer {
            return Err(JwtError::Issuer);
        }
        if let Some(audience) = self.audience
            && !claims.aud.iter().any(|own| own == audience)
        {
            return Err(JwtError::Audience);
        }
        if claims.exp.saturating_add(self.leeway) <= self.now {
            return Err(JwtError::Expired);
        }
        if claims.iat > self.now.saturating_add(self.leeway) {
            return Err(JwtError::IssuedInFuture);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
