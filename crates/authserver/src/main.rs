//! `authserver`: a self-hosted OAuth 2.1 authorization server for the Model Context Protocol.
//!
//! This crate is the wiring: command line, configuration, and the order in which the parts
//! are put together. What they do is in the crates of the workspace.

mod admin_key;
mod audit;
mod command;
mod configuration;
mod failure;
mod files;
mod manual;
mod operate;
mod purge;
mod quickstart;
mod reload;
mod serve;
mod wiring;

use clap::Parser as _;
use command::Arguments;
use std::process::ExitCode;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what has begun on other threads may take to end.
const LAST_WAIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // Exit code 2 on wrong usage is clap's own.
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("authserver: the async runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(command::run(arguments));
    // Not longer for a thread that waits for a lock when the server was told to stop.
    runtime.shutdown_timeout(LAST_WAIT);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("authserver: {failure}");
            failure.exit_code()
        }
    }
}
