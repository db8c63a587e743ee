//! The gates, each flipped alone: everything else about the request is in order.

use super::{ACCESS_TOKEN, ARCHIVE, GRANT, Stage, access, exchange, machine_token, refused};
use crate::harness::{App, Database, Jwt, RESOURCE, SECOND, on_both};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use engine::admin::NewClient;
use std::time::Duration;

on_both!(
    a_request_in_order_passes,
    the_grant_can_be_switched_off,
    a_client_without_a_secret_is_refused,
    a_client_without_the_grant_is_refused,
    a_scope_outside_the_target_catalog_is_refused,
    a_caller_that_is_not_listed_is_refused,
    a_foreign_token_needs_a_listed_caller,
    a_scope_the_subject_does_not_hold_is_refused,
    a_missing_consent_is_asked_for,
    a_narrower_consent_does_not_do,
    no_target_is_for_self_exchange_alone,
    one_target_at_a_time,
    nothing_but_a_live_token_of_ours_is_exchanged,
    token_types_that_are_not_ours_are_refused,
);

async fn ready(database: &Database) -> Stage {
    let mut stage = Stage::set(database).await;
    stage.archive(&[&stage.agent, &stage.app], &[]).await;
    stage.agree("notes/read").await;
    stage
}

async fn a_request_in_order_passes(database: Database) {
    let stage = ready(&database).await;
    let reply = stage.delegate().await.expect(200);
    assert_eq!(reply.json()["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(reply.json()["scope"], "notes/read");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    // By slug, in the other parameter, and twice the same.
    for parameters in [
        &[("audience", "archive")][..],
        &[("resource", "archive"), ("audience", ARCHIVE)],
        &[("resource", ARCHIVE), ("scope", "notes/read")],
    ] {
        let subject = &stage.tokens.access;
        let reply = exchange(&stage.server, &stage.agent, subject, parameters).await;
        assert_eq!(super::claims(&reply)["aud"], serde_json::json!([ARCHIVE]));
    }
}

async fn the_grant_can_be_switched_off(database: Database) {
    let off = [("AUTHPLANE_TOKEN_EXCHANGE_ENABLED", "false")];
    let mut stage = Stage::with(&database, &off).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.agree("notes/read").await;
    let reply = stage.delegate().await;
    let (code, reason) = ("unsupported_grant_type", "unsupported_grant_type");
    refused(&stage.server, reply, 400, code, reason).await;
    let metadata = "/.well-known/oauth-authorization-server";
    let grants = stage.server.get(metadata).await.json()["grant_types_supported"].clone();
    assert!(!grants.to_string().contains("token-exchange"), "{grants}");
}

async fn a_client_without_a_secret_is_refused(database: Database) {
    let stage = ready(&database).await;
    let client = NewClient {
        name: "Public".into(),
        redirect_uris: vec![crate::harness::REDIRECT.into()],
        token_endpoint_auth_method: Some(domain::AuthMethod::None),
        ..NewClient::default()
    };
    let public = stage.server.app(client).await;
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &public, subject, &[("resource", ARCHIVE)]).await;
    let code = "unauthorized_client";
    refused(&stage.server, reply, 400, code, "unauthorized_client").await;
}

async fn a_client_without_the_grant_is_refused(database: Database) {
    let mut stage = Stage::set(&database).await;
    let plain = stage.server.confidential_app().await;
    stage.archive(&[&plain], &[]).await;
    stage.agree("notes/read").await;
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &plain, subject, &[("resource", ARCHIVE)]).await;
    let code = "unauthorized_client";
    refused(&stage.server, reply, 400, code, "unauthorized_client").await;
}

async fn a_scope_outside_the_target_catalog_is_refused(database: Database) {
    let mut stage = ready(&database).await;
    // The subject holds it, only the target does not know it.
    let wide = |request: crate::harness::Authorize| request.with("scope", "notes/read notes/write");
    let tokens = stage.app.tokens_for(&mut stage.browser, wide).await;
    let parameters = [("resource", ARCHIVE), ("scope", "notes/write")];
    let reply = exchange(&stage.server, &stage.agent, &tokens.access, &parameters).await;
    refused(&stage.server, reply, 400, "invalid_scope", "invalid_scope").await;
}

async fn a_caller_that_is_not_listed_is_refused(database: Database) {
    let mut stage = Stage::set(&database).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.agree("notes/read").await;
    // Its own token, so that only the list is in the way.
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &stage.app, subject, &[("resource", ARCHIVE)]).await;
    let reason = "exchange_client_not_allowed";
    refused(&stage.server, reply, 400, "access_denied", reason).await;
}

async fn a_foreign_token_needs_a_listed_caller(database: Database) {
    let mut stage = Stage::set(&database).await;
    stage.archive(&[], &[]).await;
    stage.agree("notes/read").await;
    let reply = stage.delegate().await;
    let reason = "exchange_foreign_token";
    refused(&stage.server, reply, 400, "access_denied", reason).await;
    // An empty list lets the holder itself through.
    let subject = &stage.tokens.access;
    let own = exchange(&stage.server, &stage.app, subject, &[("resource", ARCHIVE)]).await;
    own.expect(200);
    let engine = &stage.server.engine;
    let runs_it = engine.add_runtime_client("archive", &stage.agent.client_id);
    runs_it.await.expect("a runtime client");
    stage.delegate().await.expect(200);
}

async fn a_scope_the_subject_does_not_hold_is_refused(database: Database) {
    let mut stage = ready(&database).await;
    stage.agree("notes/read notes/purge").await;
    let parameters = [("resource", ARCHIVE), ("scope", "notes/read notes/purge")];
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &stage.agent, subject, &parameters).await;
    refused(&stage.server, reply, 400, "invalid_scope", "invalid_scope").await;
    // Nothing in common is nothing to be had.
    let reply = exchange(&stage.server, &stage.app, subject, &[("resource", SECOND)]).await;
    reply.refused(400, "invalid_scope");
}

async fn a_missing_consent_is_asked_for(database: Database) {
    let stage = Stage::set(&database).await;
    stage.archive(&[&stage.agent], &[]).await;
    let reply = stage.delegate().await;
    let (code, reason) = ("consent_required", "consent_missing");
    let body = refused(&stage.server, reply, 400, code, reason)
        .await
        .json();
    assert_eq!(body["cause"], "consent_missing");
    assert_eq!(body["resource"], "archive");
    let url = body["consent_url"].as_str().expect("a consent_url");
    assert!(
        url.starts_with("http://localhost:9000/consent/request?"),
        "{url}"
    );
    assert_eq!(body["error_description"], body["detail"]);
}

async fn a_narrower_consent_does_not_do(database: Database) {
    let mut stage = Stage::set(&database).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.agree("notes/purge").await;
    let reply = stage.delegate().await;
    let (code, reason) = ("consent_required", "scope_insufficient");
    let body = refused(&stage.server, reply, 400, code, reason)
        .await
        .json();
    assert_eq!(body["cause"], "scope_insufficient");
}

async fn no_target_is_for_self_exchange_alone(database: Database) {
    let stage = Stage::set(&database).await;
    let (server, subject) = (&stage.server, &stage.tokens.access);
    for caller in [&stage.agent, &stage.app] {
        let reply = exchange(server, caller, subject, &[]).await;
        reply.refused(400, "invalid_request");
    }
    assert_eq!(super::denied(server, "exchange_target_missing").await, 2.0);
    // A machine needs nobody's consent.
    let own = machine_token(server, &stage.agent, &[("resource", RESOURCE)]).await;
    let reply = exchange(server, &stage.agent, &own, &[]).await;
    let issuer = serde_json::json!(["http://localhost:9000"]);
    assert_eq!(super::claims(&reply)["aud"], issuer);
}

async fn one_target_at_a_time(database: Database) {
    let stage = ready(&database).await;
    for parameters in [
        &[("resource", ARCHIVE), ("resource", SECOND)][..],
        &[("resource", ARCHIVE), ("audience", "mail")],
        &[("resource", "https://nowhere.example/mcp")],
        &[("audience", "nowhere")],
    ] {
        let subject = &stage.tokens.access;
        let reply = exchange(&stage.server, &stage.agent, subject, parameters).await;
        reply.refused(400, "invalid_target");
    }
}

async fn nothing_but_a_live_token_of_ours_is_exchanged(database: Database) {
    let mut stage = ready(&database).await;
    let jwt = Jwt::read(&stage.tokens.access);
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let foreign = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        pkcs8.expect("a key").as_ref(),
    );
    let foreign = foreign.expect("a key pair");
    let resigned = jwt.clone().claim("scope", "notes/read notes/purge");
    let resigned = resigned.signed(|input| {
        let signature = foreign.sign(&SystemRandom::new(), input);
        signature.expect("a signature").as_ref().to_vec()
    });
    let mut unsigned = jwt.clone().header("alg", "none");
    unsigned.signature.clear();
    let revoked = stage.app.tokens(&mut stage.browser).await.access;
    stage.app.revoke(&stage.server, &revoked).await.expect(200);
    let bad = [
        resigned.assemble(),
        unsigned.assemble(),
        jwt.clone()
            .claim("scope", "notes/read notes/purge")
            .assemble(),
        stage.tokens.refresh.clone(),
        stage.tokens.jti(),
        revoked,
        "x".into(),
    ];
    let subject = &stage.tokens.access;
    for (round, token) in bad.iter().enumerate() {
        let as_subject = exchange(&stage.server, &stage.agent, token, &[("resource", ARCHIVE)]);
        as_subject.await.refused(400, "invalid_request");
        let parameters = [
            ("resource", ARCHIVE),
            ("actor_token", token),
            ("actor_token_type", ACCESS_TOKEN),
        ];
        let as_actor = exchange(&stage.server, &stage.agent, subject, &parameters).await;
        as_actor.refused(400, "invalid_request");
        let times = f64::from(u32::try_from(round + 1).unwrap());
        for reason in ["subject_token_invalid", "actor_token_invalid"] {
            assert_eq!(super::denied(&stage.server, reason).await, times, "{token}");
        }
    }
    stage.server.wait(Duration::from_secs(15 * 60));
    let expired = stage.delegate().await;
    expired.refused(400, "invalid_request");
}

async fn token_types_that_are_not_ours_are_refused(database: Database) {
    let stage = ready(&database).await;
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    let subject = stage.tokens.access.as_str();
    let basic = |pairs: &[(&str, &str)], agent: &App| agent.call("/oauth/token", pairs);
    for pairs in [
        &[
            ("grant_type", GRANT),
            ("subject_token", subject),
            ("subject_token_type", id_token),
        ][..],
        &[("grant_type", GRANT), ("subject_token", subject)],
        &[
            ("grant_type", GRANT),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", id_token),
        ],
        &[
            ("grant_type", GRANT),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("actor_token", subject),
        ],
    ] {
        let reply = stage.server.send(&basic(pairs, &stage.agent)).await;
        reply.refused(400, "invalid_request");
    }
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    let parameters = [("resource", ARCHIVE), ("requested_token_type", jwt)];
    let reply = exchange(&stage.server, &stage.agent, subject, &parameters).await;
    assert_eq!(reply.json()["issued_token_type"], jwt);
    assert!(!access(&reply).is_empty());
}
