//! What refusals at the endpoints that software calls leave behind: a line, a count, a row.

use crate::harness::{Database, Process, Request, Server, on_both, within};
use crate::races::furnish;
use domain::AuditAction;
use serde_json::Value;

on_both!(
    what_is_refused_unread_is_counted_and_recorded_like_all_else,
    a_made_up_client_id_is_kept_in_part_only,
);

const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/oauth/introspect"];

fn too_large(path: &str) -> Request {
    Request::post(path, &[("token", &"x".repeat(70_000))])
}

async fn what_is_refused_unread_is_counted_and_recorded_like_all_else(database: Database) {
    let server = Server::start(&database).await;
    let denied = r#"authserver_auth_denied_total{reason="invalid_request"}"#;
    let mut count = 0;
    for path in ENDPOINTS {
        let json = Request::json(path, &serde_json::json!({"grant_type": "refresh_token"}));
        for (status, request) in [(413, too_large(path)), (400, json)] {
            server
                .send(&request)
                .await
                .refused(status, "invalid_request");
            count += 1;
            assert_eq!(server.metric(denied).await, f64::from(count), "{path}");
        }
    }
    server.send(&too_large("/oauth/register")).await.expect(413);
    assert_eq!(server.metric(denied).await, f64::from(count + 1));
    let recorded = server.audit(AuditAction::TokenDenied).await;
    let mut details = Vec::new();
    for row in recorded {
        assert_eq!(row.event.ip.as_deref(), Some("127.0.0.1"));
        assert!(row.event.request_id.is_some());
        details.push(row.event.detail);
    }
    details.sort();
    let (revoke, token) = ("endpoint=revoke", "grant_type=-");
    let why = "error=invalid_request reason=invalid_request";
    let expected = [revoke, revoke, token, token].map(|what| format!("{what} {why}"));
    assert_eq!(details, expected);
    for (action, rows) in [
        (AuditAction::TokenIntrospectDenied, 2),
        (AuditAction::AuthDenied, 1),
    ] {
        assert_eq!(server.audit(action).await.len(), rows, "{action:?}");
    }
}

async fn a_made_up_client_id_is_kept_in_part_only(database: Database) {
    let server = Server::start(&database).await;
    let long = "ü".repeat(1000);
    for path in ENDPOINTS {
        let pairs = [("client_id", long.as_str()), ("client_secret", "x")];
        server
            .post(path, &pairs)
            .await
            .refused(401, "invalid_client");
    }
    let authorize = [("client_id", long.as_str()), ("response_type", "code")];
    server
        .send(&Request::query("/oauth/authorize", &authorize))
        .await
        .expect(400);
    for (action, rows) in [
        (AuditAction::TokenDenied, 2),
        (AuditAction::TokenIntrospectDenied, 1),
        (AuditAction::AuthDenied, 1),
    ] {
        let recorded = server.audit(action).await;
        assert_eq!(recorded.len(), rows, "{action:?}");
        for row in recorded {
            assert_eq!(row.event.client_id, Some("ü".repeat(128)));
        }
    }
}

/// The lines of this request, once it has ended.
async fn lines(server: &Process, request_id: &str) -> Vec<Value> {
    let of_request = || {
        let log = server.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let own = |line: &Value| line["request_id"] == request_id;
        lines.filter(own).collect::<Vec<_>>()
    };
    within(crate::harness::PATIENCE, "a line", async || {
        !of_request().is_empty()
    })
    .await;
    of_request()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_of_a_token_request_that_was_refused_unread_says_why() {
    let database = Database::sqlite();
    let server = Process::start(&database, &[]).await;
    let request = too_large("/oauth/token").header("x-request-id", "too-large");
    server.send(&request).await.expect(413);
    server.send(&Request::get("/livez")).await.expect(200);
    let lines = lines(&server, "too-large").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["msg"], "token denied");
    assert_eq!(line["level"], "INFO");
    for field in ["error", "reason"] {
        assert_eq!(line[field], "invalid_request");
    }
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.contains("larger than 65536 bytes"), "{cause}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_server_is_logged_as_an_error() {
    let mut database = Database::own_postgres().await;
    let app = furnish(&database);
    let server = Process::start(&database, &[]).await;
    database.server().kill();
    let register = serde_json::json!({ "redirect_uris": [crate::harness::REDIRECT] });
    let calls = [
        ("token denied", app.refreshing("x")),
        (
            "revocation denied",
            app.call("/oauth/revoke", &[("token", "x")]),
        ),
        (
            "introspection denied",
            app.call("/oauth/introspect", &[("token", "x")]),
        ),
        (
            "registration denied",
            Request::json("/oauth/register", &register),
        ),
    ];
    for (said, call) in calls {
        let id = said.replace(' ', "-");
        let call = call.header("x-request-id", &id);
        server
            .send(&call)
            .await
            .refused(503, "temporarily_unavailable");
        let lines = lines(&server, &id).await;
        let line = lines.iter().find(|line| line["msg"] == said);
        let line = line.unwrap_or_else(|| panic!("{said}: {lines:?}"));
        assert_eq!(line["level"], "ERROR", "{line}");
        assert_eq!(line["reason"], "temporarily_unavailable");
        assert!(line["cause"].is_string(), "{line}");
    }
}
