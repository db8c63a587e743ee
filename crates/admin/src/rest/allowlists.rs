//! The lists of a resource's policy, which are read and changed alike.

use super::App;
use super::input::{Body, Path, Query, Whole};
use super::refusal::{Answer, deleted};
use axum::extract::State;
use axum::response::Json;
use domain::{ConnectPolicy, ExchangePolicy, RuntimePolicy};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// A client to add to a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMember {
    client_id: String,
}

/// A resource and a member of its list.
type Member = Path<(String, String)>;

/// The clients that may exchange tokens for a resource.
#[utoipa::path(
    get,
    path = "/admin/resources/{reference}/policy/exchange/allowed-clients",
    tag = "Resources",
    operation_id = "allowlists_exchange_clients",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
    ),
    responses(
        (status = 200, description = "The list", body = ExchangePolicy),
    ),
)]
pub(crate) async fn exchange_clients(
    State(app): State<App>,
    Path(reference): Path<String>,
    Query(Whole {}): Query<Whole>,
) -> Answer<Json<ExchangePolicy>> {
    let resource = app.engine.resource(&reference).await?;
    Ok(Json(resource.policy.exchange.clone()))
}

/// Adds to the clients that may exchange tokens for a resource.
#[utoipa::path(
    post,
    path = "/admin/resources/{reference}/policy/exchange/allowed-clients",
    tag = "Resources",
    operation_id = "allowlists_add_exchange_client",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
    ),
    request_body = NewMember,
    responses(
        (status = 200, description = "The list", body = ExchangePolicy),
    ),
)]
pub(crate) async fn add_exchange_client(
    State(app): State<App>,
    Path(reference): Path<String>,
    Body(new): Body<NewMember>,
) -> Answer<Json<ExchangePolicy>> {
    let resource = app
        .engine
        .add_exchange_client(&reference, &new.client_id)
        .await?;
    Ok(Json(resource.policy.exchange))
}

/// Removes from the clients that may exchange tokens for a resource.
#[utoipa::path(
    delete,
    path = "/admin/resources/{reference}/policy/exchange/allowed-clients/{client_id}",
    tag = "Resources",
    operation_id = "allowlists_remove_exchange_client",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
        ("client_id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
pub(crate) async fn remove_exchange_client(
    State(app): State<App>,
    Path((reference, client_id)): Member,
) -> Answer<StatusCode> {
    let removed = app.engine.remove_exchange_client(&reference, &client_id);
    deleted(removed.await.map(drop))
}

/// The clients that run a resource, and may introspect its tokens.
#[utoipa::path(
    get,
    path = "/admin/resources/{reference}/policy/runtime/client-ids",
    tag = "Resources",
    operation_id = "allowlists_runtime_clients",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
    ),
    responses(
        (status = 200, description = "The list", body = RuntimePolicy),
    ),
)]
pub(crate) async fn runtime_clients(
    State(app): State<App>,
    Path(reference): Path<String>,
    Query(Whole {}): Query<Whole>,
) -> Answer<Json<RuntimePolicy>> {
    let resource = app.engine.resource(&reference).await?;
    Ok(Json(resource.policy.runtime.clone()))
}

/// Adds to the clients that run a resource, and may introspect its tokens.
#[utoipa::path(
    post,
    path = "/admin/resources/{reference}/policy/runtime/client-ids",
    tag = "Resources",
    operation_id = "allowlists_add_runtime_client",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
    ),
    request_body = NewMember,
    responses(
        (status = 200, description = "The list", body = RuntimePolicy),
    ),
)]
pub(crate) async fn add_runtime_client(
    State(app): State<App>,
    Path(reference): Path<String>,
    Body(new): Body<NewMember>,
) -> Answer<Json<RuntimePolicy>> {
    let resource = app
        .engine
        .add_runtime_client(&reference, &new.client_id)
        .await?;
    Ok(Json(resource.policy.runtime))
}

/// Removes from the clients that run a resource, and may introspect its tokens.
#[utoipa::path(
    delete,
    path = "/admin/resources/{reference}/policy/runtime/client-ids/{client_id}",
    tag = "Resources",
    operation_id = "allowlists_remove_runtime_client",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
        ("client_id" = String, Path, description = "The client's `client_id`"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
pub(crate) async fn remove_runtime_client(
    State(app): State<App>,
    Path((reference, client_id)): Member,
) -> Answer<StatusCode> {
    let removed = app.engine.remove_runtime_client(&reference, &client_id);
    deleted(removed.await.map(drop))
}

/// An address to add to a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReturnUrl {
    url: String,
}

/// The addresses that users may be sent back to after connecting an account for a resource.
#[utoipa::path(
    get,
    path = "/admin/resources/{reference}/policy/connect/allowed-return-urls",
    tag = "Resources",
    operation_id = "allowlists_return_urls",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
    ),
    responses(
        (status = 200, description = "The list", body = ConnectPolicy),
    ),
)]
pub(crate) async fn return_urls(
    State(app): State<App>,
    Path(reference): Path<String>,
    Query(Whole {}): Query<Whole>,
) -> Answer<Json<ConnectPolicy>> {
    let resource = app.engine.resource(&reference).await?;
    Ok(Json(resource.policy.connect.clone()))
}

/// Adds to the addresses that users may be sent back to.
#[utoipa::path(
    post,
    path = "/admin/resources/{reference}/policy/connect/allowed-return-urls",
    tag = "Resources",
    operation_id = "allowlists_add_return_url",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
    ),
    request_body = NewReturnUrl,
    responses(
        (status = 200, description = "The list", body = ConnectPolicy),
    ),
)]
pub(crate) async fn add_return_url(
    State(app): State<App>,
    Path(reference): Path<String>,
    Body(new): Body<NewReturnUrl>,
) -> Answer<Json<ConnectPolicy>> {
    let resource = app.engine.add_return_url(&reference, &new.url).await?;
    Ok(Json(resource.policy.connect))
}

/// Removes from the addresses that users may be sent back to.
#[utoipa::path(
    delete,
    path = "/admin/resources/{reference}/policy/connect/allowed-return-urls/{url}",
    tag = "Resources",
    operation_id = "allowlists_remove_return_url",
    params(
        ("reference" = String, Path, description = "The resource's slug or id"),
        ("url" = String, Path, description = "The address"),
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
pub(crate) async fn remove_return_url(
    State(app): State<App>,
    Path((reference, url)): Member,
) -> Answer<StatusCode> {
    let removed = app.engine.remove_return_url(&reference, &url);
    deleted(removed.await.map(drop))
}
