//! The admin listener: the API behind its key, and `/metrics` in front of it.

mod access;
mod keys;
mod metrics;
mod settings;

use ::config::MetricsProvider;
use access::{AdminKey, require_key};
use axum::Router;
use axum::routing::{get, post};
use engine::Engine;
use oauth::ErrorBody;
use secrecy::SecretString;
pub(crate) use settings::parse_mode;
use std::sync::Arc;
use web::shell::Exchange;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    engine: Engine,
    key: Arc<AdminKey>,
}

/// All routes of the admin listener, behind `api_key`.
pub fn router(engine: Engine, api_key: SecretString) -> Router {
    let app = App {
        key: Arc::new(AdminKey::new(api_key)),
        engine,
    };
    let api = Router::new()
        .route("/admin/auth/verify", post(access::verify))
        .route("/admin/keys", get(keys::list))
        .route("/admin/keys/rotate", post(keys::rotate))
        .route(
            "/admin/settings/dcr",
            get(settings::get_dcr).patch(settings::set_dcr),
        )
        .route_layer(axum::middleware::from_fn_with_state(
            app.clone(),
            require_key,
        ));
    let metrics = &app.engine.config().observability.metrics;
    let router = match metrics.provider {
        MetricsProvider::Prometheus | MetricsProvider::Both => {
            api.route(&metrics.path, get(metrics::scrape))
        }
        MetricsProvider::Otel | MetricsProvider::None => api,
    };
    router.with_state(app)
}

/// A refusal as a problem (RFC 9457).
fn refuse(error: &engine::Error, exchange: Option<&Exchange>) -> axum::response::Response {
    let request_id = exchange.map_or("", |exchange| &exchange.context.request_id);
    let body = ErrorBody::new(error.code, &error.description, request_id);
    match exchange {
        Some(exchange) => web::shell::refusal::answer_error(&body, exchange),
        None => axum::response::Response::new(body.to_json().into()),
    }
}
