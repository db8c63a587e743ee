//! `authserver admin token …`

use super::api::{Api, path};
use super::{Part, Result, print_list, print_one, text, to_the_second};
use clap::{Args, Subcommand};
use std::io::Write;

/// Commands on authorizations that are alive.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// List authorizations that are alive, newest first
    List(List),
    /// Show an authorization, or the record of an access token
    Get(One),
    /// End an authorization with its tokens, or one access token
    Revoke(One),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only those of this user: id or address
    #[arg(long)]
    user: Option<String>,
    /// Only those of this client
    #[arg(long)]
    client: Option<String>,
    #[command(flatten)]
    part: Part,
}

#[derive(Debug, Args)]
pub struct One {
    /// The id of a family of refresh tokens, or the jti of an access token
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: TokenCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        TokenCommand::List(list) => {
            let filter = [("user", list.user), ("client", list.client)];
            let tokens = ("/admin/tokens", "tokens");
            let found = api.list(tokens, &filter, &list.part).await?;
            print_list(
                out,
                list.part.json,
                &found,
                (
                    &["id", "since", "client"],
                    "No live authorizations found. One begins when a user lets a client in.",
                ),
                |own| {
                    vec![
                        text(own, "id"),
                        to_the_second(own, "created_at"),
                        text(own, "client_id"),
                    ]
                },
            )
        }
        TokenCommand::Get(one) => {
            let found = api.get(&path(&["tokens", &one.id])).await?;
            print_one(out, one.json, &found)
        }
        TokenCommand::Revoke(one) => {
            let ended = api.delete(&path(&["tokens", &one.id])).await?;
            print_one(out, one.json, &ended)
        }
    }
}
