//! `authserver purge`

use crate::failure::{Failure, Result};
use crate::wiring;
use clap::Args;
use config::Loaded;
use engine::Purgeable;
use std::time::Duration;
use store::Missing;

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// Only these: authorization-codes, refresh-tokens, sessions, dpop-nonces, assertion-jti, clients.
    /// There is nothing to remove of connect-pending-states, jti, machine-tokens, audit and issuances
    #[arg(long, value_delimiter = ',', value_parser = target)]
    only: Vec<Purgeable>,
    /// Give up after so long, such as 90s, 1h30m or 2d
    #[arg(long, default_value = "10m", value_parser = config::parse_duration)]
    timeout: Duration,
}

fn target(word: &str) -> Result<Purgeable, String> {
    Purgeable::words()
        .find(|target| target.as_str() == word)
        .ok_or_else(|| {
            let known: Vec<_> = Purgeable::words().map(Purgeable::as_str).collect();
            format!("choose from {}", known.join(", "))
        })
}

/// Removes what has expired.
///
/// # Errors
/// When a target failed or time ran out.
pub(crate) async fn run(purge: Purge, loaded: Loaded) -> Result {
    let console = wiring::Console::for_command(&loaded.config);
    let engine = wiring::open_engine(loaded.config, console.metrics, Missing::Refuse).await?;
    let targets = if purge.only.is_empty() {
        Purgeable::all().collect()
    } else {
        purge.only
    };
    let report = tokio::time::timeout(purge.timeout, engine.purge(targets)).await;
    engine.store().close().await;
    let report = report.map_err(|_| {
        Failure::new("purge did not finish in time; what was removed stays removed, run it again")
    })?;
    for (target, outcome) in &report.outcomes {
        match outcome {
            Ok(removed) => println!("{}: {removed} removed", target.as_str()),
            Err(error) => eprintln!("{}: {error}", target.as_str()),
        }
    }
    if report.failed() {
        return Err(Failure::new("not everything could be purged"));
    }
    Ok(())
}
