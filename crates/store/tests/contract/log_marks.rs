//! The log of a SQLite file: bounded, and told from the log of another file.

use crate::database::{Database, open_at, sqlite_at, within};
use crate::samples::{client, event};
use domain::{AuditAction, SystemClock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Location, Store};

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies of the file and of what lies beside it: what a killed process leaves.
fn snapshot(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-journal"] {
        drop(std::fs::remove_file(beside(to, suffix)));
        if beside(from, suffix).exists() {
            std::fs::copy(beside(from, suffix), beside(to, suffix)).unwrap();
        }
    }
}

async fn open(path: &Path) -> store::Result<Store> {
    open_at(&sqlite_at(path), Arc::new(SystemClock)).await
}

async fn write(store: &Store, clients: usize) {
    for _ in 0..clients {
        let audit = vec![event(AuditAction::ClientRegistered)];
        store.create_client(client(), audit).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_written_back_again_and_again() {
    let db = Database::sqlite();
    let store = db.open().await;
    let length = || std::fs::metadata(db.path()).unwrap().len();
    let before = length();
    write(&store, 3000).await;
    let log = std::fs::metadata(beside(&db.path(), "-wal")).unwrap().len();
    assert!(log < 32 << 20, "{log}");
    assert!(length() > before + (100 << 10), "{before} {}", length());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_moment_a_process_is_killed_at_its_log_is_its_own() {
    let db = Database::sqlite();
    let store = db.open().await;
    let writing = tokio::spawn({
        let store = store.clone();
        async move { write(&store, 2000).await }
    });
    // As commands do when they end.
    let emptying = tokio::spawn({
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(db.path());
        async move {
            let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
            loop {
                let empty = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
                drop(empty.execute(&mut other).await);
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    while !writing.is_finished() {
        // Torn if the log is written back or begun anew meanwhile: then it is no moment.
        let marks = || {
            [("", 100), ("-wal", 32)].map(|(suffix, length)| {
                let file = std::fs::read(beside(&db.path(), suffix)).unwrap_or_default();
                file[..length.min(file.len())].to_vec()
            })
        };
        let copy = folder.path().join("copy.db");
        let before = marks();
        snapshot(&db.path(), &copy);
        if before != marks() {
            continue;
        }
        seen += 1;
        open(&copy).await.unwrap().close().await;
    }
    emptying.abort();
    writing.await.unwrap();
    assert!(seen > 10, "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_another_process_has_emptied_stays_its_own() {
    let db = Database::sqlite();
    let store = db.open().await;
    write(&store, 5).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(db.path());
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let statements = [
        "PRAGMA wal_checkpoint(TRUNCATE)",
        // Who reads what is in the file keeps the log from being written into it.
        "BEGIN",
        "SELECT COUNT(*) FROM clients",
    ];
    for statement in statements {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let log = beside(&db.path(), "-wal");
    let began = || async { std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) };
    within(Duration::from_secs(5), "a new log", began).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    snapshot(&db.path(), &copy);
    open(&copy).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_another_state_of_the_file_is_refused() {
    let db = Database::sqlite();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("authserver.db");
    let mut states = Vec::new();
    // Each start makes another.
    for number in 0..3 {
        let store = db.open().await;
        write(&store, 10).await;
        let state = folder.path().join(number.to_string());
        snapshot(&db.path(), &state);
        states.push(state);
        store.close().await;
    }
    for file in &states {
        for log in &states {
            std::fs::copy(file, &place).unwrap();
            std::fs::copy(beside(log, "-wal"), beside(&place, "-wal")).unwrap();
            match open(&place).await {
                Ok(store) => {
                    assert_eq!(file, log);
                    store.close().await;
                }
                Err(error) => {
                    assert_ne!(file, log, "{error}");
                    assert!(error.to_string().contains("do not belong together"));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_journal_of_another_state_of_the_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authserver.db");
    let location = Location::Sqlite {
        path: path.clone(),
        wal: false,
    };
    let open = || open_at(&location, Arc::new(SystemClock));
    let store = open().await.unwrap();
    write(&store, 5).await;
    store.close().await;
    let old = folder.path().join("old");
    snapshot(&path, &old);
    let store = open().await.unwrap();
    write(&store, 5).await;
    store.close().await;

    // A transaction that never ends, with its pages in the file already.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
    for statement in [
        "PRAGMA cache_size = 1",
        "PRAGMA cache_spill = 1",
        "BEGIN IMMEDIATE",
        "PRAGMA user_version = 7",
        "UPDATE clients SET name = hex(randomblob(3000))",
    ] {
        sqlx::query(statement).execute(&mut conn).await.unwrap();
    }
    let killed = folder.path().join("killed");
    snapshot(&path, &killed);
    sqlx::query("ROLLBACK").execute(&mut conn).await.unwrap();
    sqlx::Connection::close(conn).await.unwrap();
    assert!(beside(&killed, "-journal").exists());

    std::fs::copy(&old, &path).unwrap();
    std::fs::copy(beside(&killed, "-journal"), beside(&path, "-journal")).unwrap();
    let error = open().await.err().unwrap().to_string();
    assert!(error.contains("do not belong together"), "{error}");

    snapshot(&killed, &path);
    let store = open().await.unwrap();
    assert_eq!(store.count_active_clients().await.unwrap(), 10);
    store.close().await;
}
