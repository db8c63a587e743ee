//! Documents by which clients find their way.

use super::App;
use super::answer::Asked;
use ::oauth::ErrorBody;
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

/// The keys that verify tokens (RFC 7517 §5).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "Discovery",
    operation_id = "discovery_jwks",
    responses(
        (status = 200, description = "The key set", body = Object),
        (status = 429, description = "Too many requests", body = ErrorBody),
    ),
)]
pub(crate) async fn jwks(State(app): State<App>) -> Response {
    document(app.engine.keys().jwks())
}

/// Server metadata (RFC 8414 §3).
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "Discovery",
    operation_id = "discovery_oauth",
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database does not answer, or took too long", body = ErrorBody),
    ),
)]
pub(crate) async fn oauth(State(app): State<App>, asked: Asked) -> Response {
    match app.engine.metadata().await {
        Ok(documents) => document(Bytes::from_owner(documents.oauth.clone())),
        Err(error) => asked.refuse(&error),
    }
}

/// Server metadata in the place where OpenID Connect has it (RFC 8414 §5).
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    tag = "Discovery",
    operation_id = "discovery_openid",
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database does not answer, or took too long", body = ErrorBody),
    ),
)]
pub(crate) async fn openid(State(app): State<App>, asked: Asked) -> Response {
    match app.engine.metadata().await {
        Ok(documents) => document(Bytes::from_owner(documents.openid.clone())),
        Err(error) => asked.refuse(&error),
    }
}

/// Metadata of the one registered resource (RFC 9728 §3).
#[utoipa::path(
    get,
    path = "/.well-known/oauth-protected-resource",
    tag = "Discovery",
    operation_id = "discovery_any_resource",
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 404, description = "There is no such resource", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database does not answer, or took too long", body = ErrorBody),
    ),
)]
pub(crate) async fn any_resource(app: State<App>, asked: Asked) -> Response {
    describe(app, asked, None).await
}

/// Metadata of a resource, by slug or by the path of its URI (RFC 9728 §3.1).
#[utoipa::path(
    get,
    path = "/.well-known/oauth-protected-resource/{reference}",
    tag = "Discovery",
    operation_id = "discovery_resource",
    params(
        ("reference" = String, Path, description = "A slug, or a path"),
    ),
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 400, description = "The request is wrong in itself", body = ErrorBody),
        (status = 404, description = "There is no such resource", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database does not answer, or took too long", body = ErrorBody),
    ),
)]
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
    let found = match reference.as_deref() {
        Some(reference) => named(&app, reference).await,
        None => app.engine.protected_resource(None).await,
    };
    match found {
        Ok(Some(description)) => document(description),
        Ok(None) => asked.refuse(&Error::not_found(
            "no protected resource is registered under this name",
        )),
        Err(error) => asked.refuse(&error),
    }
}

/// A resource by its name, or by its name behind the path of the issuer.
async fn named(app: &App, reference: &str) -> Result<Option<Vec<u8>>, Error> {
    let found = app.engine.protected_resource(Some(reference)).await?;
    let base = app.pages.base_path.trim_start_matches('/');
    let below = reference
        .strip_prefix(base)
        .filter(|rest| !base.is_empty() && (rest.is_empty() || rest.starts_with('/')));
    match (found, below) {
        (None, Some(below)) => app.engine.protected_resource(Some(below)).await,
        (found, _) => Ok(found),
    }
}
