//! `authserver admin key …`

use super::api::{Api, path};
use super::{Result, print_one, table, text};
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::Write;

/// What a rotation without waiting means for others.
const COST_OF_NOW: &str = "Verifiers that keep the key set refuse tokens of this key until they \
                           read it again, which takes minutes with most.";

/// Commands on signing keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List the keys, the active one first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish a new key, which signs after signing.publish_ahead; the old one verifies until its
    /// last token has ended
    Rotate {
        /// Have the new key, or the one that is published already, sign at once. Verifiers that
        /// keep the key set refuse its tokens until they read it again
        #[arg(long)]
        now: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let go of a key in an emergency: no token that it signed is accepted any longer
    Retire {
        /// The id of the key
        kid: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: KeyCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        KeyCommand::List { json } => print_keys(out, json, &api.get("/admin/keys").await?),
        KeyCommand::Rotate { now, json } => {
            let made = api
                .post("/admin/keys/rotate", Some(json!({ "now": now })))
                .await?;
            print_one(out, json, &made)?;
            if now && !json {
                writeln!(out, "{COST_OF_NOW}")?;
            }
            Ok(())
        }
        KeyCommand::Retire { kid, json } => {
            let left = api.post(&path(&["keys", &kid, "retire"]), None).await?;
            print_keys(out, json, &left)
        }
    }
}

fn print_keys(out: &mut impl Write, json: bool, found: &Value) -> Result {
    if json {
        writeln!(out, "{found:#}")?;
        return Ok(());
    }
    let keys = found["keys"].as_array().into_iter().flatten();
    let members = ["status", "alg", "created_at", "active_at", "kid"];
    let rows: Vec<_> = keys
        .map(|own| members.map(|member| text(own, member)).into())
        .collect();
    let titles = ["status", "alg", "created", "active", "kid"];
    let none = "No keys found. The server makes one when it starts: authserver serve";
    Ok(table::print(out, &titles, &rows, none)?)
}
