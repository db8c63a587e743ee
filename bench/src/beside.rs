//! Two builds of the server taking turns: what a change costs or gains, within one run.

use crate::flow::{Introspect, Refresh};
use crate::load;
use crate::machine;
use crate::measures::Stage;
use crate::postgres::Postgres;
use crate::report::Report;
use crate::server::{Database, Installation};
use crate::{Arguments, Result};
use std::path::Path;
use std::sync::Arc;

const CONNECTIONS: usize = 16;
/// Codes redeemed in one round.
const CODES: usize = 4000;
/// Tokens that are asked about.
const LIVE_TOKENS: usize = 500;

/// One build on one database, for every grant that is compared.
struct Contestant {
    build: &'static str,
    /// Its folder goes when it is dropped.
    _installation: Installation,
    flow: Stage,
    refreshers: Vec<Refresh>,
    questions: Arc<Vec<Vec<u8>>>,
    machine: machine::Stage,
}

impl Contestant {
    async fn set(
        build: &'static str,
        binary: &Path,
        databases: [&Database<'_>; 2],
    ) -> Result<Self> {
        let installation = Installation::new(binary, databases[0])?;
        let flow = Stage::set(&installation).await?;
        let tokens = flow.tenant.tokens(&flow.server, LIVE_TOKENS).await?;
        let question = |token: &crate::flow::Tokens| flow.tenant.introspect(&token.access);
        Ok(Self {
            build,
            _installation: installation,
            questions: Arc::new(tokens.iter().map(question).collect()),
            refreshers: flow.refreshers(CONNECTIONS).await?,
            machine: machine::Stage::on(Installation::new(binary, databases[1])?, 1).await?,
            flow,
        })
    }

    async fn round(
        &mut self,
        database: &str,
        arguments: &Arguments,
        report: &mut Report,
    ) -> Result<()> {
        let title = |what: &str| format!("{database}, {}: {what}", self.build);
        let server = &self.flow.server;

        let (_, codes) = self.flow.tenant.codes(server, CODES).await?;
        let before = server.processor_seconds()?;
        let (measured, _) = self
            .flow
            .tenant
            .redeem_all(server, CONNECTIONS, codes)
            .await?;
        report.add_load(&title("code"), &measured);
        report.add_cost(
            &title("code"),
            server.processor_seconds()? - before,
            CODES as f64,
        );

        let before = server.processor_seconds()?;
        let workers = std::mem::take(&mut self.refreshers);
        let (measured, workers) =
            load::run(server.address, workers, Some(arguments.time())).await?;
        self.refreshers = workers;
        report.add_load(&title("refresh"), &measured);
        let used = server.processor_seconds()? - before;
        report.add_cost(&title("refresh"), used, measured.requests as f64);

        let ask = |index| Introspect {
            requests: Arc::clone(&self.questions),
            next: index * 61,
        };
        let workers = (0..CONNECTIONS).map(ask).collect();
        machine::load(&title("introspection"), server, workers, arguments, report).await?;

        let workers = machine::repeat(&self.machine.request(None, ""), CONNECTIONS);
        let server = &self.machine.server;
        machine::load(&title("machine token"), server, workers, arguments, report).await?;
        Ok(())
    }
}

/// Measures the build under test beside the one at `other`, on both databases.
pub async fn measure(other: &Path, arguments: &Arguments, report: &mut Report) -> Result<()> {
    for database in ["SQLite", "PostgreSQL"] {
        if !arguments.wants(&database.to_lowercase().replace("postgresql", "postgres")) {
            continue;
        }
        let mut contestants = Vec::new();
        let mut clusters = Vec::new();
        for _ in 0..4 * usize::from(database == "PostgreSQL") {
            clusters.push(Postgres::start()?);
        }
        let mut clusters = clusters.iter().map(Database::Postgres);
        let mut next = || clusters.next().unwrap_or(Database::Sqlite);
        for (build, binary) in [("this", arguments.authserver.as_path()), ("other", other)] {
            contestants.push(Contestant::set(build, binary, [&next(), &next()]).await?);
        }
        for round in 0..arguments.rounds {
            // Neither is always first.
            contestants.rotate_left(round % 2);
            for contestant in &mut contestants {
                contestant.round(database, arguments, report).await?;
            }
        }
        for what in ["code", "refresh", "introspection", "machine token"] {
            let title = |build| format!("{database}, {build}: {what}");
            let name = format!("{database}: {what}, this / other");
            report.compare(&name, &title("this"), &title("other"));
        }
    }
    Ok(())
}
