//! Token exchange requests (RFC 8693 §2.1).

use crate::authorize::{MAX_RESOURCES, resources, scope};
use crate::error::{ErrorCode, Reason, Rejection, quote};
use crate::params::Params;
use domain::ScopeSet;
use secrecy::SecretString;
use serde::{Serialize, Serializer};

/// What kind of token a token is (RFC 8693 §3). Both kinds here are our access tokens, which
/// are JWTs; refresh, id and SAML tokens cannot be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenTypeIdentifier {
    /// `urn:ietf:params:oauth:token-type:access_token`
    AccessToken,
    /// `urn:ietf:params:oauth:token-type:jwt`
    Jwt,
}

impl TokenTypeIdentifier {
    /// The URI (RFC 8693 §3), also the value of `issued_token_type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    /// Reads the parameter `name`, whose value is `value`.
    fn read(name: &'static str, value: &str) -> Result<Self, Rejection> {
        [Self::AccessToken, Self::Jwt]
            .into_iter()
            .find(|known| known.as_str() == value)
            .ok_or_else(|| {
                refuse(format!(
                    "{name} {} is not supported; send {} or {}",
                    quote(value),
                    Self::AccessToken.as_str(),
                    Self::Jwt.as_str()
                ))
            })
    }
}

impl Serialize for TokenTypeIdentifier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Who acts, when that is not the calling client itself (RFC 8693 §2.1 `actor_token`).
#[derive(Debug, Clone)]
pub struct ActorToken {
    /// The token of the acting party.
    pub token: SecretString,
    /// Its kind.
    pub token_type: TokenTypeIdentifier,
}

/// A request to exchange a token for another (RFC 8693 §2.1).
#[derive(Debug, Clone)]
pub struct TokenExchangeRequest {
    /// The token of the party on whose behalf the request is made.
    pub subject_token: SecretString,
    /// Its kind.
    pub subject_token_type: TokenTypeIdentifier,
    /// Who acts for that party.
    pub actor: Option<ActorToken>,
    /// The targets named by `resource` (RFC 8707 §2).
    pub resources: Vec<String>,
    /// The targets named by `audience`.
    pub audiences: Vec<String>,
    /// What is asked for.
    pub scope: Option<ScopeSet>,
    /// The kind of token that is wanted.
    pub requested_token_type: Option<TokenTypeIdentifier>,
}

impl TokenExchangeRequest {
    /// Reads the parameters beside `grant_type`.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_scope` or `invalid_target` (RFC 8693 §2.2.2).
    pub(super) fn parse(params: &Params) -> Result<Self, Rejection> {
        let subject_token = SecretString::from(params.required("subject_token")?);
        let subject_token_type = TokenTypeIdentifier::read(
            "subject_token_type",
            params.required("subject_token_type")?,
        )?;
        let requested_token_type = params
            .get("requested_token_type")
            .map(|value| TokenTypeIdentifier::read("requested_token_type", value))
            .transpose()?;
        Ok(Self {
            subject_token,
            subject_token_type,
            actor: actor(params)?,
            resources: resources(params)?,
            audiences: audiences(params)?,
            scope: scope(params)?,
            requested_token_type,
        })
    }
}

/// RFC 8693 §2.1: `actor_token_type` is required with `actor_token` and must not be there
/// without it.
fn actor(params: &Params) -> Result<Option<ActorToken>, Rejection> {
    match (params.get("actor_token"), params.get("actor_token_type")) {
        (None, None) => Ok(None),
        (Some(token), Some(value)) => Ok(Some(ActorToken {
            token: SecretString::from(token),
            token_type: TokenTypeIdentifier::read("actor_token_type", value)?,
        })),
        (Some(_), None) => Err(refuse(
            "actor_token is sent without actor_token_type; add it".into(),
        )),
        (None, Some(_)) => Err(refuse(
            "actor_token_type is sent without actor_token; send both or neither".into(),
        )),
    }
}

/// All `audience` values (RFC 8693 §2.1): no repeats, at most [`MAX_RESOURCES`]. Unlike a
/// resource, an audience is a name and need not be a URI.
fn audiences(params: &Params) -> Result<Vec<String>, Rejection> {
    let mut audiences: Vec<String> = Vec::new();
    for audience in params.all("audience") {
        if !audiences.iter().any(|own| own == audience) {
            audiences.push(audience.to_owned());
        }
        if audiences.len() > MAX_RESOURCES {
            return Err(Rejection::new(
                ErrorCode::InvalidTarget,
                Reason::ResourceMalformed,
                format!("more than {MAX_RESOURCES} audiences are named; name fewer"),
            ));
        }
    }
    Ok(audiences)
}

fn refuse(description: String) -> Rejection {
    Rejection::new(ErrorCode::InvalidRequest, Reason::InvalidParam, description)
}
