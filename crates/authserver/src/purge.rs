//! `authserver purge`

use crate::failure::{Failure, Result};
use crate::wiring;
use clap::Args;
use config::Loaded;
use std::time::Duration;
use store::PurgeTarget;

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// Only these: authorization-codes, refresh-tokens, sessions, dpop-nonces
    #[arg(long, value_delimiter = ',', value_parser = target)]
    only: Vec<PurgeTarget>,
    /// Give up after so long, such as 90s, 10m or 1h
    #[arg(long, default_value = "10m", value_parser = duration)]
    timeout: Duration,
}

fn target(word: &str) -> Result<PurgeTarget, String> {
    PurgeTarget::ALL
        .into_iter()
        .find(|target| target.as_str() == word)
        .ok_or_else(|| {
            let known: Vec<_> = PurgeTarget::ALL
                .iter()
                .map(|target| target.as_str())
                .collect();
            format!("choose from {}", known.join(", "))
        })
}

/// A number with one of s, m, h, d, w.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || String::from("write a number and one of s, m, h, d, w, such as 10m");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

/// Removes what has expired.
///
/// # Errors
/// When a target failed or time ran out.
pub(crate) async fn run(purge: Purge, loaded: Loaded) -> Result {
    let console = wiring::Console::for_command(&loaded.config);
    let engine = wiring::open_engine(loaded.config, console.metrics.clone()).await?;
    let targets = if purge.only.is_empty() {
        PurgeTarget::ALL.to_vec()
    } else {
        purge.only
    };
    let report = tokio::time::timeout(purge.timeout, engine.purge(&targets))
        .await
        .map_err(|_| {
            Failure::new(
                "purge did not finish in time; what was removed stays removed, run it again",
            )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("2w"), Ok(Duration::from_secs(1_209_600)));
        for bad in ["", "m", "10", "1.5h", "-1s", "99999999999999999999w", "5µ"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
