//! Machine tokens: the client_credentials grant (RFC 6749 §4.4), plain and bound to a key
//! (RFC 9449), beside what it is compared with.

use crate::flow::{RESOURCE, SCOPE, Tenant, text};
use crate::http::{Connection, post};
use crate::load::{Cycle, Measured, Queue, Repeat, Worker, run};
use crate::postgres::Postgres;
use crate::proof::ProofKey;
use crate::report::Report;
use crate::server::{Database, Installation, Process, processor_seconds};
use crate::{Arguments, Result};
use std::path::Path;
use std::sync::Arc;

/// Connections, where their number is not what is measured.
pub const CONNECTIONS: usize = 16;
/// Numbers of connections that are compared.
const FEW_TO_MANY: [usize; 4] = [1, 16, 64, 256];
/// Clients that take turns where one is compared with many.
const CLIENTS: usize = 10_000;
/// Proofs that are signed before, and used in, one round.
const PROOFS: usize = 20_000;

const WITH_PROOF: &str = "SQLite: machine token with a proof";
const EXCHANGE: &str = "SQLite: exchanged token";

/// A server with a client that may ask for machine tokens.
pub struct Stage {
    pub server: Process,
    client: (String, String),
    pub installation: Installation,
}

impl Stage {
    async fn set(arguments: &Arguments, database: &Database<'_>, clients: usize) -> Result<Self> {
        let installation = Installation::new(&arguments.authserver, database)?;
        Self::on(installation, clients).await
    }

    /// On an installation that nobody has used yet, with so many clients.
    pub async fn on(installation: Installation, clients: usize) -> Result<Self> {
        Tenant::create(&installation)?;
        let client = Tenant::machine_client(&installation)?;
        if clients > 1 {
            multiply(&installation.sqlite_file(), &client.0, clients)?;
        }
        Ok(Self {
            server: installation.start().await?,
            client,
            installation,
        })
    }

    /// A token request of the client, or of the one of this number among many.
    pub fn request(&self, number: Option<usize>, headers: &str) -> Vec<u8> {
        let (id, secret) = &self.client;
        let id = number.map_or_else(|| id.clone(), |number| format!("{id}-{number}"));
        request("/oauth/token", headers, &id, secret)
    }

    /// Requests that exchange a token of the client's own (RFC 8693 §2.1), one token each.
    async fn exchanges(&self, count: usize) -> Result<Vec<Vec<u8>>> {
        let (id, secret) = &self.client;
        let mut connection = Connection::open(self.server.address).await?;
        let mut requests = Vec::with_capacity(count);
        for _ in 0..count {
            let response = connection.exchange(&self.request(None, "")).await?;
            let token: serde_json::Value = serde_json::from_slice(response.expect(200)?.body)?;
            let form = [
                (
                    "grant_type",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ),
                ("client_id", id),
                ("client_secret", secret),
                ("subject_token", &text(&token, "access_token")?),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:access_token",
                ),
                ("scope", SCOPE),
                ("resource", RESOURCE),
            ];
            requests.push(post("/oauth/token", "", &form));
        }
        Ok(requests)
    }

    /// Token requests with a proof each.
    fn bound_requests(&self, key: &ProofKey, count: usize) -> Result<Vec<Vec<u8>>> {
        let url = format!("{}/oauth/token", self.installation.issuer());
        (0..count)
            .map(|_| Ok(self.request(None, &format!("dpop: {}\r\n", key.prove(&url)?))))
            .collect()
    }
}

fn request(path: &str, headers: &str, id: &str, secret: &str) -> Vec<u8> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("scope", SCOPE),
        ("resource", RESOURCE),
    ];
    post(path, headers, &form)
}

/// Loads `server` and reports rate and cost as `title`.
pub async fn load<W: Worker>(
    title: &str,
    server: &Process,
    workers: Vec<W>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<Measured> {
    let before = (
        server.processor_seconds()?,
        processor_seconds(std::process::id())?,
    );
    let (measured, _) = run(server.address, workers, Some(arguments.time())).await?;
    let used = server.processor_seconds()? - before.0;
    let own = processor_seconds(std::process::id())? - before.1;
    report.add_load(title, &measured);
    report.add_cost(title, used, measured.requests as f64);
    report.add_cost(
        &format!("{title}, load generator"),
        own,
        measured.requests as f64,
    );
    Ok(measured)
}

/// Workers that all send the same.
pub fn repeat(request: &[u8], connections: usize) -> Vec<Repeat> {
    (0..connections).map(|_| Repeat(request.to_vec())).collect()
}

/// The grant on both databases and with proofs, beside a server that does the least and beside
/// node-oidc-provider.
pub async fn tokens(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let postgres = Postgres::start()?;
    let bare = crate::measures::start_bare(arguments).await?;
    let on_sqlite = Stage::set(arguments, &Database::Sqlite, 1).await?;
    let on_postgres = Stage::set(arguments, &Database::Postgres(&postgres), 1).await?;
    let node = crate::node::start(arguments, RESOURCE, SCOPE).await?;
    let node_request = request("/token", "", crate::node::CLIENT, crate::node::SECRET);
    let key = ProofKey::generate()?;
    let exchanges = on_sqlite.exchanges(CONNECTIONS).await?;
    let contestants = [
        ("bare server", &bare, on_sqlite.request(None, "")),
        (
            "SQLite: machine token",
            &on_sqlite.server,
            on_sqlite.request(None, ""),
        ),
        (
            "PostgreSQL: machine token",
            &on_postgres.server,
            on_postgres.request(None, ""),
        ),
        ("node-oidc-provider: machine token", &node, node_request),
    ];
    for _ in 0..arguments.rounds {
        for (title, server, request) in &contestants {
            let workers = repeat(request, CONNECTIONS);
            load(title, server, workers, arguments, report).await?;
        }
        let mut requests = on_sqlite.bound_requests(&key, PROOFS)?;
        let workers = (0..CONNECTIONS)
            .map(|_| Queue(requests.split_off(requests.len() - PROOFS / CONNECTIONS)))
            .collect();
        load(WITH_PROOF, &on_sqlite.server, workers, arguments, report).await?;
        let workers = exchanges.iter().cloned().map(Repeat).collect();
        load(EXCHANGE, &on_sqlite.server, workers, arguments, report).await?;
    }
    let sqlite = contestants[1].0;
    report.compare("SQLite / bare server", sqlite, contestants[0].0);
    report.compare("PostgreSQL / SQLite", contestants[2].0, sqlite);
    report.compare("SQLite / node-oidc-provider", sqlite, contestants[3].0);
    report.compare("with a proof / plain", WITH_PROOF, sqlite);
    report.compare("exchange / plain", EXCHANGE, sqlite);
    Ok(())
}

/// The same grant with few and many connections, and with many clients.
pub async fn connections(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let stage = Stage::set(arguments, &Database::Sqlite, CLIENTS).await?;
    let many = (0..CLIENTS).map(|number| stage.request(Some(number), ""));
    let many = Arc::new(many.collect::<Vec<_>>());
    let many_clients = || {
        let spread = |index| Cycle::new(&many, index * CLIENTS / CONNECTIONS);
        (0..CONNECTIONS).map(spread).collect::<Vec<_>>()
    };
    let bare = crate::measures::start_bare(arguments).await?;
    let title = |connections| format!("SQLite: machine token, {connections} connections");
    let bare_title = |connections| format!("bare server, {connections} connections");
    let many_title = format!("SQLite: machine token, {CLIENTS} clients");
    // Reads every client once.
    run(stage.server.address, many_clients(), Some(arguments.time())).await?;
    for _ in 0..arguments.rounds {
        for connections in FEW_TO_MANY {
            let workers = repeat(&stage.request(None, ""), connections);
            let title = title(connections);
            load(&title, &stage.server, workers, arguments, report).await?;
            let workers = repeat(&stage.request(None, ""), connections);
            load(&bare_title(connections), &bare, workers, arguments, report).await?;
        }
        let workers = many_clients();
        load(&many_title, &stage.server, workers, arguments, report).await?;
    }
    let usual = title(CONNECTIONS);
    for connections in FEW_TO_MANY {
        let name = format!("{connections} / {CONNECTIONS} connections");
        report.compare(&name, &title(connections), &usual);
        let name = format!("bare server, {name}");
        report.compare(&name, &bare_title(connections), &bare_title(CONNECTIONS));
    }
    let name = format!("{CLIENTS} clients / one");
    report.compare(&name, &many_title, &usual);
    Ok(())
}

/// Adds `count` clients by SQL, with the secret of the client `id` and numbered ids.
fn multiply(file: &Path, id: &str, count: usize) -> Result<()> {
    let database = rusqlite::Connection::open(file)?;
    database.execute(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2) \
         INSERT INTO clients (id, name, secret_hash, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, status, source, scope, agent, issued_at, updated_at) \
         SELECT id || '-' || n, name, secret_hash, redirect_uris, grant_types, response_types, \
         token_endpoint_auth_method, application_type, status, source, scope, agent, issued_at, updated_at \
         FROM clients, numbers WHERE id = ?1",
        (id, i64::try_from(count)?),
    )?;
    Ok(())
}
