//! `authserver admin grant …`

use super::{Result, print_one, table};
use crate::views::UserGrantsView;
use clap::Subcommand;
use domain::ConsentGrant;
use engine::Engine;
use std::io::Write;
use store::Page;

/// Commands on what users have agreed to.
#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// List what a user has agreed to, newest first
    ListUserGrants {
        /// The user's id or address
        user: String,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Pass over so many
        #[arg(long, default_value_t = 0)]
        offset: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a consent back, and end every token that rests on it
    RevokeConsent {
        /// The id of the consent
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: GrantCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        GrantCommand::ListUserGrants {
            user,
            limit,
            offset,
            json,
        } => {
            let consents = engine.consents(&user, &Page { limit, offset }).await?;
            if json {
                let view = UserGrantsView::new(&consents);
                writeln!(out, "{:#}", serde_json::json!(view))?;
                return Ok(());
            }
            let mut rows = Vec::with_capacity(consents.len());
            for consent in &consents {
                rows.push(row(consent, engine).await?);
            }
            Ok(table::print(
                out,
                &["id", "state", "resource", "client"],
                &rows,
            )?)
        }
        GrantCommand::RevokeConsent { id, json } => {
            let ended = engine.revoke_consent(&id).await?;
            let revoked = ended.families + ended.tokens;
            print_one(
                out,
                json,
                &serde_json::json!({ "id": id, "revoked": revoked }),
            )
        }
    }
}

/// Names in place of ids, so that the row fits a terminal.
async fn row(consent: &ConsentGrant, engine: &Engine) -> Result<Vec<String>> {
    let resource = engine.resource(consent.resource_id.as_str()).await?;
    let client = engine.client(consent.client_id.as_str()).await?;
    let state = match consent.revoked_at {
        Some(_) => "revoked",
        None => "given",
    };
    Ok(vec![
        consent.id.to_string(),
        state.into(),
        resource.slug.clone(),
        client.name.clone(),
    ])
}
