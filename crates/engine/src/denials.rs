//! Refusals that are recorded one by one, and those that are only counted: what strangers can
//! cause must not fill the audit record.
//!
//! From one network, so many are recorded each minute as `audit.denials_per_minute` says. Those
//! beyond are counted, and recorded as one event when the minute is over. Each instance counts for
//! itself.

use crate::Engine;
use crate::observe::SYSTEM;
use domain::{AuditAction, AuditEvent, ClientNetwork};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long refusals are counted together.
const MINUTE: Duration = Duration::from_secs(60);
/// Networks that are counted by themselves; further ones are counted as one. An entry takes less
/// than 400 bytes.
const MOST_NETWORKS: usize = 10_000;

/// The refusals from one network.
struct Window {
    began: Duration,
    recorded: u32,
    ip: Option<String>,
    suppressed: BTreeMap<&'static str, (AuditAction, u64)>,
}

impl Window {
    /// What is to be recorded of those that were not recorded one by one.
    fn summary(self, now: Duration) -> Option<AuditEvent> {
        let total: u64 = self.suppressed.values().map(|(_, count)| count).sum();
        let most = self.suppressed.values().max_by_key(|(_, count)| *count)?;
        let seconds = now.saturating_sub(self.began).as_secs();
        let mut event = AuditEvent::new(most.0, SYSTEM)
            .with("suppressed", total.to_string())
            .with("seconds", seconds.to_string());
        for (action, (_, count)) in &self.suppressed {
            event = event.with(action, count.to_string());
        }
        event.ip = self.ip;
        Some(event)
    }
}

/// Who has been refused how often.
pub(crate) struct Denials {
    per_minute: u32,
    windows: Mutex<HashMap<Option<ClientNetwork>, Window>>,
}

impl Denials {
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            windows: Mutex::default(),
        }
    }

    /// What to record of `event`, now: itself, nothing, or what was not recorded before with it.
    pub fn admit(&self, event: AuditEvent, now: Duration) -> Vec<AuditEvent> {
        if self.per_minute == 0 || !event.action.is_refusal() {
            return vec![event];
        }
        let ip: Option<IpAddr> = event.ip.as_deref().and_then(|ip| ip.parse().ok());
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut network = ip.map(ClientNetwork::from);
        if windows.len() >= MOST_NETWORKS && !windows.contains_key(&network) {
            network = None;
        }
        let mut admitted = Vec::new();
        if windows
            .get(&network)
            .is_some_and(|window| now.saturating_sub(window.began) >= MINUTE)
        {
            admitted.extend(
                windows
                    .remove(&network)
                    .and_then(|window| window.summary(now)),
            );
        }
        let window = windows.entry(network).or_insert_with(|| Window {
            began: now,
            recorded: 0,
            ip: None,
            suppressed: BTreeMap::new(),
        });
        if window.recorded < self.per_minute {
            window.recorded += 1;
            admitted.push(event);
        } else {
            let counted = window.suppressed.entry(event.action.as_str());
            counted.or_insert((event.action, 0)).1 += 1;
            // Many networks together have no address.
            window.ip = event.ip.filter(|_| network.is_some());
        }
        admitted
    }

    /// What is to be recorded of minutes that are over, or of all of them.
    pub fn over(&self, now: Duration, all: bool) -> Vec<AuditEvent> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let over =
            windows.extract_if(|_, window| all || now.saturating_sub(window.began) >= MINUTE);
        over.filter_map(|(_, window)| window.summary(now)).collect()
    }
}

impl Engine {
    /// Records how many refusals were not recorded one by one, of minutes that are over, or of
    /// `all`.
    pub async fn record_suppressed(&self, all: bool) {
        let events = self.inner().denials.over(self.monotonic(), all);
        if !events.is_empty() {
            self.write_events(events).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: AuditAction, ip: &str) -> AuditEvent {
        let mut event = AuditEvent::new(action, "anonymous");
        event.ip = Some(ip.to_owned());
        event
    }

    fn flood(denials: &Denials, action: AuditAction, ip: &str, times: u32, now: Duration) -> usize {
        let each = (0..times).map(|_| denials.admit(refused(action, ip), now).len());
        each.sum()
    }

    #[test]
    fn a_flood_is_recorded_up_to_its_limit_and_then_counted_once_a_minute() {
        let denials = Denials::new(3);
        let (start, ip) = (Duration::from_secs(5), "192.0.2.1");
        assert_eq!(flood(&denials, AuditAction::TokenDenied, ip, 10, start), 3);
        assert_eq!(flood(&denials, AuditAction::AuthDenied, ip, 4, start), 0);
        assert_eq!(denials.over(start + MINUTE / 2, false), []);
        let over = denials.over(start + MINUTE, false);
        assert_eq!(over.len(), 1);
        assert_eq!(over[0].action, AuditAction::TokenDenied);
        assert_eq!(over[0].ip.as_deref(), Some(ip));
        assert_eq!(
            over[0].detail,
            "suppressed=11 seconds=60 auth.denied=4 token.denied=7"
        );
        assert_eq!(denials.over(start + MINUTE, true), [], "told once");
        assert_eq!(
            flood(&denials, AuditAction::TokenDenied, ip, 3, start + MINUTE),
            3
        );
    }

    #[test]
    fn the_next_refusal_after_the_minute_brings_what_was_counted() {
        let denials = Denials::new(1);
        flood(
            &denials,
            AuditAction::TokenDenied,
            "192.0.2.1",
            5,
            Duration::ZERO,
        );
        let admitted = denials.admit(refused(AuditAction::TokenDenied, "192.0.2.1"), MINUTE);
        let details: Vec<_> = admitted.iter().map(|event| event.detail.as_str()).collect();
        assert_eq!(details, ["suppressed=4 seconds=60 token.denied=4", ""]);
    }

    #[test]
    fn networks_are_counted_apart_and_a_v6_network_as_one() {
        let denials = Denials::new(2);
        let flood = |ip| flood(&denials, AuditAction::AuthDenied, ip, 2, Duration::ZERO);
        assert_eq!(flood("2001:db8::1"), 2);
        assert_eq!(flood("2001:db8::2"), 0);
        assert_eq!(flood("2001:db8:0:1::1"), 2);
        assert_eq!(flood("192.0.2.1"), 2);
    }

    #[test]
    fn what_is_no_refusal_is_always_recorded_and_so_is_everything_without_a_limit() {
        let (denials, unlimited) = (Denials::new(1), Denials::new(0));
        let (login, denied) = (AuditAction::UserLogin, AuditAction::TokenDenied);
        assert_eq!(flood(&denials, login, "192.0.2.1", 9, Duration::ZERO), 9);
        assert_eq!(flood(&unlimited, denied, "192.0.2.1", 9, Duration::ZERO), 9);
    }

    #[test]
    fn the_table_is_bounded_and_counts_all_the_same() {
        let denials = Denials::new(1);
        let total = u32::try_from(MOST_NETWORKS).unwrap() + 500;
        let mut recorded = 0;
        for number in 0..total {
            let ip = std::net::Ipv4Addr::from_bits(number).to_string();
            recorded += flood(&denials, AuditAction::AuthDenied, &ip, 1, Duration::ZERO);
        }
        assert_eq!(denials.windows.lock().unwrap().len(), MOST_NETWORKS + 1);
        assert_eq!(recorded, MOST_NETWORKS + 1);
        let over = denials.over(MINUTE, false);
        assert_eq!(over.len(), 1);
        assert_eq!(over[0].detail, "suppressed=499 seconds=60 auth.denied=499");
    }
}
