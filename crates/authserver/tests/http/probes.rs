//! Probes of an orchestrator, by the thousand.

use crate::harness::{Connection, Database, Request, Server, on_both};
use std::time::Duration;

on_both!(thousands_of_probes_of_a_second_ask_the_database_once);

const PROBES: usize = 5000;
const CONNECTIONS: usize = 20;

async fn questions(server: &Server) -> f64 {
    let page = server.send_admin(&Request::get("/metrics")).await;
    let count = page.expect(200).body.lines().find_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let name = "authserver_db_operation_duration_seconds_count";
        (series.starts_with(name) && series.contains(r#"op="ping""#)).then(|| value.to_owned())
    });
    count.map_or(0.0, |count| count.parse().expect("a number"))
}

/// The clock of the server stands still meanwhile: all come in the same second.
async fn thousands_of_probes_of_a_second_ask_the_database_once(database: Database) {
    let server = Server::start(&database).await;
    for (path, asks) in [("/livez", 0.0), ("/health", 1.0), ("/ready", 1.0)] {
        server.wait(Duration::from_secs(2));
        let before = questions(&server).await;
        let mut probing = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let address = server.public;
            probing.spawn(async move {
                let mut connection = Connection::open(address).await.expect("a connection");
                for _ in 0..PROBES / CONNECTIONS {
                    connection.send(&Request::get(path)).await.expect(200);
                }
            });
        }
        probing.join_all().await;
        assert_eq!(questions(&server).await - before, asks, "{path}");
    }
}
