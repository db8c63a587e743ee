//! The clients that a resource's policy names. Both lists are read and changed alike.

use super::App;
use super::input::{Body, Path};
use super::refusal::{Answer, deleted};
use axum::extract::State;
use axum::response::Json;
use domain::{ExchangePolicy, RuntimePolicy};
use http::StatusCode;
use serde::Deserialize;

/// A client to add to a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMember {
    client_id: String,
}

/// A resource and a client on its list.
type Member = Path<(String, String)>;

/// `GET /admin/resources/{reference}/policy/exchange/allowed-clients`
pub(crate) async fn exchange_clients(
    State(app): State<App>,
    Path(reference): Path<String>,
) -> Answer<Json<ExchangePolicy>> {
    let resource = app.engine.resource(&reference).await?;
    Ok(Json(resource.policy.exchange.clone()))
}

/// `POST /admin/resources/{reference}/policy/exchange/allowed-clients`
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

/// `DELETE /admin/resources/{reference}/policy/exchange/allowed-clients/{client_id}`
pub(crate) async fn remove_exchange_client(
    State(app): State<App>,
    Path((reference, client_id)): Member,
) -> Answer<StatusCode> {
    let removed = app.engine.remove_exchange_client(&reference, &client_id);
    deleted(removed.await.map(drop))
}

/// `GET /admin/resources/{reference}/policy/runtime/client-ids`
pub(crate) async fn runtime_clients(
    State(app): State<App>,
    Path(reference): Path<String>,
) -> Answer<Json<RuntimePolicy>> {
    let resource = app.engine.resource(&reference).await?;
    Ok(Json(resource.policy.runtime.clone()))
}

/// `POST /admin/resources/{reference}/policy/runtime/client-ids`
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

/// `DELETE /admin/resources/{reference}/policy/runtime/client-ids/{client_id}`
pub(crate) async fn remove_runtime_client(
    State(app): State<App>,
    Path((reference, client_id)): Member,
) -> Answer<StatusCode> {
    let removed = app.engine.remove_runtime_client(&reference, &client_id);
    deleted(removed.await.map(drop))
}
