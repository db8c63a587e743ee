//! PostgreSQL for tests: the cluster that was started for the whole run, or one's own.

use crate::postgres_server::Server;
use rustix::process::Signal;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

/// Names the maintenance database of a cluster that tests may use; set by
/// `tests/with-postgres.sh`.
const SHARED: &str = "TEST_POSTGRES";

/// A real PostgreSQL server.
pub struct Postgres {
    maintenance: String,
    server: Option<Server>,
}

impl Postgres {
    /// The cluster that `TEST_POSTGRES` names, else one that lives as long as this
    /// value.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub async fn start() -> Self {
        match std::env::var(SHARED) {
            Ok(maintenance) if !maintenance.is_empty() => Self {
                maintenance,
                server: None,
            },
            _ => Self::start_own().await,
        }
    }

    /// A cluster that nobody else uses, for tests that stop it.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub async fn start_own() -> Self {
        let server = Server::start().await;
        Self {
            maintenance: server.dsn(),
            server: Some(server),
        }
    }

    /// Creates an empty database and returns its address.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn fresh_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = connect(&self.maintenance).await;
        // Process ids come round again during a long run.
        let moment = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let row = client.query_one(moment, &[]).await;
        let moment: i64 = row.expect("PostgreSQL tells the time").get(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{moment}_{}_{count}", std::process::id());
        let create = format!("CREATE DATABASE {name}");
        let created = client.batch_execute(&create).await;
        created.expect("PostgreSQL creates a database");
        with_database(&self.maintenance, &name)
    }

    /// Has it accept TLS with this certificate and key, and ask for certificates of clients by this
    /// authority; all PEM.
    ///
    /// # Panics
    /// When this is the shared cluster, or the server refuses.
    pub async fn accept_tls(&mut self, certificate: &str, key: &str, authority: &str) {
        let server = self.own();
        let certificate = server.put("server.crt", certificate);
        let key = server.put("server.key", key);
        let authority = server.put("authority.crt", authority);
        let client = connect(&self.maintenance).await;
        for (name, value) in [
            ("ssl_cert_file", certificate.display().to_string()),
            ("ssl_key_file", key.display().to_string()),
            ("ssl_ca_file", authority.display().to_string()),
            ("ssl", String::from("on")),
        ] {
            let set = format!("ALTER SYSTEM SET {name} = '{value}'");
            client.batch_execute(&set).await.expect("a setting");
        }
        let reload = client.batch_execute("SELECT pg_reload_conf()").await;
        reload.expect("the settings are read");
    }

    /// A standby of this server, which confirms nothing from now on before the standby has it.
    ///
    /// # Panics
    /// When this is the shared cluster, or the standby does not start.
    pub async fn standby(&mut self) -> Self {
        let server = Server::standby(self.own()).await;
        let standby = Self {
            maintenance: server.dsn(),
            server: Some(server),
        };
        self.confirm_together().await;
        standby
    }

    /// Confirms nothing from now on before a standby has it.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn confirm_together(&self) {
        let client = connect(&self.maintenance).await;
        let wait = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        client.batch_execute(wait).await.expect("a setting");
        let reload = client.batch_execute("SELECT pg_reload_conf()").await;
        reload.expect("the setting is read");
    }

    /// Makes this standby the primary, which waits for nobody.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn promote(&self) {
        let client = connect(&self.maintenance).await;
        let promoted = client.batch_execute("SELECT pg_promote()").await;
        promoted.expect("it becomes the primary");
        let wait = "ALTER SYSTEM SET synchronous_standby_names = ''";
        client.batch_execute(wait).await.expect("a setting");
        let reload = client.batch_execute("SELECT pg_reload_conf()").await;
        reload.expect("the setting is read");
    }

    /// Becomes a standby of `primary`, having been stopped before.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn follow(&mut self, primary: &mut Self) {
        self.own().follow(primary.own()).await;
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        let address = self
            .maintenance
            .split_once('@')
            .map_or("", |(_, rest)| rest);
        address.split('/').next().unwrap_or_default()
    }

    /// Kills the server (SIGKILL); its other processes end by themselves.
    ///
    /// # Panics
    /// When this is the shared cluster; so for all methods below.
    pub fn kill(&mut self) {
        self.own().stop(Signal::KILL);
    }

    /// Stops the server as fast as it can without losing what it has confirmed.
    pub fn stop(&mut self) {
        self.own().stop(Signal::QUIT);
    }

    /// Starts it again, with its data and on its port.
    pub async fn restart(&mut self) {
        self.own().restart().await;
    }

    /// Makes it fall silent: connections stay open, and nothing is answered.
    pub fn freeze(&mut self) {
        self.own().signal_all(Signal::STOP);
    }

    /// Ends the silence.
    pub fn thaw(&mut self) {
        self.own().signal_all(Signal::CONT);
    }

    fn own(&mut self) -> &mut Server {
        self.server
            .as_mut()
            .expect("the shared cluster is not to be touched; use Postgres::start_own")
    }
}

/// A connection of a test's own, without TLS. It ends when dropped.
///
/// # Panics
/// When the server does not accept it.
pub async fn connect(dsn: &str) -> Client {
    let connected = tokio_postgres::connect(dsn, NoTls).await;
    let (client, connection) = connected.expect("PostgreSQL accepts a connection");
    tokio::spawn(connection);
    client
}

/// `dsn` with its database replaced.
fn with_database(dsn: &str, name: &str) -> String {
    let (address, options) = match dsn.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (dsn, String::new()),
    };
    let server = address
        .rsplit_once('/')
        .map_or(address, |(server, _)| server);
    format!("{server}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_an_address_is_replaced_and_its_options_stay() {
        assert_eq!(
            with_database("postgres://u@h:1/postgres?sslmode=disable", "x"),
            "postgres://u@h:1/x?sslmode=disable"
        );
        assert_eq!(
            with_database("postgres://u@h:1/a", "x"),
            "postgres://u@h:1/x"
        );
    }
}
