//! Which events become lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::Level;

/// The crates of this workspace. What they say is governed by the configured level alone.
const OURS: [&str; 11] = [
    "admin",
    "authserver",
    "config",
    "domain",
    "engine",
    "keys",
    "oauth",
    "outbound",
    "store",
    "telemetry",
    "web",
];

/// Libraries that narrate every connection; their warnings are enough at any level.
const TALKATIVE: [&str; 11] = [
    "h2",
    "hickory_net",
    "hickory_proto",
    "hickory_resolver",
    "hyper",
    "hyper_util",
    "mio",
    "rustls",
    "tokio_rustls",
    "tonic",
    "tower",
];

/// Decides by level and origin. Clones share the level.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    level: Arc<AtomicU8>,
    open: bool,
}

impl Gate {
    /// A gate at `level`; one that is not `open` lets nothing through.
    pub(super) fn new(level: Level, open: bool) -> Self {
        Self {
            level: Arc::new(AtomicU8::new(level as u8)),
            open,
        }
    }

    pub(super) fn set_level(&self, level: Level) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    pub(super) fn level(&self) -> Level {
        const LEVELS: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];
        LEVELS[usize::from(self.level.load(Ordering::Relaxed)) % LEVELS.len()]
    }

    fn lets_through(&self, metadata: &Metadata<'_>) -> bool {
        // Spans are for traces; lines are made of events.
        if !self.open || !metadata.is_event() {
            return false;
        }
        let level = self.level();
        let target = metadata.target();
        let root = root_of(target);
        if is_ours(target) {
            Level::of(*metadata.level()) >= level
        } else if TALKATIVE.contains(&root) {
            Level::of(*metadata.level()) >= level.max(Level::Warn)
        } else if level == Level::Debug {
            *metadata.level() <= tracing::Level::DEBUG
        } else {
            Level::of(*metadata.level()) >= level.max(Level::Warn)
        }
    }
}

fn root_of(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}

/// Whether an event comes from this workspace.
pub(super) fn is_ours(target: &str) -> bool {
    OURS.contains(&root_of(target))
}

impl<S: Subscriber> Filter<S> for Gate {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(metadata)
    }

    // The answer depends on nothing but the level, and a change of level asks again.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.lets_through(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match (self.open, self.level()) {
            (false, _) => LevelFilter::OFF,
            (true, Level::Debug) => LevelFilter::TRACE,
            (true, Level::Info) => LevelFilter::INFO,
            (true, Level::Warn) => LevelFilter::WARN,
            (true, Level::Error) => LevelFilter::ERROR,
        })
    }
}
