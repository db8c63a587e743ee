//! How client ID metadata documents are fetched, shared and kept.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::server::{Answer, Server, http};
use domain::{ManualClock, UnixMillis};
use oauth::registration::ClientRegistration;
use outbound::cimd::CimdResolver;
use outbound::documents::{
    Asker, DEFAULT_LIFETIME, DocumentError, DocumentObserver, DocumentOptions, FAILURE_LIFETIME,
    FetchOutcome, MIN_LIFETIME, Suppression, TIMEOUT_LIFETIME,
};
use outbound::{GuardPolicy, GuardedClient};

#[derive(Default)]
struct Seen {
    fetches: Mutex<Vec<FetchOutcome>>,
    suppressed: Mutex<Vec<Suppression>>,
}

impl DocumentObserver for Seen {
    fn fetch(&self, outcome: FetchOutcome, _: Duration) {
        self.fetches.lock().unwrap().push(outcome);
    }
    fn suppressed(&self, reason: Suppression) {
        self.suppressed.lock().unwrap().push(reason);
    }
}

struct Fixture {
    server: Server,
    id: String,
    clock: Arc<ManualClock>,
    seen: Arc<Seen>,
    resolver: CimdResolver,
}

impl Fixture {
    async fn new(options: DocumentOptions) -> Self {
        let server = Server::start(Answer::Silence).await;
        let policy = GuardPolicy {
            require_https: false,
            allow_private_addresses: true,
            timeout: Duration::from_millis(600),
            ..GuardPolicy::default()
        };
        let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
        let seen = Arc::new(Seen::default());
        let client = GuardedClient::new(policy).unwrap();
        Self {
            id: server.url("/client.json"),
            resolver: CimdResolver::new(client, options, clock.clone(), seen.clone()),
            server,
            clock,
            seen,
        }
    }

    async fn serving(headers: &[&str]) -> Self {
        let fixture = Self::new(DocumentOptions::default()).await;
        fixture.serve(headers);
        fixture
    }

    fn document(&self) -> String {
        format!(
            r#"{{"client_id":"{}","client_name":"App","redirect_uris":["http://127.0.0.1/cb"]}}"#,
            self.id
        )
    }

    fn serve(&self, headers: &[&str]) {
        let headers = [headers, &["Content-Type: application/json"]].concat();
        let answer = http("200 OK", &headers, &self.document());
        self.server.answer_with(Answer::Bytes(answer));
    }

    async fn resolve(&self) -> Result<Arc<ClientRegistration>, DocumentError> {
        self.resolver.resolve(&self.id, Asker::default()).await
    }

    async fn reason(&self) -> &'static str {
        self.resolve().await.unwrap_err().reason()
    }

    fn suppressed(&self) -> Vec<Suppression> {
        self.seen.suppressed.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_document_is_fetched_once_and_asked_for_as_json() {
    let fixture = Fixture::serving(&["Cache-Control: max-age=60"]).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let asker = Asker {
        traceparent: Some(traceparent),
        network: None,
    };
    let document = fixture.resolver.resolve(&fixture.id, asker).await.unwrap();
    assert_eq!(document.redirect_uris.len(), 1);
    assert_eq!(document.client_name.as_deref(), Some("App"));
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.server.hits(), 1);
    let request = &fixture.server.requests()[0];
    assert!(request.contains("accept: application/json\r\n"));
    assert!(request.contains(traceparent));
    assert_eq!(
        *fixture.seen.fetches.lock().unwrap(),
        [FetchOutcome::Success]
    );
}

/// Asserts that the document is kept for `lifetime` and no longer.
async fn is_kept_for(fixture: &Fixture, lifetime: Duration) {
    fixture.resolve().await.unwrap();
    let hits = fixture.server.hits();
    fixture.clock.advance(lifetime - Duration::from_millis(1));
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.server.hits(), hits);
    fixture.clock.advance(Duration::from_millis(1));
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.server.hits(), hits + 1);
}

#[tokio::test]
async fn a_document_is_kept_as_long_as_its_cache_headers_say_within_the_bounds() {
    let ttl = DocumentOptions::default().cache_ttl;
    for (headers, lifetime) in [
        (&["Cache-Control: max-age=60"][..], Duration::from_secs(60)),
        (
            &["Cache-Control: max-age=60", "Age: 20"],
            Duration::from_secs(40),
        ),
        (&["Cache-Control: max-age=99999999"], ttl),
        (&["Cache-Control: max-age=0"], MIN_LIFETIME),
        (&["Cache-Control: no-store"], MIN_LIFETIME),
        (&["Cache-Control: no-cache"], MIN_LIFETIME),
        (&[], DEFAULT_LIFETIME),
        (
            &[
                "Date: Sun, 06 Nov 1994 08:49:37 GMT",
                "Expires: Sun, 06 Nov 1994 08:59:37 GMT",
            ],
            Duration::from_secs(600),
        ),
    ] {
        is_kept_for(&Fixture::serving(headers).await, lifetime).await;
    }
}

#[tokio::test]
async fn a_ttl_below_the_floor_is_obeyed() {
    let fixture = Fixture::new(DocumentOptions {
        cache_ttl: Duration::from_secs(1),
        ..DocumentOptions::default()
    })
    .await;
    fixture.serve(&["Cache-Control: max-age=60"]);
    is_kept_for(&fixture, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_stale_document_is_not_served_when_its_server_fails() {
    let fixture = Fixture::serving(&["Cache-Control: max-age=60"]).await;
    fixture.resolve().await.unwrap();
    fixture
        .server
        .answer_with(Answer::Bytes(http("500 Oops", &[], "")));
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(fixture.reason().await, "status");
}

#[tokio::test]
async fn a_failure_is_remembered_briefly() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    fixture
        .server
        .answer_with(Answer::Bytes(http("404 Not Found", &[], "")));
    assert_eq!(fixture.reason().await, "status");
    fixture.serve(&[]);

    fixture
        .clock
        .advance(FAILURE_LIFETIME - Duration::from_millis(1));
    let error = fixture.resolve().await.unwrap_err();
    assert_eq!(error.reason(), "negative_cache");
    assert_eq!(error.cause().reason(), "status");
    assert_eq!(fixture.server.hits(), 1);
    assert_eq!(fixture.suppressed(), [Suppression::NegativeCache]);

    fixture.clock.advance(Duration::from_millis(1));
    fixture.resolve().await.unwrap();
    assert_eq!(fixture.server.hits(), 2);
}

#[tokio::test]
async fn a_timeout_is_remembered_more_briefly() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    assert_eq!(fixture.reason().await, "timeout");
    assert_eq!(
        *fixture.seen.fetches.lock().unwrap(),
        [FetchOutcome::Timeout]
    );
    fixture.serve(&[]);
    assert_eq!(fixture.reason().await, "negative_cache");
    fixture.clock.advance(TIMEOUT_LIFETIME);
    fixture.resolve().await.unwrap();
}

#[tokio::test]
async fn each_kind_of_bad_answer_has_its_reason() {
    let large = " ".repeat(70_000);
    for (answer, reason, outcome) in [
        (
            http("404 Not Found", &[], ""),
            "status",
            FetchOutcome::Unavailable,
        ),
        (
            http("302 Found", &["Location: /x"], ""),
            "redirect",
            FetchOutcome::Unavailable,
        ),
        (
            http("200 OK", &["Content-Type: application/json"], &large),
            "too_large",
            FetchOutcome::Unavailable,
        ),
        (Vec::new(), "connect", FetchOutcome::Unavailable),
        (
            b"SSH-2.0-x\r\n".to_vec(),
            "connect",
            FetchOutcome::Unavailable,
        ),
        (
            http("200 OK", &[], "<html>"),
            "document_invalid",
            FetchOutcome::Invalid,
        ),
        (
            http(
                "200 OK",
                &[],
                r#"{"client_id":"https://other.example/c","redirect_uris":["a"]}"#,
            ),
            "document_invalid",
            FetchOutcome::Invalid,
        ),
    ] {
        let fixture = Fixture::new(DocumentOptions::default()).await;
        fixture.server.answer_with(Answer::Bytes(answer));
        assert_eq!(fixture.reason().await, reason);
        assert_eq!(*fixture.seen.fetches.lock().unwrap(), [outcome], "{reason}");
    }
}

#[tokio::test]
async fn the_strict_policy_refuses_plain_http_and_private_addresses() {
    let clock = Arc::new(ManualClock::at(UnixMillis(0)));
    let seen = Arc::new(Seen::default());
    let client = GuardedClient::new(GuardPolicy::default()).unwrap();
    let resolver = CimdResolver::new(client, DocumentOptions::default(), clock, seen.clone());
    for (id, reason) in [
        ("http://example.com/c", "scheme"),
        ("https://example.com/", "url_invalid"),
        ("https://127.0.0.1/c", "blocked_address"),
        ("https://localhost/c", "blocked_address"),
        ("https://[::ffff:7f00:1]/c", "blocked_address"),
    ] {
        let error = resolver.resolve(id, Asker::default()).await.unwrap_err();
        assert_eq!(error.reason(), reason, "{id}: {error}");
    }
    assert_eq!(*seen.fetches.lock().unwrap(), [FetchOutcome::Blocked; 3]);
}

#[tokio::test]
async fn fifty_requests_at_once_are_one_fetch() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    let answer = http(
        "200 OK",
        &["Content-Type: application/json"],
        &fixture.document(),
    );
    fixture
        .server
        .answer_with(Answer::Later(Duration::from_millis(200), answer));
    let all = futures_util::future::join_all((0..50).map(|_| fixture.resolve())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fixture.server.hits(), 1);
    assert_eq!(fixture.suppressed(), [Suppression::InFlight; 49]);
}

#[tokio::test]
async fn fifty_requests_at_once_share_one_failure() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    let answer = http("404 Not Found", &[], "");
    fixture
        .server
        .answer_with(Answer::Later(Duration::from_millis(200), answer));
    let all = futures_util::future::join_all((0..50).map(|_| fixture.reason())).await;
    assert!(all.iter().all(|reason| *reason == "status"));
    assert_eq!(fixture.server.hits(), 1);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_fail_those_who_wait_with_it() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    let answer = http(
        "200 OK",
        &["Content-Type: application/json"],
        &fixture.document(),
    );
    fixture
        .server
        .answer_with(Answer::Later(Duration::from_millis(200), answer));
    let (resolver, id) = (fixture.resolver.clone(), fixture.id.clone());
    let first = tokio::spawn(async move { resolver.resolve(&id, Asker::default()).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (waiting, ()) = tokio::join!(fixture.resolve(), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.abort();
    });
    waiting.unwrap();
    assert_eq!(fixture.server.hits(), 2);
}

/// Whether a client of `other`, asked about from `network`, is served while slow fetches for
/// `askers` of documents at the fixture's own host are under way.
async fn is_served_beside(
    slow: impl IntoIterator<Item = (String, Asker<'static>)>,
    fixture: &Fixture,
    from: Asker<'static>,
) -> bool {
    let other = Fixture::serving(&[]).await;
    // Another name of this machine, so another host.
    let id = other.id.replace("127.0.0.1", "localhost");
    let document = other.document().replace("127.0.0.1:", "localhost:");
    let answer = http("200 OK", &["Content-Type: application/json"], &document);
    other.server.answer_with(Answer::Bytes(answer));
    let slow = slow.into_iter().map(|(id, asker)| {
        let resolver = fixture.resolver.clone();
        tokio::spawn(async move { resolver.resolve(&id, asker).await })
    });
    let slow: Vec<_> = slow.collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let served = fixture.resolver.resolve(&id, from).await;
    assert!(slow.iter().any(|own| !own.is_finished()), "still slow");
    served.is_ok()
}

fn from(network: [u8; 4]) -> Asker<'static> {
    Asker {
        traceparent: None,
        network: Some(std::net::IpAddr::from(network).into()),
    }
}

#[tokio::test]
async fn a_slow_host_keeps_nobody_waiting_for_another() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    // From everywhere, more than run at once and may wait in all.
    let slow = (0..=255).flat_map(|low| [(0, low), (1, low)]);
    let slow = slow.map(|(high, low)| {
        let id = fixture.server.url(&format!("/{high}/{low}"));
        (id, from([192, 0, high, low]))
    });
    let slow: Vec<_> = slow.collect();
    assert!(is_served_beside(slow, &fixture, from([198, 51, 100, 1])).await);
    assert!(fixture.server.hits() <= 8, "{}", fixture.server.hits());
}

#[tokio::test]
async fn a_caller_with_many_slow_hosts_keeps_nobody_else_waiting() {
    let fixture = Fixture::new(DocumentOptions::default()).await;
    // Takes connections to all addresses of this machine, and says nothing.
    let silent = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let caller = from([192, 0, 2, 1]);
    // More than run at once and may wait in all.
    let slow = (1..=400).map(|host| {
        let host = std::net::Ipv4Addr::from_bits(0x7f00_0100 + host);
        (format!("http://{host}:{port}/c"), caller)
    });
    let slow: Vec<_> = slow.collect();
    assert!(is_served_beside(slow, &fixture, from([198, 51, 100, 1])).await);
}

#[tokio::test]
async fn fetches_beyond_the_capacity_are_refused_and_not_held_against_the_client() {
    let fixture = Fixture::new(DocumentOptions {
        max_fetches: 2,
        max_waiting: 2,
        max_wait: Duration::from_millis(100),
        ..DocumentOptions::default()
    })
    .await;
    let started = Instant::now();
    let ids: Vec<_> = (0..8)
        .map(|n| fixture.server.url(&format!("/{n}")))
        .collect();
    let all = ids
        .iter()
        .map(|id| fixture.resolver.resolve(id, Asker::default()));
    let mut reasons: Vec<_> = futures_util::future::join_all(all)
        .await
        .into_iter()
        .map(|result| result.unwrap_err().reason())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons[..6], ["capacity"; 6]);
    assert_eq!(reasons[6..], ["timeout"; 2]);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(fixture.suppressed(), [Suppression::Capacity; 6]);
    assert_eq!(fixture.server.hits(), 2);

    // Capacity says nothing about a client: the next attempt is a real one.
    fixture
        .server
        .answer_with(Answer::Bytes(http("404 Not Found", &[], "")));
    let mut fetched = 0;
    for id in &ids {
        let error = fixture
            .resolver
            .resolve(id, Asker::default())
            .await
            .unwrap_err();
        fetched += usize::from(error.reason() == "status");
    }
    assert_eq!(fetched, 6);
}
