//! Clients, users, resources and tokens by the admin API.

use crate::harness::{ADMIN_KEY, Browser, Database, Reply, Request, Server, USER, on_both};
use domain::AuditAction;
use serde_json::{Value, json};

on_both!(
    a_client_is_created_read_changed_and_deleted,
    a_user_is_created_read_changed_and_deleted,
    a_resource_is_created_read_changed_and_deleted,
    lists_go_on_from_cursor_to_cursor_and_filter,
    a_query_that_does_not_fit_is_told_what_each_parameter_takes,
    what_holds_something_alive_is_deleted_by_force_alone,
    tokens_of_a_user_are_listed_and_end_one_by_one_or_all_at_once,
    of_two_who_read_the_same_only_one_changes_it,
    numbers_and_health_of_the_server_are_told,
);

/// What an operator asks for.
fn ask(method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path).bearer(ADMIN_KEY);
    match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    }
}

async fn send(server: &Server, method: &str, path: &str, body: Value) -> Reply {
    server.send_admin(&ask(method, path, &body)).await
}

async fn get(server: &Server, path: &str) -> Value {
    let reply = send(server, "GET", path, Value::Null).await;
    reply.expect(200).json()
}

/// The version of an answer.
fn tag(reply: &Reply) -> String {
    reply.header("etag").expect("an ETag").to_owned()
}

async fn a_client_is_created_read_changed_and_deleted(database: Database) {
    let server = Server::start(&database).await;
    let new = json!({
        "client_name": "Notebook",
        "redirect_uris": ["https://app.example/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "notes/read",
        "agent": true,
        "agent_description": "Reads notes",
    });
    let created = send(&server, "POST", "/admin/clients", new).await;
    let created = created.expect(201).json();
    assert!(
        created["client_secret"]
            .as_str()
            .is_some_and(|own| own.len() > 20)
    );
    let id = created["client_id"].as_str().expect("an id").to_owned();
    let path = format!("/admin/clients/{id}");

    let reply = send(&server, "GET", &path, Value::Null).await.expect(200);
    let (first, view) = (tag(&reply), reply.json());
    assert_eq!(view["name"], "Notebook");
    assert_eq!(view["registration_source"], "admin");
    assert_eq!(view["status"], "active");
    assert!(view.get("client_secret").is_none());

    // Absent stays, null and empty are nothing.
    let patch = json!({ "client_name": "Diary", "agent_description": null });
    let reply = send(&server, "PATCH", &path, patch).await.expect(200);
    assert_ne!(tag(&reply), first);
    let view = reply.json();
    assert_eq!(view["name"], "Diary");
    assert_eq!(view["scope"], "notes/read");
    assert_eq!(view["agent_description"], Value::Null);
    let view = send(&server, "PATCH", &path, json!({ "scope": "" })).await;
    assert_eq!(view.expect(200).json()["scope"], "");

    for (patch, field) in [
        (json!({ "scope": null }), None),
        (json!({ "redirect_uris": [] }), Some("redirect_uris")),
        (
            json!({ "redirect_uris": ["javascript:x"] }),
            Some("redirect_uris"),
        ),
        (json!({ "client_name": "" }), Some("name")),
        (json!({ "nmae": "x" }), Some("nmae")),
        (json!({ "status": "revoked" }), Some("status")),
    ] {
        let reply = send(&server, "PATCH", &path, patch.clone()).await;
        let problem = reply.expect(422).json();
        if let Some(field) = field {
            assert_eq!(problem["field"], field, "{patch}: {problem}");
        }
    }
    for (act, status) in [
        ("suspend", "suspended"),
        ("reactivate", "active"),
        ("revoke", "revoked"),
    ] {
        let reply = send(&server, "PATCH", &format!("{path}/{act}"), Value::Null).await;
        assert_eq!(reply.expect(200).json(), json!({ "status": status }));
    }
    let again = send(&server, "PATCH", &format!("{path}/reactivate"), Value::Null).await;
    again.refused(409, "conflict");
    let rotated = send(
        &server,
        "POST",
        &format!("{path}/rotate-secret"),
        Value::Null,
    )
    .await;
    assert_ne!(
        rotated.expect(200).json()["client_secret"],
        created["client_secret"]
    );

    let gone = send(&server, "DELETE", &path, Value::Null).await;
    gone.expect(204);
    let again = send(&server, "DELETE", &path, Value::Null).await;
    again.refused(404, "not_found");
    let gone = send(&server, "GET", &path, Value::Null).await;
    gone.refused(404, "not_found");
    assert_eq!(server.audit(AuditAction::ClientDeleted).await.len(), 1);

    // An id that is a URL is one segment of the path.
    let new = json!({ "client_id": "https://a.example/c.json", "client_name": "By URL" });
    send(&server, "POST", "/admin/clients", new.clone())
        .await
        .expect(201);
    let taken = send(&server, "POST", "/admin/clients", new).await;
    taken.refused(409, "conflict");
    let view = get(&server, "/admin/clients/https%3A%2F%2Fa.example%2Fc.json").await;
    assert_eq!(view["name"], "By URL");
    let odd = json!({ "client_name": "x", "response_types": ["token"] });
    let problem = send(&server, "POST", "/admin/clients", odd).await;
    assert_eq!(problem.expect(422).json()["field"], "response_types");
}

async fn a_user_is_created_read_changed_and_deleted(database: Database) {
    let server = Server::start(&database).await;
    let new = json!({
        "email": "Grace@Example.com",
        "name": "Grace",
        "password": "a long enough password",
    });
    let created = send(&server, "POST", "/admin/users", new.clone()).await;
    let view = created.expect(201).json();
    assert_eq!(view["email"], "grace@example.com");
    assert_eq!(view["role"], "user");
    assert!(view.get("password_hash").is_none());
    send(&server, "POST", "/admin/users", new)
        .await
        .refused(409, "conflict");
    for (new, field) in [
        (
            json!({ "email": "x", "password": "a long enough password" }),
            "email",
        ),
        (
            json!({ "email": "x@example.com", "password": "short" }),
            "password",
        ),
        (
            json!({ "email": "x@example.com", "password": "long enough", "role": "root" }),
            "role",
        ),
    ] {
        let reply = send(&server, "POST", "/admin/users", new).await;
        let problem = reply.expect(422).json();
        let told = problem["detail"].as_str().unwrap_or_default().to_owned();
        assert!(
            problem["field"] == field || told.contains("role"),
            "{problem}"
        );
    }
    // By id and by address.
    let path = format!("/admin/users/{}", view["id"].as_str().expect("an id"));
    assert_eq!(get(&server, "/admin/users/grace%40example.com").await, view);
    let patch = json!({ "name": "", "role": "admin" });
    let changed = send(&server, "PATCH", &path, patch)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&changed["name"], &changed["role"]),
        (&json!(""), &json!("admin"))
    );
    assert_eq!(changed["email"], view["email"]);
    for (act, status) in [("disable", "disabled"), ("enable", "active")] {
        let reply = send(&server, "PATCH", &format!("{path}/{act}"), Value::Null).await;
        assert_eq!(reply.expect(200).json()["status"], status);
    }
    let gone = send(&server, "DELETE", &path, Value::Null).await;
    gone.expect(204);
    let again = send(&server, "DELETE", &path, Value::Null).await;
    again.refused(404, "not_found");
    send(&server, "GET", &path, Value::Null)
        .await
        .refused(404, "not_found");
}

async fn a_resource_is_created_read_changed_and_deleted(database: Database) {
    let server = Server::start(&database).await;
    let new = json!({
        "slug": "wiki",
        "uri": "https://wiki.example/mcp",
        "scopes": [{ "name": "wiki/read", "description": "Read pages" }],
        "policy": { "runtime": { "client_ids": ["w"] } },
    });
    let created = send(&server, "POST", "/admin/resources", new.clone()).await;
    let created = created.expect(201).json();
    assert_eq!(created["display_name"], "wiki");
    assert_eq!(created["backend_kind"], "mint");
    send(&server, "POST", "/admin/resources", new)
        .await
        .refused(409, "conflict");
    let by_id = format!(
        "/admin/resources/{}",
        created["id"].as_str().expect("an id")
    );
    assert_eq!(get(&server, &by_id).await, created);
    let path = "/admin/resources/wiki";
    let patch = json!({
        "uri": null,
        "policy": { "exchange": { "allowed_client_ids": ["a", "b"] } },
    });
    let mut changed = send(&server, "PATCH", path, patch).await.expect(200).json();
    assert_eq!(changed["uri"], Value::Null);
    let warnings = changed
        .as_object_mut()
        .and_then(|own| own.remove("warnings"));
    assert!(warnings.is_some(), "it has no URI any more: {changed}");
    assert_eq!(
        changed["policy"]["exchange"]["allowed_client_ids"],
        json!(["a", "b"])
    );
    assert_eq!(changed["policy"]["runtime"]["client_ids"], json!(["w"]));
    assert_eq!(changed["scopes"], created["scopes"]);
    for (patch, field) in [
        (json!({ "uri": "no uri" }), "uri"),
        (json!({ "slug": "other" }), "slug"),
        (json!({ "display_name": "x".repeat(257) }), "display_name"),
        (
            json!({ "scopes": [{ "name": "offline_access" }] }),
            "scopes",
        ),
        (
            json!({ "policy": { "connect": { "allowed_return_urls": ["/here"] } } }),
            "policy.connect.allowed_return_urls",
        ),
        (
            json!({ "policy": { "exchange": { "clients": [] } } }),
            "policy.exchange.clients",
        ),
    ] {
        let reply = send(&server, "PATCH", path, patch.clone()).await;
        assert_eq!(reply.expect(422).json()["field"], field, "{patch}");
    }
    let listed = get(&server, "/admin/resources?q=WIKI").await;
    assert_eq!(listed["resources"], json!([changed]));
    let parts = get(&server, "/admin/resources?limit=2").await;
    assert_eq!(parts["next_cursor"], "notes");
    let rest = get(&server, "/admin/resources?limit=2&cursor=notes").await;
    assert_eq!(rest["resources"], json!([changed]));
    assert_eq!(rest["next_cursor"], Value::Null);
    send(&server, "DELETE", path, Value::Null).await.expect(204);
    let again = send(&server, "DELETE", path, Value::Null).await;
    again.refused(404, "not_found");
}

async fn lists_go_on_from_cursor_to_cursor_and_filter(database: Database) {
    let server = Server::start(&database).await;
    for number in 0..5 {
        let new = json!({ "client_name": format!("Number {number}") });
        send(&server, "POST", "/admin/clients", new)
            .await
            .expect(201);
        server.add_user(&format!("user{number}@example.com")).await;
    }
    for (list, key) in [("clients", "id"), ("users", "id")] {
        let whole = get(&server, &format!("/admin/{list}")).await;
        assert_eq!(whole["next_cursor"], Value::Null);
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let part = get(&server, &format!("/admin/{list}?limit=2{cursor}")).await;
            found.extend(part[list].as_array().expect("a list").clone());
            match part["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(json!(found), whole[list], "{key}");
    }
    let named = get(
        &server,
        "/admin/clients?q=NUMBER%203&status=active&source=admin",
    )
    .await;
    assert_eq!(named["clients"].as_array().map(Vec::len), Some(1));
    let none = get(&server, "/admin/clients?source=dcr").await;
    assert_eq!(none["clients"], json!([]));
    let found = get(&server, "/admin/users?q=user4%40&status=active").await;
    assert_eq!(found["users"][0]["email"], "user4@example.com");
    for wrong in [
        "/admin/clients?limit=0",
        "/admin/clients?limit=1001",
        "/admin/clients?offset=10001",
        "/admin/clients?cursor=x",
        "/admin/clients?status=lost",
        "/admin/clients?colour=red",
        "/admin/users?limit=-1",
        "/admin/users?cursor=%00",
        "/admin/resources?cursor=-",
        "/admin/tokens?cursor=!",
    ] {
        let reply = send(&server, "GET", wrong, Value::Null).await;
        reply.refused(400, "invalid_request");
    }
}

async fn a_query_that_does_not_fit_is_told_what_each_parameter_takes(database: Database) {
    let server = Server::start(&database).await;
    let lists = [
        "/admin/clients",
        "/admin/users",
        "/admin/resources",
        "/admin/tokens",
        "/admin/audit",
        "/admin/users/user/grants",
    ];
    for list in lists {
        for (given, detail) in [
            ("limit=0", "limit: give 1 to 1000"),
            ("limit=-1", "limit: give 1 to 1000"),
            ("limit=abc", "limit: give 1 to 1000"),
            ("limit=", "limit: give 1 to 1000"),
            (
                "offset=-1",
                "offset: give at most 10000, and go on by cursor",
            ),
            (
                "offset=abc",
                "offset: give at most 10000, and go on by cursor",
            ),
            ("limit=1&limit=2", "limit: given more than once"),
        ] {
            let path = format!("{list}?{given}");
            let reply = send(&server, "GET", &path, Value::Null).await;
            let problem = reply.refused(400, "invalid_request").json();
            assert_eq!(problem["detail"], detail, "{path}");
        }
    }
    for (method, path, detail) in [
        ("GET", "/admin/clients?status=lost", "status: "),
        (
            "GET",
            "/admin/clients?colour=red",
            "colour: there is no such parameter, but ",
        ),
        (
            "GET",
            "/admin/issuances?client=x&limit=-1",
            "limit: give 1 to 5000",
        ),
        (
            "GET",
            "/admin/issuances?client=x&offset=-1",
            "offset: give 0 to 4294967295",
        ),
        (
            "DELETE",
            "/admin/clients/x?force=maybe",
            "force: give true or false",
        ),
        (
            "DELETE",
            "/admin/resources/x?cascade=1",
            "cascade: give true or false",
        ),
    ] {
        let reply = send(&server, method, path, Value::Null).await;
        let problem = reply.refused(400, "invalid_request").json();
        let told = problem["detail"].as_str().unwrap_or_default();
        assert!(told.starts_with(detail), "{path}: {told}");
        assert!(!told.contains("deserialize"), "{told}");
    }
}

async fn what_holds_something_alive_is_deleted_by_force_alone(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    app.tokens(&mut Browser::signed_in(&server).await).await;
    let paths = [
        format!("/admin/clients/{}", app.client_id),
        format!("/admin/users/{USER}"),
    ];
    for path in &paths {
        let reply = send(&server, "DELETE", path, Value::Null).await;
        let problem = reply.refused(409, "conflict").json();
        let told = problem["detail"].as_str().unwrap_or_default();
        assert!(told.contains("refresh token families"), "{told}");
        assert!(told.contains("consents"), "{told}");
    }
    for path in &paths {
        let path = format!("{path}?force=true");
        send(&server, "DELETE", &path, Value::Null)
            .await
            .expect(204);
    }
}

async fn tokens_of_a_user_are_listed_and_end_one_by_one_or_all_at_once(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    for _ in 0..3 {
        app.tokens(&mut Browser::signed_in(&server).await).await;
    }
    let path = format!("/admin/users/{USER}/tokens");
    let listed = get(&server, &path).await;
    let families = listed["tokens"].as_array().expect("a list").clone();
    assert_eq!(families.len(), 3);
    assert_eq!(families[0]["client_id"], app.client_id.as_str());
    let of_client = format!("/admin/tokens?client={}&user={USER}", app.client_id);
    assert_eq!(get(&server, &of_client).await, listed);

    let family = format!(
        "/admin/tokens/{}",
        families[0]["id"].as_str().expect("an id")
    );
    assert_eq!(get(&server, &family).await, families[0]);
    let ended = |revoked: u64| json!({ "revoked": revoked, "sessions": 0 });
    for revoked in [2, 0] {
        let reply = send(&server, "DELETE", &family, Value::Null).await;
        assert_eq!(reply.expect(200).json(), ended(revoked));
    }
    assert_eq!(server.audit(AuditAction::TokenRevoked).await.len(), 1);
    assert!(get(&server, &family).await["revoked_at"].is_string());

    let issuances = get(&server, &format!("/admin/issuances?user={USER}")).await;
    let issuances = issuances["issuances"].as_array().expect("a list");
    let alive = issuances.iter().find(|own| own["revoked_at"].is_null());
    let jti = alive.expect("one is alive")["jti"].as_str().expect("a jti");
    let token = format!("/admin/tokens/{jti}");
    assert_eq!(get(&server, &token).await["jti"], jti);
    let reply = send(&server, "DELETE", &token, Value::Null).await;
    assert_eq!(reply.expect(200).json(), ended(1));

    assert_eq!(
        get(&server, "/admin/tokens").await["tokens"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let reply = send(&server, "DELETE", &path, Value::Null)
        .await
        .expect(200);
    // Two families, the access token that was left, and the three sessions.
    assert_eq!(reply.json(), json!({ "revoked": 3, "sessions": 3 }));
    assert_eq!(get(&server, "/admin/tokens").await["tokens"], json!([]));
    let unknown = send(&server, "DELETE", "/admin/tokens/none", Value::Null).await;
    unknown.refused(404, "not_found");
}

async fn of_two_who_read_the_same_only_one_changes_it(database: Database) {
    let server = Server::start(&database).await;
    let other = server.beside(&database).await;
    let app = server.public_app().await;
    let paths = [
        (format!("/admin/clients/{}", app.client_id), "client_name"),
        (format!("/admin/users/{USER}"), "name"),
        (String::from("/admin/resources/notes"), "display_name"),
    ];
    for (path, field) in &paths {
        let read = send(&server, "GET", path, Value::Null).await.expect(200);
        let version = tag(&read);
        let change = |name: &str| ask("PATCH", path, &json!({ (*field): name }));
        let first = change("First").header("if-match", &version);
        let first = other.send_admin(&first).await.expect(200);
        let second = change("Second").header("if-match", &version);
        server
            .send_admin(&second)
            .await
            .refused(412, "precondition_failed");
        for odd in ["\"x\"", "W/\"1\"", "1"] {
            let odd = change("Odd").header("if-match", odd);
            server
                .send_admin(&odd)
                .await
                .refused(412, "precondition_failed");
        }
        // The newest version is seen at once at the instance that did not make it.
        let third = change("Third").header("if-match", tag(&first));
        let third = server.send_admin(&third).await.expect(200);
        let any = change("Any").header("if-match", "*");
        server.send_admin(&any).await.expect(200);
        let stale = ask("DELETE", path, &Value::Null).header("if-match", tag(&third));
        server
            .send_admin(&stale)
            .await
            .refused(412, "precondition_failed");
    }
}

async fn numbers_and_health_of_the_server_are_told(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    for _ in 0..2 {
        app.tokens(&mut browser).await;
    }
    let tokens = app.tokens(&mut browser).await;
    app.revoke(&server, &tokens.access).await.expect(200);
    let told = |alive: u64, revoked: u64| {
        json!({
            "clients": 1, "users": 1, "active_tokens_24h": alive, "revoked_tokens": revoked,
            "connections": 0,
        })
    };
    assert_eq!(get(&server, "/admin/stats").await, told(2, 1));
    server.engine.force_logout(USER).await.expect("logged out");
    assert_eq!(
        get(&server, "/admin/stats").await,
        told(2, 1),
        "ten seconds old at most"
    );
    server.wait(std::time::Duration::from_secs(11));
    assert_eq!(get(&server, "/admin/stats").await, told(0, 3));

    let status = get(&server, "/admin/system/status").await;
    assert_eq!(status["status"], "ok");
    assert_eq!(status["database"]["status"], "ok");
    let key = get(&server, "/admin/keys").await["keys"][0].clone();
    assert_eq!(status["keys"]["active"], key["kid"]);
    assert_eq!(status["keys"]["created_at"], key["created_at"]);
    let process = crate::harness::Process::start(&database, &[]).await;
    let ask = Request::get("/admin/system/config").bearer(ADMIN_KEY);
    let config = process.send_admin(&ask).await.expect(200);
    assert!(!config.body.contains(ADMIN_KEY));
    let config = config.json();
    assert_eq!(config["admin.enabled"]["value"], true);
    assert_eq!(config["admin.api_key"]["layer"], "env");
}

#[tokio::test]
async fn an_unknown_id_is_told_and_leaves_no_row_whatever_is_done_to_it() {
    let server = Server::start(&Database::sqlite()).await;
    let rows = async || {
        let filter = store::AuditFilter::default();
        let page = store::Page {
            limit: 1000,
            ..store::Page::default()
        };
        let found = server.engine.store().audit(&filter, &page).await;
        found.expect("the audit log").len()
    };
    let before = rows().await;
    let change = json!({ "status": "suspended" });
    for (method, path, body) in [
        ("DELETE", "clients/nobody.example", Value::Null),
        (
            "PATCH",
            "clients/nobody.example",
            json!({ "client_name": "x" }),
        ),
        ("PATCH", "clients/nobody.example/suspend", change.clone()),
        (
            "PATCH",
            "clients/nobody.example/reactivate",
            json!({ "status": "active" }),
        ),
        (
            "PATCH",
            "clients/nobody.example/revoke",
            json!({ "status": "revoked" }),
        ),
        ("POST", "clients/nobody.example/rotate-secret", Value::Null),
        ("DELETE", "users/nobody", Value::Null),
        ("DELETE", "users/nobody@example.com?force=true", Value::Null),
        ("PATCH", "users/nobody", json!({ "name": "x" })),
        ("PATCH", "users/nobody/disable", Value::Null),
        ("PATCH", "users/nobody/enable", Value::Null),
        ("DELETE", "users/nobody/tokens", Value::Null),
        ("GET", "users/nobody/grants", Value::Null),
        ("DELETE", "grants/consent/nothing", Value::Null),
        ("DELETE", "tokens/nothing", Value::Null),
        ("DELETE", "issuances/nothing", Value::Null),
        ("DELETE", "resources/nothing?cascade=true", Value::Null),
        ("PATCH", "resources/nothing", json!({ "display_name": "x" })),
        (
            "DELETE",
            "resources/nothing/policy/runtime/client-ids/x.y",
            Value::Null,
        ),
        (
            "DELETE",
            "resources/notes/policy/runtime/client-ids/x.y",
            Value::Null,
        ),
        (
            "DELETE",
            "resources/notes/policy/exchange/allowed-clients/x.y",
            Value::Null,
        ),
        (
            "DELETE",
            "resources/notes/policy/connect/allowed-return-urls/x",
            Value::Null,
        ),
        ("DELETE", "fronting/notes/mail", Value::Null),
        ("DELETE", "fronting/nothing/mail", Value::Null),
        ("PATCH", "fronting/notes/mail", json!({ "scope_map": {} })),
    ] {
        let path = format!("/admin/{path}");
        let reply = send(&server, method, &path, body).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (404, Some("application/problem+json")),
            "{method} {path}: {reply:?}"
        );
    }
    assert_eq!(rows().await, before);
}

#[tokio::test]
async fn ids_that_look_like_paths_or_markup_are_refused_and_urls_are_not() {
    let server = Server::start(&Database::sqlite()).await;
    for id in [
        "../x",
        "/admin",
        "a/b",
        "<script>",
        "a\"b",
        "a\\b",
        "https://a.example/<b>",
        "..",
    ] {
        let new = json!({ "client_id": id, "client_name": "x" });
        let reply = send(&server, "POST", "/admin/clients", new).await;
        assert_eq!(reply.expect(422).json()["field"], "client_id", "{id}");
        let slug = json!({ "slug": id, "backend_kind": "mint" });
        let reply = send(&server, "POST", "/admin/resources", slug).await;
        assert_eq!(reply.expect(422).json()["field"], "slug", "{id}");
        let policy = json!({ "policy": { "runtime": { "client_ids": [id] } } });
        let reply = send(&server, "PATCH", "/admin/resources/notes", policy).await;
        assert_eq!(
            reply.expect(422).json()["field"],
            "policy.runtime.client_ids",
            "{id}"
        );
    }
    for email in ["<b>@example.com", "../x@example.com", "a/b@example.com"] {
        let new = json!({ "email": email, "password": "correct horse battery" });
        let reply = send(&server, "POST", "/admin/users", new).await;
        assert_eq!(reply.expect(422).json()["field"], "email", "{email}");
    }
    let scopes = json!({ "scopes": [{ "name": "<b>" }] });
    let reply = send(&server, "PATCH", "/admin/resources/notes", scopes).await;
    assert_eq!(reply.expect(422).json()["field"], "scopes");
    for id in ["https://a.example/c.json", "com.example:app", "my.app"] {
        let new = json!({ "client_id": id, "client_name": "x" });
        let created = send(&server, "POST", "/admin/clients", new).await;
        assert_eq!(created.expect(201).json()["client_id"], id);
    }
}
