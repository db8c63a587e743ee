//! One PostgreSQL cluster in a temporary folder, as a child process.

use crate::account::Account;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// The superuser of test clusters.
const SUPERUSER: &str = "authplane";

pub(crate) struct Server {
    folder: TempDir,
    programs: PathBuf,
    account: Account,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// Makes a cluster and starts it.
    pub async fn start() -> Self {
        let mut server = Self::stopped();
        server.initialise();
        while !server.launch().await {
            server.port = free_port();
        }
        server
    }

    /// Puts a file beside its data that it alone may read.
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let only_owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, only_owner).expect("its mode");
        self.account.own(&path);
        path
    }

    fn stopped() -> Self {
        let account = Account::unprivileged();
        Self {
            folder: account.folder("authplane-postgres-"),
            programs: programs(),
            account,
            port: free_port(),
            process: None,
        }
    }

    /// Makes a standby of `primary` and starts it.
    pub async fn standby(primary: &Self) -> Self {
        let mut server = Self::stopped();
        server.copy(primary);
        assert!(server.launch().await, "the standby starts");
        server
    }

    /// Becomes a standby of `primary`, on its port.
    pub async fn follow(&mut self, primary: &Self) {
        std::fs::remove_dir_all(self.data()).expect("its data can be removed");
        self.copy(primary);
        self.restart().await;
    }

    /// Copies the data of `primary`, with what makes a standby of it.
    fn copy(&self, primary: &Self) {
        let mut copy = Command::new(self.programs.join("pg_basebackup"));
        copy.args([
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
        ])
        .args(["--host=127.0.0.1", "--username", SUPERUSER, "--port"])
        .arg(primary.port.to_string())
        .arg("--pgdata")
        .arg(self.data())
        .current_dir(self.folder.path());
        let outcome = self
            .account
            .run(&mut copy)
            .output()
            .expect("pg_basebackup runs");
        let words = String::from_utf8_lossy(&outcome.stderr);
        assert!(outcome.status.success(), "pg_basebackup failed: {words}");
    }

    /// Address of the maintenance database.
    pub fn dsn(&self) -> String {
        format!(
            "postgres://{SUPERUSER}@127.0.0.1:{}/postgres?sslmode=disable",
            self.port
        )
    }

    /// Starts a stopped server again, with its data and on its port.
    pub async fn restart(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        // Processes of a killed server may hold its memory for a moment longer.
        while !self.launch().await {
            assert!(
                Instant::now() < give_up,
                "PostgreSQL does not start again; its log:\n{}",
                self.log()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends `signal` to the postmaster and waits for its end.
    pub fn stop(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            kill_process(Pid::from_child(&process), signal).expect("the server is there");
            process.wait().expect("the server ends");
        }
    }

    /// Sends `signal` to the postmaster and all processes that it has started.
    pub fn signal_all(&self, signal: Signal) {
        let Some(process) = &self.process else { return };
        let parent = process.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .expect("Linux lists the children of a process");
        let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
        for id in ids.chain([i32::try_from(parent).expect("a process id")]) {
            if let Some(pid) = Pid::from_raw(id) {
                // A child may have ended since it was listed.
                let _ = kill_process(pid, signal);
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn initialise(&self) {
        let mut initdb = Command::new(self.programs.join("initdb"));
        initdb
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--username", SUPERUSER, "--pgdata"])
            .arg(self.data())
            .current_dir(self.folder.path());
        let outcome = self.account.run(&mut initdb).output().expect("initdb runs");
        assert!(
            outcome.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&outcome.stderr)
        );
    }

    /// Starts the server and waits until it answers; `false` when it ends instead.
    async fn launch(&mut self) -> bool {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("a log file");
        let mut postgres = Command::new(self.programs.join("postgres"));
        postgres
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "max_connections=300"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut process = self
            .account
            .run(&mut postgres)
            .spawn()
            .expect("postgres starts");
        let give_up = Instant::now() + PATIENCE;
        while process.try_wait().expect("a child process").is_none() {
            if self.answers() {
                self.process = Some(process);
                return true;
            }
            assert!(
                Instant::now() < give_up,
                "PostgreSQL does not answer; its log:\n{}",
                self.log()
            );
            sleep(Duration::from_millis(50)).await;
        }
        false
    }

    fn answers(&self) -> bool {
        Command::new(self.programs.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal_all(Signal::CONT);
        self.stop(Signal::QUIT);
    }
}

/// Debian keeps each version's programs in a folder of its own; the newest is taken.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .map(|version| version.path().join("bin"))
        .filter(|folder| Path::new(&folder.join("postgres")).exists())
        .max_by_key(|folder| {
            let version = folder.parent().and_then(Path::file_name);
            version.and_then(|version| version.to_str()?.parse::<u32>().ok())
        })
        .expect("PostgreSQL is not installed; run `make test`")
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
