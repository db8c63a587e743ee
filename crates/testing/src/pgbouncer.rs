//! A pooler between the server and PostgreSQL.

use crate::account::Account;
use crate::postgres_server::free_port;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// A real PgBouncer.
pub struct PgBouncer {
    folder: TempDir,
    account: Account,
    port: u16,
    address: String,
    process: Option<Child>,
}

impl PgBouncer {
    /// One in this `mode` (`session`, `transaction`) before the database at `dsn`, with few
    /// connections to it.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub async fn start(dsn: &str, mode: &str) -> Self {
        let account = Account::unprivileged();
        let folder = account.folder("authplane-pgbouncer-");
        let (address, _) = dsn.split_once('?').unwrap_or((dsn, ""));
        let address = address.strip_prefix("postgres://").expect("a DSN");
        let (user, rest) = address.split_once('@').expect("a user");
        let (host, database) = rest.split_once('/').expect("a database");
        let (host, port) = host.split_once(':').expect("a port");
        let own = free_port();
        let settings = format!(
            "[databases]\n* = host={host} port={port} user={user}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {own}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\ndefault_pool_size = 4\nmax_client_conn = 200\n\
             ignore_startup_parameters = extra_float_digits\n"
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), settings).expect("its settings");
        let mut own = Self {
            address: format!("postgres://{user}@127.0.0.1:{own}/{database}?sslmode=disable"),
            folder,
            account,
            port: own,
            process: None,
        };
        own.launch().await;
        own
    }

    /// Where it is.
    #[must_use]
    pub fn dsn(&self) -> String {
        self.address.clone()
    }

    /// Kills it, with all connections, and starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.stop();
        self.launch().await;
    }

    async fn launch(&mut self) {
        let mut pgbouncer = Command::new("pgbouncer");
        pgbouncer
            .arg(self.folder.path().join("pgbouncer.ini"))
            .env("PATH", "/usr/sbin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = self.account.run(&mut pgbouncer).spawn();
        self.process = Some(started.expect("PgBouncer is not installed; run `make test`"));
        let give_up = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
            .await
            .is_err()
        {
            assert!(Instant::now() < give_up, "PgBouncer does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), Signal::KILL);
            drop(process.wait());
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.stop();
    }
}
