//! Which connections a listener has, and which of them make room for others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ClientNetwork;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::ServeOptions;
use super::activity::Activity;

/// When there is no room, one in so many of all connections is dropped at once, if its client keeps
/// us waiting: to look through all of them for each newcomer would cost too much in a flood.
const SHARE_DROPPED: usize = 64;

/// While there is no room, how often it is seen whether a connection has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The connections of a listener. A client that keeps us waiting, for its next request above all,
/// makes room for others, the longest waited for first; a request that is being served never does.
pub(super) struct Connections {
    table: Mutex<Table>,
    room: Arc<Semaphore>,
    options: ServeOptions,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Open>,
    /// Numbers of the connections of each network that has a limit.
    networks: HashMap<ClientNetwork, Vec<u64>>,
    last: u64,
}

struct Open {
    activity: Arc<Activity>,
    network: Option<ClientNetwork>,
}

/// The network has all the connections it may have, and none of them is idle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany(pub ClientNetwork);

impl Connections {
    pub fn new(options: ServeOptions) -> Self {
        let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            table: Mutex::default(),
            room: Arc::new(Semaphore::new(most)),
            options,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a connection of `peer`. A network that has as many as it may have loses the one
    /// that it uses least, if it can be done without.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Admitted, TooMany> {
        let peer = peer.to_canonical();
        let is_proxy = |proxies: &[ipnet::IpNet]| proxies.iter().any(|net| net.contains(&peer));
        let network = (!is_proxy(&self.options.proxies)).then(|| ClientNetwork::from(peer));
        let activity = Activity::new();
        let mut table = self.table();
        if let Some(network) = network {
            let own = table.networks.get(&network).map_or(&[][..], Vec::as_slice);
            if own.len() >= self.options.max_connections_per_address.max(1) {
                let idle = table.longest_waiting(own.iter().copied());
                table.drop_one(idle.ok_or(TooMany(network))?);
            }
        }
        table.last += 1;
        let number = table.last;
        if let Some(network) = network {
            table.networks.entry(network).or_default().push(number);
        }
        let open = Open {
            activity: Arc::clone(&activity),
            network,
        };
        table.open.insert(number, open);
        drop(table);
        Ok(Admitted {
            connections: Arc::clone(self),
            number,
            activity,
        })
    }

    /// Waits for a place for `newcomer`; if there is none, connections that can be done without are dropped, now
    /// or as soon as there are such.
    pub async fn place(&self, newcomer: &Admitted) -> Option<OwnedSemaphorePermit> {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => return Some(permit),
            Err(TryAcquireError::Closed) => return None,
            Err(TryAcquireError::NoPermits) => {}
        }
        loop {
            self.make_room(newcomer.number);
            let place = Arc::clone(&self.room).acquire_owned();
            if let Ok(place) = timeout(LOOK_AGAIN, place).await {
                return place.ok();
            }
        }
    }

    fn make_room(&self, newcomer: u64) {
        let mut table = self.table();
        let mut waiting: Vec<_> = table
            .open
            .iter()
            .filter(|(number, _)| **number != newcomer)
            .filter_map(|(number, open)| Some((open.activity.waiting()?, *number)))
            .collect();
        let share = (table.open.len() / SHARE_DROPPED).max(1);
        if waiting.len() > share {
            waiting.select_nth_unstable(share);
            waiting.truncate(share);
        }
        for (_, number) in waiting {
            table.drop_one(number);
        }
    }

    /// Waits until all connections have ended.
    pub async fn all_ended(&self) {
        let all = self
            .options
            .max_connections
            .clamp(1, Semaphore::MAX_PERMITS);
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let _ = self.room.acquire_many(all).await;
    }

    /// Does something to each connection.
    pub fn each(&self, act: impl Fn(&Activity)) {
        for open in self.table().open.values() {
            act(&open.activity);
        }
    }
}

impl Table {
    fn longest_waiting(&self, numbers: impl Iterator<Item = u64>) -> Option<u64> {
        numbers
            .filter_map(|number| Some((self.open.get(&number)?.activity.waiting()?, number)))
            .min()
            .map(|(_, number)| number)
    }

    fn drop_one(&mut self, number: u64) {
        if let Some(open) = self.remove(number) {
            open.activity.cut();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Open> {
        let open = self.open.remove(&number)?;
        if let Some(network) = open.network
            && let Some(own) = self.networks.get_mut(&network)
        {
            own.retain(|other| *other != number);
            if own.is_empty() {
                self.networks.remove(&network);
            }
        }
        Some(open)
    }
}

/// A connection among the others; it leaves when this is dropped, however that comes.
pub(super) struct Admitted {
    connections: Arc<Connections>,
    number: u64,
    pub activity: Arc<Activity>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.connections.table().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(all: usize, each: usize) -> Arc<Connections> {
        Arc::new(Connections::new(ServeOptions {
            max_connections: all,
            max_connections_per_address: each,
            proxies: ["192.0.2.0/24".parse().unwrap()].into(),
            ..ServeOptions::default()
        }))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_network_at_its_limit_gives_up_the_connection_it_uses_least() {
        let all = connections(100, 3);
        let open = |peer| all.admit(address(peer));
        let first = open("2001:db8::1").unwrap();
        let busy = first.activity.begin(false);
        let second = open("2001:db8::2").unwrap();
        let third = open("2001:db8::3").unwrap();
        let fourth = open("2001:db8::4").unwrap();
        assert!(second.activity.is_cut(), "waited for longest");
        for kept in [&first, &third, &fourth] {
            assert!(!kept.activity.is_cut());
        }
        let (third, fourth) = (third.activity.begin(false), fourth.activity.begin(false));
        assert_eq!(
            open("2001:db8::5").err(),
            Some(TooMany(address("2001:db8::").into())),
            "all are busy"
        );
        assert!(open("2001:db8:0:1::1").is_ok(), "others are not affected");
        drop((busy, third, fourth));
        assert!(open("2001:db8::5").is_ok());
    }

    #[tokio::test]
    async fn what_has_left_no_longer_counts_and_a_trusted_proxy_never_does() {
        let all = connections(100, 1);
        for _ in 0..5 {
            let one = all.admit(address("198.51.100.1")).unwrap();
            let _busy = one.activity.begin(false);
        }
        assert!(all.table().networks.is_empty());
        let proxied: Vec<_> = (0..5)
            .map(|_| all.admit(address("::ffff:192.0.2.7")).unwrap())
            .collect();
        assert!(proxied.iter().all(|one| !one.activity.is_cut()));
    }

    #[tokio::test]
    async fn a_full_house_drops_idle_connections_and_no_busy_one() {
        let all = connections(2, 100);
        let first = all.admit(address("198.51.100.1")).unwrap();
        let place = all.place(&first).await.unwrap();
        let busy = first.activity.begin(false);
        let second = all.admit(address("198.51.100.2")).unwrap();
        let other = all.place(&second).await.unwrap();
        let third = all.admit(address("198.51.100.3")).unwrap();
        let waiting = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.place(&third).await.is_some() && !third.activity.is_cut() }
        });
        tokio::task::yield_now().await;
        assert!(second.activity.is_cut() && !first.activity.is_cut());
        drop(other);
        assert!(waiting.await.unwrap());
        drop((busy, place));
    }
}
