//! PostgreSQL gone, silent, or unheard, and back again.

use crate::database::{Database, within};
use crate::samples::{client, event, founded};
use domain::{AuditAction, ClientStatus};
use std::time::{Duration, Instant};
use store::{Store, StoreError};
use testing::Postgres;
use tokio::task::JoinSet;

/// Within this time a call says that the database is unavailable.
const FEW_SECONDS: Duration = Duration::from_secs(10);

async fn hears(store: &Store) {
    within(FEW_SECONDS, "hears of changes", async || {
        store.generation().is_some()
    })
    .await;
}

async fn login(store: &Store) -> store::Result<()> {
    store.record(vec![event(AuditAction::UserLogin)]).await
}

/// Everything fails, soon and with the right error, for one caller and for many.
async fn assert_unavailable(store: &Store) {
    within(Duration::from_secs(2), "blind", async || {
        store.generation().is_none()
    })
    .await;
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for index in 0..64 {
        let store = store.clone();
        calls.spawn(async move {
            match index % 4 {
                0 => store.client("c").await.map(drop),
                1 => store.issuance("j").await.map(drop),
                2 => store.ping().await,
                _ => login(&store).await,
            }
        });
    }
    for outcome in calls.join_all().await {
        let unavailable = outcome.as_ref().is_err_and(StoreError::is_unavailable);
        assert!(unavailable, "{outcome:?}");
    }
    assert!(start.elapsed() < FEW_SECONDS, "{:?}", start.elapsed());
}

async fn assert_works_again(store: &Store) {
    within(FEW_SECONDS, "a write succeeds", async || {
        login(store).await.is_ok()
    })
    .await;
    within(FEW_SECONDS, "a read succeeds", async || {
        store.client("c").await.is_ok()
    })
    .await;
    hears(store).await;
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_killed_and_comes_back_needs_no_reopening() {
    let mut server = Postgres::start_own().await;
    let db = Database::on(&server).await;
    let store = db.open().await;
    hears(&store).await;
    let held = founded(&store, "u", "c").await;
    server.kill();
    assert_unavailable(&store).await;
    server.restart().await;
    assert_works_again(&store).await;
    let jti = held.issuance.jti.as_str();
    assert!(store.issuance(jti).await.unwrap().is_some());
    server.stop();
    assert_unavailable(&store).await;
    server.restart().await;
    assert_works_again(&store).await;
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Postgres::start_own().await;
    let db = Database::on(&server).await;
    let store = db.open().await;
    let mut callers = JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        callers.spawn(async move {
            let mut acknowledged = 0_i64;
            while login(&store).await.is_ok() {
                acknowledged += 1;
            }
            acknowledged
        });
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.kill();
    let acknowledged: i64 = callers.join_all().await.iter().sum();
    server.restart().await;
    assert_works_again(&store).await;
    assert!(acknowledged > 0);
    assert!(db.count("audit_events").await >= acknowledged);
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_silent_counts_as_unavailable() {
    let mut server = Postgres::start_own().await;
    let db = Database::on(&server).await;
    let store = db.open().await;
    hears(&store).await;
    login(&store).await.unwrap();
    server.freeze();
    assert_unavailable(&store).await;
    server.thaw();
    assert_works_again(&store).await;
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_listener_dies_reads_from_the_database_until_it_hears_again() {
    let server = Postgres::start_own().await;
    let db = Database::on(&server).await;
    let store = db.open().await;
    let client = client();
    let id = client.id.as_str();
    store.create_client(client.clone(), vec![]).await.unwrap();
    hears(&store).await;
    assert!(store.client(id).await.unwrap().is_some());
    for status in [ClientStatus::Suspended, ClientStatus::Active] {
        // Nobody is told of this change, and the listener loses its connection.
        db.execute(&format!(
            "UPDATE clients SET status = '{status}'; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'authserver' AND query LIKE 'LISTEN%'"
        ))
        .await;
        within(crate::database::ONE_SECOND, "status", async || {
            store.client(id).await.unwrap().unwrap().status == status
        })
        .await;
        hears(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_connection_was_closed_meanwhile_is_tried_on_another() {
    let server = Postgres::start_own().await;
    let db = Database::on(&server).await;
    let store = db.open().await;
    for _ in 0..5 {
        login(&store).await.unwrap();
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'authserver'",
        )
        .await;
        login(&store).await.unwrap();
    }
    assert_eq!(db.count("audit_events").await, 10);
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}
