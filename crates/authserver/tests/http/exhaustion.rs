//! What one caller cannot take away from all others: connections, files, the process itself.

use crate::harness::{Connection, Database, PATIENCE, Process, REDIRECT, Request, on_both, within};
use std::time::Duration;

on_both!(idle_connections_of_one_address_keep_nobody_else_out);

/// From another address than all the idle ones.
const ELSEWHERE: &str = "127.0.0.2";

fn registration() -> Request {
    let metadata = serde_json::json!({
        "client_name": "x".repeat(200),
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    Request::json("/oauth/register", &metadata)
}

async fn idle_connections_of_one_address_keep_nobody_else_out(database: Database) {
    // Sooner than idle connections end by themselves.
    let soon = Duration::from_secs(25);
    let done = tokio::time::timeout(soon, flood_with_idle_connections(database)).await;
    done.expect("others wait");
}

async fn flood_with_idle_connections(database: Database) {
    let limits = ["--nofile=300:512"];
    let server = Process::limited(&database, &[], &limits).await;
    let files = server.metric("process_max_fds").await;
    assert_eq!(files, 512.0, "the soft limit is raised to the hard one");
    let log = server.log();
    let told = log.contains("the limit of open files allows fewer connections");
    assert!(told, "{log}");

    let mut idle = Vec::new();
    for number in 0..700 {
        let Ok(mut connection) = Connection::open(server.public).await else {
            continue;
        };
        // Some have asked for something before, and keep their connection.
        if number % 2 == 0 {
            let _ = connection.try_send(&Request::get("/livez")).await;
        }
        idle.push(connection);
    }
    assert!(idle.len() > 600, "{}", idle.len());
    for _ in 0..5 {
        let other = Connection::open_from(ELSEWHERE, server.public).await;
        let mut other = other.expect("a connection");
        other.send(&Request::get("/ready")).await.expect(200);
        other.send(&registration()).await.expect(201);
    }
    let open = server
        .metric("authserver_connections{listener=\"public\"}")
        .await;
    assert!((100.0..=512.0).contains(&open), "{open}");
    let mut newest = idle.pop().expect("a connection");
    newest.send(&Request::get("/livez")).await.expect(200);
}

#[tokio::test]
async fn one_address_has_no_more_connections_than_one_may_have() {
    let variables = [("AUTHPLANE_SERVER_MAX_CONNECTIONS_PER_ADDRESS", "20")];
    let server = Process::start(&Database::sqlite(), &variables).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(Connection::open(server.public).await.expect("a connection"));
    }
    within(PATIENCE, "the oldest are closed", async || {
        let open = server.metric("authserver_connections{listener=\"public\"}");
        open.await <= 20.0
    })
    .await;
    let other = Connection::open_from(ELSEWHERE, server.public).await;
    let mut other = other.expect("a connection");
    other.send(&Request::get("/ready")).await.expect(200);
}

#[tokio::test]
async fn a_file_that_may_not_grow_does_not_end_the_process() {
    let database = Database::sqlite();
    let limits = ["--fsize=1000000:1000000"];
    let mut server = Process::limited(&database, &[], &limits).await;
    let mut refused = false;
    for _ in 0..2000 {
        let Some(reply) = server.try_send(&registration()).await else {
            break;
        };
        if reply.status != 201 {
            refused = true;
            assert!(reply.status >= 500, "{reply:?}");
            break;
        }
    }
    assert!(server.is_running(), "SIGXFSZ ends the process");
    assert!(refused, "the limit is never reached");
    server.get("/livez").await.expect(200);
    assert!(server.is_running());
}
