//! A database of the test's own, and its path for the signing keys.

use domain::{Clock, Rng, SystemRng};
use std::sync::Arc;
use std::time::Duration;
use store::{Location, Missing, PostgresOptions, Store};
use telemetry::Metrics;
use telemetry::metrics::MetricsOptions;
use testing::Postgres;

/// An empty database, kept until the value is dropped.
pub struct Database {
    folder: Arc<tempfile::TempDir>,
    postgres: Option<(Postgres, String)>,
}

impl Database {
    pub fn sqlite() -> Self {
        Self {
            folder: folder(),
            postgres: None,
        }
    }

    pub async fn postgres() -> Self {
        Self::on(Postgres::start().await).await
    }

    /// On a PostgreSQL server that the test may stop.
    pub async fn own_postgres() -> Self {
        Self::on(Postgres::start_own().await).await
    }

    async fn on(postgres: Postgres) -> Self {
        let dsn = postgres.fresh_database().await;
        Self {
            folder: folder(),
            postgres: Some((postgres, dsn)),
        }
    }

    /// The server behind it.
    pub fn server(&mut self) -> &mut Postgres {
        &mut self.postgres.as_mut().expect("a PostgreSQL database").0
    }

    /// Where keys and logs of servers on this database go; there while anyone holds it.
    pub fn folder(&self) -> Arc<tempfile::TempDir> {
        Arc::clone(&self.folder)
    }

    /// The variables that lead a server here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut variables = vec![("AUTHPLANE_SIGNING_KEY_PATH", path("keys"))];
        match &self.postgres {
            None => variables.push(("AUTHPLANE_STORAGE_SQLITE_PATH", path("authserver.db"))),
            Some((_, dsn)) => variables.extend([
                ("AUTHPLANE_STORAGE_DRIVER", String::from("postgres")),
                ("AUTHPLANE_STORAGE_POSTGRES_DSN", dsn.clone()),
                ("AUTHPLANE_STORAGE_POSTGRES_MIN_CONNS", String::from("1")),
                ("AUTHPLANE_STORAGE_POSTGRES_MAX_CONNS", String::from("10")),
            ]),
        }
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        variables.into_iter().map(owned).collect()
    }

    /// Opens it, as another instance would.
    pub async fn open(&self, metrics: Metrics, clock: Arc<dyn Clock>) -> Store {
        let location = match &self.postgres {
            None => Location::Sqlite {
                path: self.folder.path().join("authserver.db"),
                wal: true,
            },
            Some((_, dsn)) => Location::Postgres(PostgresOptions {
                max_connections: 10,
                min_connections: 1,
                idle_timeout: Duration::from_secs(60),
                ..PostgresOptions::new(dsn.clone())
            }),
        };
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let store = Store::open(&location, Missing::Make, metrics, clock, rng).await;
        store.expect("the database opens")
    }

    /// The SQLite file, and what may lie beside it.
    pub fn file(&self, suffix: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("authserver.db{suffix}"))
    }

    pub fn is_sqlite(&self) -> bool {
        self.postgres.is_none()
    }

    /// Runs statements past the store.
    pub async fn execute(&self, sql: &'static str) {
        match &self.postgres {
            None => {
                let conn = rusqlite::Connection::open(self.file("")).expect("the file opens");
                conn.execute_batch(sql).expect("the statement runs");
            }
            Some((_, dsn)) => {
                let client = testing::connect(dsn).await;
                let done = client.batch_execute(sql).await;
                done.expect("the statement runs");
            }
        }
    }

    /// Opens it to look at what is in it.
    pub async fn look(&self) -> Store {
        let metrics = Metrics::new(MetricsOptions::default());
        self.open(metrics, Arc::new(domain::SystemClock)).await
    }
}

fn folder() -> Arc<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("authplane-http-");
    Arc::new(builder.tempdir().expect("a temporary folder"))
}
