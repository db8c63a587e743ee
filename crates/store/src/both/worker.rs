//! The worker of a lane: takes what has gathered in the queue and commits it.
//!
//! A group is tried as one transaction. If one of its jobs fails, everything is rolled back and
//! each job gets a transaction of its own; if the connection breaks, the group is tried again
//! on another; if there is no connection to be had, all are told so at once. Jobs therefore run
//! more than once at times, and must not have effects outside of their transaction.

use super::backend::acquire;
use super::lane::Job;
use super::ledger::{Pending, Tx};
use super::{authorizations, dialect, exchanges, issue};
use crate::cache::Caches;
use crate::chain::Chain;
use crate::file::DatabaseFile;
use crate::operation::noting;
use crate::writes::Writes;
use crate::{Change, Result, StoreError};
use domain::{Clock, Rng};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Jobs in one transaction. Each number of rows is a statement of its own, and kept prepared.
const LARGEST_GROUP: usize = 64;
/// How often the same work is tried when connections break or others hold its rows.
const TRIES: u32 = 3;
/// How often SQLite is asked whether another process has written.
const FOREIGN_WRITE_POLL: Duration = Duration::from_millis(200);
/// The log is written back into the file after so many jobs, or when it has grown to so many bytes
/// and beyond what it was; when readers are in the way, again after this time.
const JOBS_IN_LOG: usize = 256;
const BYTES_IN_LOG: u64 = 16 << 20;
const CHECKPOINT_AGAIN: Duration = Duration::from_secs(5);
/// How long another process may hold SQLite's write lock before the database counts as busy.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Where a transaction begins and ends.
#[derive(Clone, Copy)]
enum Border {
    Begin,
    Commit,
}

/// Why a group was not committed.
struct Failure {
    error: StoreError,
    cause: Cause,
}

/// How far an attempt has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Work,
    Commit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// No connection, no lock or no answer was to be had. Nothing was written.
    Unreachable,
    /// The connection broke on the way. Nothing was written.
    Broken,
    /// A statement of a job failed on a sound connection. Nothing was written.
    Job,
    /// The connection broke during the commit itself: nobody can tell what was written, and
    /// trying again could do it twice.
    Unknown,
}

impl Failure {
    /// Whether a job that failed like this by itself deserves another try.
    fn is_passing(&self) -> bool {
        match self.cause {
            Cause::Broken => true,
            Cause::Job => matches!(self.error, StoreError::Contention(_)),
            Cause::Unreachable | Cause::Unknown => false,
        }
    }
}

/// The log beside a file, since it was last written back.
struct Log {
    jobs: usize,
    length: u64,
    wait_until: Instant,
}

pub(crate) struct Worker {
    pool: dialect::Pool,
    file: Option<Arc<DatabaseFile>>,
    writes: Arc<Writes>,
    log: Log,
    tx: Option<Tx>,
    chain: Chain,
    caches: Arc<Caches>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    data_version: Option<i64>,
}

impl Worker {
    pub fn new(
        pool: dialect::Pool,
        file: Option<Arc<DatabaseFile>>,
        writes: Arc<Writes>,
        caches: Arc<Caches>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        Self {
            pool,
            file,
            writes,
            log: Log {
                jobs: 0,
                length: 0,
                wait_until: Instant::now(),
            },
            tx: None,
            chain: Chain::start(&*clock, &*rng),
            caches,
            clock,
            rng,
            data_version: None,
        }
    }

    /// Works until all senders of `jobs` are gone, or until told to `stop`: then what has been
    /// asked for is done still.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>, mut stop: watch::Receiver<bool>) {
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
                _ = poll.tick(), if dialect::POLLS_FOR_FOREIGN_WRITES => self.look_around().await,
                _ = stop.changed(), if !jobs.is_closed() => jobs.close(),
            }
        }
    }

    async fn commit_group(&mut self, group: &mut Vec<Job>) {
        if let Err(error) = self.present() {
            return finish(group, &Err(error));
        }
        self.log.jobs += group.len();
        let mut tries = 1;
        let outcome = loop {
            match self.attempt(group).await {
                Err(failure) if failure.cause == Cause::Broken && tries < TRIES => tries += 1,
                Err(failure) if failure.cause == Cause::Job => {
                    return self.commit_singly(group).await;
                }
                outcome => break outcome.map_err(|failure| failure.error),
            }
        };
        self.writes.note(&outcome, &*self.clock);
        finish(group, &outcome);
    }

    /// Rolls back what `tx` has begun, and keeps its connection if that goes well. Says whether
    /// it did; a connection that gave no answer is not even asked.
    async fn leave(&mut self, mut tx: Tx, answered: bool) -> bool {
        let sound = answered && dialect::roll_back(&mut tx.conn).await.is_ok();
        if sound {
            self.tx = Some(tx);
        } else {
            drop(dialect::Object::take(tx.conn));
        }
        sound
    }

    /// One of them failed and took the others with it: each on its own now.
    async fn commit_singly(&mut self, group: &mut Vec<Job>) {
        let mut unreachable = None;
        for mut job in group.drain(..) {
            let outcome = match &unreachable {
                Some(error) => Err(StoreError::clone(error)),
                None => self.commit_alone(&mut job).await.map_err(|failure| {
                    if failure.cause == Cause::Unreachable {
                        unreachable = Some(failure.error.clone());
                    }
                    failure.error
                }),
            };
            self.writes.note(&outcome, &*self.clock);
            job.finish(outcome);
        }
    }

    async fn commit_alone(&mut self, job: &mut Job) -> Result<(), Failure> {
        let mut tries = 1;
        loop {
            match self.attempt(std::slice::from_mut(job)).await {
                Err(failure) if failure.is_passing() && tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    /// Runs `group` as one transaction. Caches are told before anyone is answered.
    async fn attempt(&mut self, group: &mut [Job]) -> Result<(), Failure> {
        let unreachable = |error| Failure {
            error,
            cause: Cause::Unreachable,
        };
        let mut tx = self.connection().await.map_err(unreachable)?;
        tx.pending.clear();
        let mut chain = self.chain.clone();
        let mut stage = Stage::Begin;
        let group_is_noted = group.iter().any(|job| job.notes().are_wanted());
        let work = async {
            self.patiently(&mut tx, Border::Begin).await?;
            stage = Stage::Work;
            run(&mut tx, group).await?;
            tx.flush(&mut chain, &*self.clock, &*self.rng).await?;
            stage = Stage::Commit;
            self.patiently(&mut tx, Border::Commit).await
        };
        let outcome = match group_is_noted {
            true => {
                let (outcome, made) = noting(dialect::in_time(work)).await;
                for job in group.iter() {
                    job.notes().take_down(&made);
                }
                outcome
            }
            false => dialect::in_time(work).await,
        };
        let (error, answered) = match outcome {
            Some(Ok(())) => {
                self.chain = chain;
                for change in tx.pending.changes.drain(..) {
                    self.caches.apply(change);
                }
                self.tx = Some(tx);
                return Ok(());
            }
            Some(Err(error)) => (error, true),
            None => (StoreError::Unavailable("no answer in time".into()), false),
        };
        let may_stand = dialect::may_stand(&tx.conn);
        let contended = matches!(error, StoreError::Contention(_));
        let stale = matches!(error, StoreError::StaleSession(_));
        let sound = self.leave(tx, answered && !stale).await;
        if stale {
            dialect::drop_idle(&self.pool);
        }
        let cause = match stage {
            // Its last rows may stand or not: what follows starts a chain of its own.
            _ if may_stand => self.end_unknown(),
            Stage::Commit if !contended => self.end_unknown(),
            Stage::Begin if contended => Cause::Unreachable,
            _ if sound => Cause::Job,
            _ if answered => Cause::Broken,
            _ => Cause::Unreachable,
        };
        Err(Failure { error, cause })
    }

    fn end_unknown(&mut self) -> Cause {
        self.chain = Chain::start(&*self.clock, &*self.rng);
        Cause::Unknown
    }

    /// Begins or commits, and may have to wait for another process to let go of SQLite's write
    /// lock. Meanwhile that process may commit any number of times, which has to be noticed.
    async fn patiently(&mut self, tx: &mut Tx, border: Border) -> Result<()> {
        let give_up = Instant::now() + LOCK_PATIENCE;
        loop {
            let outcome = match border {
                Border::Begin => dialect::begin(&mut tx.conn).await,
                Border::Commit => dialect::commit(&mut tx.conn).await,
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) => match error {
                    StoreError::Contention(_)
                        if dialect::POLLS_FOR_FOREIGN_WRITES && Instant::now() < give_up =>
                    {
                        self.caches.apply(Change::Everything);
                        if let Some(file) = &self.file {
                            file.look();
                            file.present()?;
                        }
                    }
                    error => return Err(error),
                },
            }
        }
    }

    async fn connection(&mut self) -> Result<Tx> {
        match self.tx.take() {
            Some(tx) => Ok(tx),
            None => {
                // Versions seen on one connection mean nothing on another.
                self.data_version = None;
                Ok(Tx {
                    conn: acquire(&self.pool).await?,
                    pending: Pending::default(),
                })
            }
        }
    }

    /// The file that was opened is still the one that has its name.
    fn present(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.present())
    }

    async fn look_around(&mut self) {
        if let Some(file) = self.file.clone() {
            file.look();
            if file.belongs_again() && self.forget_pages().await.is_ok() {
                file.take_back();
            }
            if file.present().is_err() {
                return self.caches.set_blind(true);
            }
        }
        self.look_for_foreign_writes().await;
        if let Some(file) = self.file.clone() {
            self.checkpoint_when_due(&file).await;
        }
    }

    /// Writes on a connection of its own, which makes all others forget what they have read.
    async fn forget_pages(&mut self) -> Result<()> {
        if let Some(tx) = self.tx.take() {
            drop(dialect::Object::take(tx.conn));
        }
        let tx = self.connection().await?;
        dialect::checkpoint(&tx.conn)?;
        self.tx = Some(tx);
        Ok(())
    }

    async fn checkpoint_when_due(&mut self, file: &DatabaseFile) {
        if !file.has_log() || file.is_overwritten() || Instant::now() < self.log.wait_until {
            return;
        }
        let length = file.log_length();
        // A log that another process has emptied or begun has no mark.
        let due = self.log.jobs >= JOBS_IN_LOG
            || length > self.log.length.max(BYTES_IN_LOG)
            || length == 0
            || file.needs_mark();
        if !due {
            return;
        }
        let Ok(tx) = self.connection().await else {
            return;
        };
        let done = matches!(dialect::checkpoint(&tx.conn), Ok(true));
        if done {
            self.log.jobs = 0;
            self.log.length = length;
        } else {
            // Readers are in the way, or another process, or the disk.
            self.log.wait_until = Instant::now() + CHECKPOINT_AGAIN;
        }
        file.wrote(done);
        self.tx = Some(tx);
    }

    async fn look_for_foreign_writes(&mut self) {
        let Ok(tx) = self.connection().await else {
            return self.caches.set_blind(true);
        };
        match dialect::data_version(&tx.conn) {
            Ok(version) => {
                // The first answer counts as a change too: something may have been read before it.
                if self.data_version.replace(version) != Some(version) {
                    self.caches.apply(Change::Everything);
                }
                self.caches.set_blind(false);
                self.tx = Some(tx);
            }
            Err(_) => self.caches.set_blind(true),
        }
    }
}

fn finish(group: &mut Vec<Job>, outcome: &Result<()>) {
    for job in group.drain(..) {
        job.finish(outcome.clone());
    }
}

/// Runs the jobs of `group`. They came at the same time, so any order of them is as good as
/// another: what can be done for several at once is done last.
async fn run(tx: &mut Tx, group: &mut [Job]) -> Result<()> {
    let (mut issue, mut redeem, mut rotate, mut exchange) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for job in group {
        match job {
            Job::Call(call) => call.run(tx).await?,
            Job::Issue(asked) => issue.push(asked),
            Job::Redeem(asked) => redeem.push(asked),
            Job::Rotate(asked) => rotate.push(asked),
            Job::Exchange(asked) => exchange.push(asked),
        }
    }
    issue::issue(tx, &mut issue).await?;
    authorizations::redeem(tx, &mut redeem).await?;
    authorizations::rotate(tx, &mut rotate).await?;
    exchanges::exchange(tx, &mut exchange).await
}
