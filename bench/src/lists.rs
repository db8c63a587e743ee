//! What a page of a list costs when there are a million rows: at the admin API, on both databases.

use crate::http::{Connection, get};
use crate::postgres::Postgres;
use crate::report::Report;
use crate::server::{ADMIN_KEY, Database, Installation};
use crate::{Arguments, Result, failure};
use std::path::Path;
use std::time::Instant;

const ROWS: u32 = 1_000_000;
/// Requests of each kind in a round.
const REQUESTS: usize = 20;
/// The time of the first row: rows are a second apart, and the last is of a minute ago.
const BEFORE: &str = "(SELECT 1000 * (NOW_SECONDS - 60 - 1000000))";

/// What is asked for, and how it is called.
const PAGES: [(&str, &str); 14] = [
    ("clients", "/admin/clients?limit=50"),
    (
        "clients, by status",
        "/admin/clients?limit=50&status=active",
    ),
    (
        "clients, all but none match",
        "/admin/clients?limit=50&q=nothing-like-it",
    ),
    ("users", "/admin/users?limit=50"),
    ("users, search", "/admin/users?limit=50&q=user-99999"),
    ("families", "/admin/tokens?limit=50"),
    (
        "families of a user",
        "/admin/tokens?limit=50&user=user-000007",
    ),
    (
        "families of a client",
        "/admin/tokens?limit=50&client=client-000007",
    ),
    (
        "issuances of a user",
        "/admin/issuances?limit=50&since=30d&user=user-000007",
    ),
    (
        "issuances of a client",
        "/admin/issuances?limit=50&since=30d&client=client-000007",
    ),
    (
        "issuances of a resource",
        "/admin/issuances?limit=50&since=30d&resource=notes",
    ),
    ("audit", "/admin/audit?limit=50"),
    (
        "audit, by action",
        "/admin/audit?limit=50&action=token.issued",
    ),
    (
        "consents of a user",
        "/admin/users/user-000007/grants?limit=50",
    ),
];

/// Measures both databases.
pub async fn measure(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let installation = Installation::new(&arguments.authserver, &Database::Sqlite)?;
    prepare(&installation)?;
    fill_sqlite(&installation.sqlite_file())?;
    pages("SQLite", &installation, arguments, report).await?;
    drop(installation);
    let postgres = Postgres::start()?;
    let installation = Installation::new(&arguments.authserver, &Database::Postgres(&postgres))?;
    prepare(&installation)?;
    fill_postgres(&postgres.dsn()).await?;
    pages("PostgreSQL", &installation, arguments, report).await
}

fn prepare(installation: &Installation) -> Result<()> {
    installation.migrate()?;
    let resource = ["resource", "create", "--slug", "notes", "--scopes", "read"];
    installation.admin(&resource).map(drop)
}

async fn pages(
    database: &str,
    installation: &Installation,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let server = installation.start().await?;
    let mut connection = Connection::open(installation.admin_address()).await?;
    let headers = format!("authorization: Bearer {ADMIN_KEY}\r\n");
    for (name, path) in PAGES {
        let mut path = path.to_owned();
        for part in ["first", "behind a cursor"] {
            let request = get(&path, &headers);
            let mut next = None;
            let mut slowest: f64 = 0.0;
            for _ in 0..REQUESTS * arguments.rounds {
                let begun = Instant::now();
                let response = connection.exchange(&request).await?.expect(200)?;
                let took = begun.elapsed().as_secs_f64() * 1000.0;
                next = response.member("next_cursor").map(str::to_owned);
                report.add(&format!("{database}: {name}, {part}"), "ms", took);
                slowest = slowest.max(took);
            }
            report.add(&format!("{database}: slowest page"), "ms", slowest);
            let Some(cursor) = next else {
                break;
            };
            path = format!("{path}&cursor={cursor}");
        }
    }
    drop(server);
    Ok(())
}

/// What the two databases spell differently.
struct Dialect {
    /// A table `numbers (n)`.
    numbers: String,
    /// Now, in seconds.
    now: &'static str,
    /// A number in so many hexadecimal digits.
    hex: fn(&str, u32) -> String,
    /// A number in six decimal digits.
    six: fn(&str) -> String,
}

impl Dialect {
    fn sqlite() -> Self {
        Self {
            numbers: format!(
                "(WITH RECURSIVE own (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM own WHERE n < {ROWS} - 1) SELECT n FROM own)"
            ),
            now: "CAST(strftime('%s', 'now') AS INTEGER)",
            hex: |number, digits| format!("printf('%0{digits}x', {number})"),
            six: |number| format!("printf('%06d', {number})"),
        }
    }

    fn postgres() -> Self {
        Self {
            numbers: format!("(SELECT n::bigint FROM generate_series(0, {ROWS} - 1) AS own (n))"),
            now: "EXTRACT(epoch FROM now())::bigint",
            hex: |number, digits| format!("lpad(to_hex(({number})::bigint), {digits}, '0')"),
            six: |number| format!("lpad(({number})::text, 6, '0')"),
        }
    }

    /// The statements that fill every list.
    fn statements(&self) -> Vec<String> {
        let at = format!("({} + 1000 * n)", BEFORE.replace("NOW_SECONDS", self.now));
        // Version 7: 48 bits of milliseconds come first.
        let high = (self.hex)(&format!("{at} / 65536"), 8);
        let low = (self.hex)(&format!("{at} % 65536"), 4);
        let end = (self.hex)("n", 12);
        let id = format!("{high} || '-' || {low} || '-7000-8000-' || {end}");
        let user = format!("'user-' || {}", (self.six)("n % 1000"));
        let client = format!("'client-' || {}", (self.six)("n % 1000"));
        let own_user = format!("'user-' || {}", (self.six)("n"));
        let own_client = format!("'client-' || {}", (self.six)("n"));
        let numbers = &self.numbers;
        vec![
            format!(
                "INSERT INTO clients (id, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, \
                 application_type, status, source, scope, agent, issued_at, updated_at) SELECT {own_client}, \
                 'Client ' || n, '[]', '[\"client_credentials\"]', '[]', 'none', 'native', 'active', 'dcr', '', 0, {at}, {at} \
                 FROM {numbers} AS numbers"
            ),
            format!(
                "INSERT INTO users (id, email, name, role, status, created_at, updated_at) SELECT {own_user}, \
                 {own_user} || '@example.com', 'User ' || n, 'user', 'active', {at}, {at} FROM {numbers} AS numbers"
            ),
            format!(
                "INSERT INTO token_families (id, user_id, client_id, scope, resources, auth_time, created_at, expires_at) \
                 SELECT {id}, {user}, {client}, 'read', '[]', {at}, {at}, {at} + 100000000000 FROM {numbers} AS numbers"
            ),
            format!(
                "INSERT INTO issuances (jti, subject_user_id, client_id, resource_id, audience, scopes, agent_chain, \
                 issued_at, expires_at) SELECT {id}, {user}, {client}, 'another', '[]', 'read', '[]', {at}, {at} + 900000 \
                 FROM {numbers} AS numbers"
            ),
            format!(
                "INSERT INTO audit_events (id, action, actor_id, user_id, client_id, detail, created_at, writer, seq, hash) \
                 SELECT {id}, 'token.issued', {user}, {user}, {client}, 'scope=read', {at}, 'bench', n, 'none' \
                 FROM {numbers} AS numbers"
            ),
            format!(
                "INSERT INTO consent_grants (id, user_id, client_id, resource_id, scopes, created_at, updated_at) \
                 SELECT {id}, {user}, {own_client}, 'another', 'read', {at}, {at} FROM {numbers} AS numbers"
            ),
        ]
    }
}

fn fill_sqlite(file: &Path) -> Result<()> {
    let database = rusqlite::Connection::open(file)?;
    database.execute_batch("PRAGMA synchronous = off; PRAGMA cache_size = -1000000")?;
    for statement in Dialect::sqlite().statements() {
        database.execute_batch(&statement)?;
    }
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

async fn fill_postgres(dsn: &str) -> Result<()> {
    let connected = tokio_postgres::connect(dsn, tokio_postgres::NoTls).await;
    let (database, connection) = connected.map_err(|error| failure(format!("{dsn}: {error}")))?;
    tokio::spawn(connection);
    for statement in Dialect::postgres().statements() {
        database.batch_execute(&statement).await?;
    }
    database.batch_execute("VACUUM ANALYZE").await?;
    Ok(())
}
