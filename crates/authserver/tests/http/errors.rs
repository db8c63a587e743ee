//! The form of every refusal.

use crate::harness::{App, Database, Reply, Request, Server};

/// A refusal at an OAuth endpoint says the same in both vocabularies, and is kept by nobody.
#[track_caller]
fn check(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{reply:?}");
    let body = reply.json();
    let text = |name: &str| {
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {reply:?}"))
            .to_owned()
    };
    assert_eq!(body["status"], status);
    assert_eq!(
        text("type"),
        format!("urn:authplane:error:{}", text("error"))
    );
    assert_eq!(text("detail"), text("error_description"));
    assert!(!text("title").is_empty());
    assert_eq!(
        reply.header("x-request-id"),
        Some(text("request_id").as_str())
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    let plain = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    assert!(
        text("error_description").chars().all(plain),
        "RFC 6749 §5.2: {reply:?}"
    );
    if status == 401 {
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Basic realm=\"authserver\"")
        );
    }
}

fn refusals(app: &App) -> Vec<(u16, Request)> {
    let unknown = [("client_id", "unknown"), ("token", "x")];
    let mut refusals = Vec::new();
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        refusals.extend([
            (401, Request::post(path, &[])),
            (401, Request::post(path, &unknown)),
            (
                401,
                Request::post(path, &[("token", "x")]).basic(&app.client_id, "wrong"),
            ),
            (
                401,
                Request::post(path, &[("token", "x")]).basic("unknown", "wrong"),
            ),
            (
                400,
                Request::post(path, &[("client_id", "a"), ("client_id", "b")]),
            ),
            (400, Request::post(path, &[]).body("client_id=%ff&token=x")),
            (400, Request::post(path, &[]).body("client_id=%00&token=x")),
            (
                400,
                app.call(path, &[("token", "x"), ("client_secret", "twice")]),
            ),
            (
                400,
                Request::json(path, &serde_json::json!({ "client_id": app.client_id })),
            ),
            (413, Request::post(path, &[("token", &"x".repeat(70_000))])),
            (405, Request::get(path)),
            (405, Request::new("PUT", path)),
        ]);
    }
    let token = |pairs: &[(&str, &str)]| app.call("/oauth/token", pairs);
    refusals.extend([
        (400, token(&[])),
        (400, token(&[("grant_type", "password")])),
        (400, token(&[("grant_type", "authorization_code")])),
        (
            400,
            token(&[("grant_type", "authorization_code"), ("code", "x")]),
        ),
        (400, token(&[("grant_type", "refresh_token")])),
        (
            400,
            token(&[("grant_type", "refresh_token"), ("refresh_token", "x\"\\é")]),
        ),
        (400, Request::new("POST", "/oauth/register").body("é")),
        (
            413,
            Request::new("POST", "/oauth/register").body("x".repeat(70_000)),
        ),
        (404, Request::get("/nowhere")),
        (
            404,
            Request::get("/.well-known/oauth-protected-resource/nowhere"),
        ),
        (
            400,
            Request::get("/.well-known/oauth-protected-resource/%ff"),
        ),
    ]);
    refusals
}

#[tokio::test]
async fn every_refusal_speaks_both_vocabularies() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.confidential_app().await;
    for (status, request) in refusals(&app) {
        let reply = server.send(&request).await;
        check(&reply, status);
        assert_eq!(
            reply.header("content-type"),
            Some("application/json"),
            "{reply:?}"
        );
        let request = request.header("accept", "application/problem+json, application/json;q=0.5");
        let reply = server.send(&request).await;
        check(&reply, status);
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
    }
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_any_other_is_replaced() {
    let server = Server::start(&Database::sqlite()).await;
    let ask = async |id: &[u8]| {
        let request = Request::post("/oauth/token", &[]).header("x-request-id", id);
        let reply = server.send(&request).await;
        check(&reply, 401);
        reply.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(ask(b"abc-123_DEF").await, "abc-123_DEF");
    let long = "x".repeat(1000);
    for odd in [
        &b"a b"[..],
        b"\"quoted\"",
        b"<script>",
        b"\xff\xfe",
        b"a\tb",
        long.as_bytes(),
    ] {
        let own = ask(odd).await;
        assert_ne!(own.as_bytes(), odd);
        assert!(
            own.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
            "{own}"
        );
    }
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_read_the_same() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.confidential_app().await;
    let ask = async |id: &str| {
        let request = Request::post("/oauth/token", &[("grant_type", "refresh_token")])
            .basic(id, "wrong")
            .header("x-request-id", "same");
        server
            .send(&request)
            .await
            .refused(401, "invalid_client")
            .body
    };
    assert_eq!(ask("unknown").await, ask(&app.client_id).await);
}

#[tokio::test]
async fn credentials_in_the_authorization_header_are_form_decoded() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.confidential_app().await;
    let secret = app.secret.clone().unwrap();
    let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    use base64::Engine as _;
    let pair = format!("{}:{encoded}", app.client_id);
    let header = format!(
        "bAsIc {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    );
    let request = Request::post("/oauth/introspect", &[("token", "x")]);
    server
        .send(&request.header("authorization", header))
        .await
        .expect(200);
    for broken in [
        "Basic",
        "Basic !!!",
        "Basic Og==",
        "Basic eA==",
        "Bearer x",
        "Digest x",
        "",
    ] {
        let request = Request::post("/oauth/introspect", &[("token", "x")]);
        let reply = server.send(&request.header("authorization", broken)).await;
        assert!(matches!(reply.status, 400 | 401), "{broken}: {reply:?}");
        check(&reply, reply.status);
    }
}

#[tokio::test]
async fn more_requests_than_allowed_are_told_when_to_come_back() {
    let variables = [
        ("AUTHPLANE_RATE_LIMIT_ENABLED", "true"),
        ("AUTHPLANE_RATE_LIMIT_RPS", "1"),
        ("AUTHPLANE_RATE_LIMIT_BURST", "5"),
    ];
    let server = Server::with(&Database::sqlite(), &variables).await;
    let mut limited = 0;
    for _ in 0..30 {
        let reply = server.post("/oauth/token", &[]).await;
        if reply.status == 429 {
            limited += 1;
            check(&reply, 429);
            assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
        }
    }
    assert!(limited > 10, "{limited}");
    for probe in ["/livez", "/health", "/ready"] {
        server.get(probe).await.expect(200);
    }
}
