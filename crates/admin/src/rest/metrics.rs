//! `/metrics`, for scrapers.

use super::App;
use super::access::refuse_key;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use oauth::ErrorBody;
use std::sync::Arc;
use telemetry::metrics::Format;
use web::shell::Exchange;

/// The metrics, at `observability.metrics.path`. Open unless `observability.metrics.require_auth`;
/// credentials that a scraper sends all the same are not held against it.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "System",
    operation_id = "metrics_scrape",
    responses(
        (status = 200, description = "All series", content((String = "text/plain"), (String = "application/openmetrics-text"))),
        (status = 401, description = "They are not open, and the key is missing or wrong", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn scrape(
    State(app): State<App>,
    exchange: Option<Extension<Arc<Exchange>>>,
    headers: HeaderMap,
) -> Response {
    if app.engine.config().observability.metrics.require_auth && !app.key.opens(&headers) {
        return refuse_key(&app, exchange.as_deref().map(AsRef::as_ref)).await;
    }
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::negotiate(accept);
    (
        [(CONTENT_TYPE, format.content_type())],
        app.engine.metrics().render(format),
    )
        .into_response()
}
