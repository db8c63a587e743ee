//! Writing what was collected in the formats Prometheus reads.
//!
//! Two formats, chosen by the scraper's `Accept` header: the Prometheus text format 0.0.4 and
//! OpenMetrics 1.0. They differ in the name of a counter's family (with and without `_total`),
//! in units, in the spelling of numbers, and in the end marker.

use std::collections::HashMap;
use std::fmt::Write as _;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, Histogram, Metric, MetricData, ResourceMetrics,
};

use super::catalog::DEFINITIONS;
use super::definition::{Definition, Kind};
use super::instrument::BUCKETS;

/// A format of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that a scraper with this `Accept` header prefers; text when in doubt.
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> Self {
        let (mut text, mut open) = (0.0_f32, 0.0_f32);
        for entry in accept.unwrap_or("*/*").split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0_f32, None);
            for parameter in parts {
                match parameter.split_once('=') {
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
                        quality = value.trim().parse().unwrap_or(0.0);
                    }
                    Some((name, value)) if name.trim().eq_ignore_ascii_case("version") => {
                        version = Some(value.trim().trim_matches('"'));
                    }
                    _ => {}
                }
            }
            match media_type.as_str() {
                "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                    open = open.max(quality);
                }
                "text/plain" | "text/*" | "*/*" if matches!(version, None | Some("0.0.4")) => {
                    text = text.max(quality);
                }
                _ => {}
            }
        }
        if open > 0.0 && open >= text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes everything in the order of the catalog, series in the order of their labels.
pub(super) fn write(collected: &ResourceMetrics, format: Format) -> String {
    let metrics: HashMap<&str, &Metric> = collected
        .scope_metrics()
        .flat_map(|scope| scope.metrics())
        .map(|metric| (metric.name(), metric))
        .collect();
    let mut page = Page {
        text: String::with_capacity(128 * 1024),
        format,
    };
    if !metrics.is_empty() {
        for definition in DEFINITIONS {
            page.metric(definition, metrics.get(definition.name).copied());
        }
    }
    if format == Format::OpenMetrics {
        page.text.push_str("# EOF\n");
    }
    page.text
}

struct Page {
    text: String,
    format: Format,
}

/// A series, ready to be sorted: its labels as they are written, and its value.
type Series<'a, T> = (String, &'a T);

impl Page {
    fn metric(&mut self, definition: &Definition, metric: Option<&Metric>) {
        let start = self.text.len();
        self.head(definition);
        let head_end = self.text.len();
        match metric.map(Metric::data) {
            Some(AggregatedMetrics::U64(data)) => self.numbers(definition, data),
            Some(AggregatedMetrics::F64(MetricData::Histogram(histogram))) => {
                self.histogram(definition, histogram);
            }
            Some(AggregatedMetrics::F64(data)) => self.numbers(definition, data),
            _ => {}
        }
        // The SDK reports a series without labels only after its first measurement.
        let unlabelled_histogram =
            definition.kind == Kind::Histogram && definition.labels.is_empty();
        if self.text.len() == head_end && unlabelled_histogram {
            self.buckets(definition.name, "", [0; BUCKETS.len() + 1].into_iter());
            self.totals(definition.name, "", 0.0, 0);
        }
        if self.text.len() == head_end {
            self.text.truncate(start);
        }
    }

    fn head(&mut self, definition: &Definition) {
        let family = match (self.format, definition.kind) {
            (Format::OpenMetrics, Kind::Counter) => definition.name.trim_end_matches("_total"),
            _ => definition.name,
        };
        let kind = definition.kind.as_str();
        self.line(format_args!(
            "# HELP {family} {}",
            Escaped(definition.help, self.format)
        ));
        self.line(format_args!("# TYPE {family} {kind}"));
        if self.format == Format::OpenMetrics
            && let Some(unit) = open_metrics_unit(definition.unit)
            && family.ends_with(unit)
        {
            self.line(format_args!("# UNIT {family} {unit}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn numbers<T: Copy + Number>(&mut self, definition: &Definition, data: &MetricData<T>) {
        let mut series: Vec<(String, T)> = match data {
            MetricData::Sum(sum) => sum
                .data_points()
                .map(|point| (labels(point.attributes()), point.value()))
                .collect(),
            MetricData::Gauge(gauge) => gauge
                .data_points()
                .map(|point| (labels(point.attributes()), point.value()))
                .collect(),
            _ => Vec::new(),
        };
        series.sort_by(|a, b| a.0.cmp(&b.0));
        for (labels, value) in series {
            self.text.push_str(definition.name);
            if !labels.is_empty() {
                let _ = write!(self.text, "{{{labels}}}");
            }
            self.text.push(' ');
            value.write(&mut self.text);
            self.text.push('\n');
        }
    }

    fn histogram(&mut self, definition: &Definition, histogram: &Histogram<f64>) {
        let mut series: Vec<Series<'_, _>> = histogram
            .data_points()
            .map(|point| (labels(point.attributes()), point))
            .collect();
        series.sort_by(|a, b| a.0.cmp(&b.0));
        for (labels, point) in series {
            self.buckets(definition.name, &labels, point.bucket_counts());
            self.totals(definition.name, &labels, point.sum(), point.count());
        }
    }

    fn buckets(&mut self, name: &str, labels: &str, counts: impl Iterator<Item = u64>) {
        let comma = if labels.is_empty() { "" } else { "," };
        let bounds = BUCKETS.iter().copied().chain([f64::INFINITY]);
        let mut total = 0;
        for (bound, count) in bounds.zip(counts) {
            total += count;
            let bound = Bound(bound, self.format);
            self.line(format_args!(
                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}"
            ));
        }
    }

    fn totals(&mut self, name: &str, labels: &str, sum: f64, count: u64) {
        if labels.is_empty() {
            self.line(format_args!("{name}_sum {sum}"));
            self.line(format_args!("{name}_count {count}"));
        } else {
            self.line(format_args!("{name}_sum{{{labels}}} {sum}"));
            self.line(format_args!("{name}_count{{{labels}}} {count}"));
        }
    }
}

/// `a="b",c="d"`, in the order in which the catalog names the labels.
fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut text = String::new();
    for attribute in attributes {
        if !text.is_empty() {
            text.push(',');
        }
        let value = attribute.value.as_str();
        let _ = write!(
            text,
            "{}=\"{}\"",
            attribute.key.as_str(),
            Escaped(&value, Format::OpenMetrics)
        );
    }
    text
}

/// A number of the SDK.
trait Number {
    fn write(self, text: &mut String);
}

impl Number for u64 {
    fn write(self, text: &mut String) {
        let _ = write!(text, "{self}");
    }
}

impl Number for f64 {
    fn write(self, text: &mut String) {
        if self.is_finite() {
            let _ = write!(text, "{self}");
        } else if self.is_nan() {
            text.push_str("NaN");
        } else {
            text.push_str(if self > 0.0 { "+Inf" } else { "-Inf" });
        }
    }
}

/// An upper bound: OpenMetrics wants a decimal point in it.
struct Bound(f64, Format);

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_infinite() {
            f.write_str("+Inf")
        } else if self.1 == Format::OpenMetrics {
            write!(f, "{:?}", self.0)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// Text in a help line or a label value. Quotes are escaped except in the help lines of 0.0.4.
struct Escaped<'a>(&'a str, Format);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.1 == Format::OpenMetrics => f.write_str("\\\"")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

fn open_metrics_unit(ucum: &str) -> Option<&'static str> {
    match ucum {
        "s" => Some("seconds"),
        "By" => Some("bytes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_chooses_the_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
                          application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        for (accept, format) in [
            (None, Format::Text),
            (Some(""), Format::Text),
            (Some("*/*"), Format::Text),
            (Some("text/html, */*;q=0.8"), Format::Text),
            (Some("text/plain"), Format::Text),
            (Some("application/json"), Format::Text),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (
                Some("Application/OpenMetrics-Text; Version=1.0.0"),
                Format::OpenMetrics,
            ),
            (
                Some("application/openmetrics-text;version=0.0.1"),
                Format::Text,
            ),
            (Some("application/openmetrics-text;q=0"), Format::Text),
            (
                Some("application/openmetrics-text;q=0.2,text/plain"),
                Format::Text,
            ),
            (Some(prometheus), Format::OpenMetrics),
            (Some(prometheus_3), Format::OpenMetrics),
        ] {
            assert_eq!(Format::negotiate(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn a_label_value_cannot_leave_its_quotes() {
        let attribute = KeyValue::new("path", "a\"} 1\nforged\\");
        assert_eq!(labels([attribute].iter()), r#"path="a\"} 1\nforged\\""#);
    }

    #[test]
    fn numbers_are_spelled_as_the_formats_want() {
        for (value, text) in [
            (1.0, "1"),
            (0.25, "0.25"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut written = String::new();
            Number::write(value, &mut written);
            assert_eq!(written, text);
        }
        assert_eq!(Bound(1.0, Format::Text).to_string(), "1");
        assert_eq!(Bound(1.0, Format::OpenMetrics).to_string(), "1.0");
        assert_eq!(Bound(0.001, Format::OpenMetrics).to_string(), "0.001");
    }
}
