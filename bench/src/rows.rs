//! What a database full of rows costs: two servers take turns, one on a small database and one
//! on a database with a million clients and five million issuances.

use crate::flow::Refresh;
use crate::load;
use crate::measures::Stage;
use crate::report::Report;
use crate::server::{Database, Installation};
use crate::{Arguments, Result};
use rusqlite::Connection;
use std::path::Path;
use std::time::Instant;

const CLIENTS: u32 = 1_000_000;
const ISSUANCES: u32 = 5_000_000;

/// Measures code redemption and refresh on both.
pub async fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let mut stages = Vec::new();
    for (name, full) in [("small database", false), ("full database", true)] {
        let installation = Installation::new(&arguments.authserver, &Database::Sqlite)?;
        let tenant = crate::flow::Tenant::create(&installation)?;
        if full {
            let begun = Instant::now();
            fill(&installation.sqlite_file())?;
            report.add("filling the database", "s", begun.elapsed().as_secs_f64());
        }
        let stage = Stage::resume(&installation, tenant).await?;
        report.add(
            &format!("{name}: start to ready"),
            "ms",
            stage.server.start.as_secs_f64() * 1000.0,
        );
        let refreshers: Vec<Refresh> = stage.refreshers(16).await?;
        stages.push((name, installation, stage, refreshers));
    }
    for _ in 0..arguments.rounds {
        for (name, _, stage, refreshers) in &mut stages {
            let (_, codes) = stage.tenant.codes(&stage.server, 4000).await?;
            let (measured, _) = stage.tenant.redeem_all(&stage.server, 16, codes).await?;
            report.add_load(&format!("{name}: code → tokens"), &measured);
            let workers = std::mem::take(refreshers);
            let (measured, workers) =
                load::run(stage.server.address, workers, Some(arguments.time())).await?;
            *refreshers = workers;
            report.add_load(&format!("{name}: refresh"), &measured);
        }
    }
    for what in ["code → tokens", "refresh"] {
        let (full, small) = (
            format!("full database: {what}"),
            format!("small database: {what}"),
        );
        report.compare(&format!("full / small database: {what}"), &full, &small);
    }
    for (name, _, stage, _) in &stages {
        report.add(
            &format!("{name}: resident after load"),
            "MiB",
            stage.server.resident()?,
        );
    }
    Ok(())
}

/// Adds the rows by SQL. Ids look as real ones do: issuances in order of time (UUIDv7), spread
/// over all clients. Indexes are made afterwards, which is quicker.
fn fill(file: &Path) -> Result<()> {
    let database = Connection::open(file)?;
    execute(
        &database,
        "PRAGMA synchronous = off; PRAGMA cache_size = -1000000",
    )?;
    let indexes = "SELECT name, sql FROM sqlite_master \
         WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('clients', 'issuances')";
    let mut indexes = database.prepare(indexes)?;
    let indexes = indexes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let indexes: Vec<(String, String)> = indexes.collect::<rusqlite::Result<_>>()?;
    execute(&database, "BEGIN")?;
    for (name, _) in &indexes {
        execute(&database, &format!("DROP INDEX {name}"))?;
    }
    let id = |n: &str| format!("printf('%08x-0000-4000-8000-%012x', {n}, {n})");
    let own = id("n");
    execute(
        &database,
        &format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {CLIENTS}) \
             INSERT INTO clients (id, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, \
             application_type, status, source, scope, agent, issued_at, updated_at) \
             SELECT {own}, 'Client ' || n, '[\"http://localhost:7777/callback\"]', \
             '[\"authorization_code\",\"refresh_token\"]', '[\"code\"]', 'none', 'native', 'active', 'dcr', \
             'tools/read', 0, 1700000000000 + n, 1700000000000 + n FROM numbers"
        ),
    )?;
    let client = id(&format!("(1 + (n * 7919) % {CLIENTS})"));
    execute(
        &database,
        &format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ISSUANCES}) \
             INSERT INTO issuances (jti, subject_user_id, client_id, resource_id, audience, scopes, family_id, \
             agent_chain, issued_at, expires_at) \
             SELECT printf('018bcfe5-%04x-7000-8000-%012x', n >> 12, n), printf('user-%06d', n % 100000), {client}, \
             'resource', '[\"https://mcp.example.com/mcp\"]', 'tools/read', printf('family-%08x', n / 8), '[]', \
             1700000000000 + n, 1700000900000 + n FROM numbers"
        ),
    )?;
    for (_, index) in &indexes {
        execute(&database, index)?;
    }
    execute(&database, "COMMIT")?;
    execute(&database, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

fn execute(database: &Connection, statement: &str) -> Result<()> {
    database.execute_batch(statement)?;
    Ok(())
}
