//! Codes, consents and refresh tokens, one caller at a time.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{
    ODD, authorize, code, digest, event, founded, id, issuance, redeem, rotate, scopes,
};
use domain::{AuditAction, AuthorizationCode};
use std::time::Duration;
use store::{NewConsent, Redeemed, Rotated, StoreError};

on_both!(
    codes_read_back_as_written,
    a_code_is_stored_once,
    redeeming_a_code_founds_all_at_once,
    a_client_without_refresh_gets_a_family_and_no_refresh_token,
    an_expired_or_unknown_code_is_gone,
    a_spent_code_is_recognised_after_its_end,
    refresh_tokens_read_back_as_written,
    rotation_spends_the_token_and_stores_the_next,
    a_spent_refresh_token_is_recognised,
    a_spent_refresh_token_may_be_retried_while_its_successor_is_unused,
    an_expired_refresh_token_is_gone_and_does_not_prolong_its_family,
    consents_widen_and_are_joined,
    a_consent_given_again_starts_from_what_is_new,
);

fn rich_code() -> AuthorizationCode {
    AuthorizationCode {
        dpop_jkt: Some("a thumbprint".into()),
        redirect_uri: ODD.into(),
        scope: scopes("a b:c"),
        resources: vec!["https://a.example".into(), ODD.into()],
        auth_time: NOW.minus(Duration::from_secs(5)),
        ..code(ODD, "https://client.example/'")
    }
}

async fn codes_read_back_as_written(db: Database) {
    let store = db.open().await;
    for code in [code("u", "c"), rich_code()] {
        store.authorize(authorize(&code)).await.unwrap();
        let found = store.code(&code.digest).await.unwrap();
        assert_eq!(found, Some((code, false)));
    }
    assert_eq!(store.code(&digest()).await.unwrap(), None);
}

async fn a_code_is_stored_once(db: Database) {
    let store = db.open().await;
    let code = code("u", "c");
    store.authorize(authorize(&code)).await.unwrap();
    let error = store.authorize(authorize(&code)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)));
}

async fn redeeming_a_code_founds_all_at_once(db: Database) {
    let store = db.open().await;
    let code = rich_code();
    store.authorize(authorize(&code)).await.unwrap();
    let mut command = redeem(&code);
    let refresh = command.refresh.as_mut().unwrap();
    refresh.dpop_jkt = Some(ODD.into());
    let outcome = store.redeem_code(command.clone()).await.unwrap();
    assert_eq!(outcome, Redeemed::Yes);
    let refresh = command.refresh.unwrap();
    let state = store.refresh_token(&refresh.digest).await.unwrap().unwrap();
    assert_eq!(state.token, refresh);
    assert_eq!(state.family, command.family);
    let jti = command.issuance.jti.as_str();
    assert_eq!(
        store.issuance(jti).await.unwrap(),
        Some(command.issuance.clone())
    );
    assert_eq!(store.code(&code.digest).await.unwrap(), Some((code, true)));
    assert_eq!(
        db.count("audit_events WHERE action = 'token.issued'").await,
        1
    );
    assert_eq!(store.count_active_families().await.unwrap(), 1);
}

async fn a_client_without_refresh_gets_a_family_and_no_refresh_token(db: Database) {
    let store = db.open().await;
    let code = code("u", "c");
    store.authorize(authorize(&code)).await.unwrap();
    let mut command = redeem(&code);
    command.refresh = None;
    let outcome = store.redeem_code(command.clone()).await.unwrap();
    assert_eq!(outcome, Redeemed::Yes);
    assert_eq!(db.count("refresh_tokens").await, 0);
    assert_eq!(store.count_active_families().await.unwrap(), 1);
    db.clock.advance(command.issuance.expires_at.since(NOW));
    assert_eq!(store.count_active_families().await.unwrap(), 0);
}

async fn an_expired_or_unknown_code_is_gone(db: Database) {
    let store = db.open().await;
    let code = code("u", "c");
    store.authorize(authorize(&code)).await.unwrap();
    let mut late = redeem(&code);
    late.now = code.expires_at;
    assert_eq!(store.redeem_code(late).await.unwrap(), Redeemed::Gone);
    let unknown = redeem(&crate::samples::code("u", "c"));
    assert_eq!(store.redeem_code(unknown).await.unwrap(), Redeemed::Gone);
    for table in [
        "token_families",
        "refresh_tokens",
        "issuances",
        "audit_events",
    ] {
        assert_eq!(db.count(table).await, 0, "{table}");
    }
}

async fn a_spent_code_is_recognised_after_its_end(db: Database) {
    let store = db.open().await;
    let code = code("u", "c");
    store.authorize(authorize(&code)).await.unwrap();
    store.redeem_code(redeem(&code)).await.unwrap();
    let mut replay = redeem(&code);
    replay.now = code.expires_at.plus(Duration::from_secs(60));
    let outcome = store.redeem_code(replay.clone()).await.unwrap();
    assert_eq!(outcome, Redeemed::AlreadySpent);
    let jti = replay.issuance.jti.as_str();
    assert_eq!(store.issuance(jti).await.unwrap(), None);
}

async fn refresh_tokens_read_back_as_written(db: Database) {
    let store = db.open().await;
    assert_eq!(store.refresh_token(&digest()).await.unwrap(), None);
    let first = founded(&store, "u", "c").await;
    let mut command = rotate(first.refresh.as_ref().unwrap(), &first.family);
    command.next.dpop_jkt = Some(ODD.into());
    command.issuance = domain::Issuance {
        resource_id: Some(ODD.into()),
        audience: vec![ODD.into(), "https://a.example".into()],
        scopes: scopes("x y"),
        parent_jti: Some(ODD.into()),
        consent_client_id: Some(ODD.into()),
        dpop_jkt: Some(ODD.into()),
        agent_id: Some(ODD.into()),
        agent_chain: vec!["oldest".into(), ODD.into()],
        ..issuance(&first.family)
    };
    assert_eq!(
        store.rotate_refresh(command.clone()).await.unwrap(),
        Rotated::Yes
    );
    let next = store.refresh_token(&command.next.digest).await.unwrap();
    assert_eq!(next.unwrap().token, command.next);
    let jti = command.issuance.jti.as_str();
    assert_eq!(
        store.issuance(jti).await.unwrap(),
        Some(command.issuance.clone())
    );
    // A machine's token has no user and no family.
    db.execute("UPDATE issuances SET subject_user_id = NULL, family_id = NULL")
        .await;
    let machine = store.issuance(jti).await.unwrap().unwrap();
    assert_eq!((machine.subject_user_id, machine.family_id), (None, None));
}

async fn rotation_spends_the_token_and_stores_the_next(db: Database) {
    let store = db.open().await;
    let first = founded(&store, "u", "c").await;
    let spent = first.refresh.unwrap();
    let mut command = rotate(&spent, &first.family);
    command.next.expires_at = spent.expires_at.plus(Duration::from_secs(60));
    let end = command.next.expires_at;
    assert_eq!(
        store.rotate_refresh(command.clone()).await.unwrap(),
        Rotated::Yes
    );
    let state = store.refresh_token(&spent.digest).await.unwrap().unwrap();
    assert_eq!(state.token.spent_at, Some(NOW));
    db.clock.advance(end.since(NOW) - Duration::from_millis(1));
    assert_eq!(store.count_active_families().await.unwrap(), 1);
    let mut again = rotate(&command.next, &first.family);
    again.now = end.minus(Duration::from_millis(1));
    assert_eq!(store.rotate_refresh(again).await.unwrap(), Rotated::Yes);
}

async fn a_spent_refresh_token_is_recognised(db: Database) {
    let store = db.open().await;
    let first = founded(&store, "u", "c").await;
    let spent = first.refresh.unwrap();
    let command = rotate(&spent, &first.family);
    store.rotate_refresh(command.clone()).await.unwrap();
    let reuse = rotate(&spent, &first.family);
    let outcome = store.rotate_refresh(reuse.clone()).await.unwrap();
    assert_eq!(outcome, Rotated::AlreadySpent);
    assert_eq!(
        store.issuance(reuse.issuance.jti.as_str()).await.unwrap(),
        None
    );
    assert_eq!(store.refresh_token(&reuse.next.digest).await.unwrap(), None);
    assert_eq!(
        db.count("audit_events WHERE action = 'token.refreshed'")
            .await,
        1
    );
}

async fn a_spent_refresh_token_may_be_retried_while_its_successor_is_unused(db: Database) {
    let store = db.open().await;
    let first = founded(&store, "u", "c").await;
    let spent = first.refresh.unwrap();
    let window = Duration::from_secs(30);
    let mut command = rotate(&spent, &first.family);
    command.next.narrowed_to = Some(scopes("a b"));
    command.issuance.scopes = scopes("a b");
    command.retry_window = window;
    let next = command.next.clone();
    assert_eq!(
        store.rotate_refresh(command.clone()).await.unwrap(),
        Rotated::Yes
    );
    let retry = async |change: &dyn Fn(&mut store::RotateRefresh)| {
        let mut retry = command.clone();
        retry.issuance.jti = id().into();
        retry.next.created_at = NOW.plus(window);
        retry.next.expires_at = next.expires_at.plus(window);
        retry.next.narrowed_to = None;
        change(&mut retry);
        let outcome = store.rotate_refresh(retry.clone()).await.unwrap();
        let recorded = store.issuance(retry.issuance.jti.as_str()).await.unwrap();
        assert_eq!(recorded.is_some(), outcome == Rotated::Retried);
        outcome
    };
    // Near the moment in which it was spent, whichever instance's clock is ahead.
    for now in [NOW, NOW.plus(window), NOW.minus(window)] {
        assert_eq!(retry(&|retry| retry.now = now).await, Rotated::Retried);
    }
    let beyond = window + Duration::from_millis(1);
    for now in [NOW.plus(beyond), NOW.minus(beyond)] {
        assert_eq!(retry(&|retry| retry.now = now).await, Rotated::AlreadySpent);
    }
    let narrower = retry(&|retry| retry.issuance.scopes = scopes("b")).await;
    assert_eq!(narrower, Rotated::Retried);
    let wider = retry(&|retry| retry.issuance.scopes = scopes("a b c")).await;
    assert_eq!(wider, Rotated::RetriedBeyondScope);
    let none = retry(&|retry| retry.retry_window = Duration::ZERO).await;
    assert_eq!(none, Rotated::AlreadySpent);
    let underived = retry(&|retry| retry.next.digest = digest()).await;
    assert_eq!(underived, Rotated::AlreadySpent);
    let found = store.refresh_token(&next.digest).await.unwrap().unwrap();
    assert_eq!(found.token, next, "as it was first handed out");
    let retried = "audit_events WHERE detail = 'retry=true'";
    assert_eq!(db.count(retried).await, 4);

    let revoked = store::Revoke::Family(first.family.id.clone());
    let used = rotate(&next, &first.family);
    assert_eq!(store.rotate_refresh(used).await.unwrap(), Rotated::Yes);
    assert_eq!(retry(&|_| ()).await, Rotated::AlreadySpent);
    store.revoke(revoked, vec![]).await.unwrap();
    assert_eq!(retry(&|_| ()).await, Rotated::Gone);
}

async fn an_expired_refresh_token_is_gone_and_does_not_prolong_its_family(db: Database) {
    let store = db.open().await;
    let first = founded(&store, "u", "c").await;
    let expired = first.refresh.unwrap();
    db.clock.advance(expired.expires_at.since(NOW));
    let mut command = rotate(&expired, &first.family);
    command.now = expired.expires_at;
    command.next.expires_at = expired.expires_at.plus(Duration::from_secs(60));
    assert_eq!(
        store.rotate_refresh(command.clone()).await.unwrap(),
        Rotated::Gone
    );
    command.digest = digest();
    assert_eq!(store.rotate_refresh(command).await.unwrap(), Rotated::Gone);
    assert_eq!(store.count_active_families().await.unwrap(), 0);
}

fn consent(resource: &str, text: &str) -> NewConsent {
    NewConsent {
        id: id().into(),
        resource_id: resource.into(),
        scopes: scopes(text),
    }
}

async fn consents_widen_and_are_joined(db: Database) {
    let store = db.open().await;
    let mut first = authorize(&code("u", "c"));
    first.consents = vec![consent("r1", "a b"), consent("r2", "x")];
    first.audit = vec![event(AuditAction::ConsentGranted)];
    store.authorize(first.clone()).await.unwrap();
    let mut second = authorize(&code("u", "c"));
    second.code.created_at = NOW.plus(Duration::from_secs(9));
    second.consents = vec![consent("r1", "c a")];
    store.authorize(second.clone()).await.unwrap();
    let grant = store.consent("u", "c", "r1").await.unwrap().unwrap();
    assert_eq!(grant.id, first.consents[0].id);
    assert_eq!(grant.scopes, scopes("a b c"));
    assert_eq!(grant.created_at, NOW);
    assert_eq!(grant.updated_at, second.code.created_at);
    let other = store.consent("u", "c", "r2").await.unwrap().unwrap();
    assert_eq!(other.scopes, scopes("x"));
    for (user, client, resource) in [("v", "c", "r1"), ("u", "d", "r1"), ("u", "c", "r3")] {
        let none = store.consent(user, client, resource).await.unwrap();
        assert_eq!(none, None);
    }
    assert_eq!(
        db.count("audit_events WHERE action = 'consent.granted'")
            .await,
        1
    );
}

async fn a_consent_given_again_starts_from_what_is_new(db: Database) {
    let store = db.open().await;
    let mut command = authorize(&code("u", "c"));
    command.consents = vec![consent("r", "a b")];
    store.authorize(command).await.unwrap();
    db.execute("UPDATE consent_grants SET revoked_at = 1").await;
    let revoked = store.consent("u", "c", "r").await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    let mut command = authorize(&code("u", "c"));
    command.consents = vec![consent("r", "c")];
    store.authorize(command).await.unwrap();
    let given = store.consent("u", "c", "r").await.unwrap().unwrap();
    assert_eq!(given.scopes, scopes("c"));
    assert_eq!(given.revoked_at, None);
}
