//! `authserver admin …`: the operator's commands. Each is a request to the admin API ([`Api`]),
//! carried out here, on the database and key store directly, or at a server.

mod api;
mod audit;
mod client;
mod fronting;
mod grant;
mod issuance;
mod key;
mod resource;
mod setting;
mod system;
mod table;
mod token;
mod user;

pub use api::Api;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::{self, Write};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// OAuth clients
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Protected resources and their scopes
    #[command(subcommand)]
    Resource(resource::ResourceCommand),
    /// Fronting links: which resource may obtain tokens for which
    #[command(subcommand)]
    Fronting(fronting::FrontingCommand),
    /// What users have agreed to
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// The record of issued tokens
    #[command(subcommand)]
    Issuance(issuance::IssuanceCommand),
    /// Authorizations that are alive: families of refresh tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Signing keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Who may register clients
    #[command(subcommand)]
    Dcr(setting::DcrCommand),
    /// The audit trail
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// How much there is of everything
    Stats(system::Stats),
    /// The server itself
    #[command(subcommand)]
    System(system::SystemCommand),
}

/// Which part of a list, and how it is printed.
#[derive(Debug, Args)]
struct Part {
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

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// It was refused, for this reason.
    Refused(String),
    /// Input or output failed.
    Io(io::Error),
}

impl std::fmt::Display for CliError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(&table::printable(why)),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for CliError {}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl AdminCommand {
    /// Whether it is about a server that runs, which nobody can speak for but that server.
    #[must_use]
    pub fn asks_a_server(&self) -> bool {
        matches!(self, Self::System(system::SystemCommand::Status { .. }))
    }
}

type Result<T = (), E = CliError> = std::result::Result<T, E>;

/// Runs a command and prints what it has to say to `out`.
///
/// # Errors
/// When it is refused, or `out` cannot be written.
pub async fn run(command: AdminCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        AdminCommand::Client(command) => client::run(command, api, out).await,
        AdminCommand::User(command) => user::run(command, api, out).await,
        AdminCommand::Resource(command) => resource::run(command, api, out).await,
        AdminCommand::Fronting(command) => fronting::run(command, api, out).await,
        AdminCommand::Grant(command) => grant::run(command, api, out).await,
        AdminCommand::Issuance(command) => issuance::run(command, api, out).await,
        AdminCommand::Token(command) => token::run(command, api, out).await,
        AdminCommand::Key(command) => key::run(command, api, out).await,
        AdminCommand::Dcr(command) => setting::run(command, api, out).await,
        AdminCommand::Audit(command) => audit::run(command, api, out).await,
        AdminCommand::Stats(stats) => system::stats(&stats, api, out).await,
        AdminCommand::System(command) => system::run(&command, api, out).await,
    }
}

/// The text of a member; empty when it is not there.
fn text(value: &Value, member: &str) -> String {
    match &value[member] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The texts of a member that is a list, with blanks between.
fn words(value: &Value, member: &str) -> String {
    let words = value[member].as_array().into_iter().flatten();
    let words: Vec<_> = words.filter_map(Value::as_str).collect();
    words.join(" ")
}

/// A time to the second: a row with milliseconds would not fit a terminal.
fn to_the_second(value: &Value, member: &str) -> String {
    let time = text(value, member);
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time,
    }
}

/// Prints one thing as JSON, or as its fields in lines.
fn print_one(out: &mut impl Write, json: bool, value: &Value) -> Result {
    if json {
        writeln!(out, "{value:#}")?;
        return Ok(());
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => writeln!(out, "{name}: {}", table::printable(text))?,
            other => writeln!(out, "{name}: {other}")?,
        }
    }
    Ok(())
}

/// Prints a list as JSON, or the cells that `row` makes of each in a table; `none` instead of a
/// table without rows.
fn print_list(
    out: &mut impl Write,
    json: bool,
    list: &[Value],
    (headings, none): (&[&str], &str),
    row: impl Fn(&Value) -> Vec<String>,
) -> Result {
    if json {
        writeln!(out, "{:#}", serde_json::json!(list))?;
        return Ok(());
    }
    let rows: Vec<_> = list.iter().map(row).collect();
    Ok(table::print(out, headings, &rows, none)?)
}

/// Says that something was done.
fn print_done(out: &mut impl Write, json: bool, done: &str, id: &str) -> Result {
    if json {
        writeln!(out, "{}", serde_json::json!({ "id": id, "done": done }))?;
    } else {
        writeln!(out, "{done}: {}", table::printable(id))?;
    }
    Ok(())
}
