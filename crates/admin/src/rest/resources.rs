//! Resources: what stands in front of and behind them, and their end.

use super::App;
use super::input::{Path, Query};
use super::refusal::Answer;
use crate::views::ResourceFrontingView;
use axum::extract::State;
use axum::response::Json;
use http::StatusCode;
use serde::Deserialize;

/// How to delete.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deletion {
    #[serde(default)]
    cascade: bool,
}

/// `DELETE /admin/resources/{reference}`
pub(crate) async fn delete(
    State(app): State<App>,
    Path(reference): Path<String>,
    Query(how): Query<Deletion>,
) -> Answer<StatusCode> {
    app.engine.delete_resource(&reference, how.cascade).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /admin/resources/{reference}/fronting`
pub(crate) async fn fronting(
    State(app): State<App>,
    Path(reference): Path<String>,
) -> Answer<Json<ResourceFrontingView>> {
    let resource = app.engine.resource(&reference).await?;
    let links = app.engine.frontings().await?;
    Ok(Json(ResourceFrontingView::new(&resource, &links)))
}
