//! Where the server is, and how it is reached: the DSN, in the form that libpq takes
//! (PostgreSQL documentation, §34.1.1).

use super::tls::{self, Files, Verify};
use crate::{Result, StoreError};
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long one server may take to answer when a connection is opened.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that is idle is looked after this often, so that a peer that vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What connections are opened with.
#[derive(Clone)]
pub(crate) struct Target {
    pub config: Config,
    pub tls: MakeRustlsConnect,
}

impl Target {
    /// Reads the DSN of a configuration key. Errors name its parts, never their values.
    pub fn parse(dsn: &str, key: &str) -> Result<Self> {
        let (address, query) = dsn.split_once('?').unwrap_or((dsn, ""));
        let (mut rest, mut mode) = (Vec::new(), String::from("prefer"));
        let (mut roots, mut certificate, mut own_key) = (None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            match name {
                "sslmode" => mode = value.into_owned(),
                "sslrootcert" => roots = Some(PathBuf::from(value.into_owned())),
                "sslcert" => certificate = Some(PathBuf::from(value.into_owned())),
                "sslkey" => own_key = Some(PathBuf::from(value.into_owned())),
                "target_session_attrs" if value == "primary" => {
                    rest.push("target_session_attrs=read-write");
                }
                _ => rest.push(pair),
            }
        }
        // As libpq has it: a file of roots makes `require` look at the certificate.
        let (plain, verify) = match mode.as_str() {
            "disable" => ("disable", Verify::Nothing),
            "allow" | "prefer" => ("prefer", Verify::Nothing),
            "require" if roots.is_none() => ("require", Verify::Nothing),
            "require" | "verify-ca" => ("require", Verify::Issuer),
            "verify-full" => ("require", Verify::IssuerAndName),
            _ => {
                return Err(StoreError::Open(format!(
                    "{key}: sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"
                )));
            }
        };
        let mode = format!("sslmode={plain}");
        rest.push(&mode);
        // The message of a parse error could repeat the password.
        let mut config: Config = format!("{address}?{}", rest.join("&"))
            .parse()
            .map_err(|_| StoreError::Open(format!("{key} is not a postgres:// URL")))?;
        config.application_name("authserver");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE);
        // Of several, the one that can be written to.
        let hosts = config.get_hosts().len();
        if hosts > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let files = Files {
            roots: roots.as_deref(),
            certificate: certificate.as_deref(),
            key: own_key.as_deref(),
        };
        let tls = tls::connector(verify, &files)?;
        Ok(Self { config, tls })
    }

    /// The database and where it is, for messages.
    pub fn describe(&self) -> String {
        let config = &self.config;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(host) => host.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let ports = config.get_ports();
        let places = hosts.enumerate().map(|(index, host)| {
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            format!("{host}:{port}")
        });
        let database = config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default();
        format!("{database} at {}", places.collect::<Vec<_>>().join(", "))
    }
}
