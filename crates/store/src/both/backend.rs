//! One open database: its readers and its lanes.

use super::dialect::{self, Object, Pool};
use super::lane::Lane;
use super::worker::Worker;
use crate::cache::Caches;
use crate::file::DatabaseFile;
use crate::open::{ACQUIRE_TIMEOUT, Pools};
use crate::writes::Writes;
use crate::{Result, StoreError};
use domain::{Clock, Rng};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How long connections that are still in use may keep the end waiting.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is looked whether they are all closed.
const CLOSE_POLL: Duration = Duration::from_millis(5);

/// An open database.
pub(crate) struct Backend {
    pools: Pools<Pool>,
    lanes: Vec<Lane>,
    file: Option<Arc<DatabaseFile>>,
    writes: Arc<Writes>,
    stop: watch::Sender<bool>,
    workers: Mutex<Vec<oneshot::Receiver<()>>>,
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
        pools: Pools<Pool>,
        file: Option<DatabaseFile>,
        lanes: usize,
        caches: &Arc<Caches>,
        clock: &Arc<dyn Clock>,
        rng: &Arc<dyn Rng>,
    ) -> Self {
        let (file, writes) = (file.map(Arc::new), Arc::<Writes>::default());
        let (stop, told) = watch::channel(false);
        let start = |_| {
            let worker = Worker::new(
                pools.writers.clone(),
                file.clone(),
                Arc::clone(&writes),
                Arc::clone(caches),
                Arc::clone(clock),
                Arc::clone(rng),
            );
            Lane::start(worker, told.clone())
        };
        let (lanes, workers) = (0..lanes.max(1)).map(start).unzip();
        Self {
            pools,
            lanes,
            file,
            writes,
            stop,
            workers: Mutex::new(workers),
            waiting: AtomicU32::new(0),
        }
    }

    /// Does what has been asked for, and lets go of the database: afterwards a file has no log
    /// beside it, unless another process uses it.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        let workers = {
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *workers)
        };
        let close = async {
            for worker in workers {
                drop(worker.await);
            }
            match &self.file {
                // To write the log into another file, as closing does, would damage that.
                Some(file) if file.is_overwritten() => return,
                Some(file) if file.has_log() => {
                    if let Ok(conn) = acquire(&self.pools.writers).await {
                        drop(dialect::empty_log(&conn));
                    }
                }
                _ => {}
            }
            for pool in self.pools() {
                close(pool).await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, close).await.is_err() {
            tracing::warn!("the database was still in use when it was to be closed");
        }
    }

    /// How its writes go.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Open and idle connections.
    pub fn connections(&self) -> (u32, u32) {
        let count = |pool: &Pool| {
            let status = pool.status();
            let [open, idle] =
                [status.size, status.available].map(|own| u32::try_from(own).unwrap_or(u32::MAX));
            (open, idle)
        };
        let counts = self.pools().map(count);
        counts.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }

    /// All its pools, each once.
    fn pools(&self) -> impl Iterator<Item = &Pool> {
        let Pools {
            readers,
            asides,
            writers,
        } = &self.pools;
        let pools = [readers, asides, writers];
        let separate = if dialect::SEPARATE_POOLS { 3 } else { 1 };
        pools.into_iter().take(separate)
    }

    /// A connection to read with.
    pub async fn reader(&self) -> Result<Object> {
        self.connection(&self.pools.readers).await
    }

    /// A connection to ask what may take long.
    pub async fn reader_aside(&self) -> Result<Object> {
        self.connection(&self.pools.asides).await
    }

    async fn connection(&self, pool: &Pool) -> Result<Object> {
        if let Some(file) = &self.file {
            file.present()?;
        }
        let _waiting = Waiting::among(&self.waiting);
        acquire(pool).await
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

/// A connection of `pool`.
pub(crate) async fn acquire(pool: &Pool) -> Result<Object> {
    match tokio::time::timeout(ACQUIRE_TIMEOUT, pool.get()).await {
        Ok(object) => Ok(object?),
        Err(_) => Err(StoreError::Unavailable(String::from(
            "no connection came free in time",
        ))),
    }
}

/// Lets go of all connections of `pool`, and waits for those that are in use.
async fn close(pool: &Pool) {
    pool.close();
    while pool.status().size > 0 {
        tokio::time::sleep(CLOSE_POLL).await;
    }
}
