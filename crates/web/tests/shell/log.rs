//! One line for each request.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telemetry::RequestContext;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::server::{PATIENCE, Server, Setup, request};

/// The lines written on this thread while it lives.
struct Lines {
    written: Arc<Mutex<Vec<String>>>,
    _collecting: DefaultGuard,
}

impl Lines {
    fn collect() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Collector(Arc::clone(&lines)));
        Self {
            written: lines,
            _collecting: tracing::subscriber::set_default(subscriber),
        }
    }

    /// What was written since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.written.lock().unwrap())
    }
}

struct Collector(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let _ = write!(self.0, " {}={value:?}", field.name());
            }
        }
        if !event.metadata().target().starts_with("web")
            && !event.metadata().target().starts_with("shell")
        {
            return;
        }
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        let id = RequestContext::with_current(|context| context.request_id.to_string());
        let _ = write!(fields.0, " request_id={id:?}");
        self.0.lock().unwrap().push(fields.0);
    }
}

#[tokio::test]
async fn the_area_and_the_outcome_decide_the_level() {
    let server = Server::start().await;
    let lines = Lines::collect();
    for (path, level) in [
        ("/livez", "DEBUG"),
        ("/.well-known/jwks.json", "DEBUG"),
        ("/oauth/token", "INFO"),
        ("/login", "INFO"),
        ("/items/7?code=s3cret", "INFO"),
        ("/nowhere", "INFO"),
        ("/unready", "WARN"),
    ] {
        server.get(path, &[("x-request-id", "r1")]).await;
        let written = lines.take();
        let [line] = written.as_slice() else {
            panic!("one line for {path}: {written:?}");
        };
        assert!(line.starts_with(level), "{line}");
        assert!(line.contains("message=request ") && line.contains("client_ip=127.0.0.1"));
        assert!(line.ends_with("request_id=Some(\"r1\")"), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
        assert!(line.contains(&format!("path={:?}", path.split('?').next().unwrap())));
        if path.starts_with("/items") {
            assert!(line.contains("route=\"/items/{id}\""), "{line}");
        }
    }
    server.get("/panic", &[]).await;
    let written = lines.take();
    assert_eq!(written.len(), 2, "the panic and the request: {written:?}");
    assert!(written.iter().all(|line| line.starts_with("ERROR")));
    assert!(written[0].contains("panic=\"on purpose\""));
}

#[tokio::test]
async fn a_scrape_is_quiet_wherever_the_metrics_are() {
    let mut setup = Setup {
        admin: true,
        ..Setup::default()
    };
    setup.config.observability.metrics.path = String::from("/items/metrics");
    let server = Server::with(setup).await;
    let lines = Lines::collect();
    for (path, level) in [
        ("/items/metrics", "DEBUG"),
        ("/items/7", "INFO"),
        ("/metrics", "INFO"),
    ] {
        server.get(path, &[]).await;
        let written = lines.take();
        assert!(written[0].starts_with(level), "{path}: {written:?}");
    }
}

#[tokio::test]
async fn a_handler_that_wrote_its_line_gets_no_second_one() {
    let server = Server::start().await;
    let lines = Lines::collect();
    assert_eq!(server.get("/logged", &[]).await.status, 200);
    let written = lines.take();
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].contains("token issued") && written[0].contains("request_id=Some(\"r_"));
}

#[tokio::test]
async fn a_request_whose_client_goes_away_still_gets_its_line_and_its_count() {
    let server = Server::start().await;
    let lines = Lines::collect();
    let mut client = server.connect().await;
    client
        .send(request("GET", "/wait", &[("x-request-id", "gone")], ""))
        .await;
    tokio::time::timeout(PATIENCE, server.waiting.notified())
        .await
        .unwrap();
    drop(client);
    let written = tokio::time::timeout(PATIENCE, async {
        loop {
            let written = lines.take();
            if !written.is_empty() {
                return written;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert!(written[0].contains("request abandoned") && written[0].contains("\"gone\""));
    assert!(server.scrape().contains("path=\"/wait\""));
}
