//! `authserver admin issuance …`

use super::api::{Api, path};
use super::{Part, Result, print_done, print_one, table, text, to_the_second, words};
use clap::{Args, Subcommand};
use domain::{Clock as _, SystemClock, UnixMillis};
use engine::admin::Since;
use serde_json::{Value, json};
use std::io::Write;

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
    /// Only this token
    #[arg(long)]
    jti: Option<String>,
    /// Only tokens issued since: a time such as 2026-01-31T08:00:00Z, or how far back, such as
    /// 90m or 7d; the last 24 hours by default
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,
    #[command(flatten)]
    part: Part,
}

#[derive(Debug, Args)]
pub struct One {
    /// The token's jti
    jti: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whether a token is alive, by the clock of this machine.
fn state(issuance: &Value) -> &'static str {
    let expires = UnixMillis::parse_rfc3339(&text(issuance, "expires_at"));
    if !issuance["revoked_at"].is_null() {
        "revoked"
    } else if expires.is_some_and(|at| at <= SystemClock.now()) {
        "expired"
    } else {
        "alive"
    }
}

/// Checked here, and sent as it was typed.
fn since(text: &str) -> Result<String, String> {
    text.parse::<Since>().map(|_| text.to_owned())
}

pub(super) async fn run(command: IssuanceCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        IssuanceCommand::List(list) => {
            let filter = [
                ("user", list.user),
                ("client", list.client),
                ("resource", list.resource),
                ("jti", list.jti),
                ("since", list.since),
            ];
            let issuances = ("/admin/issuances", "issuances");
            let (rows, first) = api.list_within(issuances, &filter, &list.part).await?;
            if list.part.json {
                let whole = json!({
                    "count": rows.len(),
                    "since": first["since"],
                    "issuances": rows,
                });
                writeln!(out, "{whole:#}")?;
                return Ok(());
            }
            let rows: Vec<_> = rows
                .iter()
                .map(|own| {
                    vec![
                        text(own, "jti"),
                        state(own).into(),
                        to_the_second(own, "issued_at"),
                        words(own, "scopes"),
                    ]
                })
                .collect();
            Ok(table::print(
                out,
                &["jti", "state", "issued", "scopes"],
                &rows,
                "No issued tokens found. Look further back with --since, such as --since 30d.",
            )?)
        }
        IssuanceCommand::Get(one) => {
            let found = api.get(&path(&["issuances", &one.jti])).await?;
            print_one(out, one.json, &found)
        }
        IssuanceCommand::Revoke(one) => {
            let issuance = path(&["issuances", &one.jti]);
            let was = api.get(&issuance).await?;
            api.delete(&issuance).await?;
            let done = match state(&was) {
                "alive" => "revoked",
                _ => "had ended already",
            };
            print_done(out, one.json, done, &one.jti)
        }
    }
}
