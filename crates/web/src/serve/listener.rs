//! Addresses and sockets.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::ListenAddress;
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
    /// The name does not resolve, or the operating system refused.
    #[error("cannot listen on {address}: {source}")]
    Socket {
        /// As configured.
        address: ListenAddress,
        /// The reason.
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
    /// Opens `address`, on both families when it means all interfaces. Port 0 picks a free
    /// one. With `tls` the files are read now.
    ///
    /// # Errors
    /// The address does not resolve or is taken, or the TLS files are unusable.
    pub fn bind(address: &ListenAddress, tls: Option<&TlsFiles>) -> Result<Self, BindError> {
        let certificate = tls.map(Certificate::load).transpose()?;
        let refused = |source| BindError::Socket {
            address: address.clone(),
            source,
        };
        let mut result = Err(io::Error::other("the name has no address"));
        for candidate in address.candidates().map_err(refused)? {
            result = open(candidate);
            if result.is_ok() {
                break;
            }
        }
        let socket = result.map_err(refused)?;
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
