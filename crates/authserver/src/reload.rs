//! SIGHUP: keys, certificate and log level are read again, without touching a request. What cannot
//! be read is reported, and what was in use stays in use.

use crate::failure::{Failure, Result};
use crate::{configuration, wiring};
use engine::Engine;
use std::path::{Path, PathBuf};
use telemetry::LogHandle;
use tokio::signal::unix::{SignalKind, signal};
use web::serve::Certificate;

/// What the audit record says of something that could not be read.
const UNREADABLE: &str = "unreadable";

/// Reloads at each SIGHUP, for ever.
///
/// # Errors
/// When the signal cannot be listened for.
pub(crate) fn on_hangup(
    engine: Engine,
    certificate: Option<Certificate>,
    file: Option<PathBuf>,
    log: Option<LogHandle>,
) -> Result<impl Future<Output = ()> + use<>> {
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::new)?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("reloading after SIGHUP");
            let mut found = vec![("keys", keys(&engine).await)];
            found.extend(certificate.iter().map(|own| ("certificate", reloaded(own))));
            found.extend(
                log.iter()
                    .map(|log| ("log_level", log_level(log, file.as_deref()))),
            );
            engine.record_reload(&found).await;
        }
    })
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

fn log_level(log: &LogHandle, file: Option<&Path>) -> &'static str {
    match configuration::load(file) {
        Ok(loaded) => {
            let level = loaded.config.observability.logging.level;
            log.set_level(wiring::level(level));
            tracing::info!(log_level = level.as_str(), "log level set");
            level.as_str()
        }
        Err(failure) => {
            tracing::error!(%failure, "the configuration is not usable; the log level stays");
            UNREADABLE
        }
    }
}
