//! `authserver admin client …`

use super::api::{Api, given, path};
use super::{CliError, Part, Result, print_done, print_list, print_one, text};
use clap::{Args, Subcommand};
use domain::{AuthMethod, ClientSigningAlgorithm, ClientSource, ClientStatus, GrantType};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

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
    #[command(flatten)]
    authentication: Authentication,
    /// Its scope ceiling, separated by blanks
    #[arg(long, default_value = "")]
    scope: String,
    /// The resource of its requests that name none and could be for several: slug, id or URI
    #[arg(long, value_name = "RESOURCE")]
    default_resource: Option<String>,
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
    #[command(flatten)]
    part: Part,
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
    /// With another method, what belonged to the old one is gone; a new secret is shown once
    #[command(flatten)]
    authentication: Authentication,
    /// Its scope ceiling, separated by blanks; empty for none
    #[arg(long)]
    scope: Option<String>,
    /// The resource of its requests that name none: slug, id or URI; empty for none
    #[arg(long, value_name = "RESOURCE")]
    default_resource: Option<String>,
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

/// How a client authenticates.
#[derive(Debug, Args)]
pub struct Authentication {
    /// How it authenticates: client_secret_basic, client_secret_post, private_key_jwt or none
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<AuthMethod>,
    /// With private_key_jwt: a file that holds its public keys, a JWK Set; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,
    /// With private_key_jwt: the URL of its public keys, a JWK Set
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// With private_key_jwt: the one algorithm it may sign with, such as ES256; default: any
    #[arg(long, value_name = "ALG")]
    auth_signing_alg: Option<ClientSigningAlgorithm>,
}

impl Authentication {
    /// The members that this is in a request.
    fn members(self) -> Result<[(&'static str, Option<Value>); 4]> {
        let jwks = self.jwks_file.as_deref().map(read_jwks).transpose();
        let jwks = jwks.map_err(CliError::Refused)?;
        Ok([
            (
                "token_endpoint_auth_method",
                self.auth_method.map(|own| own.as_str().into()),
            ),
            ("jwks", jwks),
            ("jwks_uri", self.jwks_uri.map(Value::from)),
            (
                "token_endpoint_auth_signing_alg",
                self.auth_signing_alg.map(|own| own.as_str().into()),
            ),
        ])
    }
}

fn read_jwks(path: &Path) -> Result<Value, String> {
    let text = match path.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", path.display()))
}

/// A grant type by its name, or by the last part of a long one (RFC 6755).
fn grant_type(word: &str) -> Result<GrantType, String> {
    let long = || format!("urn:ietf:params:oauth:grant-type:{word}").parse();
    word.parse()
        .or_else(|error| long().map_err(|_: String| error))
}

fn names(grants: &[GrantType]) -> Option<Value> {
    let names: Vec<_> = grants.iter().map(|own| own.as_str()).collect();
    (!names.is_empty()).then(|| json!(names))
}

pub(super) async fn run(command: ClientCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        ClientCommand::Create(create) => {
            let [method, jwks, jwks_uri, signing_alg] = create.authentication.members()?;
            let new = given(&[
                method,
                jwks,
                jwks_uri,
                signing_alg,
                ("client_id", create.client_id.map(Value::from)),
                ("client_name", Some(create.name.into())),
                ("redirect_uris", Some(json!(create.redirect_uris))),
                ("grant_types", names(&create.grant_types)),
                ("scope", Some(create.scope.into())),
                ("default_resource", create.default_resource.map(Value::from)),
                ("agent", Some(create.agent.into())),
                (
                    "agent_description",
                    create.agent_description.map(Value::from),
                ),
            ]);
            let made = api.post("/admin/clients", Some(new)).await?;
            print_one(out, create.json, &made)
        }
        ClientCommand::List(list) => {
            let filter = [
                ("status", list.status.map(|own| own.to_string())),
                ("source", list.source.map(|own| own.to_string())),
                ("q", list.q),
            ];
            let clients = ("/admin/clients", "clients");
            let found = api.list(clients, &filter, &list.part).await?;
            let columns = ["id", "status", "source", "name"];
            let none = "No clients found. MCP clients register themselves when they connect;\n\
                        others are made with: authserver admin client create";
            print_list(out, list.part.json, &found, (&columns, none), |own| {
                ["id", "status", "registration_source", "name"]
                    .map(|member| text(own, member))
                    .into()
            })
        }
        ClientCommand::Get(one) => {
            let client = api.get(&path(&["clients", &one.id])).await?;
            print_one(out, one.json, &client)
        }
        ClientCommand::Update(update) => {
            let uris = &update.redirect_uris;
            let [method, jwks, jwks_uri, signing_alg] = update.authentication.members()?;
            let change = given(&[
                method,
                jwks,
                jwks_uri,
                signing_alg,
                ("client_name", update.name.map(Value::from)),
                ("redirect_uris", (!uris.is_empty()).then(|| json!(uris))),
                ("grant_types", names(&update.grant_types)),
                ("scope", update.scope.map(Value::from)),
                ("default_resource", update.default_resource.map(Value::from)),
                ("agent", update.agent.map(Value::from)),
                (
                    "agent_description",
                    update.agent_description.map(Value::from),
                ),
            ]);
            let client = path(&["clients", &update.id]);
            let changed = api.patch(&client, Some(change)).await?;
            print_one(out, update.json, &changed)
        }
        ClientCommand::Delete(Delete { one, force }) => {
            let force = if force { "?force=true" } else { "" };
            api.delete_known(&path(&["clients", &one.id]), force)
                .await?;
            print_done(out, one.json, "deleted", &one.id)
        }
        ClientCommand::RotateSecret(one) => {
            let client = path(&["clients", &one.id, "rotate-secret"]);
            print_one(out, one.json, &api.post(&client, None).await?)
        }
        ClientCommand::Suspend(one) => set_status(api, out, one, "suspend").await,
        ClientCommand::Reactivate(one) => set_status(api, out, one, "reactivate").await,
        ClientCommand::Revoke(one) => set_status(api, out, one, "revoke").await,
    }
}

async fn set_status(api: &Api, out: &mut impl Write, one: One, act: &str) -> Result {
    let done = api.patch(&path(&["clients", &one.id, act]), None).await?;
    print_done(out, one.json, &text(&done, "status"), &one.id)
}
