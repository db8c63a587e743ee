//! The last minutes of the server's own metrics, for the charts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use telemetry::Metrics;
use telemetry::metrics::Vitals;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// Time between two looks.
const STEP: Duration = Duration::from_secs(5);
/// Looks that are kept: ten minutes.
pub(super) const LENGTH: usize = 121;
/// The slowest percent is taken of what came in so many looks: one minute.
const WINDOW: usize = 12;

/// What the server has done lately. Clones share it.
#[derive(Clone)]
pub(super) struct History(Arc<Mutex<VecDeque<(Instant, Vitals)>>>);

/// A line over time, oldest first; `None` where there is nothing to show.
pub(super) type Line = Vec<Option<f64>>;

/// What is drawn.
pub(super) struct Lines {
    /// Access tokens issued, a second.
    pub issued: Line,
    /// Requests refused or failed, a second.
    pub errors: Line,
    /// Within which 99 of 100 issuances were done, in milliseconds.
    pub slowest: Line,
}

impl History {
    /// Looks at the metrics from now on, until it is told to stop.
    pub fn follow(metrics: Metrics, mut stop: watch::Receiver<bool>) -> Self {
        let history = Self(Arc::default());
        let own = history.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(STEP);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    now = ticks.tick() => own.note(now, metrics.vitals()),
                    // Also when nobody is left who could say so.
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        });
        history
    }

    fn note(&self, now: Instant, vitals: Vitals) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LENGTH {
            kept.pop_front();
        }
        kept.push_back((now, vitals));
    }

    /// What is kept, as lines.
    pub fn lines(&self) -> Lines {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Vec<_> = kept.iter().collect();
        let rate = |total: fn(&Vitals) -> u64| -> Line {
            let pairs = kept.windows(2);
            pairs
                .map(|pair| {
                    let seconds = pair[1].0.duration_since(pair[0].0).as_secs_f64();
                    let events = total(&pair[1].1).saturating_sub(total(&pair[0].1));
                    per_second(events, seconds)
                })
                .collect()
        };
        let slowest = (1..kept.len()).map(|index| {
            let earlier = &kept[index.saturating_sub(WINDOW)].1;
            let seconds = kept[index].1.slowest_percent(earlier)?;
            Some(seconds * 1000.0)
        });
        Lines {
            issued: rate(|vitals| vitals.issued),
            errors: rate(|vitals| vitals.refused + vitals.failed),
            slowest: slowest.collect(),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "events of seconds, for a drawing"
)]
fn per_second(events: u64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| events as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_become_rates_and_old_looks_are_forgotten() {
        let history = History(Arc::default());
        let start = Instant::now();
        for look in 0..300_u32 {
            let mut vitals = Vitals {
                issued: u64::from(look) * 10,
                failed: u64::from(look),
                refused: u64::from(look) * 4,
                ..Vitals::default()
            };
            vitals.issuance[0] = u64::from(look);
            history.note(start + STEP * look, vitals);
        }
        let lines = history.lines();
        assert_eq!(lines.issued, vec![Some(2.0); LENGTH - 1]);
        assert_eq!(lines.errors, vec![Some(1.0); LENGTH - 1]);
        assert!(lines.slowest.iter().all(Option::is_some));
    }
}
