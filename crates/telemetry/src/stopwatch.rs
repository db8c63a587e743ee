//! Durations, by a clock that never goes backwards.

use std::time::{Duration, Instant};

/// Measures how long something takes. Wall-clock changes do not affect it.
///
/// ```
/// let stopwatch = telemetry::Stopwatch::start();
/// assert!(stopwatch.seconds() < 60.0);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.0
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Seconds since the start: the unit of every histogram in the catalog.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_only_moves_forward() {
        let stopwatch = Stopwatch::start();
        let first = stopwatch.seconds();
        assert!(first >= 0.0);
        assert!(stopwatch.seconds() >= first);
    }
}
