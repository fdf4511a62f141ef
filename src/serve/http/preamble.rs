//! What stands before the first request of a connection: the header of the PROXY protocol, or nothing.
//!
//! [`Preamble`] stands between the watchdog and the socket, so that reading the header needs neither
//! a time limit nor a drain of its own: as long as it is incomplete the connection is one that has
//! not sent a byte, with the same deadline, and hyper is none the wiser. Without a header to wait
//! for, it costs one comparison for each read.
//!
//! A header that is malformed or missing is an error of the stream, which ends the connection without
//! an answer: what else the bytes could mean is not guessed.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Stream;
use crate::http::client_address::proxy_protocol::{self, Malformed};

/// Read at a time while the header is incomplete: the usual header and the usual request.
const CHUNK_BYTES: usize = 1_024;

/// What has become of the PROXY header.
#[derive(Default)]
pub struct ProxyHeaderState {
    /// Whether its first byte has come.
    has_begun: AtomicBool,
    outcome: OnceLock<Result<Option<IpAddr>, Malformed>>,
}

impl ProxyHeaderState {
    /// Whom it names; `None` where there is none, or it names nobody.
    pub fn client(&self) -> Option<IpAddr> {
        self.outcome.get().copied().and_then(Result::ok).flatten()
    }

    /// Why it was refused.
    pub fn refusal(&self) -> Option<Malformed> {
        self.outcome.get().copied().and_then(Result::err)
    }

    /// The connection has ended without being told to: what has begun will not be completed. Whoever
    /// has not sent a byte was only checking.
    pub fn end(&self) {
        if self.has_begun.load(Ordering::Relaxed) {
            self.outcome.get_or_init(|| Err(Malformed::CutShort));
        }
    }

    fn tell(&self, outcome: Result<Option<IpAddr>, Malformed>) {
        self.outcome.get_or_init(|| outcome);
    }
}

/// A socket whose PROXY header, if one is expected, is taken out of what is read.
pub struct Preamble<'a> {
    stream: Stream,
    state: State,
    told: &'a ProxyHeaderState,
}

enum State {
    /// This much of the header has come.
    Expected(Vec<u8>),
    /// What came in one piece with the header, from this byte on, is to be read next.
    Left(Vec<u8>, usize),
    /// There is nothing between the reader and the socket.
    Passed,
}

/// Whether a connection begins with a PROXY header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// It must.
    Header,
    /// It begins with a request.
    Request,
}

impl<'a> Preamble<'a> {
    /// Wraps a connection that has just been accepted.
    pub fn new(stream: Stream, expect: Expect, told: &'a ProxyHeaderState) -> Self {
        let state = match expect {
            Expect::Header => State::Expected(Vec::new()),
            Expect::Request => State::Passed,
        };
        Self { stream, state, told }
    }

    /// The socket.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Reads the header and what comes with it. Ready with nothing in `buf` at the end of the stream.
    fn poll_header(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.state {
                State::Expected(bytes) => {
                    let mut chunk = [0; CHUNK_BYTES];
                    let mut chunk = ReadBuf::new(&mut chunk);
                    ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
                    if chunk.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    self.told.has_begun.store(true, Ordering::Relaxed);
                    bytes.extend_from_slice(chunk.filled());
                    match proxy_protocol::parse(bytes) {
                        // More is needed; the parser says how much it takes at most.
                        Ok(None) => {}
                        Ok(Some(header)) => {
                            self.told.tell(Ok(header.client));
                            self.state = State::Left(std::mem::take(bytes), header.n_bytes);
                        }
                        Err(reason) => {
                            self.told.tell(Err(reason));
                            let error = io::Error::new(io::ErrorKind::InvalidData, reason);
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                State::Left(bytes, start) => {
                    let left = bytes.get(*start..).unwrap_or_default();
                    if left.is_empty() {
                        self.state = State::Passed;
                        continue;
                    }
                    let n = left.len().min(buf.remaining());
                    buf.put_slice(left.get(..n).unwrap_or_default());
                    *start += n;
                    return Poll::Ready(Ok(()));
                }
                State::Passed => return Pin::new(&mut self.stream).poll_read(cx, buf),
            }
        }
    }
}

impl AsyncRead for Preamble<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.state {
            State::Passed => Pin::new(&mut self.stream).poll_read(cx, buf),
            State::Expected(_) | State::Left(..) => self.poll_header(cx, buf),
        }
    }
}

impl AsyncWrite for Preamble<'_> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
