//! Where the guarded client goes and where it does not, shown on real sockets.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::server::{Answer, Server, http};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use outbound::{FetchError, GetOptions, GuardPolicy, GuardedClient, LookupAddresses};
use url::Url;

/// A public address by its form, in a block that was given back and is routed nowhere
/// (3ffe::/16, RFC 3701).
const UNROUTED: &str = "3ffe::1";

/// Answers with the next list at each lookup, and with the last one from then on.
struct Script {
    lists: Vec<Vec<&'static str>>,
    lookups: AtomicUsize,
}

impl Script {
    fn new(lists: &[&[&'static str]]) -> Arc<Self> {
        Arc::new(Self {
            lists: lists.iter().map(|list| list.to_vec()).collect(),
            lookups: AtomicUsize::new(0),
        })
    }
}

impl LookupAddresses for Script {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let lookup = self.lookups.fetch_add(1, Ordering::SeqCst);
        let list = &self.lists[lookup.min(self.lists.len() - 1)];
        let addresses = list.iter().map(|text| text.parse().unwrap()).collect();
        async move { Ok(addresses) }.boxed()
    }
}

fn strict() -> GuardPolicy {
    GuardPolicy {
        require_https: false,
        timeout: Duration::from_millis(800),
        connect_timeout: Duration::from_millis(500),
        ..GuardPolicy::default()
    }
}

fn local() -> GuardPolicy {
    GuardPolicy {
        allow_private_addresses: true,
        ..strict()
    }
}

async fn get(policy: GuardPolicy, url: &str) -> Result<outbound::Document, FetchError> {
    let client = GuardedClient::new(policy).unwrap();
    let url = Url::parse(url).unwrap();
    client.get(&url, GetOptions::default()).await
}

#[tokio::test]
async fn literal_addresses_are_refused_however_they_are_spelled() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "169.254.169.254",
        "0xa9fea9fe",
        "192.168.0.1",
        "100.64.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
    ] {
        let error = get(strict(), &format!("http://{host}/x"))
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "blocked_address", "{host}: {error}");
    }
}

#[tokio::test]
async fn the_metadata_service_is_refused_even_when_private_addresses_are_allowed() {
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
    ] {
        let error = get(local(), &format!("http://{host}/x")).await.unwrap_err();
        assert_eq!(error.reason(), "blocked_address", "{host}");
    }
}

#[tokio::test]
async fn names_that_lead_to_private_addresses_are_refused() {
    let server = Server::start(Answer::Bytes(http("200 OK", &[], "secret"))).await;
    let url = format!("http://localhost:{}/x", server.address.port());
    let error = get(strict(), &url).await.unwrap_err();
    assert_eq!(error.reason(), "blocked_address", "{error}");
    assert_eq!(server.hits(), 0);
    assert_eq!(get(local(), &url).await.unwrap().body, "secret");
}

#[tokio::test]
async fn an_answer_that_turns_private_gets_no_connection() {
    let server = Server::start(Answer::Bytes(http("200 OK", &[], "secret"))).await;
    // A public address first, then this machine: the classic rebinding.
    let script = Script::new(&[&[UNROUTED], &["127.0.0.1"]]);
    let client = GuardedClient::with_lookup(strict(), script.clone()).unwrap();
    let text = format!("http://rebind.example:{}/x", server.address.port());
    let url = Url::parse(&text).unwrap();

    let error = client.get(&url, GetOptions::default()).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Connect(_) | FetchError::Timeout),
        "{error}"
    );
    for _ in 0..5 {
        let error = client.get(&url, GetOptions::default()).await.unwrap_err();
        assert_eq!(error.reason(), "blocked_address", "{error}");
    }
    // One lookup for one connection: what was judged is what is connected to.
    assert_eq!(script.lookups.load(Ordering::SeqCst), 6);
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn of_mixed_addresses_only_the_public_ones_are_tried() {
    let server = Server::start(Answer::Bytes(http("200 OK", &[], "secret"))).await;
    let script = Script::new(&[&["127.0.0.1", UNROUTED, "::1"]]);
    let client = GuardedClient::with_lookup(strict(), script).unwrap();
    let text = format!("http://mixed.example:{}/x", server.address.port());
    let url = Url::parse(&text).unwrap();
    let error = client.get(&url, GetOptions::default()).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Connect(_) | FetchError::Timeout),
        "{error}"
    );
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn a_name_without_addresses_is_a_dns_failure() {
    let client = GuardedClient::with_lookup(strict(), Script::new(&[&[]])).unwrap();
    let url = Url::parse("http://nowhere.example/x").unwrap();
    let error = client.get(&url, GetOptions::default()).await.unwrap_err();
    assert_eq!(error.reason(), "dns", "{error}");
    let error = get(strict(), "http://nowhere.invalid/x").await.unwrap_err();
    assert!(matches!(error.reason(), "dns" | "timeout"), "{error}");
}

#[tokio::test]
async fn odd_urls_are_refused_before_anything_is_sent() {
    let server = Server::start(Answer::Bytes(http("200 OK", &[], "x"))).await;
    let port = server.address.port();
    for (url, reason) in [
        (String::from("http://127.0.0.1:0/x"), "url_invalid"),
        (format!("http://user:pw@127.0.0.1:{port}/x"), "url_invalid"),
        (format!("ftp://127.0.0.1:{port}/x"), "scheme"),
        (String::from("file:///etc/passwd"), "scheme"),
        (String::from("data:,x"), "scheme"),
    ] {
        let error = get(local(), &url).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{url}");
    }
    let https_only = GuardPolicy {
        require_https: true,
        ..local()
    };
    let error = get(https_only, &server.url("/x")).await.unwrap_err();
    assert_eq!(error.reason(), "scheme");
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inner = Server::start(Answer::Bytes(http("200 OK", &[], "secret"))).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let location = format!("Location: {}", inner.url("/secret"));
        let answer = Answer::Bytes(http(status, &[&location], ""));
        let outer = Server::start(answer).await;
        let error = get(local(), &outer.url("/x")).await.unwrap_err();
        assert_eq!(error.reason(), "redirect", "{status}: {error}");
        assert_eq!(outer.hits(), 1);
    }
    assert_eq!(inner.hits(), 0);
}

#[tokio::test]
async fn only_200_is_a_document() {
    for status in ["201 Created", "204 No Content", "404 Not Found", "500 Oops"] {
        let server = Server::start(Answer::Bytes(http(status, &[], ""))).await;
        let error = get(local(), &server.url("/x")).await.unwrap_err();
        assert_eq!(error.reason(), "status", "{status}: {error}");
    }
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let limit = GuardPolicy::default().max_bytes;
    let fits = Server::start(Answer::Bytes(http("200 OK", &[], &"a".repeat(limit)))).await;
    assert_eq!(
        get(local(), &fits.url("/x")).await.unwrap().body.len(),
        limit
    );
    let too_large = Server::start(Answer::Bytes(http("200 OK", &[], &"a".repeat(limit + 1)))).await;
    let error = get(local(), &too_large.url("/x")).await.unwrap_err();
    assert_eq!(error, FetchError::TooLarge { limit });
}

#[tokio::test]
async fn an_endless_body_is_cut_off_whatever_the_headers_say() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n",
    ] {
        let server = Server::start(Answer::Flood(head.into())).await;
        let error = get(local(), &server.url("/x")).await.unwrap_err();
        assert_eq!(error.reason(), "too_large", "{head:?}: {error}");
    }
}

#[tokio::test]
async fn a_body_shorter_than_declared_is_not_a_document() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}".to_vec();
    let server = Server::start(Answer::Bytes(head)).await;
    let error = get(local(), &server.url("/x")).await.unwrap_err();
    assert_eq!(error.reason(), "connect", "{error}");
}

#[tokio::test]
async fn what_follows_the_declared_length_is_not_read() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}garbage".to_vec();
    let server = Server::start(Answer::Bytes(bytes)).await;
    assert_eq!(get(local(), &server.url("/x")).await.unwrap().body, "{}");
}

#[tokio::test]
async fn slow_and_silent_servers_are_given_up_in_time() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n".to_vec();
    for answer in [
        Answer::Silence,
        Answer::Drip(head, Duration::from_millis(20)),
        Answer::Drip(
            b"HTTP/1.1 200 OK\r\nX-Slow: ".to_vec(),
            Duration::from_millis(20),
        ),
    ] {
        let server = Server::start(answer).await;
        let started = Instant::now();
        let error = get(local(), &server.url("/x")).await.unwrap_err();
        assert_eq!(error.reason(), "timeout", "{error}");
        assert!(started.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn compressed_bodies_stay_compressed() {
    let answer = http("200 OK", &["Content-Encoding: gzip"], "not really gzip");
    let server = Server::start(Answer::Bytes(answer)).await;
    let document = get(local(), &server.url("/x")).await.unwrap();
    assert_eq!(document.body, "not really gzip");
    assert!(
        !server.requests()[0]
            .to_lowercase()
            .contains("accept-encoding")
    );
}

#[tokio::test]
async fn requests_carry_the_trace_and_no_cookies() {
    let answer = http("200 OK", &["Set-Cookie: a=b; Path=/"], "{}");
    let server = Server::start(Answer::Bytes(answer)).await;
    let client = GuardedClient::new(local()).unwrap();
    let url = Url::parse(&server.url("/x?y=z")).unwrap();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let options = GetOptions {
        accept: Some("application/json"),
        traceparent: Some(traceparent),
    };
    client.get(&url, options).await.unwrap();
    client.get(&url, GetOptions::default()).await.unwrap();
    let forged = GetOptions {
        traceparent: Some("00\r\nx: y"),
        ..GetOptions::default()
    };
    client.get(&url, forged).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /x?y=z HTTP/1.1\r\n"));
    assert!(requests[0].contains(&format!("traceparent: {traceparent}\r\n")));
    assert!(requests[0].contains("accept: application/json\r\n"));
    assert!(requests[0].contains("user-agent: authserver/"));
    for request in &requests[1..] {
        assert!(!request.contains("cookie") && !request.contains("traceparent"));
    }
    // No connection is kept: each fetch is vetted anew.
    assert_eq!(server.hits(), 3);
}
