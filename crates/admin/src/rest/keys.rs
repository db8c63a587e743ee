//! Signing keys.

use super::App;
use super::refusal::Answer;
use crate::views::{KeyListView, KeyView, RotatedKeyView};
use axum::extract::State;
use axum::response::Json;

/// Signing keys, the current one first.
#[utoipa::path(
    get,
    path = "/admin/keys",
    tag = "Keys",
    operation_id = "keys_list",
    responses(
        (status = 200, description = "Keys", body = KeyListView),
    ),
)]
pub(crate) async fn list(State(app): State<App>) -> Json<KeyListView> {
    let keys = app.engine.keys().list();
    let keys = keys.iter().map(KeyView::from).collect();
    Json(KeyListView { keys })
}

/// Makes a new signing key; the old one verifies until its last token has ended.
#[utoipa::path(
    post,
    path = "/admin/keys/rotate",
    tag = "Keys",
    operation_id = "keys_rotate",
    responses(
        (status = 200, description = "The new key", body = RotatedKeyView),
    ),
)]
pub(crate) async fn rotate(State(app): State<App>) -> Answer<Json<RotatedKeyView>> {
    let key = app.engine.rotate_key().await?;
    Ok(Json(RotatedKeyView {
        kid: key.kid,
        alg: key.alg.as_str(),
    }))
}
