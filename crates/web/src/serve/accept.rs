//! The accept loop, and the end of it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::activity::Activity;
use super::body::RequestBody;
use super::connection::{protocol, run, unless_closing};
use super::{Listener, PeerAddress, ServeOptions};

/// Time for a TLS handshake, unless the read timeout is shorter.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// First and longest pause after the system has refused us a connection.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Time for connections that are cut to release what they hold.
const CUT: Duration = Duration::from_secs(1);

/// Serves `service` on `listener` until `shutdown` completes; then stops accepting, lets
/// requests in flight finish within `options.shutdown_wait`, cuts what is left, and returns.
///
/// The service is cloned once per connection and must always be ready, as a router and the
/// [shell](crate::shell::wrap) around it are.
pub async fn serve<S>(
    listener: Listener,
    service: S,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
{
    let most = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
    let floor = Arc::new(Floor {
        acceptor: listener
            .certificate
            .as_ref()
            .map(super::Certificate::acceptor),
        protocol: protocol(&options),
        options,
        connections: Mutex::default(),
    });
    let room = Arc::new(Semaphore::new(most));
    let mut shutdown = pin!(shutdown);
    let mut pause = PAUSE.0;
    let mut number = 0_u64;

    loop {
        // A connection is taken from the kernel's queue only when there is room for it.
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = next => next,
        };
        match (permit, accepted) {
            (Ok(permit), Ok((stream, peer))) => {
                pause = PAUSE.0;
                number += 1;
                let guest = Guest::enter(&floor, number, permit);
                tokio::spawn(guest.stay(stream, peer, service.clone()));
            }
            (_, Err(error)) if is_one_connection(&error) => {}
            (_, Err(error)) => {
                // Out of file descriptors or memory: waiting is all that helps, and the
                // connections that are open must go on meanwhile.
                tracing::warn!(%error, "cannot accept connections for the moment");
                tokio::select! {
                    () = &mut shutdown => break,
                    () = sleep(pause) => pause = (pause * 2).min(PAUSE.1),
                }
            }
            (Err(_), _) => break,
        }
    }

    drop(listener);
    floor.each(Activity::close);
    let all = u32::try_from(most).unwrap_or(u32::MAX);
    if timeout(floor.options.shutdown_wait, room.acquire_many(all))
        .await
        .is_err()
    {
        floor.each(Activity::cut);
        let _ = timeout(CUT, room.acquire_many(all)).await;
    }
}

/// Whether the error is about the connection that was to be accepted, not about us.
fn is_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// What the connections of a listener share.
struct Floor {
    acceptor: Option<TlsAcceptor>,
    protocol: auto::Builder<TokioExecutor>,
    options: ServeOptions,
    connections: Mutex<HashMap<u64, Arc<Activity>>>,
}

impl Floor {
    fn connections(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self, act: impl Fn(&Activity)) {
        for activity in self.connections().values() {
            act(activity);
        }
    }
}

/// A connection on the floor; it leaves when this is dropped, however that comes.
struct Guest {
    floor: Arc<Floor>,
    number: u64,
    activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Guest {
    fn enter(floor: &Arc<Floor>, number: u64, permit: OwnedSemaphorePermit) -> Self {
        let activity = Activity::new();
        floor.connections().insert(number, Arc::clone(&activity));
        Self {
            floor: Arc::clone(floor),
            number,
            activity,
            _permit: permit,
        }
    }

    async fn stay<S>(self, stream: TcpStream, peer: SocketAddr, service: S)
    where
        S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
        S: Send + 'static,
        S::Future: Send + 'static,
    {
        let Floor {
            acceptor,
            protocol,
            options,
            ..
        } = &*self.floor;
        // Responses are written whole; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = PeerAddress(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        let Some(acceptor) = acceptor else {
            return run(stream, service, peer, &self.activity, protocol, options).await;
        };
        let limit = HANDSHAKE.min(options.read_timeout);
        let handshake = timeout(limit, acceptor.accept(stream));
        // A client that does not manage a handshake is told nothing and costs no log line.
        if let Some(Ok(Ok(stream))) = unless_closing(&self.activity, handshake).await {
            run(stream, service, peer, &self.activity, protocol, options).await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.floor.connections().remove(&self.number);
    }
}
