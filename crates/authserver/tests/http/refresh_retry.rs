//! A refresh token that comes back at once: its client has lost the answer, or several processes
//! of it share the token. For half a minute that is no theft.

use crate::harness::{
    A_SECOND, App, Browser, Database, Instance, Jwt, Process, ProofKey, RESOURCE, Reply, SECOND,
    Server, Tokens, on_both, within,
};
use crate::races::furnish;
use domain::{AuditAction, Digest};
use engine::admin::ClientChange;
use std::time::Duration;

on_both!(
    a_lost_answer_is_given_again_by_every_instance,
    reuse_after_the_retry_window_ends_the_family,
    reuse_after_the_use_of_the_successor_ends_the_family_whatever_it_asks,
    two_who_hold_one_token_are_found_out_at_the_next_step,
    a_retry_gets_no_more_than_was_asked_for_the_first_time,
    a_retry_gets_no_more_than_the_resource_of_the_first_time_allowed,
    of_two_at_once_the_one_that_asks_for_nothing_gets_what_the_other_got,
    a_retry_is_bound_by_the_ceiling_of_the_client_as_it_is_now,
    a_retry_by_another_client_is_refused_and_ends_nothing,
    a_retry_after_the_end_of_the_family_is_refused_and_is_no_reuse,
    a_retry_does_not_prolong_the_successor,
    without_a_retry_window_the_second_use_ends_the_family,
    a_server_with_another_secret_cannot_answer_again,
);

const RETRIES: &str = "authserver_refresh_token_retries_total";
const REUSE: &str = "authserver_refresh_token_reuse_total";
const WINDOW: Duration = Duration::from_secs(30);

async fn stage(database: &Database, variables: &[(&str, &str)]) -> (Server, App, Browser) {
    let server = Server::with(database, variables).await;
    let app = server.confidential_app().await;
    let browser = Browser::signed_in(&server).await;
    (server, app, browser)
}

async fn ask(app: &App, at: &Instance, refresh: &str, scope: &str) -> Reply {
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("scope", scope),
    ];
    at.send(&app.call("/oauth/token", &pairs)).await
}

async fn a_lost_answer_is_given_again_by_every_instance(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let other = server.beside(&database).await;
    let first = app.tokens(&mut browser).await;
    let lost = Tokens::of(&app.refresh(&server, &first.refresh).await);
    assert_eq!(server.metric(RETRIES).await, 0.0);
    let mut all = vec![lost.clone()];
    for at in [&*server, &*other, &*server] {
        server.wait(WINDOW / 3);
        let again = Tokens::of(&app.refresh(at, &first.refresh).await);
        assert_eq!(again.refresh, lost.refresh);
        assert_eq!(again.scope, lost.scope);
        assert!(all.iter().all(|own| own.access != again.access));
        all.push(again);
    }
    assert_eq!(server.metric(RETRIES).await, 2.0);
    assert_eq!(other.metric(RETRIES).await, 1.0);
    assert_eq!(server.metric(REUSE).await, 0.0);
    let recorded = server.audit(AuditAction::TokenRefreshed).await;
    let retries = |detail: &str| detail.ends_with(" retry=true");
    let retries: Vec<_> = recorded
        .iter()
        .map(|own| retries(&own.event.detail))
        .collect();
    assert_eq!(retries, [true, true, true, false], "newest first");
    for (own, event) in all.iter().rev().zip(&recorded) {
        assert!(event.event.detail.contains(&own.jti()));
        assert!(app.is_active(&server, &own.access).await);
    }
    let next = Tokens::of(&app.refresh(&other, &lost.refresh).await);
    assert!(app.is_active(&server, &next.access).await);
}

async fn reuse_after_the_retry_window_ends_the_family(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let first = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    server.wait(WINDOW);
    app.refresh(&server, &first.refresh).await.expect(200);
    server.wait(Duration::from_millis(1));
    let reuse = app.refresh(&server, &first.refresh).await;
    reuse.refused(400, "invalid_grant");
    assert_eq!(server.metric(REUSE).await, 1.0);
    let dead = app.refresh(&server, &second.refresh).await;
    dead.refused(400, "invalid_grant");
    assert!(!app.is_active(&server, &second.access).await);
}

async fn reuse_after_the_use_of_the_successor_ends_the_family_whatever_it_asks(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    for (round, scope) in ["notes/read", "notes/write", "no such scope"]
        .into_iter()
        .enumerate()
    {
        let first = app.tokens(&mut browser).await;
        let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
        let third = Tokens::of(&app.refresh(&server, &second.refresh).await);
        let reuse = ask(&app, &server, &first.refresh, scope).await;
        reuse.refused(400, "invalid_grant");
        assert_eq!(server.metric(REUSE).await, (round + 1) as f64);
        let dead = app.refresh(&server, &third.refresh).await;
        dead.refused(400, "invalid_grant");
        assert!(!app.is_active(&server, &third.access).await);
    }
}

async fn two_who_hold_one_token_are_found_out_at_the_next_step(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let stolen = app.tokens(&mut browser).await.refresh;
    let thief = Tokens::of(&app.refresh(&server, &stolen).await);
    let victim = Tokens::of(&app.refresh(&server, &stolen).await);
    assert_eq!(thief.refresh, victim.refresh);
    // Access tokens last for a while; then each of them refreshes.
    server.wait(Duration::from_secs(600));
    let ahead = Tokens::of(&app.refresh(&server, &thief.refresh).await);
    server.wait(Duration::from_secs(60));
    let late = app.refresh(&server, &victim.refresh).await;
    late.refused(400, "invalid_grant");
    for access in [&thief.access, &victim.access, &ahead.access] {
        assert!(!app.is_active(&server, access).await);
    }
}

async fn a_retry_gets_no_more_than_was_asked_for_the_first_time(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let both = "notes/read notes/write";
    let first = app
        .tokens_for(&mut browser, |request| request.with("scope", both))
        .await;
    let narrowed = Tokens::of(&ask(&app, &server, &first.refresh, "notes/read").await);
    let again = Tokens::of(&app.refresh(&server, &first.refresh).await);
    assert_eq!(
        (again.scope.as_str(), &again.refresh),
        ("notes/read", &narrowed.refresh)
    );
    for wider in [both, "notes/write", "mail/read"] {
        let refused = ask(&app, &server, &first.refresh, wider).await;
        refused.refused(400, "invalid_scope");
    }
    let next = Tokens::of(&app.refresh(&server, &narrowed.refresh).await);
    assert_eq!(
        next.scope, both,
        "a narrowed token narrows nothing that follows"
    );
    // And a retry may narrow by itself.
    let again = Tokens::of(&ask(&app, &server, &narrowed.refresh, "notes/write").await);
    assert_eq!(
        (again.scope.as_str(), again.refresh),
        ("notes/write", next.refresh)
    );
}

async fn a_retry_gets_no_more_than_the_resource_of_the_first_time_allowed(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let first = app
        .tokens_for(&mut browser, |request| {
            request
                .with("scope", "notes/read mail/read")
                .and("resource", SECOND)
        })
        .await;
    let refresh = async |token: &str, resource: Option<&str>| {
        let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        pairs.extend(resource.map(|own| ("resource", own)));
        server.send(&app.call("/oauth/token", &pairs)).await
    };
    let narrowed = Tokens::of(&refresh(&first.refresh, Some(RESOURCE)).await);
    assert_eq!(narrowed.scope, "notes/read");
    let again = Tokens::of(&refresh(&first.refresh, None).await);
    assert_eq!(
        (again.scope.as_str(), &again.refresh),
        ("notes/read", &narrowed.refresh)
    );
    let other = refresh(&first.refresh, Some(SECOND)).await;
    other.refused(400, "invalid_scope");
    let next = Tokens::of(&refresh(&narrowed.refresh, None).await);
    assert_eq!(next.scope, first.scope, "and nothing that follows");
}

/// Several processes of one client, one of which asks for less than the others.
async fn of_two_at_once_the_one_that_asks_for_nothing_gets_what_the_other_got(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let key = ProofKey::fresh();
    let both = "notes/read notes/write";
    let refresh = async |token: &str, scope: &[(&str, &str)]| {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let request = app.call("/oauth/token", &[&pairs, scope].concat());
        server
            .send(&request.header("dpop", key.proof(&server)))
            .await
    };
    for round in 0..20 {
        let first = app
            .tokens_for(&mut browser, |request| request.with("scope", both))
            .await;
        let narrow = refresh(&first.refresh, &[("scope", "notes/read")]);
        let any = || refresh(&first.refresh, &[]);
        let (narrow, one, two, three) = tokio::join!(narrow, any(), any(), any());
        let all = [one, two, three];
        let answers: Vec<_> = all.iter().map(Tokens::of).collect();
        if narrow.status == 200 {
            assert_eq!(Tokens::of(&narrow).scope, "notes/read", "{round}");
        }
        let refresh = &answers[0].refresh;
        assert!(answers.iter().all(|own| own.refresh == *refresh), "{round}");
        assert!(
            answers
                .iter()
                .all(|own| Jwt::read(&own.access).claims["cnf"]["jkt"] == key.jkt())
        );
    }
    assert_eq!(server.metric(REUSE).await, 0.0);
}

async fn a_retry_is_bound_by_the_ceiling_of_the_client_as_it_is_now(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let both = "notes/read notes/write";
    let first = app
        .tokens_for(&mut browser, |request| request.with("scope", both))
        .await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    let change = ClientChange {
        scope: Some("notes/read".into()),
        ..ClientChange::default()
    };
    let changed = server.engine.update_client(&app.client_id, change).await;
    changed.unwrap();
    let again = Tokens::of(&app.refresh(&server, &first.refresh).await);
    assert_eq!(
        (again.scope.as_str(), again.refresh),
        ("notes/read", second.refresh)
    );
}

async fn a_retry_by_another_client_is_refused_and_ends_nothing(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let thief = server.public_app().await;
    let first = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    let refused = thief.refresh(&server, &first.refresh).await;
    refused.refused(400, "invalid_grant");
    app.refresh(&server, &second.refresh).await.expect(200);
}

async fn a_retry_after_the_end_of_the_family_is_refused_and_is_no_reuse(database: Database) {
    let (server, app, mut browser) = stage(&database, &[]).await;
    let first = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    app.revoke(&server, &second.refresh).await.expect(200);
    let refused = app.refresh(&server, &first.refresh).await;
    refused.refused(400, "invalid_grant");
    assert_eq!(server.metric(REUSE).await, 0.0);
    assert!(!app.is_active(&server, &second.access).await);
}

async fn a_retry_does_not_prolong_the_successor(database: Database) {
    let short = [
        ("AUTHPLANE_DCR_DEFAULT_TOKEN_EXPIRY", "10s"),
        ("AUTHPLANE_DCR_DEFAULT_REFRESH_EXPIRY", "20s"),
    ];
    let (server, app, mut browser) = stage(&database, &short).await;
    let first = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    let digest = Digest::of(second.refresh.as_bytes());
    let stored = async || server.engine.store().refresh_token(&digest).await.unwrap();
    let before = stored().await;
    server.wait(Duration::from_secs(15));
    app.refresh(&server, &first.refresh).await.expect(200);
    assert_eq!(stored().await, before);
    server.wait(Duration::from_secs(5));
    for refresh in [&first.refresh, &second.refresh] {
        let late = app.refresh(&server, refresh).await;
        late.refused(400, "invalid_grant");
    }
    assert_eq!(server.metric(REUSE).await, 0.0);
}

async fn without_a_retry_window_the_second_use_ends_the_family(database: Database) {
    let none = [("AUTHPLANE_OAUTH_REFRESH_RETRY_WINDOW", "0")];
    let (server, app, mut browser) = stage(&database, &none).await;
    let first = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    let reuse = app.refresh(&server, &first.refresh).await;
    reuse.refused(400, "invalid_grant");
    let dead = app.refresh(&server, &second.refresh).await;
    dead.refused(400, "invalid_grant");
    assert_eq!(server.metric(REUSE).await, 1.0);
    assert_eq!(server.metric(RETRIES).await, 0.0);
}

async fn a_server_with_another_secret_cannot_answer_again(database: Database) {
    let app = furnish(&database);
    let start = async |secret| {
        let variables = [("AUTHPLANE_SESSION_SECRET", secret)];
        Process::start(&database, &variables).await
    };
    let server = start("the secret of one of the two servers").await;
    let mut browser = Browser::signed_in(&server).await;
    let first = app.tokens(&mut browser).await;
    let second = Tokens::of(&app.refresh(&server, &first.refresh).await);
    let again = Tokens::of(&app.refresh(&server, &first.refresh).await);
    assert_eq!(again.refresh, second.refresh);
    within(A_SECOND, "the log tells of the retry", async || {
        server.log().contains(r#""retry":true"#)
    })
    .await;

    let other = start("the secret of the other of the two servers").await;
    let third = Tokens::of(&app.refresh(&other, &second.refresh).await);
    // It cannot tell whether the successor has been used.
    let refused = app.refresh(&server, &second.refresh).await;
    refused.refused(400, "invalid_grant");
    assert_eq!(server.metric(REUSE).await, 1.0);
    let dead = app.refresh(&other, &third.refresh).await;
    dead.refused(400, "invalid_grant");
}
