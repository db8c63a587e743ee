//! What the shell refuses in place of a handler is recorded before it is answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Config;
use oauth::Endpoint;
use telemetry::RequestContext;
use web::shell::{RecordRefusal, Refusal};

use crate::server::{Server, Setup, request};

type Recorded = Arc<Mutex<Vec<(Endpoint, Refusal)>>>;

fn recording(config: Config) -> (Setup, Recorded) {
    let recorded = Recorded::default();
    let kept = Arc::clone(&recorded);
    let record: RecordRefusal = Arc::new(move |endpoint, refusal| {
        let kept = Arc::clone(&kept);
        Box::pin(async move {
            tokio::task::yield_now().await;
            assert!(RequestContext::current().is_some());
            kept.lock().unwrap().push((endpoint, refusal));
        })
    });
    let setup = Setup {
        config,
        change: Box::new(|state| {
            state.record_refusal = Some(record);
            state.handler_timeout = Duration::from_millis(200);
        }),
        ..Setup::default()
    };
    (setup, recorded)
}

#[tokio::test]
async fn refusals_in_place_of_a_handler_are_recorded() {
    let (setup, recorded) = recording(Setup::default().config);
    let server = Server::with(setup).await;
    let announced = [("content-length", "70000")];
    for (method, path, headers, status, expected) in [
        (
            "POST",
            "/oauth/token",
            &announced[..],
            413,
            Some((Endpoint::Token, Refusal::BodyTooLarge(65_536))),
        ),
        (
            "GET",
            "/oauth/revoke",
            &[],
            500,
            Some((Endpoint::Revocation, Refusal::Panicked)),
        ),
        (
            "GET",
            "/oauth/introspect",
            &[],
            503,
            Some((Endpoint::Introspection, Refusal::HandlerTooSlow)),
        ),
        // A handler has answered, or there is none, or it is nobody's endpoint.
        ("POST", "/oauth/token", &[], 200, None),
        ("GET", "/oauth/token", &[], 405, None),
        ("GET", "/oauth/register", &[], 404, None),
        ("GET", "/panic", &[], 500, None),
    ] {
        let mut client = server.connect().await;
        client.send(&request(method, path, headers, "")).await;
        assert_eq!(client.answer().await.status, status, "{path}");
        let told: Vec<_> = std::mem::take(&mut *recorded.lock().unwrap());
        assert_eq!(told, Vec::from_iter(expected), "{path}");
    }
}

#[tokio::test]
async fn requests_beyond_the_rate_cost_no_record() {
    let mut config = Setup::default().config;
    config.rate_limit.enabled = true;
    config.rate_limit.requests_per_second = 1;
    config.rate_limit.burst = 1;
    let (setup, recorded) = recording(config);
    let server = Server::with(setup).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let mut client = server.connect().await;
        client.send(&request("POST", "/oauth/token", &[], "")).await;
        statuses.push(client.answer().await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!(recorded.lock().unwrap().is_empty());
}
