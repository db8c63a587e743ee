use super::*;
use crate::metrics::{Format, MetricsOptions};
use domain::{ManualClock, SystemRng, UnixMillis};
use opentelemetry_sdk::error::OTelSdkError;
use std::sync::Mutex;

const NOW: UnixMillis = UnixMillis(1_782_864_860_007);

/// Keeps what it gets, or refuses it, or never answers.
#[derive(Debug, Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<SpanData>>>,
    refuses: bool,
    hangs: bool,
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        if self.refuses {
            return Err(OTelSdkError::InternalFailure("no".into()));
        }
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }
}

struct Stage {
    collector: Collector,
    metrics: Metrics,
    tracer: Tracer,
    exporting: Shipping,
}

fn stage(collector: Collector) -> Stage {
    let metrics = Metrics::new(MetricsOptions::default());
    let (tracer, exporting) = Tracer::start(
        collector.clone(),
        &Resource::builder_empty().build(),
        &metrics,
        &ManualClock::at(NOW),
        Arc::new(SystemRng),
    );
    Stage {
        collector,
        metrics,
        tracer,
        exporting,
    }
}

impl Stage {
    fn context(&self) -> RequestContext {
        let mut context =
            RequestContext::begin(crate::context::Incoming::default(), |_| true, &SystemRng);
        context.tracer = Some(self.tracer.clone());
        context
    }

    fn dropped(&self) -> String {
        let page = self.metrics.render(Format::Text);
        let series = r#"authserver_telemetry_dropped_total{signal="traces"} "#;
        let mut lines = page.lines();
        let found = lines.find_map(|line| line.strip_prefix(series));
        found.expect("the series exists").to_owned()
    }
}

#[tokio::test]
async fn spans_nest_and_carry_what_was_said_of_them() {
    let stage = stage(Collector::default());
    let context = stage.context();
    let outer_ids = context
        .clone()
        .scope(async {
            let outer = Span::start("outer").with("answer", 42);
            outer
                .run(async {
                    let within = RequestContext::current().unwrap();
                    let inner: Result<(), &str> =
                        Span::client("inner").run(async { Err("broken") }).await;
                    inner.unwrap_err();
                    Ok::<_, &str>(within)
                })
                .await
                .unwrap()
        })
        .await;
    stage
        .tracer
        .server_span(&context, Instant::now(), ("GET", "/livez"), 503, "/livez");
    stage.exporting.finish().await;
    let spans = stage.collector.spans.lock().unwrap().clone();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap().clone();
    let (server, outer, inner) = (named("GET /livez"), named("outer"), named("inner"));
    assert_eq!(
        server.span_context.span_id().to_string(),
        context.span_id.to_string()
    );
    assert_eq!(server.parent_span_id, opentelemetry::SpanId::INVALID);
    assert_eq!(server.status, Status::error(""));
    assert_eq!(outer.parent_span_id, server.span_context.span_id());
    assert_eq!(
        outer.span_context.span_id().to_string(),
        outer_ids.span_id.to_string()
    );
    assert_eq!(outer.attributes, [KeyValue::new("answer", 42)]);
    assert_eq!(outer.status, Status::Unset);
    assert_eq!(inner.parent_span_id, outer.span_context.span_id());
    assert_eq!(inner.status, Status::error("broken"));
    assert_eq!(inner.span_kind, SpanKind::Client);
    for span in [&server, &outer, &inner] {
        assert_eq!(
            span.span_context.trace_id().to_string(),
            context.trace_id.to_string()
        );
        let begun = span
            .start_time
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis();
        assert!((begun as i64 - NOW.0).abs() < 60_000, "{begun}");
        assert!(span.end_time >= span.start_time);
    }
}

#[tokio::test]
async fn a_request_that_is_not_recorded_makes_no_spans() {
    let stage = stage(Collector::default());
    let mut context = stage.context();
    context.tracer = None;
    context
        .scope(async {
            let before = RequestContext::current();
            let span = Span::start("outer");
            assert_eq!(span.traceparent(), before.map(|own| own.traceparent()));
            span.run(async { Ok::<_, &str>(()) }).await.unwrap();
        })
        .await;
    Span::start("outside of any request")
        .run_sync(|| Ok::<_, &str>(()))
        .unwrap();
    stage.exporting.finish().await;
    assert!(stage.collector.spans.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_counted_and_keeps_nobody_waiting() {
    for collector in [
        Collector {
            refuses: true,
            ..Collector::default()
        },
        Collector {
            hangs: true,
            ..Collector::default()
        },
    ] {
        let stage = stage(collector);
        let context = stage.context();
        for _ in 0..20_000 {
            context.clone().sync_scope(|| drop(Span::start("s")));
        }
        // No room for more than the queue holds.
        assert_eq!(stage.dropped(), "3616");
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(stage.dropped(), "20000");
        stage.exporting.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_collector_is_bounded_in_bytes() {
    let stage = stage(Collector {
        hangs: true,
        ..Collector::default()
    });
    let context = stage.context();
    let large = "x".repeat(1 << 20);
    for _ in 0..20 {
        let span = || drop(Span::start("s").with("large", large.clone()));
        context.clone().sync_scope(span);
    }
    assert_eq!(stage.dropped(), "5", "16 MiB hold 15 of a MiB and a little");
    // What has been given up makes room again.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.dropped(), "20");
    context.sync_scope(|| drop(Span::start("s").with("large", large)));
    assert_eq!(stage.dropped(), "20");
    stage.exporting.finish().await;
}
