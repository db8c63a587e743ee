//! A database of one test's own, and ways around the store to look into it.

use domain::{ManualClock, SystemRng, UnixMillis};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Location, Missing, PostgresOptions, Store};
use tempfile::TempDir;
use testing::Postgres;

/// Where the clock of every test stands at first.
pub const NOW: UnixMillis = UnixMillis(1_782_864_860_007);
/// Nothing revoked or changed stays in use for longer, anywhere.
pub const ONE_SECOND: Duration = Duration::from_secs(1);

/// An empty database.
pub struct Database {
    pub location: Location,
    pub clock: Arc<ManualClock>,
    _keep: Keep,
}

#[expect(dead_code, reason = "held until the test ends")]
enum Keep {
    Folder(TempDir),
    Server(Postgres),
    Nothing,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = sqlite_at(&folder.path().join("data/authserver.db"));
        Self::at(location, Keep::Folder(folder))
    }

    pub async fn postgres() -> Self {
        let server = Postgres::start().await;
        let dsn = server.fresh_database().await;
        Self::at(postgres_at(dsn), Keep::Server(server))
    }

    /// A database on a server that the test looks after itself.
    pub async fn on(server: &Postgres) -> Self {
        Self::at(postgres_at(server.fresh_database().await), Keep::Nothing)
    }

    fn at(location: Location, keep: Keep) -> Self {
        Self {
            location,
            clock: Arc::new(ManualClock::at(NOW)),
            _keep: keep,
        }
    }

    /// Opens the database once more, as another process would.
    pub async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub async fn try_open(&self) -> store::Result<Store> {
        open_at(&self.location, self.clock.clone()).await
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.location, Location::Sqlite { .. })
    }

    /// The SQLite file.
    pub fn path(&self) -> PathBuf {
        match &self.location {
            Location::Sqlite { path, .. } => path.clone(),
            Location::Postgres(_) => panic!("not a file"),
        }
    }

    /// Runs statements past the store.
    pub async fn execute(&self, sql: &str) {
        match &self.location {
            Location::Sqlite { .. } => self.file().execute_batch(sql).unwrap(),
            Location::Postgres(PostgresOptions { dsn, .. }) => {
                let client = testing::connect(dsn).await;
                client.batch_execute(sql).await.unwrap();
            }
        }
    }

    /// The first column of every row, past the store.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        match &self.location {
            Location::Sqlite { .. } => {
                let file = self.file();
                let mut statement = file.prepare(sql).unwrap();
                let rows = statement.query_map([], |row| row.get(0)).unwrap();
                rows.map(Result::unwrap).collect()
            }
            Location::Postgres(PostgresOptions { dsn, .. }) => {
                let client = testing::connect(dsn).await;
                let rows = client.query(sql, &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// A count, past the store.
    pub async fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {from}");
        match &self.location {
            Location::Sqlite { .. } => self.file().query_one(&sql, [], |row| row.get(0)).unwrap(),
            Location::Postgres(PostgresOptions { dsn, .. }) => {
                let client = testing::connect(dsn).await;
                client.query_one(&sql, &[]).await.unwrap().get(0)
            }
        }
    }

    /// A connection to the PostgreSQL database, past the store.
    pub async fn client(&self) -> testing::Client {
        match &self.location {
            Location::Postgres(options) => testing::connect(&options.dsn).await,
            Location::Sqlite { .. } => panic!("not a server"),
        }
    }

    /// A connection to the SQLite file, past the store.
    pub fn file(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

pub fn sqlite_at(path: &Path) -> Location {
    Location::Sqlite {
        path: path.to_owned(),
        wal: true,
    }
}

pub fn postgres_at(dsn: String) -> Location {
    Location::Postgres(PostgresOptions {
        max_connections: 12,
        min_connections: 2,
        ..PostgresOptions::new(dsn)
    })
}

pub async fn open_at(location: &Location, clock: Arc<dyn domain::Clock>) -> store::Result<Store> {
    let metrics = telemetry::Metrics::new(Default::default());
    Store::open(location, Missing::Make, metrics, clock, Arc::new(SystemRng)).await
}

/// Asks until the answer is yes; fails when it is still no after `limit`.
pub async fn within<F>(limit: Duration, what: &str, mut question: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let start = Instant::now();
    while !question().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
