//! `authserver admin grant …`

use super::api::{Api, path};
use super::{Part, Result, print_done, table, text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;

/// Commands on what users have agreed to.
#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// List what a user has agreed to, newest first
    ListUserGrants(List),
    /// Take a consent back, and end every token that rests on it
    RevokeConsent {
        /// The id of the consent
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct List {
    /// The user's id or address
    user: String,
    #[command(flatten)]
    part: Part,
}

pub(super) async fn run(command: GrantCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        GrantCommand::ListUserGrants(List { user, part }) => {
            let grants = path(&["users", &user, "grants"]);
            let consents = (grants.as_str(), "consent_grants");
            let (found, first) = api.list_within(consents, &[], &part).await?;
            if part.json {
                let whole = json!({
                    "consent_grants": found,
                    "broker_grants": first["broker_grants"],
                });
                writeln!(out, "{whole:#}")?;
                return Ok(());
            }
            let mut rows = Vec::new();
            for consent in &found {
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
