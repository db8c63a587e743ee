//! Fetching, sharing and keeping client ID metadata documents.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Clock, UnixMillis};
use moka::future::Cache;
use oauth::registration::ClientRegistration;
use tokio::sync::Semaphore;

use super::{CimdError, ClientIdUrl};
use crate::freshness::lifetime;
use crate::{FetchError, GetOptions, GuardedClient};

/// How long a document without cache headers is kept, within `cimd.cache_ttl`.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// How long a document is kept that asks not to be.
pub const MIN_LIFETIME: Duration = Duration::from_secs(5);
/// How long a failure is remembered.
pub const FAILURE_LIFETIME: Duration = Duration::from_secs(10);
/// How long a timeout is remembered: it has cost its time already.
pub const TIMEOUT_LIFETIME: Duration = Duration::from_secs(5);

const MAX_ENTRIES: u64 = 10_000;
const MAX_CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// How a fetch ended, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchOutcome {
    /// A valid document.
    Success,
    /// The address is not one the server connects to.
    Blocked,
    /// No complete answer in time.
    Timeout,
    /// No connection, a bad status, or an answer that is too large.
    Unavailable,
    /// An answer that is not a valid document.
    Invalid,
}

impl FetchOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Blocked,
        Self::Timeout,
        Self::Unavailable,
        Self::Invalid,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Blocked => "blocked",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
        }
    }

    fn of(result: &Result<Arc<ClientRegistration>, CimdError>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(CimdError::Fetch(FetchError::BlockedAddress { .. })) => Self::Blocked,
            Err(CimdError::Fetch(FetchError::Timeout)) => Self::Timeout,
            Err(CimdError::Fetch(_)) => Self::Unavailable,
            Err(_) => Self::Invalid,
        }
    }
}

/// Why a document that was needed was not fetched, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suppression {
    /// The last attempt failed a moment ago.
    NegativeCache,
    /// Another request was fetching it already, and its result was shared.
    InFlight,
    /// Too many fetches at once.
    Capacity,
}

impl Suppression {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::NegativeCache, Self::InFlight, Self::Capacity];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NegativeCache => "negative_cache",
            Self::InFlight => "in_flight",
            Self::Capacity => "capacity",
        }
    }
}

/// Is told what the resolver does.
pub trait CimdObserver: Send + Sync + 'static {
    /// A fetch ended after `duration`.
    fn fetch(&self, outcome: FetchOutcome, duration: Duration);
    /// A fetch was not made.
    fn suppressed(&self, reason: Suppression);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl CimdObserver for Unobserved {
    fn fetch(&self, _: FetchOutcome, _: Duration) {}
    fn suppressed(&self, _: Suppression) {}
}

/// Bounds of a resolver.
#[derive(Debug, Clone)]
pub struct CimdOptions {
    /// The longest a document is kept (`cimd.cache_ttl`).
    pub cache_ttl: Duration,
    /// How many fetches run at once.
    pub max_fetches: usize,
    /// How many more may wait for their turn.
    pub max_waiting: usize,
    /// How long one may wait for its turn.
    pub max_wait: Duration,
}

impl Default for CimdOptions {
    fn default() -> Self {
        Self {
            cache_ttl: Duration::from_secs(3600),
            max_fetches: 32,
            max_waiting: 256,
            max_wait: Duration::from_secs(3),
        }
    }
}

/// Finds the metadata of clients that are named by a URL. Cheap to clone; clones share one cache.
#[derive(Clone)]
pub struct CimdResolver(Arc<Inner>);

struct Inner {
    client: GuardedClient,
    options: CimdOptions,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn CimdObserver>,
    cache: Cache<String, Entry>,
    /// Fetches under way.
    running: Semaphore,
    /// Fetches under way or waiting.
    admitted: Semaphore,
}

/// What became of the last fetch of a URL.
#[derive(Clone)]
struct Entry {
    result: Result<Arc<ClientRegistration>, CimdError>,
    stored_at: UnixMillis,
    expires_at: UnixMillis,
    weight: u32,
}

impl Entry {
    /// A clock that was set back must not keep an entry alive.
    fn is_fresh(&self, now: UnixMillis) -> bool {
        self.stored_at <= now && now < self.expires_at
    }
}

impl fmt::Debug for CimdResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CimdResolver")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

impl CimdResolver {
    /// A resolver that fetches through `client`, whose policy says whether `http:` will do.
    #[must_use]
    pub fn new(
        client: GuardedClient,
        options: CimdOptions,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn CimdObserver>,
    ) -> Self {
        let cache = Cache::builder()
            .weigher(|_: &String, entry: &Entry| entry.weight)
            .max_capacity(MAX_CACHE_BYTES)
            // Freshness is decided by the clock handed in; this only frees memory.
            .time_to_live(options.cache_ttl.max(Duration::from_secs(60)))
            .build();
        Self(Arc::new(Inner {
            running: Semaphore::new(options.max_fetches),
            admitted: Semaphore::new(options.max_fetches.saturating_add(options.max_waiting)),
            client,
            options,
            clock,
            observer,
            cache,
        }))
    }

    /// The metadata of the client named `client_id`, from the cache or from where it is published.
    /// Requests for one URL that come while it is being fetched share that fetch.
    /// `traceparent` is passed on to the client's server.
    ///
    /// # Errors
    /// See [`CimdError`].
    pub async fn resolve(
        &self,
        client_id: &str,
        traceparent: Option<&str>,
    ) -> Result<Arc<ClientRegistration>, CimdError> {
        let inner = &*self.0;
        let url = ClientIdUrl::parse(client_id, !inner.client.policy().require_https)?;
        if let Some(entry) = inner.cache.get(client_id).await
            && entry.is_fresh(inner.clock.now())
        {
            return entry.result.map_err(|cause| {
                inner.observer.suppressed(Suppression::NegativeCache);
                CimdError::NegativeCache(Arc::new(cause))
            });
        }
        let mut fetched_here = false;
        let fetch = async {
            fetched_here = true;
            inner.fetch(&url, traceparent).await
        };
        let entry = inner
            .cache
            .entry_by_ref(client_id)
            .or_insert_with_if(fetch, |entry| !entry.is_fresh(inner.clock.now()))
            .await
            .into_value();
        if !fetched_here {
            inner.observer.suppressed(Suppression::InFlight);
        }
        entry.result
    }
}

impl Inner {
    async fn fetch(&self, url: &ClientIdUrl, traceparent: Option<&str>) -> Entry {
        // Room in the queue first, then a turn within the time allowed.
        let admitted = self.admitted.try_acquire().ok();
        let turn = match &admitted {
            Some(_) => tokio::time::timeout(self.options.max_wait, self.running.acquire())
                .await
                .ok()
                .and_then(Result::ok),
            None => None,
        };
        if turn.is_none() {
            self.observer.suppressed(Suppression::Capacity);
            // Says nothing about the URL: told to those who wait for it, kept for nobody else.
            return self.entry(url, Err(CimdError::Capacity), Duration::ZERO, 0);
        }
        let started = Instant::now();
        let options = GetOptions {
            accept: Some("application/json"),
            traceparent,
        };
        let (result, lifetime, size) = match self.client.get(url.as_url(), options).await {
            Ok(answer) => {
                let result = ClientRegistration::parse_document(&answer.body, url.as_str())
                    .map(Arc::new)
                    .map_err(|refusal| CimdError::Document(refusal.description.into_owned()));
                let ttl = self.options.cache_ttl;
                let kept = match &result {
                    Ok(_) => lifetime(&answer.headers, self.clock.now())
                        .unwrap_or(DEFAULT_LIFETIME)
                        .clamp(MIN_LIFETIME.min(ttl), ttl),
                    Err(_) => FAILURE_LIFETIME,
                };
                (result, kept, answer.body.len())
            }
            Err(FetchError::Timeout) => (Err(FetchError::Timeout.into()), TIMEOUT_LIFETIME, 0),
            Err(error) => (Err(error.into()), FAILURE_LIFETIME, 0),
        };
        let duration = started.elapsed();
        self.observer.fetch(FetchOutcome::of(&result), duration);
        match &result {
            Ok(_) => tracing::debug!(client_id = %url, ?duration, "client metadata fetched"),
            Err(error) => tracing::info!(
                client_id = %url,
                reason = error.reason(),
                %error,
                ?duration,
                "client metadata refused"
            ),
        }
        self.entry(url, result, lifetime, size)
    }

    fn entry(
        &self,
        url: &ClientIdUrl,
        result: Result<Arc<ClientRegistration>, CimdError>,
        lifetime: Duration,
        size: usize,
    ) -> Entry {
        // Text takes about as much again once it is parsed. A floor under the weight makes the
        // bound on bytes a bound on entries too.
        let bytes = 2 * size + url.as_str().len();
        let floor = MAX_CACHE_BYTES / MAX_ENTRIES;
        let weight = u64::try_from(bytes).unwrap_or(u64::MAX).max(floor);
        let now = self.clock.now();
        Entry {
            result,
            stored_at: now,
            expires_at: now.plus(lifetime),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
        }
    }
}
