//! The server itself: numbers, health and configuration.

use super::App;
use super::refusal::Answer;
use crate::views::{DatabaseView, KeysView, StatsView, SystemStatusView};
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use http::header::CONTENT_TYPE;

/// How much there is of everything; at most ten seconds old.
#[utoipa::path(
    get,
    path = "/admin/stats",
    tag = "System",
    operation_id = "system_stats",
    responses(
        (status = 200, description = "Counts", body = StatsView),
    ),
)]
pub(crate) async fn stats(State(app): State<App>) -> Answer<Json<StatsView>> {
    Ok(Json(StatsView::from(app.engine.counts().await?)))
}

/// How this instance and its parts are.
#[utoipa::path(
    get,
    path = "/admin/system/status",
    tag = "System",
    operation_id = "system_status",
    responses(
        (status = 200, description = "State", body = SystemStatusView),
    ),
)]
pub(crate) async fn status(State(app): State<App>) -> Json<SystemStatusView> {
    let engine = &app.engine;
    let (health, pool) = (engine.health().await, engine.store().pool_state());
    let keys = engine.keys().list();
    let active = engine.keys().active();
    let created_at = keys.iter().find(|key| key.kid == active.kid());
    let word = |well: bool, ill: &'static str| if well { "ok" } else { ill };
    Json(SystemStatusView {
        status: word(health.database, "degraded"),
        version: env!("CARGO_PKG_VERSION"),
        issuer: engine.issuer().to_owned(),
        started_at: app.started_at,
        time: engine.now(),
        database: DatabaseView {
            status: word(health.database, "unreachable"),
            driver: engine.config().storage.driver.as_str(),
            in_use: pool.in_use,
            idle: pool.idle,
            waiting: pool.waiting,
        },
        keys: KeysView {
            status: "ok",
            active: active.kid().to_owned(),
            alg: active.algorithm().as_str(),
            created_at: created_at.map_or(app.started_at, |key| key.created_at),
            count: keys.len(),
        },
    })
}

/// The effective configuration, as `authserver config show --json` has it, secrets masked.
#[utoipa::path(
    get,
    path = "/admin/system/config",
    tag = "System",
    operation_id = "system_config",
    responses(
        (status = 200, description = "Sections, whose members have `value` and `layer`", body = serde_json::Value),
    ),
)]
pub(crate) async fn config(State(app): State<App>) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (json, app.config.to_string()).into_response()
}
