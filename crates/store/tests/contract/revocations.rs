//! What revocation ends.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{authorize, code, event, founded, rotate, session};
use domain::AuditAction;
use std::time::Duration;
use store::{Revoke, RevokeCount, Rotated};

on_both!(
    revoking_a_family_ends_all_its_tokens_once,
    revoking_a_token_leaves_its_family_alone,
    revoking_a_user_ends_families_sessions_codes_and_tokens,
    revoking_a_client_ends_families_codes_and_tokens,
    what_has_ended_by_itself_is_not_counted,
    revoking_what_does_not_exist_records_nothing,
);

async fn revoking_a_family_ends_all_its_tokens_once(db: Database) {
    let store = db.open().await;
    let first = founded(&store, "u", "c").await;
    let other = founded(&store, "u", "c").await;
    let mut command = rotate(first.refresh.as_ref().unwrap(), &first.family);
    assert_eq!(
        store.rotate_refresh(command.clone()).await.unwrap(),
        Rotated::Yes
    );
    let audit = vec![event(AuditAction::FamilyRevoked)];
    let revoke = || store.revoke(Revoke::Family(first.family.id.clone()), audit.clone());
    let ended = RevokeCount {
        consents: 0,
        families: 1,
        tokens: 2,
        sessions: 0,
    };
    assert_eq!(revoke().await.unwrap(), ended);
    assert_eq!(revoke().await.unwrap(), RevokeCount::default());
    assert_eq!(
        db.count("audit_events WHERE action = 'family.revoked'")
            .await,
        1
    );
    for jti in [&first.issuance.jti, &command.issuance.jti] {
        let token = store.issuance(jti.as_str()).await.unwrap().unwrap();
        assert_eq!(token.revoked_at, Some(NOW));
    }
    let next = command.next.clone();
    command = rotate(&next, &first.family);
    assert_eq!(store.rotate_refresh(command).await.unwrap(), Rotated::Gone);
    let spent = rotate(first.refresh.as_ref().unwrap(), &first.family);
    assert_eq!(store.rotate_refresh(spent).await.unwrap(), Rotated::Gone);
    let mut command = rotate(other.refresh.as_ref().unwrap(), &other.family);
    command.family_id = other.family.id.clone();
    assert_eq!(store.rotate_refresh(command).await.unwrap(), Rotated::Yes);
}

async fn revoking_a_token_leaves_its_family_alone(db: Database) {
    let store = db.open().await;
    let held = founded(&store, "u", "c").await;
    let jti = held.issuance.jti.clone();
    let count = store
        .revoke(Revoke::Token(jti.clone()), vec![])
        .await
        .unwrap();
    assert_eq!((count.tokens, count.families), (1, 0));
    let token = store.issuance(jti.as_str()).await.unwrap().unwrap();
    assert_eq!(token.revoked_at, Some(NOW));
    let again = store.revoke(Revoke::Token(jti), vec![]).await.unwrap();
    assert!(!again.any());
    let command = rotate(held.refresh.as_ref().unwrap(), &held.family);
    assert_eq!(store.rotate_refresh(command).await.unwrap(), Rotated::Yes);
}

async fn revoking_a_user_ends_families_sessions_codes_and_tokens(db: Database) {
    let store = db.open().await;
    for user in ["u", "v"] {
        founded(&store, user, "c").await;
        founded(&store, user, "d").await;
        store.authorize(authorize(&code(user, "c"))).await.unwrap();
        store
            .open_session(session(user), None, vec![])
            .await
            .unwrap();
    }
    let audit = vec![event(AuditAction::UserForceLogout)];
    let count = store.revoke(Revoke::User("u".into()), audit).await.unwrap();
    let ended = RevokeCount {
        consents: 0,
        families: 2,
        tokens: 2,
        sessions: 1,
    };
    assert_eq!(count, ended);
    for table in ["token_families", "issuances"] {
        assert_eq!(
            db.count(&format!("{table} WHERE revoked_at IS NULL")).await,
            2
        );
    }
    assert_eq!(db.count("authorization_codes WHERE user_id = 'u'").await, 0);
    assert_eq!(db.count("authorization_codes WHERE user_id = 'v'").await, 3);
    assert_eq!(db.count("sessions").await, 1);
}

async fn revoking_a_client_ends_families_codes_and_tokens(db: Database) {
    let store = db.open().await;
    for client in ["c", "d"] {
        founded(&store, "u", client).await;
        store
            .authorize(authorize(&code("u", client)))
            .await
            .unwrap();
    }
    let count = store
        .revoke(Revoke::Client("c".into()), vec![])
        .await
        .unwrap();
    assert_eq!((count.families, count.tokens), (1, 1));
    assert_eq!(
        db.count("authorization_codes WHERE client_id = 'c'").await,
        0
    );
    assert_eq!(
        db.count("authorization_codes WHERE client_id = 'd'").await,
        2
    );
    assert_eq!(db.count("issuances WHERE revoked_at IS NULL").await, 1);
    assert_eq!(db.count("token_families WHERE revoked_at IS NULL").await, 1);
}

async fn what_has_ended_by_itself_is_not_counted(db: Database) {
    let store = db.open().await;
    let held = founded(&store, "u", "c").await;
    db.clock
        .advance(held.issuance.expires_at.since(NOW) + Duration::from_millis(1));
    let count = store.revoke(Revoke::Family(held.family.id), vec![]).await;
    assert_eq!(count.unwrap().tokens, 0);
    let token = store.issuance(held.issuance.jti.as_str()).await.unwrap();
    assert_eq!(token.unwrap().revoked_at, None);
}

async fn revoking_what_does_not_exist_records_nothing(db: Database) {
    let store = db.open().await;
    for what in [
        Revoke::Family("x".into()),
        Revoke::Token("x".into()),
        Revoke::User("x".into()),
        Revoke::Client("x".into()),
    ] {
        let audit = vec![event(AuditAction::TokenRevoked)];
        assert!(!store.revoke(what, audit).await.unwrap().any());
    }
    assert_eq!(db.count("audit_events").await, 0);
}
