//! The catalog is sound, and page and endpoint agree with it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::fresh;
use crate::metrics::{
    DEFINITIONS, DbOp, DenyReason, Format, Kind, LabelValues, Method, PoolState, StoreKind,
    reference_markdown,
};

#[test]
fn names_and_labels_follow_the_conventions() {
    let mut names = HashSet::new();
    for definition in DEFINITIONS {
        let name = definition.name;
        assert!(names.insert(name), "{name} is declared twice");
        assert_eq!(
            definition.kind == Kind::Counter,
            name.ends_with("_total"),
            "{name}"
        );
        if definition.kind == Kind::Histogram {
            assert!(
                name.ends_with("_seconds") && definition.unit == "s",
                "{name}"
            );
        }
        assert!(
            definition.help.ends_with('.') && definition.worry.ends_with('.'),
            "{name}"
        );
        for (label, values) in definition.labels.iter().zip(definition.label_values()) {
            assert!(*label != "le" && !label.starts_with("__"), "{name}");
            if let LabelValues::Closed(values) = values {
                let distinct: HashSet<_> = values.iter().collect();
                assert_eq!(distinct.len(), values.len(), "{name} {label}");
            }
        }
    }
    for reason in DenyReason::ALL {
        let word = reason.as_str();
        assert!(
            word.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{word}"
        );
    }
}

#[test]
fn the_page_and_the_endpoint_list_the_same_metrics() {
    let metrics = fresh();
    metrics.http_request(Method::Get, metrics.route("/livez"), 200, 0.0);
    metrics
        .db_operation_duration
        .record((DbOp::Ping, StoreKind::Sqlite), 0.0);
    metrics.set_active_clients(0);
    metrics.set_active_token_families(0);
    metrics.set_key_last_rotation(0);
    metrics.observe_pool(Arc::new(PoolState::default));
    metrics.observe_connections(Arc::new(|_| 0));
    metrics.observe_caches(Arc::new(|_| 0));
    let exposed: HashSet<_> = metrics
        .render(Format::Text)
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned()))
        .collect();
    let documented: HashSet<_> = reference_markdown()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("### `")?.trim_end_matches('`').to_owned()))
        .collect();
    let declared: HashSet<_> = DEFINITIONS.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(exposed, declared);
    assert_eq!(documented, declared);
}

#[test]
fn the_reference_page_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, reference_markdown()).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == reference_markdown(),
        "docs/reference/metrics.md is out of date; run these tests with UPDATE_REFERENCE=1"
    );
}
