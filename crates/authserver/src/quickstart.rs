//! `authserver quickstart`: a working server for someone who has never seen one.
//!
//! Everything it makes is under `./data`. Run again, it finds what it made before.

use crate::failure::{Failure, Result};
use crate::{admin_key, serve, wiring};
use config::{ExposeSecret as _, Loaded};
use domain::{BackendKind, CatalogScope, OpaqueToken, Policy, SystemRng, UserRole};
use engine::Engine;
use engine::admin::{NewResource, NewUser};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const EMAIL: &str = "demo@example.com";
const SLUG: &str = "demo";
const RESOURCE: &str = "http://localhost:8080/mcp";
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
    let config = loaded.config.clone();
    let password = {
        let console = wiring::Console::for_quickstart();
        let engine = wiring::open_engine(config.clone(), console.metrics.clone()).await?;
        let password = demo_user(&engine, &config.signing.key_path).await?;
        demo_resource(&engine).await?;
        password
    };
    let key = admin_key::current(&config)?;
    let issuer = config.server.issuer.as_str().to_owned();
    let admin = config.admin.address.port;
    serve::serve(loaded, file, move || {
        println!(
            "\n\
             AuthPlane is running. Everything it keeps is under ./data.\n\
             \n\
             Issuer:     {issuer}\n\
             Console:    http://localhost:{admin}/admin/ui/\n\
             Admin key:  {key}\n\
             Metrics:    http://localhost:{admin}/metrics\n\
             User:       {EMAIL}\n\
             Password:   {password}\n\
             Resource:   {RESOURCE}  (scopes tools/read, tools/write)\n\
             \n\
             Connect an MCP client. In two more terminals:\n\
             \n\
             \x20 cd examples/python && python3 -m venv .venv && .venv/bin/pip install -r requirements.txt\n\
             \x20 .venv/bin/python server.py      # a protected MCP server on {RESOURCE}\n\
             \x20 cd examples/python && .venv/bin/python client.py      # signs in through your browser, calls both tools\n",
            key = key.expose_secret(),
        );
        drop(std::io::stdout().flush());
    })
    .await
}

async fn demo_user(engine: &Engine, folder: &Path) -> Result<String> {
    let path = folder.join(PASSWORD_FILE);
    if let Ok(password) = std::fs::read_to_string(&path)
        && engine.user(EMAIL).await.is_ok()
    {
        return Ok(password.trim().to_owned());
    }
    let password = OpaqueToken::generate(&SystemRng).expose()[..16].to_owned();
    let secret = config::Secret::from(password.as_str());
    if engine.user(EMAIL).await.is_ok() {
        let change = engine::admin::UserChange {
            password: Some(secret),
            ..Default::default()
        };
        engine
            .update_user(EMAIL, change)
            .await
            .map_err(Failure::new)?;
    } else {
        let user = NewUser {
            email: EMAIL.into(),
            name: "Demo User".into(),
            password: secret,
            role: UserRole::User,
        };
        engine.create_user(user).await.map_err(Failure::new)?;
    }
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

async fn demo_resource(engine: &Engine) -> Result {
    if engine.resource(SLUG).await.is_ok() {
        return Ok(());
    }
    let scope = |name: &str, description: &str| CatalogScope {
        name: name.into(),
        description: description.into(),
        upstream: String::new(),
    };
    let resource = NewResource {
        slug: SLUG.into(),
        uri: Some(RESOURCE.into()),
        backend_kind: BackendKind::Mint,
        display_name: Some("Demo notes".into()),
        scopes: vec![
            scope("tools/read", "Read your notes"),
            scope("tools/write", "Add notes in your name"),
        ],
        token_typ: domain::TokenTyp::default(),
        policy: Policy::default(),
    };
    engine
        .create_resource(resource)
        .await
        .map(drop)
        .map_err(Failure::new)
}
