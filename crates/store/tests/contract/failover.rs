//! A standby of PostgreSQL takes over while writers go on.

use crate::database::{open_at, within};
use crate::samples::{authorize, code, id, redeem};
use domain::{Jti, SystemClock};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Location, PostgresOptions, Redeemed, Store};
use testing::Postgres;
use tokio::task::JoinSet;

/// Within this time after a promotion the service is back.
const BACK: Duration = Duration::from_secs(3);

/// What writers have been told stands.
#[derive(Default)]
struct Acknowledged {
    tokens: Mutex<HashSet<String>>,
    /// Codes that gave tokens, and how often.
    twice: AtomicU32,
    since_promotion: AtomicU32,
}

/// Redeems codes, each of them twice at once and again later, until told to stop.
async fn redeem_on(store: Store, told: Arc<Acknowledged>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let own = code(&id(), "app");
        if store.authorize(authorize(&own)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let (first, second) = (redeem(&own), redeem(&own));
        let outcomes = tokio::join!(
            store.redeem_code(first.clone()),
            store.redeem_code(second.clone())
        );
        let third = redeem(&own);
        let again = store.redeem_code(third.clone()).await;
        let tried = [(first, outcomes.0), (second, outcomes.1), (third, again)];
        let given: Vec<Jti> = tried
            .into_iter()
            .filter(|(_, outcome)| matches!(outcome, Ok(Redeemed::Yes)))
            .map(|(command, _)| command.issuance.jti)
            .collect();
        if given.len() > 1 {
            told.twice.fetch_add(1, Ordering::SeqCst);
        }
        told.since_promotion
            .fetch_add(u32::try_from(given.len()).unwrap(), Ordering::SeqCst);
        let mut tokens = told.tokens.lock().unwrap();
        tokens.extend(given.iter().map(ToString::to_string));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_takes_over_and_the_old_primary_follows() {
    let mut first = Postgres::start_own().await;
    let dsn = first.fresh_database().await;
    let mut second = first.standby().await;
    let (_, database) = dsn.rsplit_once('/').unwrap();
    let both = format!(
        "authplane@{},{}/{database}",
        first.address(),
        second.address()
    );
    let location = Location::Postgres(PostgresOptions {
        max_connections: 12,
        min_connections: 2,
        ..PostgresOptions::new(format!("postgres://{both}"))
    });
    let store = open_at(&location, Arc::new(SystemClock)).await.unwrap();
    let (told, stop) = (Arc::<Acknowledged>::default(), Arc::<AtomicBool>::default());
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        writers.spawn(redeem_on(store.clone(), told.clone(), stop.clone()));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;

    let works_again = async || {
        told.since_promotion.store(0, Ordering::SeqCst);
        within(BACK, "tokens", async || {
            told.since_promotion.load(Ordering::SeqCst) > 8
        })
        .await;
        within(BACK, "hears", async || store.generation().is_some()).await;
    };
    first.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    second.promote().await;
    works_again().await;
    // The other way, with the old primary as a standby.
    first.follow(&mut second).await;
    second.confirm_together().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    second.kill();
    first.promote().await;
    works_again().await;

    stop.store(true, Ordering::SeqCst);
    writers.join_all().await;
    assert_eq!(told.twice.load(Ordering::SeqCst), 0, "one code, one token");
    let tokens = told.tokens.lock().unwrap().clone();
    assert!(tokens.len() > 100, "{}", tokens.len());
    for jti in &tokens {
        assert!(store.issuance(jti).await.unwrap().is_some(), "{jti}");
    }
}
