//! Lockout after repeated failed sign-ins: of an identity from one network, and, after ten times as
//! many failures, of the identity from everywhere.
//!
//! Checked before a password is hashed. The table is bounded; when it is full, entries that
//! are not locked go first, so that a flood of invented names cannot unlock a locked one. Time is
//! that of [`domain::Clock::monotonic`]: a lockout lasts as long as it should, even when the
//! machine's clock is set meanwhile.

use config::RateLimit;
use domain::{ClientNetwork, Digest};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many times as many failures from all networks together lock an identity out as from one.
/// Guesses that come from everywhere are as bounded as others, while one stranger cannot lock a
/// user out.
const ALL_NETWORKS: u32 = 10;

/// From where attempts are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Network(Option<ClientNetwork>),
    Everywhere,
}

/// Who is tried, by a part of a hash, so that long names take no more memory than short ones.
type Identity = [u8; 16];

fn identity_of(name: &str) -> Identity {
    let mut identity = [0; 16];
    identity.copy_from_slice(&Digest::of(name.as_bytes()).as_bytes()[..16]);
    identity
}

type Counted = (Identity, Source);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    first: Duration,
    locked_until: Option<Duration>,
}

impl Failures {
    fn since(first: Duration) -> Self {
        Self {
            count: 0,
            first,
            locked_until: None,
        }
    }
}

/// Who has failed how often.
pub(crate) struct Lockout {
    failures: Mutex<HashMap<Counted, Failures>>,
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

    /// How long the identity is still locked out from this network, if it is.
    pub fn locked_for(
        &self,
        identity: &str,
        network: Option<ClientNetwork>,
        now: Duration,
    ) -> Option<Duration> {
        let identity = identity_of(identity);
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        [Source::Network(network), Source::Everywhere]
            .iter()
            .filter_map(|from| failures.get(&(identity, *from))?.locked_until)
            .max()
            .and_then(|until| until.checked_sub(now))
            .filter(|left| !left.is_zero())
    }

    /// Notes a failure. Returns how long the identity is locked out from now on, if this was one
    /// too many.
    pub fn failed(
        &self,
        identity: &str,
        network: Option<ClientNetwork>,
        now: Duration,
    ) -> Option<Duration> {
        let identity = identity_of(identity);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let everywhere = self.max.saturating_mul(ALL_NETWORKS);
        let locked = [
            (Source::Network(network), self.max),
            (Source::Everywhere, everywhere),
        ]
        .map(|(from, max)| self.count(&mut failures, (identity, from), max, now));
        locked.contains(&true).then_some(self.lockout)
    }

    /// Whether this failure is one too many.
    fn count(
        &self,
        failures: &mut HashMap<Counted, Failures>,
        counted: Counted,
        max: u32,
        now: Duration,
    ) -> bool {
        if failures.len() >= self.capacity && !failures.contains_key(&counted) {
            self.make_room(failures, now);
        }
        let entry = failures.entry(counted).or_insert(Failures::since(now));
        if self.is_over(entry, now) {
            *entry = Failures::since(now);
        }
        entry.count += 1;
        let locks = entry.count >= max;
        if locks {
            entry.locked_until = Some(now + self.lockout);
        }
        locks
    }

    /// Forgets the failures of an identity that has signed in from this network. Those from
    /// everywhere stay counted: who guesses is not helped by the user's own sign-ins.
    pub fn succeeded(&self, identity: &str, network: Option<ClientNetwork>) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&(identity_of(identity), Source::Network(network)));
    }

    fn is_over(&self, entry: &Failures, now: Duration) -> bool {
        match entry.locked_until {
            Some(until) => until <= now,
            None => now.saturating_sub(entry.first) > self.window,
        }
    }

    fn make_room(&self, failures: &mut HashMap<Counted, Failures>, now: Duration) {
        failures.retain(|_, entry| !self.is_over(entry, now));
        // A tenth at a time, so that a full table is not searched for every newcomer.
        let target = self.capacity - (self.capacity / 10).max(1);
        for locked in [false, true] {
            let surplus = failures.len().saturating_sub(target);
            let mut ages: Vec<_> = failures
                .iter()
                .filter(|(_, entry)| entry.locked_until.is_some() == locked)
                .map(|(counted, entry)| (entry.first, *counted))
                .collect();
            if surplus > 0 && surplus < ages.len() {
                ages.select_nth_unstable_by_key(surplus, |(first, _)| *first);
            }
            for (_, counted) in ages.into_iter().take(surplus) {
                failures.remove(&counted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn lockout(capacity: usize) -> Lockout {
        let mut limits = config::Config::default().rate_limit;
        limits.auth_fail_max = 3;
        limits.max_tracked_identities = capacity;
        Lockout::new(&limits)
    }

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn at(address: &str) -> Option<ClientNetwork> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn the_third_failure_locks_the_identity_from_there_and_no_other() {
        let table = lockout(100);
        let here = at("192.0.2.1");
        assert_eq!(table.failed("a", here, NOW), None);
        assert_eq!(table.failed("a", here, NOW), None);
        assert_eq!(table.locked_for("a", here, NOW), None);
        assert!(table.failed("a", here, NOW).is_some());
        assert!(table.locked_for("a", here, NOW).is_some());
        assert_eq!(table.locked_for("a", at("192.0.2.2"), NOW), None);
        assert_eq!(table.locked_for("b", here, NOW), None);
    }

    #[test]
    fn the_addresses_of_a_v6_network_share_their_tries() {
        let table = lockout(100);
        for host in 1..=3 {
            table.failed("a", at(&format!("2001:db8::{host}")), NOW);
        }
        assert!(table.locked_for("a", at("2001:db8::ffff"), NOW).is_some());
        assert_eq!(table.locked_for("a", at("2001:db8:0:1::1"), NOW), None);
    }

    #[test]
    fn guesses_from_everywhere_lock_the_identity_everywhere() {
        let table = lockout(1000);
        for network in 0..29 {
            assert_eq!(
                table.failed("a", at(&format!("192.0.2.{network}")), NOW),
                None
            );
        }
        assert_eq!(table.locked_for("a", at("198.51.100.1"), NOW), None);
        // What the user's own sign-ins do not undo.
        table.succeeded("a", at("198.51.100.1"));
        assert!(table.failed("a", at("192.0.2.29"), NOW).is_some());
        assert!(table.locked_for("a", at("198.51.100.1"), NOW).is_some());
        assert_eq!(table.locked_for("b", at("198.51.100.1"), NOW), None);
        let after = NOW + Duration::from_secs(15 * 60);
        assert_eq!(table.locked_for("a", at("198.51.100.1"), after), None);
    }

    #[test]
    fn locks_end_and_old_failures_are_forgotten() {
        let table = lockout(100);
        for _ in 0..3 {
            table.failed("a", None, NOW);
        }
        let after = NOW + Duration::from_secs(15 * 60);
        assert_eq!(table.locked_for("a", None, after), None);
        assert_eq!(table.failed("a", None, after), None);
        table.failed("b", None, NOW);
        table.failed("b", None, NOW);
        let later = NOW + Duration::from_secs(11 * 60);
        assert_eq!(table.failed("b", None, later), None);
        table.succeeded("b", None);
        assert_eq!(table.failed("b", None, later), None);
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
