//! The record of issued tokens.

use super::App;
use super::input::{Path, Query};
use super::refusal::{Answer, Refused};
use crate::views::{IssuanceListView, IssuanceView};
use axum::extract::State;
use axum::response::Json;
use engine::admin::IssuanceQuery;
use http::StatusCode;
use serde::Deserialize;
use store::Page;

/// Which issuances.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    user: Option<String>,
    client: Option<String>,
    resource: Option<String>,
    jti: Option<String>,
    since: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
}

/// `GET /admin/issuances`
pub(crate) async fn list(
    State(app): State<App>,
    Query(filter): Query<Filter>,
) -> Answer<Json<IssuanceListView>> {
    let since = filter.since.as_deref().map(str::parse).transpose();
    let query = IssuanceQuery {
        user: filter.user,
        client: filter.client,
        resource: filter.resource,
        jti: filter.jti,
        since: since.map_err(|fault| Refused::unreadable(format!("since: {fault}")))?,
    };
    let page = Page::of(filter.limit, filter.offset);
    let list = app.engine.issuances(&query, &page).await?;
    Ok(Json(IssuanceListView::from(&list)))
}

/// `GET /admin/issuances/{jti}`
pub(crate) async fn get(
    State(app): State<App>,
    Path(jti): Path<String>,
) -> Answer<Json<IssuanceView>> {
    let issuance = app.engine.issuance(&jti).await?;
    Ok(Json(IssuanceView::from(&issuance)))
}

/// `DELETE /admin/issuances/{jti}`
pub(crate) async fn revoke(State(app): State<App>, Path(jti): Path<String>) -> Answer<StatusCode> {
    app.engine.revoke_issuance(&jti).await?;
    Ok(StatusCode::NO_CONTENT)
}
