//! The admin listener: the API behind its key, the console beside it, and `/metrics` in front.

pub(crate) mod access;
mod allowlists;
pub(crate) mod audit;
mod clients;
mod fronting;
mod grants;
pub(crate) mod input;
mod issuances;
mod keys;
pub(crate) mod list;
mod metrics;
mod refusal;
mod resources;
mod settings;
mod system;
mod tokens;
mod users;
mod version;

use ::config::MetricsProvider;
pub use access::AdminKeys;
use access::require_key;
use axum::Router;
use axum::routing::{delete, get, patch, post};
use domain::UnixMillis;
use engine::Engine;
pub(crate) use settings::parse_mode;
use std::sync::Arc;
use tokio::sync::watch;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    pub engine: Engine,
    pub key: AdminKeys,
    pub tails: audit::Tails,
    pub config: Arc<str>,
    pub started_at: UnixMillis,
}

/// What the admin listener needs besides the engine.
pub struct Setup {
    /// What opens it.
    pub keys: AdminKeys,
    /// The effective configuration as JSON, secrets masked.
    pub config: String,
    /// Answers without end end when it becomes true.
    pub stop: watch::Receiver<bool>,
}

/// All routes of the admin listener, behind its keys: the API, the console, the metrics.
pub fn router(engine: Engine, setup: Setup) -> Router {
    let Setup { keys, config, stop } = setup;
    let app = App {
        config: config.into(),
        started_at: engine.now(),
        tails: audit::Tails::until(stop.clone()),
        key: keys,
        engine,
    };
    let api = Router::new()
        .route("/admin/auth/verify", post(access::verify))
        .route("/admin/stats", get(system::stats))
        .route("/admin/system/status", get(system::status))
        .route("/admin/system/config", get(system::config))
        .route("/admin/audit", get(audit::list))
        .route("/admin/audit/stream", get(audit::stream))
        .route("/admin/keys", get(keys::list))
        .route("/admin/keys/rotate", post(keys::rotate))
        .route(
            "/admin/settings/dcr",
            get(settings::get_dcr).patch(settings::set_dcr),
        )
        .route("/admin/clients", get(clients::list).post(clients::create))
        .route(
            "/admin/clients/{id}",
            get(clients::get)
                .patch(clients::update)
                .delete(clients::delete),
        )
        .route("/admin/clients/{id}/suspend", patch(clients::suspend))
        .route("/admin/clients/{id}/reactivate", patch(clients::reactivate))
        .route("/admin/clients/{id}/revoke", patch(clients::revoke))
        .route(
            "/admin/clients/{id}/rotate-secret",
            post(clients::rotate_secret),
        )
        .route("/admin/users", get(users::list).post(users::create))
        .route(
            "/admin/users/{user}",
            get(users::get).patch(users::update).delete(users::delete),
        )
        .route("/admin/users/{user}/disable", patch(users::disable))
        .route("/admin/users/{user}/enable", patch(users::enable))
        .route(
            "/admin/users/{user}/tokens",
            get(tokens::of_user).delete(users::force_logout),
        )
        .route("/admin/tokens", get(tokens::list))
        .route(
            "/admin/tokens/{id}",
            get(tokens::get).delete(tokens::revoke),
        )
        .route(
            "/admin/resources",
            get(resources::list).post(resources::create),
        )
        .route(
            "/admin/resources/{reference}",
            get(resources::get)
                .patch(resources::update)
                .delete(resources::delete),
        )
        .route(
            "/admin/resources/{reference}/fronting",
            get(resources::fronting),
        )
        .route(
            "/admin/resources/{reference}/policy/exchange/allowed-clients",
            get(allowlists::exchange_clients).post(allowlists::add_exchange_client),
        )
        .route(
            "/admin/resources/{reference}/policy/exchange/allowed-clients/{client_id}",
            delete(allowlists::remove_exchange_client),
        )
        .route(
            "/admin/resources/{reference}/policy/runtime/client-ids",
            get(allowlists::runtime_clients).post(allowlists::add_runtime_client),
        )
        .route(
            "/admin/resources/{reference}/policy/runtime/client-ids/{client_id}",
            delete(allowlists::remove_runtime_client),
        )
        .route(
            "/admin/fronting",
            get(fronting::list).post(fronting::create),
        )
        .route(
            "/admin/fronting/{source}/{target}",
            get(fronting::get)
                .patch(fronting::update)
                .delete(fronting::delete),
        )
        .route("/admin/issuances", get(issuances::list))
        .route(
            "/admin/issuances/{jti}",
            get(issuances::get).delete(issuances::revoke),
        )
        .route("/admin/users/{user}/grants", get(grants::of_user))
        .route("/admin/grants/consent/{id}", delete(grants::revoke_consent))
        .route_layer(axum::middleware::from_fn(refusal::tell))
        .route_layer(axum::middleware::from_fn_with_state(
            app.clone(),
            require_key,
        ));
    let metrics = &app.engine.config().observability.metrics;
    let router = match metrics.provider {
        MetricsProvider::Prometheus | MetricsProvider::Both => {
            api.route(&metrics.path, get(metrics::scrape))
        }
        MetricsProvider::Otel | MetricsProvider::None => api,
    };
    let console = crate::console::router(app.clone(), stop);
    router.with_state(app).merge(console)
}
