//! Several callers after the same thing, on two instances of the same database.

use crate::database::Database;
use crate::on_both;
use crate::samples::{authorize, code, founded, redeem, rotate};
use std::sync::Arc;
use std::time::Duration;
use store::{Redeemed, Revoke, Rotated, Store};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

on_both!(
    one_of_many_redemptions_of_a_code_wins,
    one_of_many_rotations_of_a_refresh_token_wins,
    all_of_many_rotations_within_the_retry_window_get_one_successor,
    no_token_outlives_the_revocation_of_its_family,
    no_token_outlives_the_revocation_of_its_user,
    concurrent_consents_are_all_remembered,
);

const CALLERS: usize = 32;
const ROUNDS: usize = 200;

/// Runs `call` for all callers at once, odd ones on the second instance.
pub async fn at_once<T, F>(
    stores: &[Store; 2],
    callers: usize,
    call: impl Fn(Store, usize) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(callers));
    let mut running = JoinSet::new();
    for caller in 0..callers {
        let call = call(stores[caller % 2].clone(), caller);
        let start = start.clone();
        running.spawn(async move {
            start.wait().await;
            call.await
        });
    }
    running.join_all().await
}

async fn one_of_many_redemptions_of_a_code_wins(db: Database) {
    let stores = [db.open().await, db.open().await];
    for _ in 0..ROUNDS {
        let code = code("u", "c");
        stores[0].authorize(authorize(&code)).await.unwrap();
        let outcomes = at_once(&stores, CALLERS, |store, _| {
            let command = redeem(&code);
            async move { store.redeem_code(command).await.unwrap() }
        })
        .await;
        let count = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
        assert_eq!(count(Redeemed::Yes), 1);
        assert_eq!(count(Redeemed::AlreadySpent), CALLERS - 1);
    }
    for table in [
        "token_families",
        "refresh_tokens",
        "issuances",
        "audit_events",
    ] {
        assert_eq!(db.count(table).await, ROUNDS as i64, "{table}");
    }
}

async fn one_of_many_rotations_of_a_refresh_token_wins(db: Database) {
    let stores = [db.open().await, db.open().await];
    let first = founded(&stores[0], "u", "c").await;
    let mut token = first.refresh.unwrap();
    for _ in 0..ROUNDS {
        let outcomes = at_once(&stores, CALLERS, |store, _| {
            let command = rotate(&token, &first.family);
            async move {
                let outcome = store.rotate_refresh(command.clone()).await.unwrap();
                (outcome, command.next)
            }
        })
        .await;
        let (winners, losers): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .partition(|(outcome, _)| *outcome == Rotated::Yes);
        assert_eq!(winners.len(), 1);
        assert!(
            losers
                .iter()
                .all(|(found, _)| *found == Rotated::AlreadySpent)
        );
        token = winners[0].1.clone();
    }
    assert_eq!(db.count("refresh_tokens WHERE spent_at IS NULL").await, 1);
    assert_eq!(db.count("issuances").await, ROUNDS as i64 + 1);
}

async fn all_of_many_rotations_within_the_retry_window_get_one_successor(db: Database) {
    let stores = [db.open().await, db.open().await];
    let first = founded(&stores[0], "u", "c").await;
    let mut token = first.refresh.unwrap();
    for _ in 0..ROUNDS / 4 {
        let next = rotate(&token, &first.family).next;
        let outcomes = at_once(&stores, CALLERS, |store, _| {
            let mut command = rotate(&token, &first.family);
            command.next = next.clone();
            command.retry_window = Duration::from_secs(30);
            async move { store.rotate_refresh(command).await.unwrap() }
        })
        .await;
        let count = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
        assert_eq!(
            (count(Rotated::Yes), count(Rotated::Retried)),
            (1, CALLERS - 1)
        );
        token = next;
    }
    let callers = CALLERS as i64;
    let rounds = ROUNDS as i64 / 4;
    assert_eq!(db.count("refresh_tokens").await, rounds + 1);
    assert_eq!(db.count("refresh_tokens WHERE spent_at IS NULL").await, 1);
    assert_eq!(db.count("issuances").await, rounds * callers + 1);
    let retried = "audit_events WHERE detail LIKE '%retry=true'";
    assert_eq!(db.count(retried).await, rounds * (callers - 1));
}

async fn no_token_outlives_the_revocation_of_its_family(db: Database) {
    let stores = [db.open().await, db.open().await];
    for round in 0..ROUNDS {
        let first = founded(&stores[0], "u", "c").await;
        // One of them is a retry: they bring the same token for the same successor.
        let mut command = rotate(first.refresh.as_ref().unwrap(), &first.family);
        command.retry_window = Duration::from_secs(30);
        at_once(&stores, 4, |store, caller| {
            let (mut command, family) = (command.clone(), first.family.id.clone());
            command.issuance.jti = crate::samples::id().into();
            async move {
                if caller % 4 < 2 {
                    store.rotate_refresh(command).await.map(drop)
                } else {
                    // Let the rotation be anywhere when the revocation comes.
                    tokio::time::sleep(Duration::from_micros(round as u64 * 20)).await;
                    store.revoke(Revoke::Family(family), vec![]).await.map(drop)
                }
                .unwrap();
            }
        })
        .await;
    }
    assert_eq!(db.count("token_families WHERE revoked_at IS NULL").await, 0);
    assert_eq!(db.count("issuances WHERE revoked_at IS NULL").await, 0);
}

async fn no_token_outlives_the_revocation_of_its_user(db: Database) {
    let stores = [db.open().await, db.open().await];
    for round in 0..ROUNDS / 2 {
        let user = format!("user-{round}");
        let first = founded(&stores[0], &user, "c").await;
        let code = code(&user, "c");
        stores[0].authorize(authorize(&code)).await.unwrap();
        at_once(&stores, 6, |store, caller| {
            let refresh = rotate(first.refresh.as_ref().unwrap(), &first.family);
            let (redeem, user) = (redeem(&code), user.clone());
            async move {
                match caller / 2 {
                    0 => store.redeem_code(redeem).await.map(drop),
                    1 => store.rotate_refresh(refresh).await.map(drop),
                    _ => {
                        let pause = Duration::from_micros(round as u64 * 40);
                        tokio::time::sleep(pause).await;
                        store.revoke(Revoke::User(user), vec![]).await.map(drop)
                    }
                }
                .unwrap();
            }
        })
        .await;
    }
    assert_eq!(db.count("token_families WHERE revoked_at IS NULL").await, 0);
    assert_eq!(db.count("issuances WHERE revoked_at IS NULL").await, 0);
}

async fn concurrent_consents_are_all_remembered(db: Database) {
    let stores = [db.open().await, db.open().await];
    for round in 0..20 {
        let resource = format!("r{round}");
        at_once(&stores, 16, |store, caller| {
            let mut command = authorize(&code("u", "c"));
            command.consents = vec![store::NewConsent {
                id: crate::samples::id().into(),
                resource_id: resource.as_str().into(),
                scopes: crate::samples::scopes(&format!("s{caller}")),
            }];
            async move { store.authorize(command).await.unwrap() }
        })
        .await;
        let grant = stores[0].consent("u", "c", &resource).await.unwrap();
        assert_eq!(grant.unwrap().scopes.len(), 16);
    }
}
