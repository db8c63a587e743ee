//! SIGHUP: keys, certificate, log level and admin keys are read again, without touching a request. What cannot
//! be read is reported, and what was in use stays in use.

use crate::failure::{Failure, Result};
use crate::{admin_key, configuration, wiring};
use ::config::Config;
use admin::rest::AdminKeys;
use engine::Engine;
use std::path::{Path, PathBuf};
use telemetry::LogHandle;
use tokio::signal::unix::{SignalKind, signal};
use web::serve::Certificate;

/// What the audit record says of something that could not be read.
const UNREADABLE: &str = "unreadable";

/// What is read again besides the signing keys, as far as it is there.
pub(crate) struct Reloaded {
    /// Of the public listener.
    pub certificate: Option<Certificate>,
    /// Whose level is set.
    pub log: Option<LogHandle>,
    /// Of the admin listener.
    pub admin: Option<AdminKeys>,
}

/// Reloads at each SIGHUP, for ever. `file` is the configuration.
///
/// # Errors
/// When the signal cannot be listened for.
pub(crate) fn on_hangup(
    engine: Engine,
    what: Reloaded,
    file: Option<PathBuf>,
) -> Result<impl Future<Output = ()> + use<>> {
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::new)?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("reloading after SIGHUP");
            let mut found = vec![("keys", keys(&engine).await)];
            found.extend(
                what.certificate
                    .iter()
                    .map(|own| ("certificate", reloaded(own))),
            );
            let config = configuration(file.as_deref());
            found.extend(
                what.log
                    .iter()
                    .map(|log| ("log_level", log_level(log, config.as_ref()))),
            );
            found.extend(
                what.admin
                    .iter()
                    .map(|keys| ("admin_key", admin_keys(keys, config.as_ref()))),
            );
            engine.record_reload(&found).await;
        }
    })
}

fn configuration(file: Option<&Path>) -> Option<Config> {
    let loaded = configuration::load(file);
    let told = |failure: &Failure| {
        tracing::error!(%failure, "the configuration is not usable; log level and admin keys stay");
    };
    loaded.inspect_err(told).ok().map(|loaded| loaded.config)
}

async fn keys(engine: &Engine) -> &'static str {
    match engine.reload_keys().await {
        Ok(true) => "changed",
        Ok(false) => "unchanged",
        Err(error) => {
            tracing::error!(
                cause = error.cause.as_deref(),
                "the signing keys could not be read again; the old ones stay in use"
            );
            UNREADABLE
        }
    }
}

fn reloaded(certificate: &Certificate) -> &'static str {
    match certificate.reload() {
        Ok(()) => {
            tracing::info!("certificate reloaded");
            "reloaded"
        }
        Err(error) => {
            tracing::error!(%error, "the certificate could not be read again; the old one stays in use");
            UNREADABLE
        }
    }
}

fn log_level(log: &LogHandle, config: Option<&Config>) -> &'static str {
    let Some(config) = config else {
        return UNREADABLE;
    };
    let level = config.observability.logging.level;
    log.set_level(wiring::level(level));
    tracing::info!(log_level = level.as_str(), "log level set");
    level.as_str()
}

fn admin_keys(keys: &AdminKeys, config: Option<&Config>) -> &'static str {
    let Some(config) = config else {
        return UNREADABLE;
    };
    match admin_key::current(config) {
        Ok(key) => match keys.replace(&key, config.admin.api_key_previous.as_ref()) {
            true => {
                tracing::info!("admin keys replaced");
                "changed"
            }
            false => "unchanged",
        },
        Err(failure) => {
            tracing::error!(%failure, "the admin key could not be read again; the old one stays in use");
            UNREADABLE
        }
    }
}
