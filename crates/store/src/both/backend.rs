//! One open database: its readers and its lanes.

use super::lane::Lane;
use super::worker::Worker;
use super::{Db, dialect};
use crate::Result;
use crate::cache::Caches;
use crate::file::DatabaseFile;
use crate::writes::Writes;
use domain::{Clock, Rng};
use sqlx::{Pool, pool::PoolConnection};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long connections that are still in use may keep the end waiting.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open database.
pub(crate) struct Backend {
    readers: Pool<Db>,
    writers: Pool<Db>,
    lanes: Vec<Lane>,
    file: Option<Arc<DatabaseFile>>,
    writes: Arc<Writes>,
    stop: watch::Sender<bool>,
    workers: Mutex<Vec<JoinHandle<()>>>,
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
        (readers, writers): (Pool<Db>, Pool<Db>),
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
                writers.clone(),
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
            readers,
            writers,
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
                    if let Ok(mut conn) = self.writers.acquire().await {
                        drop(dialect::empty_log(&mut conn).await);
                    }
                }
                _ => {}
            }
            self.readers.close().await;
            self.writers.close().await;
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
        if let Some(file) = &self.file {
            file.present()?;
        }
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
