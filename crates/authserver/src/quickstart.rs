//! `authserver quickstart`: a working server for someone who has never seen one.
//!
//! Everything it makes is under `./data`. Run again, it finds what it made before.

use crate::failure::{Failure, Result};
use crate::{admin_key, serve, wiring};
use config::{Config, ExposeSecret as _, Loaded, ResourceSeed};
use domain::{BackendKind, CatalogScope, OpaqueToken, Policy, SystemRng, UserRole, UserStatus};
use engine::Engine;
use engine::admin::{NewResource, NewUser};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use store::Missing;

const EMAIL: &str = "demo@example.com";
const SLUG: &str = "demo";
const RESOURCE: &str = "http://localhost:8080/mcp";
/// The scopes of the demo resource, which the examples ask for, and what they allow.
const SCOPES: [(&str, &str); 2] = [
    ("tools/read", "Read your notes"),
    ("tools/write", "Add notes in your name"),
];
/// The demo user's password, so that a second run can print it again.
const PASSWORD_FILE: &str = "demo-password";

/// Makes the demo user and resource, prints how to use them, and serves.
///
/// # Errors
/// As [`serve::serve`]; off localhost.
pub(crate) async fn run(mut loaded: Loaded, file: Option<&Path>) -> Result {
    if !loaded.config.is_localhost() {
        return Err(Failure::usage(
            "quickstart is for localhost; it makes a user with a printed password. Use serve, and admin user create",
        ));
    }
    // Clients that run in a browser, such as the MCP Inspector, come from a port of this machine.
    if loaded.origins.get("server.allowed_origins") == Some(&config::Layer::Default) {
        loaded.config.server.allowed_origins = config::Origin::loopback();
    }
    stay_at_home(&mut loaded.config.server.address);
    stay_at_home(&mut loaded.config.admin.address);
    let (password, resource) = prepare(&mut loaded.config).await?;
    let config = &loaded.config;
    let key = admin_key::current(config)?;
    let issuer = config.server.issuer.as_str().to_owned();
    let admin = config.admin.address.port;
    serve::serve(loaded, file, move || {
        // Output that is closed or full is no reason to end a server that runs.
        let mut output = std::io::stdout();
        let printed = writeln!(
            output,
            "\n\
             AuthPlane is running. Everything it keeps is under ./data.\n\
             \n\
             Issuer:     {issuer}\n\
             Console:    http://localhost:{admin}/admin/ui/\n\
             Admin key:  {key}\n\
             Metrics:    http://localhost:{admin}/metrics\n\
             User:       {EMAIL}\n\
             Password:   {password}\n\
             Resource:   {uri}  (scopes {scopes})\n\
             \n\
             Connect an MCP client. In two more terminals:\n\
             \n\
             \x20 cd examples/python && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\n\
             \x20 {settings}.venv/bin/python server.py      # a protected MCP server on {uri}\n\
             \x20 cd examples/python && {address}.venv/bin/python client.py      # signs in through your browser, calls both tools\n",
            key = key.expose_secret(),
            uri = resource.uri,
            scopes = resource.scopes.join(", "),
            settings = resource.server_settings(),
            address = resource.client_settings(),
        );
        drop(printed.and_then(|()| output.flush()));
    })
    .await
}

/// An address that names no host is this machine alone: whoever tries things out has no network in
/// mind. `0.0.0.0` opens the port to others.
fn stay_at_home(address: &mut config::ListenAddress) {
    address.host.get_or_insert_with(|| "127.0.0.1".into());
}

/// Makes the demo user and the demo resource unless they are there; says how to sign in, and what
/// the examples can be protected as.
async fn prepare(config: &mut Config) -> Result<(String, Shown)> {
    let console = wiring::Console::for_quickstart();
    let engine = wiring::open_engine(config.clone(), console.metrics, Missing::Make).await?;
    let password = demo_user(&engine, &config.signing.key_path).await?;
    let mut seeds = Vec::new();
    for seed in std::mem::take(&mut config.resources) {
        let other = engine.in_the_way_of(&seed).await.map_err(Failure::new)?;
        match other {
            Some(other) => eprintln!(
                "resources: {} is left out, since its uri {} is that of the resource {} already",
                seed.slug, seed.uri, other.slug
            ),
            None => seeds.push(seed),
        }
    }
    config.resources = seeds;
    let resource = demo_resource(&engine, &config.resources).await?;
    engine.store().close().await;
    Ok((password, resource))
}

/// The demo user's password as it can be told: a user who is there keeps the password that was set.
async fn demo_user(engine: &Engine, folder: &Path) -> Result<String> {
    let path = folder.join(PASSWORD_FILE);
    if let Ok(user) = engine.user(EMAIL).await {
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let kept = kept.trim();
        let told = match engine.is_password_of(&user, &kept.into()).await {
            true => kept.to_owned(),
            false => format!(
                "as it was set; for another: authserver admin user update {EMAIL} --password -"
            ),
        };
        return Ok(match user.status {
            UserStatus::Active => told,
            UserStatus::Disabled => {
                format!("of no use, the user is disabled: authserver admin user enable {EMAIL}")
            }
        });
    }
    let password = OpaqueToken::generate(&SystemRng).expose()[..16].to_owned();
    let user = NewUser {
        email: EMAIL.into(),
        name: "Demo User".into(),
        password: password.as_str().into(),
        role: UserRole::User,
    };
    engine.create_user(user).await.map_err(Failure::new)?;
    let mut options = std::fs::OpenOptions::new();
    let written = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| writeln!(file, "{password}"));
    written.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(password)
}

/// The resource that the examples are tried with.
struct Shown {
    uri: String,
    scopes: Vec<String>,
}

impl Shown {
    fn of(uri: Option<&String>, scopes: impl Iterator<Item = String>) -> Self {
        Self {
            uri: uri.map_or_else(|| RESOURCE.to_owned(), Clone::clone),
            scopes: scopes.collect(),
        }
    }

    /// What the example client has to be told: nothing about the demo resource.
    fn client_settings(&self) -> String {
        match &*self.uri {
            RESOURCE => String::new(),
            uri => format!("MCP_RESOURCE={uri} "),
        }
    }

    /// What the example server has to be told.
    fn server_settings(&self) -> String {
        let address = self.client_settings();
        match self
            .scopes
            .iter()
            .map(String::as_str)
            .eq(SCOPES.map(|(name, _)| name))
        {
            true => address,
            false => format!("{address}MCP_SCOPES='{}' ", self.scopes.join(" ")),
        }
    }
}

/// The resource with the URI of the examples, whatever its slug; else the one with the slug of
/// the demo; else a new one.
async fn demo_resource(engine: &Engine, seeds: &[ResourceSeed]) -> Result<Shown> {
    for name in [RESOURCE, SLUG] {
        if let Ok(known) = engine.resource(name).await {
            let scopes = known.scopes.iter().map(|scope| scope.name.clone());
            return Ok(Shown::of(known.uri.as_ref(), scopes));
        }
        // The server is about to register it.
        let named =
            |seed: &&ResourceSeed| [&seed.uri, &seed.slug].into_iter().any(|own| own == name);
        if let Some(seed) = seeds.iter().find(named) {
            let scopes = seed.scopes.iter().map(|scope| scope.name.clone());
            return Ok(Shown::of(Some(&seed.uri), scopes));
        }
    }
    let resource = NewResource {
        slug: SLUG.into(),
        uri: Some(RESOURCE.into()),
        backend_kind: BackendKind::Mint,
        display_name: Some("Demo notes".into()),
        scopes: SCOPES
            .map(|(name, description)| CatalogScope {
                name: name.into(),
                description: description.into(),
                upstream: String::new(),
            })
            .into(),
        token_typ: domain::TokenTyp::default(),
        policy: Policy::default(),
    };
    let made = engine
        .create_resource(resource)
        .await
        .map_err(Failure::new)?;
    let scopes = made.resource.scopes.into_iter().map(|scope| scope.name);
    Ok(Shown::of(made.resource.uri.as_ref(), scopes))
}
