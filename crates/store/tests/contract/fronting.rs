//! Fronting links: no cycle, no link to nothing, whoever writes at the same time.

use crate::database::{Database, NOW, ONE_SECOND, within};
use crate::on_both;
use crate::samples::{event, resource};
use domain::{AuditAction, FrontingLink, Resource};
use std::collections::BTreeMap;
use store::{Deleted, Deletion, FrontingLinkState, Store};

on_both!(
    a_link_is_kept_once_and_known_to_every_instance,
    a_link_that_is_only_tried_is_not_kept,
    cycles_are_refused_even_when_their_halves_come_at_once,
    a_resource_with_links_goes_only_with_them,
);

fn link(source: &Resource, target: &Resource) -> FrontingLink {
    FrontingLink {
        source_id: source.id.clone(),
        target_id: target.id.clone(),
        scope_map: BTreeMap::from([("a".into(), vec!["b".into(), "c".into()])]),
        created_at: NOW,
        created_by: "admin".into(),
        updated_at: NOW,
    }
}

async fn resources<const N: usize>(store: &Store) -> [Resource; N] {
    let made = std::array::from_fn(|_| resource());
    for resource in &made {
        store
            .create_resource(resource.clone(), vec![])
            .await
            .unwrap();
    }
    made
}

async fn a_link_is_kept_once_and_known_to_every_instance(db: Database) {
    let (store, other) = (db.open().await, db.open().await);
    let [a, b] = resources(&store).await;
    assert!(other.resources().await.unwrap().link(&a, &b).is_none());
    let audit = || vec![event(AuditAction::FrontingLinkCreated)];
    let create = || store.create_fronting_link(link(&a, &b), true, audit());
    assert_eq!(create().await.unwrap(), FrontingLinkState::Free);
    assert_eq!(create().await.unwrap(), FrontingLinkState::Exists);
    assert_eq!(
        db.count("audit_events WHERE action = 'fronting_link.created'")
            .await,
        1
    );
    within(ONE_SECOND, "the link", async || {
        other.resources().await.unwrap().link(&a, &b) == Some(&link(&a, &b))
    })
    .await;
    let changed = FrontingLink {
        scope_map: BTreeMap::from([("x".into(), vec!["y".into()])]),
        ..link(&a, &b)
    };
    assert!(
        store
            .update_fronting_link(changed.clone(), vec![])
            .await
            .unwrap()
    );
    assert_eq!(
        store.resources().await.unwrap().link(&a, &b),
        Some(&changed)
    );
    let delete = || store.delete_fronting_link(a.id.to_string(), b.id.to_string(), vec![]);
    assert!(delete().await.unwrap());
    assert!(!delete().await.unwrap());
    assert!(!store.update_fronting_link(changed, vec![]).await.unwrap());
    within(ONE_SECOND, "its end", async || {
        other.resources().await.unwrap().links().next().is_none()
    })
    .await;
}

async fn a_link_that_is_only_tried_is_not_kept(db: Database) {
    let store = db.open().await;
    let [a, b] = resources(&store).await;
    let audit = vec![event(AuditAction::FrontingLinkCreated)];
    let tried = store.create_fronting_link(link(&a, &b), false, audit).await;
    assert_eq!(tried.unwrap(), FrontingLinkState::Free);
    assert_eq!(db.count("fronting_links").await, 0);
    assert_eq!(db.count("audit_events").await, 0);
    let nowhere = store
        .create_fronting_link(link(&a, &resource()), true, vec![])
        .await;
    assert_eq!(nowhere.unwrap(), FrontingLinkState::NoResource);
}

async fn cycles_are_refused_even_when_their_halves_come_at_once(db: Database) {
    let stores = [db.open().await, db.open().await];
    for round in 0..20 {
        let [a, b, c] = resources(&stores[0]).await;
        let edges = [link(&a, &b), link(&b, &c), link(&c, &a)];
        let mut running = tokio::task::JoinSet::new();
        for (index, edge) in edges.into_iter().enumerate() {
            let store = stores[index % 2].clone();
            running.spawn(async move { store.create_fronting_link(edge, true, vec![]).await });
        }
        let outcomes: Result<Vec<_>, _> = running.join_all().await.into_iter().collect();
        let outcomes = outcomes.unwrap();
        let refused = outcomes
            .iter()
            .filter(|own| **own == FrontingLinkState::Cycle)
            .count();
        assert_eq!(refused, 1, "round {round}: {outcomes:?}");
    }
}

async fn a_resource_with_links_goes_only_with_them(db: Database) {
    let store = db.open().await;
    let [a, b, c] = resources(&store).await;
    for edge in [link(&a, &b), link(&b, &c)] {
        store
            .create_fronting_link(edge, true, vec![])
            .await
            .unwrap();
    }
    let delete = |how| store.delete_resource(b.id.to_string(), how, vec![]);
    let kept = delete(Deletion::default()).await.unwrap();
    assert!(matches!(kept, Deleted::InUse(_)));
    assert!(
        store
            .resources()
            .await
            .unwrap()
            .by_id(b.id.as_str())
            .is_some()
    );
    let gone = delete(Deletion::FORCED).await.unwrap();
    assert!(matches!(gone, Deleted::Yes(_)));
    assert_eq!(db.count("fronting_links").await, 0);
    let unlinked = store.delete_resource(a.id.to_string(), Deletion::default(), vec![]);
    assert!(matches!(unlinked.await.unwrap(), Deleted::Yes(_)));
}
