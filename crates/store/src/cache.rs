//! Bounded caches of what every request reads, told at once of what changes.
//!
//! A cache is filled by readers and emptied by writers. The race between the two (a reader
//! fetches the old row, a writer commits and empties, the reader stores the old row) is
//! settled by a generation number: what was read under an older generation is not kept.
//! While the instance cannot hear of changes made elsewhere, nothing is answered from here.

use crate::Change;
use domain::{Client, FrontingLink, Resource, ResourceUri, User, Weigh};
use moka::sync::Cache;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of clients that are held, and of users.
const BUDGET: u64 = 32 << 20;
/// What the cache itself keeps of an entry besides key and value, about.
const ENTRY: usize = 256;
/// Settings that are held: as many as there are, of a word each.
const SETTINGS: u64 = 64;
/// How many of the latest changes are remembered.
const RECENT: usize = 1024;

/// The registered resources, found by URI or slug, and the links between them.
#[derive(Debug, Default)]
pub struct ResourceCatalog {
    resources: Vec<Arc<Resource>>,
    by_identifier: HashMap<String, usize>,
    links: Vec<FrontingLink>,
}

impl ResourceCatalog {
    pub(crate) fn new(resources: Vec<Resource>, links: Vec<FrontingLink>) -> Self {
        let resources: Vec<_> = resources.into_iter().map(Arc::new).collect();
        let mut by_identifier = HashMap::new();
        for (index, resource) in resources.iter().enumerate() {
            by_identifier.insert(resource.slug.clone(), index);
            if let Some(uri) = &resource.uri {
                by_identifier.insert(uri.clone(), index);
            }
        }
        // After all that are exact: a row may be older than the rule that URIs are normalised.
        for (index, resource) in resources.iter().enumerate() {
            let uri = resource.uri.as_deref().map(ResourceUri::parse);
            if let Some(Ok(uri)) = uri {
                by_identifier.entry(uri.key().to_owned()).or_insert(index);
            }
        }
        Self {
            resources,
            by_identifier,
            links,
        }
    }

    /// The resource that `identifier` names: a slug, or a URI in any of its equivalent
    /// spellings.
    #[must_use]
    pub fn named(&self, identifier: &str) -> Option<&Arc<Resource>> {
        let found = self.by_identifier.get(identifier);
        let index = found.or_else(|| {
            let uri = ResourceUri::parse(identifier).ok()?;
            self.by_identifier.get(uri.key())
        })?;
        Some(&self.resources[*index])
    }

    /// The resource with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<Resource>> {
        self.resources
            .iter()
            .find(|resource| resource.id.as_str() == id)
    }

    /// The link by which tokens for `source` may be exchanged for tokens for `target`.
    #[must_use]
    pub fn link(&self, source: &Resource, target: &Resource) -> Option<&FrontingLink> {
        self.links
            .iter()
            .find(|link| link.source_id == source.id && link.target_id == target.id)
    }

    /// All fronting links.
    pub fn links(&self) -> impl Iterator<Item = &FrontingLink> {
        self.links.iter()
    }

    /// All of them, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> + Clone {
        self.resources.iter()
    }
}

/// All caches of one instance.
pub(crate) struct Caches {
    pub clients: Slot<Option<Arc<Client>>>,
    pub users: Slot<Option<Arc<User>>>,
    pub resources: Slot<Arc<ResourceCatalog>>,
    pub settings: Slot<Option<String>>,
    changes: AtomicU64,
    recent: Mutex<VecDeque<Change>>,
    blind: AtomicBool,
}

impl Caches {
    pub fn new() -> Self {
        Self {
            clients: Slot::weighed(BUDGET),
            users: Slot::weighed(BUDGET),
            // All of them or nothing: what operators register is bounded where they do.
            resources: Slot::counted(1),
            settings: Slot::counted(SETTINGS),
            changes: AtomicU64::new(0),
            recent: Mutex::default(),
            blind: AtomicBool::new(false),
        }
    }

    /// Forgets what `change` made stale.
    pub fn apply(&self, change: Change) {
        match &change {
            Change::Client(id) => self.clients.forget(id),
            Change::User(id) => self.users.forget(id),
            Change::Resources => self.resources.forget_all(),
            Change::Settings => self.settings.forget_all(),
            Change::Token(_) | Change::Family(_) => {}
            Change::Everything => {
                self.clients.forget_all();
                self.users.forget_all();
                self.resources.forget_all();
                self.settings.forget_all();
            }
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(change);
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Says whether changes made elsewhere can be heard.
    pub fn set_blind(&self, blind: bool) {
        if blind {
            self.blind.store(true, Ordering::SeqCst);
        } else if self.blind.load(Ordering::SeqCst) {
            self.apply(Change::Everything);
            self.blind.store(false, Ordering::SeqCst);
        }
    }

    pub fn is_blind(&self) -> bool {
        self.blind.load(Ordering::SeqCst)
    }

    /// A number that grows with every change; `None` while changes cannot be heard.
    pub fn generation(&self) -> Option<u64> {
        (!self.is_blind()).then(|| self.changes.load(Ordering::SeqCst))
    }
}

impl Caches {
    /// The present generation, if `concerns` says of no change since `generation` that it
    /// matters. `None` when one does, and when the changes are no longer known.
    pub fn unchanged_since(
        &self,
        generation: u64,
        concerns: impl FnMut(&Change) -> bool,
    ) -> Option<u64> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.generation()?;
        let since = usize::try_from(present.checked_sub(generation)?).ok()?;
        let first = recent.len().checked_sub(since)?;
        let unconcerned = !recent.range(first..).any(concerns);
        unconcerned.then_some(present)
    }
}

/// One bounded cache.
pub(crate) struct Slot<V: Clone + Send + Sync + 'static> {
    entries: Cache<String, V>,
    generation: AtomicU64,
}

/// How much memory a cache takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheSize {
    /// By its entries.
    pub bytes: u64,
    /// At most.
    pub budget: u64,
}

impl<V: Clone + Send + Sync + Weigh + 'static> Slot<V> {
    /// Of as many entries as have room in `budget` bytes.
    fn weighed(budget: u64) -> Self {
        let weigh = |key: &String, value: &V| {
            let bytes = ENTRY + key.weight() + value.weight();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder().weigher(weigh).max_capacity(budget).build();
        Self::of(entries)
    }

    /// What its entries take, with nothing left to evict.
    pub fn size(&self) -> CacheSize {
        self.entries.run_pending_tasks();
        CacheSize {
            bytes: self.entries.weighted_size(),
            budget: self.entries.policy().max_capacity().unwrap_or(u64::MAX),
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Slot<V> {
    /// Of so many entries, of a size that nobody else decides.
    fn counted(capacity: u64) -> Self {
        Self::of(Cache::new(capacity))
    }

    fn of(entries: Cache<String, V>) -> Self {
        Self {
            entries,
            generation: AtomicU64::new(0),
        }
    }

    /// Answers from memory, or runs `fetch` and keeps what it finds.
    pub async fn get<E>(
        &self,
        caches: &Caches,
        key: &str,
        fetch: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        if caches.is_blind() {
            return Box::pin(fetch()).await;
        }
        if let Some(found) = self.entries.get(key) {
            return Ok(found);
        }
        let before = self.generation.load(Ordering::SeqCst);
        let value = Box::pin(fetch()).await?;
        if self.generation.load(Ordering::SeqCst) != before {
            return Ok(value);
        }
        self.entries.insert(key.to_owned(), value.clone());
        if self.generation.load(Ordering::SeqCst) != before {
            self.entries.invalidate(key);
        }
        Ok(value)
    }

    fn forget(&self, key: &str) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(key);
    }

    fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_read_before_a_change_is_not_kept() {
        let caches = Caches::new();
        let stale = async || {
            caches.apply(Change::User("u".into()));
            Ok::<_, ()>(None)
        };
        caches.users.get(&caches, "u", stale).await.unwrap();
        let mut fetched = false;
        caches
            .users
            .get(&caches, "u", async || {
                fetched = true;
                Ok::<_, ()>(None)
            })
            .await
            .unwrap();
        assert!(fetched);
    }

    #[tokio::test]
    async fn nothing_is_answered_from_memory_while_blind() {
        let caches = Caches::new();
        let fetch = async || Ok::<_, ()>(Some(String::from("x")));
        caches.settings.get(&caches, "s", fetch).await.unwrap();
        caches.set_blind(true);
        assert_eq!(caches.generation(), None);
        let mut fetched = false;
        let again = async || {
            fetched = true;
            Ok::<_, ()>(None)
        };
        caches.settings.get(&caches, "s", again).await.unwrap();
        assert!(fetched);
        caches.set_blind(false);
        assert!(caches.generation().is_some());
    }
}
