use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::mpsc;

use domain::{ManualClock, SystemRng, UnixMillis};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use serde_json::Value;

use super::*;
use crate::context::{Incoming, RequestContext, SpanId, TraceId};
use crate::metrics::{Format, MetricsOptions};

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
                trace_id = "t",
                span_id = "s",
                "really"
            );
        });
    });
    for name in ["time", "level", "msg", "request_id", "trace_id", "span_id"] {
        assert_eq!(text.matches(&format!("\"{name}\":")).count(), 1, "{name}");
    }
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["request_id"], "of another");
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
fn the_level_can_change_while_running() {
    let text = logged_with(options(false), |handle| {
        let speak = || {
            tracing::trace!("finest");
            tracing::debug!("fine");
            tracing::info!("plain");
            tracing::error!("bad");
        };
        speak();
        handle.set_level(Level::Debug);
        speak();
        handle.set_level(Level::Error);
        speak();
        assert_eq!(handle.level(), Level::Error);
    });
    let seen: Vec<_> = text
        .lines()
        .filter_map(|it| it.split_once("Z "))
        .map(|it| it.1)
        .collect();
    assert_eq!(
        seen,
        [
            "INFO msg=\"plain\"",
            "ERROR msg=\"bad\"",
            "DEBUG msg=\"finest\"",
            "DEBUG msg=\"fine\"",
            "INFO msg=\"plain\"",
            "ERROR msg=\"bad\"",
            "ERROR msg=\"bad\"",
        ]
    );
}

#[test]
fn libraries_are_quiet_unless_asked() {
    let speak = || {
        tracing::info!(target: "engine::grants", "ours");
        tracing::info!(target: "engineering", "not ours");
        tracing::info!(target: "sqlx::pool", "pool");
        tracing::warn!(target: "sqlx::query", "slow statement");
        tracing::debug!(target: "sqlx::query", "statement");
        tracing::debug!(target: "hyper::proto", "connection");
        tracing::trace!(target: "tower::buffer", "poll");
        tracing::warn!(target: "rustls::conn", "bad certificate");
    };
    let messages = |level| {
        let text = logged_with(
            LoggingOptions {
                level,
                ..options(true)
            },
            |_| speak(),
        );
        text.lines()
            .map(|line| {
                let value: Value = serde_json::from_str(line).expect("JSON");
                format!("{} {}", value["level"], value["msg"]).replace('"', "")
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(messages(Level::Info), ["INFO ours", "WARN bad certificate"]);
    assert_eq!(messages(Level::Error), Vec::<String>::new());
    assert_eq!(
        messages(Level::Debug),
        [
            "INFO ours",
            "INFO not ours",
            "INFO pool",
            "DEBUG slow statement",
            "DEBUG statement",
            "WARN bad certificate"
        ]
    );
}

#[test]
fn source_and_target_say_where_a_line_comes_from() {
    let with_source = LoggingOptions {
        add_source: true,
        ..options(true)
    };
    let text = logged_with(with_source, |_| {
        tracing::info!("here");
        tracing::warn!(target: "somewhere::else", "there");
    });
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let source = lines[0]["source"].as_str().expect("a source");
    let (file, line) = source.rsplit_once(':').expect("file:line");
    assert!(file.ends_with("logging/tests.rs"), "{source}");
    assert!(line.parse::<u32>().is_ok(), "{source}");
    assert_eq!(lines[0].get("target"), None);
    assert_eq!(lines[1]["target"], "somewhere::else");
}

#[test]
fn nothing_is_written_without_stdout() {
    let silent = LoggingOptions {
        stdout: false,
        ..options(true)
    };
    assert_eq!(logged_with(silent, |_| tracing::error!("lost")), "");
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

/// An output that waits for permission before every write.
struct Stuck(mpsc::Receiver<()>, Output);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn dropped(metrics: &Metrics) -> u64 {
    let series = "authserver_telemetry_dropped_total{signal=\"logs\"} ";
    metrics
        .render(Format::Text)
        .lines()
        .find_map(|line| line.strip_prefix(series)?.parse().ok())
        .expect("the series exists")
}

#[test]
fn a_stuck_output_costs_lines_but_no_time_and_no_memory() {
    let (release, blocked) = mpsc::channel();
    let output = Output::default();
    let metrics = metrics();
    let (layer, handle) = layer(
        options(true),
        &metrics,
        Box::new(Stuck(blocked, output.clone())),
    );
    let subscriber = tracing_subscriber::registry().with(layer);
    let filler = "x".repeat(64 * 1024);
    let lines = 3 * queue::CAPACITY / filler.len();
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..lines {
            tracing::info!(number, filler, "flood");
        }
        let lost = dropped(&metrics);
        assert!(lost > 0);
        assert!(!handle.queue.flush(Duration::from_millis(20)));
        drop(release);
        assert!(handle.flush());
        let written = output.text().lines().count();
        assert_eq!(written as u64 + lost, lines as u64);

        tracing::info!("recovered");
        assert!(handle.flush());
        assert!(output.text().trim_end().ends_with("\"msg\":\"recovered\"}"));
        assert_eq!(dropped(&metrics), lost);
    });
}

#[test]
fn lines_that_an_output_refuses_are_counted() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let metrics = metrics();
    let (layer, handle) = layer(options(true), &metrics, Box::new(Broken));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..3 {
            tracing::info!("into the void");
        }
        assert!(handle.flush());
        assert_eq!(dropped(&metrics), 3);
        drop(handle);
        tracing::info!("after the end");
        assert_eq!(dropped(&metrics), 4);
    });
}

#[test]
fn lines_of_many_threads_arrive_whole_and_all() {
    let text = logged(true, || {
        tracing::dispatcher::get_default(|dispatch| {
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    scope.spawn(move || {
                        let _default = tracing::dispatcher::set_default(dispatch);
                        for number in 0..500 {
                            tracing::info!(thread, number, "line");
                        }
                    });
                }
            });
        });
    });
    let mut next = [0; 4];
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).expect("a whole line");
        let thread = usize::try_from(value["thread"].as_u64().expect("a number")).expect("small");
        assert_eq!(value["number"], next[thread]);
        next[thread] += 1;
    }
    assert_eq!(next, [500; 4]);
}

#[test]
fn logging_starts_once_in_a_process() {
    let start = || init_with_writer(options(true), &metrics(), Box::new(io::sink()));
    let first = start();
    assert!(start().is_err());
    drop(first);
}
