//! A lane: one writing connection, fed by a queue, that commits jobs in groups.
//!
//! Each job is acknowledged only after the transaction that holds it has been committed and
//! made durable. While a commit is on its way to the disk the next jobs gather in the queue,
//! so that the groups grow with the load and a lone job waits for nobody. A group is tried
//! as one transaction; if any job in it fails, everything is rolled back and each job of the
//! group gets a transaction of its own. Jobs therefore run more than once at times, and
//! must not have effects outside of their transaction.
//!
//! SQLite has one lane, for it has one writer. PostgreSQL has several; calls that could touch
//! the same rows are sent to the same lane by key, which spares them waiting for each other.

use super::ledger::{Pending, Tx};
use super::{Db, dialect};
use crate::cache::Caches;
use crate::chain::Chain;
use crate::{Result, StoreError};
use domain::{Clock, Rng};
use futures_util::future::BoxFuture;
use sqlx::Pool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; more callers than that wait for a place in the queue.
const QUEUE: usize = 4096;
/// Jobs in one transaction.
const LARGEST_GROUP: usize = 256;
/// How often one job is tried when the database is busy or a connection turns out dead.
const TRIES: u32 = 3;
/// How often SQLite is asked whether another process has written.
const FOREIGN_WRITE_POLL: Duration = Duration::from_millis(200);

/// What a caller wants done in a transaction.
trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<()>>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

struct Call<F, T> {
    body: F,
    output: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for Call<F, T>
where
    F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T>> + Send,
    T: Send,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.output = Some((self.body)(tx).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let Self { output, reply, .. } = *self;
        let answer = outcome.and_then(|()| {
            output.ok_or_else(|| StoreError::Unavailable("the write was not carried out".into()))
        });
        // A caller that no longer waits has gone away; what was committed stays committed.
        drop(reply.send(answer));
    }
}

/// The sending end of a lane.
#[derive(Clone)]
pub(crate) struct Lane {
    queue: mpsc::Sender<Box<dyn Job>>,
}

impl Lane {
    /// Starts a lane on `pool`.
    pub fn start(
        pool: Pool<Db>,
        caches: Arc<Caches>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let chain = Chain::start(&*clock, &*rng);
        let worker = Worker {
            pool,
            tx: None,
            chain,
            caches,
            clock,
            rng,
            data_version: None,
        };
        tokio::spawn(worker.run(jobs));
        Self { queue }
    }

    /// Runs `body` in a transaction and returns once that is durable.
    pub async fn run<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        let closed = || StoreError::Unavailable("the store is shutting down".into());
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Call {
            body,
            output: None,
            reply,
        });
        self.queue.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// Why a group was not committed.
struct Failure {
    error: StoreError,
    /// Whether it is certain that nothing of it stands in the database. When a connection
    /// breaks during the commit itself nobody can tell, and trying again could do it twice.
    nothing_written: bool,
}

impl Failure {
    fn before_commit(error: StoreError) -> Self {
        Self {
            error,
            nothing_written: true,
        }
    }
}

struct Worker {
    pool: Pool<Db>,
    tx: Option<Tx>,
    chain: Chain,
    caches: Arc<Caches>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    data_version: Option<i64>,
}

impl Worker {
    async fn run(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        let mut poll = tokio::time::interval(FOREIGN_WRITE_POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut group = Vec::with_capacity(LARGEST_GROUP);
        loop {
            tokio::select! {
                received = jobs.recv_many(&mut group, LARGEST_GROUP) => {
                    if received == 0 {
                        break;
                    }
                    self.commit_group(&mut group).await;
                }
                _ = poll.tick(), if dialect::POLLS_FOR_FOREIGN_WRITES => self.look_for_foreign_writes().await,
            }
        }
    }

    async fn commit_group(&mut self, group: &mut Vec<Box<dyn Job>>) {
        match self.attempt(group).await {
            Ok(()) => group.drain(..).for_each(|job| job.finish(Ok(()))),
            Err(Failure {
                error,
                nothing_written: false,
            }) => {
                group
                    .drain(..)
                    .for_each(|job| job.finish(Err(error.clone())));
            }
            Err(Failure { error, .. }) if group.len() == 1 && !error.is_unavailable() => {
                group
                    .drain(..)
                    .for_each(|job| job.finish(Err(error.clone())));
            }
            // One of them failed and took the others with it: each on its own now.
            Err(_) => {
                for mut job in group.drain(..) {
                    let outcome = self.commit_alone(&mut job).await;
                    job.finish(outcome);
                }
            }
        }
    }

    async fn commit_alone(&mut self, job: &mut Box<dyn Job>) -> Result<()> {
        let mut tries = 1;
        loop {
            match self.attempt(std::slice::from_mut(job)).await {
                Ok(()) => return Ok(()),
                Err(failure)
                    if failure.nothing_written
                        && failure.error.is_unavailable()
                        && tries < TRIES =>
                {
                    tries += 1;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    /// Runs `group` as one transaction. Caches are told before anyone is answered.
    async fn attempt(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let mut tx = self.connection().await.map_err(Failure::before_commit)?;
        tx.pending.clear();
        let mut chain = self.chain.clone();
        match in_transaction(&mut tx, group, &mut chain, &*self.clock, &*self.rng).await {
            Ok(()) => {
                self.chain = chain;
                for change in tx.pending.changes.drain(..) {
                    self.caches.apply(&change);
                }
                self.tx = Some(tx);
                Ok(())
            }
            Err(failure) => {
                // A connection that cannot even roll back is of no more use.
                if sqlx::query("ROLLBACK").execute(&mut *tx.conn).await.is_ok() {
                    self.tx = Some(tx);
                } else {
                    tx.conn.close_on_drop();
                }
                Err(failure)
            }
        }
    }

    async fn connection(&mut self) -> Result<Tx> {
        match self.tx.take() {
            Some(tx) => Ok(tx),
            None => Ok(Tx {
                conn: self.pool.acquire().await?,
                pending: Pending::default(),
            }),
        }
    }

    async fn look_for_foreign_writes(&mut self) {
        let Ok(mut tx) = self.connection().await else {
            return self.caches.set_blind(true);
        };
        match dialect::data_version(&mut tx.conn).await {
            Ok(version) => {
                if self
                    .data_version
                    .replace(version)
                    .is_some_and(|before| before != version)
                {
                    self.caches.apply(&crate::Change::Everything);
                }
                self.caches.set_blind(false);
                self.tx = Some(tx);
            }
            Err(_) => self.caches.set_blind(true),
        }
    }
}

async fn in_transaction(
    tx: &mut Tx,
    group: &mut [Box<dyn Job>],
    chain: &mut Chain,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Result<(), Failure> {
    let before = |error: sqlx::Error| Failure::before_commit(error.into());
    sqlx::query(dialect::BEGIN)
        .execute(&mut *tx.conn)
        .await
        .map_err(before)?;
    for job in group {
        job.run(tx).await.map_err(Failure::before_commit)?;
    }
    tx.flush(chain, clock, rng)
        .await
        .map_err(Failure::before_commit)?;
    dialect::notify(&mut tx.conn, &tx.pending.changes)
        .await
        .map_err(Failure::before_commit)?;
    sqlx::query("COMMIT")
        .execute(&mut *tx.conn)
        .await
        .map_err(|error| {
            let error = StoreError::from(error);
            let nothing_written = matches!(error, StoreError::Contention(_));
            Failure {
                error,
                nothing_written,
            }
        })?;
    Ok(())
}
