//! Bounds how many large answers are in memory at once.
//!
//! A list is read, turned into JSON and sent; as long as its caller has not taken it, it is kept.
//! So requests that read take turns, and one whose answer is large keeps its turn until the answer
//! has been sent, or its caller is cut off for taking nothing.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::Semaphore;

/// Readers at a time, of the API and the console together.
const TURNS: usize = 4;
/// Answers up to this size give their turn away before they are sent.
const SMALL: u64 = 256 << 10;

/// Turns of those who read. Clones share them.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TURNS)))
    }
}

/// Lets a request that reads wait for its turn; what it answers bit by bit needs none.
pub(crate) async fn take_turns(
    State(Turns(turns)): State<Turns>,
    request: Request,
    next: Next,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let turn = turns.acquire_owned().await;
    let response = next.run(request).await;
    let size = response.body().size_hint().exact();
    if size.is_none_or(|size| size <= SMALL) {
        return response;
    }
    response.map(|body| Body::new(Kept { body, _turn: turn }))
}

/// A body that keeps a turn until it has been sent.
struct Kept<T> {
    body: Body,
    _turn: T,
}

impl<T: Unpin> HttpBody for Kept<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::to_bytes;
    use axum::routing::get;
    use std::time::Duration;
    use tower::ServiceExt as _;

    async fn answer(router: &Router, path: &str) -> Option<Response> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request);
        let answer = tokio::time::timeout(Duration::from_millis(50), answer).await;
        answer.ok().map(Result::unwrap)
    }

    #[tokio::test(start_paused = true)]
    async fn large_answers_that_nobody_takes_keep_others_waiting_and_small_ones_do_not() {
        let turns = Turns::default();
        let large = || async { vec![0_u8; 1 << 20] };
        let router = Router::new()
            .route("/large", get(large).post(large))
            .route("/small", get(|| async { "small" }))
            .route_layer(axum::middleware::from_fn_with_state(turns, take_turns));
        let mut small = Vec::new();
        for _ in 0..10 * TURNS {
            small.push(answer(&router, "/small").await.unwrap());
        }
        let mut unread = Vec::new();
        for _ in 0..TURNS {
            unread.push(answer(&router, "/large").await.unwrap());
        }
        assert!(answer(&router, "/large").await.is_none());
        assert!(answer(&router, "/small").await.is_none());
        let one = unread.pop().unwrap();
        assert_eq!(one.body().size_hint().exact(), Some(1 << 20));
        let sent = to_bytes(one.into_body(), usize::MAX).await.unwrap();
        assert_eq!(sent.len(), 1 << 20);
        unread.push(answer(&router, "/large").await.unwrap());
        assert!(answer(&router, "/large").await.is_none());
        // Whose connection ended.
        unread.clear();
        assert!(answer(&router, "/small").await.is_some());
    }
}
