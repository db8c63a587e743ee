//! Documents by which clients find their way.

use super::App;
use super::answer::Asked;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use engine::Error;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

/// Public and the same for everybody; a change is seen within five minutes.
fn document(body: impl Into<Body>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (StatusCode::OK, headers, body.into()).into_response()
}

/// `/.well-known/jwks.json` (RFC 7517 §5)
pub(crate) async fn jwks(State(app): State<App>) -> Response {
    document(app.engine.keys().jwks())
}

/// `/.well-known/oauth-authorization-server` (RFC 8414 §3)
pub(crate) async fn oauth(State(app): State<App>, asked: Asked) -> Response {
    match app.engine.metadata().await {
        Ok(documents) => document(Bytes::from_owner(documents.oauth.clone())),
        Err(error) => asked.refuse(&error),
    }
}

/// `/.well-known/openid-configuration` (RFC 8414 §5)
pub(crate) async fn openid(State(app): State<App>, asked: Asked) -> Response {
    match app.engine.metadata().await {
        Ok(documents) => document(Bytes::from_owner(documents.openid.clone())),
        Err(error) => asked.refuse(&error),
    }
}

/// `/.well-known/oauth-protected-resource` (RFC 9728 §3)
pub(crate) async fn any_resource(app: State<App>, asked: Asked) -> Response {
    describe(app, asked, None).await
}

/// `/.well-known/oauth-protected-resource/{reference}` (RFC 9728 §3.1)
pub(crate) async fn resource(
    app: State<App>,
    asked: Asked,
    reference: Result<Path<String>, PathRejection>,
) -> Response {
    match reference {
        Ok(Path(reference)) => describe(app, asked, Some(reference)).await,
        Err(_) => asked.refuse(&Error::invalid_request("the path is not UTF-8")),
    }
}

async fn describe(State(app): State<App>, asked: Asked, reference: Option<String>) -> Response {
    match app.engine.protected_resource(reference.as_deref()).await {
        Ok(Some(description)) => document(description),
        Ok(None) => asked.refuse(&Error::not_found(
            "no protected resource is registered under this name",
        )),
        Err(error) => asked.refuse(&error),
    }
}
