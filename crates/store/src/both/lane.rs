//! A lane: one writing connection, fed by a queue, that commits jobs in groups.
//!
//! Each job is acknowledged only after the transaction that holds it has been committed and
//! made durable. While a commit is on its way to the disk the next jobs gather in the queue,
//! so that the groups grow with the load and a lone job waits for nobody. What becomes of a
//! group is the business of the lane's worker (`both/worker.rs`).
//!
//! SQLite has one lane, for it has one writer. PostgreSQL has several; calls that could touch
//! the same rows are sent to the same lane by key, which spares them waiting for each other.

use super::dialect;
use super::ledger::Tx;
use super::worker::Worker;
use crate::operation::Notes;
use crate::{
    Exchange, Exchanged, Issue, Issued, RedeemCode, Redeemed, Result, RotateRefresh, Rotated,
    StoreError,
};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

/// Jobs that may wait; more callers than that wait for a place in the queue.
const QUEUE: usize = 4096;

/// What a caller wants done in a transaction.
pub(crate) enum Job {
    /// Anything.
    Call(Box<dyn Call>),
    /// Record a token; all of a group are recorded at once.
    Issue(Asked<Issue, Issued>),
    /// Spend a code; all of a group are spent by the same statements.
    Redeem(Asked<RedeemCode, Redeemed>),
    /// Spend a refresh token; likewise.
    Rotate(Asked<RotateRefresh, Rotated>),
    /// Exchange a token; likewise.
    Exchange(Asked<Exchange, Exchanged>),
}

impl Job {
    /// Where the statements of its transaction are taken down.
    pub fn notes(&self) -> &Notes {
        match self {
            Self::Call(call) => call.notes(),
            Self::Issue(asked) => &asked.notes,
            Self::Redeem(asked) => &asked.notes,
            Self::Rotate(asked) => &asked.notes,
            Self::Exchange(asked) => &asked.notes,
        }
    }

    /// Tells the caller how the transaction ended.
    pub fn finish(self, outcome: Result<()>) {
        match self {
            Self::Call(call) => call.finish(outcome),
            Self::Issue(asked) => asked.finish(outcome),
            Self::Redeem(asked) => asked.finish(outcome),
            Self::Rotate(asked) => asked.finish(outcome),
            Self::Exchange(asked) => asked.finish(outcome),
        }
    }
}

/// A job that is run by itself.
pub(crate) trait Call: Send {
    fn notes(&self) -> &Notes;
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<()>>;
    fn finish(self: Box<Self>, outcome: Result<()>);
}

/// A request with its answer, as far as it has been found, and with whoever waits for it.
pub(crate) struct Asked<C, T> {
    pub request: C,
    pub answer: Option<T>,
    notes: Notes,
    reply: oneshot::Sender<Result<T>>,
}

impl<C, T> Asked<C, T> {
    fn finish(self, outcome: Result<()>) {
        let Self { answer, reply, .. } = self;
        let answer = outcome.and_then(|()| {
            answer.ok_or_else(|| StoreError::Unavailable("the write was not carried out".into()))
        });
        // A caller that no longer waits has gone away; what was committed stays committed.
        drop(reply.send(answer));
    }
}

impl<F, T> Call for Asked<F, T>
where
    F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T>> + Send,
    T: Send,
{
    fn notes(&self) -> &Notes {
        &self.notes
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.answer = Some((self.request)(tx).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        (*self).finish(outcome);
    }
}

/// The sending end of a lane.
#[derive(Clone)]
pub(crate) struct Lane {
    queue: mpsc::Sender<Job>,
}

impl Lane {
    /// Starts a lane for `worker`, which works until told to `stop`; what is returned ends with it.
    pub fn start(worker: Worker, stop: watch::Receiver<bool>) -> (Self, oneshot::Receiver<()>) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        (Self { queue }, dialect::start(worker.run(jobs, stop)))
    }

    /// Runs `body` in a transaction and returns once that is durable.
    pub async fn run<T, F>(&self, notes: Notes, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnMut(&'a mut Tx) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.ask(notes, body, |asked| Job::Call(Box::new(asked)))
            .await
    }

    /// Has `request` done as the job that `job` makes of it, and returns once that is durable.
    pub async fn ask<C, T>(
        &self,
        notes: Notes,
        request: C,
        job: impl FnOnce(Asked<C, T>) -> Job,
    ) -> Result<T> {
        let closed = || StoreError::Unavailable("the store is shutting down".into());
        let (reply, answer) = oneshot::channel();
        let job = job(Asked {
            request,
            answer: None,
            notes,
            reply,
        });
        self.queue.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}
