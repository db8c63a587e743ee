//! What a connection is doing at the moment, and until when it may.
//!
//! One timer per connection serves all limits: whoever does something on the connection notes
//! it here with an atomic store, and the connection's task derives from the notes when it next
//! has to look. A request on a busy connection touches no timer at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::ServeOptions;

/// Time a client gets to notice that we have stopped reading, before the connection is cut.
const LINGER: Duration = Duration::from_secs(2);

/// No note has been made.
const NEVER: u64 = 0;

/// What to do when a deadline has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Say goodbye and close.
    Close,
    /// Drop the connection as it is.
    Cut,
}

/// The notes about one connection.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Requests whose response is not complete.
    requests: AtomicU32,
    /// When the connection was opened, became idle, or began to receive a request head.
    since: AtomicU64,
    /// Whether bytes of a request head have come in since the connection became idle.
    in_head: AtomicBool,
    /// Whether a request was ever served.
    served: AtomicBool,
    /// Frames of HTTP/2 come in at any time; only requests count.
    http2: AtomicBool,
    /// Since when the client has not taken bytes we want to send.
    stalled: AtomicU64,
    /// Since when we wait for the client to close after we did.
    lingering: AtomicU64,
    /// A response was sent although the request was not read to its end.
    unread: AtomicBool,
    closing: AtomicBool,
    cut: AtomicBool,
    task: AtomicWaker,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            requests: AtomicU32::new(0),
            since: AtomicU64::new(NEVER),
            in_head: AtomicBool::new(false),
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            stalled: AtomicU64::new(NEVER),
            lingering: AtomicU64::new(NEVER),
            unread: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            task: AtomicWaker::new(),
        })
    }

    /// Microseconds since the connection was opened, never [`NEVER`].
    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// Bytes have come in.
    pub(super) fn received(&self) {
        if self.requests.load(Relaxed) == 0
            && !self.http2.load(Relaxed)
            && !self.in_head.swap(true, Relaxed)
        {
            self.since.store(self.now(), Relaxed);
        }
    }

    /// A request head is complete. The request lasts until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>, http2: bool) -> InFlight {
        self.requests.fetch_add(1, Relaxed);
        self.in_head.store(false, Relaxed);
        if http2 {
            self.http2.store(true, Relaxed);
        }
        self.served.store(true, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// The client does, or does not, take the bytes we want to send.
    pub(super) fn sending(&self, stalled: bool) {
        if !stalled {
            if self.stalled.load(Relaxed) != NEVER {
                self.stalled.store(NEVER, Relaxed);
            }
        } else if self.stalled.load(Relaxed) == NEVER {
            self.stalled.store(self.now(), Relaxed);
        }
    }

    /// A request body was given up before its end.
    pub(super) fn left_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// Our side is closed. Whether to wait for the client to close its side, so that it gets to
    /// read the response to a request we did not read to the end.
    pub(super) fn linger(&self) -> bool {
        let linger = self.unread.load(Relaxed);
        if linger {
            self.lingering.store(self.now(), Relaxed);
        }
        linger
    }

    /// Asks the connection to finish what it does and close.
    pub(super) fn close(&self) {
        self.closing.store(true, Relaxed);
        self.task.wake();
    }

    /// Asks the connection to end at once.
    pub(super) fn cut(&self) {
        self.cut.store(true, Relaxed);
        self.task.wake();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    /// The task to wake by [`close`](Self::close) and [`cut`](Self::cut).
    pub(super) fn register(&self, waker: &std::task::Waker) {
        self.task.register(waker);
    }

    /// Since when the client has kept us waiting: for a request, for taking a response, or for its
    /// side of the end. `None` while a request is served.
    pub(super) fn waiting(&self) -> Option<Instant> {
        let lingering = self.lingering.load(Relaxed);
        let stalled = self.stalled.load(Relaxed);
        let since = match (lingering, stalled, self.requests.load(Relaxed)) {
            (NEVER, NEVER, 0) => self.since.load(Relaxed),
            (NEVER, NEVER, _) => return None,
            (NEVER, stalled, _) => stalled,
            (lingering, _, _) => lingering,
        };
        Some(self.opened + Duration::from_micros(since))
    }

    /// Until when the connection may go on like this, if there is a limit.
    pub(super) fn deadline(&self, options: &ServeOptions) -> Option<(Instant, Verdict)> {
        let at = |micros: u64, limit: Duration| self.opened + Duration::from_micros(micros) + limit;
        let lingering = self.lingering.load(Relaxed);
        if lingering != NEVER {
            return Some((at(lingering, LINGER), Verdict::Cut));
        }
        let stalled = self.stalled.load(Relaxed);
        if stalled != NEVER {
            return Some((at(stalled, options.write_timeout), Verdict::Cut));
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        let since = self.since.load(Relaxed);
        if self.in_head.load(Relaxed) || !self.served.load(Relaxed) {
            Some((at(since, options.read_timeout), Verdict::Cut))
        } else {
            Some((at(since, options.idle_timeout), Verdict::Close))
        }
    }
}

/// A request whose response is not complete.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.0;
        if activity.requests.fetch_sub(1, Relaxed) == 1 {
            activity.since.store(activity.now(), Relaxed);
            // Responses of HTTP/2 end in tasks of their own; the connection has to start its
            // idle timer all the same.
            if activity.http2.load(Relaxed) {
                activity.task.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(activity: &Activity) -> Option<Verdict> {
        activity
            .deadline(&ServeOptions::default())
            .map(|(_, verdict)| verdict)
    }

    #[tokio::test]
    async fn every_state_has_its_limit() {
        let activity = Activity::new();
        assert_eq!(
            verdict(&activity),
            Some(Verdict::Cut),
            "silent since it was opened"
        );
        activity.received();
        assert_eq!(
            verdict(&activity),
            Some(Verdict::Cut),
            "in the middle of a head"
        );
        let request = activity.begin(false);
        assert_eq!(verdict(&activity), None, "the handler has its own limit");
        assert_eq!(activity.waiting(), None);
        activity.sending(true);
        assert_eq!(
            verdict(&activity),
            Some(Verdict::Cut),
            "the client does not read"
        );
        activity.sending(false);
        drop(request);
        assert_eq!(verdict(&activity), Some(Verdict::Close), "idle");
        assert!(activity.waiting().is_some());
        assert!(!activity.linger());
        activity.left_unread();
        assert!(activity.linger());
        assert_eq!(verdict(&activity), Some(Verdict::Cut), "lingering");
    }

    #[tokio::test]
    async fn frames_of_http2_do_not_begin_a_request() {
        let activity = Activity::new();
        drop(activity.begin(true));
        activity.received();
        assert_eq!(verdict(&activity), Some(Verdict::Close));
    }
}
