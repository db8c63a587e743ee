//! Rows that are read, changed and written back: who comes second undoes nothing.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::races::at_once;
use crate::samples::{client, event, resource, user};
use domain::{AuditAction, ClientStatus, Resource, UnixMillis, UserStatus};
use store::{Deleted, Deletion, RevokeCount, Store, Updated};

on_both!(
    of_two_changes_to_one_version_the_second_is_stale,
    versions_grow_while_the_clock_stands_still,
    a_change_does_not_bring_back_what_was_deleted,
    a_change_of_status_makes_changes_from_before_stale,
    only_the_version_that_is_meant_is_deleted,
    of_racing_changes_each_is_kept_when_the_stale_are_made_again,
);

/// The version so many changes after the sample's.
fn written(changes: i64) -> Updated {
    Updated::Yes {
        updated_at: UnixMillis(NOW.0 + changes),
        ended: RevokeCount::default(),
    }
}

async fn of_two_changes_to_one_version_the_second_is_stale(db: Database) {
    let store = db.open().await;
    let (mut client, mut user, mut resource) = (client(), user(), resource());
    store.create_client(client.clone(), vec![]).await.unwrap();
    store.create_user(user.clone(), vec![]).await.unwrap();
    store
        .create_resource(resource.clone(), vec![])
        .await
        .unwrap();
    for (name, outcome) in [("first", written(1)), ("second", Updated::Stale)] {
        let audit = |action| vec![event(action)];
        client.name = name.into();
        let ended = store.update_client(client.clone(), audit(AuditAction::ClientUpdated));
        assert_eq!(ended.await.unwrap(), outcome);
        user.name = name.into();
        let ended = store.update_user(user.clone(), false, audit(AuditAction::UserUpdated));
        assert_eq!(ended.await.unwrap(), outcome);
        resource.display_name = name.into();
        let ended = store.update_resource(resource.clone(), audit(AuditAction::ResourcePatched));
        assert_eq!(ended.await.unwrap(), outcome);
    }
    let kept = store.client(client.id.as_str()).await.unwrap().unwrap();
    assert_eq!(kept.name, "first");
    let kept = store.user(user.id.as_str()).await.unwrap().unwrap();
    assert_eq!(kept.name, "first");
    let kept = store.resources().await.unwrap();
    let kept = kept.named(&resource.slug).unwrap();
    assert_eq!(kept.display_name, "first");
    assert_eq!(db.count("audit_events").await, 3);
}

async fn versions_grow_while_the_clock_stands_still(db: Database) {
    let store = db.open().await;
    let client = client();
    store.create_client(client.clone(), vec![]).await.unwrap();
    for changes in 1..4 {
        let read = store.client(client.id.as_str()).await.unwrap().unwrap();
        let ended = store.update_client((*read).clone(), vec![]).await.unwrap();
        assert_eq!(ended, written(changes));
    }
}

async fn a_change_does_not_bring_back_what_was_deleted(db: Database) {
    let store = db.open().await;
    let (client, user, resource) = (client(), user(), resource());
    store.create_client(client.clone(), vec![]).await.unwrap();
    store.create_user(user.clone(), vec![]).await.unwrap();
    store
        .create_resource(resource.clone(), vec![])
        .await
        .unwrap();
    let ids = (
        client.id.to_string(),
        user.id.to_string(),
        resource.id.to_string(),
    );
    store
        .delete_client(ids.0, Deletion::FORCED, vec![])
        .await
        .unwrap();
    store
        .delete_user(ids.1, Deletion::FORCED, vec![])
        .await
        .unwrap();
    store
        .delete_resource(ids.2, Deletion::FORCED, vec![])
        .await
        .unwrap();
    let audit = || vec![event(AuditAction::ClientUpdated)];
    let outcomes = [
        store.update_client(client, audit()).await.unwrap(),
        store.update_user(user, true, audit()).await.unwrap(),
        store.update_resource(resource, audit()).await.unwrap(),
    ];
    assert_eq!(outcomes, [Updated::Gone; 3]);
    for table in ["clients", "users", "resources", "audit_events"] {
        assert_eq!(db.count(table).await, 0, "{table}");
    }
}

async fn a_change_of_status_makes_changes_from_before_stale(db: Database) {
    let store = db.open().await;
    let (client, mut user) = (client(), user());
    store.create_client(client.clone(), vec![]).await.unwrap();
    store.create_user(user.clone(), vec![]).await.unwrap();
    let id = client.id.to_string();
    store
        .set_client_status(id, ClientStatus::Suspended, vec![])
        .await
        .unwrap();
    let before = user.clone();
    user.status = UserStatus::Disabled;
    store.update_user(user, true, vec![]).await.unwrap();
    let stale = store.update_client(client, vec![]).await.unwrap();
    assert_eq!(stale, Updated::Stale);
    let stale = store.update_user(before, false, vec![]).await.unwrap();
    assert_eq!(stale, Updated::Stale);
    assert_eq!(db.count("users WHERE status = 'disabled'").await, 1);
}

async fn only_the_version_that_is_meant_is_deleted(db: Database) {
    let store = db.open().await;
    let (client, user, resource) = (client(), user(), resource());
    store.create_client(client.clone(), vec![]).await.unwrap();
    store.create_user(user.clone(), vec![]).await.unwrap();
    store
        .create_resource(resource.clone(), vec![])
        .await
        .unwrap();
    for (version, outcome) in [
        (NOW.0 - 1, Deleted::Stale),
        (NOW.0, Deleted::Yes(RevokeCount::default())),
        (NOW.0, Deleted::Gone),
    ] {
        let how = Deletion {
            version: Some(UnixMillis(version)),
            force: true,
        };
        let (client, user) = (client.id.to_string(), user.id.to_string());
        let resource = resource.id.to_string();
        let outcomes = [
            store.delete_client(client, how, vec![]).await.unwrap(),
            store.delete_user(user, how, vec![]).await.unwrap(),
            store.delete_resource(resource, how, vec![]).await.unwrap(),
        ];
        assert_eq!(outcomes, [outcome; 3]);
    }
}

async fn of_racing_changes_each_is_kept_when_the_stale_are_made_again(db: Database) {
    const WRITERS: usize = 16;
    let stores = [db.open().await, db.open().await];
    let resource = resource();
    stores[0]
        .create_resource(resource.clone(), vec![])
        .await
        .unwrap();
    let stale = at_once(&stores, WRITERS, |store, writer| {
        let slug = resource.slug.clone();
        async move { add_client(&store, &slug, writer.to_string()).await }
    });
    assert!(stale.await.into_iter().sum::<u32>() > 0, "they race");
    let kept = db.open().await.resources().await.unwrap();
    let mut kept = kept
        .named(&resource.slug)
        .unwrap()
        .policy
        .runtime
        .client_ids
        .clone();
    kept.sort_by_key(|id| id.parse::<usize>().unwrap());
    let all: Vec<_> = (0..WRITERS).map(|writer| writer.to_string()).collect();
    assert_eq!(kept, all);
}

/// Adds until it is written; how often others were faster.
async fn add_client(store: &Store, slug: &str, id: String) -> u32 {
    for stale in 0.. {
        let read = store.resources().await.unwrap();
        let mut resource = Resource::clone(read.named(slug).unwrap());
        resource.policy.runtime.client_ids.push(id.clone());
        match store.update_resource(resource, vec![]).await.unwrap() {
            Updated::Yes { .. } => return stale,
            Updated::Stale => {}
            Updated::Gone => break,
        }
    }
    panic!("the resource is gone");
}
