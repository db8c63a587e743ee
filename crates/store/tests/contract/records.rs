//! Audit events and settings.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{ODD, event, rich_event};
use domain::{AuditAction, AuditEvent, Clock as _};
use std::time::Duration;
use store::{AuditFilter, Page};

on_both!(
    events_read_back_as_recorded_newest_first,
    events_are_found_by_action_user_and_client,
    every_action_reads_back,
    settings_are_made_and_made_again,
    each_sign_of_life_is_later_than_the_last,
    an_open_database_answers_and_counts_its_connections,
);

async fn events_read_back_as_recorded_newest_first(db: Database) {
    let store = db.open().await;
    let events = [
        event(AuditAction::UserLogin),
        rich_event(),
        event(AuditAction::UserLogout),
    ];
    for event in &events {
        store.record(vec![event.clone()]).await.unwrap();
        db.clock.advance(Duration::from_millis(1));
    }
    store.record(vec![]).await.unwrap();
    let all = store
        .audit(&AuditFilter::default(), &Page::default())
        .await
        .unwrap();
    let found: Vec<AuditEvent> = all.iter().rev().map(|row| row.event.clone()).collect();
    assert_eq!(found, events);
    assert!(all[0].created_at > all[1].created_at && all[0].id > all[1].id);
    let page = Page {
        limit: 1,
        offset: 1,
    };
    let one = store.audit(&AuditFilter::default(), &page).await.unwrap();
    assert_eq!(one, all[1..2]);
}

async fn events_are_found_by_action_user_and_client(db: Database) {
    let store = db.open().await;
    let login = event(AuditAction::UserLogin).user("u").client("c");
    let logout = event(AuditAction::UserLogout).user("u").client("d");
    store
        .record(vec![login.clone(), logout.clone(), rich_event()])
        .await
        .unwrap();
    let find = async |filter: AuditFilter| {
        let rows = store.audit(&filter, &Page::default()).await.unwrap();
        rows.into_iter().map(|row| row.event).collect::<Vec<_>>()
    };
    let by_action = AuditFilter {
        actions: vec![AuditAction::UserLogin],
        ..AuditFilter::default()
    };
    assert_eq!(find(by_action).await, [login]);
    let by_user = AuditFilter {
        user_id: Some("u".into()),
        ..AuditFilter::default()
    };
    assert_eq!(find(by_user).await.len(), 2);
    let by_user_and_client = AuditFilter {
        user_id: Some("u".into()),
        client_id: Some("d".into()),
        ..AuditFilter::default()
    };
    assert_eq!(find(by_user_and_client).await, [logout]);
    let by_odd_text = AuditFilter {
        client_id: Some(ODD.into()),
        ..AuditFilter::default()
    };
    assert_eq!(find(by_odd_text).await, [rich_event()]);
}

async fn every_action_reads_back(db: Database) {
    let store = db.open().await;
    let actions = <AuditAction as domain::Word>::ALL;
    let events = actions.iter().map(|action| event(*action)).collect();
    store.record(events).await.unwrap();
    let rows = store
        .audit(&AuditFilter::default(), &Page::default())
        .await
        .unwrap();
    let mut found: Vec<_> = rows.iter().map(|row| row.event.action).collect();
    found.sort();
    assert_eq!(found, actions);
}

async fn settings_are_made_and_made_again(db: Database) {
    let store = db.open().await;
    assert_eq!(store.setting("dcr.mode").await.unwrap(), None);
    for value in ["open", ODD, ""] {
        let audit = vec![event(AuditAction::DcrModeUpdated)];
        store
            .put_setting("dcr.mode".into(), value.into(), audit)
            .await
            .unwrap();
        assert_eq!(
            store.setting("dcr.mode").await.unwrap().as_deref(),
            Some(value)
        );
    }
    assert_eq!(store.setting("other").await.unwrap(), None);
    assert_eq!(db.count("settings").await, 1);
    assert_eq!(db.count("audit_events").await, 3);
}

async fn an_open_database_answers_and_counts_its_connections(db: Database) {
    let store = db.open().await;
    store.ping().await.unwrap();
    let state = store.pool_state();
    assert!((1..=12).contains(&(state.in_use + state.idle)), "{state:?}");
    assert_eq!(state.waiting, 0);

    // More questions at once than connections: some have to wait, and none for good. SQLite answers
    // sooner than the next is asked.
    let questions: Vec<_> = (0..500)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.ping().await.unwrap() })
        })
        .collect();
    let mut most = 0;
    for question in questions {
        most = most.max(store.pool_state().waiting);
        question.await.unwrap();
    }
    assert!(most > 0 || db.is_sqlite());
    assert_eq!(store.pool_state().waiting, 0);
}

async fn each_sign_of_life_is_later_than_the_last(db: Database) {
    let store = db.open().await;
    assert_eq!(store.last_heartbeat().await.unwrap(), None);
    let first = store.beat().await.unwrap();
    assert_eq!(first.at, NOW);
    db.clock.advance(Duration::from_secs(3600));
    let ahead = store.beat().await.unwrap();
    db.clock.set_back(Duration::from_secs(3600));
    let mut last = ahead;
    for _ in 0..3 {
        let next = store.beat().await.unwrap();
        assert!(next.at > last.at, "{next:?} {last:?}");
        assert_eq!(next.database_id, first.database_id);
        assert_eq!(store.last_heartbeat().await.unwrap(), Some(next.clone()));
        last = next;
    }
    db.clock.advance(Duration::from_secs(7200));
    let caught_up = store.beat().await.unwrap();
    assert_eq!(caught_up.at, db.clock.now());
}
