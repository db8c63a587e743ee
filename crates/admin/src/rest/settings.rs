//! Settings made at run time.

use super::App;
use super::input::Body;
use super::refusal::Answer;
use axum::extract::State;
use axum::response::Json;
use config::DcrMode;
use engine::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of both answers and of the change.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DcrSettings {
    mode: String,
}

fn view(mode: DcrMode) -> Json<DcrSettings> {
    Json(DcrSettings {
        mode: mode.as_str().to_owned(),
    })
}

/// Who may register clients.
#[utoipa::path(
    get,
    path = "/admin/settings/dcr",
    tag = "Settings",
    operation_id = "settings_get_dcr",
    responses(
        (status = 200, description = "The mode", body = DcrSettings),
    ),
)]
pub(crate) async fn get_dcr(State(app): State<App>) -> Answer<Json<DcrSettings>> {
    Ok(view(app.engine.dcr_mode().await?))
}

/// Sets who may register clients, on all instances and through restarts.
#[utoipa::path(
    patch,
    path = "/admin/settings/dcr",
    tag = "Settings",
    operation_id = "settings_set_dcr",
    request_body = DcrSettings,
    responses(
        (status = 200, description = "The mode", body = DcrSettings),
    ),
)]
pub(crate) async fn set_dcr(
    State(app): State<App>,
    Body(settings): Body<DcrSettings>,
) -> Answer<Json<DcrSettings>> {
    let mode = parse_mode(&settings.mode)?;
    app.engine.set_dcr_mode(mode).await?;
    Ok(view(mode))
}

/// The mode a word stands for.
pub(crate) fn parse_mode(word: &str) -> Result<DcrMode, Error> {
    [
        DcrMode::Open,
        DcrMode::ApprovedRedirects,
        DcrMode::AdminOnly,
    ]
    .into_iter()
    .find(|mode| mode.as_str() == word)
    .ok_or_else(|| Error::invalid_request("mode: choose open, approved_redirects or admin_only"))
}
