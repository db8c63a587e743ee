//! How the latest writes went.

use crate::{Result, StoreError};
use domain::Clock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How the writes of one database go, whichever lane they take.
#[derive(Default)]
pub(crate) struct Writes {
    commits: AtomicU64,
    /// By the monotonic clock, in milliseconds.
    last_commit: AtomicU64,
    failing: AtomicBool,
}

impl Writes {
    /// Notes how a transaction ended. One that was refused for reasons of its own says nothing.
    pub fn note(&self, outcome: &Result<()>, clock: &dyn Clock) {
        match outcome {
            Ok(()) => {
                let now = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
                self.last_commit.store(now, Ordering::Relaxed);
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.failing.store(false, Ordering::Relaxed);
            }
            Err(StoreError::Unavailable(_) | StoreError::StaleSession(_)) => {
                self.failing.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
    }

    /// How many transactions have been committed.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether the last transaction that ended failed for want of a database.
    pub fn are_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Whether one was committed within this time.
    pub fn have_succeeded_within(&self, time: Duration, clock: &dyn Clock) -> bool {
        let last = Duration::from_millis(self.last_commit.load(Ordering::Relaxed));
        self.commits() > 0 && clock.monotonic().saturating_sub(last) < time
    }
}
