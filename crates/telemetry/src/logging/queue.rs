//! Between those who log and the output: a bounded buffer and a thread that empties it.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::metrics::{Metrics, Signal};

/// The most bytes that wait to be written.
pub(super) const CAPACITY: usize = 4 * 1024 * 1024;

/// How long the writer lets lines gather before it writes them together. Waking it costs the
/// logging thread a system call; this bounds those to a thousand a second.
const GATHER: Duration = Duration::from_millis(1);

/// What the writer is doing, so that it is only woken when that is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Waiting for a first line.
    Idle,
    /// Has a line, waits for more.
    Gathering,
    /// Writing, or about to look for itself.
    Busy,
}

struct State {
    pending: Vec<u8>,
    pending_lines: u64,
    /// Lines taken since the start, and how many of them are dealt with.
    accepted: u64,
    settled: u64,
    writer: Writer,
    hurry: bool,
    closed: bool,
}

/// A bounded queue of lines and the thread that writes them.
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    progress: Condvar,
    metrics: Metrics,
}

impl Queue {
    /// Starts the thread.
    pub(super) fn start(mut output: Box<dyn Write + Send>, metrics: Metrics) -> Arc<Self> {
        let queue = Arc::new(Self {
            state: Mutex::new(State {
                pending: Vec::new(),
                pending_lines: 0,
                accepted: 0,
                settled: 0,
                writer: Writer::Busy,
                hurry: false,
                closed: false,
            }),
            work: Condvar::new(),
            progress: Condvar::new(),
            metrics,
        });
        let worker = Arc::clone(&queue);
        let spawned = thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || worker.run(&mut *output));
        if spawned.is_err() {
            // No thread, no output: every line is counted as dropped.
            queue.close();
        }
        queue
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, or drops and counts it when there is no room. Never waits for the output.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.closed || state.pending.len() + line.len() > CAPACITY {
            drop(state);
            self.metrics.telemetry_dropped.add(Signal::Logs);
            return;
        }
        state.pending.extend_from_slice(line);
        state.pending_lines += 1;
        state.accepted += 1;
        let wake = match state.writer {
            Writer::Idle => true,
            Writer::Gathering => state.pending.len() > CAPACITY / 4,
            Writer::Busy => false,
        };
        if wake {
            state.writer = Writer::Busy;
            drop(state);
            self.work.notify_one();
        }
    }

    /// Waits until what was taken so far is written, or the time is up. Returns whether it is.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        let goal = state.accepted;
        while state.settled < goal {
            state.hurry = true;
            self.work.notify_one();
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self
                .progress
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Takes no more lines; the thread ends when it has written what it has.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    fn run(&self, output: &mut dyn Write) {
        let mut batch = Vec::new();
        while let Some(lines) = self.next_batch(&mut batch) {
            let result = output.write_all(&batch).and_then(|()| output.flush());
            if result.is_err() {
                self.metrics.telemetry_dropped.add_many(Signal::Logs, lines);
            }
            self.lock().settled += lines;
            self.progress.notify_all();
        }
    }

    /// Waits for lines and swaps them into `batch`; `None` when there will be no more.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<u64> {
        batch.clear();
        // One flood must not keep its memory for ever.
        batch.shrink_to(CAPACITY / 8);
        let mut state = self.lock();
        while state.pending.is_empty() {
            if state.closed {
                return None;
            }
            state.writer = Writer::Idle;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if !state.hurry && !state.closed {
            state.writer = Writer::Gathering;
            state = self
                .work
                .wait_timeout_while(state, GATHER, |state| {
                    state.writer == Writer::Gathering && !state.hurry && !state.closed
                })
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.writer = Writer::Busy;
        state.hurry = false;
        std::mem::swap(&mut state.pending, batch);
        Some(std::mem::take(&mut state.pending_lines))
    }
}
