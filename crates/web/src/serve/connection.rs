//! One connection from handshake to close.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tower::Service;

use super::activity::{Activity, InFlight, Verdict};
use super::body::{RequestBody, ResponseBody};
use super::stream::Watched;
use super::{PeerAddress, ServeOptions};

/// Time a client gets to take note of our goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// How often an HTTP/2 client is asked whether it is still there.
const HTTP2_PING: Duration = Duration::from_secs(30);

/// Requests an HTTP/2 client may have open at once on one connection.
const HTTP2_STREAMS: u32 = 128;

/// The protocol settings that all connections of a listener share.
pub(super) fn protocol(options: &ServeOptions) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // Our own deadline also tells a slow head from an idle connection.
        .header_read_timeout(None)
        .max_buf_size(options.max_header_bytes.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(options.read_timeout);
    builder
}

/// Waits for `work`, unless the connection is told to close first.
pub(super) async fn unless_closing<T>(
    activity: &Activity,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        activity.register(cx.waker());
        if activity.is_closing() || activity.is_cut() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Serves requests on `stream` until either side closes or a limit is passed.
pub(super) async fn run<T, S>(
    stream: T,
    service: S,
    peer: PeerAddress,
    activity: &Arc<Activity>,
    protocol: &auto::Builder<TokioExecutor>,
    options: &ServeOptions,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
    S: Send + 'static,
    S::Future: Send + 'static,
{
    let door = Door {
        service: Mutex::new(service),
        peer,
        activity: Arc::clone(activity),
        read_timeout: options.read_timeout,
    };
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(activity)));
    let mut connection = pin!(protocol.serve_connection(stream, door));
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut armed = false;
    let mut goodbye: Option<Instant> = None;

    poll_fn(|cx| {
        activity.register(cx.waker());
        loop {
            if activity.is_cut() {
                return Poll::Ready(());
            }
            if goodbye.is_none() && activity.is_closing() {
                // The end of the wait for requests in flight is the accept loop's to say.
                goodbye = Some(Instant::now() + options.shutdown_wait + GOODBYE);
                connection.as_mut().graceful_shutdown();
            }
            if connection.as_mut().poll(cx).is_ready() {
                // An error here is the client's doing, and it is gone.
                return Poll::Ready(());
            }
            let due = match (activity.deadline(options), goodbye) {
                (Some((at, verdict)), None) => (at, verdict),
                (Some((at, Verdict::Cut)), Some(end)) => (at.min(end), Verdict::Cut),
                (_, Some(end)) => (end, Verdict::Cut),
                (None, None) => return Poll::Pending,
            };
            // A timer that is set too early finds out when it fires.
            if !armed || timer.deadline() > due.0 {
                timer.as_mut().reset(due.0);
                armed = true;
            } else if !timer.is_elapsed() {
                return Poll::Pending;
            }
            ready!(timer.as_mut().poll(cx));
            armed = false;
            if due.0 > Instant::now() {
                continue;
            }
            match due.1 {
                Verdict::Cut => return Poll::Ready(()),
                Verdict::Close => {
                    goodbye = Some(Instant::now() + GOODBYE);
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    })
    .await;
}

/// Takes requests from the protocol to the service.
struct Door<S> {
    /// Cloned once per connection, not per request; the lock is never contended, because the
    /// connection's task alone calls.
    service: Mutex<S>,
    peer: PeerAddress,
    activity: Arc<Activity>,
    read_timeout: Duration,
}

impl<S> hyper::service::Service<Request<Incoming>> for Door<S>
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<ResponseBody<Body>>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = self.activity.begin(request.version() == Version::HTTP_2);
        let mut request =
            request.map(|body| RequestBody::new(body, &self.activity, self.read_timeout));
        request.extensions_mut().insert(self.peer);
        let future = self
            .service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .call(request);
        Answer {
            future,
            in_flight: Some(in_flight),
        }
    }
}

pin_project! {
    /// The answer of the service, its body bound to the request in flight.
    struct Answer<F> {
        #[pin]
        future: F,
        in_flight: Option<InFlight>,
    }
}

impl<F> Future for Answer<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<ResponseBody<Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.future.poll(cx));
        let in_flight = this.in_flight.take().expect("polled after completion");
        Poll::Ready(Ok(response.map(|body| ResponseBody::new(body, in_flight))))
    }
}
