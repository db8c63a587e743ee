//! Ten thousand rows in every list: read to the end part by part, each row once.

use crate::harness::{ADMIN_KEY, Database, Request, Server, on_both};
use serde_json::Value;
use std::collections::HashSet;

on_both!(every_row_of_a_long_list_comes_once);

const ROWS: usize = 10_000;

/// Both databases understand this: `numbers` has 0 to 9999.
macro_rules! ten_thousand {
    ($insert:literal, $select:literal) => {
        concat!(
            $insert,
            " WITH d (n) AS (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)), numbers (n) AS \
             (SELECT a.n * 1000 + b.n * 100 + c.n * 10 + e.n FROM d a, d b, d c, d e) ",
            $select,
            " FROM numbers"
        )
    };
}

/// Rows of the year 2019, before the tests' clock begins; some of the same millisecond.
const FILL: [&str; 5] = [
    ten_thousand!(
        "INSERT INTO clients (id, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, \
         application_type, status, source, scope, agent, issued_at, updated_at)",
        "SELECT 'client-' || n, 'Client ' || n, '[]', '[]', '[]', 'none', 'native', 'active', 'dcr', '', 0, \
         1560000000000 + n / 3, 1560000000000"
    ),
    ten_thousand!(
        "INSERT INTO users (id, email, name, role, status, created_at, updated_at)",
        "SELECT 'user-' || n, 'user-' || n || '@example.com', '', 'user', 'active', 1560000000000 + n / 3, 1560000000000"
    ),
    ten_thousand!(
        "INSERT INTO token_families (id, user_id, client_id, scope, resources, auth_time, created_at, expires_at)",
        "SELECT '016b3b0c-0000-7000-8000-' || (100000000000 + n), 'user-1', 'client-1', '', '[]', 0, 1560000000000, \
         4000000000000"
    ),
    ten_thousand!(
        "INSERT INTO issuances (jti, subject_user_id, client_id, audience, scopes, agent_chain, issued_at, expires_at)",
        "SELECT '016b3b0c-0000-7000-8000-' || (100000000000 + n), 'user-1', 'client-1', '[]', '', '[]', 1560000000000, \
         4000000000000"
    ),
    ten_thousand!(
        "INSERT INTO audit_events (id, action, actor_id, detail, created_at, writer, seq, hash)",
        "SELECT '016b3b0c-0000-7000-8000-' || (100000000000 + n), 'user.login', 'user-1', '', 1560000000000, 'x', n, ''"
    ),
];

async fn every_row_of_a_long_list_comes_once(database: Database) {
    let server = Server::start(&database).await;
    for statement in FILL {
        database.execute(statement).await;
    }
    for (path, list, own, marked) in [
        ("clients?limit=1000&source=dcr", "clients", "id", "client-"),
        ("clients?limit=999&q=CLIENT-", "clients", "id", "client-"),
        ("users?limit=1000", "users", "id", "user-"),
        ("tokens?limit=1000", "tokens", "id", "016b3b0c"),
        (
            "tokens?limit=1000&user=user-1&client=client-1",
            "tokens",
            "id",
            "016b3b0c",
        ),
        (
            "issuances?limit=1000&since=2019-01-01T00:00:00Z&client=client-1",
            "issuances",
            "jti",
            "016b3b0c",
        ),
        (
            "issuances?limit=1000&since=2019-01-01T00:00:00Z&user=user-1&client=client-1",
            "issuances",
            "jti",
            "016b3b0c",
        ),
        (
            "audit?limit=1000&action=user.login",
            "events",
            "id",
            "016b3b0c",
        ),
    ] {
        let (mut seen, mut count, mut cursor) = (HashSet::new(), 0, String::new());
        loop {
            let request = Request::get(format!("/admin/{path}{cursor}")).bearer(ADMIN_KEY);
            let part = server.send_admin(&request).await.expect(200).json();
            for row in part[list].as_array().expect("a list") {
                let id = row[own].as_str().expect("an id");
                if id.starts_with(marked) {
                    count += 1;
                    seen.insert(id.to_owned());
                }
            }
            match &part["next_cursor"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        assert_eq!((seen.len(), count), (ROWS, ROWS), "{path}");
    }
}
