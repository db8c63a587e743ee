//! What users have agreed to.

use super::App;
use super::input::{Path, Query};
use super::list::{page, read_cursor};
use super::query;
use super::refusal::Answer;
use crate::views::UserGrantsView;
use axum::extract::State;
use axum::response::Json;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "query::limit")]
    limit: Option<u32>,
    #[param(maximum = 10000)]
    #[serde(default, deserialize_with = "query::offset")]
    offset: Option<u32>,
    cursor: Option<String>,
}

/// What a user has agreed to, newest first.
#[utoipa::path(
    get,
    path = "/admin/users/{user}/grants",
    tag = "Grants",
    operation_id = "grants_of_user",
    params(
        ("user" = String, Path, description = "The user's id or address"),
        Part,
    ),
    responses(
        (status = 200, description = "Grants", body = UserGrantsView),
    ),
)]
pub(crate) async fn of_user(
    State(app): State<App>,
    Path(user): Path<String>,
    Query(part): Query<Part>,
) -> Answer<Json<UserGrantsView>> {
    let page = page(part.limit, part.offset)?;
    let behind = read_cursor(part.cursor)?;
    let consents = app.engine.consents(&user, behind.as_ref(), &page).await?;
    Ok(Json(UserGrantsView::from(consents)))
}

/// Takes a consent back, and ends every token that rests on it.
#[utoipa::path(
    delete,
    path = "/admin/grants/consent/{id}",
    tag = "Grants",
    operation_id = "grants_revoke_consent",
    params(
        ("id" = String, Path, description = "The id of the consent"),
    ),
    responses(
        (status = 204, description = "Taken back"),
    ),
)]
pub(crate) async fn revoke_consent(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    app.engine.revoke_consent(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
