//! Signing keys.

use super::{App, refuse};
use crate::views::KeyView;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use std::sync::Arc;
use web::shell::Exchange;

/// `GET /admin/keys`
pub(crate) async fn list(State(app): State<App>) -> Response {
    let keys: Vec<_> = app.engine.keys().list().iter().map(KeyView::from).collect();
    Json(serde_json::json!({ "keys": keys })).into_response()
}

/// `POST /admin/keys/rotate`
pub(crate) async fn rotate(
    State(app): State<App>,
    exchange: Option<Extension<Arc<Exchange>>>,
) -> Response {
    match app.engine.rotate_key().await {
        Ok(key) => Json(serde_json::json!({ "kid": key.kid, "alg": key.alg })).into_response(),
        Err(error) => refuse(&error, exchange.as_deref().map(AsRef::as_ref)),
    }
}
