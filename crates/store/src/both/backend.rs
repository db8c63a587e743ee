//! One open database: its readers and its lanes.

use super::lane::Lane;
use super::{Db, dialect};
use crate::Result;
use crate::cache::Caches;
use domain::{Clock, Rng};
use sqlx::{Pool, pool::PoolConnection};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An open database.
pub(crate) struct Backend {
    readers: Pool<Db>,
    writers: Pool<Db>,
    lanes: Vec<Lane>,
    waiting: AtomicU32,
}

/// Somebody who waits for a connection, until dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn among(waiting: &'a AtomicU32) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Backend {
    /// Starts `lanes` lanes on `writers`.
    pub fn start(
        readers: Pool<Db>,
        writers: Pool<Db>,
        lanes: usize,
        caches: &Arc<Caches>,
        clock: &Arc<dyn Clock>,
        rng: &Arc<dyn Rng>,
    ) -> Self {
        let start = |_| Lane::start(writers.clone(), caches.clone(), clock.clone(), rng.clone());
        let lanes = (0..lanes.max(1)).map(start).collect();
        Self {
            readers,
            writers,
            lanes,
            waiting: AtomicU32::new(0),
        }
    }

    /// Open and idle connections.
    pub fn connections(&self) -> (u32, u32) {
        let idle = |pool: &Pool<Db>| u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        if dialect::SEPARATE_WRITERS {
            (
                self.readers.size() + self.writers.size(),
                idle(&self.readers) + idle(&self.writers),
            )
        } else {
            (self.readers.size(), idle(&self.readers))
        }
    }

    /// A connection to read with.
    pub async fn reader(&self) -> Result<PoolConnection<Db>> {
        let _waiting = Waiting::among(&self.waiting);
        Ok(self.readers.acquire().await?)
    }

    /// How many wait for a connection to read with.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The lane for what concerns `key`: what goes to the same lane is done in its order.
    pub fn lane(&self, key: &str) -> &Lane {
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(key);
        let lane = usize::try_from(hash % self.lanes.len() as u64).unwrap_or(0);
        &self.lanes[lane]
    }
}
