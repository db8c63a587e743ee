//! The record of issued tokens.

use super::App;
use super::input::{Path, Query};
use super::list::read_cursor;
use super::refusal::{Answer, Refused};
use crate::views::{IssuanceListView, IssuanceView};
use axum::extract::State;
use axum::response::Json;
use engine::admin::{IssuanceQuery, MOST_ISSUANCES};
use http::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use store::Page;
use utoipa::IntoParams;

/// Which issuances.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    user: Option<String>,
    client: Option<String>,
    resource: Option<String>,
    jti: Option<String>,
    since: Option<String>,
    #[param(minimum = 1, maximum = 5000)]
    #[serde(default, deserialize_with = "limit")]
    limit: Option<u32>,
    #[param(value_type = Option<u64>, maximum = 4294967295_u64)]
    offset: Option<u32>,
    cursor: Option<String>,
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    let limit = text.parse();
    limit
        .map(Some)
        .map_err(|_| D::Error::custom(format_args!("give 1 to {MOST_ISSUANCES}")))
}

/// Records of issued access tokens, newest first; name a user, a client, a resource or a token.
#[utoipa::path(
    get,
    path = "/admin/issuances",
    tag = "Issuances",
    operation_id = "issuances_list",
    params(
        Filter,
    ),
    responses(
        (status = 200, description = "Records", body = IssuanceListView),
    ),
)]
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
        behind: read_cursor(filter.cursor)?,
    };
    let page = Page::of(filter.limit, filter.offset);
    let list = app.engine.issuances(&query, &page).await?;
    Ok(Json(IssuanceListView::from(list)))
}

/// The record of one access token.
#[utoipa::path(
    get,
    path = "/admin/issuances/{jti}",
    tag = "Issuances",
    operation_id = "issuances_get",
    params(
        ("jti" = String, Path, description = "The token's `jti`"),
    ),
    responses(
        (status = 200, description = "The record", body = IssuanceView),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path(jti): Path<String>,
) -> Answer<Json<IssuanceView>> {
    let issuance = app.engine.issuance(&jti).await?;
    Ok(Json(IssuanceView::from(&issuance)))
}

/// Ends one access token, and none that was exchanged from it.
#[utoipa::path(
    delete,
    path = "/admin/issuances/{jti}",
    tag = "Issuances",
    operation_id = "issuances_revoke",
    params(
        ("jti" = String, Path, description = "The token's `jti`"),
    ),
    responses(
        (status = 204, description = "Ended"),
    ),
)]
pub(crate) async fn revoke(State(app): State<App>, Path(jti): Path<String>) -> Answer<StatusCode> {
    app.engine.revoke_issuance(&jti).await?;
    Ok(StatusCode::NO_CONTENT)
}
