//! What an increment, a log line and a scrape cost:
//! `cargo run --release -p telemetry --example cost`

use std::io;
use std::thread;

use domain::{GrantType, Rng, SystemRng};
use telemetry::context::{Incoming, RequestContext};
use telemetry::logging::{self, LoggingOptions};
use telemetry::metrics::{Format, Method, Metrics, MetricsOptions};
use telemetry::{LogHandle, Stopwatch};
use tracing_subscriber::layer::SubscriberExt as _;

const ROUNDS: u32 = 5_000_000;

fn main() {
    let metrics = Metrics::new(MetricsOptions::default());
    let route = metrics.route("/oauth/token");
    let grant = GrantType::AuthorizationCode;
    let request = (Method::Post, route, 200);
    for threads in [1, 2] {
        report("counter", threads, ROUNDS, || {
            metrics.tokens_issued.add(grant)
        });
        report("request counter", threads, ROUNDS, || {
            metrics.http_requests.add(request);
        });
        report("histogram", threads, ROUNDS, || {
            metrics.token_issuance_duration.record(grant, 0.003);
        });
        report("request histogram", threads, ROUNDS, || {
            metrics.http_request_duration.record(request, 0.003);
        });
    }
    for format in [Format::Text, Format::OpenMetrics] {
        report(&format!("scrape {format:?}"), 1, 200, || {
            std::hint::black_box(metrics.render(format));
        });
    }
    report("new context", 1, ROUNDS / 10, || {
        std::hint::black_box(context(&SystemRng));
    });
    for json in [true, false] {
        let (subscriber, log) = subscriber(json, &metrics);
        tracing::subscriber::with_default(subscriber, || {
            context(&SystemRng).sync_scope(|| {
                report(&format!("log line, json {json}"), 1, ROUNDS / 10, || {
                    tracing::info!(
                        target: "engine",
                        grant_type = "authorization_code",
                        client_id = "my-client",
                        sub = "user-42",
                        resource = "https://mcp.example.com/mcp",
                        scope = "tools/read",
                        jti = "jti_abc123",
                        "token issued"
                    );
                });
                report("debug line, not written", 1, ROUNDS, || {
                    tracing::debug!(target: "engine", client_id = "my-client", "nothing");
                });
            });
        });
        drop(log);
    }
}

fn context(rng: &dyn Rng) -> RequestContext {
    RequestContext::begin(Incoming::default(), |_| false, rng)
}

fn subscriber(json: bool, metrics: &Metrics) -> (impl tracing::Subscriber + use<>, LogHandle) {
    let options = LoggingOptions {
        json,
        ..LoggingOptions::default()
    };
    let (layer, handle) = logging::layer(options, metrics, Box::new(io::sink()));
    (tracing_subscriber::registry().with(layer), handle)
}

fn report(what: &str, threads: u32, rounds: u32, work: impl Fn() + Sync) {
    let stopwatch = Stopwatch::start();
    if threads == 1 {
        (0..rounds).for_each(|_| work());
    } else {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..rounds).for_each(|_| work()));
            }
        });
    }
    let each = stopwatch.seconds() * 1e9 / f64::from(rounds);
    println!("{what:30} {threads} thread(s) {each:10.1} ns");
}
