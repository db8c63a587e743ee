//! `authserver admin resource …`

use super::api::{Api, given, path};
use super::{CliError, Part, Result, print_done, print_list, print_one, table, text};
use clap::{Args, Subcommand};
use domain::{CatalogScope, TokenTyp};
use serde_json::{Map, Value, json};
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
    /// The addresses that users may be sent back to after connecting an account
    #[command(subcommand)]
    ReturnUrl(ReturnUrlCommand),
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
    /// What the header of its tokens says they are: at+jwt, or JWT for servers that refuse that
    #[arg(long, value_name = "TYP")]
    token_typ: Option<TokenTyp>,
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
    /// Slug, id or URI
    resource: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// Slug, id or URI
    resource: String,
    /// Delete its fronting links with it, and take it from clients that have it for their default
    #[arg(long)]
    cascade: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Update {
    /// Slug, id or URI
    resource: String,
    /// Its identifier; tokens already issued keep the old one
    #[arg(long)]
    uri: Option<String>,
    /// Name shown on the consent page
    #[arg(long)]
    display_name: Option<String>,
    #[command(flatten)]
    catalog: Catalog,
    /// What the header of its tokens says they are: at+jwt, or JWT for servers that refuse that
    #[arg(long, value_name = "TYP")]
    token_typ: Option<TokenTyp>,
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

/// Commands on a list of addresses.
#[derive(Debug, Subcommand)]
pub enum ReturnUrlCommand {
    /// Add an address
    Add(Address),
    /// Remove an address
    Remove(Address),
    /// List the addresses
    List(One),
}

#[derive(Debug, Args)]
pub struct Address {
    /// Slug, id or URI
    resource: String,
    /// The absolute URL
    url: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Member {
    /// Slug, id or URI
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
                ("token_typ", create.token_typ.map(|own| own.as_str().into())),
            ]);
            let made = api.post("/admin/resources", Some(new)).await?;
            print_kept(out, create.json, made)
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
            let none = "No resources found. Register your MCP server:\n\
                        authserver admin resource create --slug notes --uri https://… --scopes …";
            print_list(out, list.part.json, &found, (&columns, none), |own| {
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
                ("token_typ", update.token_typ.map(|own| own.as_str().into())),
            ]);
            let resource = path(&["resources", &update.resource]);
            let changed = api.patch(&resource, Some(change)).await?;
            print_kept(out, update.json, changed)
        }
        ResourceCommand::Delete(one) => {
            let cascade = if one.cascade { "?cascade=true" } else { "" };
            let resource = path(&["resources", &one.resource]);
            api.delete_known(&resource, cascade).await?;
            print_done(out, one.json, "deleted", &one.resource)
        }
        ResourceCommand::ExchangeClient(command) => {
            allowlist(command.into(), &EXCHANGE, api, out).await
        }
        ResourceCommand::RuntimeClient(command) => {
            allowlist(command.into(), &RUNTIME, api, out).await
        }
        ResourceCommand::ReturnUrl(command) => allowlist(command.into(), &CONNECT, api, out).await,
    }
}

/// Prints a resource that was registered or changed, and in front of it what there is to know
/// about that, each in a line of its own.
fn print_kept(out: &mut impl Write, json: bool, mut kept: Value) -> Result {
    if !json {
        let warnings = kept.as_object_mut().and_then(|own| own.remove("warnings"));
        for warning in warnings.iter().flat_map(Value::as_array).flatten() {
            let warning = warning.as_str().unwrap_or_default();
            writeln!(out, "warning: {}", table::printable(warning))?;
        }
    }
    print_one(out, json, &kept)
}

/// A list of a policy, as the API has it.
struct Allowlist {
    /// Its parts of the path.
    path: [&'static str; 2],
    /// The member of the answer.
    list: &'static str,
    /// What one of it is called.
    one: &'static str,
    /// What an empty one means.
    none: &'static str,
}

const EXCHANGE: Allowlist = Allowlist {
    path: ["exchange", "allowed-clients"],
    list: "allowed_client_ids",
    one: "client_id",
    none: "No clients listed: all may exchange tokens for the resource. Restrict it:\n\
           authserver admin resource exchange-client add RESOURCE CLIENT_ID",
};
const RUNTIME: Allowlist = Allowlist {
    path: ["runtime", "client-ids"],
    list: "client_ids",
    one: "client_id",
    none: "No clients listed: none may introspect the resource's tokens. Name one:\n\
           authserver admin resource runtime-client add RESOURCE CLIENT_ID",
};
const CONNECT: Allowlist = Allowlist {
    path: ["connect", "allowed-return-urls"],
    list: "allowed_return_urls",
    one: "url",
    none: "No addresses listed. Add one:\n\
           authserver admin resource return-url add RESOURCE URL",
};

/// What is done to a list: of this resource, with this member.
struct Act {
    resource: String,
    json: bool,
    change: Change,
}

enum Change {
    Add(String),
    Remove(String),
    None,
}

impl From<AllowlistCommand> for Act {
    fn from(command: AllowlistCommand) -> Self {
        let of = |member: &Member, change: fn(String) -> Change| {
            let (resource, client) = member.names();
            Self {
                resource: resource.to_owned(),
                json: member.json,
                change: change(client.to_owned()),
            }
        };
        match &command {
            AllowlistCommand::Add(member) => of(member, Change::Add),
            AllowlistCommand::Remove(member) => of(member, Change::Remove),
            AllowlistCommand::List(one) => Self::reading(one),
        }
    }
}

impl From<ReturnUrlCommand> for Act {
    fn from(command: ReturnUrlCommand) -> Self {
        let of = |address: Address, change: fn(String) -> Change| Self {
            resource: address.resource,
            json: address.json,
            change: change(address.url),
        };
        match command {
            ReturnUrlCommand::Add(address) => of(address, Change::Add),
            ReturnUrlCommand::Remove(address) => of(address, Change::Remove),
            ReturnUrlCommand::List(one) => Self::reading(&one),
        }
    }
}

impl Act {
    fn reading(one: &One) -> Self {
        Self {
            resource: one.resource.clone(),
            json: one.json,
            change: Change::None,
        }
    }
}

/// Reads or changes one of the lists of a policy, and prints what it is then.
async fn allowlist(act: Act, list: &Allowlist, api: &Api, out: &mut impl Write) -> Result {
    let [policy, name] = list.path;
    let parts = ["resources", &act.resource, "policy", policy, name];
    let now = match &act.change {
        Change::Add(member) => {
            let mut new = Map::new();
            new.insert(list.one.to_owned(), member.as_str().into());
            api.post(&path(&parts), Some(new.into())).await?
        }
        Change::Remove(member) => {
            let own = [&parts[..], &[member.as_str()]].concat();
            api.delete(&path(&own)).await?;
            api.get(&path(&parts)).await?
        }
        Change::None => api.get(&path(&parts)).await?,
    };
    if act.json {
        writeln!(out, "{now}")?;
        return Ok(());
    }
    let members = now[list.list].as_array().into_iter().flatten();
    let members = members.filter_map(Value::as_str);
    let rows: Vec<_> = members.map(|own| vec![own.to_owned()]).collect();
    Ok(table::print(out, &[list.one], &rows, list.none)?)
}
