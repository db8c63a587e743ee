//! `authserver admin dcr …`

use super::{Result, print_one};
use crate::rest::parse_mode;
use clap::Subcommand;
use engine::Engine;
use std::io::Write;

/// Commands on dynamic client registration.
#[derive(Debug, Subcommand)]
pub enum DcrCommand {
    /// Show who may register clients
    Get {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Set who may register clients, on all instances and across restarts
    Set {
        /// open, approved_redirects or admin_only
        mode: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: DcrCommand, engine: &Engine, out: &mut impl Write) -> Result {
    let json = match command {
        DcrCommand::Get { json } => json,
        DcrCommand::Set { mode, json } => {
            engine.set_dcr_mode(parse_mode(&mode)?).await?;
            json
        }
    };
    let mode = engine.dcr_mode().await?;
    print_one(out, json, &serde_json::json!({ "mode": mode.as_str() }))
}
