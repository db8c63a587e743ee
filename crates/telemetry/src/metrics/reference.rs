//! docs/reference/metrics.md, generated from the catalog.

use std::fmt::Write as _;

use super::catalog::DEFINITIONS;
use super::definition::{Definition, Kind, LabelValues};
use super::instrument::BUCKETS;

const INTRODUCTION: &str = "\
<!-- Generated from crates/telemetry/src/metrics/catalog.rs; see CONTRIBUTING.md to change it. -->
# Metrics

The admin listener serves these at `/metrics` as Prometheus text, or as OpenMetrics to a scraper
that asks for it. Counters whose label values are listed here exist with 0 from the start, so that
`rate()` and `increase()` see the very first event. Label values are closed sets: nothing a caller
sends becomes one.
";

/// The reference page.
#[must_use]
pub fn reference_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for (title, kind) in [
        ("Counters", Kind::Counter),
        ("Histograms", Kind::Histogram),
        ("Gauges", Kind::Gauge),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## {title}\n");
        if kind == Kind::Histogram {
            let bounds: Vec<_> = BUCKETS.iter().map(f64::to_string).collect();
            let _ = write!(
                page,
                "\nAll in seconds, with buckets up to {}.\n",
                bounds.join(", ")
            );
        }
        for definition in DEFINITIONS.iter().filter(|it| it.kind == kind) {
            write_definition(&mut page, definition);
        }
    }
    page
}

fn write_definition(page: &mut String, definition: &Definition) {
    let Definition {
        name, help, worry, ..
    } = definition;
    let _ = write!(page, "\n### `{name}`\n\n{help}\n\n");
    for (label, values) in definition.labels.iter().zip(definition.label_values()) {
        let values = match values {
            LabelValues::Closed(values) => {
                let quoted: Vec<_> = values.iter().map(|it| format!("`{it}`")).collect();
                quoted.join(", ")
            }
            LabelValues::Described(words) => String::from(words),
        };
        let _ = writeln!(page, "- Label `{label}`: {values}");
    }
    if definition.kind != Kind::Gauge && !definition.present_from_start() {
        page.push_str("- A series appears with its first event.\n");
    }
    let _ = writeln!(page, "- Worry when: {worry}");
}
