//! The end of a connection whose client may still be sending: lingering close.
//!
//! A socket that is closed with unread input makes the kernel send a reset at once. The client, or the
//! proxy in front, then loses the answer that was just written (a refusal of a body, of a header that
//! is too long), or takes this server for broken and keeps everybody away from it. So after the last
//! answer only the sending half is closed, and what comes is read and thrown away until the client
//! ends its half as well. Both the bytes ([`Lingering::new`]) and the time
//! ([`super::watchdog::Timeouts::linger`]) are bounded; beyond them the reset is deserved.
//!
//! Most connections end without any of this: the client has closed first, or nothing is on the way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::watchdog::{ConnectionProgress, WatchedStream};

/// Read at a time while lingering.
const CHUNK_BYTES: usize = 4 * 1024;

/// A socket that does not close in the middle of what its client sends.
pub struct Lingering<'a> {
    stream: WatchedStream<'a>,
    progress: &'a ConnectionProgress,
    state: State,
    /// Bytes that are still thrown away.
    left: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Requests may come.
    Open,
    /// The client has sent all that it ever will.
    AtEnd,
    /// The sending half is closed.
    HalfClosed,
    /// Nothing more is to be done.
    Done,
}

impl<'a> Lingering<'a> {
    /// Wraps a connection; at its end at most `max_bytes` are read that nobody wants.
    pub fn new(
        stream: WatchedStream<'a>,
        progress: &'a ConnectionProgress,
        max_bytes: u64,
    ) -> Self {
        Self { stream, progress, state: State::Open, left: max_bytes }
    }

    /// Reads and throws away. Ready when the client has ended, is not known to be sending, or has sent
    /// too much.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut chunk = [0; CHUNK_BYTES];
        while self.left > 0 {
            let mut chunk = ReadBuf::new(&mut chunk);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut chunk);
            match read {
                // Whatever it was, there is nobody to wait for.
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if chunk.filled().is_empty() => return Poll::Ready(()),
                // Reading has put the connection in the middle of something, if it was not.
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
            self.state = State::AtEnd;
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
        if matches!(self.state, State::Open | State::AtEnd) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.state = match self.state {
                State::AtEnd => State::Done,
                _ => State::HalfClosed,
            };
        }
        if self.state == State::HalfClosed {
            ready!(self.poll_discard(cx));
            self.state = State::Done;
        }
        Poll::Ready(Ok(()))
    }
}
