//! What was acknowledged is there after a crash.

use crate::database::{Database, open_at, postgres_at, sqlite_at};
use crate::on_both;
use crate::samples::{founded, rotate};
use domain::{Digest, Rng as _, SystemClock, SystemRng};
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use store::{Location, Rotated, Store};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

on_both!(
    what_was_acknowledged_is_there_after_reopening,
    what_was_acknowledged_survives_sigkill_under_load,
);

/// Tells the process started by this test which database to write to.
const TARGET: &str = "AUTHPLANE_TEST_CRASH_TARGET";
const ROUNDS: usize = 6;

/// What the writer prints once a rotation has been acknowledged.
#[derive(Debug)]
struct Acknowledged {
    jti: String,
    spent: Digest,
    next: Digest,
}

impl Acknowledged {
    fn line(&self) -> String {
        let (spent, next) = (self.spent.to_hex(), self.next.to_hex());
        format!("\nacknowledged {} {spent} {next} .\n", self.jti)
    }

    /// Reads a line unless it was cut off.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("acknowledged ")?.split(' ');
        let found = Self {
            jti: words.next()?.to_owned(),
            spent: Digest::from_hex(words.next()?)?,
            next: Digest::from_hex(words.next()?)?,
        };
        (words.next() == Some(".")).then_some(found)
    }

    async fn assert_stands(&self, store: &Store) {
        let token = store.issuance(&self.jti).await.unwrap();
        assert!(token.is_some(), "issuance {} is lost", self.jti);
        let spent = store.refresh_token(&self.spent).await.unwrap().unwrap();
        assert!(spent.token.spent_at.is_some(), "a spent token came back");
        let next = store.refresh_token(&self.next).await.unwrap();
        assert!(next.is_some(), "a refresh token is lost");
    }
}

async fn what_was_acknowledged_is_there_after_reopening(db: Database) {
    let before = db.open().await;
    let held = founded(&before, "u", "c").await;
    drop(before);
    let after = db.open().await;
    let jti = held.issuance.jti.as_str();
    assert_eq!(
        after.issuance(jti).await.unwrap(),
        Some(held.issuance.clone())
    );
    let refresh = held.refresh.unwrap();
    let state = after.refresh_token(&refresh.digest).await.unwrap();
    assert_eq!(state.unwrap().token, refresh);
}

async fn what_was_acknowledged_survives_sigkill_under_load(db: Database) {
    drop(db.open().await);
    let mut total = 0;
    for _ in 0..ROUNDS {
        let acknowledged = write_until_killed(&db.location).await;
        assert!(!acknowledged.is_empty());
        total += acknowledged.len() as i64;
        let store = db.open().await;
        for line in &acknowledged {
            line.assert_stands(&store).await;
        }
        let report = store.verify_audit_chain().await.unwrap();
        assert_eq!(report.broken, None);
    }
    assert!(db.count("issuances").await >= total);
}

/// Starts a writer, kills it at a random moment, and returns what it had acknowledged.
async fn write_until_killed(location: &Location) -> Vec<Acknowledged> {
    let target = match location {
        Location::Sqlite { path, .. } => path.display().to_string(),
        Location::Postgres(options) => options.dsn.clone(),
    };
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "crash::write_until_killed_from_outside",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .env(TARGET, target)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(writer.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("acknowledged ") {
        let read = output.read_line(&mut text).await.unwrap();
        assert_ne!(read, 0, "the writer ended by itself: {text}");
    }
    let mut random = [0];
    SystemRng.fill(&mut random);
    let moment = Duration::from_millis(20 + u64::from(random[0]) * 2);
    // Read on meanwhile, or the writer would wait for room in the pipe.
    let mut rest = Vec::new();
    let reading = async {
        output.read_to_end(&mut rest).await.unwrap();
    };
    let killing = async {
        tokio::time::sleep(moment).await;
        writer.kill().await.unwrap();
    };
    tokio::join!(reading, killing);
    text.push_str(&String::from_utf8_lossy(&rest));
    text.lines().filter_map(Acknowledged::parse).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test above starts and kills"]
async fn write_until_killed_from_outside() {
    let Ok(target) = std::env::var(TARGET) else {
        return;
    };
    let location = match target.starts_with("postgres://") {
        true => postgres_at(target),
        false => sqlite_at(target.as_ref()),
    };
    let store = open_at(&location, Arc::new(SystemClock)).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let store = store.clone();
        callers.spawn(async move {
            let held = founded(&store, &format!("u{caller}"), "c").await;
            let mut token = held.refresh.unwrap();
            loop {
                let command = rotate(&token, &held.family);
                let outcome = store.rotate_refresh(command.clone()).await.unwrap();
                assert_eq!(outcome, Rotated::Yes);
                let acknowledged = Acknowledged {
                    jti: command.issuance.jti.to_string(),
                    spent: command.digest,
                    next: command.next.digest,
                };
                let line = acknowledged.line();
                std::io::stdout().write_all(line.as_bytes()).unwrap();
                token = command.next;
            }
        });
    }
    callers.join_all().await;
}
