//! Ids, addresses, error answers and the headers of every answer.

use crate::server::{Answer, Server, Setup, request};

#[tokio::test]
async fn a_sane_request_id_is_echoed_and_others_are_replaced() {
    let server = Server::start().await;
    let answer = server.get("/who", &[("x-request-id", "abc-1.2_3")]).await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1.2_3"));
    assert!(answer.body.contains(" abc-1.2_3 "));
    let long = "a".repeat(129);
    for insane in [
        "",
        " ",
        "a b",
        "a\"b",
        "a;b",
        "<script>",
        "caf\u{e9}",
        &long,
    ] {
        let answer = server.get("/who", &[("x-request-id", insane)]).await;
        let id = answer.header("x-request-id").unwrap();
        assert!(
            id.starts_with("r_") && id.len() == 26,
            "{insane:?} became {id:?}"
        );
    }
    let twice = [("x-request-id", "one"), ("x-request-id", "two")];
    assert!(
        server
            .get("/who", &twice)
            .await
            .header("x-request-id")
            .unwrap()
            .starts_with("r_")
    );
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..500 {
        client.send(request("GET", "/livez", &[], "")).await;
        let answer = client.answer().await;
        assert!(ids.insert(answer.header("x-request-id").unwrap().to_owned()));
        assert!(ids.insert(answer.header("traceparent").unwrap().to_owned()));
    }
}

#[tokio::test]
async fn a_trace_goes_on_in_a_span_of_ours() {
    let server = Server::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let theirs = format!("00-{trace}-00f067aa0ba902b7-01");
    let answer = server.get("/who", &[("traceparent", &theirs)]).await;
    let ours = answer.header("traceparent").unwrap();
    assert!(ours.starts_with(&format!("00-{trace}-")) && ours.ends_with("-01"));
    assert_ne!(ours, theirs);
    assert!(answer.body.ends_with(trace));
    let answer = server.get("/who", &[("traceparent", "00-0-0-00")]).await;
    let fresh = answer.header("traceparent").unwrap();
    assert!(fresh.len() == 55 && !fresh.contains(trace));
}

#[tokio::test]
async fn forwarded_addresses_are_believed_of_trusted_proxies_only() {
    let forged = [("x-forwarded-for", "198.51.100.1")];
    let server = Server::start().await;
    assert!(
        server
            .get("/who", &forged)
            .await
            .body
            .starts_with("127.0.0.1 ")
    );

    let mut setup = Setup::default();
    setup.config.server.trusted_proxies = vec![
        "127.0.0.0/8".parse().unwrap(),
        "10.0.0.0/8".parse().unwrap(),
    ];
    let server = Server::with(setup).await;
    for (sent, client) in [
        ("198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("1.1.1.1, nonsense, 10.0.0.3", "10.0.0.3"),
        ("2001:db8::7", "2001:db8::7"),
        ("", "127.0.0.1"),
    ] {
        let answer = server.get("/who", &[("x-forwarded-for", sent)]).await;
        assert!(
            answer.body.starts_with(&format!("{client} ")),
            "{sent}: {}",
            answer.body
        );
    }
    let lines = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "10.0.0.3"),
    ];
    assert!(
        server
            .get("/who", &lines)
            .await
            .body
            .starts_with("198.51.100.1 ")
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_both_vocabularies() {
    let server = Server::start().await;
    let answer = server.get("/nowhere?x=1", &[]).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(
        (&body["error"], &body["status"]),
        (&"not_found".into(), &404.into())
    );
    assert_eq!(body["request_id"], answer.header("x-request-id").unwrap());
    assert_eq!(body["detail"], body["error_description"]);

    let answer = server.get("/oauth/token", &[]).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(answer.json()["error"], "invalid_request");
    let mut client = server.connect().await;
    client.send(request("DELETE", "/livez", &[], "")).await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET,HEAD"))
    );

    let problem = [("accept", "application/problem+json")];
    let answer = server.get("/nowhere", &problem).await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn a_browser_gets_a_page_and_an_endpoint_never_gives_one() {
    let setup = Setup {
        change: Box::new(|state| {
            state.error_page = Some(std::sync::Arc::new(|body| {
                axum::response::IntoResponse::into_response(axum::response::Html(format!(
                    "<h1>{}</h1>",
                    body.status
                )))
            }));
        }),
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let answer = server.get("/nowhere", &browser).await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "<h1>404</h1>"));
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert_eq!(
        server.get("/oauth/token", &browser).await.json()["status"],
        405
    );
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for path in ["/panic", "/panic-late", "/panic"] {
        client
            .send(request("GET", path, &[("x-request-id", "p1")], ""))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 500);
        let body = answer.json();
        assert_eq!(
            (&body["error"], &body["request_id"]),
            (&"server_error".into(), &"p1".into())
        );
        assert!(!answer.body.contains("on purpose"));
        client.send(request("GET", "/livez", &[], "")).await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let mut setup = Setup::default();
    setup.config.rate_limit.enabled = true;
    setup.config.rate_limit.requests_per_second = 1;
    setup.config.rate_limit.burst = 6;
    let server = Server::with(setup).await;
    let long = format!("/login?{}", "x".repeat(17_000));
    for (path, status) in [
        ("/login", 200),
        ("/nowhere", 404),
        ("/oauth/token", 405),
        ("/panic", 500),
        (&long, 414),
        ("/csp", 200),
    ] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}");
        assert_secured(&answer, path == "/csp");
    }
    loop {
        let answer = server.get("/who", &[]).await;
        assert_secured(&answer, false);
        if answer.status == 429 {
            break;
        }
    }
    let mut client = server.connect().await;
    client
        .send("POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413);
    assert_secured(&answer, false);
}

fn assert_secured(answer: &Answer, own_policy: bool) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert!(answer.header("permissions-policy").is_some());
    assert!(answer.header("x-request-id").is_some());
    assert!(answer.header("traceparent").is_some());
    assert!(answer.header("strict-transport-security").is_none());
    let ours = answer.header("content-security-policy")
        == Some("default-src 'none'; frame-ancestors 'none'");
    assert_eq!(ours, !own_policy);
}

#[tokio::test]
async fn hsts_is_sent_when_the_issuer_is_https_and_admin_pages_keep_to_themselves() {
    let setup = Setup {
        change: Box::new(|state| state.https = true),
        ..Setup::default()
    };
    let answer = Server::with(setup).await.get("/livez", &[]).await;
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=63072000")
    );
    assert_eq!(
        answer.header("cross-origin-opener-policy"),
        None,
        "pop-up sign-in"
    );

    let setup = Setup {
        admin: true,
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let answer = server.get("/nowhere", &[("accept", "text/html")]).await;
    assert_eq!(
        answer.header("cross-origin-opener-policy"),
        Some("same-origin")
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn requests_are_counted_by_template_and_unknown_paths_as_unmatched() {
    let server = Server::start().await;
    server.get("/items/1", &[]).await;
    server.get("/items/2?secret=3", &[]).await;
    server.get("/oauth/token", &[]).await;
    for attempt in 0..50 {
        server.get(&format!("/scan/{attempt}"), &[]).await;
    }
    let mut client = server.connect().await;
    client.send(request("BREW", "/scan/pot", &[], "")).await;
    client.answer().await;
    let metrics = server.scrape();
    for (method, path, status, count) in [
        ("GET", "/items/{id}", 200, 2),
        ("GET", "/oauth/token", 405, 1),
        ("GET", "unmatched", 404, 50),
        ("OTHER", "unmatched", 404, 1),
    ] {
        let counted = metrics.lines().any(|line| {
            line.starts_with("authserver_http_requests_total")
                && line.contains(&format!("method=\"{method}\""))
                && line.contains(&format!("path=\"{path}\""))
                && line.contains(&format!("status=\"{status}\""))
                && line.ends_with(&format!(" {count}"))
        });
        assert!(counted, "{method} {path} {status} {count}\n{metrics}");
    }
    assert!(!metrics.contains("scan") && !metrics.contains("BREW"));
}
