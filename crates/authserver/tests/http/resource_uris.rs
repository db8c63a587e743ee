//! Identifiers of resources: many spellings, one resource.

use crate::harness::{ADMIN_KEY, Browser, Database, Jwt, Reply, Request, Server, on_both};
use engine::admin::NewClient;
use serde_json::{Value, json};

on_both!(
    a_resource_is_kept_in_its_normal_form_and_found_by_every_spelling,
    two_spellings_of_one_identifier_are_in_conflict,
);

async fn admin(server: &Server, method: &str, path: &str, body: &Value) -> Reply {
    let request = Request::new(method, path).bearer(ADMIN_KEY);
    let request = match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    };
    server.send_admin(&request).await
}

async fn register(server: &Server, slug: &str, uri: &str) -> Reply {
    let scopes = json!([{"name": format!("{slug}:x"), "description": "Do x"}]);
    let new = json!({"slug": slug, "uri": uri, "scopes": scopes});
    admin(server, "POST", "/admin/resources", &new).await
}

const GIVEN: &str = "HTTPS://Tasks.Example.com:443/a/../%7Emcp?v=%2a";
const KEPT: &str = "https://tasks.example.com/~mcp?v=%2A";
const SPELLINGS: [&str; 5] = [
    KEPT,
    GIVEN,
    "https://TASKS.example.com/%7emcp?v=%2a",
    "https://tasks.example.com:443/~mcp?v=%2A",
    "tasks",
];

async fn a_resource_is_kept_in_its_normal_form_and_found_by_every_spelling(database: Database) {
    let server = Server::start(&database).await;
    let made = register(&server, "tasks", GIVEN).await.expect(201).json();
    assert_eq!(made["uri"], KEPT);
    let warning = made["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.contains(GIVEN) && warning.contains(KEPT),
        "{warning}"
    );

    let app = server.public_app().await;
    let machine = server
        .app(NewClient {
            name: "Cron".into(),
            scope: "tasks:x".into(),
            grant_types: vec![
                domain::GrantType::ClientCredentials,
                domain::GrantType::TokenExchange,
            ],
            ..NewClient::default()
        })
        .await;
    let mut browser = Browser::signed_in(&server).await;
    for spelling in SPELLINGS {
        let tokens = app
            .tokens_for(&mut browser, |request| {
                request.with("resource", spelling).with("scope", "tasks:x")
            })
            .await;
        assert_eq!(Jwt::read(&tokens.access).claims["aud"], json!([KEPT]));
        let pairs = [("grant_type", "client_credentials"), ("resource", spelling)];
        let own = server.send(&machine.call("/oauth/token", &pairs)).await;
        let own = own.expect(200).json()["access_token"].clone();
        let own = own.as_str().unwrap_or_default();
        assert_eq!(Jwt::read(own).claims["aud"], json!([KEPT]));
        for name in ["resource", "audience"] {
            let pairs = [
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ),
                ("subject_token", own),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:access_token",
                ),
                (name, spelling),
            ];
            let exchanged = server.send(&machine.call("/oauth/token", &pairs)).await;
            exchanged.expect(200);
        }
        // An operator finds it, and what was issued for it, by any of them too.
        let query = Request::query("/admin/issuances", &[("resource", spelling)]);
        let found = server
            .send_admin(&query.bearer(ADMIN_KEY))
            .await
            .expect(200);
        assert!(found.json()["count"].as_u64() > Some(0), "{spelling}");
    }
    let described = server
        .get("/.well-known/oauth-protected-resource/%7emcp")
        .await;
    assert_eq!(described.expect(200).json()["resource"], KEPT);

    let change = json!({"uri": "https://tasks.example.com:8443/MCP"});
    let changed = admin(&server, "PATCH", "/admin/resources/tasks", &change).await;
    let changed = changed.expect(200).json();
    assert_eq!(changed["uri"], "https://tasks.example.com:8443/MCP");
    assert_eq!(changed.get("warnings"), None, "nothing to say");
}

async fn two_spellings_of_one_identifier_are_in_conflict(database: Database) {
    let server = Server::start(&database).await;
    register(&server, "root", "https://root.example")
        .await
        .expect(201);
    for same in [
        "https://root.example",
        "https://root.example/",
        "HTTPS://Root.example:443",
        "https://notes.example:443/mcp",
        "https://Notes.example/%6dcp",
    ] {
        let refused = register(&server, "other", same).await;
        let body = refused.expect(409).json();
        let slug = match same.ends_with("cp") {
            true => "notes",
            false => "root",
        };
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(&format!("resource {slug} ")), "{detail}");
    }
    let change = json!({"uri": "https://ROOT.example/"});
    let moved = admin(&server, "PATCH", "/admin/resources/notes", &change).await;
    moved.expect(409);
    // Its own other spelling is no conflict; it becomes the aud that was asked for.
    let own = admin(&server, "PATCH", "/admin/resources/root", &change).await;
    assert_eq!(own.expect(200).json()["uri"], "https://root.example/");
    register(&server, "slash", "https://root.example/mcp")
        .await
        .expect(201);
    register(&server, "slashes", "https://root.example/mcp/")
        .await
        .expect(201);
    let slug = register(&server, "slash", "https://slash.example").await;
    let detail = slug.expect(409).json()["detail"].clone();
    assert!(
        detail.as_str().is_some_and(|own| own.starts_with("slug:")),
        "{detail}"
    );
}

#[tokio::test]
async fn what_identifies_no_resource_is_refused_with_the_field() {
    let server = Server::start(&Database::sqlite()).await;
    for bad in [
        "https://h.example/\n",
        "https://h.example/%zz",
        "https://user:pw@h.example/",
        "https://h.example/#f",
        "https://h.example\\mcp",
        "urn:example:notes",
        "",
    ] {
        let refused = register(&server, "bad", bad).await;
        let body = refused.expect(422).json();
        assert_eq!(body["field"], "uri", "{bad}: {body}");
    }
}
