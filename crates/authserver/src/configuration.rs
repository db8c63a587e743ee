//! Reading the configuration, and `authserver config …`.

use crate::failure::{Failure, Result};
use clap::{Args, Subcommand};
use config::{Format, Loaded};
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with the configuration, all at once
    Check,
    /// Print the effective configuration, secrets masked, with where each value comes from
    Show(Show),
    /// Print docs/reference/configuration.md
    Reference,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads defaults, `file` and environment.
///
/// # Errors
/// One line per problem.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded> {
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let value = value.into_string().ok()?;
        // Arguments of commands, not keys of a configuration.
        let is_argument = ["AUTHPLANE_CONFIG", "AUTHPLANE_ADMIN_SERVER"].contains(&&*name);
        (!is_argument).then_some((name, value))
    });
    config::load(file, environment)
        .map_err(|problems| Failure::new(format!("the configuration is not usable\n{problems}")))
}

/// `authserver config …`
pub(crate) fn run(command: &ConfigCommand, file: Option<&Path>) -> Result {
    match command {
        ConfigCommand::Reference => print!("{}", config::reference()),
        ConfigCommand::Check => {
            for warning in load(file)?.warnings {
                eprintln!("warning: {warning}");
            }
            println!("the configuration is valid");
        }
        ConfigCommand::Show(show) => {
            let format = if show.json {
                Format::Json
            } else {
                Format::Text
            };
            print!("{}", load(file)?.show(format));
        }
    }
    Ok(())
}
