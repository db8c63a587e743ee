//! `authserver admin user …`

use super::api::{Api, given, path};
use super::{Part, Result, print_done, print_list, print_one, text};
use clap::{Args, Subcommand};
use domain::{UserRole, UserStatus};
use serde_json::Value;
use std::io::Write;

/// Commands on users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a user
    Create(Create),
    /// List users, newest first
    List(List),
    /// Show one user
    Get(One),
    /// Change a user; a new password ends the user's sessions and tokens
    Update(Update),
    /// Delete a user
    Delete(Delete),
    /// Keep a user from signing in, and end sessions and tokens
    Disable(One),
    /// Let a disabled user sign in again
    Enable(One),
    /// End all sessions and tokens of a user
    ForceLogout(One),
}

#[derive(Debug, Args)]
pub struct Create {
    /// Address, the name to sign in with
    #[arg(long)]
    email: String,
    /// Name shown on pages
    #[arg(long, default_value = "")]
    name: String,
    /// Password, at least 8 characters; - reads it from standard input
    #[arg(long)]
    password: String,
    /// user or admin
    #[arg(long, default_value = "user")]
    role: UserRole,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// Only users of this status: active or disabled
    #[arg(long)]
    status: Option<UserStatus>,
    /// Only users whose id, address or name contains this
    #[arg(long)]
    q: Option<String>,
    #[command(flatten)]
    part: Part,
}

#[derive(Debug, Args)]
pub struct One {
    /// The user's id or address
    user: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    one: One,
    /// Delete the user with the sessions, tokens and consents that they hold
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub struct Update {
    /// The user's id or address
    user: String,
    /// Address
    #[arg(long)]
    email: Option<String>,
    /// Name
    #[arg(long)]
    name: Option<String>,
    /// Password; - reads it from standard input
    #[arg(long)]
    password: Option<String>,
    /// user or admin
    #[arg(long)]
    role: Option<UserRole>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A password argument, or the first line of standard input for `-`.
fn password(argument: String) -> Result<String> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

pub(super) async fn run(command: UserCommand, api: &Api, out: &mut impl Write) -> Result {
    match command {
        UserCommand::Create(create) => {
            let new = given(&[
                ("email", Some(create.email.into())),
                ("name", Some(create.name.into())),
                ("password", Some(password(create.password)?.into())),
                ("role", Some(create.role.as_str().into())),
            ]);
            let made = api.post("/admin/users", Some(new)).await?;
            print_one(out, create.json, &made)
        }
        UserCommand::List(list) => {
            let filter = [
                ("status", list.status.map(|own| own.to_string())),
                ("q", list.q),
            ];
            let users = ("/admin/users", "users");
            let found = api.list(users, &filter, &list.part).await?;
            let columns = ["id", "status", "email", "name"];
            let none = "No users found. Make one:\n\
                        authserver admin user create --email ana@example.com --password -";
            print_list(out, list.part.json, &found, (&columns, none), |own| {
                columns.map(|member| text(own, member)).into()
            })
        }
        UserCommand::Get(one) => {
            let user = api.get(&path(&["users", &one.user])).await?;
            print_one(out, one.json, &user)
        }
        UserCommand::Update(update) => {
            let password = update.password.map(password).transpose()?;
            let change = given(&[
                ("email", update.email.map(Value::from)),
                ("name", update.name.map(Value::from)),
                ("password", password.map(Value::from)),
                ("role", update.role.map(|own| own.as_str().into())),
            ]);
            let user = path(&["users", &update.user]);
            let changed = api.patch(&user, Some(change)).await?;
            print_one(out, update.json, &changed)
        }
        UserCommand::Delete(Delete { one, force }) => {
            let force = if force { "?force=true" } else { "" };
            api.delete_known(&path(&["users", &one.user]), force)
                .await?;
            print_done(out, one.json, "deleted", &one.user)
        }
        UserCommand::Disable(one) => {
            api.patch(&path(&["users", &one.user, "disable"]), None)
                .await?;
            print_done(out, one.json, "disabled", &one.user)
        }
        UserCommand::Enable(one) => {
            api.patch(&path(&["users", &one.user, "enable"]), None)
                .await?;
            print_done(out, one.json, "enabled", &one.user)
        }
        UserCommand::ForceLogout(one) => {
            let ended = api.delete(&path(&["users", &one.user, "tokens"])).await?;
            print_one(out, one.json, &ended)
        }
    }
}
