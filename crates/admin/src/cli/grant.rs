//! `authserver admin grant …`

use super::api::{Api, path, query};
use super::{Result, print_done, table, text};
use clap::Subcommand;
use serde_json::Value;
use std::io::Write;

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

pub(super) async fn run(command: GrantCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        GrantCommand::ListUserGrants {
            user,
            limit,
            offset,
            json,
        } => {
            let part = [
                ("limit", Some(limit.to_string())),
                ("offset", Some(offset.to_string())),
            ];
            let grants = query(&path(&["users", &user, "grants"]), &part);
            let found = api.get(&grants).await?;
            if json {
                writeln!(out, "{found:#}")?;
                return Ok(());
            }
            let mut rows = Vec::new();
            for consent in found["consent_grants"].as_array().into_iter().flatten() {
                rows.push(row(consent, api).await);
            }
            Ok(table::print(
                out,
                &["id", "state", "resource", "client"],
                &rows,
                "No consents found. A user gives one on the page that a client's sign-in leads to.",
            )?)
        }
        GrantCommand::RevokeConsent { id, json } => {
            api.delete(&path(&["grants", "consent", &id])).await?;
            print_done(out, json, "revoked", &id)
        }
    }
}

/// Names in place of ids, so that the row fits a terminal.
async fn row(consent: &Value, api: &Api) -> Vec<String> {
    let named = async |kind: &str, id: String, name: &str| match api.get(&path(&[kind, &id])).await
    {
        Ok(found) => text(&found, name),
        Err(_) => id,
    };
    vec![
        text(consent, "id"),
        if consent["revoked_at"].is_null() {
            "given".into()
        } else {
            "revoked".into()
        },
        named("resources", text(consent, "resource_id"), "slug").await,
        named("clients", text(consent, "client_id"), "name").await,
    ]
}
