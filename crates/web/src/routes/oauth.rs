//! Token, registration, revocation and introspection: endpoints that software calls.

use super::App;
use super::answer::{Asked, json, logged};
use ::oauth::{Endpoint, ErrorBody, dpop, media_type};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use engine::Error;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

/// Refuses a body that is sent as something else than the endpoint reads.
async fn check_body(
    app: &App,
    endpoint: Endpoint,
    asked: &Asked,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Response> {
    let check = match endpoint {
        Endpoint::Registration => media_type::check_json,
        Endpoint::Token | Endpoint::Revocation | Endpoint::Introspection => media_type::check_form,
    };
    let sent = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    if let Err(rejection) = check(sent, body) {
        let error = Error::from(rejection);
        app.engine.refuse_unread(endpoint, &error).await;
        return Err(asked.refuse(&error));
    }
    Ok(())
}

fn authorization(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(AUTHORIZATION)
        .iter()
        .map(http::HeaderValue::as_bytes)
}

/// Issues tokens (RFC 6749 §3.2).
#[utoipa::path(
    post,
    path = "/oauth/token",
    tag = "OAuth",
    operation_id = "oauth_token",
    params(
        ("DPoP" = Option<String>, Header, description = "A proof of the key that the token is to be bound to (RFC 9449)"),
    ),
    request_body(content = inline(super::openapi::TokenForm), content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens", body = super::openapi::TokenAnswer),
        (status = 400, description = "The request is wrong in itself, or what it asks for may not be had", body = ErrorBody),
        (status = 401, description = "The client did not authenticate", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database, or the host of the client's keys, does not answer, or took too long", body = ErrorBody),
    ),
    security(("client_secret" = []), ()),
)]
pub(crate) async fn token(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = check_body(&app, Endpoint::Token, &asked, &headers, &body).await {
        return logged(refused);
    }
    let proofs = headers
        .get_all(dpop::HEADER)
        .iter()
        .map(http::HeaderValue::as_bytes);
    let answer = app
        .engine
        .token(authorization(&headers), proofs, &body)
        .await;
    let mut response = match answer.outcome {
        Ok(tokens) => logged(json(StatusCode::OK, tokens.to_json())),
        Err(error) => logged(asked.refuse_token(&error)),
    };
    if let Some(nonce) = answer
        .dpop_nonce
        .and_then(|nonce| http::HeaderValue::try_from(nonce).ok())
    {
        response.headers_mut().insert(dpop::NONCE_HEADER, nonce);
    }
    response
}

/// Ends a token (RFC 7009 §2).
#[utoipa::path(
    post,
    path = "/oauth/revoke",
    tag = "OAuth",
    operation_id = "oauth_revoke",
    request_body(content = inline(super::openapi::PresentedForm), content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is ended, or was not alive", body = Object),
        (status = 400, description = "The request is wrong in itself", body = ErrorBody),
        (status = 401, description = "The client did not authenticate", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database, or the host of the client's keys, does not answer, or took too long", body = ErrorBody),
    ),
    security(("client_secret" = []), ()),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = check_body(&app, Endpoint::Revocation, &asked, &headers, &body).await {
        return refused;
    }
    match app.engine.revoke(authorization(&headers), &body).await {
        Ok(()) => json(StatusCode::OK, "{}"),
        Err(error) => asked.refuse(&error),
    }
}

/// Says whether a token is good (RFC 7662 §2).
#[utoipa::path(
    post,
    path = "/oauth/introspect",
    tag = "OAuth",
    operation_id = "oauth_introspect",
    request_body(content = inline(super::openapi::PresentedForm), content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether it is", body = super::openapi::IntrospectionAnswer),
        (status = 400, description = "The request is wrong in itself", body = ErrorBody),
        (status = 401, description = "The client did not authenticate", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database, or the host of the client's keys, does not answer, or took too long", body = ErrorBody),
    ),
    security(("client_secret" = []), ()),
)]
pub(crate) async fn introspect(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = check_body(&app, Endpoint::Introspection, &asked, &headers, &body).await {
        return refused;
    }
    match app.engine.introspect(authorization(&headers), &body).await {
        Ok(answer) => json(StatusCode::OK, Bytes::from_owner(answer)),
        Err(error) => asked.refuse(&error),
    }
}

/// Registers a client (RFC 7591 §3.1).
#[utoipa::path(
    post,
    path = "/oauth/register",
    tag = "OAuth",
    operation_id = "oauth_register",
    request_body(content = super::openapi::RegistrationRequest),
    responses(
        (status = 201, description = "The client", body = super::openapi::RegistrationAnswer),
        (status = 400, description = "The request is wrong in itself", body = ErrorBody),
        (status = 403, description = "It may not", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database does not answer, or took too long", body = ErrorBody),
    ),
)]
pub(crate) async fn register(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let endpoint = Endpoint::Registration;
    if let Err(refused) = check_body(&app, endpoint, &asked, &headers, &body).await {
        return refused;
    }
    match app.engine.register(&body).await {
        Ok(registered) => json(StatusCode::CREATED, registered.to_json()),
        Err(error) => asked.refuse(&error),
    }
}
