//! Running out of file descriptors. A process of its own, because the limit is the process's.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::fs::File;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use config::{Config, ListenAddress};
use domain::SystemRng;
use telemetry::Metrics;
use telemetry::metrics::MetricsOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use web::serve::{Listener, ServeOptions, serve};
use web::shell::{ShellState, wrap};

const PATIENCE: Duration = Duration::from_secs(30);

async fn start() -> SocketAddr {
    let metrics = Metrics::new(MetricsOptions::default());
    let state = ShellState::public(&Config::default(), metrics, Arc::new(SystemRng));
    let service = wrap(
        Router::new().route("/livez", get(|| async { "alive" })),
        state,
    );
    let local = ListenAddress {
        host: Some("127.0.0.1".into()),
        port: 0,
    };
    let listener = Listener::bind(&local, None).unwrap();
    let address = listener.local_addr();
    let options = ServeOptions::default();
    tokio::spawn(serve(listener, service, options, std::future::pending()));
    address
}

async fn ask(stream: &mut TcpStream) -> String {
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"alive") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer))
            .await
            .unwrap();
        assert!(read.unwrap() > 0, "closed early");
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn connections_that_cannot_be_accepted_wait_until_they_can() {
    let address = start().await;
    let mut open = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));

    let lowered = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), "--nofile=64:"])
        .status()
        .unwrap();
    assert!(lowered.success());
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    drop(files.pop());
    // The client takes the last descriptor, so the server has none to accept with.
    let mut waiting = TcpStream::connect(address).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    assert!(
        File::open("/dev/null").is_err(),
        "there is no descriptor left"
    );
    assert!(
        ask(&mut open).await.starts_with("HTTP/1.1 200"),
        "open connections go on"
    );

    drop(files);
    assert!(ask(&mut waiting).await.starts_with("HTTP/1.1 200"));
}
