//! `authserver admin issuance …`

use super::{Result, print_done, print_one, table};
use crate::views::{IssuanceListView, IssuanceView};
use clap::{Args, Subcommand};
use domain::{Issuance, UnixMillis};
use engine::Engine;
use engine::admin::{IssuanceQuery, Since};
use std::io::Write;
use store::Page;

/// Commands on the record of issued tokens.
#[derive(Debug, Subcommand)]
pub enum IssuanceCommand {
    /// List issued tokens, newest first; name at least a user, a client, a resource or a token
    List(List),
    /// Show the record of one token
    Get(One),
    /// End one token, and none that was exchanged from it
    Revoke(One),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only tokens that speak for this user: id or address
    #[arg(long)]
    user: Option<String>,
    /// Only tokens issued to this client; behind a fronting link, the gateway's slug
    #[arg(long)]
    client: Option<String>,
    /// Only tokens for this resource: slug or id
    #[arg(long)]
    resource: Option<String>,
    /// Only this token, whatever else is said
    #[arg(long)]
    jti: Option<String>,
    /// Only tokens issued since: a time such as 2026-01-31T08:00:00Z, or how far back, such as
    /// 90m or 7d; the last 24 hours by default
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// At most so many, up to 5000
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Pass over so many
    #[arg(long, default_value_t = 0)]
    offset: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct One {
    /// The token's jti
    jti: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn state(issuance: &Issuance, now: UnixMillis) -> &'static str {
    match issuance.revoked_at {
        Some(_) => "revoked",
        None if issuance.expires_at <= now => "expired",
        None => "alive",
    }
}

/// A row with milliseconds would not fit a terminal.
fn to_the_second(time: UnixMillis) -> String {
    UnixMillis(time.seconds() * 1000)
        .rfc3339()
        .replace(".000", "")
}

pub(super) async fn run(command: IssuanceCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        IssuanceCommand::List(list) => {
            let query = IssuanceQuery {
                user: list.user,
                client: list.client,
                resource: list.resource,
                jti: list.jti,
                since: list.since,
            };
            let page = Page {
                limit: list.limit,
                offset: list.offset,
            };
            let found = engine.issuances(&query, &page).await?;
            if list.json {
                let view = IssuanceListView::from(&found);
                writeln!(out, "{:#}", serde_json::json!(view))?;
                return Ok(());
            }
            let rows: Vec<_> = found
                .issuances
                .iter()
                .map(|issuance| {
                    vec![
                        issuance.jti.to_string(),
                        state(issuance, engine.now()).into(),
                        to_the_second(issuance.issued_at),
                        issuance.scopes.to_string(),
                    ]
                })
                .collect();
            Ok(table::print(
                out,
                &["jti", "state", "issued", "scopes"],
                &rows,
            )?)
        }
        IssuanceCommand::Get(one) => {
            let issuance = engine.issuance(&one.jti).await?;
            print_one(out, one.json, &IssuanceView::from(&issuance))
        }
        IssuanceCommand::Revoke(one) => {
            let done = match engine.revoke_issuance(&one.jti).await? {
                true => "revoked",
                false => "had ended already",
            };
            print_done(out, one.json, done, &one.jti)
        }
    }
}
