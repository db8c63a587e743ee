//! PostgreSQL behind a pooler, and changes that are heard of without `LISTEN`.

use crate::database::{Database, ONE_SECOND, open_at, within};
use crate::samples::{client, event, founded, issuance};
use domain::{AuditAction, ClientStatus, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use store::{Issue, Issued, Location, Notify, Pooler, PostgresOptions, Store};
use testing::{PgBouncer, Postgres};
use tokio::task::JoinSet;

async fn open(options: &PostgresOptions) -> Store {
    let location = Location::Postgres(options.clone());
    open_at(&location, Arc::new(SystemClock)).await.unwrap()
}

/// Options of few connections.
fn options(dsn: String) -> PostgresOptions {
    PostgresOptions {
        max_connections: 8,
        min_connections: 1,
        ..PostgresOptions::new(dsn)
    }
}

async fn hears(store: &Store) {
    let hears = async || store.generation().is_some();
    within(Duration::from_secs(5), "hears of changes", hears).await;
}

/// What one instance changes is known to the other within a second.
async fn a_change_reaches_the_other(one: &Store, other: &Store) {
    hears(one).await;
    hears(other).await;
    let own = client();
    let id = own.id.as_str();
    one.create_client(own.clone(), vec![]).await.unwrap();
    assert!(other.client(id).await.unwrap().is_some());
    let suspend = one.set_client_status(id.to_owned(), ClientStatus::Suspended, vec![]);
    assert!(suspend.await.unwrap().is_some());
    within(ONE_SECOND, "the change", async || {
        let known = other.client(id).await.unwrap().unwrap();
        known.status == ClientStatus::Suspended
    })
    .await;
}

/// Many writes and reads at once, of all kinds.
async fn works_under_load(store: &Store) {
    let mut running = JoinSet::new();
    for number in 0..40 {
        let store = store.clone();
        running.spawn(async move {
            let user = format!("user-{number}");
            let held = founded(&store, &user, "app").await;
            let jti = held.issuance.jti.as_str();
            assert!(store.issuance(jti).await.unwrap().is_some());
            let audit = vec![event(AuditAction::UserLogin)];
            store.record(audit).await.unwrap();
        });
    }
    running.join_all().await;
    let report = store.verify_audit_chain().await.unwrap();
    assert_eq!(report.broken, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_is_passed() {
    let server = Postgres::start().await;
    let direct = server.fresh_database().await;
    let mut pooler = PgBouncer::start(&direct, "transaction").await;
    let options = PostgresOptions {
        pooler: Pooler::Transaction,
        listen_dsn: Some(direct),
        ..options(pooler.dsn())
    };
    let (one, other) = (open(&options).await, open(&options).await);
    works_under_load(&one).await;
    a_change_reaches_the_other(&one, &other).await;
    pooler.restart().await;
    within(Duration::from_secs(10), "writes", async || {
        one.record(vec![event(AuditAction::UserLogin)])
            .await
            .is_ok()
    })
    .await;
    works_under_load(&one).await;
    a_change_reaches_the_other(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_transaction_mode_is_all_there_is() {
    let server = Postgres::start().await;
    let pooler = PgBouncer::start(&server.fresh_database().await, "transaction").await;
    let options = PostgresOptions {
        pooler: Pooler::Transaction,
        notify: Notify::Poll,
        ..options(pooler.dsn())
    };
    let (one, other) = (open(&options).await, open(&options).await);
    works_under_load(&one).await;
    a_change_reaches_the_other(&one, &other).await;
    // Nothing is left behind that would be in the way of the next.
    a_change_reaches_the_other(&open(&options).await, &one).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_session_mode_needs_nothing() {
    let server = Postgres::start().await;
    let pooler = PgBouncer::start(&server.fresh_database().await, "session").await;
    let store = open(&PostgresOptions {
        // As many as the pooler opens.
        max_connections: 4,
        min_connections: 1,
        ..PostgresOptions::new(pooler.dsn())
    })
    .await;
    works_under_load(&store).await;
    hears(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_heard_of_by_asking() {
    let db = Database::postgres().await;
    let Location::Postgres(options) = &db.location else {
        panic!("not PostgreSQL");
    };
    let options = PostgresOptions {
        notify: Notify::Poll,
        ..options.clone()
    };
    let (one, other) = (open(&options).await, open(&options).await);
    a_change_reaches_the_other(&one, &other).await;
    // What changes nothing that is kept in memory counts nothing.
    let before = db.texts("SELECT number::text FROM changes").await;
    let held = founded(&one, "user", "app").await;
    let issue = Issue {
        issuance: issuance(&held.family),
        audit: event(AuditAction::TokenIssued),
        proof: None,
    };
    assert_eq!(one.issue(issue).await.unwrap(), Issued::Yes);
    assert_eq!(db.texts("SELECT number::text FROM changes").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_a_server_that_is_not_there_yet() {
    let mut server = Postgres::start_own().await;
    let options = options(server.fresh_database().await);
    server.stop();
    let opening = tokio::spawn({
        let options = options.clone();
        async move { open(&options).await }
    });
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!opening.is_finished());
    server.restart().await;
    let store = opening.await.unwrap();
    store.ping().await.unwrap();
    store.close().await;

    server.stop();
    let impatient = PostgresOptions {
        connect_timeout: Duration::from_secs(1),
        ..options.clone()
    };
    let refused = open_at(&Location::Postgres(impatient), Arc::new(SystemClock)).await;
    let words = refused.err().unwrap().to_string();
    assert!(
        words.contains("127.0.0.1:") && words.contains("refused"),
        "{words}"
    );
    server.restart().await;
    // Whoever says no is not asked again.
    let (address, _) = options.dsn.rsplit_once('/').unwrap();
    let unknown = PostgresOptions::new(format!("{address}/nothing-like-it?sslmode=disable"));
    let unknown = Location::Postgres(unknown);
    let refused = open_at(&unknown, Arc::new(SystemClock));
    let refused = tokio::time::timeout(Duration::from_secs(10), refused).await;
    let words = refused.expect("at once").err().unwrap().to_string();
    assert!(words.contains("does not exist"), "{words}");
}
