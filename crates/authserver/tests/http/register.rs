//! Dynamic client registration, in its three modes.

use crate::harness::{
    A_SECOND, App, Browser, Database, Pkce, REDIRECT, Reply, Request, Server, Tokens, on_both,
    within,
};
use config::DcrMode;
use domain::AuditAction;
use serde_json::{Value, json};

on_both!(
    a_registered_client_works_with_its_method_and_no_other,
    the_mode_set_at_run_time_holds_on_every_instance,
    a_rotated_secret_replaces_the_old_one,
);

async fn register(server: &Server, metadata: Value) -> Reply {
    server
        .send(&Request::json("/oauth/register", &metadata))
        .await
}

async fn a_registered_client_works_with_its_method_and_no_other(database: Database) {
    let server = Server::start(&database).await;
    let mut browser = Browser::signed_in(&server).await;
    let registered = r#"authserver_clients_registered_total{source="dcr"}"#;
    assert_eq!(server.metric(registered).await, 0.0);
    let mut secrets = Vec::new();
    for (count, method) in ["none", "client_secret_basic", "client_secret_post"]
        .iter()
        .enumerate()
    {
        let metadata = json!({
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": method,
            "scope": "everything",
        });
        let reply = register(&server, metadata).await.expect(201);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(server.metric(registered).await, count as f64 + 1.0);
        let view = reply.json();
        assert_eq!(view["token_endpoint_auth_method"], *method);
        assert_ne!(view["scope"], "everything", "ignored");
        let id = view["client_id"].as_str().unwrap().to_owned();
        let secret = view["client_secret"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_eq!(secret.is_empty(), *method == "none");
        secrets.push(secret.clone());

        // A client without a secret may still try one.
        let secret = if secret.is_empty() {
            String::from("made up")
        } else {
            secret
        };
        let pkce = Pkce::fresh();
        let app = App {
            client_id: id.clone(),
            secret: None,
        };
        let code = app.code(&mut browser, &app.authorize(&pkce)).await;
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", &pkce.verifier),
        ];
        let with_id = [&grant[..], &[("client_id", &id)]].concat();
        let with_secret = [&with_id[..], &[("client_secret", &secret)]].concat();
        let wrong_secret = [&with_id[..], &[("client_secret", "wrong")]].concat();
        let form = |pairs: &[(&str, &str)]| Request::post("/oauth/token", pairs);
        let ways = [
            ("none", form(&with_id)),
            ("client_secret_post", form(&with_secret)),
            ("client_secret_basic", form(&grant).basic(&id, &secret)),
        ];
        let refused = [form(&wrong_secret), form(&grant).basic(&id, "wrong")];
        // A secret may be sent either way (RFC 6749 §2.3.1).
        let others = ways
            .iter()
            .filter(|(way, _)| (*way == "none") != (*method == "none"));
        for request in others.map(|(_, request)| request).chain(&refused) {
            let reply = server.send(request).await;
            assert!(matches!(reply.status, 400 | 401), "{method}: {reply:?}");
            if reply.status == 401 {
                assert_eq!(reply.error(), "invalid_client");
                assert!(reply.header("www-authenticate").is_some());
            }
        }
        let both = form(&with_secret).basic(&id, &secret);
        let reply = server.send(&both).await;
        reply.refused(400, "invalid_request");
        let (_, right) = ways.iter().find(|(way, _)| way == method).unwrap();
        Tokens::of(&server.send(right).await);
    }
    let recorded = server.audit(AuditAction::ClientRegistered).await;
    assert_eq!(recorded.len(), 3);
    // A secret is shown once; what is kept of it is not the secret.
    for (event, secret) in recorded.iter().rev().zip(&secrets) {
        let stored = server
            .engine
            .client(event.event.client_id.as_deref().unwrap())
            .await;
        let kept = format!("{event:?} {:?}", stored.unwrap());
        assert!(secret.is_empty() || !kept.contains(secret.as_str()));
    }
}

async fn the_mode_set_at_run_time_holds_on_every_instance(database: Database) {
    let server = Server::start(&database).await;
    let other = server.beside(&database).await;
    let metadata = json!({ "redirect_uris": [REDIRECT] });
    register(&other, metadata.clone()).await.expect(201);
    server
        .engine
        .set_dcr_mode(DcrMode::AdminOnly)
        .await
        .unwrap();
    let refused = register(&server, metadata.clone()).await;
    refused.refused(403, "access_denied");
    within(A_SECOND, "the other instance refuses", async || {
        register(&other, metadata.clone()).await.status == 403
    })
    .await;
    for instance in [&server, &other] {
        let documents = instance
            .get("/.well-known/oauth-authorization-server")
            .await;
        assert_eq!(documents.json().get("registration_endpoint"), None);
    }
    server.engine.set_dcr_mode(DcrMode::Open).await.unwrap();
    register(&server, metadata).await.expect(201);
    let documents = server.get("/.well-known/oauth-authorization-server").await;
    assert!(documents.json().get("registration_endpoint").is_some());
}

async fn a_rotated_secret_replaces_the_old_one(database: Database) {
    let server = Server::start(&database).await;
    let other = server.beside(&database).await;
    let app = server.confidential_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&other, &tokens.access).await);
    let rotated = server
        .engine
        .rotate_client_secret(&app.client_id)
        .await
        .unwrap();
    let renewed = App {
        secret: rotated.secret,
        ..app.clone()
    };
    app.introspect(&server, &tokens.access)
        .await
        .refused(401, "invalid_client");
    assert!(renewed.is_active(&server, &tokens.access).await);
    within(A_SECOND, "the other instance knows", async || {
        app.introspect(&other, &tokens.access).await.status == 401
    })
    .await;
}

#[tokio::test]
async fn approved_redirects_lets_only_approved_uris_register() {
    let variables = [
        ("AUTHPLANE_DCR_MODE", "approved_redirects"),
        (
            "AUTHPLANE_DCR_APPROVED_REDIRECTS",
            "https://app.example/callback,https://tools.example/oauth/*,http://127.0.0.1/callback",
        ),
    ];
    let server = Server::with(&Database::sqlite(), &variables).await;
    let approved = [
        vec![REDIRECT],
        vec!["https://tools.example/oauth/a"],
        vec!["https://tools.example/oauth/a/b", REDIRECT],
        vec!["http://127.0.0.1:4711/callback"],
    ];
    for uris in approved {
        let reply = register(&server, json!({ "redirect_uris": uris })).await;
        assert_eq!(reply.status, 201, "{uris:?}: {reply:?}");
    }
    let refused = [
        vec!["https://evil.example/"],
        vec![REDIRECT, "https://evil.example/"],
        vec!["https://app.example/callback/"],
        vec!["https://tools.example/oauth/../evil"],
        vec!["https://tools.example/oauth/%2e%2e/evil"],
        vec!["https://tools.example/oauth%2fa"],
        vec!["https://tools.example/oauthevil"],
        vec!["https://tools.example.evil.example/oauth/a"],
    ];
    let denied = r#"authserver_auth_denied_total{reason="registration_refused"}"#;
    assert_eq!(server.metric(denied).await, 0.0);
    for uris in refused {
        let reply = register(&server, json!({ "redirect_uris": uris })).await;
        assert_eq!(reply.status, 400, "{uris:?}: {reply:?}");
        assert_eq!(reply.error(), "invalid_redirect_uri", "{uris:?}");
    }
    assert!(server.metric(denied).await > 0.0);
}

#[tokio::test]
async fn what_cannot_be_registered_is_named() {
    let server = Server::start(&Database::sqlite()).await;
    let long = "x".repeat(501);
    let wrong = [
        json!([]),
        json!({}),
        json!({ "redirect_uris": [] }),
        json!({ "redirect_uris": "https://app.example/" }),
        json!({ "redirect_uris": [REDIRECT], "grant_types": ["client_credentials"] }),
        json!({ "redirect_uris": [REDIRECT], "grant_types": ["implicit"] }),
        json!({ "redirect_uris": [REDIRECT], "response_types": ["token"] }),
        json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "redirect_uris": [REDIRECT], "application_type": "desktop" }),
        json!({ "redirect_uris": [REDIRECT], "agent": true, "agent_description": long }),
        json!({ "redirect_uris": [REDIRECT], "padding": "x".repeat(16 * 1024) }),
    ];
    for metadata in wrong {
        let reply = register(&server, metadata.clone()).await;
        assert_eq!(reply.status, 400, "{metadata}: {reply:?}");
        assert!(reply.json()["request_id"].is_string());
    }
    let broken = Request::new("POST", "/oauth/register").body("{\"redirect_uris\":[");
    let reply = server.send(&broken).await;
    reply.refused(400, "invalid_client_metadata");
}

#[tokio::test]
async fn registration_is_limited_per_address() {
    let variables = [
        ("AUTHPLANE_DCR_RATE_LIMIT", "1"),
        ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "3"),
    ];
    let server = Server::with(&Database::sqlite(), &variables).await;
    let metadata = json!({ "redirect_uris": [REDIRECT] });
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let reply = register(&server, metadata.clone()).await;
        if reply.status == 429 {
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!(seconds >= 1);
        }
        statuses.push(reply.status);
    }
    assert_eq!(statuses[..3], [201, 201, 201]);
    assert!(statuses.contains(&429), "{statuses:?}");
    server.get("/livez").await.expect(200);
}
