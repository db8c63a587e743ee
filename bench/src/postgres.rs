//! A PostgreSQL server of our own in a temporary folder, durable as it comes (fsync on).

use crate::server::free_port;
use crate::{Result, failure};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; it ends when dropped.
pub struct Postgres {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

/// PostgreSQL refuses to run as root; then it runs as the user `postgres`.
fn command(program: &str) -> Command {
    let path = Path::new(PROGRAMS).join(program);
    if !rustix::process::getuid().is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(path);
    command
}

impl Postgres {
    /// Makes a cluster and starts a server on it.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if rustix::process::getuid().is_root() {
            let user = Command::new("id").args(["-u", "postgres"]).output()?;
            let user = String::from_utf8(user.stdout)?.trim().parse()?;
            chown(folder.path(), Some(user), None)?;
        }
        let data = folder.path().join("data");
        let made = command("initdb")
            .args([
                "--auth=trust",
                "--username=bench",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(&data)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err(failure("initdb failed"));
        }
        let port = free_port()?;
        let child = command("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-c",
                "fsync=on",
                "-c",
                "synchronous_commit=on",
            ])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let postgres = Self {
            child,
            port,
            _folder: folder,
        };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(failure("PostgreSQL does not start"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(500));
        Ok(postgres)
    }

    /// Where to reach it.
    pub fn dsn(&self) -> String {
        format!("postgres://bench@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    /// A fast shutdown (SIGINT), so that its own children end with it.
    fn drop(&mut self) {
        if let Some(id) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
        drop(self.child.wait());
    }
}
