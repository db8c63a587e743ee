//! A lane: one writing connection, fed by a queue, that commits jobs in groups.
//!
//! Each job is acknowledged only after the transaction that holds it has been committed and
//! made durable. While a commit is on its way to the disk the next jobs gather in the queue,
//! so that the groups grow with the load and a lone job waits for nobody. What becomes of a
//! group is the business of the lane's worker (`both/worker.rs`).
//!
//! SQLite has one lane, for it has one writer. PostgreSQL has several; calls that could touch
//! the same rows are sent to the same lane by key, which spares them waiting for each other.

use super::Db;
use super::ledger::Tx;
use super::worker::Worker;
use crate::cache::Caches;
use crate::{Result, StoreError};
use domain::{Clock, Rng};
use futures_util::future::BoxFuture;
use sqlx::Pool;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; more callers than that wait for a place in the queue.
const QUEUE: usize = 4096;

/// What a caller wants done in a transaction.
pub(crate) trait Job: Send {
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
        tokio::spawn(Worker::new(pool, caches, clock, rng).run(jobs));
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
