//! The log of a SQLite file: bounded, and told from the log of another file.

use crate::database::{Database, ONE_SECOND, open_at, sqlite_at, within};
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
        let other = db.file();
        async move {
            loop {
                drop(other.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
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
    let other = db.file();
    let statements = [
        "PRAGMA wal_checkpoint(TRUNCATE)",
        // Who reads what is in the file keeps the log from being written into it.
        "BEGIN",
        "SELECT COUNT(*) FROM clients",
    ];
    for statement in statements {
        other.execute_batch(statement).unwrap();
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
    let conn = rusqlite::Connection::open(&path).unwrap();
    for statement in [
        "PRAGMA cache_size = 1",
        "PRAGMA cache_spill = 1",
        "BEGIN IMMEDIATE",
        "PRAGMA user_version = 7",
        "UPDATE clients SET name = hex(randomblob(3000))",
    ] {
        conn.execute_batch(statement).unwrap();
    }
    let killed = folder.path().join("killed");
    snapshot(&path, &killed);
    conn.execute_batch("ROLLBACK").unwrap();
    conn.close().unwrap();
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

/// What an operator may run on a database in use, and what a server goes on after.
async fn upkeep_is_welcome(statements: &[&'static str]) {
    let db = Database::sqlite();
    let store = db.open().await;
    write(&store, 20).await;
    let tool = db.file();
    for sql in statements {
        tool.execute_batch(sql).unwrap();
    }
    tool.close().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let killed = || async {
        snapshot(&db.path(), &copy);
        open(&copy).await.ok()
    };
    let opens = || async { killed().await.is_some() };
    within(
        Duration::from_secs(5),
        "file and log belong together",
        opens,
    )
    .await;
    write(&store, 20).await;
    let killed = killed().await.unwrap();
    assert_eq!(killed.count_active_clients().await.unwrap(), 40);
    killed.close().await;
    store.close().await;
}

macro_rules! upkeep {
    ($($rule:ident: [$($sql:literal),+];)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $rule() {
            upkeep_is_welcome(&[$($sql),+]).await;
        }
    )+};
}

upkeep! {
    a_database_in_use_can_be_vacuumed_and_analysed:
        // The tool's default is a thousand pages, more than this database has.
        ["PRAGMA wal_autocheckpoint = 10", "VACUUM", "PRAGMA wal_autocheckpoint = 0", "ANALYZE"];
    a_database_in_use_can_be_vacuumed_after_its_log_was_emptied:
        ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"];
    a_database_in_use_can_be_analysed_after_its_log_was_written_back:
        ["PRAGMA wal_checkpoint(RESTART)", "ANALYZE"];
    a_database_in_use_can_get_an_index_after_its_log_was_written_back:
        ["PRAGMA wal_checkpoint(PASSIVE)", "CREATE INDEX own ON clients (name)", "DROP INDEX own"];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_written_over_is_taken_back_with_its_own_log() {
    let db = Database::sqlite();
    let store = db.open().await;
    write(&store, 300).await;
    let file = std::fs::read(db.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    let into = format!("VACUUM INTO '{}'", other.display());
    db.execute(&into).await;
    let refused = || async { store.ping().await.is_err() };
    let accepted = || async { store.ping().await.is_ok() };
    std::fs::copy(&other, db.path()).unwrap();
    within(Duration::from_secs(5), "refused", refused).await;
    std::fs::write(db.path(), &file).unwrap();
    within(Duration::from_secs(5), "accepted", accepted).await;
    write(&store, 10).await;
    assert_eq!(store.count_active_clients().await.unwrap(), 310);
    let sound = db.texts("PRAGMA integrity_check").await;
    assert_eq!(sound, ["ok"]);
    store.close().await;
}

/// Copies that SQLite made, of whatever age, beside the log that another program has begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_refused_beside_the_log_that_another_program_has_begun() {
    let db = Database::sqlite();
    let store = db.open().await;
    write(&store, 300).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let tool = db.file();
    let into = format!("VACUUM INTO '{}'", file("vacuumed").display());
    std::fs::copy(db.path(), file("copied")).unwrap();
    for sql in [&into, "PRAGMA wal_checkpoint(TRUNCATE)"] {
        tool.execute_batch(sql).unwrap();
    }
    // Before the server can look.
    tool.execute_batch("ANALYZE").unwrap();
    let killed = file("killed.db");
    snapshot(&db.path(), &killed);
    for copy in ["vacuumed", "copied"] {
        let place = file("place.db");
        snapshot(&killed, &place);
        std::fs::copy(file(copy), &place).unwrap();
        let error = open(&place).await.err().unwrap().to_string();
        assert!(error.contains("do not belong together"), "{error}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_taken_away_in_use_is_noticed_and_written_back_at_the_end() {
    for away in [&["-wal", "-shm"][..], &["-wal"], &["-shm"]] {
        let db = Database::sqlite();
        let store = db.open().await;
        write(&store, 20).await;
        let kept = |suffix: &str| beside(&db.path(), &format!("{suffix}.kept"));
        for suffix in away {
            std::fs::rename(beside(&db.path(), suffix), kept(suffix)).unwrap();
        }
        let noticed = || async { store.ping().await.is_err() };
        within(ONE_SECOND, "noticed", noticed).await;
        let error = store.record(vec![event(AuditAction::UserLogin)]).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("its log was removed"), "{error}");

        for suffix in away {
            std::fs::rename(kept(suffix), beside(&db.path(), suffix)).unwrap();
        }
        let back = || async { store.ping().await.is_ok() };
        within(ONE_SECOND, "back", back).await;
        write(&store, 5).await;

        for suffix in away {
            std::fs::remove_file(beside(&db.path(), suffix)).unwrap();
        }
        within(ONE_SECOND, "noticed", noticed).await;
        store.close().await;
        let store = db.open().await;
        assert_eq!(store.count_active_clients().await.unwrap(), 25, "{away:?}");
        assert_eq!(db.texts("PRAGMA integrity_check").await, ["ok"]);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_another_process_has_begun_in_place_of_the_one_in_use_is_left_to_it() {
    let db = Database::sqlite();
    let store = db.open().await;
    write(&store, 20).await;
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(beside(&db.path(), suffix)).unwrap();
    }
    // As another process does, which sees the file without what was in the log.
    for suffix in ["-wal", "-shm"] {
        std::fs::write(beside(&db.path(), suffix), []).unwrap();
    }
    let replaced = || async {
        let outcome = store.ping().await;
        outcome.is_err_and(|error| error.to_string().contains("its log was replaced"))
    };
    within(ONE_SECOND, "replaced", replaced).await;
    let file = std::fs::read(db.path()).unwrap();
    store.close().await;
    assert!(file == std::fs::read(db.path()).unwrap());
}

/// Whoever reads an old state keeps the log from being begun anew, for as long as that takes; then
/// its room is given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_a_reader_has_kept_from_ending_gives_its_room_back() {
    const LIMIT: u64 = 64 << 20;
    let db = Database::sqlite();
    let store = db.open().await;
    write(&store, 10).await;
    let reader = db.file();
    reader.execute_batch("BEGIN").unwrap();
    let count = "SELECT COUNT(*) FROM clients";
    let before: i64 = reader.query_one(count, [], |row| row.get(0)).unwrap();
    let log = || std::fs::metadata(beside(&db.path(), "-wal")).unwrap().len();
    let mut written = 0;
    while log() <= LIMIT {
        write(&store, 100).await;
        written += 100;
        assert!(written < 20_000, "{} bytes", log());
    }
    // Nobody waits for the reader, and it sees what it saw.
    assert!(store.has_written_within(Duration::from_secs(5)));
    let now: i64 = reader.query_one(count, [], |row| row.get(0)).unwrap();
    assert_eq!(now, before);
    reader.execute_batch("COMMIT").unwrap();
    within(Duration::from_secs(20), "room", async || {
        write(&store, 1).await;
        log() <= LIMIT
    })
    .await;
    store.close().await;
}
