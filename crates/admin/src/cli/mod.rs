//! `authserver admin …`: the operator's commands, on the database and key store directly.

mod client;
mod fronting;
mod grant;
mod issuance;
mod key;
mod resource;
mod setting;
mod table;
mod user;

use clap::Subcommand;
use engine::{Engine, Error};
use serde::Serialize;
use std::io::{self, Write};
use store::{Cursor, Page, Part};

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
    /// Signing keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Who may register clients
    #[command(subcommand)]
    Dcr(setting::DcrCommand),
}

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// The engine refused.
    Refused(Error),
    /// Input or output failed.
    Io(io::Error),
}

impl std::fmt::Display for CliError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => match &error.cause {
                Some(cause) => write!(f, "{} ({cause})", error.description),
                None => f.write_str(&error.description),
            },
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for CliError {}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Rows that are read at once.
const PART: u32 = 1000;

type Result<T = (), E = CliError> = std::result::Result<T, E>;

/// Runs a command and prints what it has to say to `out`.
///
/// # Errors
/// When the engine refuses, or `out` cannot be written.
pub async fn run(command: AdminCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        AdminCommand::Client(command) => client::run(command, engine, out).await,
        AdminCommand::User(command) => user::run(command, engine, out).await,
        AdminCommand::Resource(command) => resource::run(command, engine, out).await,
        AdminCommand::Fronting(command) => fronting::run(command, engine, out).await,
        AdminCommand::Grant(command) => grant::run(command, engine, out).await,
        AdminCommand::Issuance(command) => issuance::run(command, engine, out).await,
        AdminCommand::Key(command) => key::run(command, engine, out).await,
        AdminCommand::Dcr(command) => setting::run(command, engine, out).await,
    }
}

/// As much of a list as a page has room for, over as many parts as it takes.
async fn all_parts<T>(
    page: &Page,
    part: impl AsyncFn(Page, Option<Cursor>) -> engine::Result<Part<T>>,
) -> Result<Vec<T>> {
    let (mut rows, mut behind) = (Vec::new(), None);
    let wanted = page.limit.saturating_add(page.offset) as usize;
    while rows.len() < wanted {
        let limit = u32::try_from(wanted - rows.len()).unwrap_or(u32::MAX);
        let next = Page {
            limit: limit.min(PART),
            offset: 0,
        };
        let found = part(next, behind).await?;
        rows.extend(found.rows);
        behind = found.next;
        if behind.is_none() {
            break;
        }
    }
    rows.drain(..rows.len().min(page.offset as usize));
    Ok(rows)
}

/// Prints one thing as JSON, or as its fields in lines.
fn print_one(out: &mut impl Write, json: bool, view: &impl Serialize) -> Result {
    let value = serde_json::to_value(view).unwrap_or_default();
    if json {
        writeln!(out, "{value:#}")?;
        return Ok(());
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => writeln!(out, "{name}: {}", table::printable(text))?,
            other => writeln!(out, "{name}: {other}")?,
        }
    }
    Ok(())
}

/// Says that something was done.
fn print_done(out: &mut impl Write, json: bool, done: &str, id: &str) -> Result {
    if json {
        writeln!(out, "{}", serde_json::json!({ "id": id, "done": done }))?;
    } else {
        writeln!(out, "{done}: {id}")?;
    }
    Ok(())
}
