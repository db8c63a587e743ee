//! The record of issued tokens, as operators see it, and the end of single tokens and consents.

use super::ACTOR;
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, ConsentGrant, ConsentGrantId, Issuance, Jti, UnixMillis};
use std::str::FromStr;
use std::time::Duration;
use store::{Cursor, IssuanceFilter, Page, Part, Revoke, RevokeCount};
use telemetry::metrics::labels::RevokeReason;

/// How far back a list reaches that does not say so.
const LOOKBACK: Duration = Duration::from_secs(24 * 3600);

/// The longest list of issuances that is given at once.
pub const MOST_ISSUANCES: u32 = 5000;

/// How far back a list reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// To this time.
    At(UnixMillis),
    /// So far back from now.
    Back(Duration),
}

impl Since {
    /// The time that is meant.
    #[must_use]
    pub fn before(self, now: UnixMillis) -> UnixMillis {
        match self {
            Self::At(time) => time,
            Self::Back(duration) => now.minus(duration),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    /// An RFC 3339 time, or a duration such as `24h` or `7d`.
    fn from_str(text: &str) -> Result<Self, String> {
        let time = UnixMillis::parse_rfc3339(text).map(Self::At);
        let back = || config::parse_duration(text).ok().map(Self::Back);
        time.or_else(back).ok_or_else(|| {
            String::from(
                "write a time such as 2026-01-31T08:00:00Z, or how far back, such as 24h or 7d",
            )
        })
    }
}

/// Which issuances to list; at least one of the first four has to be there.
#[derive(Debug, Clone, Default)]
pub struct IssuanceQuery {
    /// A user, by id or address.
    pub user: Option<String>,
    /// A client id. Tokens obtained by a gateway carry its slug.
    pub client: Option<String>,
    /// A resource, by id or slug.
    pub resource: Option<String>,
    /// One token.
    pub jti: Option<String>,
    /// Issued since then; the last 24 hours when absent, unless one token is asked for.
    pub since: Option<Since>,
    /// Behind this place.
    pub behind: Option<Cursor>,
}

/// A list of issuances, and since when.
#[derive(Debug, Clone)]
pub struct IssuanceList {
    /// Newest first.
    pub issuances: Vec<Issuance>,
    /// How far back the list reaches.
    pub since: UnixMillis,
    /// Where the next part begins, unless this is the last: the query's `behind`.
    pub next: Option<Cursor>,
}

fn not_found(jti: &str) -> Error {
    Error::not_found(format!("there is no issuance {jti}"))
}

impl Engine {
    /// Issuances, newest first.
    ///
    /// # Errors
    /// `invalid_request` without any filter, or for more than 5000; `not_found` for a user or
    /// resource that is unknown.
    pub async fn issuances(&self, query: &IssuanceQuery, page: &Page) -> Result<IssuanceList> {
        if !(1..=MOST_ISSUANCES).contains(&page.limit) {
            return Err(Error::invalid_request(format!(
                "limit: give 1 to {MOST_ISSUANCES}"
            )));
        }
        if query.user.is_none()
            && query.client.is_none()
            && query.resource.is_none()
            && query.jti.is_none()
        {
            return Err(Error::invalid_request(
                "name at least one of user, client, resource and jti",
            ));
        }
        let since = query.since.unwrap_or(Since::Back(LOOKBACK));
        let filter = IssuanceFilter {
            user_id: match &query.user {
                Some(who) => Some(self.user(who).await?.id.into_string()),
                None => None,
            },
            client_id: query.client.clone(),
            resource_id: match &query.resource {
                Some(reference) => Some(self.resource(reference).await?.id.to_string()),
                None => None,
            },
            since: since.before(self.now()),
            behind: query.behind.clone(),
        };
        if let Some(jti) = &query.jti {
            let found = self.store().issuance(jti).await?;
            let fits = |own: &Issuance| {
                let is = |filter: &Option<String>, own: Option<&str>| {
                    filter.as_deref().is_none_or(|wanted| own == Some(wanted))
                };
                is(
                    &filter.user_id,
                    own.subject_user_id.as_ref().map(|id| id.as_str()),
                ) && is(&filter.client_id, Some(own.client_id.as_str()))
                    && is(
                        &filter.resource_id,
                        own.resource_id.as_ref().map(|id| id.as_str()),
                    )
                    && (query.since.is_none() || own.issued_at >= filter.since)
            };
            let found = found.filter(fits);
            return Ok(IssuanceList {
                since: found.as_ref().map_or(filter.since, |own| own.issued_at),
                issuances: found.into_iter().collect(),
                next: None,
            });
        }
        let found = self.store().issuances(&filter, page).await?;
        Ok(IssuanceList {
            issuances: found.rows,
            since: filter.since,
            next: found.next,
        })
    }

    /// The record of one token.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn issuance(&self, jti: &str) -> Result<Issuance> {
        let found = self.store().issuance(jti).await?;
        found.ok_or_else(|| not_found(jti))
    }

    /// Ends one token, and none that was exchanged from it. Says whether it was alive.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_issuance(&self, jti: &str) -> Result<bool> {
        let issuance = self.issuance(jti).await?;
        let mut event = event(AuditAction::IssuanceRevokedAdmin, ACTOR)
            .client(issuance.client_id.as_str())
            .resource(issuance.audience.join(" "))
            .with("jti", jti);
        if let Some(user) = &issuance.subject_user_id {
            event = event.user(user.as_str());
        }
        let what = Revoke::Token(Jti::from(jti));
        let ended = self.store().revoke(what, vec![event]).await?;
        self.metrics()
            .tokens_revoked
            .add_many(RevokeReason::Admin, ended.tokens);
        tracing::info!(jti, tokens = ended.tokens, "issuance revoked");
        Ok(ended.any())
    }

    /// What a user has agreed to, revoked consents included, newest first.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn consents(
        &self,
        who: &str,
        behind: Option<&Cursor>,
        page: &Page,
    ) -> Result<Part<ConsentGrant>> {
        let user = self.user(who).await?;
        let store = self.store();
        Ok(store
            .consents_of_user(user.id.as_str(), behind, page)
            .await?)
    }

    /// One consent, by its id.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn consent_grant(&self, id: &str) -> Result<ConsentGrant> {
        let found = self.store().consent_by_id(id).await?;
        found.ok_or_else(|| Error::not_found(format!("there is no consent grant {id}")))
    }

    /// Takes a consent back, for the user, and ends every token that rests on it.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_consent(&self, id: &str) -> Result<RevokeCount> {
        let grant = self.consent_grant(id).await?;
        let event = event(AuditAction::ConsentGrantRevokedAdmin, ACTOR)
            .user(grant.user_id.as_str())
            .client(grant.client_id.as_str())
            .with("grant", id)
            .with("resource_id", grant.resource_id.as_str());
        let what = Revoke::Consent(ConsentGrantId::from(id));
        let ended = self.store().revoke(what, vec![event]).await?;
        self.metrics()
            .tokens_revoked
            .add_many(RevokeReason::Consent, ended.tokens);
        tracing::info!(
            grant = id,
            families = ended.families,
            tokens = ended.tokens,
            "consent revoked"
        );
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_a_way_back() {
        let at = |text: &str| Since::At(UnixMillis::parse_rfc3339(text).unwrap());
        let hours = |hours: u64| Since::Back(Duration::from_secs(hours * 3600));
        for (text, since) in [
            ("2026-01-31T08:00:00Z", at("2026-01-31T08:00:00Z")),
            ("2026-01-31T10:00:00+02:00", at("2026-01-31T08:00:00Z")),
            ("24h", hours(24)),
            ("1h30m", Since::Back(Duration::from_secs(5400))),
            ("7d", hours(168)),
        ] {
            assert_eq!(text.parse(), Ok(since), "{text}");
        }
        for text in ["", "yesterday", "2026-01-31", "-1h", "24"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
