//! Resources.

use super::App;
use super::input::{Body, Path, Query, Whole, nullable, present, present_objects};
use super::list::{page, unknown_place};
use super::query;
use super::refusal::{Answer, deleted};
use super::version::{IfMatch, versioned};
use crate::views::{KeptResourceView, ResourceFrontingView, ResourceView};
use axum::extract::State;
use axum::response::{Json, Response};
use domain::{BackendKind, CatalogScope, Policy, TokenTyp, is_valid_slug, object, objects};
use engine::admin::{NewResource, PolicyChange, ResourceChange, ResourceFilter};
use http::StatusCode;
use oauth::ErrorBody;
use serde::{Deserialize, Serialize};
use store::Deletion;
use utoipa::{IntoParams, ToSchema};

/// Which resources.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    backend_kind: Option<BackendKind>,
    broker_provider: Option<String>,
    q: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "query::limit")]
    limit: Option<u32>,
    #[param(maximum = 10000)]
    #[serde(default, deserialize_with = "query::offset")]
    offset: Option<u32>,
    cursor: Option<String>,
}

/// A part of the list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResourceList {
    resources: Vec<ResourceView>,
    next_cursor: Option<String>,
}

/// A resource to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceRequest {
    slug: String,
    uri: Option<String>,
    #[serde(default)]
    backend_kind: NewBackend,
    display_name: Option<String>,
    #[serde(default, deserialize_with = "objects")]
    scopes: Vec<CatalogScope>,
    #[serde(default)]
    token_typ: TokenTyp,
    #[serde(default, deserialize_with = "object")]
    policy: Policy,
}

/// What may stand behind a new resource: no more than the server can serve.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum NewBackend {
    /// The server signs a JWT for it.
    #[default]
    Mint,
}

impl From<NewBackend> for BackendKind {
    fn from(NewBackend::Mint: NewBackend) -> Self {
        Self::Mint
    }
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourcePatch {
    #[serde(default, deserialize_with = "nullable")]
    uri: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "present_objects")]
    #[schema(nullable = false)]
    scopes: Option<Vec<CatalogScope>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    token_typ: Option<TokenTyp>,
    #[serde(default, deserialize_with = "object")]
    policy: PolicyPatch,
}

/// What to change of a policy.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyPatch {
    #[serde(default, deserialize_with = "object")]
    exchange: ExchangePatch,
    #[serde(default, deserialize_with = "object")]
    runtime: RuntimePatch,
    #[serde(default, deserialize_with = "object")]
    connect: ConnectPatch,
}

/// What to change of who may exchange.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExchangePatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    allowed_client_ids: Option<Vec<String>>,
}

/// What to change of the resource's own clients.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuntimePatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    client_ids: Option<Vec<String>>,
}

/// What to change of where users may be sent.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectPatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    allowed_return_urls: Option<Vec<String>>,
}

/// Resources by slug.
#[utoipa::path(
    get,
    path = "/admin/resources",
    tag = "Resources",
    operation_id = "resources_list",
    params(
        Filter,
    ),
    responses(
        (status = 200, description = "A part of the list", body = ResourceList),
    ),
)]
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

/// Registers a resource.
#[utoipa::path(
    post,
    path = "/admin/resources",
    tag = "Resources",
    operation_id = "resources_create",
    request_body = ResourceRequest,
    responses(
        (status = 201, description = "The resource", body = KeptResourceView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 409, description = "There is a resource with this slug or URI", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Body(new): Body<ResourceRequest>,
) -> Answer<Response> {
    let new = NewResource {
        slug: new.slug,
        uri: new.uri,
        backend_kind: new.backend_kind.into(),
        display_name: new.display_name,
        scopes: new.scopes,
        token_typ: new.token_typ,
        policy: new.policy,
    };
    let kept = app.engine.create_resource(new).await?;
    let (view, at) = (KeptResourceView::from(&kept), kept.resource.updated_at);
    Ok(versioned(StatusCode::CREATED, &view, at))
}

/// One resource.
#[utoipa::path(
    get,
    path = "/admin/resources/{reference}",
    tag = "Resources",
    operation_id = "resources_get",
    params(
        ("reference" = String, Path, description = "The resource's slug, id or URI"),
    ),
    responses(
        (status = 200, description = "The resource", body = ResourceView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
    ),
)]
pub(crate) async fn get(State(app): State<App>, Path(reference): Path<String>) -> Answer<Response> {
    let resource = app.engine.resource(&reference).await?;
    let view = ResourceView::from(&*resource);
    Ok(versioned(StatusCode::OK, &view, resource.updated_at))
}

/// Changes a resource; what is absent stays.
#[utoipa::path(
    patch,
    path = "/admin/resources/{reference}",
    tag = "Resources",
    operation_id = "resources_update",
    params(
        ("reference" = String, Path, description = "The resource's slug, id or URI"),
        ("If-Match" = Option<String>, Header, description = "The version that the change is meant for: the `ETag` of what was read"),
    ),
    request_body = ResourcePatch,
    responses(
        (status = 200, description = "The resource", body = KeptResourceView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 409, description = "There is a resource with this URI, or a fronting link rests on what would go", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
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
        token_typ: patch.token_typ,
        policy: PolicyChange {
            allowed_client_ids: patch.policy.exchange.allowed_client_ids,
            client_ids: patch.policy.runtime.client_ids,
            allowed_return_urls: patch.policy.connect.allowed_return_urls,
        },
        version,
    };
    let kept = app.engine.update_resource(&reference, change).await?;
    let (view, at) = (KeptResourceView::from(&kept), kept.resource.updated_at);
    Ok(versioned(StatusCode::OK, &view, at))
}

/// How to delete.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HowToDelete {
    #[serde(default)]
    cascade: bool,
}

/// Deletes a resource.
#[utoipa::path(
    delete,
    path = "/admin/resources/{reference}",
    tag = "Resources",
    operation_id = "resources_delete",
    params(
        ("reference" = String, Path, description = "The resource's slug, id or URI"),
        ("If-Match" = Option<String>, Header, description = "The version that the change is meant for: the `ETag` of what was read"),
        HowToDelete,
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 409, description = "Fronting links rest on it, or it is the default of clients; `dependents` names the resources and clients, and `cascade` ends that with it", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
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

/// The fronting links of a resource, both ways.
#[utoipa::path(
    get,
    path = "/admin/resources/{reference}/fronting",
    tag = "Fronting",
    operation_id = "resources_fronting",
    params(
        ("reference" = String, Path, description = "The resource's slug, id or URI"),
    ),
    responses(
        (status = 200, description = "Links", body = ResourceFrontingView),
    ),
)]
pub(crate) async fn fronting(
    State(app): State<App>,
    Path(reference): Path<String>,
    Query(Whole {}): Query<Whole>,
) -> Answer<Json<ResourceFrontingView>> {
    let resource = app.engine.resource(&reference).await?;
    let links = app.engine.frontings().await?;
    Ok(Json(ResourceFrontingView::new(&resource, &links)))
}
