//! What tokens are for when requests do not say, and what their headers say they are.

use crate::harness::{
    ADMIN_KEY, App, Browser, Database, Jwt, RESOURCE, Reply, Request, SECOND, Server, on_both,
    run_cli,
};
use domain::GrantType;
use engine::admin::{ClientChange, NewClient};
use serde_json::{Value, json};

on_both!(
    a_request_for_what_several_resources_know_is_for_the_clients_default,
    a_resource_that_shares_a_scope_says_whose_requests_it_moves,
    a_resource_that_is_a_default_goes_with_cascade_alone,
    a_resource_decides_what_the_header_of_its_tokens_says,
);

const ISSUER: &str = "http://localhost:9000";
const DIARY: &str = "https://diary.example/mcp";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

async fn admin(server: &Server, method: &str, path: &str, body: Value) -> Reply {
    let request = Request::new(method, path).bearer(ADMIN_KEY);
    let request = match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    };
    server.send_admin(&request).await
}

/// Registers the resource `diary`, which knows `notes/read` as `notes` does.
async fn diary(server: &Server) -> Value {
    let scopes = json!([{"name": "notes/read"}, {"name": "diary/write"}]);
    let new = json!({"slug": "diary", "uri": DIARY, "scopes": scopes});
    let made = admin(server, "POST", "/admin/resources", new).await;
    made.expect(201).json()
}

async fn machine(server: &Server, name: &str, scope: &str, default: Option<&str>) -> App {
    let client = NewClient {
        name: name.into(),
        scope: scope.into(),
        default_resource: default.map(str::to_owned),
        grant_types: vec![GrantType::ClientCredentials, GrantType::TokenExchange],
        ..NewClient::default()
    };
    server.app(client).await
}

async fn raw_machine_token(server: &Server, app: &App, pairs: &[(&str, &str)]) -> String {
    let pairs = [&[("grant_type", "client_credentials")], pairs].concat();
    let reply = server.send(&app.call("/oauth/token", &pairs)).await;
    let token = reply.expect(200).json()["access_token"].clone();
    token.as_str().unwrap().to_owned()
}

async fn machine_token(server: &Server, app: &App, pairs: &[(&str, &str)]) -> Jwt {
    Jwt::read(&raw_machine_token(server, app, pairs).await)
}

async fn a_request_for_what_several_resources_know_is_for_the_clients_default(database: Database) {
    let server = Server::start(&database).await;
    diary(&server).await;
    // By slug or URI, kept as the slug.
    let plain = machine(&server, "Plain", "notes/read notes/write", None).await;
    let cron = machine(&server, "Cron", "notes/read mail/read", Some("diary")).await;
    let app = server.public_app().await;
    let change = ClientChange {
        default_resource: Some("HTTPS://diary.example:443/mcp".into()),
        ..ClientChange::default()
    };
    let changed = server.engine.update_client(&app.client_id, change).await;
    assert_eq!(
        changed.unwrap().client.default_resource.as_deref(),
        Some("diary")
    );

    let scope = ("scope", "notes/read");
    for (token, audience) in [
        (machine_token(&server, &plain, &[scope]).await, ISSUER),
        // The ceiling names one resource alone.
        (machine_token(&server, &plain, &[]).await, RESOURCE),
        (machine_token(&server, &cron, &[scope]).await, DIARY),
        (machine_token(&server, &cron, &[]).await, DIARY),
        // What only one resource knows needs no default, and what is named none either.
        (
            machine_token(&server, &cron, &[("scope", "mail/read")]).await,
            SECOND,
        ),
        (
            machine_token(&server, &cron, &[scope, ("resource", RESOURCE)]).await,
            RESOURCE,
        ),
        (
            machine_token(&server, &cron, &[("scope", "notes/read mail/read")]).await,
            ISSUER,
        ),
    ] {
        assert_eq!(token.claims["aud"], json!([audience]), "{:?}", token.claims);
    }

    let mut browser = Browser::signed_in(&server).await;
    for (scope, audience) in [
        (Some("notes/read"), DIARY),
        (Some("notes/write"), RESOURCE),
        (None, DIARY),
    ] {
        let tokens = app
            .tokens_for(&mut browser, |request| {
                let request = request.without("resource");
                match scope {
                    Some(scope) => request.with("scope", scope),
                    None => request.without("scope"),
                }
            })
            .await;
        let token = Jwt::read(&tokens.access);
        assert_eq!(token.claims["aud"], json!([audience]), "{scope:?}");
        // What was decided once holds for the refresh.
        let next = app.refresh(&server, &tokens.refresh).await.expect(200);
        let next = Jwt::read(next.json()["access_token"].as_str().unwrap());
        assert_eq!(next.claims["aud"], json!([audience]), "{scope:?}");
    }
}

async fn a_resource_that_shares_a_scope_says_whose_requests_it_moves(database: Database) {
    let server = Server::start(&database).await;
    let moved = machine(&server, "Moved", "notes/read mail/read", None).await;
    let kept = machine(&server, "Kept", "notes/read mail/read", Some("notes")).await;
    let other = machine(&server, "Other", "mail/read", None).await;
    let nobody = machine(&server, "Nobody", "", None).await;
    let app = server.public_app().await;
    let made = diary(&server).await;
    let [warning] = made["warnings"].as_array().unwrap().as_slice() else {
        panic!("one warning: {made}");
    };
    let warning = warning.as_str().unwrap();
    for part in ["notes/read", "diary, notes", "Moved", "default_resource"] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    for client in [&moved, &app] {
        assert!(warning.contains(&client.client_id), "{warning}");
    }
    for client in [&kept, &other, &nobody] {
        assert!(!warning.contains(&client.client_id), "{warning}");
    }
    assert!(!warning.contains("diary/write"), "{warning}");

    // A change of the catalog warns as well, and of the way back too.
    let scopes = |names: &[&str]| {
        let scopes: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        json!({ "scopes": scopes })
    };
    let path = "/admin/resources/diary";
    for (names, warns) in [
        (&["notes/read", "diary/write", "diary/read"][..], false),
        (&["notes/read", "diary/write", "mail/read"], true),
        (&["diary/write"], true),
    ] {
        let changed = admin(&server, "PATCH", path, scopes(names)).await;
        let changed = changed.expect(200).json();
        assert_eq!(changed.get("warnings").is_some(), warns, "{changed}");
    }
    let name = admin(&server, "PATCH", path, json!({"display_name": "Diary"})).await;
    assert_eq!(name.expect(200).json().get("warnings"), None);
}

async fn a_resource_that_is_a_default_goes_with_cascade_alone(database: Database) {
    let server = Server::start(&database).await;
    diary(&server).await;
    let cron = machine(&server, "Cron", "notes/read", Some("diary")).await;
    machine_token(&server, &cron, &[]).await;
    let path = "/admin/resources/diary";
    let refused = admin(&server, "DELETE", path, Value::Null).await;
    let refused = refused.expect(409).json();
    assert_eq!(refused["dependents"], json!([cron.client_id]));
    let gone = admin(
        &server,
        "DELETE",
        &format!("{path}?cascade=true"),
        Value::Null,
    )
    .await;
    gone.expect(204);
    let client = server.engine.client(&cron.client_id).await.unwrap();
    assert_eq!(client.default_resource, None);
    // A resource that takes the slug later is another.
    diary(&server).await;
    let token = machine_token(&server, &cron, &[]).await;
    assert_eq!(token.claims["aud"], json!([ISSUER]));

    let unknown = json!({"default_resource": "nothing"});
    let path = format!("/admin/clients/{}", cron.client_id);
    let refused = admin(&server, "PATCH", &path, unknown).await.expect(422);
    assert_eq!(refused.json()["field"], "default_resource");
    for (given, kept) in [(json!(DIARY), json!("diary")), (Value::Null, Value::Null)] {
        let change = json!({ "default_resource": given });
        let changed = admin(&server, "PATCH", &path, change).await.expect(200);
        assert_eq!(changed.json()["default_resource"], kept);
    }
}

async fn a_resource_decides_what_the_header_of_its_tokens_says(database: Database) {
    let server = Server::start(&database).await;
    let path = "/admin/resources/mail";
    let view = admin(&server, "GET", path, Value::Null).await.expect(200);
    assert_eq!(view.json()["token_typ"], "at+jwt");
    let change = json!({"token_typ": "JWT"});
    let changed = admin(&server, "PATCH", path, change).await.expect(200);
    assert_eq!(changed.json()["token_typ"], "JWT");
    let bad = admin(&server, "PATCH", path, json!({"token_typ": "jwt"})).await;
    bad.expect(422);

    let app = machine(&server, "Cron", "notes/read mail/read", None).await;
    let token = async |pairs: &[(&str, &str)]| machine_token(&server, &app, pairs).await;
    for (resources, typ) in [
        (&[SECOND][..], "JWT"),
        (&[RESOURCE], "at+jwt"),
        // One of them may insist on at+jwt; for the issuer nobody asked for less.
        (&[SECOND, RESOURCE], "at+jwt"),
        (&[], "at+jwt"),
    ] {
        let pairs: Vec<_> = resources.iter().map(|own| ("resource", *own)).collect();
        assert_eq!(token(&pairs).await.header["typ"], typ, "{resources:?}");
    }
    // Both kinds are good here: for introspection, exchange and revocation.
    let mail = raw_machine_token(&server, &app, &[("resource", SECOND)]).await;
    assert!(app.is_active(&server, &mail).await);
    let pairs = [
        ("grant_type", EXCHANGE),
        ("subject_token", &*mail),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
        ("resource", SECOND),
    ];
    let exchanged = server.send(&app.call("/oauth/token", &pairs)).await;
    let exchanged = exchanged.expect(200).json()["access_token"].clone();
    let exchanged = exchanged.as_str().unwrap();
    assert_eq!(Jwt::read(exchanged).header["typ"], "JWT");
    app.revoke(&server, &mail).await.expect(200);
    assert!(!app.is_active(&server, &mail).await);
}

#[test]
fn commands_know_default_resource_and_token_typ() {
    let database = Database::sqlite();
    let run = |arguments: &[&str]| {
        let output = run_cli(&database, &[&["admin"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let given = "https://Notes.example:443/mcp";
    let made = run(&[
        "resource",
        "create",
        "--slug",
        "notes",
        "--uri",
        given,
        "--token-typ",
        "JWT",
        "--scopes",
        "read",
    ]);
    assert!(made.starts_with("warning: uri: https://Notes"), "{made}");
    assert!(made.contains("uri: https://notes.example/mcp\n"), "{made}");
    assert!(made.contains("token_typ: JWT\n"), "{made}");
    let client = [
        "client",
        "create",
        "--name",
        "Cron",
        "--scope",
        "read",
        "--default-resource",
        given,
        "--json",
    ];
    let client: Value = serde_json::from_str(&run(&client)).unwrap();
    assert_eq!(client["default_resource"], "notes");
    let id = client["client_id"].as_str().unwrap();
    let shared = run(&["resource", "create", "--slug", "diary", "--scopes", "read"]);
    assert!(
        shared.contains("warning: scopes: read belong to diary, notes"),
        "{shared}"
    );
    assert!(!shared.contains(id), "it has a default: {shared}");
    let none = run(&["client", "update", id, "--default-resource", "", "--json"]);
    let none: Value = serde_json::from_str(&none).unwrap();
    assert_eq!(none["default_resource"], Value::Null);
    let plain = run(&["resource", "update", given, "--token-typ", "at+jwt"]);
    assert!(plain.contains("token_typ: at+jwt\n"), "{plain}");
}
