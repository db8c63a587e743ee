//! Signing keys.

use super::App;
use super::input::{OptionalBody, Path, Query, Whole};
use super::refusal::Answer;
use crate::views::{KeyListView, KeyView, RotatedKeyView};
use axum::extract::State;
use axum::response::Json;
use keys::Activation;
use oauth::ErrorBody;
use serde::Deserialize;
use utoipa::ToSchema;

fn listed(app: &App) -> Json<KeyListView> {
    let keys = app.engine.keys().list().into_iter();
    Json(KeyListView {
        keys: keys.map(KeyView::from).collect(),
    })
}

/// Signing keys, the active one first.
#[utoipa::path(
    get,
    path = "/admin/keys",
    tag = "Keys",
    operation_id = "keys_list",
    responses(
        (status = 200, description = "Keys", body = KeyListView),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Query(Whole {}): Query<Whole>,
) -> Answer<Json<KeyListView>> {
    Ok(listed(&app))
}

/// When a new signing key is to sign.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rotation {
    /// At once, in an emergency: verifiers that keep the key set refuse the key's tokens until
    /// they read the set again.
    now: bool,
}

/// Makes a new signing key and publishes it. It signs once it has been published for
/// `signing.publish_ahead`; the old one verifies until its last token has ended.
#[utoipa::path(
    post,
    path = "/admin/keys/rotate",
    tag = "Keys",
    operation_id = "keys_rotate",
    request_body = Option<Rotation>,
    responses(
        (status = 200, description = "The new key", body = RotatedKeyView),
        (status = 409, description = "A published key waits for its time; `now` puts it to use", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn rotate(
    State(app): State<App>,
    OptionalBody(rotation): OptionalBody<Rotation>,
) -> Answer<Json<RotatedKeyView>> {
    let activation = match rotation.now {
        true => Activation::Now,
        false => Activation::Published,
    };
    let key = app.engine.rotate_key(activation).await?;
    Ok(Json(key.into()))
}

/// Lets go of a signing key at once: no token that it signed is accepted any longer. In place of
/// the active key, the pending one signs, or a new one.
#[utoipa::path(
    post,
    path = "/admin/keys/{kid}/retire",
    tag = "Keys",
    operation_id = "keys_retire",
    params(("kid" = String, Path, description = "The id of the key")),
    responses(
        (status = 200, description = "The keys that are left", body = KeyListView),
    ),
)]
pub(crate) async fn retire(
    State(app): State<App>,
    Path(kid): Path<String>,
) -> Answer<Json<KeyListView>> {
    app.engine.retire_key(&kid).await?;
    Ok(listed(&app))
}
