//! Reads the body of a request, within limits of size and time, and of what the bodies of all
//! requests take together.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request as InnerRequest;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use super::exchange::Exchange;
use super::refusal::Refusal;
use crate::serve::ReadTimeout;

/// The part of each body that does not count: ordinary requests have no more, and always room.
const SMALL: usize = 8 << 10;

/// Hands the service within a request whose body is complete. No handler of ours has a use for
/// half a body, and so every handler gets the same answers to one that is too large (413), too
/// slow (408) or broken (400) without having to think of them.
#[derive(Debug, Clone)]
pub struct BodyLimit<S> {
    inner: S,
    limit: usize,
    room: Arc<Semaphore>,
}

impl<S> BodyLimit<S> {
    /// Around `inner`, for bodies of up to `limit` bytes each, and `room` bytes together.
    pub fn new(inner: S, limit: usize, room: usize) -> Self {
        Self {
            inner,
            limit,
            room: Arc::new(Semaphore::new(room)),
        }
    }
}

impl<S, B> Service<Request<B>> for BodyLimit<S>
where
    S: Service<InnerRequest, Response = Response<Body>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Reading<S, B, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.body().is_end_stream() {
            let request = request.map(|_| Body::empty());
            return Reading::Calling {
                future: self.inner.call(request),
                _held: None,
            };
        }
        let (head, body) = request.into_parts();
        let ready = self.inner.clone();
        Reading::Body {
            pending: Some(Pending {
                head,
                body,
                read: Read::default(),
                limit: self.limit,
                room: Arc::clone(&self.room),
                // The one that was asked whether it is ready is the one to be called.
                inner: mem::replace(&mut self.inner, ready),
            }),
        }
    }
}

/// What has come in of a body. Most come in one piece, which is then not copied.
#[derive(Default)]
struct Read {
    first: Bytes,
    joined: BytesMut,
    held: Option<OwnedSemaphorePermit>,
}

impl Read {
    fn len(&self) -> usize {
        self.first.len().max(self.joined.len())
    }

    /// Takes `room` for `more` bytes; `false` when there is none.
    fn take_room(&mut self, room: &Arc<Semaphore>, more: usize) -> bool {
        let held = self.held.as_ref().map_or(0, |held| held.num_permits());
        let counted = (self.len() + more).saturating_sub(SMALL);
        let Ok(missing) = u32::try_from(counted.saturating_sub(held)) else {
            return false;
        };
        if missing == 0 {
            return true;
        }
        let Ok(taken) = Arc::clone(room).try_acquire_many_owned(missing) else {
            return false;
        };
        match &mut self.held {
            Some(held) => held.merge(taken),
            held => *held = Some(taken),
        }
        true
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(&data);
    }

    fn finish(&mut self) -> Bytes {
        if self.joined.is_empty() {
            mem::take(&mut self.first)
        } else {
            mem::take(&mut self.joined).freeze()
        }
    }
}

/// A request whose body is on its way.
pub struct Pending<S, B> {
    head: Parts,
    body: B,
    read: Read,
    limit: usize,
    room: Arc<Semaphore>,
    inner: S,
}

impl<S, B> Pending<S, B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Refusal>> {
        let too_large = Poll::Ready(Err(Refusal::BodyTooLarge(self.limit)));
        let announced = self.body.size_hint().lower();
        let room = self.limit - self.read.len();
        if usize::try_from(announced).map_or(true, |announced| announced > room) {
            return too_large;
        }
        while !self.body.is_end_stream() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // Trailers say nothing that we would need.
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if data.len() > self.limit - self.read.len() {
                        return too_large;
                    }
                    if !self.read.take_room(&self.room, data.len()) {
                        return Poll::Ready(Err(Refusal::NoRoomForBody));
                    }
                    self.read.push(data);
                }
                Some(Err(error)) => {
                    let slow = error.into().is::<ReadTimeout>();
                    return Poll::Ready(Err(if slow {
                        Refusal::BodyTooSlow
                    } else {
                        Refusal::BodyBroken
                    }));
                }
                None => break,
            }
        }
        Poll::Ready(Ok(self.read.finish()))
    }
}

pin_project! {
    /// A request whose body is being read, or whose handler is at work.
    #[project = ReadingProjection]
    #[expect(missing_docs, reason = "the variants' fields cannot carry doc comments here")]
    pub enum Reading<S, B, F> {
        /// The body is on its way.
        Body { pending: Option<Pending<S, B>> },
        /// The service within has been called.
        Calling {
            #[pin]
            future: F,
            _held: Option<OwnedSemaphorePermit>,
        },
    }
}

impl<S, B> Future for Reading<S, B, S::Future>
where
    S: Service<InnerRequest, Response = Response<Body>, Error = Infallible>,
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (future, held) = match self.as_mut().project() {
                ReadingProjection::Calling { future, .. } => return future.poll(cx),
                ReadingProjection::Body { pending } => {
                    let request = pending.as_mut().expect("polled after completion");
                    let read = ready!(request.poll_body(cx));
                    let mut request = pending.take().expect("just looked at");
                    match read {
                        Ok(body) => {
                            drop(request.body);
                            let whole = Request::from_parts(request.head, Body::from(body));
                            (request.inner.call(whole), request.read.held)
                        }
                        Err(refusal) => return Poll::Ready(Ok(refuse(refusal, &request.head))),
                    }
                }
            };
            self.set(Reading::Calling {
                future,
                _held: held,
            });
        }
    }
}

fn refuse(refusal: Refusal, head: &Parts) -> Response<Body> {
    match head.extensions.get::<Arc<Exchange>>() {
        Some(exchange) => refusal.answer(exchange),
        None => Response::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_share_their_room_and_small_ones_always_have_some() {
        let room = Arc::new(Semaphore::new(100_000));
        let read = |pieces: &[usize]| {
            let mut read = Read::default();
            let fits = pieces.iter().all(|size| {
                let fits = read.take_room(&room, *size);
                read.push(vec![0; *size].into());
                fits
            });
            fits.then_some(read)
        };
        let first = read(&[30_000, 34_000]).expect("room");
        assert_eq!(room.available_permits(), 100_000 - 64_000 + SMALL);
        let second = read(&[SMALL, 1, 39_999]).expect("room");
        assert!(read(&[30_000, 30_000]).is_none());
        assert!(read(&[1000, 7000]).is_some());
        drop(second);
        assert!(read(&[40_000]).is_some());
        drop(first);
        assert_eq!(room.available_permits(), 100_000);
    }
}
