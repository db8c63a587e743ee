//! The operator's side over REST: links, lists of clients, issued tokens and consents.

use super::{ARCHIVE, Stage, access, claims, exchange};
use crate::harness::{ADMIN_KEY, Database, Instance, Reply, Request, Server, USER, on_both};
use domain::AuditAction;
use serde_json::{Value, json};

on_both!(
    fronting_links_are_tried_declared_shown_changed_and_deleted,
    a_resource_with_links_goes_only_together_with_them,
    lists_of_clients_are_read_and_changed,
    return_addresses_are_read_and_changed,
    issuances_are_found_by_what_they_are,
    a_revoked_issuance_ends_alone_and_a_revoked_consent_takes_all_along,
);

/// Sends to the admin API, with its key.
async fn ask(at: &Instance, method: &str, path: &str, body: Value) -> Reply {
    let request = Request::new(method, format!("/admin/{path}")).bearer(ADMIN_KEY);
    let request = match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    };
    at.send_admin(&request).await
}

async fn get(at: &Instance, path: &str) -> Value {
    ask(at, "GET", path, Value::Null).await.expect(200).json()
}

/// A link by which notes front mail.
fn link(scope_map: &Value) -> Value {
    json!({ "source_slug": "notes", "target_slug": "mail", "scope_map": scope_map })
}

async fn recorded(server: &Server, action: AuditAction) -> usize {
    let events = server.audit(action).await;
    assert!(events.iter().all(|event| event.event.actor_id == "admin"));
    events.len()
}

async fn fronting_links_are_tried_declared_shown_changed_and_deleted(database: Database) {
    let server = Server::start(&database).await;
    let map = json!({ "notes/read": ["mail/read"], "notes/write": ["mail/read", "mail/send"] });
    let mut tried = link(&map);
    tried["dry_run"] = json!(true);
    let reply = ask(&server, "POST", "fronting", tried).await.expect(200);
    assert_eq!(reply.json()["dry_run"], true);
    assert_eq!(get(&server, "fronting").await["fronting_links"], json!([]));
    assert_eq!(recorded(&server, AuditAction::FrontingLinkCreated).await, 0);

    let reply = ask(&server, "POST", "fronting", link(&map)).await;
    let made = reply.expect(201).json();
    let expected = json!({
        "source_slug": "notes", "target_slug": "mail", "scope_map": map,
        "created_at": "2020-01-01T00:00:00.000Z", "created_by": "admin",
    });
    assert_eq!(made, expected);
    assert_eq!(
        get(&server, "fronting").await["fronting_links"],
        json!([made])
    );
    assert_eq!(get(&server, "fronting/notes/mail").await, made);
    let notes = json!({ "slug": "notes", "fronts": [made], "fronted_by": [] });
    assert_eq!(get(&server, "resources/notes/fronting").await, notes);
    let mail = json!({ "slug": "mail", "fronts": [], "fronted_by": [made] });
    assert_eq!(get(&server, "resources/mail/fronting").await, mail);
    let again = ask(&server, "POST", "fronting", link(&map)).await;
    again.refused(409, "conflict");
    let back = json!({ "source_slug": "mail", "target_slug": "notes", "scope_map": { "mail/read": ["notes/read"] } });
    let back = ask(&server, "POST", "fronting", back).await;
    assert!(back.refused(409, "conflict").body.contains("cycle"));

    let narrow = json!({ "notes/read": ["mail/read"] });
    let path = "fronting/notes/mail";
    let reply = ask(&server, "PATCH", path, json!({ "scope_map": narrow })).await;
    assert_eq!(reply.expect(200).json()["scope_map"], narrow);
    assert_eq!(get(&server, path).await["scope_map"], narrow);
    ask(&server, "DELETE", path, Value::Null).await.expect(204);
    let gone = ask(&server, "GET", path, Value::Null).await;
    gone.refused(404, "not_found");
    let again = ask(&server, "DELETE", path, Value::Null).await;
    again.refused(404, "not_found");
    for action in [
        AuditAction::FrontingLinkCreated,
        AuditAction::FrontingLinkPatched,
        AuditAction::FrontingLinkDeleted,
    ] {
        assert_eq!(recorded(&server, action).await, 1, "{action}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_done_is_told_as_a_problem_that_names_it() {
    let server = Server::start(&Database::sqlite()).await;
    let map = |map: Value| ("POST", "fronting", link(&map));
    let empty = || Value::Null;
    let good = json!({ "notes/read": ["mail/read"] });
    let mut unknown_member = link(&good);
    unknown_member["dryrun"] = json!(true);
    let mut unknown_target = link(&good);
    unknown_target["target_slug"] = json!("nowhere");
    let in_order = json!(["notes", "mail", good]);
    let clients = "resources/notes/policy/exchange/allowed-clients";
    let allowed = format!("{clients}?limit=1");
    for ((method, path, body), status, named) in [
        (("POST", "fronting", empty()), 400, "JSON"),
        (
            ("POST", clients, json!({ "client_id": "a\u{0}b" })),
            400,
            "NUL",
        ),
        (("GET", "issuances?jti=%00", empty()), 400, "NUL"),
        (("GET", "issuances/%00", empty()), 400, "NUL"),
        (("GET", "issuances?client=%ff", empty()), 400, "UTF-8"),
        (("GET", "fronting?limit=1", empty()), 400, "limit"),
        (("GET", "fronting?offset=1", empty()), 400, "offset"),
        (("GET", "fronting?surprise=1", empty()), 400, "surprise"),
        (
            ("GET", "resources/notes/fronting?limit=1", empty()),
            400,
            "limit",
        ),
        (("GET", allowed.as_str(), empty()), 400, "limit"),
        (("GET", "keys?limit=1", empty()), 400, "limit"),
        (("DELETE", "grants/consent/%00", empty()), 400, "NUL"),
        (("POST", "fronting", json!({})), 422, "source_slug"),
        // No array of the values in place of the object that they belong in.
        (("POST", "fronting", in_order), 422, "object"),
        (("POST", clients, json!(["a"])), 422, "object"),
        (("PATCH", "resources/notes", json!([])), 422, "object"),
        (
            (
                "PATCH",
                "resources/notes",
                json!({ "scopes": [["notes/read"]] }),
            ),
            422,
            "object",
        ),
        (
            (
                "PATCH",
                "resources/notes",
                json!({ "policy": { "exchange": [["a"]] } }),
            ),
            422,
            "object",
        ),
        (("POST", "fronting", unknown_member), 422, "dryrun"),
        (
            map(json!({ "notes/read": "mail/read" })),
            422,
            "scope_map.notes/read",
        ),
        (map(json!({})), 422, "scope_map"),
        (
            map(json!({ "notes/burn": ["mail/read"] })),
            422,
            "notes/burn",
        ),
        (
            map(json!({ "notes/read": ["mail/burn"] })),
            422,
            "mail/burn",
        ),
        (map(json!({ "notes/read": [] })), 422, "notes/read"),
        (("POST", "fronting", unknown_target), 404, "nowhere"),
        (
            ("PATCH", "fronting/notes/mail", json!({ "scope_map": good })),
            404,
            "notes to mail",
        ),
        (
            ("POST", clients, json!({ "client_id": "nobody" })),
            404,
            "nobody",
        ),
        (("POST", clients, json!({ "client": "x" })), 422, "client"),
        (
            ("DELETE", "resources/notes?cascade=perhaps", empty()),
            400,
            "cascade",
        ),
        (("GET", "resources/%ff/fronting", empty()), 400, "UTF-8"),
        (("GET", "issuances", empty()), 422, "user, client, resource"),
        (
            ("GET", "issuances?client=x&limit=many", empty()),
            400,
            "limit",
        ),
        (("GET", "issuances?client=x&limit=0", empty()), 422, "limit"),
        (
            ("GET", "issuances?client=x&limit=5001", empty()),
            422,
            "limit",
        ),
        (
            ("GET", "issuances?client=x&since=soon", empty()),
            400,
            "since",
        ),
        (
            ("GET", "issuances?client=x&until=now", empty()),
            400,
            "until",
        ),
        (
            ("GET", "issuances?user=nobody@example.com", empty()),
            404,
            "nobody@",
        ),
        (
            ("GET", "issuances/no-such-jti", empty()),
            404,
            "no-such-jti",
        ),
        (
            ("DELETE", "issuances/no-such-jti", empty()),
            404,
            "no-such-jti",
        ),
        (("GET", "users/nobody/grants", empty()), 404, "nobody"),
        (
            ("DELETE", "grants/consent/no-such", empty()),
            404,
            "no-such",
        ),
        (
            ("PATCH", "settings/dcr", json!({ "mode": "shut" })),
            422,
            "admin_only",
        ),
        (
            ("PATCH", "settings/dcr", json!({ "mode": "open", "x": 1 })),
            422,
            "`x`",
        ),
    ] {
        let reply = ask(&server, method, path, body).await.expect(status);
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        let problem = reply.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(reply.header("x-request-id"), problem["request_id"].as_str());
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{method} {path}: {detail}");
    }
    assert_eq!(get(&server, "fronting").await["fronting_links"], json!([]));
}

#[tokio::test]
async fn nothing_of_it_is_there_without_the_key() {
    let server = Server::start(&Database::sqlite()).await;
    for (method, path) in [
        ("GET", "fronting"),
        ("POST", "fronting"),
        ("DELETE", "fronting/a/b"),
        ("DELETE", "resources/notes"),
        ("GET", "resources/notes/fronting"),
        ("POST", "resources/notes/policy/exchange/allowed-clients"),
        ("DELETE", "resources/notes/policy/runtime/client-ids/x"),
        ("GET", "issuances?client=x"),
        ("DELETE", "issuances/x"),
        ("GET", "users/x/grants"),
        ("DELETE", "grants/consent/x"),
    ] {
        let request = Request::new(method, format!("/admin/{path}")).bearer("wrong");
        let reply = server.send_admin(&request).await;
        reply.refused(401, "invalid_admin_key");
    }
    server.engine.resource("notes").await.expect("still there");
}

async fn a_resource_with_links_goes_only_together_with_them(database: Database) {
    let server = Server::start(&database).await;
    let map = json!({ "notes/read": ["mail/read"] });
    let made = ask(&server, "POST", "fronting", link(&map)).await;
    made.expect(201);
    for (slug, other) in [("notes", "mail"), ("mail", "notes")] {
        let path = format!("resources/{slug}");
        let reply = ask(&server, "DELETE", &path, Value::Null).await;
        let problem = reply.refused(409, "conflict").json();
        assert_eq!(problem["dependents"], json!([other]));
    }
    let deleted = r#"authplane_resource_server_ops_total{op="delete"}"#;
    assert_eq!(server.metric(deleted).await, 0.0);
    let reply = ask(
        &server,
        "DELETE",
        "resources/notes?cascade=true",
        Value::Null,
    )
    .await;
    assert_eq!(reply.expect(204).body, "");
    assert_eq!(server.metric(deleted).await, 1.0);
    assert_eq!(get(&server, "fronting").await["fronting_links"], json!([]));
    let gone = ask(&server, "GET", "resources/notes/fronting", Value::Null).await;
    gone.refused(404, "not_found");
    let reply = ask(&server, "DELETE", "resources/mail", Value::Null).await;
    reply.expect(204);
}

async fn return_addresses_are_read_and_changed(database: Database) {
    let server = Server::start(&database).await;
    let list = "resources/notes/policy/connect/allowed-return-urls";
    let url = "https://app.example/connected?from=notes";
    assert_eq!(get(&server, list).await["allowed_return_urls"], json!([]));
    for _ in 0..2 {
        let added = ask(&server, "POST", list, json!({ "url": url })).await;
        let now = added.expect(200).json();
        assert_eq!(now, json!({ "allowed_return_urls": [url] }));
    }
    for wrong in ["", "connected", "https://a b/"] {
        let refused = ask(&server, "POST", list, json!({ "url": wrong })).await;
        assert_eq!(
            refused.expect(422).json()["field"],
            "policy.connect.allowed_return_urls"
        );
    }
    let own = format!("{list}/https%3A%2F%2Fapp.example%2Fconnected%3Ffrom%3Dnotes");
    ask(&server, "DELETE", &own, Value::Null).await.expect(204);
    let again = ask(&server, "DELETE", &own, Value::Null).await;
    again.refused(404, "not_found");
    assert_eq!(get(&server, list).await["allowed_return_urls"], json!([]));
    assert_eq!(recorded(&server, AuditAction::ReturnUrlAdded).await, 1);
    assert_eq!(recorded(&server, AuditAction::ReturnUrlRemoved).await, 1);
}

async fn lists_of_clients_are_read_and_changed(database: Database) {
    let server = Server::start(&database).await;
    let app = server.confidential_app().await;
    let id = app.client_id.as_str();
    let metric = async |op: &str| {
        let series = format!(r#"authplane_allowlist_ops_total{{op="{op}"}}"#);
        server.metric(&series).await
    };
    for (count, (list, member, added, removed)) in [
        (
            "resources/notes/policy/exchange/allowed-clients",
            "allowed_client_ids",
            AuditAction::ExchangeClientAdded,
            AuditAction::ExchangeClientRemoved,
        ),
        (
            "resources/notes/policy/runtime/client-ids",
            "client_ids",
            AuditAction::RuntimeClientAdded,
            AuditAction::RuntimeClientRemoved,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(get(&server, list).await, json!({ member: [] }));
        for _ in 0..2 {
            let reply = ask(&server, "POST", list, json!({ "client_id": id })).await;
            assert_eq!(reply.expect(200).json(), json!({ member: [id] }));
        }
        assert_eq!(get(&server, list).await, json!({ member: [id] }));
        assert_eq!(
            recorded(&server, added).await,
            1,
            "the second changed nothing"
        );
        assert_eq!(metric("add").await, count as f64 + 1.0);
        let path = format!("{list}/{id}");
        let reply = ask(&server, "DELETE", &path, Value::Null).await;
        reply.expect(204);
        let again = ask(&server, "DELETE", &path, Value::Null).await;
        again.refused(404, "not_found");
        assert_eq!(get(&server, list).await, json!({ member: [] }));
        assert_eq!(recorded(&server, removed).await, 1);
        assert_eq!(metric("remove").await, count as f64 + 1.0);
    }
}

/// The `jti`s of a list, newest first.
fn jtis(list: &Value) -> Vec<&str> {
    let issuances = list["issuances"].as_array().unwrap();
    assert_eq!(list["count"], issuances.len());
    let ids = issuances.iter().map(|own| own["jti"].as_str().unwrap());
    ids.collect()
}

async fn issuances_are_found_by_what_they_are(database: Database) {
    let mut stage = Stage::set(&database).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.server.wait(std::time::Duration::from_secs(600));
    stage.agree("notes/read").await;
    // Tokens of one moment have no order.
    stage.server.wait(std::time::Duration::from_secs(60));
    let reply = stage.delegate().await;
    let exchanged = claims(&reply)["jti"].as_str().unwrap().to_owned();
    let subject = stage.tokens.jti();
    let server = &stage.server;
    let list = async |query: String| get(server, &format!("issuances?{query}")).await;
    let (app, agent) = (&stage.app.client_id, &stage.agent.client_id);

    let all = list(format!("user={USER}")).await;
    assert_eq!(jtis(&all).len(), 3);
    assert_eq!((jtis(&all)[0], jtis(&all)[2]), (&*exchanged, &*subject));
    assert_eq!(all["since"], "2019-12-31T00:11:00.000Z", "a day back");
    let second = list(format!("user={USER}&limit=1&offset=1")).await;
    assert_eq!(jtis(&second), [jtis(&all)[1]]);
    assert_eq!(jtis(&list(format!("client={agent}")).await), [&exchanged]);
    assert_eq!(
        jtis(&list(format!("client={app}&resource=notes")).await),
        [&subject]
    );
    assert_eq!(jtis(&list("resource=archive".into()).await).len(), 2);
    assert_eq!(jtis(&list(format!("jti={subject}")).await), [&subject]);
    assert!(jtis(&list("jti=unknown".into()).await).is_empty());
    for (since, count) in [
        ("5m", 2),
        ("2020-01-01T00:10:00Z", 2),
        ("1d", 3),
        ("2021-01-01T00:00:00Z", 0),
    ] {
        let found = list(format!("user={USER}&since={since}")).await;
        assert_eq!(jtis(&found).len(), count, "{since}");
    }

    let one = get(server, &format!("issuances/{exchanged}")).await;
    let archive = server.engine.resource("archive").await.unwrap();
    let user = server.engine.user(USER).await.unwrap();
    let expected = json!({
        "id": exchanged, "jti": exchanged, "subject_user_id": user.id.as_str(),
        "client_id": agent, "resource_id": archive.id.as_str(), "scopes": ["notes/read"],
        "backend_kind": "mint", "revocable": true, "issued_at": "2020-01-01T00:11:00.000Z",
        "expires_at": "2020-01-01T00:15:00.000Z", "revoked_at": null, "dpop_jkt": null,
        "agent_id": agent, "agent_chain": [agent], "consent_client_id": app, "parent_jti": subject,
    });
    assert_eq!(one, expected);
}

async fn a_revoked_issuance_ends_alone_and_a_revoked_consent_takes_all_along(database: Database) {
    let mut stage = Stage::set(&database).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.agree("notes/read").await;
    let first = access(&stage.delegate().await);
    let target = [("resource", ARCHIVE)];
    let server = &stage.server;
    let second = exchange(server, &stage.agent, &stage.tokens.access, &target).await;
    let (jti, second) = (claims(&second)["jti"].clone(), access(&second));
    let path = format!("issuances/{}", jti.as_str().unwrap());
    for _ in 0..2 {
        let reply = ask(server, "DELETE", &path, Value::Null).await;
        reply.expect(204);
    }
    assert!(get(server, &path).await["revoked_at"].is_string());
    let events = recorded(server, AuditAction::IssuanceRevokedAdmin).await;
    assert_eq!(events, 1, "the second changed nothing");
    assert!(!stage.agent.is_active(server, &second).await);
    assert!(stage.agent.is_active(server, &first).await);

    let archive = server.engine.resource("archive").await.unwrap();
    let grants = get(server, &format!("users/{USER}/grants")).await;
    assert_eq!(grants["broker_grants"], json!([]));
    let consents = grants["consent_grants"].as_array().unwrap();
    assert_eq!(consents.len(), 2);
    let of_archive = |own: &&Value| own["resource_id"] == archive.id.as_str();
    let consent = consents.iter().find(of_archive).unwrap();
    assert_eq!(consent["client_id"], stage.app.client_id);
    assert_eq!(consent["scopes"], json!(["notes/read"]));
    assert_eq!(consent["revoked_at"], Value::Null);
    let path = format!("grants/consent/{}", consent["id"].as_str().unwrap());
    ask(server, "DELETE", &path, Value::Null).await.expect(204);
    assert!(!stage.agent.is_active(server, &first).await);
    assert!(stage.app.is_active(server, &stage.tokens.access).await);
    let events = recorded(server, AuditAction::ConsentGrantRevokedAdmin).await;
    assert_eq!(events, 1);
    let grants = get(server, &format!("users/{USER}/grants")).await;
    let consents = grants["consent_grants"].as_array().unwrap();
    assert!(consents.iter().find(of_archive).unwrap()["revoked_at"].is_string());
    let page = get(server, &format!("users/{USER}/grants?limit=1&offset=1")).await;
    assert_eq!(page["consent_grants"], json!([consents[1]]));
}
