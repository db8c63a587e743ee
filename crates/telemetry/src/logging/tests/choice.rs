//! Which events become lines.

use serde_json::Value;

use super::{logged_with, options};
use crate::logging::{Level, LoggingOptions};

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
        tracing::info!(target: "pooling", "pool");
        tracing::debug!(target: "pooling", "detail");
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
            "DEBUG detail",
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
    assert!(file.ends_with("logging/tests/choice.rs"), "{source}");
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
