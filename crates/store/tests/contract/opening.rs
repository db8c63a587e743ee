//! Opening databases, and sharing a file with other processes.

use crate::database::{Database, ONE_SECOND, open_at, postgres_at, sqlite_at, within};
use crate::on_both;
use crate::samples::{client, event};
use domain::{AuditAction, ClientStatus, SystemClock};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Location, StoreError};
use tokio::task::JoinSet;

/// How many migrations there are: one row of the history each.
const MIGRATIONS: i64 = 11;

on_both!(
    a_fresh_database_opened_by_many_at_once_is_set_up_once,
    a_fresh_database_opened_by_many_processes_at_once_is_set_up_once,
    opening_an_existing_database_changes_nothing,
    a_database_of_a_later_version_opens,
    a_failed_migration_says_so,
);

/// Tells the process started by this test which database to open.
const TARGET: &str = "AUTHPLANE_TEST_OPEN_TARGET";

async fn a_fresh_database_opened_by_many_at_once_is_set_up_once(db: Database) {
    let location = db.location.clone();
    let mut opening = JoinSet::new();
    for _ in 0..8 {
        let location = location.clone();
        opening.spawn(async move { open_at(&location, Arc::new(SystemClock)).await.unwrap() });
    }
    for store in opening.join_all().await {
        store
            .record(vec![event(AuditAction::UserLogin)])
            .await
            .unwrap();
    }
    assert_eq!(db.count("refinery_schema_history").await, MIGRATIONS);
    assert_eq!(db.count("audit_events").await, 8);
}

async fn a_fresh_database_opened_by_many_processes_at_once_is_set_up_once(db: Database) {
    let target = match &db.location {
        Location::Sqlite { path, .. } => path.display().to_string(),
        Location::Postgres(options) => options.dsn.clone(),
    };
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "opening::open_and_record"])
            .env(TARGET, &target)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..8).map(|_| start()).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    assert_eq!(db.count("refinery_schema_history").await, MIGRATIONS);
    assert_eq!(db.count("audit_events").await, 8);
}

#[tokio::test]
#[ignore = "the process that the test above starts"]
async fn open_and_record() {
    let Ok(target) = std::env::var(TARGET) else {
        return;
    };
    let location = match target.starts_with("postgres://") {
        true => postgres_at(target),
        false => sqlite_at(target.as_ref()),
    };
    let store = open_at(&location, Arc::new(SystemClock)).await.unwrap();
    store
        .record(vec![event(AuditAction::UserLogin)])
        .await
        .unwrap();
}

async fn opening_an_existing_database_changes_nothing(db: Database) {
    let first = db.open().await;
    let client = client();
    first.create_client(client.clone(), vec![]).await.unwrap();
    let migrations = "SELECT name FROM refinery_schema_history ORDER BY version";
    let before = db.texts(migrations).await;
    drop(first);
    let second = db.open().await;
    assert_eq!(db.texts(migrations).await, before);
    let found = second.client(client.id.as_str()).await.unwrap().unwrap();
    assert_eq!(*found, client);
}

async fn a_database_of_a_later_version_opens(db: Database) {
    drop(db.open().await);
    db.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
         SELECT 9999, name, applied_on, checksum FROM refinery_schema_history WHERE version = 1",
    )
    .await;
    db.open().await.ping().await.unwrap();
}

async fn a_failed_migration_says_so(db: Database) {
    if db.is_sqlite() {
        std::fs::create_dir_all(db.path().parent().unwrap()).unwrap();
    }
    db.execute("CREATE TABLE users (id TEXT)").await;
    let error = db.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Migration(_)), "{error}");
}

#[tokio::test]
async fn the_folder_of_a_sqlite_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/authserver.db");
    let store = open_at(&sqlite_at(&path), Arc::new(SystemClock))
        .await
        .unwrap();
    store.ping().await.unwrap();
    assert!(path.exists());
}

#[tokio::test]
async fn a_sqlite_file_works_without_write_ahead_log() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite {
        path: folder.path().join("authserver.db"),
        wal: false,
    };
    let store = open_at(&location, Arc::new(SystemClock)).await.unwrap();
    let mut running = JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        running.spawn(async move {
            let client = client();
            store.create_client(client.clone(), vec![]).await.unwrap();
            assert!(store.client(client.id.as_str()).await.unwrap().is_some());
        });
    }
    running.join_all().await;
    assert!(!folder.path().join("authserver.db-wal").exists());
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_repeating_it() {
    let error = open_at(&postgres_at("secret@nowhere".into()), Arc::new(SystemClock)).await;
    let error = error.err().unwrap();
    assert!(matches!(error, StoreError::Open(_)));
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn too_few_connections_are_refused() {
    let mut location = postgres_at("postgres://127.0.0.1:1/x".into());
    if let Location::Postgres(options) = &mut location {
        options.max_connections = 2;
    }
    let error = open_at(&location, Arc::new(SystemClock))
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("at least 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_locked_by_another_process_is_waited_for() {
    let db = Database::sqlite();
    let store = db.open().await;
    let other = db.file();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let (unlocked, outcome) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            other.execute_batch("COMMIT")
        },
        store.record(vec![event(AuditAction::UserLogin)])
    );
    unlocked.unwrap();
    outcome.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(1500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_locked_for_too_long_counts_as_unavailable_to_all_at_once() {
    let db = Database::sqlite();
    let store = db.open().await;
    let other = db.file();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        waiting.spawn(async move { store.record(vec![event(AuditAction::UserLogin)]).await });
    }
    for outcome in waiting.join_all().await {
        assert!(outcome.unwrap_err().is_unavailable());
    }
    assert!(
        start.elapsed() < Duration::from_secs(12),
        "{:?}",
        start.elapsed()
    );
    other.execute_batch("COMMIT").unwrap();
    store
        .record(vec![event(AuditAction::UserLogin)])
        .await
        .unwrap();
    assert_eq!(db.count("audit_events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_seen_while_a_write_waits_for_another_processes_lock() {
    let db = Database::sqlite();
    let store = db.open().await;
    let client = client();
    let id = client.id.as_str();
    store.create_client(client.clone(), vec![]).await.unwrap();
    let other = db.file();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.record(vec![event(AuditAction::UserLogin)]).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(store.client(id).await.unwrap().is_some());
    // The other process commits and takes the lock again before anyone else can.
    other
        .execute_batch("UPDATE clients SET status = 'suspended'; COMMIT; BEGIN IMMEDIATE")
        .unwrap();
    within(ONE_SECOND, "status", async || {
        store.client(id).await.unwrap().unwrap().status == ClientStatus::Suspended
    })
    .await;
    other.execute_batch("COMMIT").unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_a_new_database_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let db = Database::sqlite();
    let store = db.open().await;
    let audit = vec![event(AuditAction::ClientRegistered)];
    store.create_client(client(), audit).await.unwrap();
    let folder = db.path().parent().unwrap().to_owned();
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    for name in ["authserver.db", "authserver.db-wal"] {
        assert!(names.iter().any(|own| own == name), "{name}: {names:?}");
    }
}

/// Opens a database at `given`, which lies at `there`.
async fn links_are_followed(given: &std::path::Path, there: &std::path::Path) {
    let store = open_at(&sqlite_at(given), Arc::new(SystemClock))
        .await
        .unwrap();
    for _ in 0..300 {
        let audit = vec![event(AuditAction::ClientRegistered)];
        store.create_client(client(), audit).await.unwrap();
    }
    let beside = |suffix: &str| std::path::PathBuf::from(format!("{}{suffix}", there.display()));
    assert!(beside("-wal").metadata().unwrap().len() > 0);
    // What is left to do after the writes.
    tokio::time::sleep(ONE_SECOND).await;
    let first = std::fs::read(there).unwrap();
    tokio::time::sleep(ONE_SECOND).await;
    let second = std::fs::read(there).unwrap();
    assert!(first == second, "written though there is nothing to write");

    // Another database's log is told from its own.
    let copy = std::fs::read(beside("-wal")).unwrap();
    store.close().await;
    let store = open_at(&sqlite_at(given), Arc::new(SystemClock))
        .await
        .unwrap();
    store.close().await;
    std::fs::write(beside("-wal"), copy).unwrap();
    let error = open_at(&sqlite_at(given), Arc::new(SystemClock)).await;
    let error = error.err().unwrap().to_string();
    assert!(error.contains("do not belong together"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_a_file_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link.db"), folder.path().join("disk"));
    std::fs::create_dir(&target).unwrap();
    let target = target.join("real.db");
    let store = open_at(&sqlite_at(&target), Arc::new(SystemClock)).await;
    store.unwrap().close().await;
    std::os::unix::fs::symlink("disk/real.db", &link).unwrap();
    links_are_followed(&link, &target).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_a_file_that_is_still_to_be_made_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (
        folder.path().join("link.db"),
        folder.path().join("disk/real.db"),
    );
    std::os::unix::fs::symlink("hop.db", &link).unwrap();
    std::os::unix::fs::symlink(&target, folder.path().join("hop.db")).unwrap();
    links_are_followed(&link, &target).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_a_folder_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link"), folder.path().join("disk"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    links_are_followed(&link.join("a.db"), &target.join("a.db")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_turned_elsewhere_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link.db"), folder.path().join("real.db"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let store = open_at(&sqlite_at(&link), Arc::new(SystemClock))
        .await
        .unwrap();
    let other = folder.path().join("other.db");
    std::fs::write(&other, []).unwrap();
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    within(ONE_SECOND, "noticed", async || store.ping().await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_file_that_is_locked_at_start_is_said_to_be_locked() {
    let db = Database::sqlite();
    db.open().await.close().await;
    let other = db.file();
    let lock = "PRAGMA journal_mode = delete; BEGIN EXCLUSIVE";
    other.execute_batch(lock).unwrap();
    let error = db.try_open().await.err().unwrap().to_string();
    assert!(error.contains("is locked by another program"), "{error}");
    assert!(!error.contains("damaged"), "{error}");
}
