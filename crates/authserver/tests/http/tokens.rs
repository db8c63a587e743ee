//! Introspection and revocation: who is told what about which token.

use crate::harness::{
    A_SECOND, App, Browser, Database, Jwt, RESOURCE, SECOND, Server, USER, on_both, within,
};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use domain::AuditAction;
use keys::Activation;
use std::time::Duration;

on_both!(
    an_active_answer_says_what_the_token_says,
    only_the_holder_and_runtime_clients_learn_about_a_token,
    revoking_an_access_token_ends_that_token_at_once_and_everywhere,
    revoking_a_refresh_token_ends_its_family,
    a_client_cannot_revoke_what_is_not_its_own,
    a_rotated_key_ends_nothing,
);

const INACTIVE: &str = r#"{"active":false}"#;

async fn stage(database: &Database) -> (Server, App, Browser) {
    let server = Server::start(database).await;
    let app = server.confidential_app().await;
    let browser = Browser::signed_in(&server).await;
    (server, app, browser)
}

async fn an_active_answer_says_what_the_token_says(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let tokens = app.tokens(&mut browser).await;
    let jwt = Jwt::read(&tokens.access);
    assert_eq!(jwt.header["typ"], "at+jwt");
    assert_eq!(jwt.header["alg"], "ES256");
    assert_eq!(jwt.claims["aud"], serde_json::json!([RESOURCE]));
    assert_eq!(jwt.claims["iss"], "http://localhost:9000");
    assert_eq!(jwt.claims.get("nbf"), None);
    let active = r#"authserver_introspection_total{active="true"}"#;
    assert_eq!(server.metric(active).await, 0.0);
    let answer = app.introspect(&server, &tokens.access).await.expect(200);
    assert_eq!(server.metric(active).await, 1.0);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.json();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["username"], USER);
    assert_eq!(answer["token_type"], "Bearer");
    for claim in [
        "scope",
        "client_id",
        "exp",
        "iat",
        "sub",
        "aud",
        "iss",
        "jti",
    ] {
        assert_eq!(answer[claim], jwt.claims[claim], "{claim}");
        assert!(!answer[claim].is_null(), "{claim}");
    }
    server.wait(Duration::from_secs(15 * 60 - 1));
    assert!(app.is_active(&server, &tokens.access).await);
    server.wait(Duration::from_secs(1));
    assert!(!app.is_active(&server, &tokens.access).await);
}

async fn only_the_holder_and_runtime_clients_learn_about_a_token(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let tokens = app.tokens(&mut browser).await;
    let (other, public) = (server.confidential_app().await, server.public_app().await);
    let refused = r#"authserver_auth_denied_total{reason="introspection_refused"}"#;
    assert_eq!(server.metric(refused).await, 0.0);
    assert_eq!(
        other.introspect(&server, &tokens.access).await.body,
        INACTIVE
    );
    assert_eq!(server.metric(refused).await, 1.0);
    let recorded = server.audit(AuditAction::TokenIntrospectDenied).await;
    assert_eq!(recorded.len(), 1);

    let answer = public.introspect(&server, &tokens.access).await;
    let answer = answer.refused(401, "invalid_client");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic")
    );

    let engine = &server.engine;
    engine
        .add_runtime_client("mail", &other.client_id)
        .await
        .unwrap();
    assert!(
        !other.is_active(&server, &tokens.access).await,
        "of another resource"
    );
    engine
        .add_runtime_client("notes", &other.client_id)
        .await
        .unwrap();
    assert!(other.is_active(&server, &tokens.access).await);
    engine
        .remove_runtime_client("notes", &other.client_id)
        .await
        .unwrap();
    assert!(!other.is_active(&server, &tokens.access).await);
}

async fn revoking_an_access_token_ends_that_token_at_once_and_everywhere(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let other = server.beside(&database).await;
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&other, &tokens.access).await);
    let explicit = r#"authserver_tokens_revoked_total{reason="explicit"}"#;
    assert_eq!(server.metric(explicit).await, 0.0);
    for _ in 0..2 {
        let reply = app.revoke(&server, &tokens.access).await.expect(200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(server.metric(explicit).await, 1.0, "counted once");
        assert_eq!(server.audit(AuditAction::TokenRevoked).await.len(), 1);
    }
    assert!(!app.is_active(&server, &tokens.access).await);
    within(A_SECOND, "the other instance knows", async || {
        !app.is_active(&other, &tokens.access).await
    })
    .await;
    app.refresh(&server, &tokens.refresh).await.expect(200);
}

async fn revoking_a_refresh_token_ends_its_family(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    for hint in ["", "refresh_token", "access_token", "nonsense"] {
        let tokens = app.tokens(&mut browser).await;
        let pairs = [
            ("token", tokens.refresh.as_str()),
            ("token_type_hint", hint),
        ];
        let request = app.call("/oauth/revoke", &pairs);
        server.send(&request).await.expect(200);
        assert!(!app.is_active(&server, &tokens.access).await, "{hint}");
        let refused = app.refresh(&server, &tokens.refresh).await;
        refused.refused(400, "invalid_grant");
    }
}

async fn a_client_cannot_revoke_what_is_not_its_own(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let tokens = app.tokens(&mut browser).await;
    let other = server.public_app().await;
    let refused = r#"authserver_auth_denied_total{reason="revocation_refused"}"#;
    assert_eq!(server.metric(refused).await, 0.0);
    for token in [&tokens.access, &tokens.refresh] {
        let reply = other.revoke(&server, token).await;
        assert_eq!(reply.status, 200, "the same answer as for its own");
    }
    assert_eq!(server.metric(refused).await, 2.0);
    assert!(app.is_active(&server, &tokens.access).await);
    app.refresh(&server, &tokens.refresh).await.expect(200);
    let unauthenticated = App {
        secret: Some(String::from("wrong")),
        ..app.clone()
    };
    let reply = unauthenticated.revoke(&server, &tokens.access).await;
    reply.refused(401, "invalid_client");
    assert!(app.is_active(&server, &tokens.access).await);
}

async fn a_rotated_key_ends_nothing(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let tokens = app.tokens(&mut browser).await;
    server.engine.rotate_key(Activation::Now).await.unwrap();
    let fresh = app.tokens(&mut browser).await;
    let (old, new) = (Jwt::read(&tokens.access), Jwt::read(&fresh.access));
    assert_ne!(old.header["kid"], new.header["kid"]);
    assert!(app.is_active(&server, &tokens.access).await);
    assert!(app.is_active(&server, &fresh.access).await);
    let jwks = server.get("/.well-known/jwks.json").await;
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=300"));
    let keys = jwks.json()["keys"].clone();
    assert_eq!(keys[0]["kid"], new.header["kid"], "current first");
    assert_eq!(keys[1]["kid"], old.header["kid"], "retired kept");
}

#[tokio::test]
async fn garbage_is_inactive_to_introspection_and_nothing_to_revocation() {
    let (server, app, mut browser) = stage(&Database::sqlite()).await;
    let tokens = app.tokens(&mut browser).await;
    let long = "x".repeat(5000);
    let half = &tokens.access[..tokens.access.len() / 2];
    let garbage = ["x", "..", "a.b.c", "null", "{}", "é", "\u{1}", &long, half];
    for token in garbage {
        let reply = app.introspect(&server, token).await;
        let answer = (reply.status, reply.body.as_str());
        assert!(
            answer == (200, INACTIVE) || reply.status == 400,
            "{token}: {reply:?}"
        );
        let reply = app.revoke(&server, token).await;
        assert!(matches!(reply.status, 200 | 400), "{token}: {reply:?}");
    }
    // A refresh token is not an access token.
    assert!(!app.is_active(&server, &tokens.refresh).await);
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let reply = server.send(&app.call(path, &[])).await;
        reply.refused(400, "invalid_request");
    }
    assert!(app.is_active(&server, &tokens.access).await);
}

#[tokio::test]
async fn forged_and_altered_tokens_are_inactive_and_cannot_be_revoked() {
    let (server, app, mut browser) = stage(&Database::sqlite()).await;
    let tokens = app.tokens(&mut browser).await;
    let jwt = Jwt::read(&tokens.access);
    let jwks = server.get("/.well-known/jwks.json").await.body;
    let stranger = {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.unwrap().as_ref());
        let key = key.unwrap();
        move |input: &[u8]| key.sign(&random, input).unwrap().as_ref().to_vec()
    };
    let hmac = |secret: &[u8], input: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
    };
    let unsigned = |jwt: Jwt| jwt.signed(|_| Vec::new());
    let own_jwk = serde_json::json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
    let forged = [
        ("another key", jwt.clone().signed(&stranger)),
        ("no signature", unsigned(jwt.clone())),
        ("alg none", unsigned(jwt.clone().header("alg", "none"))),
        ("alg NONE", unsigned(jwt.clone().header("alg", "NONE"))),
        (
            "HS256 under the public key",
            jwt.clone()
                .header("alg", "HS256")
                .signed(|input| hmac(jwks.as_bytes(), input)),
        ),
        ("HS256, signature kept", jwt.clone().header("alg", "HS256")),
        ("RS256 with an EC key", jwt.clone().header("alg", "RS256")),
        ("ES384 with a P-256 key", jwt.clone().header("alg", "ES384")),
        (
            "unknown kid",
            jwt.clone().header("kid", "other").signed(&stranger),
        ),
        ("empty kid", jwt.clone().header("kid", "")),
        ("kid as a path", jwt.clone().header("kid", "../../dev/null")),
        ("kid as a number", jwt.clone().header("kid", 1)),
        (
            "its own jwk",
            jwt.clone().header("jwk", own_jwk).signed(&stranger),
        ),
        (
            "its own jku",
            jwt.clone()
                .header("jku", "https://evil.example/")
                .signed(&stranger),
        ),
        ("crit", jwt.clone().header("crit", serde_json::json!(["x"]))),
        ("typ JWT", jwt.clone().header("typ", "JWT")),
        (
            "wider scope",
            jwt.clone().claim("scope", "notes/read notes/write"),
        ),
        ("later exp", jwt.clone().claim("exp", 9_999_999_999_i64)),
        ("other aud", jwt.clone().claim("aud", SECOND)),
    ];
    for (what, forged) in forged {
        let token = forged.assemble();
        assert_ne!(token, tokens.access, "{what}");
        let reply = app.introspect(&server, &token).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, INACTIVE),
            "{what}"
        );
        app.revoke(&server, &token).await.expect(200);
        assert!(app.is_active(&server, &tokens.access).await, "{what}");
    }
    let mut malleable = tokens.access.clone();
    let last = malleable.pop().unwrap();
    // The last character carries bits that base64url ignores; a strict decoder does not.
    malleable.push(if last == 'B' { 'C' } else { 'B' });
    assert!(!app.is_active(&server, &malleable).await);
}
