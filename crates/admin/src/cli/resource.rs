//! `authserver admin resource …`

use super::api::{Api, given, path};
use super::{CliError, Part, Result, print_done, print_list, print_one, table, text};
use clap::{Args, Subcommand};
use domain::CatalogScope;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Commands on resources.
#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// Register a resource
    Create(Create),
    /// Show one resource
    Get(One),
    /// List resources, by slug
    List(List),
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
pub struct List {
    /// Only resources whose slug, name or URI contains this
    #[arg(long)]
    q: Option<String>,
    #[command(flatten)]
    part: Part,
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
    fn read(&self) -> Result<Option<Value>> {
        if let Some(file) = &self.scopes_file {
            let wrong = |fault: &dyn std::fmt::Display| {
                CliError::Refused(format!("{}: {fault}", file.display()))
            };
            let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
            let scopes = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
            return Ok(Some(scopes));
        }
        let scopes: Vec<_> = self.scopes.iter().map(|text| parse_scope(text)).collect();
        Ok((!scopes.is_empty()).then(|| json!(scopes)))
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

pub(super) async fn run(command: ResourceCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        ResourceCommand::Create(create) => {
            let new = given(&[
                ("slug", Some(create.slug.into())),
                ("uri", create.uri.map(Value::from)),
                ("display_name", create.display_name.map(Value::from)),
                ("scopes", create.catalog.read()?),
            ]);
            let made = api.post("/admin/resources", Some(new)).await?;
            print_one(out, create.json, &made)
        }
        ResourceCommand::Get(one) => {
            let resource = api.get(&path(&["resources", &one.resource])).await?;
            print_one(out, one.json, &resource)
        }
        ResourceCommand::List(list) => {
            let resources = ("/admin/resources", "resources");
            let filter = [("q", list.q)];
            let found = api.list(resources, &filter, &list.part).await?;
            let columns = ["slug", "uri", "scopes"];
            print_list(out, list.part.json, &found, &columns, |own| {
                let scopes = own["scopes"].as_array().into_iter().flatten();
                let scopes: Vec<_> = scopes.map(|scope| text(scope, "name")).collect();
                vec![text(own, "slug"), text(own, "uri"), scopes.join(" ")]
            })
        }
        ResourceCommand::Update(update) => {
            let change = given(&[
                ("uri", update.uri.map(Value::from)),
                ("display_name", update.display_name.map(Value::from)),
                ("scopes", update.catalog.read()?),
            ]);
            let resource = path(&["resources", &update.resource]);
            let changed = api.patch(&resource, Some(change)).await?;
            print_one(out, update.json, &changed)
        }
        ResourceCommand::Delete(one) => {
            let cascade = if one.cascade { "?cascade=true" } else { "" };
            let resource = path(&["resources", &one.resource]);
            api.delete_known(&resource, cascade).await?;
            print_done(out, one.json, "deleted", &one.resource)
        }
        ResourceCommand::ExchangeClient(command) => {
            let list = ["exchange", "allowed-clients", "allowed_client_ids"];
            allowlist(command, list, api, out).await
        }
        ResourceCommand::RuntimeClient(command) => {
            let list = ["runtime", "client-ids", "client_ids"];
            allowlist(command, list, api, out).await
        }
    }
}

/// Reads or changes one of the lists of a policy, and prints what it is then.
async fn allowlist(
    command: AllowlistCommand,
    [policy, name, member]: [&str; 3],
    api: &Api,
    out: &mut impl Write,
) -> Result {
    let list = |resource: &str| path(&["resources", resource, "policy", policy, name]);
    let (now, json) = match &command {
        AllowlistCommand::Add(one) => {
            let (resource, client) = one.names();
            let new = json!({ "client_id": client });
            (api.post(&list(resource), Some(new)).await?, one.json)
        }
        AllowlistCommand::Remove(one) => {
            let (resource, client) = one.names();
            let own = list(resource);
            api.delete(&format!(
                "{own}/{}",
                path(&[client]).trim_start_matches("/admin/")
            ))
            .await?;
            (api.get(&own).await?, one.json)
        }
        AllowlistCommand::List(one) => (api.get(&list(&one.resource)).await?, one.json),
    };
    if json {
        writeln!(out, "{now}")?;
        return Ok(());
    }
    let ids = now[member].as_array().into_iter().flatten();
    let ids = ids.filter_map(Value::as_str);
    let rows: Vec<_> = ids.map(|id| vec![id.to_owned()]).collect();
    Ok(table::print(out, &["client_id"], &rows)?)
}
