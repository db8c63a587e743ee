//! The few totals behind the console's charts.

use super::instrument::BUCKETS;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};

/// Totals since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Access tokens issued.
    pub issued: u64,
    /// Requests refused for a reason of `authserver_auth_denied_total`.
    pub refused: u64,
    /// Requests answered with a status of 500 or above.
    pub failed: u64,
    /// Issuances by how long they took: one number for each bound of [`BUCKETS`], not summed
    /// up, and one for all that took longer.
    pub issuance: [u64; BUCKETS.len() + 1],
}

impl Vitals {
    pub(super) fn read(collected: &ResourceMetrics) -> Self {
        let mut vitals = Self::default();
        let scopes = collected.scope_metrics();
        for metric in scopes.flat_map(|scope| scope.metrics()) {
            match metric.name() {
                "authserver_tokens_issued_total" => vitals.issued = total(metric, |_| true),
                "authserver_auth_denied_total" => vitals.refused = total(metric, |_| true),
                "authserver_http_requests_total" => {
                    vitals.failed = total(metric, |status| status.starts_with('5'));
                }
                "authserver_token_issuance_duration_seconds" => {
                    vitals.issuance = buckets(metric);
                }
                _ => {}
            }
        }
        vitals
    }

    /// The time in seconds within which 99 of 100 issuances were done between `earlier` and
    /// now, as far as the buckets tell; `None` when there were none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a few minutes, for a drawing"
    )]
    pub fn slowest_percent(&self, earlier: &Self) -> Option<f64> {
        let counts: Vec<u64> = self
            .issuance
            .iter()
            .zip(&earlier.issuance)
            .map(|(now, then)| now.saturating_sub(*then))
            .collect();
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return None;
        }
        let wanted = all as f64 * 0.99;
        let (mut before, mut lower) = (0.0, 0.0);
        for (count, upper) in counts.iter().zip(BUCKETS) {
            let count = *count as f64;
            if before + count >= wanted {
                return Some(lower + (upper - lower) * (wanted - before) / count);
            }
            before += count;
            lower = upper;
        }
        Some(lower)
    }
}

/// The sum of the series whose status passes; series without one have an empty status.
fn total(metric: &Metric, counts: impl Fn(&str) -> bool) -> u64 {
    let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() else {
        return 0;
    };
    let points = sum.data_points().filter(|point| {
        let mut attributes = point.attributes();
        let status = attributes.find(|own| own.key.as_str() == "status");
        counts(&status.map_or_else(Default::default, |own| own.value.as_str()))
    });
    points.map(|point| point.value()).sum()
}

fn buckets(metric: &Metric) -> [u64; BUCKETS.len() + 1] {
    let mut sums = [0; BUCKETS.len() + 1];
    let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() else {
        return sums;
    };
    for point in histogram.data_points() {
        for (sum, count) in sums.iter_mut().zip(point.bucket_counts()) {
            *sum += count;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::{Method, Metrics, MetricsOptions};
    use super::*;
    use domain::GrantType;

    #[test]
    fn totals_are_those_of_the_instruments() {
        let metrics = Metrics::new(MetricsOptions::default());
        assert_eq!(metrics.vitals(), Vitals::default());
        metrics.tokens_issued.add(GrantType::AuthorizationCode);
        metrics.tokens_issued.add(GrantType::ClientCredentials);
        metrics
            .auth_denied
            .add(super::super::DenyReason::InvalidRequest);
        let route = metrics.route("/x");
        for status in [200, 404, 500, 503] {
            metrics.http_request(Method::Get, route, status, 0.1);
        }
        let took = &metrics.token_issuance_duration;
        took.record(GrantType::AuthorizationCode, 0.02);
        took.record(GrantType::ClientCredentials, 60.0);
        let vitals = metrics.vitals();
        assert_eq!((vitals.issued, vitals.refused, vitals.failed), (2, 1, 2));
        assert_eq!(vitals.issuance.iter().sum::<u64>(), 2);
        assert_eq!((vitals.issuance[3], vitals.issuance[12]), (1, 1));
    }

    #[test]
    fn the_slowest_percent_is_read_from_what_came_since() {
        let mut then = Vitals::default();
        then.issuance[12] = 50;
        let mut now = then.clone();
        assert_eq!(now.slowest_percent(&then), None);
        now.issuance[0] = 98;
        now.issuance[1] = 2;
        let half = now.slowest_percent(&then).expect("issuances");
        assert!((half - 0.003).abs() < 1e-9, "{half}");
        now.issuance[12] = 90;
        assert_eq!(now.slowest_percent(&then), Some(10.0));
    }
}
