//! The header of the PROXY protocol before the first request of a connection, if one is expected.
//!
//! [`ProxyHeaderStream`] stands between the watchdog and the socket, so reading the header needs no time
//! limit or drain of its own. While the header is incomplete, the connection counts as one that has not
//! sent a byte, with the same deadline, and hyper does not see the header. If no header is expected, this
//! costs one comparison per read.
//!
//! A malformed or missing header is an error of the stream, which ends the connection without an answer:
//! there is no guess at what else the bytes could mean.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Stream;
use crate::http::client_address::proxy_protocol::{self, Malformed};

/// Bytes to read at a time while the header is incomplete: enough for a usual header and a usual
/// request.
const CHUNK_BYTES: usize = 1_024;

/// The state of the PROXY header of a connection.
#[derive(Default)]
pub struct ProxyHeaderState {
    /// Whether its first byte has come.
    has_begun: AtomicBool,
    outcome: OnceLock<Result<Option<IpAddr>, Malformed>>,
}

impl ProxyHeaderState {
    /// Returns the client that the header names; `None` if there is no header, or it names none.
    pub fn client(&self) -> Option<IpAddr> {
        self.outcome.get().copied().and_then(Result::ok).flatten()
    }

    /// Returns why the header was refused, if it was.
    pub fn refusal(&self) -> Option<Malformed> {
        self.outcome.get().copied().and_then(Result::err)
    }

    /// To be called when the connection ends, unless the server drains. A header that has begun is then
    /// cut short. A peer that has not sent a byte was only checking the port.
    pub fn end(&self) {
        if self.has_begun.load(Ordering::Relaxed) {
            self.outcome.get_or_init(|| Err(Malformed::CutShort));
        }
    }

    fn set_outcome(&self, outcome: Result<Option<IpAddr>, Malformed>) {
        self.outcome.get_or_init(|| outcome);
    }
}

/// A socket from which an expected PROXY header is read and removed.
pub struct ProxyHeaderStream<'a> {
    stream: Stream,
    state: ReadState,
    header: &'a ProxyHeaderState,
}

enum ReadState {
    /// The bytes of the incomplete header.
    Expected(Vec<u8>),
    /// The bytes read together with the header; those from this index on are read next.
    Left(Vec<u8>, usize),
    /// Reads go directly to the socket.
    Passed,
}

/// Whether a connection begins with a PROXY header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionStart {
    /// It must begin with a header.
    ProxyHeader,
    /// It begins with a request.
    Request,
}

impl<'a> ProxyHeaderStream<'a> {
    /// Wraps a connection that has just been accepted.
    pub fn new(stream: Stream, start: ConnectionStart, header: &'a ProxyHeaderState) -> Self {
        let state = match start {
            ConnectionStart::ProxyHeader => ReadState::Expected(Vec::new()),
            ConnectionStart::Request => ReadState::Passed,
        };
        Self { stream, state, header }
    }

    /// Returns the socket.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Reads the header, then returns the bytes after it. Ready with nothing in `buf` at the end of the
    /// stream.
    fn poll_header(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.state {
                ReadState::Expected(bytes) => {
                    let mut chunk = [0; CHUNK_BYTES];
                    let mut chunk = ReadBuf::new(&mut chunk);
                    ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
                    if chunk.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    self.header.has_begun.store(true, Ordering::Relaxed);
                    bytes.extend_from_slice(chunk.filled());
                    match proxy_protocol::parse(bytes) {
                        // More bytes are needed; the parser limits how many.
                        Ok(None) => {}
                        Ok(Some(parsed)) => {
                            self.header.set_outcome(Ok(parsed.client));
                            self.state = ReadState::Left(std::mem::take(bytes), parsed.n_bytes);
                        }
                        Err(reason) => {
                            self.header.set_outcome(Err(reason));
                            let error = io::Error::new(io::ErrorKind::InvalidData, reason);
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                ReadState::Left(bytes, start) => {
                    let left = bytes.get(*start..).unwrap_or_default();
                    if left.is_empty() {
                        self.state = ReadState::Passed;
                        continue;
                    }
                    let n = left.len().min(buf.remaining());
                    buf.put_slice(left.get(..n).unwrap_or_default());
                    *start += n;
                    return Poll::Ready(Ok(()));
                }
                ReadState::Passed => return Pin::new(&mut self.stream).poll_read(cx, buf),
            }
        }
    }
}

impl AsyncRead for ProxyHeaderStream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.state {
            ReadState::Passed => Pin::new(&mut self.stream).poll_read(cx, buf),
            ReadState::Expected(_) | ReadState::Left(..) => self.poll_header(cx, buf),
        }
    }
}

impl AsyncWrite for ProxyHeaderStream<'_> {
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
