//! Refresh tokens: rotated at each use, and deadly to their family when they come back.

use crate::harness::{A_SECOND, App, Browser, Database, Server, Tokens, USER, on_both, within};
use domain::{AuditAction, ClientStatus, UserStatus};
use engine::admin::ClientChange;
use std::time::Duration;

on_both!(
    a_refresh_token_works_once_and_its_reuse_ends_the_family,
    refresh_reuse_is_counted_recorded_and_told_to_every_instance,
    a_scope_may_be_narrowed_and_never_widened,
    the_ceiling_of_the_client_is_read_again_at_each_refresh,
    a_refresh_token_of_another_client_is_refused_and_stays_good,
    a_refresh_token_ends_a_week_after_its_last_use,
    a_disabled_user_gets_no_tokens_and_keeps_none,
    a_suspended_client_is_refused_everywhere_and_what_it_issued_lives,
    a_revoked_client_takes_its_tokens_with_it,
);

/// Nobody retries after so long.
const BEYOND_RETRIES: Duration = Duration::from_secs(31);

async fn stage(database: &Database) -> (Server, App, Browser) {
    let server = Server::start(database).await;
    let app = server.confidential_app().await;
    let browser = Browser::signed_in(&server).await;
    (server, app, browser)
}

async fn a_refresh_token_works_once_and_its_reuse_ends_the_family(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let first = app.tokens(&mut browser).await;
    let refreshed = "authserver_tokens_refreshed_total";
    assert_eq!(server.metric(refreshed).await, 0.0);
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    assert_eq!(server.metric(refreshed).await, 1.0);
    assert_eq!(server.audit(AuditAction::TokenRefreshed).await.len(), 1);
    assert_ne!(first.refresh, second.refresh);
    server.wait(BEYOND_RETRIES);
    let reuse = app.refresh(&server, &first.refresh).await;
    reuse.refused(400, "invalid_grant");
    let after = app.refresh(&server, &second.refresh).await;
    after.refused(400, "invalid_grant");
    for access in [&first.access, &second.access] {
        assert!(!app.is_active(&server, access).await);
    }
}

async fn refresh_reuse_is_counted_recorded_and_told_to_every_instance(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let other = server.beside(&database).await;
    let first = app.tokens(&mut browser).await;
    let unrelated = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&other, &first.refresh).await);
    assert!(app.is_active(&other, &second.access).await);
    let counters = [
        "authserver_refresh_token_reuse_total",
        r#"authserver_tokens_revoked_total{reason="family_revocation"}"#,
        r#"authserver_auth_denied_total{reason="refresh_reuse"}"#,
    ];
    for counter in counters {
        assert_eq!(server.metric(counter).await, 0.0, "{counter}");
    }
    server.wait(BEYOND_RETRIES);
    let denied = app.refresh(&server, &first.refresh).await;
    let denied = denied.refused(400, "invalid_grant");
    for counter in counters {
        assert_eq!(server.metric(counter).await, 1.0, "{counter}");
    }
    let recorded = server.audit(AuditAction::FamilyRevoked).await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        recorded[0].event.client_id.as_deref(),
        Some(app.client_id.as_str())
    );
    let told = denied.json()["request_id"].as_str().map(str::to_owned);
    assert_eq!(recorded[0].event.request_id, told);
    within(A_SECOND, "the other instance knows", async || {
        !app.is_active(&other, &second.access).await
    })
    .await;
    assert!(
        app.is_active(&server, &unrelated.access).await,
        "only that family"
    );
    app.refresh(&server, &unrelated.refresh).await.expect(200);
}

async fn a_scope_may_be_narrowed_and_never_widened(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let both = "notes/read notes/write";
    let first = app
        .tokens_for(&mut browser, |request| request.with("scope", both))
        .await;
    let ask = async |refresh: &str, scope: &str| {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("scope", scope),
        ];
        server.send(&app.call("/oauth/token", &pairs)).await
    };
    for wider in ["notes/read mail/read", "mail/send", "notes/rea", "admin"] {
        let refused = ask(&first.refresh, wider).await;
        refused.refused(400, "invalid_scope");
    }
    // Decided before the token was spent: it is still good.
    let narrowed = Tokens::of(&ask(&first.refresh, "notes/read").await);
    assert_eq!(narrowed.scope, "notes/read");
    let again = Tokens::of(&app.refresh(&server, &narrowed.refresh).await);
    assert_eq!(
        again.scope, both,
        "what was agreed to is still the limit (RFC 6749 §6)"
    );
}

async fn the_ceiling_of_the_client_is_read_again_at_each_refresh(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let both = "notes/read notes/write";
    let first = app
        .tokens_for(&mut browser, |request| request.with("scope", both))
        .await;
    let lower = async |scope: &str| {
        let change = ClientChange {
            scope: Some(scope.into()),
            ..ClientChange::default()
        };
        server
            .engine
            .update_client(&app.client_id, change)
            .await
            .unwrap();
    };
    lower("notes/read").await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    assert_eq!(second.scope, "notes/read");
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", second.refresh.as_str()),
        ("scope", "notes/write"),
    ];
    let beyond = server.send(&app.call("/oauth/token", &pairs)).await;
    beyond.refused(400, "invalid_scope");
    lower("mail/read").await;
    let nothing_left = app.refresh(&server, &second.refresh).await;
    nothing_left.refused(400, "invalid_scope");
    lower(both).await;
    let third = Tokens::of(&app.refresh(&server, &second.refresh).await);
    assert_eq!(third.scope, both);
}

async fn a_refresh_token_of_another_client_is_refused_and_stays_good(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let tokens = app.tokens(&mut browser).await;
    let thief = server.public_app().await;
    for _ in 0..2 {
        let refused = thief.refresh(&server, &tokens.refresh).await;
        refused.refused(400, "invalid_grant");
    }
    app.refresh(&server, &tokens.refresh).await.expect(200);
}

async fn a_refresh_token_ends_a_week_after_its_last_use(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let week = Duration::from_secs(168 * 3600);
    let first = app.tokens(&mut browser).await;
    server.wait(week - Duration::from_secs(1));
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    server.wait(week);
    let late = app.refresh(&server, &second.refresh).await;
    late.refused(400, "invalid_grant");
}

async fn a_disabled_user_gets_no_tokens_and_keeps_none(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let other = server.beside(&database).await;
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&other, &tokens.access).await);
    let engine = &server.engine;
    engine
        .set_user_status(USER, UserStatus::Disabled)
        .await
        .unwrap();
    assert!(!app.is_active(&server, &tokens.access).await);
    within(A_SECOND, "the other instance knows", async || {
        !app.is_active(&other, &tokens.access).await
    })
    .await;
    for instance in [&*server, &*other] {
        let refused = app.refresh(instance, &tokens.refresh).await;
        refused.refused(400, "invalid_grant");
        let elsewhere = Browser {
            at: *instance,
            ..browser.clone()
        }
        .get("/")
        .await;
        assert_eq!(
            elsewhere.location(),
            "/login",
            "the session is dead at once"
        );
    }
    engine
        .set_user_status(USER, UserStatus::Active)
        .await
        .unwrap();
    let enabled = app.refresh(&server, &tokens.refresh).await;
    enabled.refused(400, "invalid_grant");
    assert_eq!(browser.get("/").await.location(), "/login");
}

async fn a_suspended_client_is_refused_everywhere_and_what_it_issued_lives(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let other = server.beside(&database).await;
    let witness = server.confidential_app().await;
    let runtime = server
        .engine
        .add_runtime_client("notes", &witness.client_id)
        .await;
    runtime.unwrap();
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&other, &tokens.access).await);
    let set = async |status| {
        let changed = server
            .engine
            .set_client_status(&app.client_id, status)
            .await;
        changed.unwrap();
    };
    set(ClientStatus::Suspended).await;
    within(A_SECOND, "the other instance refuses", async || {
        app.introspect(&other, &tokens.access).await.status == 401
    })
    .await;
    for instance in [&*server, &*other] {
        let refused = app.refresh(instance, &tokens.refresh).await;
        refused.refused(401, "invalid_client");
        let refused = app.introspect(instance, &tokens.access).await;
        refused.refused(401, "invalid_client");
        let refused = app.revoke(instance, &tokens.access).await;
        refused.refused(401, "invalid_client");
        let request = app.authorize(&crate::harness::Pkce::fresh()).request();
        instance.send(&request).await.expect(400);
        within(A_SECOND, "what was issued lives", async || {
            witness.is_active(instance, &tokens.access).await
        })
        .await;
    }
    set(ClientStatus::Active).await;
    within(
        A_SECOND,
        "the other instance lets it act again",
        async || app.introspect(&other, &tokens.access).await.status == 200,
    )
    .await;
    app.refresh(&other, &tokens.refresh).await.expect(200);
}

async fn a_revoked_client_takes_its_tokens_with_it(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let witness = server.confidential_app().await;
    let runtime = server
        .engine
        .add_runtime_client("notes", &witness.client_id)
        .await;
    runtime.unwrap();
    let tokens = app.tokens(&mut browser).await;
    assert!(witness.is_active(&server, &tokens.access).await);
    let revoked = ClientStatus::Revoked;
    server
        .engine
        .set_client_status(&app.client_id, revoked)
        .await
        .unwrap();
    assert!(!witness.is_active(&server, &tokens.access).await);
    let refused = app.refresh(&server, &tokens.refresh).await;
    refused.refused(401, "invalid_client");
}
