//! What users have handed out and is alive, as operators see it.

use super::ACTOR;
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, FamilyId, Issuance, TokenFamily};
use store::{Cursor, FamilyFilter, Page, Part, Revoke, RevokeCount};

/// Which families; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct FamilyQuery {
    /// A user, by id or address.
    pub user: Option<String>,
    /// A client id.
    pub client: Option<String>,
    /// Behind this place.
    pub behind: Option<Cursor>,
}

/// What an id stands for.
#[derive(Debug, Clone)]
pub enum IssuedToken {
    /// A family of refresh tokens.
    Family(TokenFamily),
    /// An access token, by its record.
    Access(Box<Issuance>),
}

impl Engine {
    /// Families that are alive, newest first.
    ///
    /// # Errors
    /// `not_found` for a user who is unknown.
    pub async fn live_families(
        &self,
        query: &FamilyQuery,
        page: &Page,
    ) -> Result<Part<TokenFamily>> {
        let filter = FamilyFilter {
            user_id: match &query.user {
                Some(who) => Some(self.user(who).await?.id.into_string()),
                None => None,
            },
            client_id: query.client.clone(),
            behind: query.behind.clone(),
        };
        Ok(self.store().live_families(&filter, page).await?)
    }

    /// The family, or else the access token, with this id.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn issued_token(&self, id: &str) -> Result<IssuedToken> {
        if let Some(family) = self.store().family(id).await? {
            return Ok(IssuedToken::Family(family));
        }
        match self.store().issuance(id).await? {
            Some(issuance) => Ok(IssuedToken::Access(Box::new(issuance))),
            None => Err(Error::not_found(format!(
                "there is no family of refresh tokens and no access token {id}"
            ))),
        }
    }

    /// Ends a family with its access tokens, or else one access token. Says what was alive.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_issued_token(&self, id: &str) -> Result<RevokeCount> {
        let family = match self.issued_token(id).await? {
            IssuedToken::Family(family) => family,
            IssuedToken::Access(_) => {
                let alive = self.revoke_issuance(id).await?;
                return Ok(RevokeCount {
                    tokens: u64::from(alive),
                    ..RevokeCount::default()
                });
            }
        };
        let event = event(AuditAction::TokenRevoked, ACTOR)
            .user(family.user_id.as_str())
            .client(family.client_id.as_str())
            .with("family", id);
        let what = Revoke::Family(FamilyId::from(id));
        let ended = self.store().revoke(what, vec![event]).await?;
        self.count_ended(ended);
        tracing::info!(
            family = id,
            families = ended.families,
            tokens = ended.tokens,
            "family revoked"
        );
        Ok(ended)
    }
}
