//! Accepting connections and keeping each of them honest.
//!
//! [`serve`] runs any `tower` service, such as a router inside [`crate::shell::wrap`], on a
//! [`Listener`]. Both listeners of the product use it.
//!
//! What a client can do to a server by being slow, silent or many is answered here, below HTTP
//! semantics: a request head that drips in, a body that never ends, a response nobody reads, a
//! connection left open, more connections than there is room for. What is answered *with* HTTP
//! is the business of [`crate::shell`].
//!
//! - `listener`: addresses, sockets, TLS files.
//! - `tls`: the certificate, replaceable while connections are open.
//! - `accept`: the accept loop and the end of it.
//! - `connections`: which connections there are, and which make room for others.
//! - `connection`: one connection from handshake to close.
//! - `activity`: what a connection is doing at the moment, and until when it may.
//! - `stream`: the byte stream, watched.
//! - `body`: bodies of requests and responses, watched.

mod accept;
mod activity;
mod body;
mod connection;
mod connections;
mod listener;
mod stream;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use ipnet::IpNet;

pub use accept::serve;
pub use body::{ReadTimeout, RequestBody, ResponseBody};
pub use listener::{BindError, Listener, TlsFiles};
pub use tls::{Certificate, TlsError};

/// Limits of a listener.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Time for a client to send a request head, and again to send the body.
    pub read_timeout: Duration,
    /// Time a client may refuse to take bytes of a response before the connection is cut.
    pub write_timeout: Duration,
    /// Time a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// Time that requests in flight get when the server is told to stop.
    pub shutdown_wait: Duration,
    /// Size of a request head; a larger one is answered with 431. At least 8192.
    pub max_header_bytes: usize,
    /// Connections at once. Beyond that, idle ones are dropped for new ones, which otherwise wait in
    /// the kernel's queue.
    pub max_connections: usize,
    /// Connections at once of one IPv4 address or one IPv6 /64. Beyond that, its idle ones are
    /// dropped for new ones, which otherwise are closed at once.
    pub max_connections_per_address: usize,
    /// Networks of proxies, which have the connections of many clients and no limit of their own.
    pub proxies: Arc<[IpNet]>,
    /// Where open connections are counted.
    pub open: OpenConnections,
}

/// How many connections a listener has. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    /// The present number.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            shutdown_wait: Duration::from_secs(10),
            max_header_bytes: 32 * 1024,
            max_connections: 20_000,
            max_connections_per_address: 512,
            proxies: Arc::default(),
            open: OpenConnections::default(),
        }
    }
}

/// The address at the other end of the connection, in the extensions of every request.
///
/// This is the peer of the socket, which may be a proxy; the client's address is in the
/// request's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);
