//! Addresses and sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::tls::{Certificate, TlsError};

/// Connections the kernel keeps for us while we are busy; it caps this at `somaxconn`.
const BACKLOG: i32 = 4096;

/// Where certificate and key of a TLS listener are kept, both PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub cert_file: PathBuf,
    /// The private key of the leaf.
    pub key_file: PathBuf,
}

impl TlsFiles {
    /// Names the two files.
    pub fn new(cert_file: impl AsRef<Path>, key_file: impl AsRef<Path>) -> Self {
        Self {
            cert_file: cert_file.as_ref().to_owned(),
            key_file: key_file.as_ref().to_owned(),
        }
    }
}

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is not one.
    #[error(
        "{address:?} is not an address to listen on: write host:port, or :port for all interfaces"
    )]
    Address {
        /// As configured.
        address: String,
    },
    /// The operating system refused.
    #[error("cannot listen on {address}: {source}")]
    Socket {
        /// As configured.
        address: String,
        /// Its reason.
        source: io::Error,
    },
    /// Certificate or key are not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// An open socket that [`super::serve`] accepts connections from.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) certificate: Option<Certificate>,
    address: SocketAddr,
}

impl Listener {
    /// Opens `address`: `host:port`, `[v6]:port`, or `:port` for all interfaces of both
    /// families. Port 0 picks a free one. With `tls` the files are read now.
    ///
    /// # Errors
    /// The address is malformed or taken, or the TLS files are unusable.
    pub fn bind(address: &str, tls: Option<&TlsFiles>) -> Result<Self, BindError> {
        let certificate = tls.map(Certificate::load).transpose()?;
        let refused = |source| BindError::Socket {
            address: address.to_owned(),
            source,
        };
        let mut result = Err(BindError::Address {
            address: address.to_owned(),
        });
        for candidate in candidates(address) {
            match open(candidate) {
                Ok(socket) => {
                    result = Ok(socket);
                    break;
                }
                Err(source) => result = Err(refused(source)),
            }
        }
        let socket = result?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Self {
            socket,
            certificate,
            address,
        })
    }

    /// The address that was opened, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of a TLS listener. Keep a clone to [reload](Certificate::reload) it.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

/// What `address` may mean, best first. `:port` is both families on one socket, or IPv4 alone
/// where the machine has no IPv6.
fn candidates(address: &str) -> Vec<SocketAddr> {
    if let Some(port) = address.strip_prefix(':') {
        let Ok(port) = port.parse() else {
            return Vec::new();
        };
        return vec![
            SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port),
            SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port),
        ];
    }
    address
        .to_socket_addrs()
        .map_or_else(|_| Vec::new(), Iterator::collect)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if let SocketAddr::V6(v6) = address {
        // Only the unspecified address can stand for both families.
        socket.set_only_v6(!v6.ip().is_unspecified())?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_port_means_every_interface_of_both_families() {
        let found = candidates(":9000");
        assert_eq!(found[0], "[::]:9000".parse().unwrap());
        assert_eq!(found[1], "0.0.0.0:9000".parse().unwrap());
        assert_eq!(
            candidates("127.0.0.1:0"),
            ["127.0.0.1:0".parse::<SocketAddr>().unwrap()]
        );
        for bad in ["", ":", ":x", ":70000", "127.0.0.1", "127.0.0.1:http!"] {
            assert!(candidates(bad).is_empty(), "{bad:?}");
        }
    }
}
