//! Resources.

use crate::database::Database;
use crate::on_both;
use crate::samples::{authorize, code, event, resource, rich_resource, scopes};
use domain::{AuditAction, UnixMillis};
use store::{Deleted, Deletion, NewConsent, RevokeCount, StoreError, Updated};

on_both!(
    resources_read_back_as_written_and_by_every_name,
    a_slug_and_a_uri_are_taken_once,
    updating_a_resource_writes_every_field,
    deleting_a_resource_forgets_the_consents_for_it,
);

async fn resources_read_back_as_written_and_by_every_name(db: Database) {
    let store = db.open().await;
    let (plain, rich) = (resource(), rich_resource());
    for resource in [&plain, &rich] {
        store
            .create_resource(resource.clone(), vec![])
            .await
            .unwrap();
    }
    let catalog = store.resources().await.unwrap();
    let mut expected = vec![plain.clone(), rich.clone()];
    expected.sort_by(|a, b| a.slug.cmp(&b.slug));
    assert!(catalog.iter().map(|found| (**found).clone()).eq(expected));
    assert_eq!(**catalog.named(&plain.slug).unwrap(), plain);
    assert_eq!(**catalog.named(rich.uri.as_deref().unwrap()).unwrap(), rich);
    assert_eq!(**catalog.by_id(rich.id.as_str()).unwrap(), rich);
    assert!(catalog.named("nothing").is_none());
}

async fn a_slug_and_a_uri_are_taken_once(db: Database) {
    let store = db.open().await;
    let first = rich_resource();
    store.create_resource(first.clone(), vec![]).await.unwrap();
    let (mut same_slug, mut same_uri) = (rich_resource(), rich_resource());
    same_slug.slug = first.slug.clone();
    same_uri.uri = first.uri.clone();
    for second in [same_slug, same_uri] {
        let error = store.create_resource(second, vec![]).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)));
        assert_eq!(
            error.to_string(),
            "a resource with that slug or uri already exists"
        );
    }
    for without_uri in [resource(), resource()] {
        store.create_resource(without_uri, vec![]).await.unwrap();
    }
}

async fn updating_a_resource_writes_every_field(db: Database) {
    let store = db.open().await;
    let before = resource();
    store.create_resource(before.clone(), vec![]).await.unwrap();
    assert!(
        store
            .resources()
            .await
            .unwrap()
            .named(&before.slug)
            .is_some()
    );
    let mut after = rich_resource();
    after.id = before.id.clone();
    let updated_at = UnixMillis(after.updated_at.0 + 1);
    let written = Updated::Yes {
        updated_at,
        ended: RevokeCount::default(),
    };
    let ended = store.update_resource(after.clone(), vec![]).await.unwrap();
    assert_eq!(ended, written);
    after.updated_at = updated_at;
    let catalog = store.resources().await.unwrap();
    assert_eq!(**catalog.by_id(before.id.as_str()).unwrap(), after);
    assert!(catalog.named(&before.slug).is_none());
    let audit = vec![event(AuditAction::ResourcePatched)];
    let ended = store.update_resource(resource(), audit).await.unwrap();
    assert_eq!(ended, Updated::Gone);
    assert_eq!(db.count("audit_events").await, 0);
}

async fn deleting_a_resource_forgets_the_consents_for_it(db: Database) {
    let store = db.open().await;
    let (gone, stays) = (rich_resource(), rich_resource());
    let mut command = authorize(&code("u", "c"));
    for resource in [&gone, &stays] {
        store
            .create_resource(resource.clone(), vec![])
            .await
            .unwrap();
        command.consents.push(NewConsent {
            id: crate::samples::id().into(),
            resource_id: resource.id.clone(),
            scopes: scopes("a"),
        });
    }
    store.authorize(command).await.unwrap();
    let delete = || store.delete_resource(gone.id.to_string(), Deletion::default(), vec![]);
    assert!(matches!(delete().await.unwrap(), Deleted::Yes(_)));
    assert_eq!(delete().await.unwrap(), Deleted::Gone);
    let catalog = store.resources().await.unwrap();
    assert!(catalog.named(&gone.slug).is_none());
    assert!(catalog.named(&stays.slug).is_some());
    for (resource, kept) in [(gone, false), (stays, true)] {
        let found = store.consent("u", "c", resource.id.as_str()).await.unwrap();
        assert_eq!(found.is_some(), kept);
    }
}
