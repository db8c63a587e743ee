//! The console: the operator's pages at `/admin/ui/`.
//!
//! Rendered by the server, one module and one template per page. A page reads its request, makes
//! calls to the engine, and shows what came of them; nothing is kept between requests but the
//! signed cookie of a [`session`] and the [`history`] behind the charts. Everything that changes
//! something is a form that carries its session's token, and everything that ends something is
//! asked about on a page of its own first ([`confirm`]).

mod assets;
mod audit;
mod clients;
mod confirm;
mod consents;
mod form;
mod fronting;
mod history;
mod issuances;
mod keys;
mod moment;
mod overview;
mod page;
mod resources;
mod session;
mod sign_in;
mod system;
mod tokens;
mod users;

use crate::rest::App;
use crate::rest::room::take_turns;
use axum::Router;
use axum::routing::{get, post};
use history::History;
use std::sync::Arc;
use tokio::sync::watch;

/// What every page can reach.
#[derive(Clone)]
pub(crate) struct Console {
    app: App,
    history: History,
    /// Host of the issuer, shown on every page.
    issuer_host: Arc<str>,
}

/// Rows of a list on one page.
const ROWS: u32 = 50;

/// All routes of the console.
pub(crate) fn router(app: App, stop: watch::Receiver<bool>) -> Router {
    let issuer = app.engine.issuer();
    let console = Console {
        issuer_host: issuer
            .split_once("://")
            .map_or(issuer, |(_, host)| host)
            .into(),
        history: History::follow(app.engine.metrics().clone(), stop),
        app,
    };
    let guard = axum::middleware::from_fn_with_state(console.clone(), session::guard);
    let turns = axum::middleware::from_fn_with_state(console.app.turns.clone(), take_turns);
    pages()
        .route_layer(turns)
        .route_layer(guard)
        .route("/admin/ui", get(sign_in::to_the_door))
        .route(
            "/admin/ui/sign-in",
            get(sign_in::form).post(sign_in::submit),
        )
        .route("/admin/ui/assets/{file}", get(assets::serve))
        .with_state(console)
}

/// The pages for those who have signed in.
fn pages() -> Router<Console> {
    Router::new()
        .route("/admin/ui/", get(overview::page))
        .route("/admin/ui/charts", get(overview::charts))
        .route("/admin/ui/sign-out", post(sign_in::sign_out))
        .route("/admin/ui/clients", get(clients::list))
        .route(
            "/admin/ui/new/client",
            get(clients::new).post(clients::create),
        )
        .route("/admin/ui/clients/{id}", get(clients::one))
        .route(
            "/admin/ui/clients/{id}/edit",
            get(clients::edit).post(clients::update),
        )
        .route(
            "/admin/ui/clients/{id}/{act}",
            get(clients::ask).post(clients::act),
        )
        .route("/admin/ui/users", get(users::list))
        .route("/admin/ui/new/user", get(users::new).post(users::create))
        .route("/admin/ui/users/{id}", get(users::one))
        .route(
            "/admin/ui/users/{id}/edit",
            get(users::edit).post(users::update),
        )
        .route(
            "/admin/ui/users/{id}/{act}",
            get(users::ask).post(users::act),
        )
        .route("/admin/ui/resources", get(resources::list))
        .route(
            "/admin/ui/new/resource",
            get(resources::new).post(resources::create),
        )
        .route("/admin/ui/resources/{slug}", get(resources::one))
        .route(
            "/admin/ui/resources/{slug}/edit",
            get(resources::edit).post(resources::update),
        )
        .route(
            "/admin/ui/resources/{slug}/delete",
            get(resources::ask).post(resources::delete),
        )
        .route("/admin/ui/fronting", get(fronting::list))
        .route(
            "/admin/ui/new/link",
            get(fronting::new).post(fronting::create),
        )
        .route(
            "/admin/ui/fronting/{source}/{target}",
            get(fronting::edit).post(fronting::update),
        )
        .route(
            "/admin/ui/fronting/{source}/{target}/delete",
            get(fronting::ask).post(fronting::delete),
        )
        .route("/admin/ui/grants", get(consents::list))
        .route(
            "/admin/ui/grants/{id}/revoke",
            get(consents::ask).post(consents::revoke),
        )
        .route("/admin/ui/issuances", get(issuances::list))
        .route("/admin/ui/issuances/{jti}", get(issuances::one))
        .route(
            "/admin/ui/issuances/{jti}/revoke",
            get(issuances::ask).post(issuances::revoke),
        )
        .route("/admin/ui/tokens", get(tokens::page).post(tokens::inspect))
        .route(
            "/admin/ui/tokens/{id}/revoke",
            get(tokens::ask).post(tokens::revoke),
        )
        .route("/admin/ui/keys", get(keys::list))
        .route("/admin/ui/keys/rotate", get(keys::ask).post(keys::rotate))
        .route(
            "/admin/ui/keys/{kid}/retire",
            get(keys::ask_to_retire).post(keys::retire),
        )
        .route("/admin/ui/audit", get(audit::list))
        .route("/admin/ui/audit/export", get(audit::export))
        .route("/admin/ui/audit/stream", get(audit::stream))
        .route("/admin/ui/system", get(system::page))
        .route("/admin/ui/system/dcr", post(system::set_dcr))
        .route("/admin/ui/{*rest}", get(page::nowhere))
}
