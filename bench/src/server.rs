//! Processes under measurement. Each has a temporary folder, listens on the loopback address
//! alone, and ends when its handle is dropped.

use crate::http::{Connection, get};
use crate::postgres::Postgres;
use crate::{Result, failure};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
/// What opens the admin API.
pub const ADMIN_KEY: &str = "benchmark-admin-key-benchmark-admin-key";
/// In which Linux tells processor times, per second, whatever the kernel's own clock.
const CLOCK_TICKS: f64 = 100.0;

/// Which database a server keeps its data in.
pub enum Database<'a> {
    Sqlite,
    Postgres(&'a Postgres),
}

/// How to start `authserver`, again and again on the same data.
pub struct Installation {
    binary: PathBuf,
    folder: tempfile::TempDir,
    dsn: Option<String>,
    port: u16,
    admin_port: u16,
    variables: Vec<(&'static str, String)>,
}

/// A child process that is killed when dropped.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    /// From the start of the process until it was ready.
    pub start: Duration,
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

impl Installation {
    /// An empty one.
    pub fn new(binary: &Path, database: &Database<'_>) -> Result<Self> {
        let dsn = match database {
            Database::Sqlite => None,
            Database::Postgres(postgres) => Some(postgres.dsn()),
        };
        Ok(Self {
            binary: binary.into(),
            folder: tempfile::tempdir()?,
            dsn,
            port: free_port()?,
            admin_port: free_port()?,
            variables: Vec::new(),
        })
    }

    /// The same with environment variables of its own.
    #[must_use]
    pub fn with(mut self, variables: Vec<(&'static str, String)>) -> Self {
        self.variables = variables;
        self
    }

    /// Where the admin listener is.
    pub fn admin_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.admin_port))
    }

    /// The database file.
    pub fn sqlite_file(&self) -> PathBuf {
        self.folder.path().join("authserver.db")
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .current_dir(self.folder.path())
            .env(
                "AUTHPLANE_SERVER_ADDRESS",
                format!("127.0.0.1:{}", self.port),
            )
            .env("AUTHPLANE_SERVER_ISSUER", self.issuer())
            .env("AUTHPLANE_ADMIN_ADDRESS", self.admin_address().to_string())
            .env("AUTHPLANE_ADMIN_API_KEY", ADMIN_KEY)
            .env("AUTHPLANE_STORAGE_SQLITE_PATH", self.sqlite_file())
            .env(
                "AUTHPLANE_SIGNING_KEY_PATH",
                self.folder.path().join("keys"),
            )
            // All load comes from one address: the limiter works, but never refuses.
            .env("AUTHPLANE_RATE_LIMIT_RPS", "1000000")
            .env("AUTHPLANE_RATE_LIMIT_BURST", "1000000")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(dsn) = &self.dsn {
            command
                .env("AUTHPLANE_STORAGE_DRIVER", "postgres")
                .env("AUTHPLANE_STORAGE_POSTGRES_DSN", dsn);
        }
        command
    }

    /// Makes database and keys.
    pub fn migrate(&self) -> Result<()> {
        let output = self.command().arg("migrate").output()?;
        match output.status.success() {
            true => Ok(()),
            false => Err(failure(String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Runs an `admin` command and returns what it printed.
    pub fn admin(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let output = self
            .command()
            .arg("admin")
            .args(arguments)
            .arg("--json")
            .output()?;
        if !output.status.success() {
            return Err(failure(String::from_utf8_lossy(&output.stderr)));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts the server; its log goes to a file, at level info.
    pub async fn start(&self) -> Result<Process> {
        let mut command = self.command();
        let log = std::fs::File::create(self.folder.path().join("log"))?;
        command.arg("serve").stdout(log);
        Process::start(
            command,
            SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)),
            "/ready",
        )
        .await
    }
}

impl Process {
    /// Starts `command` and waits until `path` at `address` answers 200.
    pub async fn start(mut command: Command, address: SocketAddr, path: &str) -> Result<Self> {
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).spawn()?;
        let mut process = Self {
            child,
            address,
            start: Duration::ZERO,
        };
        loop {
            if let Ok(mut connection) = Connection::open(address).await
                && let Ok(response) = connection.exchange(&get(path, "")).await
                && response.status == 200
            {
                process.start = begun.elapsed();
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait()? {
                return Err(failure(format!("the server ended: {status}")));
            }
            if begun.elapsed() > PATIENCE {
                return Err(failure("the server does not become ready"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .ok_or_else(|| failure("no VmRSS"))?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// Processor seconds used so far.
    pub fn processor_seconds(&self) -> Result<f64> {
        processor_seconds(self.child.id())
    }
}

/// Processor seconds that a process has used so far.
pub fn processor_seconds(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or_else(|| failure("no processor times"))?;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<std::result::Result<u64, _>>()?;
    Ok(ticks as f64 / CLOCK_TICKS)
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
