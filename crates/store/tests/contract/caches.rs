//! A change made through one instance is seen through another within one second.

use crate::database::{Database, ONE_SECOND, within};
use crate::on_both;
use crate::samples::{client, founded, resource, rich_client, user};
use domain::{ClientStatus, UserStatus};
use std::time::Duration;
use store::{Deletion, Revoke, Store};

on_both!(
    a_suspended_client_is_seen_everywhere_within_a_second,
    a_disabled_user_is_seen_everywhere_within_a_second,
    resources_are_seen_everywhere_within_a_second,
    settings_are_seen_everywhere_within_a_second,
    a_client_looked_for_in_vain_is_seen_when_it_registers_elsewhere,
    the_generation_moves_everywhere_when_something_is_revoked,
    an_instance_sees_its_own_changes_at_once,
    a_change_made_right_after_opening_is_not_missed,
    a_change_with_a_very_long_id_is_seen_too,
);

/// Two instances that hear each other.
async fn two(db: &Database) -> (Store, Store) {
    let (a, b) = (db.open().await, db.open().await);
    hears(&a).await;
    hears(&b).await;
    // Past the moment at which everything counts as changed.
    tokio::time::sleep(Duration::from_millis(250)).await;
    (a, b)
}

async fn hears(store: &Store) {
    within(Duration::from_secs(5), "hears", async || {
        store.generation().is_some()
    })
    .await;
}

async fn a_suspended_client_is_seen_everywhere_within_a_second(db: Database) {
    let (a, b) = two(&db).await;
    let client = client();
    let id = client.id.as_str();
    a.create_client(client.clone(), vec![]).await.unwrap();
    for status in [
        ClientStatus::Suspended,
        ClientStatus::Active,
        ClientStatus::Revoked,
    ] {
        assert_ne!(b.client(id).await.unwrap().unwrap().status, status);
        a.set_client_status(id.into(), status, vec![])
            .await
            .unwrap();
        within(ONE_SECOND, "status", async || {
            b.client(id).await.unwrap().unwrap().status == status
        })
        .await;
    }
    a.delete_client(id.into(), Deletion::FORCED, vec![])
        .await
        .unwrap();
    within(ONE_SECOND, "deletion", async || {
        b.client(id).await.unwrap().is_none()
    })
    .await;
}

async fn a_disabled_user_is_seen_everywhere_within_a_second(db: Database) {
    let (a, b) = two(&db).await;
    let mut user = user();
    let id = user.id.to_string();
    a.create_user(user.clone(), vec![]).await.unwrap();
    assert!(b.user(&id).await.unwrap().is_some());
    user.status = UserStatus::Disabled;
    a.update_user(user, true, vec![]).await.unwrap();
    within(ONE_SECOND, "status", async || {
        b.user(&id).await.unwrap().unwrap().status == UserStatus::Disabled
    })
    .await;
    a.delete_user(id.clone(), Deletion::FORCED, vec![])
        .await
        .unwrap();
    within(ONE_SECOND, "deletion", async || {
        b.user(&id).await.unwrap().is_none()
    })
    .await;
}

async fn resources_are_seen_everywhere_within_a_second(db: Database) {
    let (a, b) = two(&db).await;
    let mut resource = resource();
    let slug = resource.slug.clone();
    assert_eq!(b.resources().await.unwrap().iter().count(), 0);
    a.create_resource(resource.clone(), vec![]).await.unwrap();
    within(ONE_SECOND, "creation", async || {
        b.resources().await.unwrap().named(&slug).is_some()
    })
    .await;
    resource.display_name = "changed".into();
    a.update_resource(resource.clone(), vec![]).await.unwrap();
    within(ONE_SECOND, "change", async || {
        b.resources()
            .await
            .unwrap()
            .named(&slug)
            .unwrap()
            .display_name
            == "changed"
    })
    .await;
    a.delete_resource(resource.id.to_string(), Deletion::FORCED, vec![])
        .await
        .unwrap();
    within(ONE_SECOND, "deletion", async || {
        b.resources().await.unwrap().named(&slug).is_none()
    })
    .await;
}

async fn settings_are_seen_everywhere_within_a_second(db: Database) {
    let (a, b) = two(&db).await;
    assert_eq!(b.setting("dcr.mode").await.unwrap(), None);
    for value in ["admin_only", "open"] {
        let (name, made) = ("dcr.mode".to_owned(), value.to_owned());
        a.put_setting(name, made, vec![]).await.unwrap();
        within(ONE_SECOND, "setting", async || {
            b.setting("dcr.mode").await.unwrap().as_deref() == Some(value)
        })
        .await;
    }
}

async fn a_client_looked_for_in_vain_is_seen_when_it_registers_elsewhere(db: Database) {
    let (a, b) = two(&db).await;
    let client = client();
    assert!(b.client(client.id.as_str()).await.unwrap().is_none());
    a.create_client(client.clone(), vec![]).await.unwrap();
    within(ONE_SECOND, "registration", async || {
        b.client(client.id.as_str()).await.unwrap().is_some()
    })
    .await;
}

async fn the_generation_moves_everywhere_when_something_is_revoked(db: Database) {
    let (a, b) = two(&db).await;
    for kind in 0..4 {
        let held = founded(&a, "u", "c").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = (a.generation().unwrap(), b.generation().unwrap());
        let what = match kind {
            0 => Revoke::Token(held.issuance.jti),
            1 => Revoke::Family(held.family.id),
            2 => Revoke::User("u".into()),
            _ => Revoke::Client("c".into()),
        };
        a.revoke(what, vec![]).await.unwrap();
        assert!(a.generation().unwrap() > before.0);
        within(ONE_SECOND, "generation", async || {
            b.generation().unwrap() > before.1
        })
        .await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let quiet = b.generation();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(b.generation(), quiet);
}

async fn an_instance_sees_its_own_changes_at_once(db: Database) {
    let (a, _) = two(&db).await;
    let client = client();
    let id = client.id.to_string();
    a.create_client(client, vec![]).await.unwrap();
    for round in 0..50 {
        let status = [ClientStatus::Suspended, ClientStatus::Active][round % 2];
        a.set_client_status(id.clone(), status, vec![])
            .await
            .unwrap();
        assert_eq!(a.client(&id).await.unwrap().unwrap().status, status);
    }
}

async fn a_change_made_right_after_opening_is_not_missed(db: Database) {
    let a = db.open().await;
    let client = client();
    let id = client.id.as_str();
    a.create_client(client.clone(), vec![]).await.unwrap();
    for round in 0..10 {
        let status = [ClientStatus::Suspended, ClientStatus::Active][round % 2];
        let b = db.open().await;
        assert_ne!(b.client(id).await.unwrap().unwrap().status, status);
        a.set_client_status(id.into(), status, vec![])
            .await
            .unwrap();
        within(ONE_SECOND, "status", async || {
            b.client(id).await.unwrap().unwrap().status == status
        })
        .await;
    }
}

async fn a_change_with_a_very_long_id_is_seen_too(db: Database) {
    let (a, b) = two(&db).await;
    let mut client = rich_client();
    // Longer than any notification; uniform, so that the index can hold it compressed.
    client.id = format!("https://client.example/{}", "x".repeat(8200)).into();
    let id = client.id.as_str();
    assert!(b.client(id).await.unwrap().is_none());
    a.create_client(client.clone(), vec![]).await.unwrap();
    within(ONE_SECOND, "registration", async || {
        b.client(id).await.unwrap().is_some()
    })
    .await;
}
