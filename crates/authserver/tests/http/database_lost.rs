//! A database that does not know what its keys have signed.

use crate::harness::{Database, Process, on_both};
use crate::races::furnish;

on_both!(
    a_database_that_is_new_or_behind_its_keys_is_said_to_be_so,
    a_database_whose_keys_are_lost_is_said_to_be_so,
);

/// What a server says of its database at start. It ends at once, having said all.
async fn said(database: &Database) -> Vec<String> {
    let mut server = Process::start(database, &[]).await;
    server.stop("-TERM").await;
    let log = server.log();
    let words = ["the database is", "the signing keys are new"];
    let lines = log.lines();
    let lines = lines.filter(|line| words.iter().any(|word| line.contains(word)));
    lines.map(str::to_owned).collect()
}

async fn a_database_that_is_new_or_behind_its_keys_is_said_to_be_so(database: Database) {
    furnish(&database);
    for _ in 0..2 {
        assert_eq!(said(&database).await, Vec::<String>::new());
    }
    let cases = [
        (
            "UPDATE heartbeat SET beaten_at = beaten_at - 60000",
            "the database is behind",
        ),
        (
            "UPDATE heartbeat SET database_id = 'elsewhere'",
            "the database is another",
        ),
        ("DELETE FROM heartbeat", "the database is new"),
    ];
    for (change, word) in cases {
        database.execute(change).await;
        let lines = said(&database).await;
        assert!(
            matches!(&lines[..], [line] if line.contains(word) && line.contains("ERROR")),
            "{change}: {lines:?}"
        );
        assert_eq!(said(&database).await, Vec::<String>::new(), "{change}");
    }
}

async fn a_database_whose_keys_are_lost_is_said_to_be_so(database: Database) {
    furnish(&database);
    assert_eq!(said(&database).await, Vec::<String>::new());
    std::fs::remove_dir_all(database.folder().path().join("keys")).unwrap();
    let lines = said(&database).await;
    assert!(
        matches!(&lines[..], [line] if line.contains("ERROR")
            && line.contains("the signing keys are new, but the database was in use until 2")
            && line.contains("client_secret_pepper")),
        "{lines:?}"
    );
    assert_eq!(said(&database).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_cut_off_after_a_crash_is_missed() {
    let database = Database::sqlite();
    furnish(&database);
    for cut in [false, true] {
        let mut server = Process::start(&database, &[]).await;
        let note = database.folder().path().join("keys/database.note");
        let before = std::fs::read(&note).unwrap();
        crate::harness::within(crate::harness::A_SECOND * 2, "a sign of life", async || {
            crate::database_file::register(&server).await.expect(201);
            std::fs::read(&note).unwrap() != before
        })
        .await;
        server.kill();
        let log = database.file("-wal");
        match cut {
            false => std::fs::remove_file(&log).unwrap(),
            true => {
                let log = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
                log.set_len(log.metadata().unwrap().len() / 3).unwrap();
            }
        }
        let lines = said(&database).await;
        assert!(
            matches!(&lines[..], [line] if line.contains("the database is behind")),
            "{lines:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_without_their_database_are_noticed() {
    let database = Database::sqlite();
    let mut server = Process::start(&database, &[]).await;
    server.stop("-TERM").await;
    std::fs::remove_file(database.file("")).unwrap();
    let lines = said(&database).await;
    assert!(
        matches!(&lines[..], [line] if line.contains("the database is new or older than the keys")),
        "{lines:?}"
    );
    // Keys from elsewhere, that remember nothing.
    std::fs::remove_file(database.file("")).unwrap();
    std::fs::remove_file(database.folder().path().join("keys/database.note")).unwrap();
    let lines = said(&database).await;
    assert!(
        matches!(&lines[..], [line] if line.contains("WARN") && line.contains("there are signing keys already")),
        "{lines:?}"
    );
}
