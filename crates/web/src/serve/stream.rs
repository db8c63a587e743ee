//! The byte stream of a connection, watched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;

/// Bytes thrown away at most while waiting for a client to notice that we have answered.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

enum Closing {
    Open,
    /// Our side is closed; so many bytes may still come.
    Lingering(usize),
    Done,
}

pin_project! {
    /// A stream that notes in the connection's [`Activity`] when bytes come in and when none
    /// go out, and that closes without destroying a response that is still on its way.
    ///
    /// Closing a socket that holds unread bytes makes the kernel send a reset, which can
    /// overtake the response (RFC 9112 §9.6). So after a request that was not read to its end,
    /// the rest of it is read and thrown away until the client closes, within limits.
    pub(super) struct Watched<T> {
        #[pin]
        stream: T,
        activity: Arc<Activity>,
        closing: Closing,
    }
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, activity: Arc<Activity>) -> Self {
        Self {
            stream,
            activity,
            closing: Closing::Open,
        }
    }
}

impl<T: AsyncRead> AsyncRead for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        ready!(this.stream.poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            this.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite> AsyncWrite for Watched<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = this.stream.poll_write(cx, bytes);
        this.activity.sending(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = this.stream.poll_write_vectored(cx, slices);
        this.activity.sending(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let flushed = this.stream.poll_flush(cx);
        if flushed.is_pending() {
            this.activity.sending(true);
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        loop {
            match this.closing {
                Closing::Open => {
                    let shut = ready!(this.stream.as_mut().poll_shutdown(cx));
                    *this.closing = if shut.is_ok() && this.activity.linger() {
                        Closing::Lingering(LINGER_BYTES)
                    } else {
                        Closing::Done
                    };
                    shut?;
                }
                Closing::Lingering(budget) => {
                    let mut scratch = [0_u8; 4096];
                    let mut buffer = ReadBuf::new(&mut scratch);
                    let read = ready!(this.stream.as_mut().poll_read(cx, &mut buffer));
                    let count = buffer.filled().len();
                    *budget = budget.saturating_sub(count);
                    if read.is_err() || count == 0 || *budget == 0 {
                        *this.closing = Closing::Done;
                    }
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}
