//! Signing keys.

use super::App;
use super::refusal::Answer;
use crate::views::KeyView;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};

/// `GET /admin/keys`
pub(crate) async fn list(State(app): State<App>) -> Response {
    let keys: Vec<_> = app.engine.keys().list().iter().map(KeyView::from).collect();
    Json(serde_json::json!({ "keys": keys })).into_response()
}

/// `POST /admin/keys/rotate`
pub(crate) async fn rotate(State(app): State<App>) -> Answer<Response> {
    let key = app.engine.rotate_key().await?;
    Ok(Json(serde_json::json!({ "kid": key.kid, "alg": key.alg })).into_response())
}
