//! `authserver admin resource …`

use super::{Result, print_done, print_one, table};
use crate::views::ResourceView;
use clap::{Args, Subcommand};
use domain::{BackendKind, CatalogScope, Policy, Resource};
use engine::admin::{NewResource, ResourceChange};
use engine::{Engine, Error};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use store::Deletion;

/// Commands on resources.
#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// Register a resource
    Create(Create),
    /// Show one resource
    Get(One),
    /// List resources
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a resource
    Update(Update),
    /// Delete a resource with the consents for it
    Delete(Delete),
    /// The clients that may exchange tokens for the resource; without any, all may
    #[command(subcommand)]
    ExchangeClient(AllowlistCommand),
    /// The clients as which the resource's server runs: they may introspect its tokens
    #[command(subcommand)]
    RuntimeClient(AllowlistCommand),
}

#[derive(Debug, Args)]
pub struct Catalog {
    /// A scope as name|upstream|description, the last two optional; may be repeated
    #[arg(long = "scopes", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A JSON file with a list of {"name", "description", "upstream"}
    #[arg(long, value_name = "FILE", conflicts_with = "scopes")]
    scopes_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Create {
    /// Short name: a-z, 0-9 and -
    #[arg(long)]
    slug: String,
    /// Its identifier: the URL of the MCP server
    #[arg(long)]
    uri: Option<String>,
    /// Name shown on the consent page
    #[arg(long)]
    display_name: Option<String>,
    #[command(flatten)]
    catalog: Catalog,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct One {
    /// Slug or id
    resource: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// Slug or id
    resource: String,
    /// Delete its fronting links with it
    #[arg(long)]
    cascade: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Update {
    /// Slug or id
    resource: String,
    /// Its identifier; tokens already issued keep the old one
    #[arg(long)]
    uri: Option<String>,
    /// Name shown on the consent page
    #[arg(long)]
    display_name: Option<String>,
    #[command(flatten)]
    catalog: Catalog,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Commands on a list of clients.
#[derive(Debug, Subcommand)]
pub enum AllowlistCommand {
    /// Add a client
    Add(Member),
    /// Remove a client
    Remove(Member),
    /// List the clients
    List(One),
}

#[derive(Debug, Args)]
pub struct Member {
    /// Slug or id
    #[arg(required_unless_present = "slug")]
    resource: Option<String>,
    /// The client_id
    #[arg(required_unless_present = "client")]
    client_id: Option<String>,
    /// The same as the first argument
    #[arg(long, conflicts_with = "resource")]
    slug: Option<String>,
    /// The same as the second argument
    #[arg(long = "client-id", id = "client", conflicts_with = "client_id")]
    client: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Member {
    fn names(&self) -> (&str, &str) {
        let resource = self.resource.as_deref().or(self.slug.as_deref());
        let client = self.client_id.as_deref().or(self.client.as_deref());
        (resource.unwrap_or_default(), client.unwrap_or_default())
    }
}

impl Catalog {
    /// The catalog, if one was given.
    fn read(&self) -> Result<Option<Vec<CatalogScope>>> {
        if let Some(file) = &self.scopes_file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Error::invalid_request(format!("{}: {error}", file.display())))?;
            let scopes = serde_json::from_str(&text)
                .map_err(|error| Error::invalid_request(format!("{}: {error}", file.display())))?;
            return Ok(Some(scopes));
        }
        let scopes: Vec<_> = self.scopes.iter().map(|text| parse_scope(text)).collect();
        Ok((!scopes.is_empty()).then_some(scopes))
    }
}

/// `name|upstream|description`
fn parse_scope(text: &str) -> CatalogScope {
    let mut parts = text.splitn(3, '|').map(str::to_owned);
    let name = parts.next().unwrap_or_default();
    let upstream = parts.next().unwrap_or_default();
    let description = parts.next().unwrap_or_default();
    CatalogScope {
        name,
        description,
        upstream,
    }
}

pub(super) async fn run(command: ResourceCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        ResourceCommand::Create(create) => {
            let new = NewResource {
                scopes: create.catalog.read()?.unwrap_or_default(),
                slug: create.slug,
                uri: create.uri,
                backend_kind: BackendKind::Mint,
                display_name: create.display_name,
                policy: Policy::default(),
            };
            let resource = engine.create_resource(new).await?;
            print_one(out, create.json, &ResourceView::from(&resource))
        }
        ResourceCommand::Get(one) => {
            let resource = engine.resource(&one.resource).await?;
            print_one(out, one.json, &ResourceView::from(&*resource))
        }
        ResourceCommand::List { json } => {
            let resources = engine.resources().await?;
            let views: Vec<_> = resources
                .iter()
                .map(|resource| ResourceView::from(&**resource))
                .collect();
            if json {
                writeln!(out, "{:#}", serde_json::json!(views))?;
                return Ok(());
            }
            let scopes = |view: &ResourceView| {
                view.scopes
                    .iter()
                    .map(|scope| scope.name.as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let rows: Vec<_> = views
                .iter()
                .map(|view| {
                    vec![
                        view.slug.clone(),
                        view.uri.clone().unwrap_or_default(),
                        scopes(view),
                    ]
                })
                .collect();
            Ok(table::print(out, &["slug", "uri", "scopes"], &rows)?)
        }
        ResourceCommand::Update(update) => {
            let change = ResourceChange {
                scopes: update.catalog.read()?,
                uri: update.uri,
                display_name: update.display_name,
                ..ResourceChange::default()
            };
            let resource = engine.update_resource(&update.resource, change).await?;
            print_one(out, update.json, &ResourceView::from(&resource))
        }
        ResourceCommand::Delete(one) => {
            let how = Deletion {
                version: None,
                force: one.cascade,
            };
            engine.delete_resource(&one.resource, how).await?;
            print_done(out, one.json, "deleted", &one.resource)
        }
        ResourceCommand::ExchangeClient(command) => exchange_client(command, engine, out).await,
        ResourceCommand::RuntimeClient(command) => runtime_client(command, engine, out).await,
    }
}

async fn exchange_client(
    command: AllowlistCommand,
    engine: &Engine,
    out: &mut impl Write,
) -> Result {
    let (resource, json) = match &command {
        AllowlistCommand::Add(one) => {
            let (resource, client) = one.names();
            (
                engine.add_exchange_client(resource, client).await?,
                one.json,
            )
        }
        AllowlistCommand::Remove(one) => {
            let (resource, client) = one.names();
            (
                engine.remove_exchange_client(resource, client).await?,
                one.json,
            )
        }
        AllowlistCommand::List(one) => {
            let resource = engine.resource(&one.resource).await?;
            (Resource::clone(&resource), one.json)
        }
    };
    let exchange = resource.policy.exchange;
    print_list(out, json, &exchange, &exchange.allowed_client_ids)
}

async fn runtime_client(
    command: AllowlistCommand,
    engine: &Engine,
    out: &mut impl Write,
) -> Result {
    let (resource, json) = match &command {
        AllowlistCommand::Add(one) => {
            let (resource, client) = one.names();
            (engine.add_runtime_client(resource, client).await?, one.json)
        }
        AllowlistCommand::Remove(one) => {
            let (resource, client) = one.names();
            (
                engine.remove_runtime_client(resource, client).await?,
                one.json,
            )
        }
        AllowlistCommand::List(one) => {
            let resource = engine.resource(&one.resource).await?;
            (Resource::clone(&resource), one.json)
        }
    };
    let runtime = resource.policy.runtime;
    print_list(out, json, &runtime, &runtime.client_ids)
}

fn print_list(
    out: &mut impl Write,
    json: bool,
    policy: &impl Serialize,
    client_ids: &[String],
) -> Result {
    if json {
        writeln!(out, "{}", serde_json::json!(policy))?;
        return Ok(());
    }
    let rows: Vec<_> = client_ids.iter().map(|id| vec![id.clone()]).collect();
    Ok(table::print(out, &["client_id"], &rows)?)
}
