//! The SQLite file: whole after a clean stop, restored from a copy, taken away under the server,
//! and never made by accident.

use crate::harness::{
    A_SECOND, Database, Instance, Process, REDIRECT, Reply, Request, on_both, run_cli,
    run_cli_as_it_is, within,
};
use crate::races::furnish;
use std::path::Path;

on_both!(commands_make_neither_a_database_nor_keys);

/// More than the log holds before it is written back.
const MANY: usize = 300;

pub async fn register(server: &Instance) -> Reply {
    let metadata = serde_json::json!({ "redirect_uris": [REDIRECT] });
    server
        .send(&Request::json("/oauth/register", &metadata))
        .await
}

async fn load(server: &Instance, clients: usize) {
    for _ in 0..clients {
        register(server).await.expect(201);
    }
}

async fn clients(database: &Database) -> i64 {
    let store = database.look().await;
    let count = store.count_active_clients().await.unwrap();
    let report = store.verify_audit_chain().await.unwrap();
    assert_eq!(report.broken, None);
    store.close().await;
    count
}

/// The database and all that lies beside it.
fn files(database: &Database) -> Vec<String> {
    let folder = std::fs::read_dir(database.folder().path()).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("authserver.db"))
        .collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_clean_end_the_one_file_is_whole() {
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    load(&server, 20).await;
    server.stop("-TERM").await;
    assert_eq!(files(&database), ["authserver.db"]);

    let mut server = Process::start(&database, &[]).await;
    load(&server, MANY).await;
    server.stop("-INT").await;
    assert_eq!(files(&database), ["authserver.db"]);

    let elsewhere = Database::sqlite();
    copy(&database.file(""), &elsewhere.file(""));
    assert_eq!(clients(&elsewhere).await, 20 + MANY as i64);

    for command in [
        &["migrate"][..],
        &["purge"],
        &["audit", "verify"],
        &["admin", "client", "list"],
        &["admin", "client", "get", "nobody"],
    ] {
        drop(run_cli(&database, command));
        assert_eq!(files(&database), ["authserver.db"], "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_leaves_the_log_of_a_running_server_alone() {
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    load(&server, 20).await;
    let listed = run_cli(&database, &["admin", "client", "list", "--json"]);
    assert!(listed.status.success(), "{listed:?}");
    load(&server, 20).await;
    server.kill();
    assert_eq!(clients(&database).await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_put_in_place_after_a_clean_stop_is_what_the_server_then_has() {
    let database = Database::sqlite();
    let backup = database.folder().path().join("backup.db");
    let mut server = Process::start(&database, &[]).await;
    load(&server, 20).await;
    database_copy(&database, &backup).await;
    load(&server, MANY).await;
    server.stop("-TERM").await;
    copy(&backup, &database.file(""));
    let mut server = Process::start(&database, &[]).await;
    assert!(server.log().contains("the database is behind"));
    load(&server, 1).await;
    server.stop("-TERM").await;
    assert_eq!(clients(&database).await, 21);
}

/// SQLite's own copy of a database in use.
async fn database_copy(database: &Database, backup: &Path) {
    drop(std::fs::remove_file(backup));
    let file = backup.display().to_string();
    let statement: &'static str = Box::leak(format!("VACUUM INTO '{file}'").into_boxed_str());
    database.execute(statement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_the_log_of_a_killed_server_is_not_damaged_by_it() {
    let database = Database::sqlite();
    let backup = database.folder().path().join("backup.db");
    // Within one log, and with logs in between; written over, and moved into place.
    for (after, moved) in [(20, false), (20, true), (MANY, false), (MANY, true)] {
        let mut server = Process::start(&database, &[]).await;
        load(&server, 20).await;
        database_copy(&database, &backup).await;
        load(&server, after).await;
        server.kill();
        let kept = database.folder().path().join("kept.db");
        copy(&backup, &kept);
        match moved {
            false => copy(&backup, &database.file("")),
            true => std::fs::rename(&backup, database.file("")).unwrap(),
        }
        let said = Process::refused(&database).await;
        assert!(said.contains("do not belong together"), "{said}");
        assert!(said.contains("authserver.db-wal"), "{said}");
        let command = run_cli(&database, &["admin", "client", "list"]);
        assert_eq!(command.status.code(), Some(1), "{command:?}");
        assert_eq!(
            std::fs::read(database.file("")).unwrap(),
            std::fs::read(&kept).unwrap(),
            "nobody touched it"
        );

        // As the message says.
        for suffix in ["-wal", "-shm"] {
            drop(std::fs::rename(
                database.file(suffix),
                database.folder().path().join(suffix),
            ));
        }
        let before = clients(&database).await;
        let mut server = Process::start(&database, &[]).await;
        load(&server, 1).await;
        server.stop("-TERM").await;
        assert_eq!(clients(&database).await, before + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_file_from_before_the_start_is_told_from_the_file() {
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    load(&server, 20).await;
    server.stop("-TERM").await;
    let backup = database.folder().path().join("backup.db");
    copy(&database.file(""), &backup);
    let mut server = Process::start(&database, &[]).await;
    load(&server, 5).await;
    server.kill();
    copy(&backup, &database.file(""));
    let said = Process::refused(&database).await;
    assert!(said.contains("do not belong together"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_its_file_is_not_thrown_away() {
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    load(&server, 20).await;
    server.kill();
    let kept = database.folder().path().join("kept.db");
    std::fs::rename(database.file(""), &kept).unwrap();
    let said = Process::refused(&database).await;
    assert!(said.contains("is missing, but the log of it"), "{said}");
    std::fs::rename(&kept, database.file("")).unwrap();
    assert_eq!(clients(&database).await, 20);
}

/// Nothing is handed out while the file is away, and the log says why, once.
async fn assert_noticed(server: &Process, word: &str) {
    within(A_SECOND, "not ready", async || {
        server.get("/ready").await.status == 503
    })
    .await;
    assert_eq!(register(server).await.status, 503);
    assert_eq!(server.get("/health").await.status, 503);
    server.get("/livez").await.expect(200);
    tokio::time::sleep(A_SECOND).await;
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains(word));
    assert_eq!(lines.count(), 1, "{word}: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_taken_away_under_the_server_is_noticed_and_welcome_back() {
    let database = Database::sqlite();
    let app = furnish(&database);
    let mut server = Process::start(&database, &[]).await;
    load(&server, 5).await;
    let kept = database.folder().path().join("kept.db");
    std::fs::rename(database.file(""), &kept).unwrap();
    assert_noticed(&server, "was removed while it was in use").await;
    app.refresh(&server, "x")
        .await
        .refused(503, "temporarily_unavailable");
    std::fs::rename(&kept, database.file("")).unwrap();
    within(A_SECOND, "ready", async || {
        server.get("/ready").await.status == 200
    })
    .await;
    load(&server, 1).await;
    server.stop("-TERM").await;
    assert_eq!(clients(&database).await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_replaced_under_the_server_is_used_after_a_restart() {
    let database = Database::sqlite();
    let backup = database.folder().path().join("backup.db");
    let mut server = Process::start(&database, &[]).await;
    load(&server, 5).await;
    database_copy(&database, &backup).await;
    load(&server, 5).await;
    let old = database.folder().path().join("old.db");
    std::fs::hard_link(database.file(""), &old).unwrap();
    std::fs::rename(&backup, database.file("")).unwrap();
    assert_noticed(&server, "was replaced by another").await;
    server.stop("-TERM").await;
    let mut server = Process::start(&database, &[]).await;
    load(&server, 1).await;
    server.stop("-TERM").await;
    assert_eq!(clients(&database).await, 6);

    // What was acknowledged is in the file that was moved away.
    let elsewhere = Database::sqlite();
    copy(&old, &elsewhere.file(""));
    assert_eq!(clients(&elsewhere).await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_written_over_under_the_server_is_not_written_to() {
    let database = Database::sqlite();
    let backup = database.folder().path().join("backup.db");
    let mut server = Process::start(&database, &[]).await;
    load(&server, 5).await;
    database_copy(&database, &backup).await;
    load(&server, 5).await;
    copy(&backup, &database.file(""));
    assert_noticed(&server, "was written over while it was in use").await;
    server.stop("-TERM").await;
    assert_eq!(
        std::fs::read(database.file("")).unwrap(),
        std::fs::read(&backup).unwrap()
    );
    let said = Process::refused(&database).await;
    assert!(said.contains("do not belong together"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_may_write_the_log_back() {
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    for _ in 0..3 {
        load(&server, 5).await;
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        load(&server, 5).await;
        database.execute("PRAGMA wal_checkpoint(PASSIVE)").await;
        tokio::time::sleep(A_SECOND / 2).await;
        server.get("/ready").await.expect(200);
    }
    server.kill();
    let mut server = Process::start(&database, &[]).await;
    server.stop("-TERM").await;
    assert_eq!(clients(&database).await, 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_found_at_start() {
    use std::os::unix::fs::FileExt as _;
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    load(&server, MANY).await;
    server.stop("-TERM").await;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(database.file(""))
        .unwrap();
    let length = file.metadata().unwrap().len();
    for page in (8..length / 4096).step_by(7) {
        file.write_all_at(&[0xa5; 400], page * 4096).unwrap();
    }
    let said = Process::refused(&database).await;
    assert!(said.contains("is damaged"), "{said}");
    std::fs::write(database.file(""), b"not a database at all").unwrap();
    let said = Process::refused(&database).await;
    assert!(said.contains("is damaged"), "{said}");
}

async fn commands_make_neither_a_database_nor_keys(database: Database) {
    let commands = [
        &["audit", "verify"][..],
        &["purge"],
        &["admin", "client", "list"],
        &["admin", "user", "list"],
        &["admin", "key", "list"],
        &["admin", "key", "rotate"],
        &["admin", "audit", "list"],
        &["admin", "dcr", "set", "open"],
        &["admin", "stats"],
    ];
    let made = || std::fs::read_dir(database.folder().path()).unwrap().count();
    for command in commands {
        let output = run_cli_as_it_is(&database, command);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{command:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let (place, key) = match database.is_sqlite() {
            true => (database.file("").display().to_string(), "SQLITE_PATH"),
            false => ("at 127.0.0.1:".to_owned(), "POSTGRES_DSN"),
        };
        assert!(said.contains("there is no database"), "{command:?}: {said}");
        assert!(said.contains(&place), "{command:?}: {said}");
        let key = format!("AUTHPLANE_STORAGE_{key}");
        assert!(said.contains(&key) && said.contains("--config"), "{said}");
        assert_eq!(made(), 0, "{command:?}");
    }
    // A database without keys is no place either.
    assert!(run_cli(&database, &["migrate"]).status.success());
    let keys = database.folder().path().join("keys");
    std::fs::remove_dir_all(&keys).unwrap();
    for command in [&["purge"][..], &["admin", "key", "rotate"]] {
        let output = run_cli_as_it_is(&database, command);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there are no signing keys in"), "{said}");
        assert!(said.contains("AUTHPLANE_SIGNING_KEY_PATH"), "{said}");
        assert!(!keys.exists(), "{command:?}");
    }
    let verified = run_cli_as_it_is(&database, &["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_waits_for_its_turn_to_open_the_database_says_so_and_can_be_stopped() {
    let database = Database::sqlite();
    let lock = database.file(".migrate");
    let held = std::fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let mut server = Process::begin(&database, &[]);
    let words = "another process is opening the database";
    within(A_SECOND * 2, "it says what it waits for", async || {
        server.log().contains(words)
    })
    .await;
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(words)).collect();
    assert!(
        matches!(&lines[..], [line] if line.contains(&lock.display().to_string())),
        "{lines:?}"
    );
    let start = std::time::Instant::now();
    server.stop("-TERM").await;
    assert!(start.elapsed() < A_SECOND, "{:?}", start.elapsed());
    assert!(server.log().contains("server stopped"), "{}", server.log());

    // Whoever waits goes on when it is free.
    let mut server = Process::begin(&database, &[]);
    within(A_SECOND * 2, "it waits", async || {
        server.log().contains(words)
    })
    .await;
    drop(held);
    within(A_SECOND * 2, "it starts", async || {
        server.log().contains("server started")
    })
    .await;
    server.stop("-TERM").await;
}
