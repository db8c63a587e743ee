//! Measures the server; README.md says what and how. `run.sh` builds what this needs.

mod beside;
mod cost;
mod flow;
mod http;
mod lists;
mod load;
mod machine;
mod measures;
mod node;
mod postgres;
mod proof;
mod report;
mod rows;
mod server;

use clap::Parser;
use measures::check;
use report::Report;
use server::Database;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A run that takes longer has gone wrong.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);

/// What went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// A result with [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

fn failure(message: impl std::fmt::Display) -> Failure {
    message.to_string().into()
}

/// Measures the server.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The release build of authserver
    #[arg(long)]
    authserver: PathBuf,
    /// The release build of the bare server
    #[arg(long)]
    bare: PathBuf,
    /// The folder of node-oidc-provider, with what it depends on
    #[arg(long)]
    node: PathBuf,
    /// Where to write all figures
    #[arg(long)]
    results: PathBuf,
    /// Another release build of authserver, to be measured beside the first, and nothing else
    #[arg(long, value_name = "BINARY")]
    beside: Option<PathBuf>,
    /// Measurements of each kind; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only these: sqlite, postgres, introspection, idle, bare, machine, cost, connections, rows, lists
    #[arg(value_name = "MEASURE")]
    only: Vec<String>,
    /// Also measure with a million clients and five million issuances (3 GB of disk, minutes)
    #[arg(long)]
    rows: bool,
}

impl Arguments {
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn wants(&self, measure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == measure)
    }
}

/// One thread is enough to load the server, and leaves it the rest of the machine.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    let mut terminate = signal(SignalKind::terminate())?;
    // Whatever ends the run, dropping the measures ends the servers they started.
    tokio::select! {
        done = measure(&arguments, &mut report) => done?,
        _ = tokio::signal::ctrl_c() => return Err(failure("interrupted")),
        _ = terminate.recv() => return Err(failure("terminated")),
        () = tokio::time::sleep(LONGEST_RUN) => return Err(failure("the run takes too long")),
    }
    report.print();
    report.write(&arguments.results)
}

async fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    if let Some(other) = &arguments.beside {
        return beside::measure(other, arguments, report).await;
    }
    if arguments.wants("idle") {
        measures::idle(arguments, report).await?;
    }
    if arguments.wants("introspection") {
        measures::introspection(arguments, report).await?;
    }
    if arguments.wants("sqlite") {
        measures::tokens("SQLite", &Database::Sqlite, arguments, report).await?;
    }
    if arguments.wants("postgres") {
        let postgres = postgres::Postgres::start()?;
        measures::tokens(
            "PostgreSQL",
            &Database::Postgres(&postgres),
            arguments,
            report,
        )
        .await?;
    }
    if arguments.wants("bare") {
        measures::bare(arguments, report).await?;
    }
    if arguments.wants("machine") {
        machine::tokens(arguments, report).await?;
    }
    if arguments.wants("cost") {
        cost::measure(arguments, report).await?;
    }
    if arguments.wants("connections") {
        machine::connections(arguments, report).await?;
    }
    if arguments.only.iter().any(|only| only == "lists") {
        lists::measure(arguments, report).await?;
    }
    if arguments.rows || arguments.only.iter().any(|only| only == "rows") {
        rows::measure(arguments, report).await?;
    }
    Ok(())
}
