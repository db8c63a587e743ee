//! `authserver admin dcr …`

use super::api::Api;
use super::{Result, print_one};
use clap::Subcommand;
use serde_json::json;
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

pub(super) async fn run(command: DcrCommand, api: &Api, out: &mut impl Write) -> Result {
    let setting = "/admin/settings/dcr";
    let (now, json) = match command {
        DcrCommand::Get { json } => (api.get(setting).await?, json),
        DcrCommand::Set { mode, json } => {
            let change = json!({ "mode": mode });
            (api.patch(setting, Some(change)).await?, json)
        }
    };
    print_one(out, json, &now)
}
