//! The accept loop, and the end of it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::activity::Activity;
use super::body::RequestBody;
use super::connection::{protocol, run, unless_closing};
use super::connections::{Admitted, Connections, TooMany};
use super::{Listener, OpenConnections, PeerAddress, ServeOptions};

/// Time for a TLS handshake, unless the read timeout is shorter.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// First and longest pause after the system has refused us a connection.
const PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// How often it is told that connections of an address are refused.
const TELL_AGAIN: Duration = Duration::from_secs(60);

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
    let open = options.open.clone();
    let state = Arc::new(ListenerState {
        acceptor: listener
            .certificate
            .as_ref()
            .map(super::Certificate::acceptor),
        protocol: protocol(&options),
        connections: Arc::new(Connections::new(options.clone())),
        options,
    });
    let connections = &state.connections;
    let mut shutdown = pin!(shutdown);
    let mut pause = PAUSE.0;
    let mut last_told: Option<Instant> = None;

    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_one_connection(&error) => continue,
            Err(error) => {
                // Out of file descriptors or memory: waiting is all that helps, and the
                // connections that are open must go on meanwhile.
                tracing::warn!(%error, "cannot accept connections for the moment");
                tokio::select! {
                    () = &mut shutdown => break,
                    () = sleep(pause) => pause = (pause * 2).min(PAUSE.1),
                }
                continue;
            }
        };
        pause = PAUSE.0;
        let admitted = match connections.admit(peer.ip()) {
            Ok(admitted) => admitted,
            Err(TooMany(network)) => {
                if last_told.is_none_or(|last| last.elapsed() > TELL_AGAIN) {
                    last_told = Some(Instant::now());
                    tracing::warn!(
                        %network,
                        limit = state.options.max_connections_per_address,
                        "connections of one address are refused: it has as many as one may have, all busy"
                    );
                }
                continue;
            }
        };
        let place = tokio::select! {
            biased;
            () = &mut shutdown => break,
            place = connections.place(&admitted) => place,
        };
        let Some(place) = place else { break };
        let connection = Connection {
            state: Arc::clone(&state),
            admitted,
            _counted: Counted::new(&open),
            _place: place,
        };
        tokio::spawn(connection.serve(stream, peer, service.clone()));
    }

    drop(listener);
    connections.each(Activity::close);
    if timeout(state.options.shutdown_wait, connections.all_ended())
        .await
        .is_err()
    {
        connections.each(Activity::cut);
        let _ = timeout(CUT, connections.all_ended()).await;
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
struct ListenerState {
    acceptor: Option<TlsAcceptor>,
    protocol: auto::Builder<TokioExecutor>,
    options: ServeOptions,
    connections: Arc<Connections>,
}

/// A connection that has been accepted.
struct Connection {
    state: Arc<ListenerState>,
    // Leaves the others before it gives its place away.
    admitted: Admitted,
    _counted: Counted,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve<S>(self, stream: TcpStream, peer: SocketAddr, service: S)
    where
        S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
        S: Send + 'static,
        S::Future: Send + 'static,
    {
        let ListenerState {
            acceptor,
            protocol,
            options,
            ..
        } = &*self.state;
        let activity = &self.admitted.activity;
        // Responses are written whole; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = PeerAddress(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        let Some(acceptor) = acceptor else {
            return run(stream, service, peer, activity, protocol, options).await;
        };
        let limit = HANDSHAKE.min(options.read_timeout);
        let handshake = timeout(limit, acceptor.accept(stream));
        // A client that does not manage a handshake is told nothing and costs no log line.
        if let Some(Ok(Ok(stream))) = unless_closing(activity, handshake).await {
            run(stream, service, peer, activity, protocol, options).await;
        }
    }
}

/// An open connection, counted for as long as this is there.
struct Counted(OpenConnections);

impl Counted {
    fn new(open: &OpenConnections) -> Self {
        open.0.fetch_add(1, Relaxed);
        Self(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}
