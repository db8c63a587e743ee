//! The program itself, as a process that can be killed.

use super::database::Database;
use super::instance::{ADMIN_KEY, Instance};
use super::{PATIENCE, Request, within};
use domain::{Rng as _, SystemRng};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A server as a child process; killed when dropped.
pub struct Process {
    instance: Instance,
    child: Child,
    log: PathBuf,
}

impl Deref for Process {
    type Target = Instance;
    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Process {
    /// Starts a server on `database` and waits until it is ready.
    pub async fn start(database: &Database, variables: &[(&str, &str)]) -> Self {
        Self::run(program(database), database, variables).await
    }

    /// The same, within limits of resources as `prlimit` takes them, such as `--nofile=64:64`.
    pub async fn limited(database: &Database, variables: &[(&str, &str)], limits: &[&str]) -> Self {
        let program = program(database);
        let mut limited = Command::new("prlimit");
        limited.args(limits).arg(program.get_program()).env_clear();
        limited.envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        limited.current_dir(database.folder().path());
        Self::run(limited, database, variables).await
    }

    /// Starts a server that gives up by itself; returns all that it says.
    pub async fn refused(database: &Database) -> String {
        let mut process = Self::launch(program(database), database, &[]);
        within(PATIENCE, "it gives up", async || !process.is_running()).await;
        let status = process.child.wait().expect("it has ended");
        assert_eq!(status.code(), Some(1), "{}", process.log());
        process.log()
    }

    /// Starts a server on `database` and does not wait.
    pub fn begin(database: &Database, variables: &[(&str, &str)]) -> Self {
        Self::launch(program(database), database, variables)
    }

    async fn run(program: Command, database: &Database, variables: &[(&str, &str)]) -> Self {
        let mut process = Self::launch(program, database, variables);
        process.until_ready().await;
        process
    }

    fn launch(mut program: Command, database: &Database, variables: &[(&str, &str)]) -> Self {
        let [public, admin] = free_addresses();
        let instance = Instance { public, admin };
        let log = database
            .folder()
            .path()
            .join(format!("{}.log", instance.public.port()));
        let file = File::create(&log).expect("a log file");
        let child = program
            .arg("serve")
            .env("AUTHPLANE_SERVER_ADDRESS", instance.public.to_string())
            .env("AUTHPLANE_ADMIN_ADDRESS", instance.admin.to_string())
            .env("AUTHPLANE_ADMIN_API_KEY", ADMIN_KEY)
            .env("AUTHPLANE_RATE_LIMIT_ENABLED", "false")
            .env("AUTHPLANE_AUDIT_DENIALS_PER_MINUTE", "0")
            .env("AUTHPLANE_DCR_RATE_LIMIT", "0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log file"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self {
            instance,
            child,
            log,
        }
    }

    async fn until_ready(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        let probe = Request::get("/ready");
        while self
            .try_send(&probe)
            .await
            .is_none_or(|reply| reply.status != 200)
        {
            let ended = self.child.try_wait().expect("a child process");
            assert!(
                ended.is_none() && Instant::now() < give_up,
                "the server does not get ready ({ended:?}):\n{}",
                self.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What the kernel says of its memory, in bytes: `VmRSS` now, `VmHWM` at the most so far.
    pub fn memory(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let kibibytes = line.expect("a line").trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().expect("a number") << 10
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// SIGTERM: it stops when what it is asked has been answered.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status();
        assert!(told.expect("kill runs").success());
    }

    /// Stops it with `signal`, such as `-TERM`, and waits for its end.
    pub async fn stop(&mut self, signal: &str) {
        self.signal(signal);
        within(PATIENCE, "it stops", async || !self.is_running()).await;
        let status = self.child.wait().expect("it has ended");
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("the process ends");
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child process").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the program on `database` to its end. Those that need a database and keys
/// find some.
pub fn run_cli(database: &Database, arguments: &[&str]) -> Output {
    let needs = matches!(arguments.first(), Some(&("admin" | "audit" | "purge")));
    let is_made = || {
        database
            .folder()
            .path()
            .join("keys/client-secret.pepper")
            .exists()
    };
    if needs && !arguments.contains(&"--server") && !is_made() {
        let made = run_cli(database, &["migrate"]);
        assert!(made.status.success(), "{made:?}");
    }
    run_cli_as_it_is(database, arguments)
}

/// The same on whatever is there.
pub fn run_cli_as_it_is(database: &Database, arguments: &[&str]) -> Output {
    let output = program(database).args(arguments).output();
    output.expect("the program runs")
}

fn program(database: &Database) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authserver"));
    command
        .env_clear()
        .envs(database.environment())
        .current_dir(database.folder().path());
    command
}

/// Two, taken at the same time, so that they differ. They lie below the ports that the system
/// gives to connections, of which one could otherwise take a port before the server does.
fn free_addresses() -> [SocketAddr; 2] {
    let listeners = [free_listener(), free_listener()];
    listeners.map(|listener| listener.local_addr().expect("its address"))
}

fn free_listener() -> TcpListener {
    let mut port = [0; 2];
    for _ in 0..1000 {
        SystemRng.fill(&mut port);
        let port = 10_000 + u16::from_le_bytes(port) % 22_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
    panic!("no free port");
}
