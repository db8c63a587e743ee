//! The labels of HTTP requests: method, route template, status.
//!
//! Routes are not known to this crate. They are registered when the routers are built, at most
//! [`MAX_ROUTES`] of them, and a request that matched none is `unmatched`; so the number of
//! series is bounded by what the program is made of, whatever callers try.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram};

use super::definition::{Definition, Kind, LabelValues};
use super::instrument::{Builder, Instrument, seconds_histogram};
use super::label::{Label, label};

/// The most route templates that are told apart.
pub const MAX_ROUTES: usize = 256;

/// The status codes that are told apart: those registered with IANA that a server may send.
/// Another code is counted as the `x00` of its class.
const STATUSES: [u16; 62] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304,
    305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415,
    416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505,
    506, 507, 508, 510, 511,
];

label! {
    /// Method of an HTTP request.
    Method {
        /// GET
        Get = "GET",
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// PATCH
        Patch = "PATCH",
        /// DELETE
        Delete = "DELETE",
        /// HEAD
        Head = "HEAD",
        /// OPTIONS
        Options = "OPTIONS",
        /// Everything else.
        Other = "OTHER",
    }
}

impl From<&str> for Method {
    fn from(method: &str) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == method)
            .unwrap_or(Self::Other)
    }
}

/// A route template that was registered with [`Metrics::route`](super::Metrics::route).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteLabel(u16);

impl RouteLabel {
    /// The route of a request that matched none.
    pub const UNMATCHED: Self = Self(0);
}

/// The route templates known so far.
pub(super) struct Routes(Mutex<Vec<Box<str>>>);

impl Routes {
    pub(super) fn new() -> Self {
        Self(Mutex::new(vec!["unmatched".into()]))
    }

    pub(super) fn register(&self, template: &str) -> RouteLabel {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let position = routes.iter().position(|known| **known == *template);
        let index = match position {
            Some(index) => index,
            None if routes.len() < MAX_ROUTES => {
                routes.push(template.into());
                routes.len() - 1
            }
            None => return RouteLabel::UNMATCHED,
        };
        u16::try_from(index).map_or(RouteLabel::UNMATCHED, RouteLabel)
    }

    fn template(&self, route: RouteLabel) -> String {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes[usize::from(route.0)].to_string()
    }
}

fn status_slot(status: u16) -> usize {
    STATUSES
        .binary_search(&status)
        .or_else(|_| STATUSES.binary_search(&(status / 100 * 100)))
        .unwrap_or(STATUSES.len() - 1)
}

/// One row for each method and route in use, one handle in it for each status.
type Row<T> = Box<[OnceLock<T>]>;

/// Handles of series that are bound when the first request of their kind ends.
struct Table<T> {
    definition: &'static Definition,
    routes: Arc<Routes>,
    rows: Box<[OnceLock<Row<T>>]>,
}

impl<T> Table<T> {
    fn new(builder: &Builder, definition: &'static Definition) -> Self {
        Self {
            definition,
            routes: Arc::clone(&builder.routes),
            rows: (0..MAX_ROUTES * Method::ALL.len())
                .map(|_| OnceLock::new())
                .collect(),
        }
    }

    fn handle(
        &self,
        (method, route, status): (Method, RouteLabel, u16),
        bind: impl FnOnce(&[KeyValue]) -> T,
    ) -> &T {
        let row = usize::from(route.0) * Method::ALL.len() + Label::index(method);
        let slot = status_slot(status);
        let row = self.rows[row].get_or_init(|| STATUSES.iter().map(|_| OnceLock::new()).collect());
        row[slot].get_or_init(|| {
            let [method_name, path_name, status_name] = self.definition.labels else {
                return bind(&[]);
            };
            bind(&[
                KeyValue::new(*method_name, method.as_str()),
                KeyValue::new(*path_name, self.routes.template(route)),
                KeyValue::new(*status_name, STATUSES[slot].to_string()),
            ])
        })
    }
}

fn label_values() -> Vec<LabelValues> {
    let methods = Method::ALL.iter().map(|method| method.as_str()).collect();
    vec![
        LabelValues::Closed(methods),
        LabelValues::Described("the route's template, `unmatched` when there is none"),
        LabelValues::Described("the status code"),
    ]
}

/// Enough for every route to be called with its methods and end in a handful of ways.
const MAX_SERIES: usize = 4000;

/// Counts requests by method, route and status. A series exists from the first request of
/// its kind: which codes a route answers with is not known in advance.
pub struct RequestCounter {
    instrument: opentelemetry::metrics::Counter<u64>,
    table: Table<BoundCounter<u64>>,
}

impl RequestCounter {
    /// Counts one request.
    #[inline]
    pub fn add(&self, request: (Method, RouteLabel, u16)) {
        self.table
            .handle(request, |attributes| self.instrument.bind(attributes))
            .add(1);
    }
}

impl Instrument for RequestCounter {
    const KIND: Kind = Kind::Counter;
    const LABELS: usize = 3;

    fn label_values() -> Vec<LabelValues> {
        label_values()
    }

    fn max_series() -> usize {
        MAX_SERIES
    }

    fn present_from_start() -> bool {
        false
    }

    fn build(builder: &Builder, definition: &'static Definition) -> Self {
        Self {
            instrument: builder
                .meter
                .u64_counter(definition.name)
                .with_description(definition.help)
                .with_unit(definition.unit)
                .build(),
            table: Table::new(builder, definition),
        }
    }
}

/// Measures requests by method, route and status; its series come like those of
/// [`RequestCounter`].
pub struct RequestHistogram {
    instrument: opentelemetry::metrics::Histogram<f64>,
    table: Table<BoundHistogram<f64>>,
}

impl RequestHistogram {
    /// Records how many seconds one request took.
    #[inline]
    pub fn record(&self, request: (Method, RouteLabel, u16), seconds: f64) {
        self.table
            .handle(request, |attributes| self.instrument.bind(attributes))
            .record(seconds);
    }
}

impl Instrument for RequestHistogram {
    const KIND: Kind = Kind::Histogram;
    const LABELS: usize = 3;

    fn label_values() -> Vec<LabelValues> {
        label_values()
    }

    fn max_series() -> usize {
        MAX_SERIES
    }

    fn present_from_start() -> bool {
        false
    }

    fn build(builder: &Builder, definition: &'static Definition) -> Self {
        Self {
            instrument: seconds_histogram(&builder.meter, definition),
            table: Table::new(builder, definition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_nobody_registered_counts_as_its_class() {
        assert!(STATUSES.is_sorted());
        assert_eq!(STATUSES[status_slot(429)], 429);
        assert_eq!(STATUSES[status_slot(499)], 400);
        assert_eq!(STATUSES[status_slot(599)], 500);
        assert_eq!(STATUSES[status_slot(999)], 511);
    }

    #[test]
    fn a_template_is_registered_once_and_the_table_does_not_overflow() {
        let routes = Routes::new();
        let token = routes.register("/oauth/token");
        assert_eq!(token, routes.register("/oauth/token"));
        assert_eq!(routes.template(token), "/oauth/token");
        assert_eq!(routes.register("unmatched"), RouteLabel::UNMATCHED);
        for number in 0..2 * MAX_ROUTES {
            routes.register(&format!("/r/{number}"));
        }
        assert_eq!(routes.register("/one/more"), RouteLabel::UNMATCHED);
        assert_eq!(routes.register("/oauth/token"), token);
    }

    #[test]
    fn an_unknown_method_is_other() {
        assert_eq!(Method::from("GET"), Method::Get);
        assert_eq!(Method::from("BREW"), Method::Other);
        assert_eq!(Method::from("get"), Method::Other);
    }
}
