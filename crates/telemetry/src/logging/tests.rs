use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use domain::{ManualClock, SystemRng, UnixMillis};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

use super::*;
use crate::context::{Incoming, RequestContext, SpanId, TraceId};
use crate::metrics::MetricsOptions;

mod choice;
mod delivery;

/// An output that a test can read.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn metrics() -> Metrics {
    Metrics::new(MetricsOptions::default())
}

fn options(json: bool) -> LoggingOptions {
    LoggingOptions {
        json,
        clock: Arc::new(ManualClock::at(UnixMillis(1_782_864_860_007))),
        ..LoggingOptions::default()
    }
}

/// What `work` logs.
fn logged_with(options: LoggingOptions, work: impl FnOnce(&LogHandle)) -> String {
    let output = Output::default();
    let (layer, handle) = layer(options, &metrics(), Box::new(output.clone()));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || work(&handle));
    drop(handle);
    output.text()
}

fn logged(json: bool, work: impl FnOnce()) -> String {
    logged_with(options(json), |_| work())
}

fn context() -> RequestContext {
    RequestContext {
        request_id: "r_abc123".into(),
        trace_id: TraceId([0xab; 16]),
        span_id: SpanId([0xcd; 8]),
        parent: None,
        sampled: false,
        client_ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        tracer: None,
    }
}

fn token_issued() {
    tracing::info!(
        grant_type = "authorization_code",
        client_id = "my-client",
        sub = "user-42",
        resource = "https://mcp.example.com/mcp",
        scope = "tools/read",
        jti = "jti_abc123",
        "token issued"
    );
}

#[test]
fn the_text_line_is_the_one_in_the_monitoring_guide() {
    let line = logged(false, || context().sync_scope(token_issued));
    assert_eq!(
        line,
        "2026-07-01T00:14:20Z INFO msg=\"token issued\" grant_type=authorization_code \
         client_id=my-client sub=user-42 resource=https://mcp.example.com/mcp \
         scope=\"tools/read\" jti=jti_abc123 request_id=r_abc123 \
         trace_id=abababababababababababababababab span_id=cdcdcdcdcdcdcdcd\n"
    );
}

#[test]
fn the_json_line_has_the_same_fields() {
    let line = logged(true, || context().sync_scope(token_issued));
    assert_eq!(
        line,
        "{\"time\":\"2026-07-01T00:14:20.007Z\",\"level\":\"INFO\",\"msg\":\"token issued\",\
         \"grant_type\":\"authorization_code\",\"client_id\":\"my-client\",\"sub\":\"user-42\",\
         \"resource\":\"https://mcp.example.com/mcp\",\"scope\":\"tools/read\",\
         \"jti\":\"jti_abc123\",\"request_id\":\"r_abc123\",\
         \"trace_id\":\"abababababababababababababababab\",\"span_id\":\"cdcdcdcdcdcdcdcd\"}\n"
    );
    let value: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(value["msg"], "token issued");
}

#[test]
fn values_keep_their_types_in_json() {
    let line = logged(true, || {
        let missing: Option<&str> = None;
        let error = io::Error::other(io::Error::other("disk gone"));
        tracing::warn!(
            count = 3_u64,
            delta = -2_i64,
            ok = true,
            ratio = 0.5,
            odd = f64::NAN,
            missing,
            error = &error as &(dyn std::error::Error + 'static),
            debug = ?Some(1),
            "numbers {}",
            1
        );
    });
    let value: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(value["level"], "WARN");
    assert_eq!(value["msg"], "numbers 1");
    assert_eq!(value["count"], 3);
    assert_eq!(value["delta"], -2);
    assert_eq!(value["ok"], true);
    assert_eq!(value["ratio"], 0.5);
    assert_eq!(value["odd"], "NaN");
    assert_eq!(value.get("missing"), None);
    assert_eq!(value["debug"], "Some(1)");
    assert!(
        value["error"]
            .as_str()
            .is_some_and(|it| it.contains("disk gone"))
    );
}

#[test]
fn no_value_can_forge_a_line_or_a_field() {
    let evil = "x\n2026-07-01T00:14:20Z INFO msg=\"token issued\" client_id=\"admin\r\u{2028}\u{85}\u{1b}[2J\u{202e}";
    for json in [true, false] {
        let text = logged(json, || {
            tracing::info!(client_id = evil, user = %evil, seen = ?evil, "{evil}");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line = text.trim_end_matches('\n');
        assert!(!line.chars().any(char::is_control), "{line}");
        assert!(!line.contains(['\u{2028}', '\u{85}', '\u{202e}']), "{line}");
        if json {
            let value: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(value["client_id"], evil);
            assert_eq!(value["msg"], evil);
        }
    }
    let text = logged(false, || {
        tracing::info!(a = "b c=d", e = "", f = "g=h", "i")
    });
    assert_eq!(
        text,
        "2026-07-01T00:14:20Z INFO msg=\"i\" a=\"b c=d\" e=\"\" f=\"g=h\"\n"
    );
}

proptest! {
    #[test]
    fn any_value_comes_back_from_json_as_it_went_in(value in any::<String>()) {
        let line = logged(true, || tracing::info!(value, "any"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        let read: Value = serde_json::from_str(&line).expect("JSON");
        prop_assert_eq!(read["value"].as_str(), Some(value.as_str()));
    }

    #[test]
    fn any_value_stays_inside_its_text_field(value in any::<String>()) {
        let line = logged(false, || tracing::info!(value, last = 1, "any"));
        let field = line
            .strip_prefix("2026-07-01T00:14:20Z INFO msg=\"any\" value=")
            .and_then(|rest| rest.strip_suffix(" last=1\n"))
            .expect("the fields around it");
        match field.strip_prefix('"') {
            Some(quoted) => {
                let inside = quoted.strip_suffix('"').expect("a closing quote");
                let without_escapes = inside.replace("\\\\", "").replace("\\\"", "");
                prop_assert!(!without_escapes.contains('"'));
                prop_assert!(!inside.chars().any(char::is_control));
            }
            None => prop_assert_eq!(field, value),
        }
    }
}

#[test]
fn fields_that_every_line_has_cannot_be_doubled() {
    let text = logged(true, || {
        context().sync_scope(|| {
            tracing::info!(
                time = "t",
                level = "l",
                msg = "m",
                request_id = "of another",
                trace_id = "of another too",
                "really"
            );
        });
    });
    for name in ["time", "level", "msg", "request_id", "trace_id", "span_id"] {
        assert_eq!(text.matches(&format!("\"{name}\":")).count(), 1, "{name}");
    }
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["request_id"], "of another");
    assert_eq!(value["trace_id"], "of another too");
    assert_eq!(value["span_id"], "cdcdcdcdcdcdcdcd");
    assert_eq!(value["msg_"], "m");
}

#[tokio::test]
async fn every_line_of_a_request_carries_its_ids_in_spawned_work_too() {
    let output = Output::default();
    let (layer, handle) = layer(options(true), &metrics(), Box::new(output.clone()));
    let subscriber = tracing_subscriber::registry().with(layer);
    let _default = tracing::subscriber::set_default(subscriber);
    let request = RequestContext::begin(Incoming::default(), |_| false, &SystemRng);
    request
        .clone()
        .scope(async {
            tracing::info!("before");
            tokio::task::yield_now().await;
            tokio::spawn(RequestContext::carry(async { tracing::info!("spawned") }))
                .await
                .expect("it ran");
            let inner = request.in_span(SpanId([7; 8]));
            inner.scope(async { tracing::warn!("inner") }).await;
            tracing::error!("after");
        })
        .await;
    tracing::info!("outside");
    drop(handle);
    let lines: Vec<Value> = output
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 5);
    for line in &lines[..4] {
        assert_eq!(line["request_id"], *request.request_id);
        assert_eq!(line["trace_id"], request.trace_id.to_string());
        let span = match line["msg"].as_str() {
            Some("inner") => String::from("0707070707070707"),
            _ => request.span_id.to_string(),
        };
        assert_eq!(line["span_id"], span);
    }
    assert_eq!(lines[4]["msg"], "outside");
    assert_eq!(lines[4].get("request_id"), None);
}

#[test]
fn a_value_that_logs_while_it_is_formatted_does_not_disturb_its_line() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("from within");
            f.write_str("value")
        }
    }
    let text = logged(false, || tracing::info!(chatty = ?Chatty, "outer"));
    assert!(text.contains("msg=\"outer\" chatty=value\n"), "{text}");
    assert_eq!(text.lines().count(), text.matches(" INFO ").count());
}
