//! `authserver admin key …`

use super::{Result, print_one, table};
use crate::views::KeyView;
use clap::Subcommand;
use engine::Engine;
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

pub(super) async fn run(command: KeyCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        KeyCommand::List { json } => {
            let views: Vec<_> = engine.keys().list().iter().map(KeyView::from).collect();
            if json {
                writeln!(out, "{:#}", serde_json::json!({ "keys": views }))?;
                return Ok(());
            }
            let rows: Vec<_> = views
                .into_iter()
                .map(|view| {
                    vec![
                        view.status.into(),
                        view.alg.into(),
                        view.created_at.rfc3339(),
                        view.kid,
                    ]
                })
                .collect();
            Ok(table::print(
                out,
                &["status", "alg", "created", "kid"],
                &rows,
            )?)
        }
        KeyCommand::Rotate { json } => {
            let key = engine.rotate_key().await?;
            print_one(
                out,
                json,
                &serde_json::json!({ "kid": key.kid, "alg": key.alg }),
            )
        }
    }
}
