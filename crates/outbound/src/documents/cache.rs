//! Fetching, sharing and keeping documents.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{ClientNetwork, Clock, UnixMillis};
use moka::future::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::DocumentError;
use super::shares::{Place, Shares};
use crate::freshness::lifetime;
use crate::{Document, FetchError, GetOptions, GuardedClient};

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

    fn of<T>(result: &Result<Arc<T>, DocumentError>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(DocumentError::Fetch(FetchError::BlockedAddress { .. })) => Self::Blocked,
            Err(DocumentError::Fetch(FetchError::Timeout)) => Self::Timeout,
            Err(DocumentError::Fetch(_)) => Self::Unavailable,
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

/// Is told what is fetched.
pub trait DocumentObserver: Send + Sync + 'static {
    /// A fetch ended after `duration`.
    fn fetch(&self, outcome: FetchOutcome, duration: Duration);
    /// A fetch was not made.
    fn suppressed(&self, reason: Suppression);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl DocumentObserver for Unobserved {
    fn fetch(&self, _: FetchOutcome, _: Duration) {}
    fn suppressed(&self, _: Suppression) {}
}

/// Bounds of a cache.
#[derive(Debug, Clone)]
pub struct DocumentOptions {
    /// The longest a document is kept (`cimd.cache_ttl`).
    pub cache_ttl: Duration,
    /// How many fetches run at once.
    pub max_fetches: usize,
    /// How many of them may be from one host: one that is slow must leave turns for others.
    pub max_fetches_per_host: usize,
    /// How many of them may be on behalf of one network, whatever the hosts: whoever has a domain
    /// has as many names of hosts as they like.
    pub max_fetches_per_network: usize,
    /// How many more may wait for one host, or on behalf of one network.
    pub max_waiting_alike: usize,
    /// How many more may wait for their turn.
    pub max_waiting: usize,
    /// How long one may wait for its turn.
    pub max_wait: Duration,
}

impl Default for DocumentOptions {
    fn default() -> Self {
        Self {
            cache_ttl: Duration::from_secs(3600),
            max_fetches: 32,
            max_fetches_per_host: 4,
            max_fetches_per_network: 8,
            max_waiting_alike: 32,
            max_waiting: 256,
            max_wait: Duration::from_secs(3),
        }
    }
}

/// On whose behalf a document is fetched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asker<'a> {
    /// Passed on to the host of the document.
    pub traceparent: Option<&'a str>,
    /// Where the request came from that needs the document.
    pub network: Option<ClientNetwork>,
}

/// What a document is read as.
pub(crate) trait Published: Sized + Send + Sync + 'static {
    /// What it is called in the log.
    const NAME: &'static str;
    /// The `Accept` header of a request for it.
    const ACCEPT: &'static str;
    /// How much memory it takes once it is read, in multiples of its size.
    const EXPANSION: usize;
    /// Reads `document`, which was found at `url`.
    ///
    /// # Errors
    /// What is wrong with it, for its author.
    fn read(document: &Document, url: &str) -> Result<Self, String>;
}

/// Documents of one kind, each kept for as long as its answer allows.
pub(crate) struct DocumentCache<T> {
    client: GuardedClient,
    options: DocumentOptions,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn DocumentObserver>,
    cache: Cache<String, Entry<T>>,
    hosts: Shares<String>,
    networks: Shares<Option<ClientNetwork>>,
    /// Fetches under way.
    running: Semaphore,
    /// Fetches under way or waiting, those left out that wait for others alike.
    admitted: Semaphore,
}

/// What became of the last fetch of a URL.
struct Entry<T> {
    result: Result<Arc<T>, DocumentError>,
    fetched_at: UnixMillis,
    expires_at: UnixMillis,
    weight: u32,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            result: self.result.clone(),
            ..*self
        }
    }
}

impl<T> Entry<T> {
    /// Whether it is fresh, and was fetched no longer than `max_age` ago. A clock that was set
    /// back must not keep an entry alive.
    fn is_usable(&self, now: UnixMillis, max_age: Option<Duration>) -> bool {
        self.fetched_at <= now
            && now < self.expires_at
            && max_age.is_none_or(|max_age| now < self.fetched_at.plus(max_age))
    }
}

impl<T> fmt::Debug for DocumentCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentCache")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<T: Published> DocumentCache<T> {
    /// A cache that fetches through `client`.
    pub(crate) fn new(
        client: GuardedClient,
        options: DocumentOptions,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn DocumentObserver>,
    ) -> Self {
        let cache = Cache::builder()
            .weigher(|_: &String, entry: &Entry<T>| entry.weight)
            .max_capacity(MAX_CACHE_BYTES)
            // Freshness is decided by the clock handed in; this only frees memory.
            .time_to_live(options.cache_ttl.max(Duration::from_secs(60)))
            .build();
        Self {
            hosts: Shares::new(options.max_fetches_per_host, options.max_waiting_alike),
            networks: Shares::new(options.max_fetches_per_network, options.max_waiting_alike),
            running: Semaphore::new(options.max_fetches),
            admitted: Semaphore::new(options.max_fetches.saturating_add(options.max_waiting)),
            client,
            options,
            clock,
            observer,
            cache,
        }
    }

    /// The client that documents are fetched through.
    pub(crate) fn client(&self) -> &GuardedClient {
        &self.client
    }

    /// Bytes of memory that kept documents take, and may take.
    pub(crate) fn cached(&self) -> (u64, u64) {
        (self.cache.weighted_size(), MAX_CACHE_BYTES)
    }

    /// The document at `url`, from the cache, unless it is older than `max_age`, or from where it
    /// is published. Requests for one URL that come while it is being fetched share that fetch.
    /// When a document that is still fresh was to be renewed and cannot be, it stays.
    pub(crate) async fn get(
        &self,
        url: &Url,
        max_age: Option<Duration>,
        asker: Asker<'_>,
    ) -> Result<Arc<T>, DocumentError> {
        let key = url.as_str();
        let kept = self.cache.get(key).await;
        let kept = kept.filter(|entry| entry.is_usable(self.clock.now(), None));
        if let Some(entry) = &kept
            && entry.is_usable(self.clock.now(), max_age)
        {
            return entry.result.clone().map_err(|cause| {
                self.observer.suppressed(Suppression::NegativeCache);
                DocumentError::NegativeCache(Arc::new(cause))
            });
        }
        let mut fetched_here = false;
        let fetch = async {
            fetched_here = true;
            let entry = self.fetch(url, asker).await;
            match kept {
                Some(kept) if entry.result.is_err() && kept.result.is_ok() => Entry {
                    fetched_at: self.clock.now(),
                    ..kept
                },
                _ => entry,
            }
        };
        let entry = self
            .cache
            .entry_by_ref(key)
            .or_insert_with_if(fetch, |entry| !entry.is_usable(self.clock.now(), max_age))
            .await
            .into_value();
        if !fetched_here {
            self.observer.suppressed(Suppression::InFlight);
        }
        entry.result
    }

    async fn fetch(&self, url: &Url, asker: Asker<'_>) -> Entry<T> {
        // Room in the queues first, then a turn within the time allowed.
        let host = self.hosts.enter(url.host_str().unwrap_or_default().into());
        let network = self.networks.enter(asker.network);
        let turn = match (&host, &network) {
            (Some(host), Some(network)) => {
                let turn = self.turn(network, host);
                let turn = tokio::time::timeout(self.options.max_wait, turn).await;
                turn.ok().flatten()
            }
            _ => None,
        };
        if turn.is_none() {
            self.observer.suppressed(Suppression::Capacity);
            // Says nothing about the URL: told to those who wait for it, kept for nobody else.
            return self.entry(url, Err(DocumentError::Capacity), Duration::ZERO, 0);
        }
        let started = Instant::now();
        let options = GetOptions {
            accept: Some(T::ACCEPT),
            traceparent: asker.traceparent,
        };
        let (result, lifetime, size) = match self.client.get(url, options).await {
            Ok(answer) => {
                let result = T::read(&answer, url.as_str())
                    .map(Arc::new)
                    .map_err(DocumentError::Document);
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
            Ok(_) => tracing::debug!(document = T::NAME, %url, ?duration, "document fetched"),
            Err(error) => tracing::info!(
                document = T::NAME,
                %url,
                reason = error.reason(),
                %error,
                ?duration,
                "document refused"
            ),
        }
        self.entry(url, result, lifetime, size)
    }

    /// A turn among those of the network, those of the host, and all. In this order, whoever waits
    /// takes turns from its like alone.
    async fn turn<'t>(
        &'t self,
        network: &'t Place<'_, Option<ClientNetwork>>,
        host: &'t Place<'_, String>,
    ) -> Option<[SemaphorePermit<'t>; 4]> {
        Some([
            network.turn().await?,
            host.turn().await?,
            self.admitted.try_acquire().ok()?,
            self.running.acquire().await.ok()?,
        ])
    }

    fn entry(
        &self,
        url: &Url,
        result: Result<Arc<T>, DocumentError>,
        lifetime: Duration,
        size: usize,
    ) -> Entry<T> {
        // A floor under the weight makes the bound on bytes a bound on entries too.
        let bytes = T::EXPANSION * size + url.as_str().len();
        let floor = MAX_CACHE_BYTES / MAX_ENTRIES;
        let weight = u64::try_from(bytes).unwrap_or(u64::MAX).max(floor);
        let now = self.clock.now();
        Entry {
            result,
            fetched_at: now,
            expires_at: now.plus(lifetime),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
        }
    }
}
