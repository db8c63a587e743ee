//! The list of audit actions, held against what really happens: each is recorded by something.

use crate::exchange::{ARCHIVE, Stage, exchange, machine};
use crate::harness::{
    ADMIN_KEY, Browser, Database, PASSWORD, Pkce, REDIRECT, Reply, Request, Tokens, USER, on_both,
};
use domain::{AuditAction, Word as _};
use keys::Activation;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{AuditFilter, Page};

on_both!(every_action_that_is_declared_is_recorded_by_something);

/// What takes a fault that nobody can bring about from outside.
const FAULTS: [AuditAction; 1] = [
    // The database has to go away between a replay and the answer to it; see `store`'s tests.
    AuditAction::FamilyRevocationFailed,
];

async fn every_action_that_is_declared_is_recorded_by_something(database: Database) {
    let mut stage = Stage::set(&database).await;
    users_and_their_apps(&mut stage).await;
    machines_and_exchanges(&mut stage).await;
    operators(&stage).await;
    // Another instance rotates, and this one notices.
    let other = stage.server.beside(&database).await;
    let rotated = other.engine.rotate_key(Activation::Now).await;
    rotated.expect("a new key");
    stage.server.engine.follow_keys().await;
    let all = Page {
        limit: 10_000,
        offset: 0,
    };
    let store = stage.server.engine.store();
    let recorded = store.audit(&AuditFilter::default(), &all).await;
    let recorded: BTreeSet<_> = recorded
        .expect("the audit trail")
        .iter()
        .map(|own| own.event.action)
        .collect();
    let missing: Vec<_> = AuditAction::ALL
        .iter()
        .filter(|action| !recorded.contains(*action))
        .collect();
    assert_eq!(missing, FAULTS.iter().collect::<Vec<_>>());
}

async fn users_and_their_apps(stage: &mut Stage) {
    let Stage {
        server,
        browser,
        app,
        ..
    } = stage;
    let tokens = app.tokens(browser).await;
    app.refresh(server, "no such token")
        .await
        .refused(400, "invalid_grant");
    let next = app.refresh(server, &tokens.refresh).await;
    app.refresh(server, &Tokens::of(&next).refresh)
        .await
        .expect(200);
    app.refresh(server, &tokens.refresh)
        .await
        .refused(400, "invalid_grant");
    let tokens = app.tokens(browser).await;
    app.revoke(server, &tokens.access).await.expect(200);
    let stranger = Request::post("/oauth/introspect", &[("token", &tokens.access)]);
    server
        .send(&stranger.basic(&app.client_id, "wrong"))
        .await
        .expect(401);

    let other = server.public_app().await;
    let request = other.authorize(&Pkce::fresh());
    let page = browser.send(request.request()).await;
    let page = browser.get(page.location()).await.expect(200);
    browser.decide(&page, "deny").await;
    let wrong = request.with("scope", "no/such");
    browser.send(wrong.request()).await;

    let mut guesser = Browser::new(server);
    for _ in 0..12 {
        guesser
            .sign_in("nobody@example.com", "a wrong password")
            .await;
    }
    let mut leaving = Browser::new(server);
    leaving.sign_in(USER, PASSWORD).await;
    leaving.sign_out().await;
    let metadata = json!({ "redirect_uris": [REDIRECT] });
    let registered = Request::json("/oauth/register", &metadata);
    server.send(&registered).await.expect(201);
}

async fn machines_and_exchanges(stage: &mut Stage) {
    for (scope, status) in [("notes/read", 200), ("no/such", 400)] {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("resource", crate::harness::RESOURCE),
            ("scope", scope),
        ];
        let call = stage.agent.call("/oauth/token", &pairs);
        stage.server.send(&call).await.expect(status);
    }
    let agent = stage.agent.clone();
    stage.archive(&[&agent], &[]).await;
    stage.agree("notes/read").await;
    let exchanged = stage.delegate().await.expect(200).json();
    let jti = issued(stage, &exchanged).await;
    let path = format!("issuances/{jti}");
    ask(stage, "DELETE", &path, Value::Null).await.expect(204);
    let target = [("resource", ARCHIVE)];
    exchange(&stage.server, &stage.agent, "no token", &target)
        .await
        .expect(400);
}

/// The id of the token in an answer.
async fn issued(stage: &Stage, answer: &Value) -> String {
    let token = answer["access_token"].as_str().expect("a token");
    let found = stage.agent.introspect(&stage.server, token).await;
    let _known = found.expect(200);
    let jwt = crate::harness::Jwt::read(token);
    jwt.claims["jti"].as_str().expect("a jti").to_owned()
}

async fn ask(stage: &Stage, method: &str, path: &str, body: Value) -> Reply {
    let request = Request::new(method, format!("/admin/{path}")).bearer(ADMIN_KEY);
    let request = match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    };
    stage.server.send_admin(&request).await
}

async fn operators(stage: &Stage) {
    let server = &stage.server;
    let client = machine(server, "Worker", false).await.client_id;
    let consents = ask(stage, "GET", &format!("users/{USER}/grants"), Value::Null).await;
    let consents = consents.expect(200).json();
    let consent = consents["consent_grants"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let member = || json!({ "client_id": client });
    let map = |scope: &str| json!({ "notes/read": [scope] });
    let link =
        json!({ "source_slug": "notes", "target_slug": "mail", "scope_map": map("mail/read") });
    let user = json!({ "email": "eve@example.com", "password": "a long enough password" });
    let lists = ["exchange/allowed-clients", "runtime/client-ids"];
    let return_urls = "resources/notes/policy/connect/allowed-return-urls";
    let return_url = "https%3A%2F%2Fapp.example%2Fback";
    let kid = server.engine.keys().active().kid().to_owned();
    let mut acts = vec![
        (
            "POST",
            return_urls.into(),
            json!({ "url": "https://app.example/back" }),
        ),
        ("DELETE", format!("{return_urls}/{return_url}"), Value::Null),
        ("DELETE", format!("users/{USER}/tokens"), Value::Null),
        ("DELETE", format!("grants/consent/{consent}"), Value::Null),
        (
            "PATCH",
            format!("clients/{client}"),
            json!({ "client_name": "Other" }),
        ),
        (
            "POST",
            format!("clients/{client}/rotate-secret"),
            Value::Null,
        ),
        ("PATCH", format!("clients/{client}/suspend"), Value::Null),
        ("PATCH", format!("clients/{client}/reactivate"), Value::Null),
        ("POST", "users".into(), user),
        (
            "PATCH",
            "users/eve@example.com".into(),
            json!({ "name": "Eve" }),
        ),
        ("PATCH", "users/eve@example.com/disable".into(), Value::Null),
        ("PATCH", "users/eve@example.com/enable".into(), Value::Null),
        ("DELETE", "users/eve@example.com".into(), Value::Null),
        (
            "PATCH",
            "resources/notes".into(),
            json!({ "display_name": "Notes" }),
        ),
        ("POST", "fronting".into(), link),
        (
            "PATCH",
            "fronting/notes/mail".into(),
            json!({ "scope_map": map("mail/send") }),
        ),
        ("DELETE", "fronting/notes/mail".into(), Value::Null),
        ("POST", "keys/rotate".into(), json!({ "now": true })),
        ("POST", format!("keys/{kid}/retire"), Value::Null),
        (
            "PATCH",
            "settings/dcr".into(),
            json!({ "mode": "admin_only" }),
        ),
    ];
    for list in lists {
        let path = format!("resources/notes/policy/{list}");
        acts.push(("POST", path.clone(), member()));
        acts.push(("DELETE", format!("{path}/{client}"), Value::Null));
    }
    acts.push(("PATCH", format!("clients/{client}/revoke"), Value::Null));
    acts.push(("DELETE", format!("clients/{client}"), Value::Null));
    acts.push(("DELETE", "resources/mail".into(), Value::Null));
    for (method, path, body) in acts {
        let reply = ask(stage, method, &path, body).await;
        assert!(
            (200..300).contains(&reply.status),
            "{method} {path}: {reply:?}"
        );
    }
    let intruder = Request::get("/admin/keys").bearer("wrong");
    server
        .send_admin(&intruder)
        .await
        .refused(401, "invalid_admin_key");
    server
        .engine
        .reload_keys()
        .await
        .expect("the keys are there");
}
