//! Fronting links.

use super::App;
use super::input::{Body, Path, Query, Whole};
use super::refusal::{Answer, deleted};
use crate::views::{FrontingLinkView, TriedFrontingLinkView};
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use engine::admin::ScopeMap;
use http::StatusCode;
use oauth::ErrorBody;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All links.
#[derive(Serialize, ToSchema)]
pub(crate) struct FrontingLinks {
    fronting_links: Vec<FrontingLinkView>,
}

/// A link to declare.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFrontingLink {
    source_slug: String,
    target_slug: String,
    #[schema(value_type = HashMap<String, Vec<String>>)]
    scope_map: ScopeMap,
    #[serde(default)]
    dry_run: bool,
}

/// What to change of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontingLinkChange {
    #[schema(value_type = HashMap<String, Vec<String>>)]
    scope_map: ScopeMap,
}

/// Source and target.
type Ends = Path<(String, String)>;

/// All fronting links, as a whole list.
#[utoipa::path(
    get,
    path = "/admin/fronting",
    tag = "Fronting",
    operation_id = "fronting_list",
    responses(
        (status = 200, description = "Links", body = FrontingLinks),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Query(Whole {}): Query<Whole>,
) -> Answer<Json<FrontingLinks>> {
    let links = app.engine.frontings().await?;
    let fronting_links = links.iter().map(FrontingLinkView::from).collect();
    Ok(Json(FrontingLinks { fronting_links }))
}

/// Declares a fronting link, or tries whether it could be.
#[utoipa::path(
    post,
    path = "/admin/fronting",
    tag = "Fronting",
    operation_id = "fronting_create",
    request_body = NewFrontingLink,
    responses(
        (status = 201, description = "The link", body = FrontingLinkView),
        (status = 200, description = "It could be declared", body = TriedFrontingLinkView),
        (status = 404, description = "There is no such resource", body = ErrorBody, content_type = "application/problem+json"),
        (status = 409, description = "It exists, or a token could come back to where it started", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Body(new): Body<NewFrontingLink>,
) -> Answer<Response> {
    let created = app
        .engine
        .create_fronting(
            &new.source_slug,
            &new.target_slug,
            new.scope_map,
            new.dry_run,
        )
        .await?;
    Ok(match new.dry_run {
        true => Json(TriedFrontingLinkView::from(&created)).into_response(),
        false => (StatusCode::CREATED, Json(FrontingLinkView::from(&created))).into_response(),
    })
}

/// One fronting link.
#[utoipa::path(
    get,
    path = "/admin/fronting/{source}/{target}",
    tag = "Fronting",
    operation_id = "fronting_get",
    params(
        ("source" = String, Path, description = "Slug of the gateway"),
        ("target" = String, Path, description = "Slug of what stands behind it"),
    ),
    responses(
        (status = 200, description = "The link", body = FrontingLinkView),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Path((source, target)): Ends,
) -> Answer<Json<FrontingLinkView>> {
    let link = app.engine.fronting(&source, &target).await?;
    Ok(Json(FrontingLinkView::from(&link)))
}

/// Changes the scopes of a fronting link.
#[utoipa::path(
    patch,
    path = "/admin/fronting/{source}/{target}",
    tag = "Fronting",
    operation_id = "fronting_update",
    params(
        ("source" = String, Path, description = "Slug of the gateway"),
        ("target" = String, Path, description = "Slug of what stands behind it"),
    ),
    request_body = FrontingLinkChange,
    responses(
        (status = 200, description = "The link", body = FrontingLinkView),
    ),
)]
pub(crate) async fn update(
    State(app): State<App>,
    Path((source, target)): Ends,
    Body(change): Body<FrontingLinkChange>,
) -> Answer<Json<FrontingLinkView>> {
    let link = app
        .engine
        .update_fronting(&source, &target, change.scope_map)
        .await?;
    Ok(Json(FrontingLinkView::from(&link)))
}

/// Deletes a fronting link.
#[utoipa::path(
    delete,
    path = "/admin/fronting/{source}/{target}",
    tag = "Fronting",
    operation_id = "fronting_delete",
    params(
        ("source" = String, Path, description = "Slug of the gateway"),
        ("target" = String, Path, description = "Slug of what stands behind it"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Path((source, target)): Ends,
) -> Answer<StatusCode> {
    deleted(app.engine.delete_fronting(&source, &target).await)
}
