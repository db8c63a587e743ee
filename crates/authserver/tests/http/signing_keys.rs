//! Signing keys at several instances: published before they are used, and let go of at once.

use crate::harness::{ADMIN_KEY, App, Browser, Database, Jwt, Request, Server, on_both};
use domain::{AuditAction, UnixMillis};
use serde_json::{Value, json};
use std::time::Duration;

on_both!(
    no_token_carries_a_key_that_was_not_published_long_enough,
    a_key_that_is_let_go_of_ends_its_tokens_at_every_instance,
    a_rotation_says_when_its_key_signs_and_a_second_one_waits,
    instances_that_start_together_agree_on_a_key_of_the_new_algorithm,
);

/// As long as verifiers in use keep a key set, whatever its `max-age` says.
const LONGEST_CACHE: Duration = Duration::from_secs(15 * 60);
const MINUTE: Duration = Duration::from_secs(60);

async fn published(server: &Server) -> Vec<String> {
    let set = server
        .get("/.well-known/jwks.json")
        .await
        .expect(200)
        .json();
    let keys = set["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["kid"].as_str().expect("a kid").to_owned())
        .collect()
}

async fn signed_by(app: &App, browser: &mut Browser) -> (String, String) {
    let access = app.tokens(browser).await.access;
    let kid = Jwt::read(&access).header["kid"].as_str().map(str::to_owned);
    (access, kid.expect("a kid"))
}

async fn ask(server: &Server, path: &str, body: &Value) -> crate::harness::Reply {
    let request = Request::json(path, body).bearer(ADMIN_KEY);
    server.send_admin(&request).await
}

async fn no_token_carries_a_key_that_was_not_published_long_enough(database: Database) {
    let one = Server::start(&database).await;
    let other = one.beside(&database).await;
    let app = one.confidential_app().await;
    let mut browsers = [
        Browser::signed_in(&one).await,
        Browser::signed_in(&other).await,
    ];
    let (first, _) = signed_by(&app, &mut browsers[0]).await;
    ask(&one, "/admin/keys/rotate", &json!({}))
        .await
        .expect(200);
    other.engine.follow_keys().await;

    // What a verifier holds that fetched the set at any of these times and keeps it for long.
    let mut caches: Vec<(UnixMillis, Vec<String>)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..24 {
        let now = one.engine.now();
        caches.retain(|(fetched, _)| now.since(*fetched) <= LONGEST_CACHE);
        for (server, browser) in [&one, &other].into_iter().zip(&mut browsers) {
            caches.push((now, published(server).await));
            let (access, kid) = signed_by(&app, browser).await;
            for (fetched, cache) in &caches {
                assert!(
                    cache.contains(&kid),
                    "{kid} in a set fetched at {fetched:?}"
                );
            }
            for server in [&one, &other] {
                assert!(app.is_active(server, &access).await);
            }
            seen.insert(kid);
        }
        one.wait(MINUTE);
        one.engine.settle_keys().await;
        other.engine.follow_keys().await;
    }
    assert_eq!(seen.len(), 2, "the new key signs in the end");
    let old = Jwt::read(&first).header["kid"].clone();
    let set = published(&one).await;
    assert_eq!(set, published(&other).await);
    assert_ne!(set[0], old, "active first");
}

async fn a_key_that_is_let_go_of_ends_its_tokens_at_every_instance(database: Database) {
    let one = Server::start(&database).await;
    let other = one.beside(&database).await;
    let app = one.confidential_app().await;
    let mut browser = Browser::signed_in(&one).await;
    let (access, kid) = signed_by(&app, &mut browser).await;
    for server in [&one, &other] {
        assert!(app.is_active(server, &access).await);
    }
    let path = format!("/admin/keys/{kid}/retire");
    let left = ask(&other, &path, &json!({})).await.expect(200).json();
    assert_eq!(left["keys"].as_array().map(Vec::len), Some(1));
    assert_eq!(left["keys"][0]["status"], "active");
    one.engine.follow_keys().await;
    for server in [&one, &other] {
        assert!(!app.is_active(server, &access).await);
        assert!(!published(server).await.contains(&kid));
    }
    let (fresh, _) = signed_by(&app, &mut browser).await;
    assert!(app.is_active(&other, &fresh).await);
    ask(&one, &path, &json!({})).await.expect(404);
    let recorded = one.audit(AuditAction::KeyRetired).await;
    assert_eq!(recorded.len(), 1);
    assert!(recorded[0].event.detail.contains(&kid));
}

async fn a_rotation_says_when_its_key_signs_and_a_second_one_waits(database: Database) {
    let server = Server::start(&database).await;
    let made = ask(&server, "/admin/keys/rotate", &json!({})).await;
    let made = made.expect(200).json();
    assert_eq!(made["status"], "pending");
    let ahead = server.engine.config().signing.publish_ahead;
    let active_at = server.engine.now().plus(ahead).rfc3339();
    assert_eq!(made["active_at"], active_at);
    let again = ask(&server, "/admin/keys/rotate", &json!({})).await;
    again.expect(409);
    let bad = ask(&server, "/admin/keys/rotate", &json!({ "now": "yes" })).await;
    bad.expect(422);

    // Events of one millisecond are in no order.
    server.wait(Duration::from_secs(1));
    let now = ask(&server, "/admin/keys/rotate", &json!({ "now": true })).await;
    let now = now.expect(200).json();
    assert_eq!(now["kid"], made["kid"], "it has been published for a while");
    assert_eq!(now["status"], "active");
    assert_eq!(published(&server).await[0], now["kid"]);
    // An empty body is as good as an empty object.
    server.wait(Duration::from_secs(1));
    let rotate = Request::new("POST", "/admin/keys/rotate").bearer(ADMIN_KEY);
    let pending = server.send_admin(&rotate).await.expect(200).json();
    assert_eq!(pending["status"], "pending");
    let details: Vec<_> = server.audit(AuditAction::KeyRotated).await;
    assert_eq!(details.len(), 3);
    assert!(
        details[0]
            .event
            .detail
            .contains("status=pending active_at=")
    );
    assert_eq!(server.metric("authserver_key_rotation_total").await, 3.0);
}

async fn instances_that_start_together_agree_on_a_key_of_the_new_algorithm(database: Database) {
    let old = Server::start(&database).await;
    let other = match old.engine.config().signing.algorithm.as_str() {
        "RS256" => "ES256",
        _ => "RS256",
    };
    let changed = [("AUTHPLANE_SIGNING_ALGORITHM", other)];
    let one = old.beside_with(&database, &changed).await;
    let two = old.beside_with(&database, &changed).await;
    let (first, second) = tokio::join!(
        one.engine.follow_configured_algorithm(),
        two.engine.follow_configured_algorithm(),
    );
    first.expect("the first starts");
    second.expect("the second starts");
    assert_eq!(published(&one).await, published(&two).await);
    assert_eq!(published(&one).await.len(), 2, "one new key, not two");
    assert_eq!(one.audit(AuditAction::KeyRotated).await.len(), 1);
}
