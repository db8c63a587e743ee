//! `authserver admin user …`

use super::{Result, all_parts, print_done, print_one, table};
use crate::views::{RevokedView, UserView};
use clap::{Args, Subcommand};
use domain::{UserRole, UserStatus};
use engine::Engine;
use engine::admin::{NewUser, UserChange};
use secrecy::SecretString;
use std::io::Write;
use store::{Deletion, Page, UserFilter};

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
fn password(argument: String) -> Result<SecretString> {
    if argument != "-" {
        return Ok(argument.into());
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

pub(super) async fn run(command: UserCommand, engine: &Engine, out: &mut impl Write) -> Result {
    match command {
        UserCommand::Create(create) => {
            let new = NewUser {
                email: create.email,
                name: create.name,
                password: password(create.password)?,
                role: create.role,
            };
            let user = engine.create_user(new).await?;
            print_one(out, create.json, &UserView::from(&user))
        }
        UserCommand::List(list) => {
            let filter = UserFilter {
                status: list.status,
                text: list.q,
                behind: None,
            };
            let page = Page {
                limit: list.limit,
                offset: list.offset,
            };
            let users = all_parts(&page, async |page, behind| {
                let filter = UserFilter {
                    behind,
                    ..filter.clone()
                };
                engine.users(&filter, &page).await
            })
            .await?;
            let views: Vec<_> = users.iter().map(UserView::from).collect();
            if list.json {
                writeln!(out, "{:#}", serde_json::json!(views))?;
                return Ok(());
            }
            let rows: Vec<_> = views
                .into_iter()
                .map(|view| vec![view.id, view.status.into(), view.email, view.name])
                .collect();
            Ok(table::print(
                out,
                &["id", "status", "email", "name"],
                &rows,
            )?)
        }
        UserCommand::Get(one) => {
            let user = engine.user(&one.user).await?;
            print_one(out, one.json, &UserView::from(&user))
        }
        UserCommand::Update(update) => {
            let change = UserChange {
                email: update.email,
                name: update.name,
                password: update.password.map(password).transpose()?,
                role: update.role,
                version: None,
            };
            let user = engine.update_user(&update.user, change).await?;
            print_one(out, update.json, &UserView::from(&user))
        }
        UserCommand::Delete(Delete { one, force }) => {
            let how = Deletion {
                version: None,
                force,
            };
            engine.delete_user(&one.user, how).await?;
            print_done(out, one.json, "deleted", &one.user)
        }
        UserCommand::Disable(one) => {
            engine
                .set_user_status(&one.user, UserStatus::Disabled)
                .await?;
            print_done(out, one.json, "disabled", &one.user)
        }
        UserCommand::Enable(one) => {
            engine
                .set_user_status(&one.user, UserStatus::Active)
                .await?;
            print_done(out, one.json, "enabled", &one.user)
        }
        UserCommand::ForceLogout(one) => {
            let ended = engine.force_logout(&one.user).await?;
            print_one(out, one.json, &RevokedView::from(ended))
        }
    }
}
