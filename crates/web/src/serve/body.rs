//! Bodies of requests and responses, watched.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, InFlight};

/// The body of a request did not arrive within the read timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadTimeout;

impl fmt::Display for ReadTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body did not arrive in time")
    }
}

impl std::error::Error for ReadTimeout {}

/// The body of a request. Reading it fails with [`ReadTimeout`] when the whole of it does not
/// arrive in time, however steadily it drips.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    /// Absent when there is nothing to read.
    limit: Option<Limit>,
}

#[derive(Debug)]
struct Limit {
    activity: Arc<Activity>,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, activity: &Arc<Activity>, limit: Duration) -> Self {
        let limit = (!incoming.is_end_stream()).then(|| Limit {
            activity: Arc::clone(activity),
            deadline: Instant::now() + limit,
            timer: None,
        });
        Self { incoming, limit }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(limit) = &mut self.limit else {
            return Poll::Pending;
        };
        let deadline = limit.deadline;
        let timer = limit
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer
            .as_mut()
            .poll(cx)
            .map(|()| Some(Err(ReadTimeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(limit) = &self.limit
            && !self.incoming.is_end_stream()
        {
            limit.activity.left_unread();
        }
    }
}

pin_project! {
    /// The body of a response. The request counts as in flight until this is gone.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        body: B,
        in_flight: InFlight,
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn new(body: B, in_flight: InFlight) -> Self {
        Self { body, in_flight }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
