//! Putting the parts together.

use crate::failure::{Failure, Result};
use config::{
    Config, ExposeSecret as _, LogFormat, PostgresDsn, PostgresNotify, PostgresPooler, Storage,
    StorageDriver,
};
use domain::{Clock, Rng, SystemClock, SystemRng};
use engine::{ClientSecrets, Engine, EngineParts, FormTokens, RefreshSuccessors};
use keys::{Keyring, KeyringOptions, secrets};
use oauth::dpop::NonceKeeper;
use outbound::cimd::CimdResolver;
use outbound::documents::{DocumentObserver, DocumentOptions, FetchOutcome, Suppression};
use outbound::jwks::JwksResolver;
use outbound::{GuardPolicy, GuardedClient};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;
use store::{Location, Missing, Notify, Pooler, PostgresOptions, Store, StoreError};
use telemetry::logging::{self, Level, LogHandle, LoggingOptions};
use telemetry::metrics::labels;
use telemetry::metrics::{MetricsOptions, PoolState};
use telemetry::otlp::{self, Endpoint};
use telemetry::trace::Tracer;
use telemetry::{Metrics, Shipping, metrics};

/// Metrics, and the log they count the drops of.
pub(crate) struct Console {
    pub metrics: Metrics,
    pub log: Option<LogHandle>,
    pub tracer: Option<Tracer>,
    /// What is on its way to collectors.
    pub shipping: Vec<Shipping>,
}

impl Console {
    /// For the server: logs, metrics and traces as configured; within a tokio runtime.
    pub fn for_server(config: &Config) -> Result<Self> {
        use config::MetricsProvider::{Both, None as Nothing, Otel};
        let own = &config.observability;
        let instance = domain::new_uuid(&SystemClock, &SystemRng);
        let resource = otlp::resource(env!("CARGO_PKG_VERSION"), &instance);
        let provider = own.metrics.provider;
        let pushed = own.metrics.otel_endpoint.as_ref();
        let options = MetricsOptions {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("AUTHSERVER_REVISION").unwrap_or("unknown"),
            // The console draws from it, too.
            scrape: provider != Nothing,
        };
        let metrics = match pushed.filter(|_| matches!(provider, Otel | Both)) {
            Some(address) => {
                let exporter = otlp::metric_exporter(&endpoint(address, own.metrics.insecure))
                    .map_err(Failure::new)?;
                Metrics::pushing(options, exporter, resource.clone())
            }
            None => Metrics::new(options),
        };
        let mut shipping = Vec::new();
        let logging = &own.logging;
        let json = match logging.format {
            LogFormat::Json => true,
            LogFormat::Text => false,
            LogFormat::Auto => !std::io::stdout().is_terminal(),
        };
        let options = LoggingOptions {
            level: level(logging.level),
            json,
            add_source: logging.add_source,
            stdout: logging.outputs.stdout,
            ..LoggingOptions::default()
        };
        let outputs = &logging.outputs;
        let log = match outputs.otel_endpoint.as_ref().filter(|_| outputs.otel) {
            Some(address) => {
                let exporter = otlp::log_exporter(&endpoint(address, outputs.insecure))
                    .map_err(Failure::new)?;
                let (log, records) =
                    logging::init_with_exporter(options, &metrics, exporter, &resource)
                        .map_err(Failure::new)?;
                shipping.push(records);
                log
            }
            None => logging::init(options, &metrics).map_err(Failure::new)?,
        };
        let tracing = &own.tracing;
        let tracer = match tracing.endpoint.as_ref().filter(|_| tracing.enabled) {
            Some(address) => {
                let exporter = otlp::span_exporter(&endpoint(address, tracing.insecure))
                    .map_err(Failure::new)?;
                let rng = Arc::new(SystemRng);
                let (tracer, spans) =
                    Tracer::start(exporter, &resource, &metrics, &SystemClock, rng);
                shipping.push(spans);
                Some(tracer)
            }
            None => None,
        };
        Ok(Self {
            metrics,
            log: Some(log),
            tracer,
            shipping,
        })
    }

    /// For the preparations of quickstart, before the server's own log begins.
    pub fn for_quickstart() -> Self {
        Self {
            metrics: Metrics::new(MetricsOptions::default()),
            log: None,
            tracer: None,
            shipping: Vec::new(),
        }
    }

    /// For a command: warnings and errors on standard error, so that output stays clean.
    pub fn for_command(config: &Config) -> Self {
        let metrics = Metrics::new(MetricsOptions::default());
        let debug = config.observability.logging.level == config::LogLevel::Debug;
        let options = LoggingOptions {
            level: if debug { Level::Debug } else { Level::Warn },
            json: false,
            ..LoggingOptions::default()
        };
        let log = logging::init_with_writer(options, &metrics, Box::new(std::io::stderr())).ok();
        Self {
            metrics,
            log,
            tracer: None,
            shipping: Vec::new(),
        }
    }
}

fn endpoint(address: &config::CollectorAddress, insecure: bool) -> Endpoint {
    Endpoint {
        address: address.to_string(),
        insecure,
    }
}

/// The log's word for a configured level.
pub(crate) fn level(level: config::LogLevel) -> Level {
    match level {
        config::LogLevel::Debug => Level::Debug,
        config::LogLevel::Info => Level::Info,
        config::LogLevel::Warn => Level::Warn,
        config::LogLevel::Error => Level::Error,
    }
}

/// Opens the database and brings its schema up to date.
pub(crate) async fn open_store(
    config: &Config,
    metrics: &Metrics,
    missing: Missing,
) -> Result<Store> {
    let storage = &config.storage;
    let location = match storage.driver {
        StorageDriver::Sqlite => Location::Sqlite {
            path: storage.sqlite.path.clone(),
            wal: storage.sqlite.wal,
        },
        StorageDriver::Postgres => Location::Postgres(postgres_options(storage)),
    };
    let store = Store::open(
        &location,
        missing,
        metrics.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemRng),
    )
    .await;
    store.map_err(|error| match error {
        StoreError::Missing(_) => Failure::new(format!(
            "{error}: {}, or make one with `authserver migrate`",
            point_at(match storage.driver {
                StorageDriver::Sqlite => "storage.sqlite.path",
                StorageDriver::Postgres => "storage.postgres.dsn",
            })
        )),
        error => Failure::new(error),
    })
}

fn postgres_options(storage: &Storage) -> PostgresOptions {
    let own = &storage.postgres;
    let expose = |dsn: &PostgresDsn| dsn.expose().to_owned();
    PostgresOptions {
        dsn: own.dsn.as_ref().map(expose).unwrap_or_default(),
        max_connections: own.max_conns,
        min_connections: own.min_conns,
        max_lifetime: own.max_conn_lifetime,
        idle_timeout: own.max_conn_idle_time,
        connect_timeout: storage.connect_timeout,
        pooler: match own.pooler {
            PostgresPooler::None => Pooler::None,
            PostgresPooler::Transaction => Pooler::Transaction,
        },
        notify: match own.notify {
            PostgresNotify::Listen => Notify::Listen,
            PostgresNotify::Poll => Notify::Poll,
        },
        listen_dsn: own.listen_dsn.as_ref().map(expose),
    }
}

/// How to say where something is.
fn point_at(key: &str) -> String {
    let variable = key.to_uppercase().replace('.', "_");
    format!(
        "name another place by {key} in the file that --config names, or by AUTHPLANE_{variable}"
    )
}

/// Opens everything that the use cases need.
pub(crate) async fn open_engine(
    config: Config,
    metrics: Metrics,
    missing: Missing,
) -> Result<Engine> {
    let store = open_store(&config, &metrics, missing).await?;
    let pool = store.clone();
    metrics.observe_pool(Arc::new(move || {
        let state = pool.pool_state();
        PoolState {
            in_use: state.in_use,
            idle: state.idle,
            waiting: state.waiting,
        }
    }));
    let engine = engine_on(store.clone(), config, metrics, missing).await;
    if engine.is_err() {
        store.close().await;
    }
    engine
}

async fn engine_on(
    store: Store,
    config: Config,
    metrics: Metrics,
    missing: Missing,
) -> Result<Engine> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let keys = open_keys(&config, &clock, missing).await?;
    let (cimd, jwks) = open_documents(&config, &metrics, &clock)?;
    let pepper = secret(
        &config,
        config.client_secret_pepper.as_ref(),
        secrets::CLIENT_SECRET_PEPPER,
        missing,
    )?;
    let session = secret(
        &config,
        config.session.secret.as_ref(),
        secrets::SESSION_SECRET,
        missing,
    )?;
    Ok(Engine::new(EngineParts {
        config: Arc::new(config),
        store,
        keys,
        cimd,
        jwks,
        metrics,
        clock,
        rng,
        client_secrets: ClientSecrets::new(&pepper),
        form_tokens: FormTokens::new(&session),
        dpop_nonces: NonceKeeper::new(&session),
        refresh_successors: RefreshSuccessors::new(&session),
    }))
}

async fn open_keys(config: &Config, clock: &Arc<dyn Clock>, missing: Missing) -> Result<Keyring> {
    let options = KeyringOptions {
        directory: config.signing.key_path.clone(),
        make: missing == Missing::Make,
        algorithm: config.signing.algorithm,
        publish_ahead: config.signing.publish_ahead,
        max_token_lifetime: longest_token_lifetime(config),
        clock: Arc::clone(clock),
    };
    Keyring::open(options).await.map_err(keys_failure)
}

fn keys_failure(error: keys::Error) -> Failure {
    match error {
        keys::Error::Missing { .. } => Failure::new(format!(
            "{error}: {}, or make them with `authserver migrate`",
            point_at("signing.key_path")
        )),
        error => Failure::new(error),
    }
}

/// No token outlives this, whatever it was asked for with.
fn longest_token_lifetime(config: &Config) -> Duration {
    config
        .dcr
        .default_token_expiry
        .max(config.client_credentials.token_expiry)
}

/// The configured secret, or one that is kept beside the signing keys.
fn secret(
    config: &Config,
    configured: Option<&config::Secret>,
    name: &str,
    missing: Missing,
) -> Result<Vec<u8>> {
    if let Some(secret) = configured {
        return Ok(secret.expose_secret().as_bytes().to_vec());
    }
    let folder = &config.signing.key_path;
    let kept = match missing {
        Missing::Make => secrets::load_or_create(folder, name, &SystemRng),
        Missing::Refuse => secrets::load(folder, name),
    }
    .map_err(keys_failure)?;
    Ok(kept.expose().to_vec())
}

/// What finds the metadata and the keys that clients publish.
fn open_documents(
    config: &Config,
    metrics: &Metrics,
    clock: &Arc<dyn Clock>,
) -> Result<(Option<CimdResolver>, JwksResolver)> {
    let policy = GuardPolicy {
        require_https: config.cimd.require_https,
        allow_private_addresses: config.cimd.allow_private_addresses,
        timeout: config.cimd.fetch_timeout,
        ..GuardPolicy::default()
    };
    let client = GuardedClient::new(policy).map_err(Failure::new)?;
    let options = DocumentOptions {
        cache_ttl: config.cimd.cache_ttl,
        ..DocumentOptions::default()
    };
    let cimd = config.cimd.enabled.then(|| {
        let observer = Arc::new(CimdObserver(metrics.clone()));
        CimdResolver::new(client.clone(), options.clone(), Arc::clone(clock), observer)
    });
    let observer = Arc::new(JwksObserver(metrics.clone()));
    let jwks = JwksResolver::new(client, options, Arc::clone(clock), observer);
    Ok((cimd, jwks))
}

/// Counts what is done to find the metadata of clients.
struct CimdObserver(Metrics);

impl DocumentObserver for CimdObserver {
    fn fetch(&self, outcome: FetchOutcome, duration: Duration) {
        self.0
            .cimd_fetch_duration
            .record(outcome_label(outcome), duration.as_secs_f64());
    }

    fn suppressed(&self, reason: Suppression) {
        self.0.cimd_fetch_suppressed.add(suppression_label(reason));
    }
}

/// Counts what is done to find the keys of clients.
struct JwksObserver(Metrics);

impl DocumentObserver for JwksObserver {
    fn fetch(&self, outcome: FetchOutcome, duration: Duration) {
        self.0
            .client_jwks_fetch_duration
            .record(outcome_label(outcome), duration.as_secs_f64());
    }

    fn suppressed(&self, reason: Suppression) {
        self.0
            .client_jwks_fetch_suppressed
            .add(suppression_label(reason));
    }
}

fn outcome_label(outcome: FetchOutcome) -> labels::FetchOutcome {
    match outcome {
        FetchOutcome::Success => labels::FetchOutcome::Success,
        FetchOutcome::Blocked => labels::FetchOutcome::Blocked,
        FetchOutcome::Timeout => labels::FetchOutcome::Timeout,
        FetchOutcome::Unavailable => labels::FetchOutcome::Unavailable,
        FetchOutcome::Invalid => labels::FetchOutcome::Invalid,
    }
}

fn suppression_label(reason: Suppression) -> metrics::SuppressReason {
    match reason {
        Suppression::NegativeCache => metrics::SuppressReason::NegativeCache,
        Suppression::InFlight => metrics::SuppressReason::InFlight,
        Suppression::Capacity => metrics::SuppressReason::Capacity,
    }
}
