//! Resources.

use super::App;
use super::input::{Body, Path, Query, nullable, present};
use super::list::{page, unknown_place};
use super::refusal::{Answer, deleted};
use super::version::{IfMatch, versioned};
use crate::views::{ResourceFrontingView, ResourceView};
use axum::extract::State;
use axum::response::{Json, Response};
use domain::{BackendKind, CatalogScope, Policy, is_valid_slug};
use engine::admin::{NewResource, PolicyChange, ResourceChange, ResourceFilter};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::Deletion;

/// Which resources.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    backend_kind: Option<BackendKind>,
    broker_provider: Option<String>,
    q: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    cursor: Option<String>,
}

/// A part of the list.
#[derive(Serialize)]
pub(crate) struct ResourceList {
    resources: Vec<ResourceView>,
    next_cursor: Option<String>,
}

/// A resource to register.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceRequest {
    slug: String,
    uri: Option<String>,
    #[serde(default = "mint")]
    backend_kind: BackendKind,
    display_name: Option<String>,
    #[serde(default)]
    scopes: Vec<CatalogScope>,
    #[serde(default)]
    policy: Policy,
}

fn mint() -> BackendKind {
    BackendKind::Mint
}

/// What to change; what is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourcePatch {
    #[serde(default, deserialize_with = "nullable")]
    uri: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    scopes: Option<Vec<CatalogScope>>,
    #[serde(default)]
    policy: PolicyPatch,
}

/// What to change of a policy.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PolicyPatch {
    exchange: ExchangePatch,
    runtime: RuntimePatch,
    connect: ConnectPatch,
}

/// What to change of who may exchange.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExchangePatch {
    #[serde(deserialize_with = "present")]
    allowed_client_ids: Option<Vec<String>>,
}

/// What to change of the resource's own clients.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RuntimePatch {
    #[serde(deserialize_with = "present")]
    client_ids: Option<Vec<String>>,
}

/// What to change of where users may be sent.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConnectPatch {
    #[serde(deserialize_with = "present")]
    allowed_return_urls: Option<Vec<String>>,
}

/// `GET /admin/resources`
pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Filter>,
) -> Answer<Json<ResourceList>> {
    let page = page(asked.limit, asked.offset)?;
    if asked
        .cursor
        .as_deref()
        .is_some_and(|slug| !is_valid_slug(slug))
    {
        return Err(unknown_place());
    }
    if asked.broker_provider.is_some() {
        // No resource has a provider, as there are no providers.
        return Ok(Json(ResourceList {
            resources: Vec::new(),
            next_cursor: None,
        }));
    }
    let filter = ResourceFilter {
        backend_kind: asked.backend_kind,
        text: asked.q.filter(|text| !text.is_empty()),
        behind: asked.cursor,
    };
    let found = app.engine.resource_list(&filter, &page).await?;
    let resources = found.resources.iter();
    Ok(Json(ResourceList {
        resources: resources.map(|own| ResourceView::from(&**own)).collect(),
        next_cursor: found.next,
    }))
}

/// `POST /admin/resources`
pub(crate) async fn create(
    State(app): State<App>,
    Body(new): Body<ResourceRequest>,
) -> Answer<Response> {
    let new = NewResource {
        slug: new.slug,
        uri: new.uri,
        backend_kind: new.backend_kind,
        display_name: new.display_name,
        scopes: new.scopes,
        policy: new.policy,
    };
    let resource = app.engine.create_resource(new).await?;
    let view = ResourceView::from(&resource);
    Ok(versioned(StatusCode::CREATED, &view, resource.updated_at))
}

/// `GET /admin/resources/{reference}`
pub(crate) async fn get(State(app): State<App>, Path(reference): Path<String>) -> Answer<Response> {
    let resource = app.engine.resource(&reference).await?;
    let view = ResourceView::from(&*resource);
    Ok(versioned(StatusCode::OK, &view, resource.updated_at))
}

/// `PATCH /admin/resources/{reference}`
pub(crate) async fn update(
    State(app): State<App>,
    Path(reference): Path<String>,
    IfMatch(version): IfMatch,
    Body(patch): Body<ResourcePatch>,
) -> Answer<Response> {
    let change = ResourceChange {
        uri: patch.uri.map(Option::unwrap_or_default),
        display_name: patch.display_name,
        scopes: patch.scopes,
        policy: PolicyChange {
            allowed_client_ids: patch.policy.exchange.allowed_client_ids,
            client_ids: patch.policy.runtime.client_ids,
            allowed_return_urls: patch.policy.connect.allowed_return_urls,
        },
        version,
    };
    let resource = app.engine.update_resource(&reference, change).await?;
    let view = ResourceView::from(&resource);
    Ok(versioned(StatusCode::OK, &view, resource.updated_at))
}

/// How to delete.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HowToDelete {
    #[serde(default)]
    cascade: bool,
}

/// `DELETE /admin/resources/{reference}`
pub(crate) async fn delete(
    State(app): State<App>,
    Path(reference): Path<String>,
    IfMatch(version): IfMatch,
    Query(how): Query<HowToDelete>,
) -> Answer<StatusCode> {
    let how = Deletion {
        version,
        force: how.cascade,
    };
    deleted(app.engine.delete_resource(&reference, how).await)
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
