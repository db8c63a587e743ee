//! Shell completions and manual pages, from the definition of the commands.

use crate::command::Arguments;
use crate::failure::{Failure, Result};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Pages {
    /// The folder to write them to, a page for each command; it is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// `authserver completions SHELL`
///
/// # Errors
/// None: a pipe that was closed early is no error of ours.
pub(crate) fn complete(completions: &Completions) -> Result {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(completions.shell, &mut command, "authserver", &mut script);
    drop(std::io::stdout().write_all(&script));
    Ok(())
}

/// `authserver man --out DIR`
///
/// # Errors
/// When a page cannot be written.
pub(crate) fn write(pages: &Pages) -> Result {
    let written = std::fs::create_dir_all(&pages.out)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), &pages.out));
    written.map_err(|error| Failure::new(format!("{}: {error}", pages.out.display())))
}
