//! What the log of a server says at its most talkative, and what it never says.

use crate::harness::{
    ADMIN_KEY, App, Browser, Database, PASSWORD, Pkce, Process, REDIRECT, Request, Tokens, USER,
    field, on_both, within,
};
use crate::races::furnish;

on_both!(no_secret_reaches_the_log_at_any_level);

async fn no_secret_reaches_the_log_at_any_level(database: Database) {
    let mut app = furnish(&database);
    let server = Process::start(&database, &[("AUTHPLANE_LOG_LEVEL", "debug")]).await;
    let mut secrets = vec![
        PASSWORD.to_owned(),
        ADMIN_KEY.to_owned(),
        String::from("a-wrong-password"),
        String::from("a-wrong-client-secret"),
        String::from("a-wrong-admin-key"),
        app.secret.clone().unwrap(),
    ];
    let mut browser = Browser::new(&server);
    browser.sign_in(USER, "a-wrong-password").await.expect(401);
    browser.sign_in(USER, PASSWORD).await.expect(303);
    secrets.push(field(&browser.get("/").await, "csrf_token"));
    secrets.extend(browser.cookies.values().cloned());
    for cookie in browser.cookies.values() {
        secrets.extend(cookie.split('.').map(str::to_owned));
    }

    let registered = serde_json::json!({
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let registered = server
        .send(&Request::json("/oauth/register", &registered))
        .await
        .json();
    secrets.push(registered["client_secret"].as_str().unwrap().to_owned());

    let pkce = Pkce::fresh();
    let code = app.code(&mut browser, &app.authorize(&pkce)).await;
    let tokens = Tokens::of(&server.send(&app.redemption(&code, &pkce.verifier)).await);
    let next = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    assert!(app.is_active(&server, &next.access).await);
    secrets.extend([
        code.clone(),
        pkce.verifier.clone(),
        tokens.refresh.clone(),
        next.refresh.clone(),
    ]);
    for token in [&tokens.access, &next.access] {
        secrets.extend(token.split('.').skip(1).map(str::to_owned));
    }
    // Refused in all sorts of ways, and with secrets where none belong.
    server
        .send(&app.redemption(&code, &pkce.verifier))
        .await
        .expect(400);
    app.refresh(&server, &next.refresh).await.expect(400);
    app.revoke(&server, &next.access).await.expect(200);
    for path in [
        "/oauth/authorize",
        "/oauth/token",
        "/login",
        "/nowhere",
        "/consent",
    ] {
        let pairs = [
            ("code", code.as_str()),
            ("access_token", &tokens.access),
            ("password", PASSWORD),
            ("client_secret", &secrets[5]),
            ("code_verifier", &pkce.verifier),
        ];
        server.send(&Request::query(path, &pairs)).await;
        server.send(&Request::post(path, &pairs)).await;
    }
    app.secret = Some(String::from("a-wrong-client-secret"));
    app.refresh(&server, &next.refresh).await.expect(401);
    for key in [ADMIN_KEY, "a-wrong-admin-key"] {
        server
            .send_admin(&Request::get("/admin/keys").bearer(key))
            .await;
        server
            .send_admin(&Request::get(format!("/admin/keys?key={key}")))
            .await;
    }
    browser.sign_out().await.expect(200);
    let last = Request::get("/livez").header("x-request-id", "the-last-of-all");
    server.send(&last).await;

    within(crate::harness::PATIENCE, "the log is written", async || {
        server.log().contains("the-last-of-all")
    })
    .await;
    let log = server.log();
    for said in [
        "token issued",
        "token denied",
        "user signed in",
        &app.client_id,
    ] {
        assert!(log.contains(said), "the log says {said}:\n{log}");
    }
    assert!(log.lines().count() > 30);
    for secret in secrets {
        assert!(secret.len() > 15, "{secret}");
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "the log has {secret}");
    }
    check_lines(&log, &app);
}

/// Every line is one JSON object; those of requests carry their ids.
fn check_lines(log: &str, app: &App) {
    for line in log.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for name in ["time", "level", "msg"] {
            assert!(value[name].is_string(), "{name}: {line}");
        }
        if value["client_id"] == app.client_id.as_str() {
            for name in ["request_id", "trace_id", "span_id"] {
                assert!(value[name].is_string(), "{name}: {line}");
            }
        }
    }
}
