//! `authserver admin client …`

use super::{Result, all_parts, print_done, print_one, table};
use crate::views::{ClientView, CreatedClientView};
use clap::{Args, Subcommand};
use domain::{AuthMethod, ClientSource, ClientStatus, GrantType};
use engine::Engine;
use engine::admin::{ClientChange, NewClient};
use std::io::Write;
use store::{ClientFilter, Deletion, Page};

/// Commands on clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Create a client; its secret is shown once
    Create(Create),
    /// List clients, newest first
    List(List),
    /// Show one client
    Get(One),
    /// Change a client
    Update(Update),
    /// Delete a client
    Delete(Delete),
    /// Give a client a new secret; the old one dies at once
    RotateSecret(One),
    /// Let a client do nothing until it is reactivated
    Suspend(One),
    /// Let a suspended client act again
    Reactivate(One),
    /// End a client for good, with all its tokens
    Revoke(One),
}

#[derive(Debug, Args)]
pub struct Create {
    /// Its name, shown on the consent page
    #[arg(long)]
    name: String,
    /// Its client_id, such as a URL that others know it by; made up when absent
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A redirect URI; may be repeated
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A grant type it may use, such as client_credentials or token-exchange; may be repeated.
    /// Default: authorization_code and refresh_token with a redirect URI, else client_credentials
    #[arg(long = "grant-type", value_name = "GRANT", value_parser = grant_type)]
    grant_types: Vec<GrantType>,
    /// How it authenticates: client_secret_basic, client_secret_post or none
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<AuthMethod>,
    /// Its scope ceiling, separated by blanks
    #[arg(long, default_value = "")]
    scope: String,
    /// It is an agent: its tokens carry agent_id
    #[arg(long)]
    agent: bool,
    /// What the agent does
    #[arg(long)]
    agent_description: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// Only clients of this status: active, suspended or revoked
    #[arg(long)]
    status: Option<ClientStatus>,
    /// Only clients of this source: admin, dcr or cimd
    #[arg(long)]
    source: Option<ClientSource>,
    /// Only clients whose id or name contains this
    #[arg(long)]
    q: Option<String>,
    /// At most so many
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
    /// The client_id
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    one: One,
    /// Delete it with the tokens and consents that it holds
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub struct Update {
    /// The client_id
    id: String,
    /// Its name
    #[arg(long)]
    name: Option<String>,
    /// A redirect URI; repeated, they replace those it has
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A grant type; repeated, they replace those it has
    #[arg(long = "grant-type", value_name = "GRANT", value_parser = grant_type)]
    grant_types: Vec<GrantType>,
    /// Its scope ceiling, separated by blanks; empty for none
    #[arg(long)]
    scope: Option<String>,
    /// Whether it is an agent
    #[arg(long)]
    agent: Option<bool>,
    /// What the agent does
    #[arg(long)]
    agent_description: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A grant type by its name, or by the last part of a long one (RFC 6755).
fn grant_type(word: &str) -> Result<GrantType, String> {
    let long = || format!("urn:ietf:params:oauth:grant-type:{word}").parse();
    word.parse()
        .or_else(|error| long().map_err(|_: String| error))
}

pub(super) async fn run(command: ClientCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        ClientCommand::Create(create) => {
            let new = NewClient {
                client_id: create.client_id,
                name: create.name,
                redirect_uris: create.redirect_uris,
                grant_types: create.grant_types,
                response_types: None,
                token_endpoint_auth_method: create.auth_method,
                application_type: None,
                scope: create.scope,
                agent: create.agent,
                agent_description: create.agent_description,
            };
            let created = engine.create_client(new).await?;
            print_one(out, create.json, &CreatedClientView::from(&created))
        }
        ClientCommand::List(list) => {
            let filter = ClientFilter {
                status: list.status,
                source: list.source,
                text: list.q,
                behind: None,
            };
            let page = Page {
                limit: list.limit,
                offset: list.offset,
            };
            let clients = all_parts(&page, async |page, behind| {
                let filter = ClientFilter {
                    behind,
                    ..filter.clone()
                };
                engine.clients(&filter, &page).await
            })
            .await?;
            let views: Vec<_> = clients.iter().map(ClientView::from).collect();
            if list.json {
                writeln!(out, "{:#}", serde_json::json!(views))?;
                return Ok(());
            }
            let rows: Vec<_> = views
                .into_iter()
                .map(|view| {
                    vec![
                        view.id,
                        view.status.into(),
                        view.registration_source.into(),
                        view.name,
                    ]
                })
                .collect();
            Ok(table::print(
                out,
                &["id", "status", "source", "name"],
                &rows,
            )?)
        }
        ClientCommand::Get(one) => {
            let client = engine.client(&one.id).await?;
            print_one(out, one.json, &ClientView::from(&client))
        }
        ClientCommand::Update(update) => {
            let given = |list: Vec<_>| (!list.is_empty()).then_some(list);
            let change = ClientChange {
                name: update.name,
                redirect_uris: given(update.redirect_uris),
                grant_types: (!update.grant_types.is_empty()).then_some(update.grant_types),
                scope: update.scope,
                agent: update.agent,
                agent_description: update.agent_description,
                version: None,
            };
            let client = engine.update_client(&update.id, change).await?;
            print_one(out, update.json, &ClientView::from(&client))
        }
        ClientCommand::Delete(Delete { one, force }) => {
            let how = Deletion {
                version: None,
                force,
            };
            engine.delete_client(&one.id, how).await?;
            print_done(out, one.json, "deleted", &one.id)
        }
        ClientCommand::RotateSecret(one) => {
            let rotated = engine.rotate_client_secret(&one.id).await?;
            print_one(out, one.json, &CreatedClientView::from(&rotated))
        }
        ClientCommand::Suspend(one) => set_status(engine, out, one, ClientStatus::Suspended).await,
        ClientCommand::Reactivate(one) => set_status(engine, out, one, ClientStatus::Active).await,
        ClientCommand::Revoke(one) => set_status(engine, out, one, ClientStatus::Revoked).await,
    }
}

async fn set_status(
    engine: &Engine,
    out: &mut impl Write,
    one: One,
    status: ClientStatus,
) -> Result {
    engine.set_client_status(&one.id, status).await?;
    print_done(out, one.json, status.as_str(), &one.id)
}
