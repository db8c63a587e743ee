//! Introspection (RFC 7662): whether a token is good at this moment.
//!
//! Resource servers ask this on every call, so answers are kept in memory: with the store's
//! generation number, which changes with every revocation anywhere, and with what they rest on.
//! When the number has changed, the changes since are looked at; one that concerns the answer
//! ends it, as does the removal of the key that signed the token, so that a kept answer is as
//! current as a fresh one.

use crate::observe::event;
use crate::refusal::Caller;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, Client, ClientStatus, Digest, FamilyId, Issuance, UnixMillis, UserStatus,
};
use keys::{Keyring, VerifyingKey};
use moka::sync::Cache;
use oauth::client_auth::PresentedClient;
use oauth::introspection::{INACTIVE, IntrospectionResponse};
use oauth::jwt::{self, AccessTokenClaims, Validation};
use oauth::presented_token::PresentedToken;
use oauth::{Endpoint, ErrorCode, Params};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{CacheSize, Change, Store};
use telemetry::Stopwatch;
use telemetry::metrics::DenyReason;
use telemetry::trace::Span;

/// Bytes of answers that are kept.
const BUDGET: u64 = 32 << 20;
/// What the cache and the sharing of its parts take for an answer besides its texts, about.
const ENTRY: usize = 320;

/// An answer, with what it rests on.
struct Answer {
    body: Arc<[u8]>,
    /// Under which it was last known to hold.
    generation: AtomicU64,
    /// That verified the token.
    key: VerifyingKey,
    exp: i64,
    jti: String,
    /// Whom it was issued to, or who obtained it in that one's place.
    holder: String,
    sub: String,
    family_id: Option<FamilyId>,
}

impl Answer {
    /// Whether it may be another after `change`.
    fn rests_on(&self, change: &Change) -> bool {
        match change {
            Change::Token(jti) => self.jti == *jti,
            Change::Family(id) => self
                .family_id
                .as_ref()
                .is_some_and(|own| own.as_str() == id),
            Change::User(id) => self.sub == *id,
            Change::Client(id) => self.holder == *id,
            Change::Settings => false,
            Change::Resources | Change::Everything => true,
        }
    }

    fn text_bytes(&self) -> usize {
        let family = self.family_id.as_ref().map_or(0, |own| own.as_str().len());
        self.body.len() + self.jti.len() + self.holder.len() + self.sub.len() + family
    }

    /// Whether it still holds.
    fn holds(&self, store: &Store, keys: &Keyring, now: UnixMillis) -> bool {
        if keys.verifying(self.key.kid()).is_none() {
            return false;
        }
        let since = self.generation.load(Ordering::Acquire);
        let Some(generation) = store.unchanged_since(since, |change| self.rests_on(change)) else {
            return false;
        };
        self.generation.fetch_max(generation, Ordering::Release);
        now.seconds() < self.exp
    }
}

/// Answers about active tokens.
pub(crate) struct IntrospectionCache(Cache<(Digest, Arc<str>), Arc<Answer>>);

impl IntrospectionCache {
    pub fn new() -> Self {
        let weigh = |(_, client): &(Digest, Arc<str>), answer: &Arc<Answer>| {
            let bytes = ENTRY + size_of::<Answer>() + client.len() + answer.text_bytes();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().weigher(weigh).max_capacity(BUDGET).build())
    }

    /// What the answers take, with nothing left to evict, and may take, in bytes.
    pub fn size(&self) -> CacheSize {
        self.0.run_pending_tasks();
        CacheSize {
            bytes: self.0.weighted_size(),
            budget: BUDGET,
        }
    }
}

impl Engine {
    /// Answers an introspection request: the JSON to send.
    ///
    /// # Errors
    /// `invalid_client` unless a confidential client has authenticated; `invalid_request`; a
    /// database that does not answer.
    pub async fn introspect<'h>(
        &self,
        authorization: impl IntoIterator<Item = &'h [u8]>,
        body: &[u8],
    ) -> Result<Arc<[u8]>> {
        let stopwatch = Stopwatch::start();
        let mut caller = Caller::unknown();
        let outcome = async {
            let params = &Params::parse(body)?;
            let presented = PresentedClient::parse(authorization, params)?;
            caller.claims(presented.client_id.as_str());
            let authenticated = self
                .authenticate(&presented, Endpoint::Introspection)
                .await?;
            let client = &authenticated.client;
            caller.is(client);
            if !authenticated.is_proven() {
                return Err(Error::new(
                    ErrorCode::InvalidClient,
                    DenyReason::UnauthorizedClient,
                    "introspection is for clients that authenticate, with a secret or a key",
                ));
            }
            let token = PresentedToken::parse(params)?;
            self.introspect_token(client, token.token.expose_secret())
                .await
        };
        let outcome = Span::start("IntrospectionService.Introspect")
            .run(outcome)
            .await;
        match &outcome {
            Ok(answer) => {
                self.metrics()
                    .introspection
                    .add((**answer != *INACTIVE.as_bytes()).into());
                self.metrics()
                    .introspection_duration
                    .observe(stopwatch.seconds());
            }
            Err(error) => {
                self.refused(Endpoint::Introspection, None, &caller, error)
                    .await;
            }
        }
        outcome
    }

    async fn introspect_token(&self, client: &Client, token: &str) -> Result<Arc<[u8]>> {
        let generation = self.store().generation();
        let key = (Digest::of(token.as_bytes()), Arc::from(client.id.as_str()));
        let cache = &self.inner().introspections.0;
        if let Some(kept) = cache.get(&key)
            && kept.holds(self.store(), self.keys(), self.now())
        {
            return Ok(Arc::clone(&kept.body));
        }
        let Some((claims, key_of_token)) = self.verified_token(token) else {
            return Ok(inactive());
        };
        if !self.may_introspect(client, &claims).await? {
            let reason = DenyReason::IntrospectionRefused;
            tracing::warn!(
                client_id = %client.id,
                reason = reason.as_str(),
                resource = claims.aud.join(" "),
                "introspection answered inactive: the client was not issued the token, and is no runtime client of its resource (admin resource runtime-client add)"
            );
            self.metrics().auth_denied.add(reason);
            let event = event(AuditAction::TokenIntrospectDenied, client.id.as_str())
                .client(client.id.as_str())
                .with("reason", reason.as_str())
                .with("jti", &claims.jti);
            self.record(vec![event]).await;
            return Ok(inactive());
        }
        let Some(live) = self.live_token(&claims).await? else {
            return Ok(inactive());
        };
        let body: Arc<[u8]> = IntrospectionResponse::active(&claims, live.username.as_deref())
            .to_json()
            .into();
        if let Some(generation) = generation {
            cache.insert(
                key,
                Arc::new(Answer {
                    body: Arc::clone(&body),
                    generation: AtomicU64::new(generation),
                    key: key_of_token,
                    exp: claims.exp,
                    jti: claims.jti,
                    holder: live.issuance.holder().to_string(),
                    sub: claims.sub,
                    family_id: live.issuance.family_id,
                }),
            );
        }
        Ok(body)
    }

    /// The claims of a token that this server signed and that has not expired.
    pub(crate) fn own_token(&self, token: &str) -> Option<AccessTokenClaims> {
        self.verified_token(token).map(|(claims, _)| claims)
    }

    /// The same with the key that verified it.
    fn verified_token(&self, token: &str) -> Option<(AccessTokenClaims, VerifyingKey)> {
        let unverified = jwt::parse(token).ok()?;
        let key = self.keys().verifying(&unverified.header.kid)?;
        let same_algorithm = key.algorithm() == unverified.header.alg;
        if !same_algorithm
            || !key.verify(unverified.signing_input.as_bytes(), &unverified.signature)
        {
            return None;
        }
        let claims = unverified.claims().ok()?;
        let now = self.now().seconds();
        // The clock that set `exp` is this one: no leeway for it.
        (Validation::new(self.issuer(), now).check(&claims).is_ok() && now < claims.exp)
            .then_some((claims, key))
    }

    /// The client the token was issued to, and whoever runs a resource it is for.
    async fn may_introspect(&self, client: &Client, claims: &AccessTokenClaims) -> Result<bool> {
        if claims.client_id == client.id.as_str() {
            return Ok(true);
        }
        let catalog = self.store().resources().await?;
        let mut resources = claims.aud.iter().filter_map(|own| catalog.named(own));
        if resources.any(|resource| resource.is_runtime_client(client.id.as_str())) {
            return Ok(true);
        }
        self.is_holder(client, claims).await
    }

    /// Whether the token was issued to the client, or to the gateway that the client runs.
    pub(crate) async fn is_holder(
        &self,
        client: &Client,
        claims: &AccessTokenClaims,
    ) -> Result<bool> {
        if claims.client_id == client.id.as_str() {
            return Ok(true);
        }
        let issuance = self.store().issuance(&claims.jti).await?;
        Ok(issuance.is_some_and(|own| *own.holder() == client.id))
    }

    /// What the database knows of a token, if nothing has ended it.
    pub(crate) async fn live_token(&self, claims: &AccessTokenClaims) -> Result<Option<LiveToken>> {
        let Some(issuance) = self.store().issuance(&claims.jti).await? else {
            return Ok(None);
        };
        if issuance.revoked_at.is_some() {
            return Ok(None);
        }
        // A token that was made while its client was being revoked has missed its own revocation.
        match self.store().client(issuance.holder().as_str()).await? {
            Some(client) if client.status != ClientStatus::Revoked => {}
            _ => return Ok(None),
        }
        let username = match &issuance.subject_user_id {
            Some(user_id) => match self.store().user(user_id.as_str()).await? {
                Some(user) if user.status == UserStatus::Active => Some(user.email.clone()),
                _ => return Ok(None),
            },
            None => None,
        };
        Ok(Some(LiveToken { issuance, username }))
    }
}

/// What the database adds to the claims of a token that is alive.
pub(crate) struct LiveToken {
    /// Its record.
    pub issuance: Issuance,
    /// The address of its user.
    pub username: Option<String>,
}

fn inactive() -> Arc<[u8]> {
    INACTIVE.as_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SystemClock;
    use keys::{Algorithm, KeyringOptions};
    use std::time::Duration;

    #[tokio::test]
    async fn kept_answers_stay_within_their_bytes_however_large_they_are() {
        let cache = IntrospectionCache::new();
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::open(KeyringOptions {
            directory: folder.path().join("keys"),
            make: true,
            algorithm: Algorithm::Es256,
            publish_ahead: Duration::ZERO,
            max_token_lifetime: Duration::ZERO,
            clock: Arc::new(SystemClock),
        });
        let key = keys.await.unwrap().active();
        let caller: Arc<str> = "resource-server".into();
        for number in 0..3000_u32 {
            let answer = Answer {
                body: vec![0; 16 << 10].into(),
                generation: AtomicU64::new(0),
                key: key.verifying().clone(),
                exp: 0,
                jti: number.to_string(),
                holder: "app".into(),
                sub: "user".into(),
                family_id: None,
            };
            let token = Digest::of(&number.to_be_bytes());
            let entry = (token, Arc::clone(&caller));
            cache.0.insert(entry, Arc::new(answer));
        }
        let CacheSize { bytes, budget } = cache.size();
        assert!((budget / 2..=budget).contains(&bytes), "{bytes}");
    }
}
