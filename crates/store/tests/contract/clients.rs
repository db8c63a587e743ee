//! Clients.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{ODD, client, event, founded, id, rich_client, session, user};
use domain::{AuditAction, ClientSource, ClientStatus, UnixMillis};
use std::time::Duration;
use store::{
    AuditFilter, ClientFilter, Cursor, Deleted, Deletion, Page, Part, RevokeCount, Store,
    StoreError, Updated,
};

on_both!(
    clients_read_back_as_written,
    an_unknown_client_is_none_until_it_registers,
    a_client_id_is_taken_once,
    updating_a_client_writes_every_field_but_status_source_and_age,
    a_revoked_client_stays_revoked,
    a_status_that_does_not_change_is_not_recorded,
    deleting_a_client_ends_what_it_holds,
    clients_are_listed_newest_first_and_in_pages,
    a_search_finds_text_in_names_and_ids_in_any_case,
    parts_of_a_list_follow_each_other_without_gap_or_repetition,
    a_search_goes_through_a_long_list_a_stretch_at_a_time,
);

async fn clients_read_back_as_written(db: Database) {
    let (writer, reader) = (db.open().await, db.open().await);
    for client in [client(), rich_client()] {
        writer.create_client(client.clone(), vec![]).await.unwrap();
        for store in [&writer, &reader] {
            let found = store.client(client.id.as_str()).await.unwrap().unwrap();
            assert_eq!(*found, client);
        }
    }
}

async fn an_unknown_client_is_none_until_it_registers(db: Database) {
    let store = db.open().await;
    let client = client();
    assert!(store.client(client.id.as_str()).await.unwrap().is_none());
    store.create_client(client.clone(), vec![]).await.unwrap();
    assert!(store.client(client.id.as_str()).await.unwrap().is_some());
}

async fn a_client_id_is_taken_once(db: Database) {
    let store = db.open().await;
    let first = client();
    store.create_client(first.clone(), vec![]).await.unwrap();
    let mut second = client();
    second.id = first.id.clone();
    let audit = vec![event(AuditAction::ClientRegistered)];
    let error = store.create_client(second, audit).await.unwrap_err();
    assert_eq!(error.to_string(), "a client with that id already exists");
    assert!(matches!(error, StoreError::Conflict(_)));
    let found = store.client(first.id.as_str()).await.unwrap().unwrap();
    assert_eq!(*found, first);
    assert_eq!(db.count("audit_events").await, 0);
}

async fn updating_a_client_writes_every_field_but_status_source_and_age(db: Database) {
    let store = db.open().await;
    let mut before = client();
    before.status = ClientStatus::Suspended;
    store.create_client(before.clone(), vec![]).await.unwrap();
    let mut after = rich_client();
    after.id = before.id.clone();
    after.status = ClientStatus::Active;
    after.updated_at = before.updated_at;
    let ended = store.update_client(after.clone(), vec![]).await.unwrap();
    assert!(matches!(ended, Updated::Yes { updated_at, .. } if updated_at > before.updated_at));
    after.updated_at = UnixMillis(before.updated_at.0 + 1);
    after.status = before.status;
    after.source = before.source;
    after.issued_at = before.issued_at;
    let found = store.client(before.id.as_str()).await.unwrap().unwrap();
    assert_eq!(*found, after);
}

/// So many tokens and their families.
fn ended(count: u64) -> Option<RevokeCount> {
    Some(RevokeCount {
        families: count,
        tokens: count,
        ..RevokeCount::default()
    })
}

async fn a_revoked_client_stays_revoked(db: Database) {
    let store = db.open().await;
    let client = client();
    let id = client.id.to_string();
    store.create_client(client.clone(), vec![]).await.unwrap();
    let held = founded(&store, "u", &id).await;
    let set = |status| store.set_client_status(id.clone(), status, vec![]);
    assert_eq!(set(ClientStatus::Suspended).await.unwrap(), ended(0));
    let jti = held.issuance.jti.as_str();
    assert_eq!(store.issuance(jti).await.unwrap().unwrap().revoked_at, None);
    assert_eq!(set(ClientStatus::Active).await.unwrap(), ended(0));
    assert_eq!(set(ClientStatus::Revoked).await.unwrap(), ended(1));
    let token = store.issuance(jti).await.unwrap().unwrap();
    assert_eq!(token.revoked_at, Some(NOW));
    assert_eq!(set(ClientStatus::Active).await.unwrap(), None);
    let found = store.client(&id).await.unwrap().unwrap();
    assert_eq!(found.status, ClientStatus::Revoked);
}

async fn a_status_that_does_not_change_is_not_recorded(db: Database) {
    let store = db.open().await;
    let client = client();
    let id = client.id.to_string();
    store.create_client(client, vec![]).await.unwrap();
    for (id, changes) in [(id.clone(), true), (id, false), ("nobody".into(), false)] {
        let audit = vec![event(AuditAction::ClientSuspended)];
        let changed = store
            .set_client_status(id, ClientStatus::Suspended, audit)
            .await;
        assert_eq!(changed.unwrap().is_some(), changes);
    }
    let recorded = store.audit(&AuditFilter::default(), &Page::default()).await;
    assert_eq!(recorded.unwrap().len(), 1);
}

async fn deleting_a_client_ends_what_it_holds(db: Database) {
    let store = db.open().await;
    let (gone, stays) = (client(), client());
    let user = user().id.to_string();
    let mut held = vec![];
    for client in [&gone, &stays] {
        store.create_client(client.clone(), vec![]).await.unwrap();
        held.push(founded(&store, &user, client.id.as_str()).await);
    }
    store
        .open_session(session(&user), None, vec![])
        .await
        .unwrap();
    let audit = vec![event(AuditAction::ClientDeleted)];
    let id = gone.id.to_string();
    let delete = || store.delete_client(id.clone(), Deletion::FORCED, audit.clone());
    let refused = store.delete_client(id.clone(), Deletion::default(), audit.clone());
    assert_eq!(refused.await.unwrap(), Deleted::InUse(ended(1).unwrap()));
    assert_eq!(delete().await.unwrap(), Deleted::Yes(ended(1).unwrap()));
    assert_eq!(delete().await.unwrap(), Deleted::Gone);
    assert!(store.client(&id).await.unwrap().is_none());
    for (held, revoked) in held.iter().zip([Some(NOW), None]) {
        let token = store.issuance(held.issuance.jti.as_str()).await.unwrap();
        assert_eq!(token.unwrap().revoked_at, revoked);
        let refresh = held.refresh.as_ref().unwrap();
        let state = store.refresh_token(&refresh.digest).await.unwrap().unwrap();
        assert_eq!(state.family.revoked_at, revoked);
    }
    assert_eq!(db.count("sessions").await, 1);
    assert_eq!(
        db.count("audit_events WHERE action = 'client.deleted'")
            .await,
        1
    );
}

async fn clients_are_listed_newest_first_and_in_pages(db: Database) {
    let store = db.open().await;
    let mut newest_first = vec![];
    for age in 0..5_u64 {
        let mut client = client();
        client.issued_at = NOW.minus(Duration::from_secs(age));
        client.source = if age == 3 {
            ClientSource::Admin
        } else {
            ClientSource::Dcr
        };
        if age == 4 {
            client.status = ClientStatus::Suspended;
        }
        store.create_client(client.clone(), vec![]).await.unwrap();
        newest_first.push(client);
    }
    let everything = ClientFilter::default();
    let all = store.clients(&everything, &Page::default()).await.unwrap();
    assert_eq!(all.next, None);
    assert_eq!(all.rows, newest_first);
    let page = Page {
        limit: 2,
        offset: 2,
    };
    let some = store.clients(&everything, &page).await.unwrap();
    assert_eq!(some.rows, newest_first[2..4]);
    let by_source = ClientFilter {
        source: Some(ClientSource::Admin),
        ..ClientFilter::default()
    };
    let found = store.clients(&by_source, &Page::default()).await.unwrap();
    assert_eq!(found.rows, newest_first[3..4]);
    let by_both = ClientFilter {
        status: Some(ClientStatus::Suspended),
        source: Some(ClientSource::Admin),
        ..ClientFilter::default()
    };
    assert!(
        store
            .clients(&by_both, &Page::default())
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert_eq!(store.count_active_clients().await.unwrap(), 4);
}

async fn a_search_finds_text_in_names_and_ids_in_any_case(db: Database) {
    let store = db.open().await;
    let mut named = client();
    named.name = "My_Client 50% Ñandú".into();
    let mut with_url = client();
    with_url.id = format!("https://Tools.example/{}", id()).into();
    with_url.name = ODD.into();
    for client in [&named, &with_url] {
        store.create_client(client.clone(), vec![]).await.unwrap();
    }
    let search = async |text: &str| {
        let filter = ClientFilter {
            text: Some(text.into()),
            ..ClientFilter::default()
        };
        let found = store.clients(&filter, &Page::default()).await.unwrap();
        found
            .rows
            .into_iter()
            .map(|client| client.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(search("my_CLIENT").await, [named.id.clone()]);
    assert_eq!(search("50%").await, [named.id.clone()]);
    assert_eq!(search("Ñandú").await, [named.id.clone()]);
    assert_eq!(search("tools.EXAMPLE").await, [with_url.id.clone()]);
    assert_eq!(search("O'Hara \"x\"; -- \\ %").await, [with_url.id.clone()]);
    assert!(search("my-client").await.is_empty());
    assert!(search("' OR '1'='1").await.is_empty());
}

/// All parts of a list, one after the other.
async fn parts(store: &Store, filter: ClientFilter, limit: u32) -> Vec<Part<domain::Client>> {
    let (mut parts, mut behind) = (vec![], None);
    loop {
        let filter = ClientFilter {
            behind: behind.take(),
            ..filter.clone()
        };
        let page = Page { limit, offset: 0 };
        let part = store.clients(&filter, &page).await.unwrap();
        behind.clone_from(&part.next);
        parts.push(part);
        if behind.is_none() {
            return parts;
        }
    }
}

async fn parts_of_a_list_follow_each_other_without_gap_or_repetition(db: Database) {
    let store = db.open().await;
    let mut ids = vec![];
    for number in 0..7_u64 {
        let mut client = client();
        // Several of each moment.
        client.issued_at = NOW.minus(Duration::from_secs(number / 3));
        client.source = [ClientSource::Dcr, ClientSource::Cimd][usize::from(number % 2 == 0)];
        store.create_client(client.clone(), vec![]).await.unwrap();
        ids.push((client.issued_at.0, client.id.to_string(), client.source));
    }
    ids.sort();
    ids.reverse();
    for (source, status) in [
        (None, None),
        (None, Some(ClientStatus::Active)),
        (Some(ClientSource::Cimd), None),
        (Some(ClientSource::Dcr), Some(ClientStatus::Active)),
    ] {
        let filter = ClientFilter {
            status,
            source,
            ..ClientFilter::default()
        };
        let parts = parts(&store, filter, 2).await;
        assert!(parts.iter().all(|part| part.rows.len() <= 2));
        let found = parts.iter().flat_map(|part| &part.rows);
        let found: Vec<_> = found.map(|client| client.id.to_string()).collect();
        let admitted = |own: &ClientSource| source.is_none_or(|source| source == *own);
        let expected = ids.iter().filter(|(_, _, own)| admitted(own));
        let expected: Vec<_> = expected.map(|(_, id, _)| id.clone()).collect();
        assert_eq!(found, expected);
    }
    let last = Cursor {
        at: UnixMillis(0),
        id: "none".into(),
    };
    let behind_all = ClientFilter {
        behind: Some(last),
        ..ClientFilter::default()
    };
    let nothing = store.clients(&behind_all, &Page::default()).await.unwrap();
    assert_eq!((nothing.rows.len(), nothing.next), (0, None));
}

async fn a_search_goes_through_a_long_list_a_stretch_at_a_time(db: Database) {
    let store = db.open().await;
    let mut needle = client();
    needle.issued_at = UnixMillis(1);
    needle.name = "Needle".into();
    store.create_client(needle.clone(), vec![]).await.unwrap();
    // Ids and times that none of the samples has.
    db.execute(
        "INSERT INTO clients (id, name, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, status, source, scope, agent, issued_at, updated_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) \
         SELECT 'hay-' || i, 'Hay', '[]', '[]', '[]', 'none', 'web', 'active', 'dcr', '', 0, 1000 + i, 1000 FROM n",
    )
    .await;
    let filter = ClientFilter {
        text: Some("needle".into()),
        ..ClientFilter::default()
    };
    let parts = parts(&store, filter, 10).await;
    let found: Vec<_> = parts.iter().map(|part| part.rows.len()).collect();
    assert_eq!(found, [0, 0, 1]);
    assert_eq!(parts[2].rows, [needle]);
}
