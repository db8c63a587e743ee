//! `authserver serve`: from configuration to two listeners, and back to nothing.

use crate::failure::{Failure, Result};
use crate::wiring::{self, Console};
use crate::{admin_key, files, reload};
use admin::rest::Setup;
use config::{Config, Format, Loaded};
use domain::{Rng, SystemRng};
use engine::Engine;
use std::path::Path;
use std::sync::Arc;
use store::Missing;
use telemetry::metrics::labels;
use telemetry::trace::Tracer;
use telemetry::{Metrics, Shipping};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use web::serve::{Listener, OpenConnections, ServeOptions, TlsFiles};
use web::shell::ShellState;

/// Runs the server until it is told to stop. `ready` is called once it can be reached.
///
/// # Errors
/// When something it needs is not there.
pub(crate) async fn serve(loaded: Loaded, file: Option<&Path>, ready: impl FnOnce()) -> Result {
    let console = Console::for_server(&loaded.config)?;
    let shown = loaded.show(Format::Json);
    let config = loaded.config;
    let files = files::raise_limit();
    // Before anything is opened: a second server on the same ports fails here.
    let public = bind(&config.server.address, tls_files(&config).as_ref())?;
    let stop = Stop::new()?;
    let admin = match config.admin.enabled {
        true => Some((
            bind(&config.admin.address, None)?,
            Setup {
                keys: admin_key::keys(&config)?,
                config: shown,
                stop: stop.0.clone(),
            },
        )),
        false => None,
    };
    tracing::info!(
        issuer = config.server.issuer.as_str(),
        address = %public.local_addr(),
        admin_address = admin.as_ref().map(|(listener, _)| tracing::field::display(listener.local_addr())),
        version = env!("CARGO_PKG_VERSION"),
        "server starting"
    );
    let shares = files::share_out(&config, files);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = console.metrics.clone();
    let engine = tokio::select! {
        biased;
        engine = wiring::open_engine(config, metrics, Missing::Make) => engine?,
        // It may have to wait for a lock, or for a database that does not answer.
        () = stop.wait() => {
            tracing::info!("server stopped");
            say_farewell(console.metrics, console.shipping).await;
            return Ok(());
        }
    };
    engine.recognise_database().await;
    engine
        .follow_configured_algorithm()
        .await
        .map_err(Failure::new)?;
    engine.plant_seeds().await.map_err(Failure::new)?;
    let maintenance = tokio::spawn(engine.clone().maintain());
    let hangup = tokio::spawn(reload::on_hangup(
        engine.clone(),
        reload::Reloaded {
            certificate: public.certificate().cloned(),
            log: console.log,
            admin: admin.as_ref().map(|(_, setup)| setup.keys.clone()),
        },
        file.map(Path::to_owned),
    )?);
    let listeners = run(&engine, public, admin, shares, console.tracer, &stop);
    tracing::info!(
        max_connections = shares.public,
        issuer = engine.issuer(),
        version = env!("CARGO_PKG_VERSION"),
        "server started"
    );
    ready();
    let (stopping, draining) = (stop.wait(), engine.clone());
    tokio::spawn(async move {
        stopping.await;
        draining.drain();
    });
    listeners.await;
    maintenance.abort();
    engine.record_suppressed(true).await;
    engine.beat_when_written().await;
    engine.store().close().await;
    tracing::info!("server stopped");
    hangup.abort();
    // The log is flushed when the task that owns it is gone.
    drop(hangup.await);
    say_farewell(console.metrics, console.shipping).await;
    Ok(())
}

/// Sends what is left to the collectors, to all at once: each may keep it waiting.
async fn say_farewell(metrics: Metrics, shipping: Vec<Shipping>) {
    let mut farewells: JoinSet<()> = shipping.into_iter().map(Shipping::finish).collect();
    farewells.spawn_blocking(move || metrics.shutdown());
    while farewells.join_next().await.is_some() {}
}

async fn run(
    engine: &Engine,
    public: Listener,
    admin: Option<(Listener, Setup)>,
    shares: files::Connections,
    tracer: Option<Tracer>,
    stop: &Stop,
) {
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let config = engine.config();
    let shell = ShellState {
        tracer: tracer.clone(),
        ..ShellState::public(config, engine.metrics().clone(), Arc::clone(&rng))
    };
    let shell = web::routes::with_error_page(shell, engine);
    let shell = web::routes::with_refusals_recorded(shell, engine);
    let service = web::shell::wrap(web::routes::router(engine.clone()), shell);
    let limits = options(config, shares.public);
    let open = (limits.open.clone(), OpenConnections::default());
    let counted = open.clone();
    engine
        .metrics()
        .observe_connections(Arc::new(move |listener| match listener {
            labels::Listener::Public => counted.0.get(),
            labels::Listener::Admin => counted.1.get(),
        }));
    let caches = engine.clone();
    engine
        .metrics()
        .observe_caches(Arc::new(move |cache| caches.cached(cache).bytes));
    let public = web::serve::serve(public, service, limits, stop.wait());
    let admin = async {
        let Some((listener, setup)) = admin else {
            return;
        };
        let shell = ShellState {
            tracer,
            ..ShellState::admin(config, engine.metrics().clone(), Arc::clone(&rng))
        };
        let service = web::shell::wrap(admin::rest::router(engine.clone(), setup), shell);
        let limits = ServeOptions {
            // Operators and scrapers often come by one address; idle connections make room.
            max_connections_per_address: shares.admin,
            open: open.1,
            ..options(config, shares.admin)
        };
        web::serve::serve(listener, service, limits, stop.wait()).await;
    };
    tokio::join!(public, admin);
}

fn options(config: &Config, max_connections: usize) -> ServeOptions {
    let server = &config.server;
    ServeOptions {
        max_connections,
        max_connections_per_address: usize::try_from(server.max_connections_per_address)
            .unwrap_or(usize::MAX),
        proxies: server.trusted_proxies.as_slice().into(),
        read_timeout: config.server.read_timeout,
        write_timeout: config.server.write_timeout,
        idle_timeout: config.server.idle_timeout,
        shutdown_wait: config.server.shutdown_wait,
        ..ServeOptions::default()
    }
}

fn bind(address: &config::ListenAddress, tls: Option<&TlsFiles>) -> Result<Listener> {
    Listener::bind(address, tls).map_err(Failure::new)
}

fn tls_files(config: &Config) -> Option<TlsFiles> {
    let tls = &config.server.tls;
    Some(TlsFiles::new(
        tls.cert_file.as_ref()?,
        tls.key_file.as_ref()?,
    ))
}

/// Told by SIGTERM or SIGINT.
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(Failure::new);
        let (mut terminate, mut interrupt) = (
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        );
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "server stopping");
            tell.send_replace(true);
            // The receivers are still there when the server asks again.
            std::future::pending::<()>().await;
        });
        Ok(Self(told))
    }

    fn wait(&self) -> impl Future<Output = ()> + use<> {
        let mut told = self.0.clone();
        async move { drop(told.wait_for(|stop| *stop).await) }
    }
}
