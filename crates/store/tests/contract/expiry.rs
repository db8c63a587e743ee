//! Clients that registered themselves and that nobody uses.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{authorize, client, code, digest, event, founded, id, resource, session};
use domain::{AuditAction, Client, ClientSource, ClientStatus, ScopeSet, UserId};
use std::time::Duration;
use store::{ClientExpiry, NewConsent, PurgeTarget, Store};

on_both!(
    only_a_client_that_registered_itself_and_never_held_a_grant_is_unused,
    a_client_is_idle_from_its_last_grant_on,
    one_that_got_a_grant_at_last_stays,
    two_purges_remove_each_client_once,
    many_clients_go_in_steps,
);

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn expiry(db: &Database, unused: Option<Duration>, idle: Option<Duration>) -> ClientExpiry {
    let now = domain::Clock::now(&*db.clock);
    ClientExpiry {
        unused_before: unused.map(|age| now.minus(age)),
        idle_before: idle.map(|age| now.minus(age)),
    }
}

async fn add(store: &Store, change: impl FnOnce(&mut Client)) -> String {
    let mut client = client();
    change(&mut client);
    let id = client.id.to_string();
    store.create_client(client, vec![]).await.unwrap();
    id
}

/// Removes all that have expired, and says how many.
async fn purge(store: &Store, expiry: ClientExpiry) -> u64 {
    let mut removed = 0;
    loop {
        let audit = event(AuditAction::ClientDeleted);
        let (gone, more) = store.expire_clients(expiry, audit).await.unwrap();
        removed += gone;
        if !more {
            return removed;
        }
    }
}

/// Ids and reasons of what was removed.
async fn removed(db: &Database) -> Vec<String> {
    let rows = "SELECT client_id || ' ' || detail FROM audit_events WHERE action = 'client.deleted' ORDER BY id";
    db.texts(rows).await
}

async fn only_a_client_that_registered_itself_and_never_held_a_grant_is_unused(db: Database) {
    let store = db.open().await;
    let unused = add(&store, |_| ()).await;
    add(&store, |own| own.source = ClientSource::Admin).await;
    let used = add(&store, |_| ()).await;
    founded(&store, "u", &used).await;
    let agreed = add(&store, |_| ()).await;
    let consent = NewConsent {
        id: id().into(),
        resource_id: "r".into(),
        scopes: ScopeSet::default(),
    };
    let (user, by) = (UserId::from("u"), agreed.into());
    store
        .grant_consent(user, by, consent, vec![])
        .await
        .unwrap();
    let named = add(&store, |_| ()).await;
    let mut guarded = resource();
    guarded.policy.runtime.client_ids = vec![named.clone()];
    store.create_resource(guarded, vec![]).await.unwrap();
    let suspended = add(&store, |_| ()).await;
    let status = ClientStatus::Suspended;
    db.clock.advance(Duration::from_secs(1));
    store
        .set_client_status(suspended, status, vec![])
        .await
        .unwrap();
    add(&store, |own| {
        own.issued_at = NOW.plus(DAY);
        own.updated_at = own.issued_at;
    })
    .await;

    assert!(store.client(&unused).await.unwrap().is_some(), "now cached");
    db.clock.advance(WEEK);
    let week = expiry(&db, Some(WEEK), None);
    assert_eq!(purge(&store, week).await, 1);
    assert_eq!(removed(&db).await, [format!("{unused} reason=unused")]);
    assert_eq!(store.client(&unused).await.unwrap(), None);
    assert_eq!(db.count("clients").await, 6);
    assert_eq!(store.count_registered_clients().await.unwrap(), 5);
    // Its tokens may be purged: that it was used is not forgotten.
    db.clock.advance(WEEK * 60);
    store.purge(PurgeTarget::RefreshTokens).await.unwrap();
    db.execute("DELETE FROM issuances").await;
    let removed = purge(&store, expiry(&db, Some(WEEK), None)).await;
    assert_eq!(removed, 1, "the one that was too young");
}

async fn a_client_is_idle_from_its_last_grant_on(db: Database) {
    let store = db.open().await;
    let used = add(&store, |_| ()).await;
    let granted = founded(&store, "u", &used).await;
    let end = granted.refresh.as_ref().unwrap().expires_at;
    let alive = end.since(NOW) - Duration::from_secs(1);
    db.clock.advance(alive);
    let idle = |db: &Database| expiry(db, None, Some(Duration::from_secs(60)));
    let unused = expiry(&db, Some(Duration::from_secs(60)), None);
    assert_eq!(purge(&store, unused).await, 0, "it holds a grant");
    assert_eq!(purge(&store, idle(&db)).await, 0);
    db.clock.advance(Duration::from_secs(62));
    assert_eq!(purge(&store, idle(&db)).await, 1);
    assert_eq!(removed(&db).await, [format!("{used} reason=idle")]);
    assert_eq!(store.client(&used).await.unwrap(), None);
    assert_eq!(db.count("issuances").await, 1, "the record stays");
}

async fn one_that_got_a_grant_at_last_stays(db: Database) {
    let store = db.open().await;
    let (granted, asking) = (add(&store, |_| ()).await, add(&store, |_| ()).await);
    db.clock.advance(WEEK * 2);
    founded(&store, "u", &granted).await;
    let mut pending = code("u", &asking);
    pending.expires_at = domain::Clock::now(&*db.clock).plus(DAY);
    store.authorize(authorize(&pending)).await.unwrap();
    assert_eq!(purge(&store, expiry(&db, Some(WEEK), None)).await, 0);
}

async fn two_purges_remove_each_client_once(db: Database) {
    let (one, other) = (db.open().await, db.open().await);
    for _ in 0..250 {
        add(&one, |_| ()).await;
    }
    db.clock.advance(WEEK * 2);
    let week = expiry(&db, Some(WEEK), None);
    let (ours, theirs) = tokio::join!(purge(&one, week), purge(&other, week));
    assert_eq!(ours + theirs, 250);
    assert_eq!(db.count("audit_events").await, 250);
}

async fn many_clients_go_in_steps(db: Database) {
    let store = db.open().await;
    add(&store, |_| ()).await;
    db.execute(
        "INSERT INTO clients (id, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, \
         application_type, status, source, scope, agent, issued_at, updated_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450) \
         SELECT 'c' || i, '', '[]', '[]', '[]', 'none', 'web', 'active', 'dcr', '', 0, i, i FROM n",
    )
    .await;
    founded(&store, "u", "c7").await;
    let removed = purge(&store, expiry(&db, Some(DAY), None)).await;
    assert_eq!(removed, 449);
    assert_eq!(db.count("clients").await, 2);
    let session = session("u");
    store
        .open_session(session, Some(digest()), vec![])
        .await
        .unwrap();
}
