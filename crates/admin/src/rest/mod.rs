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
mod openapi;
mod penalty;
mod query;
mod refusal;
mod resources;
pub(crate) mod room;
mod settings;
mod system;
mod tokens;
mod users;
mod version;

use ::config::MetricsProvider;
pub use access::AdminKeys;
use access::require_key;
use axum::Router;
use axum::routing::get;
use domain::UnixMillis;
use engine::Engine;
pub use openapi::document;
pub(crate) use settings::parse_mode;
use std::sync::Arc;
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct App {
    pub engine: Engine,
    pub key: AdminKeys,
    pub tails: audit::Tails,
    pub turns: room::Turns,
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

impl App {
    fn new(engine: Engine, setup: &Setup) -> Self {
        Self {
            config: setup.config.as_str().into(),
            started_at: engine.now(),
            tails: audit::Tails::until(setup.stop.clone()),
            turns: room::Turns::default(),
            key: setup.keys.clone(),
            engine,
        }
    }
}

/// All routes of the admin listener, behind its keys: the API, the console, the metrics.
pub fn router(engine: Engine, setup: Setup) -> Router {
    let app = App::new(engine, &setup);
    let (api, _) = api().split_for_parts();
    let api = api
        .route("/admin/openapi.json", get(openapi::serve))
        .route_layer(axum::middleware::from_fn(refusal::tell))
        .route_layer(axum::middleware::from_fn_with_state(
            app.turns.clone(),
            room::take_turns,
        ))
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
    let console = crate::console::router(app.clone(), setup.stop);
    router.with_state(app).merge(console)
}

/// The API for whoever has the database and the keys at hand already: without a listener, and
/// without asking for the key.
pub fn at_hand(engine: Engine, setup: &Setup) -> Router {
    let (api, _) = api().split_for_parts();
    api.route_layer(axum::middleware::from_fn(refusal::tell))
        .with_state(App::new(engine, setup))
}

/// The routes of the API with their descriptions.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(access::verify))
        .routes(routes!(system::stats))
        .routes(routes!(system::status))
        .routes(routes!(system::config))
        .routes(routes!(audit::list))
        .routes(routes!(audit::stream))
        .routes(routes!(keys::list))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::retire))
        .routes(routes!(settings::get_dcr, settings::set_dcr))
        .routes(routes!(clients::list, clients::create))
        .routes(routes!(clients::get, clients::update, clients::delete))
        .routes(routes!(clients::suspend))
        .routes(routes!(clients::reactivate))
        .routes(routes!(clients::revoke))
        .routes(routes!(clients::rotate_secret))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(users::disable))
        .routes(routes!(users::enable))
        .routes(routes!(users::force_logout, tokens::of_user))
        .routes(routes!(grants::of_user))
        .routes(routes!(grants::revoke_consent))
        .routes(routes!(tokens::list))
        .routes(routes!(tokens::get, tokens::revoke))
        .routes(routes!(resources::list, resources::create))
        .routes(routes!(
            resources::get,
            resources::update,
            resources::delete
        ))
        .routes(routes!(resources::fronting))
        .routes(routes!(
            allowlists::exchange_clients,
            allowlists::add_exchange_client
        ))
        .routes(routes!(allowlists::remove_exchange_client))
        .routes(routes!(
            allowlists::runtime_clients,
            allowlists::add_runtime_client
        ))
        .routes(routes!(allowlists::remove_runtime_client))
        .routes(routes!(allowlists::return_urls, allowlists::add_return_url))
        .routes(routes!(allowlists::remove_return_url))
        .routes(routes!(fronting::list, fronting::create))
        .routes(routes!(fronting::get, fronting::update, fronting::delete))
        .routes(routes!(issuances::list))
        .routes(routes!(issuances::get, issuances::revoke))
}
