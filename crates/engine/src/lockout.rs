//! Lockout of an (identity, address) pair after repeated failed sign-ins.
//!
//! Checked before a password is hashed. The table is bounded; when it is full, entries that
//! are not locked go first, so that a flood of invented names cannot unlock a locked one.

use config::RateLimit;
use domain::UnixMillis;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

type Pair = (String, Option<IpAddr>);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    first: UnixMillis,
    locked_until: Option<UnixMillis>,
}

/// Who has failed how often.
pub(crate) struct Lockout {
    failures: Mutex<HashMap<Pair, Failures>>,
    max: u32,
    window: Duration,
    lockout: Duration,
    capacity: usize,
}

impl Lockout {
    pub fn new(limits: &RateLimit) -> Self {
        Self {
            failures: Mutex::new(HashMap::new()),
            max: limits.auth_fail_max,
            window: limits.auth_fail_window,
            lockout: limits.auth_lockout,
            capacity: limits.max_tracked_identities,
        }
    }

    /// How long the pair is still locked out, if it is.
    pub fn locked_for(
        &self,
        identity: &str,
        ip: Option<IpAddr>,
        now: UnixMillis,
    ) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let until = failures.get(&(identity.to_owned(), ip))?.locked_until?;
        (now < until).then(|| until.since(now))
    }

    /// Notes a failure. Returns how long the pair is locked out from now on, if this was one
    /// too many.
    pub fn failed(&self, identity: &str, ip: Option<IpAddr>, now: UnixMillis) -> Option<Duration> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (identity.to_owned(), ip);
        if failures.len() >= self.capacity && !failures.contains_key(&pair) {
            self.make_room(&mut failures, now);
        }
        let entry = failures.entry(pair).or_insert(Failures {
            count: 0,
            first: now,
            locked_until: None,
        });
        let lock_over = entry.locked_until.is_some_and(|until| until <= now);
        if lock_over || now.since(entry.first) > self.window {
            *entry = Failures {
                count: 0,
                first: now,
                locked_until: None,
            };
        }
        entry.count += 1;
        if entry.count < self.max {
            return None;
        }
        entry.locked_until = Some(now.plus(self.lockout));
        Some(self.lockout)
    }

    /// Forgets the failures of a pair that has signed in.
    pub fn succeeded(&self, identity: &str, ip: Option<IpAddr>) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&(identity.to_owned(), ip));
    }

    fn make_room(&self, failures: &mut HashMap<Pair, Failures>, now: UnixMillis) {
        failures.retain(|_, entry| {
            entry
                .locked_until
                .map_or(now.since(entry.first) <= self.window, |until| now < until)
        });
        // A tenth at a time, so that a full table is not searched for every newcomer.
        let target = self.capacity - (self.capacity / 10).max(1);
        for locked in [false, true] {
            let surplus = failures.len().saturating_sub(target);
            let mut ages: Vec<_> = failures
                .iter()
                .filter(|(_, entry)| entry.locked_until.is_some() == locked)
                .map(|(pair, entry)| (entry.first, pair.clone()))
                .collect();
            ages.sort_by_key(|(first, _)| *first);
            for (_, pair) in ages.into_iter().take(surplus) {
                failures.remove(&pair);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lockout(capacity: usize) -> Lockout {
        let mut limits = config::Config::default().rate_limit;
        limits.auth_fail_max = 3;
        limits.max_tracked_identities = capacity;
        Lockout::new(&limits)
    }

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    #[test]
    fn the_third_failure_locks_the_pair_and_no_other() {
        let table = lockout(100);
        let here = Some("192.0.2.1".parse().unwrap());
        assert_eq!(table.failed("a", here, NOW), None);
        assert_eq!(table.failed("a", here, NOW), None);
        assert_eq!(table.locked_for("a", here, NOW), None);
        assert!(table.failed("a", here, NOW).is_some());
        assert!(table.locked_for("a", here, NOW).is_some());
        assert_eq!(
            table.locked_for("a", Some("192.0.2.2".parse().unwrap()), NOW),
            None
        );
        assert_eq!(table.locked_for("b", here, NOW), None);
    }

    #[test]
    fn locks_end_and_old_failures_are_forgotten() {
        let table = lockout(100);
        for _ in 0..3 {
            table.failed("a", None, NOW);
        }
        let after = NOW.plus(Duration::from_secs(15 * 60));
        assert_eq!(table.locked_for("a", None, after), None);
        assert_eq!(table.failed("a", None, after), None);
        table.failed("b", None, NOW);
        table.failed("b", None, NOW);
        assert_eq!(
            table.failed("b", None, NOW.plus(Duration::from_secs(11 * 60))),
            None
        );
        table.succeeded("b", None);
        assert_eq!(table.failed("b", None, NOW), None);
    }

    #[test]
    fn a_flood_of_names_does_not_unlock_a_locked_one_and_stays_bounded() {
        let table = lockout(100);
        for _ in 0..3 {
            table.failed("victim", None, NOW);
        }
        for name in 0..10_000 {
            table.failed(&name.to_string(), None, NOW);
        }
        assert!(table.locked_for("victim", None, NOW).is_some());
        assert!(table.failures.lock().unwrap().len() <= 100);
    }
}
