//! `authserver admin …`, at hand or from afar.

use crate::failure::{Failure, Result};
use crate::{admin_key, wiring};
use admin::cli::{AdminCommand, Api, CliError};
use admin::rest::{AdminKeys, Setup};
use clap::Args;
use config::{ExposeSecret as _, Format, ListenAddress, Loaded, Secret};
use domain::{OpaqueToken, SystemRng};
use outbound::{OperatorClient, OperatorError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use store::{Missing, Store};
use tokio::sync::watch;

/// A command, and where it is carried out.
#[derive(Debug, Args)]
pub(crate) struct Operate {
    /// Do it at the server whose admin API has this address, not on the database here
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "AUTHPLANE_ADMIN_SERVER"
    )]
    server: Option<String>,
    /// The file that holds the server's admin key, or - for standard input; without it,
    /// admin.api_key or admin.api_key_file of the configuration
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    api_key_file: Option<PathBuf>,
    /// A file of certificate authorities (PEM) to trust besides the machine's own
    #[arg(long, global = true, value_name = "FILE", requires = "server")]
    ca_file: Option<PathBuf>,
    /// Send the key to another machine over plain HTTP
    #[arg(long, global = true, requires = "server")]
    allow_http: bool,
    #[command(subcommand)]
    command: AdminCommand,
}

/// Carries a command out.
///
/// # Errors
/// When it is refused, or there is nobody who could.
pub(crate) async fn run(operate: Operate, loaded: Loaded) -> Result {
    let mut database = None;
    let api = match &operate.server {
        Some(server) => {
            let key = remote_key(operate.api_key_file.as_deref(), &loaded)?;
            let authorities = operate.ca_file.as_deref();
            let key = key.expose_secret();
            let client = OperatorClient::new(server, key, authorities, operate.allow_http);
            Api::Remote(client.map_err(Failure::new)?)
        }
        None if operate.command.asks_a_server() => own_server(&loaded)?,
        None => {
            let (api, store) = at_hand(loaded).await?;
            database = Some(store);
            api
        }
    };
    let mut out = Vec::new();
    let outcome = admin::cli::run(operate.command, &api, &mut out).await;
    if let Some(store) = database {
        store.close().await;
    }
    // A pipe that was closed early is not an error of ours.
    drop(std::io::stdout().write_all(&out));
    outcome.map_err(|error: CliError| Failure::new(error))
}

/// The server that this configuration starts on this machine, whether it runs or not.
fn own_server(loaded: &Loaded) -> Result<Api> {
    let admin = &loaded.config.admin;
    if !admin.enabled {
        return Err(Failure::new(
            "admin.enabled is false, so a server with this configuration cannot be asked; \
             name another with --server URL",
        ));
    }
    let host = match admin.address.host.as_deref() {
        None | Some("0.0.0.0" | "::") => "127.0.0.1".to_owned(),
        Some(host) => host.to_owned(),
    };
    let address = ListenAddress {
        host: Some(host),
        ..admin.address.clone()
    };
    let server = format!("http://{address}");
    let key = admin_key::known(&loaded.config)?.ok_or_else(|| {
        let why = "no server has made its admin key yet".to_owned();
        Failure::new(OperatorError::Unreachable(server.clone(), why))
    })?;
    let client =
        OperatorClient::new(&server, key.expose_secret(), None, true).map_err(Failure::new)?;
    Ok(Api::Remote(client))
}

/// On the database and the keys that the configuration names.
async fn at_hand(loaded: Loaded) -> Result<(Api, Store)> {
    let shown = loaded.show(Format::Json);
    let console = wiring::Console::for_command(&loaded.config);
    let engine = wiring::open_engine(loaded.config, console.metrics, Missing::Refuse).await?;
    let store = engine.store().clone();
    // Nobody is asked for it.
    let key = OpaqueToken::generate(&SystemRng).expose().to_owned();
    let setup = Setup {
        keys: AdminKeys::new(&Secret::from(key), None),
        config: shown,
        stop: watch::channel(false).1,
    };
    let api = Api::AtHand(Box::new(admin::rest::at_hand(engine, &setup)));
    Ok((api, store))
}

/// The key of a server elsewhere; none is made up.
fn remote_key(file: Option<&Path>, loaded: &Loaded) -> Result<Secret> {
    let admin = &loaded.config.admin;
    match (file, &admin.api_key, admin.api_key_file.as_deref()) {
        (Some(file), ..) if file == Path::new("-") => {
            let mut line = String::new();
            std::io::stdin()
                .read_line(&mut line)
                .map_err(Failure::new)?;
            Ok(Secret::from(line.trim()))
        }
        (Some(file), ..) | (None, None, Some(file)) => admin_key::read(file),
        (None, Some(key), _) => Ok(key.clone()),
        (None, None, None) => Err(Failure::usage(
            "give the server's admin key: --api-key-file, or AUTHPLANE_ADMIN_API_KEY",
        )),
    }
}
