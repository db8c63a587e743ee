//! The limit per client address.

use std::time::Duration;

use crate::server::{Server, Setup, request};

fn limited() -> Setup {
    let mut setup = Setup::default();
    setup.config.rate_limit.enabled = true;
    setup.config.rate_limit.requests_per_second = 1;
    setup.config.rate_limit.burst = 3;
    setup.config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    setup
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back_and_is_then_served() {
    let server = Server::with(limited()).await;
    let refused = loop {
        let answer = server.get("/login", &[]).await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 200);
    };
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&seconds));
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.json()["status"], 429);
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert_eq!(
        server.get("/livez", &[]).await.status,
        200,
        "probes are exempt"
    );
    let other = [("x-forwarded-for", "198.51.100.1")];
    assert_eq!(
        server.get("/login", &other).await.status,
        200,
        "others are not affected"
    );
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    assert_eq!(server.get("/login", &[]).await.status, 200);
}

#[tokio::test]
async fn one_v6_network_is_one_client() {
    let server = Server::with(limited()).await;
    let mut client = server.connect().await;
    let mut refused = false;
    for host in 0..50 {
        let address = format!("2001:db8:0:1:{host:x}::1");
        let headers = [("x-forwarded-for", address.as_str())];
        client.send(request("GET", "/login", &headers, "")).await;
        refused |= client.answer().await.status == 429;
    }
    assert!(refused);
}
