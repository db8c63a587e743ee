//! `authserver audit`

use crate::failure::{Failure, Result};
use crate::wiring;
use clap::Subcommand;
use config::Loaded;
use serde_json::json;
use store::{ChainReport, Missing};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no audit event was changed, removed or reordered; exit code 1 names the first
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Reads all chains of the audit trail.
///
/// # Errors
/// When a chain does not hold, or the database cannot be read.
pub(crate) async fn run(command: &AuditCommand, loaded: Loaded) -> Result {
    let AuditCommand::Verify { json } = command;
    let console = wiring::Console::for_command(&loaded.config);
    let store = wiring::open_store(&loaded.config, &console.metrics, Missing::Refuse).await?;
    let report = store.verify_audit_chain().await;
    store.close().await;
    let report = report.map_err(Failure::new)?;
    if *json {
        println!("{}", to_json(&report));
    } else if report.broken.is_none() {
        println!(
            "{} events of {} writers: every chain holds",
            report.rows, report.writers
        );
    }
    match &report.broken {
        None => Ok(()),
        Some(broken) => Err(Failure::new(broken)),
    }
}

fn to_json(report: &ChainReport) -> serde_json::Value {
    let broken = report
        .broken
        .as_ref()
        .map(|broken| json!({ "writer": broken.writer, "seq": broken.seq, "id": broken.id }));
    json!({ "rows": report.rows, "writers": report.writers, "broken": broken })
}
