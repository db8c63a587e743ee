//! How long wrong admin keys wait for their answer.

use domain::ClientNetwork;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Wrong keys that an address may send before it has to wait; one is forgiven every second.
const PATIENCE: Duration = Duration::from_secs(5);
/// What each wrong key costs.
const COST: Duration = Duration::from_secs(1);
/// The longest wait: a request that takes longer is given up by other means.
const LONGEST: Duration = Duration::from_secs(20);
/// Addresses remembered at most.
const ROOM: usize = 50_000;

/// What each address has to wait for. Answers to wrong keys of one address stand in line, whether
/// the keys come one after the other or all at once.
#[derive(Default)]
pub(crate) struct Penalties(Mutex<HashMap<ClientNetwork, Instant>>);

impl Penalties {
    /// Counts a wrong key, and says how long its answer is to wait.
    pub fn next(&self, address: IpAddr, now: Instant) -> Duration {
        let mut paid_off = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = ClientNetwork::from(address);
        if paid_off.len() >= ROOM && !paid_off.contains_key(&network) {
            paid_off.retain(|_, when| *when > now);
            if paid_off.len() >= ROOM {
                // So many at once are a flood, and whoever comes to it waits.
                return COST;
            }
        }
        let when = paid_off.entry(network).or_insert(now);
        *when = (*when).max(now) + COST;
        let wait = when.duration_since(now).saturating_sub(PATIENCE);
        if wait > LONGEST {
            *when -= COST;
        }
        wait.min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "192.0.2.1";

    fn next(penalties: &Penalties, address: &str, now: Instant) -> u64 {
        penalties.next(address.parse().unwrap(), now).as_secs()
    }

    #[test]
    fn wrong_keys_sent_at_once_wait_as_long_as_those_sent_in_turn() {
        let penalties = Penalties::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..10).map(|_| next(&penalties, HERE, now)).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]);
        assert_eq!(next(&penalties, "192.0.2.2", now), 0, "another address");
        // In turn, each after the answer to the one before.
        let (in_turn, mut now) = (Penalties::default(), now);
        for _ in 0..10 {
            now += in_turn.next(HERE.parse().unwrap(), now);
        }
        let later = now + Duration::from_secs(60);
        assert_eq!(next(&in_turn, HERE, now), 1);
        assert_eq!(next(&in_turn, HERE, later), 0, "forgiven");
    }

    #[test]
    fn no_answer_waits_for_ever_and_no_flood_is_remembered() {
        let penalties = Penalties::default();
        let now = Instant::now();
        let waits = (0..1000).map(|_| next(&penalties, HERE, now));
        assert_eq!(waits.last(), Some(LONGEST.as_secs()));
        let soon = now + LONGEST + PATIENCE;
        assert_eq!(next(&penalties, HERE, soon), 0);
        for number in 0..100_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(number);
            penalties.next(address.into(), now);
        }
        assert!(penalties.0.lock().unwrap().len() <= ROOM);
        assert_eq!(next(&penalties, "198.51.100.1", now), 1, "in the flood");
    }
}
