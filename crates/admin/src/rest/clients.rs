//! Clients.

use super::App;
use super::input::{Body, Path, Query, nullable, present};
use super::list::{page, read_cursor, write_cursor};
use super::query;
use super::refusal::{Answer, deleted};
use super::version::{IfMatch, versioned};
use crate::views::{ChangedClientView, ClientView, CreatedClientView};
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use domain::{
    ApplicationType, AuthMethod, ClientSigningAlgorithm, ClientSource, ClientStatus, GrantType,
};
use engine::Error;
use engine::admin::{ClientChange, NewClient, NewKeys};
use http::StatusCode;
use oauth::ErrorBody;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{ClientFilter, Deletion};
use utoipa::{IntoParams, ToSchema};

/// Which clients.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    status: Option<ClientStatus>,
    source: Option<ClientSource>,
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
pub(crate) struct ClientList {
    clients: Vec<ClientView>,
    next_cursor: Option<String>,
}

/// A client to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientRequest {
    client_id: Option<String>,
    client_name: String,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    grant_types: Vec<GrantType>,
    response_types: Option<Vec<String>>,
    token_endpoint_auth_method: Option<AuthMethod>,
    token_endpoint_auth_signing_alg: Option<ClientSigningAlgorithm>,
    /// With `private_key_jwt`: a JWK Set of public keys.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// With `private_key_jwt`: the URL of one, instead.
    jwks_uri: Option<String>,
    application_type: Option<ApplicationType>,
    #[serde(default)]
    scope: String,
    /// Slug, id or URI.
    default_resource: Option<String>,
    #[serde(default)]
    agent: bool,
    agent_description: Option<String>,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientPatch {
    #[serde(default, alias = "name", deserialize_with = "present")]
    #[schema(nullable = false)]
    client_name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    redirect_uris: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    grant_types: Option<Vec<GrantType>>,
    /// Another method: a new secret is in the answer, once; what belonged to the old is gone.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    token_endpoint_auth_method: Option<AuthMethod>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    token_endpoint_auth_signing_alg: Option<ClientSigningAlgorithm>,
    /// In place of the keys it has.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, value_type = Option<Object>)]
    jwks: Option<Value>,
    /// In place of the keys it has.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    jwks_uri: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// Slug, id or URI.
    #[serde(default, deserialize_with = "nullable")]
    default_resource: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    agent: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    agent_description: Option<Option<String>>,
}

/// How to delete.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HowToDelete {
    #[serde(default)]
    pub(super) force: bool,
}

/// A status, set.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusView {
    status: &'static str,
}

/// Clients, newest first.
#[utoipa::path(
    get,
    path = "/admin/clients",
    tag = "Clients",
    operation_id = "clients_list",
    params(
        Filter,
    ),
    responses(
        (status = 200, description = "A part of the list", body = ClientList),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Filter>,
) -> Answer<Json<ClientList>> {
    let page = page(asked.limit, asked.offset)?;
    let filter = ClientFilter {
        status: asked.status,
        source: asked.source,
        text: asked.q.filter(|text| !text.is_empty()),
        behind: read_cursor(asked.cursor)?,
    };
    let found = app.engine.clients(&filter, &page).await?;
    let rows = found.rows.into_iter();
    Ok(Json(ClientList {
        clients: rows.map(|own| ClientView::from(&own)).collect(),
        next_cursor: found.next.as_ref().map(write_cursor),
    }))
}

/// Creates a client; its secret is shown this once.
#[utoipa::path(
    post,
    path = "/admin/clients",
    tag = "Clients",
    operation_id = "clients_create",
    request_body = ClientRequest,
    responses(
        (status = 201, description = "The client", body = CreatedClientView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 409, description = "There is a client with this id", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Body(new): Body<ClientRequest>,
) -> Answer<Response> {
    let new = NewClient {
        client_id: new.client_id,
        name: new.client_name,
        redirect_uris: new.redirect_uris,
        grant_types: new.grant_types,
        response_types: new.response_types,
        token_endpoint_auth_method: new.token_endpoint_auth_method,
        keys: NewKeys {
            jwks: new.jwks,
            jwks_uri: new.jwks_uri,
            signing_alg: new.token_endpoint_auth_signing_alg,
        },
        application_type: new.application_type,
        scope: new.scope,
        default_resource: new.default_resource,
        agent: new.agent,
        agent_description: new.agent_description,
    };
    let created = app.engine.create_client(new).await?;
    let view = CreatedClientView::from(&created);
    let at = created.client.updated_at;
    Ok(versioned(StatusCode::CREATED, &view, at))
}

/// One client.
#[utoipa::path(
    get,
    path = "/admin/clients/{id}",
    tag = "Clients",
    operation_id = "clients_get",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 200, description = "The client", body = ClientView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
    ),
)]
pub(crate) async fn get(State(app): State<App>, Path(id): Path<String>) -> Answer<Response> {
    let client = app.engine.client(&id).await?;
    let view = ClientView::from(&client);
    Ok(versioned(StatusCode::OK, &view, client.updated_at))
}

/// Changes a client; what is absent stays.
#[utoipa::path(
    patch,
    path = "/admin/clients/{id}",
    tag = "Clients",
    operation_id = "clients_update",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
        ("If-Match" = Option<String>, Header, description = "The version that the change is meant for: the `ETag` of what was read"),
    ),
    request_body = ClientPatch,
    responses(
        (status = 200, description = "The client, with its secret if it just got one", body = ChangedClientView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 409, description = "The client is revoked", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    IfMatch(version): IfMatch,
    Body(patch): Body<ClientPatch>,
) -> Answer<Response> {
    let change = ClientChange {
        name: patch.client_name,
        redirect_uris: patch.redirect_uris,
        grant_types: patch.grant_types,
        token_endpoint_auth_method: patch.token_endpoint_auth_method,
        keys: NewKeys {
            jwks: patch.jwks,
            jwks_uri: patch.jwks_uri,
            signing_alg: patch.token_endpoint_auth_signing_alg,
        },
        scope: patch.scope,
        default_resource: patch.default_resource.map(Option::unwrap_or_default),
        agent: patch.agent,
        agent_description: patch.agent_description.map(Option::unwrap_or_default),
        version,
    };
    let changed = app.engine.update_client(&id, change).await?;
    let view = ChangedClientView::from(&changed);
    Ok(versioned(StatusCode::OK, &view, changed.client.updated_at))
}

/// Deletes a client.
#[utoipa::path(
    delete,
    path = "/admin/clients/{id}",
    tag = "Clients",
    operation_id = "clients_delete",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
        ("If-Match" = Option<String>, Header, description = "The version that the change is meant for: the `ETag` of what was read"),
        HowToDelete,
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 409, description = "It holds tokens or consents that are alive; `force` deletes it with them", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
    IfMatch(version): IfMatch,
    Query(how): Query<HowToDelete>,
) -> Answer<StatusCode> {
    let how = Deletion {
        version,
        force: how.force,
    };
    deleted(app.engine.delete_client(&id, how).await)
}

/// Lets a client do nothing until it is reactivated.
#[utoipa::path(
    patch,
    path = "/admin/clients/{id}/suspend",
    tag = "Clients",
    operation_id = "clients_suspend",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 200, description = "Its status", body = StatusView),
        (status = 409, description = "The client is revoked", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn suspend(state: State<App>, id: Path<String>) -> Answer<Json<StatusView>> {
    set_status(state, id, ClientStatus::Suspended).await
}

/// Lets a suspended client act again.
#[utoipa::path(
    patch,
    path = "/admin/clients/{id}/reactivate",
    tag = "Clients",
    operation_id = "clients_reactivate",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 200, description = "Its status", body = StatusView),
        (status = 409, description = "The client is revoked", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn reactivate(state: State<App>, id: Path<String>) -> Answer<Json<StatusView>> {
    set_status(state, id, ClientStatus::Active).await
}

/// Ends a client for good, with all its tokens.
#[utoipa::path(
    patch,
    path = "/admin/clients/{id}/revoke",
    tag = "Clients",
    operation_id = "clients_revoke",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 200, description = "Its status", body = StatusView),
        (status = 409, description = "The client is revoked", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke(state: State<App>, id: Path<String>) -> Answer<Json<StatusView>> {
    set_status(state, id, ClientStatus::Revoked).await
}

async fn set_status(
    State(app): State<App>,
    Path(id): Path<String>,
    status: ClientStatus,
) -> Answer<Json<StatusView>> {
    let done = app.engine.set_client_status(&id, status).await;
    done.map_err(|error| match error.code {
        // Revocation is for good: what stands in the way is the client, not the request.
        oauth::ErrorCode::InvalidRequest => Error::conflict(error.description),
        _ => error,
    })?;
    Ok(Json(StatusView {
        status: status.as_str(),
    }))
}

/// Gives a client a new secret, shown this once; the old one dies.
#[utoipa::path(
    post,
    path = "/admin/clients/{id}/rotate-secret",
    tag = "Clients",
    operation_id = "clients_rotate_secret",
    params(
        ("id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 200, description = "The client", body = CreatedClientView),
        (status = 409, description = "The client is revoked", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn rotate_secret(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Response> {
    let rotated = app.engine.rotate_client_secret(&id).await?;
    Ok(Json(CreatedClientView::from(&rotated)).into_response())
}
