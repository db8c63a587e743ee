//! Ready is who can read and write.

use crate::harness::{A_SECOND, Database, Instance, Process, REDIRECT, Request, within};
use std::time::Duration;

/// The time that a writer may take, and what a probe is shared for.
const NOTICE: Duration = Duration::from_secs(8);

async fn registers(server: &Instance) -> bool {
    let metadata = serde_json::json!({ "redirect_uris": [REDIRECT] });
    let reply = server
        .send(&Request::json("/oauth/register", &metadata))
        .await;
    reply.status == 201
}

async fn ready(server: &Instance) -> bool {
    server.get("/ready").await.status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_get_the_lock_to_write_is_not_ready() {
    let database = Database::sqlite();
    let server = Process::start(&database, &[]).await;
    let other = rusqlite::Connection::open(database.file("")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    within(NOTICE, "not ready", async || !ready(&server).await).await;
    server.get("/health").await.expect(200);
    assert!(server.log().contains("the database cannot be written"));
    other.execute_batch("ROLLBACK").unwrap();
    within(NOTICE, "ready", async || ready(&server).await).await;
    assert!(registers(&server).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_file_cannot_grow_is_not_ready() {
    let database = Database::sqlite();
    let limit = ["--fsize=600000"];
    let server = Process::limited(&database, &[], &limit).await;
    within(NOTICE, "full", async || !registers(&server).await).await;
    within(NOTICE, "not ready", async || !ready(&server).await).await;
    tokio::time::sleep(A_SECOND).await;
    // Not even for a moment, though a few bytes would have room.
    for _ in 0..3 {
        assert!(!ready(&server).await);
        tokio::time::sleep(A_SECOND / 2).await;
    }
    server.get("/health").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_have_become_read_only_are_let_go_of() {
    let database = Database::own_postgres().await;
    let server = Process::start(&database, &[]).await;
    assert!(registers(&server).await);
    let stand_by = |standby: bool| {
        let words = match standby {
            true => {
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$"
            }
            false => {
                "START TRANSACTION READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$; COMMIT"
            }
        };
        database.execute(words)
    };
    let end_sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'authserver'";
    stand_by(true).await;
    database.execute(end_sessions).await;
    within(NOTICE, "not ready", async || !ready(&server).await).await;
    assert!(!registers(&server).await);
    server.get("/health").await.expect(200);
    // The sessions that are open go on being read-only.
    stand_by(false).await;
    assert!(registers(&server).await, "at the first attempt");
    within(A_SECOND * 2, "ready", async || ready(&server).await).await;
    for _ in 0..20 {
        assert!(registers(&server).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_of_an_idle_server_write_once_a_second_at_most() {
    let database = Database::sqlite();
    let server = Process::start(&database, &[]).await;
    let beats = async || {
        let series = r#"authserver_db_operation_duration_seconds_count{op="heartbeat","#;
        let page = server
            .send_admin(&Request::get("/metrics"))
            .await
            .expect(200);
        let lines = page.body.lines().filter(|line| line.starts_with(series));
        let counts = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        counts.sum::<f64>()
    };
    tokio::time::sleep(A_SECOND).await;
    let before = beats().await;
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        assert!(ready(&server).await);
    }
    let made = beats().await - before;
    assert!((1.0..=4.0).contains(&made), "{made}");
}
