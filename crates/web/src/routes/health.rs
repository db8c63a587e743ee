//! Probes.

use super::App;
use super::answer::json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json as value;

/// The process answers; nothing is touched.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "Health",
    operation_id = "health_livez",
    responses(
        (status = 200, description = "It does", body = super::openapi::ProbeAnswer),
    ),
)]
pub(crate) async fn livez() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// The database answers.
#[utoipa::path(
    get,
    path = "/health",
    tag = "Health",
    operation_id = "health_health",
    responses(
        (status = 200, description = "It does", body = super::openapi::ProbeAnswer),
        (status = 503, description = "It does not", body = super::openapi::ProbeAnswer),
    ),
)]
pub(crate) async fn health(State(app): State<App>) -> Response {
    let health = app.engine.health().await;
    let (status, word, database) = if health.database {
        (StatusCode::OK, "ok", "ok")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "unreachable",
        )
    };
    json(
        status,
        value!({ "status": word, "time": health.checked_at, "db": database }).to_string(),
    )
}

/// Requests can be served.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "Health",
    operation_id = "health_ready",
    responses(
        (status = 200, description = "They can", body = super::openapi::ProbeAnswer),
        (status = 503, description = "They cannot", body = super::openapi::ProbeAnswer),
    ),
)]
pub(crate) async fn ready(State(app): State<App>) -> Response {
    if app.engine.ready().await {
        json(StatusCode::OK, r#"{"status":"ready"}"#)
    } else {
        json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"not ready"}"#)
    }
}
