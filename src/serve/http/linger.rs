//! The end of a connection whose client may still be sending: lingering close.
//!
//! If a socket is closed with unread input, the kernel sends a reset at once. The client, or the proxy
//! in front, then loses the answer that was just written (a refusal of a body, or of a header that is
//! too long), or a proxy considers this server broken and sends no more requests. So after the last
//! answer only the sending half is closed, and input is read and discarded until the client closes its
//! half as well. Both the bytes ([`Lingering::new`]) and the time
//! ([`super::watchdog::Timeouts::linger`]) are limited; beyond the limits the connection is reset.
//!
//! Most connections end without lingering: the client has closed first, or is not sending.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watchdog::{ConnectionProgress, WatchedStream};

/// Read at a time while lingering.
const CHUNK_BYTES: usize = 4 * 1024;

/// A socket that is not closed while its client is sending.
pub struct Lingering<'a> {
    stream: WatchedStream<'a>,
    progress: &'a ConnectionProgress,
    state: LingerState,
    /// Bytes that may still be read and discarded.
    left: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LingerState {
    /// Requests may come.
    Open,
    /// The client has closed its sending half.
    AtEnd,
    /// The sending half is closed.
    HalfClosed,
    /// The connection can be closed.
    Done,
}

impl<'a> Lingering<'a> {
    /// Wraps a connection; at its end at most `max_bytes` are read and discarded.
    pub fn new(
        stream: WatchedStream<'a>,
        progress: &'a ConnectionProgress,
        max_bytes: u64,
    ) -> Self {
        Self { stream, progress, state: LingerState::Open, left: max_bytes }
    }

    /// Reads and discards input. Ready when the client has closed its half, is not known to be sending,
    /// or has sent too much.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut chunk = [0; CHUNK_BYTES];
        while self.left > 0 {
            let mut chunk = ReadBuf::new(&mut chunk);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut chunk);
            match read {
                // After any error there is nothing left to wait for.
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => return Poll::Ready(()),
                // Reading marks the connection as in the middle of a request, if it was not.
                Poll::Ready(Ok(())) => {
                    self.left = self.left.saturating_sub(chunk.filled().len() as u64);
                }
                Poll::Pending if self.progress.is_mid_request() => {
                    self.progress.begin_linger();
                    return Poll::Pending;
                }
                Poll::Pending => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Lingering<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n_before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let is_end = matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() == n_before;
        if is_end && buf.remaining() > 0 {
            self.state = LingerState::AtEnd;
        }
        read
    }
}

impl AsyncWrite for Lingering<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.state, LingerState::Open | LingerState::AtEnd) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.state = match self.state {
                LingerState::AtEnd => LingerState::Done,
                _ => LingerState::HalfClosed,
            };
        }
        if self.state == LingerState::HalfClosed {
            ready!(self.poll_discard(cx));
            self.state = LingerState::Done;
        }
        Poll::Ready(Ok(()))
    }
}
