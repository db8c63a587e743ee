//! What a token says, and whether it holds: for operators who were handed one.

use crate::{Engine, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Issuance;
use oauth::jwt::{self, AccessTokenClaims, Validation};
use serde_json::Value;

/// Whether a token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is good at this moment.
    Active,
    /// Its time has passed.
    Expired,
    /// It was revoked.
    Revoked,
    /// Its client was revoked or deleted, or its user disabled or deleted.
    Ended,
    /// This server signed it, and has no record of it (any more).
    Unrecorded,
    /// It is not a token of this server, or is not signed by it.
    Foreign,
}

/// A token, taken apart.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Its header, when it can be read.
    pub header: Option<Value>,
    /// Its claims, when they can be read.
    pub claims: Option<Value>,
    /// Whether it holds.
    pub state: TokenState,
    /// Why it does not, in a sentence.
    pub why: Option<String>,
    /// Its record.
    pub issuance: Option<Issuance>,
}

/// One part of a JWT as JSON.
fn part(token: &str, index: usize) -> Option<Value> {
    let text = token.split('.').nth(index)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

impl Engine {
    /// Takes a token apart and checks it as introspection would, for whoever it was issued to.
    /// Nothing of it is logged.
    ///
    /// # Errors
    /// A database that does not answer.
    pub async fn inspect_token(&self, token: &str) -> Result<Inspection> {
        let token = token.trim();
        let readable = token.len() <= jwt::MAX_LENGTH;
        let mut found = Inspection {
            header: part(token, 0).filter(|_| readable),
            claims: part(token, 1).filter(|_| readable),
            state: TokenState::Foreign,
            why: None,
            issuance: None,
        };
        let claims = match self.signed_here(token) {
            Ok(claims) => claims,
            Err(why) => {
                found.why = Some(why);
                return Ok(found);
            }
        };
        found.issuance = self.store().issuance(&claims.jti).await?;
        let (state, why) = self.state_of(&claims, found.issuance.as_ref()).await?;
        found.state = state;
        found.why = why.map(str::to_owned);
        Ok(found)
    }

    /// The claims of a token that carries this server's signature and name.
    fn signed_here(&self, token: &str) -> Result<AccessTokenClaims, String> {
        let unverified = jwt::parse(token).map_err(|fault| fault.to_string())?;
        let header = &unverified.header;
        let Some(key) = self.keys().verifying(&header.kid) else {
            return Err(format!("no signing key of this server is {}", header.kid));
        };
        if key.algorithm() != header.alg
            || !key.verify(unverified.signing_input.as_bytes(), &unverified.signature)
        {
            return Err(format!("the signature is not one of key {}", header.kid));
        }
        let claims = unverified.claims().map_err(|fault| fault.to_string())?;
        // Whether its time has passed is told apart from whose it is.
        let check = Validation::new(self.issuer(), claims.iat).check(&claims);
        check.map_err(|fault| fault.to_string())?;
        Ok(claims)
    }

    async fn state_of(
        &self,
        claims: &AccessTokenClaims,
        issuance: Option<&Issuance>,
    ) -> Result<(TokenState, Option<&'static str>)> {
        if issuance.is_some_and(|own| own.revoked_at.is_some()) {
            return Ok((TokenState::Revoked, Some("it was revoked")));
        }
        if claims.exp <= self.now().seconds() {
            return Ok((TokenState::Expired, Some("its time has passed")));
        }
        if issuance.is_none() {
            let why = "this server signed it, and keeps no record of it";
            return Ok((TokenState::Unrecorded, Some(why)));
        }
        Ok(match self.live_token(claims).await? {
            Some(_) => (TokenState::Active, None),
            None => (
                TokenState::Ended,
                Some("its client is revoked or gone, or its user is disabled or gone"),
            ),
        })
    }
}
