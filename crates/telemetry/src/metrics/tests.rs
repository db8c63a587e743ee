use std::sync::Mutex;
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;

use std::collections::HashSet;

use domain::GrantType;

use super::*;

mod reference;

fn fresh() -> Metrics {
    Metrics::new(MetricsOptions::default())
}

/// Samples of the page: everything but comments.
fn samples(page: &str) -> Vec<&str> {
    page.lines().filter(|line| !line.starts_with('#')).collect()
}

/// The value of the sample with exactly this name and these labels.
fn value<'a>(page: &'a str, series: &str) -> Option<&'a str> {
    page.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

fn every_series(definition: &Definition) -> Vec<String> {
    let mut series = vec![String::new()];
    for (label, values) in definition.labels.iter().zip(definition.label_values()) {
        let LabelValues::Closed(values) = values else {
            panic!("{} has a label that is not closed", definition.name);
        };
        series = series
            .iter()
            .flat_map(|before| {
                let comma = if before.is_empty() { "" } else { "," };
                values
                    .iter()
                    .map(move |value| format!("{before}{comma}{label}=\"{value}\""))
            })
            .collect();
    }
    series
        .iter()
        .map(|labels| match labels.as_str() {
            "" => String::from(definition.name),
            labels => format!("{}{{{labels}}}", definition.name),
        })
        .collect()
}

#[test]
fn every_counter_series_known_in_advance_is_zero_in_the_first_scrape() {
    for format in [Format::Text, Format::OpenMetrics] {
        let page = fresh().render(format);
        let known = DEFINITIONS
            .iter()
            .filter(|it| it.kind == Kind::Counter && it.present_from_start());
        for series in known.flat_map(every_series) {
            assert_eq!(value(&page, &series), Some("0"), "{series}");
        }
    }
    let late: Vec<_> = DEFINITIONS
        .iter()
        .filter(|it| it.kind == Kind::Counter && !it.present_from_start())
        .map(|it| it.name)
        .collect();
    assert_eq!(
        late,
        [
            "authserver_http_requests_total",
            "process_cpu_seconds_total"
        ]
    );
}

#[test]
fn the_alerts_of_the_guide_find_their_series_before_the_first_event() {
    let page = fresh().render(Format::Text);
    for series in [
        "authserver_refresh_token_reuse_total",
        "authserver_key_rotation_total",
        "authserver_auth_denied_total{reason=\"pkce_mismatch\"}",
        "authserver_auth_code_reuse_total{verifier=\"valid\"}",
    ] {
        assert_eq!(value(&page, series), Some("0"), "{series}");
    }
}

#[test]
fn an_event_counts_in_its_series_and_no_other() {
    let metrics = fresh();
    metrics.tokens_issued.add(GrantType::AuthorizationCode);
    metrics.tokens_issued.add(GrantType::AuthorizationCode);
    metrics.tokens_issued.add(GrantType::TokenExchange);
    metrics.refresh_token_reuse.inc();
    metrics
        .revocation_failures
        .add((RevocationPath::CodeReuse, RevocationHalf::Family));
    metrics.introspection.add(false.into());
    metrics.tokens_revoked.add_many(RevokeReason::Admin, 7);
    let page = metrics.render(Format::Text);
    let not_zero: HashSet<_> = samples(&page)
        .into_iter()
        .filter(|line| line.starts_with("authserver_") && !line.ends_with(" 0"))
        .filter(|line| !line.starts_with("authserver_build_info"))
        .collect();
    let expected = HashSet::from([
        "authserver_tokens_issued_total{grant_type=\"authorization_code\"} 2",
        "authserver_tokens_issued_total{grant_type=\"urn:ietf:params:oauth:grant-type:token-exchange\"} 1",
        "authserver_refresh_token_reuse_total 1",
        "authserver_revocation_failures_total{path=\"code_reuse\",half=\"family\"} 1",
        "authserver_introspection_total{active=\"false\"} 1",
        "authserver_tokens_revoked_total{reason=\"admin\"} 7",
    ]);
    assert_eq!(not_zero, expected);
}

#[test]
fn buckets_are_cumulative_and_end_with_all() {
    let metrics = fresh();
    for seconds in [0.0005, 0.001, 0.0011, 0.3, 99.0] {
        metrics
            .token_issuance_duration
            .record(GrantType::RefreshToken, seconds);
    }
    let page = metrics.render(Format::Text);
    let name = "authserver_token_issuance_duration_seconds";
    let labels = "grant_type=\"refresh_token\"";
    for (bound, count) in [
        ("0.001", "2"),
        ("0.005", "3"),
        ("0.25", "3"),
        ("0.5", "4"),
        ("1", "4"),
        ("10", "4"),
        ("+Inf", "5"),
    ] {
        let series = format!("{name}_bucket{{{labels},le=\"{bound}\"}}");
        assert_eq!(value(&page, &series), Some(count), "{series}");
    }
    assert_eq!(
        value(&page, &format!("{name}_count{{{labels}}}")),
        Some("5")
    );
    let sum = value(&page, &format!("{name}_sum{{{labels}}}")).expect("a sum");
    assert!((sum.parse::<f64>().expect("a number") - 99.3026).abs() < 1e-9);
}

#[test]
fn histograms_are_complete_before_their_first_event() {
    let metrics = fresh();
    let page = metrics.render(Format::Text);
    for histogram in [
        "authserver_auth_flow_duration_seconds",
        "authserver_introspection_duration_seconds",
    ] {
        assert_eq!(value(&page, &format!("{histogram}_sum")), Some("0"));
        assert_eq!(value(&page, &format!("{histogram}_count")), Some("0"));
        let infinity = format!("{histogram}_bucket{{le=\"+Inf\"}}");
        assert_eq!(value(&page, &infinity), Some("0"));
    }
    let labelled = "authserver_cimd_fetch_duration_seconds_count{outcome=\"timeout\"}";
    assert_eq!(value(&page, labelled), Some("0"));
    assert!(!page.contains("authserver_db_operation_duration_seconds"));

    metrics.auth_flow_duration.observe(2.0);
    let page = metrics.render(Format::Text);
    assert_eq!(
        value(&page, "authserver_auth_flow_duration_seconds_sum"),
        Some("2")
    );
    assert_eq!(
        page.matches("authserver_auth_flow_duration_seconds_sum")
            .count(),
        1
    );
}

#[test]
fn open_metrics_names_families_units_and_the_end() {
    let metrics = fresh();
    metrics.http_request(Method::Get, RouteLabel::UNMATCHED, 404, 0.002);
    metrics.set_key_last_rotation(1_782_864_860);
    let page = metrics.render(Format::OpenMetrics);
    assert!(page.ends_with("\n# EOF\n"));
    assert_eq!(page.matches("# EOF").count(), 1);
    for line in [
        "# TYPE authserver_tokens_issued counter",
        "# TYPE authserver_http_requests counter",
        "# TYPE process_cpu_seconds counter",
        "# UNIT process_cpu_seconds seconds",
        "# UNIT process_resident_memory_bytes bytes",
        "# UNIT authserver_token_issuance_duration_seconds seconds",
        "# UNIT authserver_key_last_rotation_timestamp_seconds seconds",
        "authserver_refresh_token_reuse_total 0",
        "authserver_key_last_rotation_timestamp_seconds 1782864860",
        "authserver_introspection_duration_seconds_bucket{le=\"1.0\"} 0",
    ] {
        assert!(page.lines().any(|it| it == line), "{line}");
    }
    let mut family = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().expect("a name");
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let unit = rest.split(' ').nth(1).expect("a unit");
            assert!(family.ends_with(unit), "{line}");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(family), "{line} is not of {family}");
        }
    }
}

#[test]
fn text_names_counters_with_their_suffix_and_has_no_end_mark() {
    let page = fresh().render(Format::Text);
    assert!(page.contains("# TYPE authserver_tokens_issued_total counter\n"));
    assert!(!page.contains("# EOF"));
    assert!(!page.contains("# UNIT"));
    assert!(page.ends_with('\n'));
}

#[test]
fn no_event_is_lost_between_threads_and_scrapes() {
    let metrics = fresh();
    let route = metrics.route("/oauth/token");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    metrics.tokens_refreshed.inc();
                    metrics.http_request(Method::Post, route, 200, 0.004);
                }
            });
        }
        for _ in 0..20 {
            let _ = metrics.render(Format::Text);
        }
    });
    let page = metrics.render(Format::Text);
    let labels = "{method=\"POST\",path=\"/oauth/token\",status=\"200\"}";
    for series in [
        String::from("authserver_tokens_refreshed_total"),
        format!("authserver_http_requests_total{labels}"),
        format!("authserver_http_request_duration_seconds_count{labels}"),
    ] {
        assert_eq!(value(&page, &series), Some("80000"), "{series}");
    }
}

#[test]
fn what_callers_try_does_not_make_series() {
    let metrics = fresh();
    let before = samples(&metrics.render(Format::Text)).len();
    assert!(before < 2500, "{before} series in a fresh server");
    for status in 0..u16::MAX {
        metrics
            .http_requests
            .add((Method::from("BREW"), RouteLabel::UNMATCHED, status));
    }
    let page = metrics.render(Format::Text);
    let requests: Vec<_> = samples(&page)
        .into_iter()
        .filter(|line| line.starts_with("authserver_http_requests_total"))
        .collect();
    assert_eq!(requests.len(), 62);
    assert!(
        requests
            .iter()
            .all(|line| line.contains("method=\"OTHER\",path=\"unmatched\""))
    );
}

#[test]
fn a_gauge_is_absent_until_it_is_known() {
    let metrics = fresh();
    let page = metrics.render(Format::Text);
    assert!(!page.contains("authserver_active_clients"));
    assert!(!page.contains("authserver_db_pool"));
    metrics.set_active_clients(12);
    metrics.set_active_clients(11);
    metrics.set_active_token_families(0);
    metrics.observe_pool(Arc::new(|| PoolState {
        in_use: 3,
        idle: 5,
        waiting: 1,
    }));
    let page = metrics.render(Format::Text);
    for (series, expected) in [
        ("authserver_active_clients", "11"),
        ("authserver_active_token_families", "0"),
        ("authserver_db_pool_connections{state=\"in_use\"}", "3"),
        ("authserver_db_pool_connections{state=\"idle\"}", "5"),
        ("authserver_db_pool_waiting", "1"),
        (
            "authserver_build_info{version=\"unknown\",revision=\"unknown\"}",
            "1",
        ),
    ] {
        assert_eq!(value(&page, series), Some(expected), "{series}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_described() {
    let page = fresh().render(Format::Text);
    for definition in DEFINITIONS
        .iter()
        .filter(|it| it.name.starts_with("process_"))
    {
        let value: f64 = value(&page, definition.name)
            .unwrap_or_else(|| panic!("{} is missing", definition.name))
            .parse()
            .expect("a number");
        assert!(value >= 0.0, "{}", definition.name);
    }
}

#[test]
fn nothing_is_rendered_when_nothing_scrapes() {
    let metrics = Metrics::new(MetricsOptions {
        scrape: false,
        ..MetricsOptions::default()
    });
    metrics.tokens_issued.add(GrantType::AuthorizationCode);
    metrics.http_request(Method::Get, RouteLabel::UNMATCHED, 404, 0.1);
    assert_eq!(metrics.render(Format::Text), "");
    assert_eq!(metrics.render(Format::OpenMetrics), "# EOF\n");
}

/// What a collector would get, and whether it takes it.
#[derive(Clone, Default)]
struct Collector {
    names: Arc<Mutex<Vec<String>>>,
    refuses: bool,
}

impl PushMetricExporter for Collector {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.refuses {
            return Err(OTelSdkError::InternalFailure("no".into()));
        }
        let instruments = metrics.scope_metrics().flat_map(|scope| scope.metrics());
        let names = instruments.map(|metric| metric.name().to_owned());
        *self.names.lock().unwrap() = names.collect();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

#[test]
fn a_collector_gets_the_same_instruments() {
    let collector = Collector::default();
    let resource = Resource::builder_empty().build();
    let metrics = Metrics::pushing(MetricsOptions::default(), collector.clone(), resource);
    metrics.introspection_duration.observe(0.1);
    metrics.0.provider.force_flush().unwrap();
    let pushed = collector.names.lock().unwrap().clone();
    let declared: HashSet<_> = DEFINITIONS.iter().map(|own| own.name).collect();
    for name in &pushed {
        assert!(declared.contains(name.as_str()), "{name}");
    }
    // What counts is there before its first event; what measures, once it has.
    for counter in DEFINITIONS.iter().filter(|own| own.kind == Kind::Counter) {
        let sparse = counter.name == "authserver_http_requests_total";
        assert_eq!(
            pushed.iter().any(|own| own == counter.name),
            !sparse,
            "{}",
            counter.name
        );
    }
    let measured = "authserver_introspection_duration_seconds";
    assert!(pushed.iter().any(|own| own == measured));
}

#[test]
fn an_export_that_failed_is_counted() {
    let collector = Collector {
        refuses: true,
        ..Collector::default()
    };
    let resource = Resource::builder_empty().build();
    let metrics = Metrics::pushing(MetricsOptions::default(), collector, resource);
    let series = r#"authserver_telemetry_dropped_total{signal="metrics"}"#;
    assert_eq!(value(&metrics.render(Format::Text), series), Some("0"));
    metrics.0.provider.force_flush().unwrap_err();
    assert_eq!(value(&metrics.render(Format::Text), series), Some("1"));
}
