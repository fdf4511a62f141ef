//! A connection of HTTP/1.1 to one address, with TLS or without, each phase of which has its time.
//!
//! There is no pool behind it, and no other address or version of IP is tried: so what it says of the address
//! is a fact. Whatever the other side sends, a request costs no more bytes than its allowance: the stream
//! itself stops there, below the parser, so heads without end, informational answers and chunks of one byte
//! count as well.

use std::error::Error as _;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use checks::class::FailureClass;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use super::limits::Limits;
use super::network::{Network, Stream};
use super::request::HttpRequest;
use super::target::Origin;
use super::tls::Tls;

/// The least that hyper's buffers may be, in bytes.
const LEAST_BUFFER: usize = 8 << 10;
/// How much of a body that is of no interest is read, so that the connection can be used again, in bytes.
pub const DRAINED: u64 = 16 << 10;

/// A connection to one address.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// What moves the bytes; `None` once that has ended.
    driver: Option<Driver>,
    allowance: Arc<AtomicU64>,
    address: SocketAddr,
    certificate_expires: Option<u64>,
    n_answers: u32,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// The head of an answer, and its body that is still to be read.
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The time from sending the request to the end of this head.
    pub waited: Duration,
    body: Incoming,
}

/// How far a connection or an exchange had come when it failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Connecting.
    Connect,
    /// The handshake of TLS.
    Tls,
    /// Waiting for the head of an answer.
    Head,
    /// Receiving a body.
    Body,
}

/// Why a connection or an exchange failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// How far it had come.
    pub phase: Phase,
    /// What kind of failure it is.
    pub class: FailureClass,
    /// What happened.
    pub detail: String,
    /// When the certificate expired, in seconds since 1970, if that is the reason.
    pub expired: Option<u64>,
}

impl Broken {
    fn new(phase: Phase, class: FailureClass, detail: impl Into<String>) -> Self {
        Self { phase, class, detail: detail.into(), expired: None }
    }

    /// Whether a second attempt may succeed: a connection that was refused, or ended early.
    pub fn may_pass(&self) -> bool {
        matches!(
            self.class,
            FailureClass::ConnectRefused | FailureClass::ConnectTimeout | FailureClass::Truncated
        )
    }
}

impl Connection {
    /// Opens a connection to an address, for URLs of `origin`.
    pub async fn open(
        network: &dyn Network,
        tls: &Tls,
        origin: &Origin,
        address: SocketAddr,
        limits: &Limits,
    ) -> Result<Self, Broken> {
        let opened = timeout(limits.connect, network.connect(address)).await;
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(classify_connect(&error)),
            Err(_) => {
                let detail = format!("no connection within {:?}", limits.connect);
                return Err(Broken::new(Phase::Connect, FailureClass::ConnectTimeout, detail));
            }
        };
        let (stream, certificate_expires) = if origin.is_tls {
            match timeout(limits.tls, tls.open(&origin.host, stream)).await {
                Ok(Ok(opened)) => opened,
                Ok(Err(failure)) => {
                    let broken = Broken::new(Phase::Tls, failure.class, failure.detail);
                    return Err(Broken { expired: failure.expired, ..broken });
                }
                Err(_) => {
                    let detail = format!("no handshake within {:?}", limits.tls);
                    return Err(Broken::new(Phase::Tls, FailureClass::TlsOther, detail));
                }
            }
        } else {
            (stream, None)
        };
        let allowance = Arc::new(AtomicU64::new(0));
        let metered = Metered { stream, allowance: Arc::clone(&allowance) };
        let head_bytes = limits.head_bytes.max(LEAST_BUFFER);
        let handshake = http1::Builder::new()
            .max_header_size(head_bytes)
            .max_buf_size(head_bytes.saturating_mul(2))
            .handshake(TokioIo::new(metered))
            .await;
        let (sender, driver) = handshake.map_err(|error| classify(&error, Phase::Head))?;
        let driver: Driver = Box::pin(driver);
        Ok(Self {
            sender,
            driver: Some(driver),
            allowance,
            address,
            certificate_expires,
            n_answers: 0,
        })
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// When the certificate of the other side expires, in seconds since 1970; `None` without TLS.
    pub fn certificate_expires(&self) -> Option<u64> {
        self.certificate_expires
    }

    /// Whether it can be used for another request, as far as is known.
    pub fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Whether an answer came over it. The other side may have closed it since, which is no failure.
    pub fn was_used(&self) -> bool {
        self.n_answers > 0
    }

    /// Sends a request and waits for the head of the answer. `cap` is how much of the body is going to be
    /// read.
    pub async fn send(
        &mut self,
        request: HttpRequest,
        cap: u64,
        limits: &Limits,
    ) -> Result<Head, Broken> {
        // Twice, as small chunks take more than their contents; and some for the head.
        let head_bytes = u64::try_from(limits.head_bytes.max(LEAST_BUFFER)).unwrap_or(u64::MAX);
        let body_bytes = cap.max(DRAINED).saturating_mul(2);
        self.allowance
            .store(body_bytes.saturating_add(head_bytes.saturating_mul(2)), Ordering::Relaxed);
        let sent = Instant::now();
        let sender = &mut self.sender;
        let exchange = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        let limit = limits.first_byte.min(limits.request);
        let answer = match timeout(limit, drive(&mut self.driver, exchange)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                self.driver = None;
                return Err(classify(&error, Phase::Head));
            }
            Err(_) => {
                self.driver = None;
                let detail = format!("no answer within {limit:?}");
                return Err(Broken::new(Phase::Head, FailureClass::ReadTimeout, detail));
            }
        };
        self.n_answers += 1;
        let (parts, body) = answer.into_parts();
        Ok(Head { status: parts.status, headers: parts.headers, waited: sent.elapsed(), body })
    }

    /// Reads the body of an answer; `take` gets its pieces. Says whether that was all of it: after more than
    /// `cap` bytes the connection ends.
    pub async fn read(
        &mut self,
        head: Head,
        cap: u64,
        limits: &Limits,
        mut take: impl FnMut(&[u8]),
    ) -> Result<bool, Broken> {
        let mut body = head.body;
        let deadline = Instant::now() + limits.request.saturating_sub(head.waited);
        let mut left = cap;
        loop {
            let next = timeout(limits.idle, drive(&mut self.driver, body.frame()));
            let frame = match timeout_at(deadline, next).await {
                Ok(Ok(Some(Ok(frame)))) => frame,
                Ok(Ok(None)) => {
                    // If this was the last answer, the connection ends now.
                    drive(&mut self.driver, ready(())).await;
                    return Ok(true);
                }
                Ok(Ok(Some(Err(error)))) => {
                    self.driver = None;
                    return Err(classify(&error, Phase::Body));
                }
                late => {
                    self.driver = None;
                    let detail = match late {
                        Ok(_) => format!("nothing for {:?} within a body", limits.idle),
                        Err(_) => format!("no whole answer within {:?}", limits.request),
                    };
                    return Err(Broken::new(Phase::Body, FailureClass::ReadTimeout, detail));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            take(&data);
            let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
            if size > left {
                self.driver = None;
                return Ok(false);
            }
            left -= size;
        }
    }

    /// Reads a body that is of no interest, if it is short enough to keep the connection for that; `take`
    /// gets its pieces.
    pub async fn drain(
        &mut self,
        head: Head,
        limits: &Limits,
        take: impl FnMut(&[u8]),
    ) -> Result<(), Broken> {
        let length = hyper::body::Body::size_hint(&head.body).lower();
        if length > DRAINED {
            self.driver = None;
            return Ok(());
        }
        self.read(head, DRAINED, limits, take).await.map(drop)
    }
}

/// Runs `future`, and the connection below it.
async fn drive<T>(driver: &mut Option<Driver>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Some(running) = driver
            && running.as_mut().poll(context).is_ready()
        {
            // What it ended with is told to the request or to the body.
            *driver = None;
        }
        future.as_mut().poll(context)
    })
    .await
}

fn classify_connect(error: &io::Error) -> Broken {
    use io::ErrorKind;
    let class = match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted => FailureClass::ConnectRefused,
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            FailureClass::ConnectTimeout
        }
        // No descriptor, no port, no such source address.
        _ => FailureClass::OwnNetwork,
    };
    Broken::new(Phase::Connect, class, error.to_string())
}

fn classify(error: &hyper::Error, phase: Phase) -> Broken {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let class = match io {
        Some(io) if io.get_ref().is_some_and(|inner| inner.is::<TooMuch>()) => {
            FailureClass::Protocol
        }
        Some(io)
            if matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) =>
        {
            FailureClass::Protocol
        }
        // TLS that breaks later, such as a close without its notice, is an end of the connection as well.
        Some(_) => FailureClass::Truncated,
        None if error.is_parse() || error.is_user() => FailureClass::Protocol,
        None => FailureClass::Truncated,
    };
    let detail = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Broken::new(phase, class, detail)
}

/// A stream that ends when more was received than allowed.
struct Metered {
    stream: Box<dyn Stream>,
    allowance: Arc<AtomicU64>,
}

/// More came than a request may cost.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than this request may cost")]
struct TooMuch;

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let n = u64::try_from(buffer.filled().len() - before).unwrap_or(u64::MAX);
        let left = self.allowance.load(Ordering::Relaxed);
        self.allowance.store(left.saturating_sub(n), Ordering::Relaxed);
        if n > left { Poll::Ready(Err(io::Error::other(TooMuch))) } else { polled }
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
