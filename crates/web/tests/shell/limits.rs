//! The limit per client address, and of what all bodies take.

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

#[tokio::test]
async fn large_bodies_that_find_no_room_are_refused_while_small_ones_are_read() {
    let setup = Setup {
        change: Box::new(|state| state.body_room = 100_000),
        ..Setup::default()
    };
    let server = Server::with(setup).await;
    let token = |size: usize| request("POST", "/oauth/token", &[], &"x".repeat(size));
    // Of three that are not finished, two have room at most.
    let whole = token(60_000);
    let (most, rest) = whole.split_at(whole.len() - 5000);
    let (mut one, mut two, mut three) = (
        server.connect().await,
        server.connect().await,
        server.connect().await,
    );
    for client in [&mut one, &mut two, &mut three] {
        client.send(most).await;
    }
    let (refused, others) = tokio::select! {
        refused = one.answer() => (refused, [two, three]),
        refused = two.answer() => (refused, [one, three]),
        refused = three.answer() => (refused, [one, two]),
    };
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    let mut small = server.connect().await;
    small.send(token(8000)).await;
    assert_eq!(small.answer().await.status, 200);
    let mut read = 0;
    for mut client in others {
        client.try_send(rest).await;
        read += u8::from(client.answer().await.body == "60000");
    }
    assert!(read >= 1);
    let mut client = server.connect().await;
    client.send(token(60_000)).await;
    assert_eq!(client.answer().await.status, 200);
}
