//! Counting requests per client address, in bounded memory.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ClientNetwork;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

const SHARDS: usize = 64;

/// Addresses remembered at most in each shard: some 130,000 in all, about 5 MB.
const SHARD_ROOM: usize = 2048;

/// Limits how often each client address may ask: so many requests per second in the long run,
/// and so many at once.
///
/// The rule is governor's GCRA; the table is ours, because it must not grow with the number of
/// addresses an attacker can come from. When a part of it is full, the addresses that have used
/// least of their allowance are forgotten, so those that are being limited stay limited.
pub struct AddressLimiter<C: Clock = DefaultClock> {
    limiter: RateLimiter<ClientNetwork, Table, C, NoOpMiddleware<C::Instant>>,
    table: Table,
}

impl AddressLimiter {
    /// A limiter; `None` when either number is 0, which means no limit.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        Self::with_clock(per_second, burst, DefaultClock::default())
    }
}

impl<C: Clock> AddressLimiter<C> {
    /// The same with a clock of one's own.
    #[must_use]
    pub fn with_clock(per_second: u32, burst: u32, clock: C) -> Option<Self> {
        let quota =
            Quota::per_second(NonZeroU32::new(per_second)?).allow_burst(NonZeroU32::new(burst)?);
        let table = Table::default();
        Some(Self {
            limiter: RateLimiter::new(quota, table.clone(), clock),
            table,
        })
    }

    /// Counts a request from `address`.
    ///
    /// # Errors
    /// It is one too many. The value is the whole seconds until one more is allowed, at least 1.
    pub fn check(&self, address: IpAddr) -> Result<(), u64> {
        self.limiter
            .check_key(&address.into())
            .map_err(|not_until| {
                let wait = not_until.wait_time_from(self.limiter.clock().now());
                wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
            })
    }

    /// Addresses remembered at present.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no address is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<C: Clock> fmt::Debug for AddressLimiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressLimiter")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

type Shard = HashMap<ClientNetwork, Nanos, RandomState>;

/// When each address will have its full allowance again ("theoretical arrival time").
/// Clones are the same table.
#[derive(Clone)]
struct Table {
    hasher: RandomState,
    shards: Arc<[Mutex<Shard>; SHARDS]>,
}

impl Default for Table {
    fn default() -> Self {
        let hasher = RandomState::new();
        Self {
            shards: Arc::new(std::array::from_fn(|_| {
                Mutex::new(HashMap::with_hasher(hasher.clone()))
            })),
            hasher,
        }
    }
}

impl Table {
    fn len(&self) -> usize {
        let count =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(count).sum()
    }
}

impl StateStore for Table {
    type Key = ClientNetwork;

    fn measure_and_replace<T, F, E>(&self, key: &ClientNetwork, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // The shard's own map uses the low and the very top bits of the hash.
        let shard = (self.hasher.hash_one(key) >> 40) as usize % SHARDS;
        let mut shard = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(full_again) = shard.get_mut(key) {
            let (outcome, next) = measure(Some(*full_again))?;
            *full_again = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        if shard.len() >= SHARD_ROOM {
            make_room(&mut shard, next);
        }
        shard.insert(*key, next);
        Ok(outcome)
    }
}

/// Forgets addresses of a full shard. `newcomer` is the state of an address after its first
/// request; whoever is not beyond that loses at most one request by being forgotten. If that
/// is not enough, the half that has used least goes.
fn make_room(shard: &mut Shard, newcomer: Nanos) {
    shard.retain(|_, full_again| *full_again > newcomer);
    if shard.len() > SHARD_ROOM / 4 * 3 {
        let mut times = shard.values().copied().collect::<Vec<_>>();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        shard.retain(|_, full_again| *full_again > median);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_burst_is_allowed_then_the_rate() {
        let clock = FakeRelativeClock::default();
        let limiter = AddressLimiter::with_clock(2, 5, clock.clone()).unwrap();
        for _ in 0..5 {
            assert_eq!(limiter.check(v4(1)), Ok(()));
        }
        assert_eq!(limiter.check(v4(1)), Err(1));
        assert_eq!(limiter.check(v4(2)), Ok(()), "others are not affected");
        clock.advance(Duration::from_millis(500));
        assert_eq!(limiter.check(v4(1)), Ok(()));
        assert_eq!(limiter.check(v4(1)), Err(1));
        clock.advance(Duration::from_secs(60));
        for _ in 0..5 {
            assert_eq!(limiter.check(v4(1)), Ok(()));
        }
    }

    #[test]
    fn no_limit_is_no_limiter() {
        assert!(AddressLimiter::new(0, 5).is_none());
        assert!(AddressLimiter::new(5, 0).is_none());
    }

    #[test]
    fn a_v6_network_counts_as_one() {
        let limiter = AddressLimiter::with_clock(1, 1, FakeRelativeClock::default()).unwrap();
        let v6 = |low: u128| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | low));
        assert_eq!(limiter.check(v6(1)), Ok(()));
        assert_eq!(limiter.check(v6(0xffff_ffff)), Err(1));
        assert_eq!(limiter.check(v6(1 << 64)), Ok(()), "another /64");
    }

    #[test]
    fn a_million_addresses_fit_and_do_not_free_the_one_that_is_limited() {
        let clock = FakeRelativeClock::default();
        let limiter = AddressLimiter::with_clock(10, 20, clock.clone()).unwrap();
        let abuser = v4(u32::MAX);
        while limiter.check(abuser).is_ok() {}
        for number in 0..1_000_000 {
            assert_eq!(limiter.check(v4(number)), Ok(()));
        }
        assert!(limiter.len() <= SHARDS * SHARD_ROOM, "{}", limiter.len());
        assert!(limiter.check(abuser).is_err());
        clock.advance(Duration::from_secs(10));
        assert_eq!(limiter.check(abuser), Ok(()));
    }
}
