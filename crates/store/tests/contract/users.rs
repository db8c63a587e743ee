//! Users and their sessions.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{digest, event, founded, rich_user, session, user};
use domain::{AuditAction, UnixMillis, UserStatus};
use std::time::Duration;
use store::{Deleted, Deletion, Page, RevokeCount, StoreError, Updated, UserFilter};

on_both!(
    users_read_back_as_written,
    an_address_is_taken_once,
    users_are_listed_newest_first_and_in_pages,
    updating_a_user_writes_every_field,
    ending_all_of_a_user_leaves_other_users_alone,
    deleting_a_user_ends_everything_of_theirs,
    a_session_opens_reads_back_and_closes_once,
    a_session_ends_by_itself,
    a_new_session_replaces_the_one_before,
);

/// What one session with one family holds.
const EVERYTHING: RevokeCount = RevokeCount {
    families: 1,
    tokens: 1,
    sessions: 1,
    consents: 0,
};

async fn users_read_back_as_written(db: Database) {
    let store = db.open().await;
    for user in [user(), rich_user()] {
        assert!(store.user(user.id.as_str()).await.unwrap().is_none());
        store.create_user(user.clone(), vec![]).await.unwrap();
        let found = store.user(user.id.as_str()).await.unwrap().unwrap();
        assert_eq!(*found, user);
        let found = store.user_by_email(&user.email).await.unwrap();
        assert_eq!(found, Some(user));
    }
    assert_eq!(
        store.user_by_email("nobody@example.com").await.unwrap(),
        None
    );
}

async fn an_address_is_taken_once(db: Database) {
    let store = db.open().await;
    let (first, mut second) = (user(), user());
    store.create_user(first.clone(), vec![]).await.unwrap();
    store.create_user(second.clone(), vec![]).await.unwrap();
    let words = "a user with that e-mail address already exists";
    second.email = first.email.clone();
    let error = store.update_user(second, true, vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), words);
    let mut third = user();
    third.email = first.email.clone();
    let error = store.create_user(third.clone(), vec![]).await.unwrap_err();
    assert_eq!(error.to_string(), words);
    assert!(matches!(error, StoreError::Conflict(_)));
    assert!(store.user(third.id.as_str()).await.unwrap().is_none());
}

async fn users_are_listed_newest_first_and_in_pages(db: Database) {
    let store = db.open().await;
    let mut newest_first = vec![];
    for age in 0..4 {
        let mut user = user();
        user.created_at = NOW.minus(Duration::from_secs(age));
        store.create_user(user.clone(), vec![]).await.unwrap();
        newest_first.push(user);
    }
    let all = store
        .users(&UserFilter::default(), &Page::default())
        .await
        .unwrap();
    assert_eq!(all.rows, newest_first);
    let page = Page {
        limit: 2,
        offset: 1,
    };
    let some = store.users(&UserFilter::default(), &page).await.unwrap();
    assert_eq!(some.rows, newest_first[1..3]);
}

async fn updating_a_user_writes_every_field(db: Database) {
    let store = db.open().await;
    let before = user();
    store.create_user(before.clone(), vec![]).await.unwrap();
    let mut after = rich_user();
    after.id = before.id.clone();
    after.updated_at = before.updated_at;
    let written = |ended| Updated::Yes {
        updated_at: UnixMillis(before.updated_at.0 + 1),
        ended,
    };
    let ended = store.update_user(after.clone(), false, vec![]).await;
    assert_eq!(ended.unwrap(), written(RevokeCount::default()));
    after.updated_at.0 += 1;
    let found = store.user(before.id.as_str()).await.unwrap().unwrap();
    assert_eq!(*found, after);
    let audit = vec![event(AuditAction::UserUpdated)];
    let ended = store.update_user(user(), true, audit).await.unwrap();
    assert_eq!(ended, Updated::Gone);
    assert_eq!(db.count("audit_events").await, 0);
}

async fn ending_all_of_a_user_leaves_other_users_alone(db: Database) {
    let store = db.open().await;
    let (mut ended, other) = (user(), user());
    let mut held = vec![];
    for user in [&ended, &other] {
        store.create_user(user.clone(), vec![]).await.unwrap();
        let session = session(user.id.as_str());
        store
            .open_session(session.clone(), None, vec![])
            .await
            .unwrap();
        let code = crate::samples::code(user.id.as_str(), "c");
        store
            .authorize(crate::samples::authorize(&code))
            .await
            .unwrap();
        let founded = founded(&store, user.id.as_str(), "c").await;
        held.push((session, code, founded));
    }
    ended.status = UserStatus::Disabled;
    let ended = store.update_user(ended, true, vec![]).await.unwrap();
    assert!(matches!(ended, Updated::Yes { ended, .. } if ended == EVERYTHING));
    for ((session, code, founded), alive) in held.iter().zip([false, true]) {
        let found = store.session(&session.token).await.unwrap();
        assert_eq!(found.is_some(), alive);
        assert_eq!(store.code(&code.digest).await.unwrap().is_some(), alive);
        let token = store.issuance(founded.issuance.jti.as_str()).await.unwrap();
        assert_eq!(token.unwrap().revoked_at.is_none(), alive);
        let refresh = founded.refresh.as_ref().unwrap();
        let state = store.refresh_token(&refresh.digest).await.unwrap().unwrap();
        assert_eq!(state.family.revoked_at.is_none(), alive);
    }
    assert_eq!(store.count_active_families().await.unwrap(), 1);
}

async fn deleting_a_user_ends_everything_of_theirs(db: Database) {
    let store = db.open().await;
    let user = user();
    let id = user.id.to_string();
    store.create_user(user, vec![]).await.unwrap();
    let session = session(&id);
    store
        .open_session(session.clone(), None, vec![])
        .await
        .unwrap();
    let founded = founded(&store, &id, "c").await;
    let audit = vec![event(AuditAction::UserDeleted)];
    let delete = || store.delete_user(id.clone(), Deletion::FORCED, audit.clone());
    let refused = store.delete_user(id.clone(), Deletion::default(), audit.clone());
    assert_eq!(refused.await.unwrap(), Deleted::InUse(EVERYTHING));
    assert_eq!(delete().await.unwrap(), Deleted::Yes(EVERYTHING));
    assert_eq!(delete().await.unwrap(), Deleted::Gone);
    assert!(store.user(&id).await.unwrap().is_none());
    assert_eq!(store.session(&session.token).await.unwrap(), None);
    let token = store.issuance(founded.issuance.jti.as_str()).await.unwrap();
    assert_eq!(token.unwrap().revoked_at, Some(NOW));
    assert_eq!(
        db.count("audit_events WHERE action = 'user.deleted'").await,
        1
    );
}

async fn a_session_opens_reads_back_and_closes_once(db: Database) {
    let store = db.open().await;
    let session = session("u");
    store
        .open_session(session.clone(), None, vec![])
        .await
        .unwrap();
    let found = store.session(&session.token).await.unwrap();
    assert_eq!(found, Some(session.clone()));
    assert_eq!(store.session(&digest()).await.unwrap(), None);
    let audit = vec![event(AuditAction::UserLogout)];
    let close = || store.close_session(session.clone(), audit.clone());
    assert!(close().await.unwrap());
    assert!(!close().await.unwrap());
    assert_eq!(store.session(&session.token).await.unwrap(), None);
    assert_eq!(db.count("audit_events").await, 1);
}

async fn a_session_ends_by_itself(db: Database) {
    let store = db.open().await;
    let session = session("u");
    store
        .open_session(session.clone(), None, vec![])
        .await
        .unwrap();
    db.clock.advance(session.expires_at.since(NOW));
    assert_eq!(store.session(&session.token).await.unwrap(), None);
}

async fn a_new_session_replaces_the_one_before(db: Database) {
    let store = db.open().await;
    let (before, after) = (session("u"), session("u"));
    store
        .open_session(before.clone(), None, vec![])
        .await
        .unwrap();
    let replaced = Some(before.token);
    store
        .open_session(after.clone(), replaced, vec![])
        .await
        .unwrap();
    assert_eq!(store.session(&before.token).await.unwrap(), None);
    assert_eq!(store.session(&after.token).await.unwrap(), Some(after));
}
