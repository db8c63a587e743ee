//! `authserver admin key …`

use super::api::Api;
use super::{Result, print_one, table, text};
use clap::Subcommand;
use std::io::Write;

/// Commands on signing keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the keys, the current one first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new key; the old one verifies until its last token has ended
    Rotate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: KeyCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        KeyCommand::List { json } => {
            let found = api.get("/admin/keys").await?;
            if json {
                writeln!(out, "{found:#}")?;
                return Ok(());
            }
            let keys = found["keys"].as_array().into_iter().flatten();
            let members = ["status", "alg", "created_at", "kid"];
            let rows: Vec<_> = keys
                .map(|own| members.map(|member| text(own, member)).into())
                .collect();
            Ok(table::print(
                out,
                &["status", "alg", "created", "kid"],
                &rows,
            )?)
        }
        KeyCommand::Rotate { json } => {
            let made = api.post("/admin/keys/rotate", None).await?;
            print_one(out, json, &made)
        }
    }
}
