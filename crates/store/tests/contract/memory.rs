//! What is held in memory is bounded in bytes, whatever the size of rows.

use crate::database::{Database, within};
use crate::on_both;
use crate::samples::{client, event, founded, id, issuance, user};
use domain::{AuditAction, Client, ClientKeys, ScopeSet, UnixMillis};
use std::time::Duration;
use store::{
    AuditFilter, ClientFilter, Cursor, IssuanceFilter, Issue, NewConsent, PART_BYTES, Page, Part,
    Store, UserFilter,
};

on_both!(
    cached_rows_stay_within_their_bytes,
    what_is_not_there_is_cached_within_the_same_bytes,
    a_part_of_large_rows_ends_early_and_goes_on_at_its_cursor,
    a_part_that_ends_early_leaves_its_connection_usable,
);

async fn hearing(db: &Database) -> Store {
    let store = db.open().await;
    within(Duration::from_secs(5), "hears", async || {
        store.generation().is_some()
    })
    .await;
    // Past the moment at which everything counts as changed.
    tokio::time::sleep(Duration::from_millis(250)).await;
    store
}

fn large_client(bytes: usize) -> Client {
    Client {
        keys: Some(ClientKeys::Jwks("k".repeat(bytes))),
        ..client()
    }
}

async fn cached_rows_stay_within_their_bytes(db: Database) {
    const CLIENTS: usize = 2500;
    const BYTES: usize = 16 << 10;
    let store = hearing(&db).await;
    let mut ids = Vec::new();
    for _ in 0..CLIENTS / 50 {
        let group: Vec<_> = (0..50).map(|_| large_client(BYTES)).collect();
        ids.extend(group.iter().map(|client| client.id.to_string()));
        let made = group
            .into_iter()
            .map(|client| store.create_client(client, vec![]));
        for made in futures_util::future::join_all(made).await {
            made.unwrap();
        }
    }
    for id in &ids {
        assert!(store.client(id).await.unwrap().is_some());
    }
    let size = store.cached_clients();
    let all = (CLIENTS * BYTES) as u64;
    assert!(all > size.budget && size.bytes <= size.budget, "{size:?}");
    assert!(size.bytes > size.budget / 2, "kept at all: {size:?}");
}

async fn what_is_not_there_is_cached_within_the_same_bytes(db: Database) {
    let store = hearing(&db).await;
    let before = store.cached_users().bytes;
    for number in 0..20 {
        let unknown = format!("{number}{}", "x".repeat(100_000));
        assert!(store.user(&unknown).await.unwrap().is_none());
    }
    let size = store.cached_users();
    assert!(size.bytes - before >= 2_000_000, "keys count: {size:?}");
}

/// Reads a list to its end: the ids of each part.
async fn parts<T>(
    get: impl AsyncFn(Option<Cursor>) -> store::Result<Part<T>>,
    id: impl Fn(&T) -> String,
) -> Vec<Vec<String>> {
    let (mut parts, mut behind) = (Vec::new(), None);
    loop {
        let part = get(behind).await.unwrap();
        parts.push(part.rows.iter().map(&id).collect());
        behind = part.next;
        if behind.is_none() {
            return parts;
        }
    }
}

const ROWS: usize = 50;
/// So large that a part has no room for all rows.
const LARGE: usize = 3 * PART_BYTES / ROWS;
const ALL: Page = Page {
    limit: 1000,
    offset: 0,
};

async fn a_part_of_large_rows_ends_early_and_goes_on_at_its_cursor(db: Database) {
    let store = db.open().await;
    let own = user();
    let text = || "x".repeat(LARGE);
    let many = || {
        (0..LARGE / 210)
            .map(|n| domain::Scope::parse(&format!("{n}{}", "s".repeat(200))).unwrap())
            .collect::<ScopeSet>()
    };
    let first = founded(&store, own.id.as_str(), "app").await;
    for _ in 0..ROWS {
        store
            .create_client(large_client(LARGE), vec![])
            .await
            .unwrap();
        let mut other = user();
        other.name = text();
        store.create_user(other, vec![]).await.unwrap();
        let mut happened = event(AuditAction::TokenDenied);
        happened.detail = text();
        store.record(vec![happened]).await.unwrap();
        let consent = NewConsent {
            id: id().into(),
            resource_id: id().into(),
            scopes: many(),
        };
        let agreed = store.grant_consent(own.id.clone(), "app".into(), consent, vec![]);
        agreed.await.unwrap();
        let mut issued = issuance(&first.family);
        issued.agent_chain = vec![text()];
        let issue = Issue {
            issuance: issued,
            audit: event(AuditAction::TokenIssued),
            proof: None,
        };
        let _ = store.issue(issue).await.unwrap();
    }
    let clients = parts(
        async |behind| {
            let filter = ClientFilter {
                behind,
                ..ClientFilter::default()
            };
            store.clients(&filter, &ALL).await
        },
        |own| own.id.to_string(),
    );
    let users = parts(
        async |behind| {
            let filter = UserFilter {
                behind,
                ..UserFilter::default()
            };
            store.users(&filter, &ALL).await
        },
        |own| own.id.to_string(),
    );
    let events = parts(
        async |behind: Option<Cursor>| {
            let filter = AuditFilter {
                actions: vec![AuditAction::TokenDenied, AuditAction::UserLogin],
                behind: behind.map(|place| place.id),
                ..AuditFilter::default()
            };
            store.audit_part(&filter, &ALL).await
        },
        |own| own.id.clone(),
    );
    let consents = parts(
        async |behind| {
            store
                .consents_of_user(own.id.as_str(), behind.as_ref(), &ALL)
                .await
        },
        |own| own.id.to_string(),
    );
    let issuances = parts(
        async |behind| {
            let filter = IssuanceFilter {
                user_id: None,
                client_id: None,
                resource_id: None,
                since: UnixMillis(0),
                behind,
            };
            store.issuances(&filter, &ALL).await
        },
        |own| own.jti.to_string(),
    );
    for (list, parts) in [
        ("clients", clients.await),
        ("users", users.await),
        ("events", events.await),
        ("consents", consents.await),
        ("issuances", issuances.await),
    ] {
        assert!(parts.len() >= 3, "{list}: {} parts", parts.len());
        let whole: Vec<_> = parts.concat();
        assert!(whole.len() >= ROWS, "{list}: {}", whole.len());
        let mut once = whole.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), whole.len(), "{list}: each row once");
        let room = PART_BYTES / LARGE + 2;
        assert!(parts.iter().all(|part| part.len() <= room), "{list}");
    }
}

async fn a_part_that_ends_early_leaves_its_connection_usable(db: Database) {
    let store = db.open().await;
    for _ in 0..30 {
        store
            .create_client(large_client(PART_BYTES / 10), vec![])
            .await
            .unwrap();
    }
    for _ in 0..20 {
        let part = store.clients(&ClientFilter::default(), &ALL).await.unwrap();
        assert!(part.rows.len() < 30 && part.next.is_some());
        let last = part.rows.last().unwrap().id.as_str();
        assert!(store.client_now(last).await.unwrap().is_some());
    }
}
