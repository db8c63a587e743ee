//! Traces, logs and metrics as a collector gets them: the real program, real protobuf.

use crate::harness::{
    App, Browser, Collector, Database, PATIENCE, Pkce, Process, Request, attribute, hex, on_both,
    within,
};
use crate::races::furnish;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Longer than one collector is waited for at the end, shorter than two.
const ONE_FAREWELL: Duration = Duration::from_secs(9);

on_both!(
    a_request_is_one_trace_that_goes_on_from_its_caller,
    every_grant_and_page_has_its_spans,
    a_document_is_fetched_and_a_proof_checked_within_the_trace,
    statements_of_changes_are_told_without_their_values,
    the_sample_rate_holds_for_traces_begun_here_alone,
    logs_and_metrics_go_to_the_collector_too,
    a_collector_that_is_not_there_delays_nothing_and_comes_back,
);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A server that sends everything to `collector`.
async fn traced(database: &Database, collector: &Collector, more: &[(&str, &str)]) -> Process {
    traced_to(database, &collector.address.to_string(), more).await
}

async fn traced_to(database: &Database, address: &str, more: &[(&str, &str)]) -> Process {
    let mut variables = vec![
        ("AUTHPLANE_TRACING_ENABLED", "true"),
        ("AUTHPLANE_TRACING_ENDPOINT", address),
        ("AUTHPLANE_TRACING_INSECURE", "true"),
        ("AUTHPLANE_LOG_OTEL", "true"),
        ("AUTHPLANE_LOG_OTEL_ENDPOINT", address),
        ("AUTHPLANE_LOG_OTEL_INSECURE", "true"),
        ("AUTHPLANE_METRICS_PROVIDER", "both"),
        ("AUTHPLANE_METRICS_OTEL_ENDPOINT", address),
        ("AUTHPLANE_METRICS_INSECURE", "true"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "300"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
    ];
    variables.extend(more);
    Process::start(database, &variables).await
}

fn parent_header(flags: &str) -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-{flags}")
}

#[track_caller]
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("a span {name}: {names:?}"))
}

async fn spans(collector: &Collector, trace: &str, last: &str) -> Vec<Span> {
    within(PATIENCE, "the trace arrives", async || {
        collector.trace(trace).iter().any(|span| span.name == last)
    })
    .await;
    collector.trace(trace)
}

fn refused_refresh(app: &App) -> Request {
    app.refreshing("no such token")
}

async fn a_request_is_one_trace_that_goes_on_from_its_caller(database: Database) {
    let app = furnish(&database);
    let collector = Collector::start();
    let server = traced(&database, &collector, &[]).await;
    let request = refused_refresh(&app).header("traceparent", parent_header("01"));
    let reply = server.send(&request).await.refused(400, "invalid_grant");
    let answered = reply.header("traceparent").unwrap().to_owned();
    let spans = spans(&collector, TRACE, "POST /oauth/token").await;
    let request = named(&spans, "POST /oauth/token");
    assert_eq!(hex(&request.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(answered, format!("00-{TRACE}-{}-01", hex(&request.span_id)));
    assert_eq!(request.kind(), SpanKind::Server);
    let of = |key| attribute(&request.attributes, key).unwrap_or_default();
    assert_eq!(of("http.request.method"), "POST");
    assert_eq!(of("http.route"), "/oauth/token");
    assert_eq!(of("http.response.status_code"), "400");
    assert_eq!(of("url.path"), "/oauth/token");
    assert_eq!(of("client.address"), "127.0.0.1");
    let service = named(&spans, "TokenService.Refresh");
    assert_eq!(service.parent_span_id, request.span_id);
    assert_eq!(
        attribute(&service.attributes, "oauth.client_id"),
        Some(app.client_id.clone())
    );
    // 2 is an error (OTLP, Status).
    assert_eq!(service.status.as_ref().map(|own| own.code), Some(2));
    let (name, system) = match spans.iter().any(|span| span.name == "sqlite.query") {
        true => ("sqlite.query", "sqlite"),
        false => ("postgres.query", "postgresql"),
    };
    let query = spans
        .iter()
        .find(|span| span.name == name && span.parent_span_id == service.span_id);
    let query = query.expect("the query of the refresh token");
    assert_eq!(
        attribute(&query.attributes, "db.system.name").as_deref(),
        Some(system)
    );
    assert_eq!(
        attribute(&query.attributes, "db.operation.name").as_deref(),
        Some("refresh_rotate")
    );
    let text = attribute(&query.attributes, "db.query.text").expect("the statement");
    assert!(text.starts_with("SELECT t.digest"), "{text}");
    let mark = if system == "sqlite" { '?' } else { '$' };
    assert!(
        text.contains(&format!("WHERE t.digest = {mark}1")),
        "{text}"
    );
    assert_eq!(query.kind(), SpanKind::Client);
    for span in &spans {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
}

async fn every_grant_and_page_has_its_spans(database: Database) {
    let app = furnish(&database);
    let collector = Collector::start();
    let server = traced(&database, &collector, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    let refreshed = app.refresh(&server, &tokens.refresh).await.expect(200);
    app.introspect(&server, &tokens.access).await.expect(200);
    app.revoke(&server, &tokens.access).await.expect(200);
    drop(refreshed);
    let expected = [
        "GET /oauth/authorize",
        "AuthorizeService.StartAuthorization",
        "AuthorizeService.Consent",
        "LoginService.SignIn",
        "TokenService.ExchangeCode",
        "TokenService.Refresh",
        "IntrospectionService.Introspect",
        "RevocationService.Revoke",
        "jwt.sign",
        "POST /oauth/revoke",
    ];
    within(PATIENCE, "the spans arrive", async || {
        let received = collector.received();
        let missing = expected.iter().find(|name| {
            let mut spans = received.spans.iter();
            !spans.any(|span| span.name == **name)
        });
        missing.is_none()
    })
    .await;
    let received = collector.received();
    let ids = |name: &str| {
        let spans = received.spans.iter().filter(|span| span.name == name);
        spans
            .map(|span| (span.trace_id.clone(), span.span_id.clone()))
            .collect::<Vec<_>>()
    };
    // Each signature belongs to a grant.
    let grants = [
        ids("TokenService.ExchangeCode"),
        ids("TokenService.Refresh"),
    ]
    .concat();
    let mut signatures = received.spans.iter().filter(|span| span.name == "jwt.sign");
    assert!(signatures.all(|span| {
        grants.contains(&(span.trace_id.clone(), span.parent_span_id.clone()))
            && attribute(&span.attributes, "jwt.alg").as_deref() == Some("ES256")
    }));
    // No secret travels in a span.
    let everything = format!("{:?}", received.spans);
    let challenge = [
        &tokens.access,
        &tokens.refresh,
        app.secret.as_ref().unwrap(),
    ];
    for secret in challenge {
        assert!(!everything.contains(secret.as_str()));
    }
}

async fn a_document_is_fetched_and_a_proof_checked_within_the_trace(database: Database) {
    let app = furnish(&database);
    let collector = Collector::start();
    let local = [
        ("AUTHPLANE_CIMD_REQUIRE_HTTPS", "false"),
        ("AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES", "true"),
    ];
    let server = traced(&database, &collector, &local).await;
    let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = site.local_addr().unwrap();
    let document = format!("http://{host}/client.json");
    let request = app
        .authorize(&Pkce::fresh())
        .with("client_id", &document)
        .request()
        .header("traceparent", parent_header("01"));
    let answer = async {
        let (mut stream, _) = site.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut asked).await.unwrap() > 0);
        }
        let gone = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(gone.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap().to_lowercase()
    };
    let (reply, asked) = tokio::join!(server.send(&request), answer);
    assert_eq!(reply.status, 400);
    let fetched = spans(&collector, TRACE, "GET /oauth/authorize").await;
    let fetch = named(&fetched, "HTTP GET");
    assert_eq!(fetch.kind(), SpanKind::Client);
    let header = format!("traceparent: 00-{TRACE}-{}-01\r\n", hex(&fetch.span_id));
    assert!(asked.contains(&header), "{asked}");
    let of = |key| attribute(&fetch.attributes, key).unwrap_or_default();
    assert_eq!(of("http.request.method"), "GET");
    assert_eq!(of("http.response.status_code"), "404");
    assert_eq!(of("server.address"), "127.0.0.1");
    assert_eq!(of("server.port"), host.port().to_string());
    let mut above = fetch.parent_span_id.clone();
    let root = named(&fetched, "GET /oauth/authorize");
    while above != root.span_id {
        let parent = fetched.iter().find(|span| span.span_id == above);
        above.clone_from(&parent.expect("a span in between").parent_span_id);
    }

    let with_proof = refused_refresh(&app)
        .header("dpop", "no proof")
        .header("traceparent", parent_header("01"));
    let reply = server.send(&with_proof).await;
    reply.refused(400, "invalid_dpop_proof");
    let checked = spans(&collector, TRACE, "POST /oauth/token").await;
    let proof = named(&checked, "dpop.verify");
    assert_eq!(proof.status.as_ref().map(|own| own.code), Some(2));
}

async fn statements_of_changes_are_told_without_their_values(database: Database) {
    let app = furnish(&database);
    let collector = Collector::start();
    let server = traced(&database, &collector, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    let refresh = app
        .refreshing(&tokens.refresh)
        .header("traceparent", parent_header("01"));
    server.send(&refresh).await.expect(200);
    let spans = spans(&collector, TRACE, "POST /oauth/token").await;
    let texts: Vec<_> = spans
        .iter()
        .filter_map(|span| attribute(&span.attributes, "db.query.text"))
        .collect();
    for statement in [
        "UPDATE refresh_tokens SET spent_at = ",
        "INSERT INTO issuances (jti, ",
        "INSERT INTO audit_events (id, ",
    ] {
        let told = texts.iter().any(|text| text.contains(statement));
        assert!(told, "{statement}: {texts:?}");
    }
    for text in &texts {
        assert!(!text.contains(&app.client_id), "{text}");
        assert!(!text.contains('\''), "{text}");
    }
}

async fn the_sample_rate_holds_for_traces_begun_here_alone(database: Database) {
    let app = furnish(&database);
    let collector = Collector::start();
    let never = [("AUTHPLANE_TRACING_SAMPLE_RATE", "0.0")];
    let server = traced(&database, &collector, &never).await;
    let own = server.send(&refused_refresh(&app)).await;
    let own = own.header("traceparent").unwrap().to_owned();
    assert!(own.ends_with("-00"), "{own}");
    let unwanted = refused_refresh(&app).header("traceparent", parent_header("00"));
    server.send(&unwanted).await;
    let wanted = "a".repeat(32);
    let header = format!("00-{wanted}-00f067aa0ba902b7-01");
    server
        .send(&refused_refresh(&app).header("traceparent", header))
        .await;
    spans(&collector, &wanted, "POST /oauth/token").await;
    let received = collector.received();
    assert!(
        received
            .spans
            .iter()
            .all(|span| hex(&span.trace_id) == wanted)
    );
}

async fn logs_and_metrics_go_to_the_collector_too(database: Database) {
    let app = furnish(&database);
    let collector = Collector::start();
    let server = traced(&database, &collector, &[]).await;
    let request = refused_refresh(&app).header("traceparent", parent_header("01"));
    let reply = server
        .send(&request.header("x-request-id", "r-collected"))
        .await;
    reply.refused(400, "invalid_grant");
    let record = async || {
        let received = collector.received();
        let mut records = received.logs.iter();
        records
            .find(|own| attribute(&own.attributes, "request_id").as_deref() == Some("r-collected"))
            .cloned()
    };
    within(PATIENCE, "the record arrives", async || {
        record().await.is_some()
    })
    .await;
    let record = record().await.unwrap();
    assert_eq!(record.severity_text, "INFO");
    assert_eq!(hex(&record.trace_id), TRACE);
    assert_eq!(record.span_id.len(), 8);
    let body = [opentelemetry_proto::tonic::common::v1::KeyValue {
        key: "body".into(),
        value: record.body.clone(),
        ..Default::default()
    }];
    assert_eq!(attribute(&body, "body").as_deref(), Some("token denied"));
    let of = |key| attribute(&record.attributes, key).unwrap_or_default();
    assert_eq!(
        (of("grant_type"), of("error")),
        ("refresh_token".into(), "invalid_grant".into())
    );
    let name = "authserver_auth_denied_total";
    within(PATIENCE, "the metric arrives", async || {
        let received = collector.received();
        received.metrics.iter().any(|metric| metric.name == name)
    })
    .await;
    let received = collector.received();
    for attributes in &received.resources {
        for expected in [
            "service.name=authserver",
            "deployment.environment.name=test",
        ] {
            assert!(
                attributes.iter().any(|own| own == expected),
                "{attributes:?}"
            );
        }
        for key in ["service.version=", "service.instance.id="] {
            assert!(
                attributes.iter().any(|own| own.starts_with(key)),
                "{attributes:?}"
            );
        }
    }
}

async fn a_collector_that_is_not_there_delays_nothing_and_comes_back(database: Database) {
    let app = furnish(&database);
    let gone = Collector::start();
    let address = gone.address;
    let server = traced(&database, &gone, &[]).await;
    drop(gone);
    let dropped =
        |signal: &str| format!(r#"authserver_telemetry_dropped_total{{signal="{signal}"}}"#);
    for signal in ["traces", "logs", "metrics"] {
        within(PATIENCE, signal, async || {
            server
                .send(&refused_refresh(&app))
                .await
                .refused(400, "invalid_grant");
            server.metric(&dropped(signal)).await > 0.0
        })
        .await;
    }
    let back = Collector::start_at(address);
    let request = refused_refresh(&app).header("traceparent", parent_header("01"));
    within(PATIENCE, "the collector is found again", async || {
        server.send(&request).await;
        !back.trace(TRACE).is_empty()
    })
    .await;
    // One warning a minute for each signal, however often it failed.
    let log = server.log();
    let complaints = log.matches("telemetry could not be sent").count();
    assert!((1..=4).contains(&complaints), "{complaints}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collectors_that_hang_are_waited_for_together_at_the_end() {
    let database = Database::sqlite();
    // Connections are made, and never answered.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap().to_string();
    let mut server = traced_to(&database, &address, &[]).await;
    server.get("/.well-known/jwks.json").await.expect(200);
    let start = Instant::now();
    server.stop("-TERM").await;
    assert!(start.elapsed() < ONE_FAREWELL, "{:?}", start.elapsed());
}
