//! The admin listener: nothing without its key, but for what scrapers read.

use crate::harness::{ADMIN_KEY, Database, Request, Server, on_both};
use domain::AuditAction;

on_both!(without_the_key_everything_is_refused_counted_and_recorded);

#[tokio::test]
async fn an_address_that_keeps_sending_wrong_keys_waits_and_the_right_key_does_not() {
    let server = Server::start(&Database::sqlite()).await;
    let wrong = Request::new("POST", "/admin/auth/verify").bearer("wrong");
    let right = Request::new("POST", "/admin/auth/verify").bearer(ADMIN_KEY);
    for _ in 0..5 {
        server.send_admin(&wrong).await;
    }
    let started = std::time::Instant::now();
    server
        .send_admin(&wrong)
        .await
        .refused(401, "invalid_admin_key");
    let penalty = started.elapsed();
    let started = std::time::Instant::now();
    server.send_admin(&right).await.expect(200);
    assert!(started.elapsed() < penalty, "waited {penalty:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_sent_at_once_wait_as_long_as_those_sent_in_turn() {
    let server = Server::start(&Database::sqlite()).await;
    let started = std::time::Instant::now();
    let mut answers = tokio::task::JoinSet::new();
    let sign_in = Request::post("/admin/ui/sign-in", &[("key", "wrong"), ("next", "")]);
    for number in 0..9 {
        let at = *server;
        // Whichever way they come in.
        let wrong = match number % 3 {
            0 => Request::new("POST", "/admin/auth/verify").bearer("wrong"),
            1 => Request::get("/admin/keys").basic("admin", "wrong"),
            _ => sign_in.clone(),
        };
        answers.spawn(async move {
            let reply = at.send_admin(&wrong).await;
            assert_eq!(reply.status, 401, "{reply:?}");
            started.elapsed().as_secs()
        });
    }
    // The right key is answered while they wait, from the same address.
    let right = Request::new("POST", "/admin/auth/verify").bearer(ADMIN_KEY);
    while started.elapsed() < std::time::Duration::from_secs(2) {
        let asked = std::time::Instant::now();
        server.send_admin(&right).await.expect(200);
        assert!(asked.elapsed() < std::time::Duration::from_millis(900));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let mut seconds = answers.join_all().await;
    seconds.sort_unstable();
    for (number, waited) in seconds.iter().enumerate() {
        let due = number.saturating_sub(4) as u64;
        assert!(*waited >= due, "answer {number} of {seconds:?}");
    }
}

async fn without_the_key_everything_is_refused_counted_and_recorded(database: Database) {
    let server = Server::start(&database).await;
    let denied = r#"authserver_auth_denied_total{reason="admin_auth_failed"}"#;
    assert_eq!(server.metric(denied).await, 0.0);
    let verify = || Request::new("POST", "/admin/auth/verify");
    let rotate = || Request::new("POST", "/admin/keys/rotate");
    let refused = [
        verify(),
        verify().bearer(""),
        verify().bearer("wrong"),
        verify().bearer(&ADMIN_KEY[1..]),
        verify().bearer(&ADMIN_KEY.to_lowercase()),
        verify().bearer(&format!("{ADMIN_KEY}x")),
        verify().header("authorization", ADMIN_KEY),
        verify().header("authorization", format!("Basic {ADMIN_KEY}")),
        verify().basic("admin", ADMIN_KEY),
        verify().bearer(ADMIN_KEY).bearer(ADMIN_KEY),
        verify().header("x-api-key", ADMIN_KEY),
        verify().header("cookie", format!("key={ADMIN_KEY}")),
        Request::new("POST", format!("/admin/auth/verify?api_key={ADMIN_KEY}")),
        Request::new(
            "POST",
            format!("/admin/keys/rotate?access_token={ADMIN_KEY}"),
        ),
        rotate(),
        Request::get("/admin/keys"),
        Request::get("/admin/settings/dcr"),
    ];
    let keys = server.engine.keys().list();
    for (count, request) in refused.iter().enumerate() {
        let reply = server.send_admin(request).await;
        let reply = reply.refused(401, "invalid_admin_key");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
        assert_eq!(server.metric(denied).await, count as f64 + 1.0);
        let recorded = server.audit(AuditAction::AdminAuthFailed).await;
        assert_eq!(recorded.len(), count + 1);
    }
    assert_eq!(server.engine.keys().list().len(), keys.len());
    server
        .send_admin(&verify().bearer(ADMIN_KEY))
        .await
        .expect(200);
    server
        .send_admin(&rotate().bearer(ADMIN_KEY))
        .await
        .expect(200);
    assert_eq!(server.engine.keys().list().len(), keys.len() + 1);
    assert_eq!(server.audit(AuditAction::KeyRotated).await.len(), 1);
    assert_eq!(server.metric("authserver_key_rotation_total").await, 1.0);
}

#[tokio::test]
async fn scripts_of_other_origins_are_not_let_in() {
    let server = Server::start(&Database::sqlite()).await;
    let elsewhere = |request: Request| request.header("origin", "https://evil.example");
    let preflight = elsewhere(Request::new("OPTIONS", "/admin/keys/rotate"))
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization");
    let asked = elsewhere(Request::get("/admin/keys")).bearer(ADMIN_KEY);
    let door = elsewhere(Request::get("/admin/ui/sign-in"));
    for request in [preflight, asked, door] {
        let reply = server.send_admin(&request).await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            None,
            "{reply:?}"
        );
        assert_eq!(
            reply.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
    }
    let sign_in = elsewhere(Request::post("/admin/ui/sign-in", &[("key", ADMIN_KEY)]));
    let reply = server.send_admin(&sign_in).await;
    assert_eq!((reply.status, reply.header("set-cookie")), (403, None));
}

#[tokio::test]
async fn metrics_are_open_and_accept_the_credentials_of_scrapers() {
    let server = Server::start(&Database::sqlite()).await;
    let scrape = || Request::get("/metrics");
    let open = [
        scrape(),
        scrape().basic("prometheus", ADMIN_KEY),
        scrape().basic("prometheus", "wrong"),
        scrape().bearer(ADMIN_KEY),
    ];
    for request in open {
        let reply = server.send_admin(&request).await.expect(200);
        assert!(
            reply
                .header("content-type")
                .unwrap()
                .starts_with("text/plain; version=0.0.4")
        );
    }
    let open_metrics = scrape().header("accept", "application/openmetrics-text; version=1.0.0");
    let reply = server.send_admin(&open_metrics).await.expect(200);
    let media = reply.header("content-type").unwrap();
    assert!(media.starts_with("application/openmetrics-text"), "{media}");
    assert!(reply.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn metrics_need_the_key_when_they_are_told_to() {
    let variables = [("AUTHPLANE_METRICS_REQUIRE_AUTH", "true")];
    let server = Server::with(&Database::sqlite(), &variables).await;
    let scrape = || Request::get("/metrics");
    for request in [
        scrape(),
        scrape().basic("prometheus", "wrong"),
        scrape().bearer("wrong"),
    ] {
        let reply = server.send_admin(&request).await;
        reply.refused(401, "invalid_admin_key");
    }
    for request in [scrape().basic("any", ADMIN_KEY), scrape().bearer(ADMIN_KEY)] {
        server.send_admin(&request).await.expect(200);
    }
}

#[tokio::test]
async fn the_public_listener_knows_nothing_of_the_admin_surface() {
    let server = Server::start(&Database::sqlite()).await;
    for path in [
        "/metrics",
        "/admin/keys",
        "/admin/settings/dcr",
        "/admin/",
        "/debug/pprof",
    ] {
        let reply = server.send(&Request::get(path).bearer(ADMIN_KEY)).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    for path in ["/oauth/token", "/login", "/.well-known/jwks.json"] {
        let reply = server
            .send_admin(&Request::get(path).bearer(ADMIN_KEY))
            .await;
        assert_eq!(reply.status, 404, "{path}");
    }
}
