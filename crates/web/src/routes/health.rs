//! Probes.

use super::App;
use super::answer::json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json as value;

/// `GET /livez`: the process answers. Touches nothing.
pub(crate) async fn livez() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// `GET /health`: the database answers.
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

/// `GET /ready`: requests can be served.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    if app.engine.ready().await {
        json(StatusCode::OK, r#"{"status":"ready"}"#)
    } else {
        json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"not ready"}"#)
    }
}
