//! The command line.

use crate::failure::Result;
use crate::{audit, configuration, manual, operate, purge, quickstart, serve, wiring};
use clap::{Parser, Subcommand};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use store::Missing;
use tokio::signal::unix::{SignalKind, signal};

/// A self-hosted OAuth 2.1 authorization server for the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "authserver", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The configuration file (YAML); without one, defaults and environment variables
    #[arg(long, global = true, value_name = "FILE", env = "AUTHPLANE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Run a server to try things out, with a demo user and a demo resource under ./data
    Quickstart,
    /// Bring the database schema up to date, make what is not there yet and exit; serve does so by itself
    Migrate,
    /// Remove what has expired; serve does so by itself every storage.purge_interval
    Purge(purge::Purge),
    /// Print the version
    Version,
    /// Check, show and document the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Check the audit trail
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Manage clients, users, resources and keys, on the database directly or at a server
    Admin(Box<operate::Operate>),
    /// Print completions for a shell
    Completions(manual::Completions),
    /// Write manual pages
    Man(manual::Pages),
}

/// Runs what the arguments ask for.
pub(crate) async fn run(arguments: Arguments) -> Result {
    outlive_full_files();
    let file = arguments.config.as_deref();
    match arguments.command {
        Command::Serve => serve::serve(configuration::load(file)?, file, || ()).await,
        Command::Quickstart => quickstart::run(configuration::load(file)?, file).await,
        Command::Migrate => migrate(file).await,
        Command::Purge(purge) => purge::run(purge, configuration::load(file)?).await,
        Command::Version => {
            println!("authserver {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Command::Config(command) => configuration::run(&command, file),
        Command::Audit(command) => audit::run(&command, configuration::load(file)?).await,
        Command::Admin(operate) => operate::run(*operate, configuration::load(file)?).await,
        Command::Completions(completions) => manual::complete(&completions),
        Command::Man(pages) => manual::write(&pages),
    }
}

/// Has writing beyond the limit of a file's size (`ulimit -f`) fail like writing to a full disk. By
/// default the signal that comes along with it, `SIGXFSZ`, ends the process; one that is caught does
/// nothing more. `SIGPIPE` is left to the standard library, which ignores it.
fn outlive_full_files() {
    let kind = SignalKind::from_raw(Signal::XFSZ.as_raw());
    // It stays caught when what waits for it is dropped.
    if let Err(error) = signal(kind) {
        tracing::warn!(%error, "SIGXFSZ cannot be caught");
    }
}

async fn migrate(file: Option<&Path>) -> Result {
    let config = configuration::load(file)?.config;
    let console = wiring::Console::for_command(&config);
    let engine = wiring::open_engine(config, console.metrics, Missing::Make).await?;
    engine.recognise_database().await;
    engine.store().close().await;
    println!("the database schema is up to date");
    Ok(())
}
