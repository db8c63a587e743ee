//! The endpoints of the public listener (spec: http). A handler reads its request, makes one
//! call to the engine, and renders the answer.

mod answer;
mod authorize;
mod browser;
mod consent_request;
mod discovery;
mod health;
mod login;
mod oauth;
mod openapi;
mod page;

use crate::shell::{AddressLimiter, RateLimitLayer, Refusal, ShellState};
use ::oauth::ErrorCode;
use axum::Router;
use axum::routing::{get, post};
use engine::{Engine, Error};
pub use openapi::{CLIENT_SECRET, document};
use page::Pages;
use std::pin::Pin;
use std::sync::Arc;
use telemetry::metrics::DenyReason;

/// One in so many requests of a client address may be a sign-in: hashing a password costs a hundred
/// times what other requests do.
const SIGN_INS: u32 = 10;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    engine: Engine,
    pages: Pages,
}

/// All routes of the public listener. An issuer with a path is served both below that path and
/// at the root, so that a proxy in front may strip it or not. Discovery documents are at the root
/// alone: the shell takes requests for them there ([`crate::shell::well_known`]).
pub fn router(engine: Engine) -> Router {
    let pages = Pages::new(&engine);
    let app = App { pages, engine };
    let base = app.engine.config().server.issuer.path().to_owned();
    let endpoints = endpoints(&app);
    let router = if base.is_empty() {
        endpoints
    } else {
        Router::new()
            .nest(&base, endpoints.clone())
            .merge(endpoints)
            .route(&format!("{base}/"), get(login::home))
    };
    router.merge(documents()).with_state(app)
}

fn endpoints(app: &App) -> Router<App> {
    let dcr = &app.engine.config().dcr;
    let register = post(oauth::register).layer(RateLimitLayer::new(AddressLimiter::new(
        dcr.rate_limit,
        dcr.rate_limit_burst,
    )));
    let limit = &app.engine.config().rate_limit;
    let sign_ins = limit.enabled.then(|| {
        let share = |all: u32| (all / SIGN_INS).max(1);
        AddressLimiter::new(share(limit.requests_per_second), share(limit.burst))
    });
    let sign_in = post(login::submit).layer(RateLimitLayer::new(sign_ins.flatten()));
    Router::new()
        .route("/", get(login::home))
        .route("/oauth/authorize", get(authorize::authorize))
        .route("/oauth/token", post(oauth::token))
        .route("/oauth/register", register)
        .route("/oauth/revoke", post(oauth::revoke))
        .route("/oauth/introspect", post(oauth::introspect))
        .route("/login", sign_in.get(login::form))
        .route("/logout", post(login::sign_out))
        .route(
            "/consent",
            get(authorize::consent_form).post(authorize::consent),
        )
        .route(
            engine::CONSENT_REQUEST_PATH,
            get(consent_request::form).post(consent_request::submit),
        )
        .route("/livez", get(health::livez))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
}

/// Discovery documents (RFC 8414 §3, OpenID Connect Discovery §4, RFC 9728 §3).
fn documents() -> Router<App> {
    Router::new()
        .route(
            "/.well-known/oauth-authorization-server",
            get(discovery::oauth),
        )
        .route("/.well-known/openid-configuration", get(discovery::openid))
        .route("/.well-known/jwks.json", get(discovery::jwks))
        .route(
            "/.well-known/oauth-protected-resource",
            get(discovery::any_resource),
        )
        .route(
            "/.well-known/oauth-protected-resource/{*reference}",
            get(discovery::resource),
        )
}

/// Has the engine record what the shell refuses in place of a handler.
#[must_use]
pub fn with_refusals_recorded(shell: ShellState, engine: &Engine) -> ShellState {
    let engine = engine.clone();
    let record = move |endpoint, refusal| -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let engine = engine.clone();
        Box::pin(async move { engine.refuse_unread(endpoint, &error_of(refusal)).await })
    };
    ShellState {
        record_refusal: Some(Arc::new(record)),
        ..shell
    }
}

/// A refusal of the shell in the engine's words.
fn error_of(refusal: Refusal) -> Error {
    let reason = match refusal.code() {
        ErrorCode::ServerError => DenyReason::ServerError,
        ErrorCode::TemporarilyUnavailable => DenyReason::TemporarilyUnavailable,
        _ => DenyReason::InvalidRequest,
    };
    let description = refusal.description();
    Error {
        cause: Some(description.clone()),
        ..Error::new(refusal.code(), reason, description)
    }
}

/// Gives the shell the product's own page for errors that a browser gets to see.
#[must_use]
pub fn with_error_page(shell: ShellState, engine: &Engine) -> ShellState {
    let pages = Pages::new(engine);
    ShellState {
        error_page: Some(Arc::new(move |body| pages.error_of_shell(body))),
        ..shell
    }
}
