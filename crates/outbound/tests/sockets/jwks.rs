//! How the keys that clients publish are kept and renewed.

use std::sync::Arc;
use std::time::Duration;

use crate::server::{Answer, Server, http};
use domain::{ManualClock, UnixMillis};
use outbound::documents::{Asker, DocumentOptions, Unobserved};
use outbound::jwks::{JwksResolver, MIN_AGE_TO_RENEW};
use outbound::{GuardPolicy, GuardedClient};

/// The key of RFC 7517 appendix A.1.
const KEYS: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "1",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

struct Fixture {
    server: Server,
    uri: String,
    clock: Arc<ManualClock>,
    resolver: JwksResolver,
}

impl Fixture {
    async fn serving(body: &str) -> Self {
        let headers = ["Cache-Control: max-age=600", "Content-Type: text/plain"];
        let server = Server::start(Answer::Bytes(http("200 OK", &headers, body))).await;
        let policy = GuardPolicy {
            require_https: false,
            allow_private_addresses: true,
            timeout: Duration::from_millis(600),
            ..GuardPolicy::default()
        };
        let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
        let client = GuardedClient::new(policy).unwrap();
        let options = DocumentOptions::default();
        Self {
            uri: server.url("/jwks.json"),
            resolver: JwksResolver::new(client, options, clock.clone(), Arc::new(Unobserved)),
            server,
            clock,
        }
    }
}

#[tokio::test]
async fn keys_are_renewed_for_one_that_is_missing_but_not_at_every_request() {
    let fixture = Fixture::serving(KEYS).await;
    let (resolver, uri) = (&fixture.resolver, fixture.uri.as_str());
    resolver.resolve(uri, Asker::default()).await.unwrap();
    for _ in 0..5 {
        resolver.renew(uri, Asker::default()).await.unwrap();
    }
    assert_eq!(fixture.server.hits(), 1);
    fixture.clock.advance(MIN_AGE_TO_RENEW);
    let all = (0..20).map(|_| resolver.renew(uri, Asker::default()));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(fixture.server.hits(), 2);
    resolver.resolve(uri, Asker::default()).await.unwrap();
    assert_eq!(fixture.server.hits(), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_renewed_stay_as_long_as_they_are_fresh() {
    let fixture = Fixture::serving(KEYS).await;
    let (resolver, uri) = (&fixture.resolver, fixture.uri.as_str());
    resolver.resolve(uri, Asker::default()).await.unwrap();
    fixture
        .server
        .answer_with(Answer::Bytes(http("500 Oops", &[], "")));
    fixture.clock.advance(MIN_AGE_TO_RENEW);
    for _ in 0..5 {
        resolver.renew(uri, Asker::default()).await.unwrap();
    }
    assert_eq!(fixture.server.hits(), 2, "the failure is not repeated");
    resolver.resolve(uri, Asker::default()).await.unwrap();
    fixture.clock.advance(Duration::from_secs(600));
    assert!(
        resolver.resolve(uri, Asker::default()).await.is_err(),
        "never stale"
    );
}

#[tokio::test]
async fn what_is_no_set_of_public_keys_is_refused() {
    let private = KEYS.replace(r#""kid""#, r#""d": "AQAB", "kid""#);
    for body in ["<html>", "{}", r#"{"keys": []}"#, &private] {
        let fixture = Fixture::serving(body).await;
        let refused = fixture
            .resolver
            .resolve(&fixture.uri, Asker::default())
            .await;
        assert_eq!(refused.unwrap_err().reason(), "document_invalid", "{body}");
    }
}
