//! What happens to lines on their way out.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Output, logged, metrics, options};
use crate::logging::{init_with_writer, layer, queue};
use crate::metrics::{Format, Metrics};

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
