//! Fronting links.

use super::App;
use super::input::{Body, Path};
use super::refusal::{Answer, deleted};
use crate::views::{FrontingLinkView, TriedFrontingLinkView};
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use engine::admin::ScopeMap;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// All links.
#[derive(Serialize)]
pub(crate) struct FrontingLinks {
    fronting_links: Vec<FrontingLinkView>,
}

/// A link to declare.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFrontingLink {
    source_slug: String,
    target_slug: String,
    scope_map: ScopeMap,
    #[serde(default)]
    dry_run: bool,
}

/// What to change of a link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontingLinkChange {
    scope_map: ScopeMap,
}

/// Source and target.
type Ends = Path<(String, String)>;

/// `GET /admin/fronting`
pub(crate) async fn list(State(app): State<App>) -> Answer<Json<FrontingLinks>> {
    let links = app.engine.frontings().await?;
    let fronting_links = links.iter().map(FrontingLinkView::from).collect();
    Ok(Json(FrontingLinks { fronting_links }))
}

/// `POST /admin/fronting`
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

/// `GET /admin/fronting/{source}/{target}`
pub(crate) async fn get(
    State(app): State<App>,
    Path((source, target)): Ends,
) -> Answer<Json<FrontingLinkView>> {
    let link = app.engine.fronting(&source, &target).await?;
    Ok(Json(FrontingLinkView::from(&link)))
}

/// `PATCH /admin/fronting/{source}/{target}`
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

/// `DELETE /admin/fronting/{source}/{target}`
pub(crate) async fn delete(
    State(app): State<App>,
    Path((source, target)): Ends,
) -> Answer<StatusCode> {
    deleted(app.engine.delete_fronting(&source, &target).await)
}
