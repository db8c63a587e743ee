//! What is removed once it has ended.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{authorize, code, founded, redeem, rotate, session};
use domain::Digest;
use std::time::Duration;
use store::{PurgeTarget, Redeemed, Rotated};

on_both!(
    codes_are_kept_for_a_day_after_their_end,
    sessions_go_when_they_have_ended,
    an_ended_session_of_the_console_is_remembered_until_its_time,
    families_go_with_all_their_tokens_when_the_last_has_expired,
    purging_goes_on_in_steps_until_nothing_is_left,
    issuances_and_audit_stay,
);

const DAY: Duration = Duration::from_secs(24 * 3600);
const MOMENT: Duration = Duration::from_millis(1);

async fn codes_are_kept_for_a_day_after_their_end(db: Database) {
    let store = db.open().await;
    let code = code("u", "c");
    store.authorize(authorize(&code)).await.unwrap();
    store.redeem_code(redeem(&code)).await.unwrap();
    db.clock.advance(code.expires_at.since(NOW) + DAY);
    let purge = || store.purge(PurgeTarget::AuthorizationCodes);
    assert_eq!(purge().await.unwrap(), 0);
    let replay = store.redeem_code(redeem(&code)).await.unwrap();
    assert_eq!(replay, Redeemed::AlreadySpent);
    db.clock.advance(MOMENT);
    assert_eq!(purge().await.unwrap(), 1);
    assert_eq!(store.code(&code.digest).await.unwrap(), None);
}

async fn sessions_go_when_they_have_ended(db: Database) {
    let store = db.open().await;
    let (short, mut long) = (session("u"), session("u"));
    long.expires_at = long.expires_at.plus(DAY);
    for session in [&short, &long] {
        store
            .open_session(session.clone(), None, vec![])
            .await
            .unwrap();
    }
    db.clock.advance(short.expires_at.since(NOW) + MOMENT);
    assert_eq!(store.purge(PurgeTarget::Sessions).await.unwrap(), 1);
    assert_eq!(store.session(&long.token).await.unwrap(), Some(long));
}

async fn an_ended_session_of_the_console_is_remembered_until_its_time(db: Database) {
    let store = db.open().await;
    let other = db.open().await;
    let (short, long) = (Digest::of(b"short"), Digest::of(b"long"));
    assert!(!store.console_session_has_ended(&short).await.unwrap());
    let (end, later) = (NOW.plus(DAY), NOW.plus(DAY * 2));
    for (session, until) in [(short, end), (short, later), (long, later)] {
        store.end_console_session(session, until).await.unwrap();
    }
    for session in [short, long] {
        assert!(other.console_session_has_ended(&session).await.unwrap());
    }
    db.clock.advance(DAY);
    store.purge(PurgeTarget::Sessions).await.unwrap();
    assert_eq!(db.count("console_sign_outs").await, 2);
    db.clock.advance(MOMENT);
    store.purge(PurgeTarget::Sessions).await.unwrap();
    assert!(store.console_session_has_ended(&long).await.unwrap());
    assert!(!store.console_session_has_ended(&short).await.unwrap());
}

async fn families_go_with_all_their_tokens_when_the_last_has_expired(db: Database) {
    let store = db.open().await;
    let (old, renewed) = (
        founded(&store, "u", "c").await,
        founded(&store, "u", "c").await,
    );
    let mut command = rotate(renewed.refresh.as_ref().unwrap(), &renewed.family);
    command.next.expires_at = command.next.expires_at.plus(DAY);
    assert_eq!(
        store.rotate_refresh(command.clone()).await.unwrap(),
        Rotated::Yes
    );
    let end = old.refresh.as_ref().unwrap().expires_at;
    db.clock.advance(end.since(NOW) + MOMENT);
    assert_eq!(store.purge(PurgeTarget::RefreshTokens).await.unwrap(), 1);
    let digest = old.refresh.unwrap().digest;
    assert_eq!(store.refresh_token(&digest).await.unwrap(), None);
    assert_eq!(db.count("refresh_tokens").await, 2);
    let mut reuse = rotate(renewed.refresh.as_ref().unwrap(), &renewed.family);
    reuse.now = end.minus(MOMENT);
    assert_eq!(
        store.rotate_refresh(reuse).await.unwrap(),
        Rotated::AlreadySpent
    );
}

async fn purging_goes_on_in_steps_until_nothing_is_left(db: Database) {
    let store = db.open().await;
    founded(&store, "u", "c").await;
    // 2,500 families, the first with 2,500 tokens more than the others.
    let (id, other) = match db.is_sqlite() {
        true => ("CAST(id AS BLOB)", "CAST('x' || id AS BLOB)"),
        false => ("convert_to(id, 'UTF8')", "convert_to('x' || id, 'UTF8')"),
    };
    db.execute(&format!(
        "INSERT INTO token_families (id, user_id, client_id, scope, resources, auth_time, created_at, expires_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         SELECT 'f' || i, 'u', 'c', '', '[]', 0, 0, i FROM n; \
         INSERT INTO refresh_tokens (digest, family_id, created_at, expires_at) \
         SELECT {id}, id, 0, expires_at FROM token_families WHERE expires_at <= 2500; \
         INSERT INTO refresh_tokens (digest, family_id, created_at, expires_at) \
         SELECT {other}, 'f1', 0, 0 FROM token_families WHERE expires_at <= 2500; \
         INSERT INTO sessions (token_digest, id, user_id, authenticated_at, expires_at) \
         SELECT {id}, id, 'u', 0, 1 FROM token_families WHERE expires_at <= 2000"
    ))
    .await;
    assert_eq!(store.purge(PurgeTarget::RefreshTokens).await.unwrap(), 2500);
    assert_eq!(db.count("token_families").await, 1);
    assert_eq!(db.count("refresh_tokens").await, 1);
    assert_eq!(store.purge(PurgeTarget::Sessions).await.unwrap(), 2000);
    for target in PurgeTarget::ALL {
        assert_eq!(store.purge(target).await.unwrap(), 0, "{}", target.as_str());
    }
}

async fn issuances_and_audit_stay(db: Database) {
    let store = db.open().await;
    founded(&store, "u", "c").await;
    db.clock.advance(DAY * 4000);
    for target in PurgeTarget::ALL {
        store.purge(target).await.unwrap();
    }
    assert_eq!(db.count("issuances").await, 1);
    assert_eq!(db.count("audit_events").await, 1);
    assert_eq!(db.count("authorization_codes").await, 0);
}
