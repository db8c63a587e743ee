//! The measures. Those that are compared take turns within one run.

use crate::flow::{Introspect, Refresh, Tenant};
use crate::http::{Connection, Response, get, post};
use crate::load::{self, Measured, Repeat, Worker};
use crate::report::Report;
use crate::server::{Database, Installation, Process, free_port};
use crate::{Arguments, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Connections of the token measures.
const CONNECTIONS: usize = 16;
/// Codes redeemed in one round.
const CODES: usize = 8000;
/// Tokens that are asked about.
const LIVE_TOKENS: usize = 1000;
/// Between two revocations of the background trickle.
const TRICKLE: Duration = Duration::from_millis(100);

/// A running server with a signed-in user.
pub struct Stage {
    pub server: Process,
    pub tenant: Tenant,
}

impl Stage {
    /// Starts one on an empty database.
    pub async fn set(installation: &Installation) -> Result<Self> {
        let tenant = Tenant::create(installation)?;
        Self::resume(installation, tenant).await
    }

    /// Starts one on the database of `tenant`.
    pub async fn resume(installation: &Installation, mut tenant: Tenant) -> Result<Self> {
        let server = installation.start().await?;
        tenant.sign_in(&server).await?;
        Ok(Self { server, tenant })
    }

    /// Workers that refresh a family each.
    pub async fn refreshers(&self, count: usize) -> Result<Vec<Refresh>> {
        let tokens = self.tenant.tokens(&self.server, count).await?;
        let worker = |token: crate::flow::Tokens| Refresh {
            tenant: self.tenant.clone(),
            token: token.refresh,
        };
        Ok(tokens.into_iter().map(worker).collect())
    }

    async fn load<W: Worker>(
        &self,
        workers: Vec<W>,
        arguments: &Arguments,
    ) -> Result<(Measured, Vec<W>)> {
        load::run(self.server.address, workers, Some(arguments.time())).await
    }
}

/// Codes and refresh tokens against one database.
pub async fn tokens(
    name: &str,
    database: &Database<'_>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let installation = Installation::new(&arguments.authserver, database)?;
    let stage = Stage::set(&installation).await?;
    stage.tenant.tokens(&stage.server, 500).await?;
    let mut refreshers = stage.refreshers(CONNECTIONS).await?;
    for _ in 0..arguments.rounds {
        let (measured, codes) = stage.tenant.codes(&stage.server, CODES).await?;
        report.add_load(
            &format!("{name}: authorize, signed in and agreed"),
            &measured,
        );

        let before = stage.server.processor_seconds()?;
        let (measured, _) = stage
            .tenant
            .redeem_all(&stage.server, CONNECTIONS, codes)
            .await?;
        let title = format!("{name}: code → tokens");
        report.add_load(&title, &measured);
        report.add_cost(
            &title,
            stage.server.processor_seconds()? - before,
            CODES as f64,
        );

        let before = stage.server.processor_seconds()?;
        let (measured, workers) = stage.load(refreshers, arguments).await?;
        refreshers = workers;
        let title = format!("{name}: refresh");
        report.add_load(&title, &measured);
        let requests = measured.rate * arguments.time().as_secs_f64();
        report.add_cost(&title, stage.server.processor_seconds()? - before, requests);
    }
    report.add(
        &format!("{name}: resident after load"),
        "MiB",
        stage.server.resident()?,
    );
    Ok(())
}

/// Introspection against liveness, with and without revocations meanwhile.
pub async fn introspection(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let installation = Installation::new(&arguments.authserver, &Database::Sqlite)?;
    let stage = Stage::set(&installation).await?;
    let tokens = stage.tenant.tokens(&stage.server, LIVE_TOKENS).await?;
    let requests = Arc::new(
        tokens
            .iter()
            .map(|token| stage.tenant.introspect(&token.access))
            .collect::<Vec<_>>(),
    );
    let workers = || {
        let start = |index| Introspect {
            requests: Arc::clone(&requests),
            next: index * 61,
        };
        (0..CONNECTIONS).map(start).collect::<Vec<_>>()
    };
    let live = || {
        (0..CONNECTIONS)
            .map(|_| Repeat(get("/livez", "")))
            .collect::<Vec<_>>()
    };
    stage.load(workers(), arguments).await?;
    for _ in 0..arguments.rounds {
        let (measured, _) = stage.load(live(), arguments).await?;
        report.add_load("livez", &measured);
        let (measured, _) = stage.load(workers(), arguments).await?;
        report.add_load("introspect", &measured);

        let victims = stage.tenant.tokens(&stage.server, 100).await?;
        let victims = victims
            .iter()
            .map(|token| stage.tenant.revoke(&token.access))
            .collect();
        let trickle = tokio::spawn(revoke(stage.server.address, victims));
        let (measured, _) = stage.load(workers(), arguments).await?;
        trickle.abort();
        report.add_load("introspect, 10 revocations/s", &measured);
    }
    report.compare("introspect / livez", "introspect", "livez");
    report.compare(
        "introspect, 10 revocations/s / livez",
        "introspect, 10 revocations/s",
        "livez",
    );
    Ok(())
}

async fn revoke(address: SocketAddr, requests: Vec<Vec<u8>>) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    for request in requests {
        connection.exchange(&request).await?.expect(200)?;
        tokio::time::sleep(TRICKLE).await;
    }
    Ok(())
}

/// Time to start and memory at rest, on a database that exists.
pub async fn idle(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let installation = Installation::new(&arguments.authserver, &Database::Sqlite)?;
    drop(Stage::set(&installation).await?);
    for _ in 0..2 * arguments.rounds {
        let server = installation.start().await?;
        report.add("start to ready", "ms", server.start.as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        report.add("resident, idle", "MiB", server.resident()?);
    }
    Ok(())
}

/// Starts the bare server.
pub async fn start_bare(arguments: &Arguments) -> Result<Process> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let mut command = Command::new(&arguments.bare);
    command.arg(address.to_string());
    Process::start(command, address, "/livez").await
}

/// The token endpoint against a server that parses a form, signs and replies.
pub async fn bare(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let bare = start_bare(arguments).await?;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "client"),
        ("client_secret", "secret"),
        ("scope", "tools/read"),
    ];
    let request = post("/oauth/token", "", &form);

    let installation = Installation::new(&arguments.authserver, &Database::Sqlite)?;
    let stage = Stage::set(&installation).await?;
    let mut refreshers = stage.refreshers(CONNECTIONS).await?;
    for _ in 0..arguments.rounds {
        let workers = (0..CONNECTIONS).map(|_| Repeat(request.clone())).collect();
        let before = bare.processor_seconds()?;
        let (measured, _) = load::run(bare.address, workers, Some(arguments.time())).await?;
        report.add_load("bare server", &measured);
        let requests = measured.rate * arguments.time().as_secs_f64();
        report.add_cost("bare server", bare.processor_seconds()? - before, requests);
        let (measured, workers) = stage.load(refreshers, arguments).await?;
        refreshers = workers;
        report.add_load("refresh beside the bare server", &measured);
    }
    report.compare(
        "refresh / bare server",
        "refresh beside the bare server",
        "bare server",
    );
    Ok(())
}

/// That a response has this status.
pub fn check(response: &Response<'_>, status: u16) -> Result<()> {
    if response.status == status {
        return Ok(());
    }
    let body = String::from_utf8_lossy(response.body);
    Err(crate::failure(format!(
        "status {} instead of {status}: {body}",
        response.status
    )))
}
