//! `authserver admin stats` and `authserver admin system …`

use super::api::Api;
use super::{Result, print_one};
use clap::{Args, Subcommand};
use std::io::Write;

/// How much there is of everything.
#[derive(Debug, Args)]
pub struct Stats {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Commands on the server itself.
#[derive(Debug, Subcommand)]
pub enum SystemCommand {
    /// Show how it and its parts are
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration in effect as JSON, secrets masked
    Config,
}

pub(super) async fn stats(stats: &Stats, api: &Api, out: &mut impl Write) -> Result {
    print_one(out, stats.json, &api.get("/admin/stats").await?)
}

pub(super) async fn run(command: &SystemCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        SystemCommand::Status { json } => {
            print_one(out, *json, &api.get("/admin/system/status").await?)
        }
        SystemCommand::Config => print_one(out, true, &api.get("/admin/system/config").await?),
    }
}
