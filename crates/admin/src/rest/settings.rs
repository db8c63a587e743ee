//! Settings made at run time.

use super::{App, refuse};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use config::DcrMode;
use engine::Error;
use std::sync::Arc;
use web::shell::Exchange;

/// The body of both answers and of the change.
#[derive(serde::Deserialize)]
pub(crate) struct DcrSettings {
    mode: String,
}

fn view(mode: DcrMode) -> Response {
    Json(serde_json::json!({ "mode": mode.as_str() })).into_response()
}

/// `GET /admin/settings/dcr`
pub(crate) async fn get_dcr(
    State(app): State<App>,
    exchange: Option<Extension<Arc<Exchange>>>,
) -> Response {
    match app.engine.dcr_mode().await {
        Ok(mode) => view(mode),
        Err(error) => refuse(&error, exchange.as_deref().map(AsRef::as_ref)),
    }
}

/// `PATCH /admin/settings/dcr`
pub(crate) async fn set_dcr(
    State(app): State<App>,
    exchange: Option<Extension<Arc<Exchange>>>,
    body: axum::body::Bytes,
) -> Response {
    let set = async {
        let settings: DcrSettings = serde_json::from_slice(&body).map_err(|error| {
            Error::invalid_request(format!("the body is not {{\"mode\": …}}: {error}"))
        })?;
        let mode = parse_mode(&settings.mode)?;
        app.engine.set_dcr_mode(mode).await?;
        Ok::<_, Error>(mode)
    };
    match set.await {
        Ok(mode) => view(mode),
        Err(error) => refuse(&error, exchange.as_deref().map(AsRef::as_ref)),
    }
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
