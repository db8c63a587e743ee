//! What users have agreed to.

use super::App;
use super::input::{Path, Query};
use super::refusal::Answer;
use crate::views::UserGrantsView;
use axum::extract::State;
use axum::response::Json;
use http::StatusCode;
use serde::Deserialize;
use store::Page;

/// Which part of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    limit: Option<u32>,
    offset: Option<u32>,
}

/// `GET /admin/users/{user}/grants`
pub(crate) async fn of_user(
    State(app): State<App>,
    Path(user): Path<String>,
    Query(part): Query<Part>,
) -> Answer<Json<UserGrantsView>> {
    let page = Page::of(part.limit, part.offset);
    let consents = app.engine.consents(&user, &page).await?;
    Ok(Json(UserGrantsView::new(&consents)))
}

/// `DELETE /admin/grants/consent/{id}`
pub(crate) async fn revoke_consent(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    app.engine.revoke_consent(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
