//! node-oidc-provider, as `node/server.js` sets it up.

use crate::server::{Process, free_port};
use crate::{Arguments, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

/// The client it knows.
pub const CLIENT: &str = "machine";
/// The client's secret.
pub const SECRET: &str = "benchmark-secret-benchmark-secret-benchmark";

/// Starts one for a resource with one scope.
pub async fn start(arguments: &Arguments, resource: &str, scope: &str) -> Result<Process> {
    let port = free_port()?;
    let mut command = Command::new("node");
    command
        .arg(arguments.node.join("server.js"))
        .args([&port.to_string(), CLIENT, SECRET, resource, scope])
        .env("NODE_ENV", "production")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Process::start(command, address, "/.well-known/openid-configuration").await
}
