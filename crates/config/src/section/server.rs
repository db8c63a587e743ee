//! `server`: the public listener.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::rule::{ABOVE_ZERO, AT_LEAST_ONE};
use crate::schema::section;
use crate::value::{Issuer, ListenAddress, Origin};

section! {
    /// The public listener: OAuth endpoints, discovery, login and consent pages, health.
    pub struct Server at "server." {
        /// Where the public listener accepts connections. `:9000` means all interfaces, IPv6 and
        /// IPv4; port 0 picks a free port.
        address: ListenAddress = ":9000", "AUTHPLANE_SERVER_ADDRESS";
        /// The URL by which clients know this server, exactly as it appears in tokens (`iss`) and
        /// metadata. Plain http only on localhost; no trailing `/`, query or fragment.
        issuer: Issuer = "http://localhost:9000", "AUTHPLANE_SERVER_ISSUER";
        /// Origins whose scripts may call the OAuth endpoints (CORS): `https://app.example.com`,
        /// `http://localhost:*` for all ports of a host, `*` for any. Discovery documents and keys
        /// are open to all in any case. `quickstart` lets in the pages of the user's own machine.
        allowed_origins: Vec<Origin>, "AUTHPLANE_SERVER_ALLOWED_ORIGINS";
        /// Time for a client to send a whole request, headers and body.
        read_timeout: Duration = "30s", "AUTHPLANE_SERVER_READ_TIMEOUT", ABOVE_ZERO;
        /// Time from the end of a request to the end of its response.
        write_timeout: Duration = "30s", "AUTHPLANE_SERVER_WRITE_TIMEOUT", ABOVE_ZERO;
        /// Time an idle connection is kept open for the next request.
        idle_timeout: Duration = "120s", "AUTHPLANE_SERVER_IDLE_TIMEOUT", ABOVE_ZERO;
        /// Time that requests in flight get to finish when the server is told to stop.
        shutdown_wait: Duration = "10s", "AUTHPLANE_SERVER_SHUTDOWN_WAIT";
        /// Networks of the proxies in front of this server, whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<IpNet>, "AUTHPLANE_SERVER_TRUSTED_PROXIES";
        /// Connections at once of the public listener; beyond that, idle ones are closed for new
        /// ones. At most what the limit of open files allows (the server raises its soft limit to
        /// the hard one), with files kept free for the database and the admin listener.
        max_connections: u32 = "20000", "AUTHPLANE_SERVER_MAX_CONNECTIONS", AT_LEAST_ONE;
        /// Connections at once of one address, or one IPv6 /64; beyond that, its idle ones are
        /// closed for new ones. `server.trusted_proxies` have no such limit.
        max_connections_per_address: u32 = "512", "AUTHPLANE_SERVER_MAX_CONNECTIONS_PER_ADDRESS", AT_LEAST_ONE;

        sections {
            /// TLS of the public listener.
            tls: Tls;
        }
    }
}

section! {
    /// TLS of the public listener. Without it the server speaks plain HTTP, for use behind a proxy
    /// that terminates TLS.
    pub struct Tls at "server.tls." {
        /// File with the certificate chain, PEM. Needs `server.tls.key_file`.
        cert_file: Option<PathBuf>, "AUTHPLANE_SERVER_TLS_CERT_FILE";
        /// File with the private key, PEM. Needs `server.tls.cert_file`.
        key_file: Option<PathBuf>, "AUTHPLANE_SERVER_TLS_KEY_FILE";
    }
}
