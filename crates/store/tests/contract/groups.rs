//! Concurrent writes share a commit and nothing else.

use crate::database::Database;
use crate::on_both;
use crate::samples::{authorize, client, code, event, founded, redeem, resource, rotate, user};
use domain::AuditAction;
use store::{Redeemed, Rotated, StoreError};
use tokio::task::JoinSet;

on_both!(
    a_write_that_fails_fails_alone,
    a_write_that_fails_only_when_the_group_ends_fails_alone,
    a_group_of_any_size_is_written_whole,
    many_kinds_of_writes_at_once_all_succeed,
    a_caller_that_leaves_does_not_disturb_the_others,
);

async fn a_write_that_fails_fails_alone(db: Database) {
    let store = db.open().await;
    let taken = client();
    store.create_client(taken.clone(), vec![]).await.unwrap();
    for round in 0..10 {
        let mut running = JoinSet::new();
        for index in 0..100 {
            let mut client = client();
            if index == 40 {
                client.id = taken.id.clone();
            }
            let store = store.clone();
            running.spawn(async move {
                let audit = vec![event(AuditAction::ClientRegistered)];
                (index, store.create_client(client, audit).await)
            });
        }
        for (index, outcome) in running.join_all().await {
            match index {
                40 => assert!(matches!(outcome, Err(StoreError::Conflict(_)))),
                _ => outcome.unwrap(),
            }
        }
        let written = 99 * (round + 1);
        assert_eq!(db.count("clients").await, written + 1);
        assert_eq!(db.count("audit_events").await, written);
    }
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}

async fn a_write_that_fails_only_when_the_group_ends_fails_alone(db: Database) {
    let store = db.open().await;
    let jti = founded(&store, "u", "c").await.issuance.jti;
    let mut running = JoinSet::new();
    for index in 0..100 {
        let code = code("u", "c");
        store.authorize(authorize(&code)).await.unwrap();
        let mut command = redeem(&code);
        if index == 40 {
            command.issuance.jti = jti.clone();
        }
        let store = store.clone();
        running.spawn(async move { (index, store.redeem_code(command).await) });
    }
    for (index, outcome) in running.join_all().await {
        match index {
            40 => assert!(matches!(outcome, Err(StoreError::Conflict(_)))),
            _ => assert_eq!(outcome.unwrap(), Redeemed::Yes),
        }
    }
    for table in [
        "token_families",
        "refresh_tokens",
        "issuances",
        "audit_events",
    ] {
        assert_eq!(db.count(table).await, 100, "{table}");
    }
    assert_eq!(
        db.count("authorization_codes WHERE spent_at IS NULL").await,
        1
    );
}

async fn a_group_of_any_size_is_written_whole(db: Database) {
    let store = db.open().await;
    let mut written = 0;
    for size in [1, 2, 3, 31, 32, 33, 63, 64, 65, 100, 257, 1000] {
        let events = vec![event(AuditAction::UserLogin); size];
        store.record(events).await.unwrap();
        written += size as i64;
        assert_eq!(db.count("audit_events").await, written);
    }
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}

async fn many_kinds_of_writes_at_once_all_succeed(db: Database) {
    let store = db.open().await;
    let mut running = JoinSet::new();
    for index in 0..400 {
        let store = store.clone();
        running.spawn(async move {
            match index % 4 {
                0 => store.create_client(client(), vec![]).await.unwrap(),
                1 => store.create_user(user(), vec![]).await.unwrap(),
                2 => store.create_resource(resource(), vec![]).await.unwrap(),
                _ => {
                    let held = founded(&store, "u", "c").await;
                    let command = rotate(held.refresh.as_ref().unwrap(), &held.family);
                    let outcome = store.rotate_refresh(command).await.unwrap();
                    assert_eq!(outcome, Rotated::Yes);
                }
            }
        });
    }
    running.join_all().await;
    for table in ["clients", "users", "resources", "token_families"] {
        assert_eq!(db.count(table).await, 100, "{table}");
    }
    assert_eq!(db.count("issuances").await, 200);
}

async fn a_caller_that_leaves_does_not_disturb_the_others(db: Database) {
    let store = db.open().await;
    let mut running = JoinSet::new();
    for index in 0..200 {
        let store = store.clone();
        running.spawn(async move {
            let write = store.record(vec![event(AuditAction::UserLogin)]);
            if index % 2 == 0 {
                drop(tokio::time::timeout(std::time::Duration::ZERO, write).await);
            } else {
                write.await.unwrap();
            }
        });
    }
    running.join_all().await;
    store
        .record(vec![event(AuditAction::UserLogin)])
        .await
        .unwrap();
    assert!(db.count("audit_events").await >= 101);
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}
