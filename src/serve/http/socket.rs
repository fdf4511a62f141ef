//! Sockets: addresses, listening sockets of either family, and the streams that they accept.
//!
//! A listening socket is bound here, or was bound by another process and inherited ([`InheritedSocket`]).
//! The difference matters at the end: an inherited socket is left open with its backlog, because its
//! owner keeps it open for the next process.
//!
//! A unix socket is also a file. A file that a killed process has left behind is replaced; a socket that
//! another process listens on is not, and neither is any other kind of file. At the end the file is
//! removed, before the socket is closed and only if it is still ours, so that a successor's file is
//! never removed.

use std::future::poll_fn;
use std::io;
use std::net::{self, IpAddr, SocketAddr};
use std::os::unix::net as unix;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

pub use super::address::{Address, Mode};
use super::socket_file::{self, SocketFile};
use crate::http::client_address::Peer;

/// The length of the accept backlog; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// The limit of unsent bytes in the kernel's buffer of a connection. It holds several usual answers, so
/// those are still written in one piece. Without the limit, a client that pipelines requests and reads
/// no answer would fill 4 MB of kernel memory. A client that reads slowly would show progress only after
/// each third of that, and be cut off for making none.
pub(super) const UNSENT_BYTES: u32 = 128 * 1024;

/// A listening socket that the process was started with.
#[derive(Debug)]
pub enum InheritedSocket {
    /// TCP.
    Tcp(net::TcpListener),
    /// A unix socket.
    Unix(unix::UnixListener),
}

/// A listening socket.
pub struct ListeningSocket {
    socket: Listening,
    address: Address,
    /// The file of a unix socket that was bound here; `None` for other sockets.
    file: Option<SocketFile>,
    is_inherited: bool,
}

enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl ListeningSocket {
    /// Binds and listens; port 0 takes any free port. Needs a tokio runtime around it.
    pub fn bind(address: &Address, mode: Mode) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let socket = bind_tcp(*address)?;
                socket.listen(BACKLOG)?;
                let socket = TcpListener::from_std(socket.into())?;
                let address = Address::Tcp(socket.local_addr()?);
                Ok(Self {
                    socket: Listening::Tcp(socket),
                    address,
                    file: None,
                    is_inherited: false,
                })
            }
            Address::Unix(path) => {
                let (socket, file) = socket_file::bind(path, mode, BACKLOG)?;
                let socket = Listening::Unix(UnixListener::from_std(socket.into())?);
                Ok(Self { socket, address: address.clone(), file: Some(file), is_inherited: false })
            }
        }
    }

    /// Takes over a listening socket that another process has bound. Needs a tokio runtime.
    pub fn adopt(inherited: InheritedSocket) -> io::Result<Self> {
        let (socket, address) = match inherited {
            InheritedSocket::Tcp(socket) => {
                let socket = Socket::from(socket);
                set_tcp_options(&socket)?;
                let socket = TcpListener::from_std(socket.into())?;
                let address = Address::Tcp(socket.local_addr()?);
                (Listening::Tcp(socket), address)
            }
            InheritedSocket::Unix(socket) => {
                socket.set_nonblocking(true)?;
                let address = socket.local_addr()?;
                let path = address.as_pathname().unwrap_or(Path::new("(without a path)"));
                let address = Address::Unix(path.into());
                (Listening::Unix(UnixListener::from_std(socket)?), address)
            }
        };
        Ok(Self { socket, address, file: None, is_inherited: true })
    }

    /// The real address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns whether another process has bound the socket and keeps it open.
    pub fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// Removes the file, so that no new client finds the socket. Connections in the backlog can still be
    /// accepted.
    pub fn remove_file(&mut self) {
        self.file = None;
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The next connection that the kernel has in the backlog. It is asked itself: the runtime may not
    /// have looked for events since the connection came.
    pub fn accept_waiting(&self) -> io::Result<Option<(Stream, Peer)>> {
        let socket = match &self.socket {
            Listening::Tcp(socket) => SockRef::from(socket),
            Listening::Unix(socket) => SockRef::from(socket),
        };
        let (stream, peer) = match socket.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            accepted => accepted?,
        };
        stream.set_nonblocking(true)?;
        Ok(Some(match peer.as_socket() {
            Some(peer) => {
                let stream = TcpStream::from_std(stream.into())?;
                (Stream::Tcp(stream), Peer::Address(peer.ip()))
            }
            None => (Stream::Unix(UnixStream::from_std(stream.into())?), Peer::Unix),
        }))
    }

    /// Polls for the next connection.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match &self.socket {
            Listening::Tcp(socket) => {
                let (stream, peer) = ready!(socket.poll_accept(cx))?;
                Poll::Ready(Ok((Stream::Tcp(stream), Peer::Address(peer.ip()))))
            }
            Listening::Unix(socket) => {
                let (stream, _) = ready!(socket.poll_accept(cx))?;
                Poll::Ready(Ok((Stream::Unix(stream), Peer::Unix)))
            }
        }
    }
}

impl Drop for ListeningSocket {
    fn drop(&mut self) {
        self.remove_file();
    }
}

/// Binds like the server, without listening.
pub fn bind_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait until connections of the previous process leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.ip() == IpAddr::from([0_u16; 8]) {
        // `::` includes IPv4, whatever the value of net.ipv6.bindv6only.
        socket.set_only_v6(false)?;
    }
    set_tcp_options(&socket)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Sets options that accepted sockets inherit on Linux: one system call for all of them.
fn set_tcp_options(socket: &Socket) -> io::Result<()> {
    // An answer leaves in one write, and its last segment must not wait for the acknowledgement of
    // the one before.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.set_nonblocking(true)
}

/// An accepted connection, registered with the runtime of the current thread.
///
/// An enum instead of a type parameter: with the latter, hyper's connection would be compiled twice. The
/// extra branch runs a few times per request and always goes the same way.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

/// An accepted connection on its way to the runtime that serves it.
pub struct PassedStream(Passed);

enum Passed {
    /// It stays where it was accepted.
    Here(Stream),
    Tcp(net::TcpStream),
    Unix(unix::UnixStream),
}

impl Stream {
    /// Keeps the stream with its runtime, which serves it.
    pub fn keep(self) -> PassedStream {
        PassedStream(Passed::Here(self))
    }

    /// Detaches the stream from its runtime, for another one.
    pub fn detach(self) -> io::Result<PassedStream> {
        let stream = match self {
            Self::Tcp(stream) => Passed::Tcp(stream.into_std()?),
            Self::Unix(stream) => Passed::Unix(stream.into_std()?),
        };
        Ok(PassedStream(stream))
    }

    /// Makes the end of a TCP connection a reset: what the kernel still holds of an answer is not sent.
    pub fn reset_at_end(&self) {
        match self {
            // If it fails, the kernel's own limits apply.
            Self::Tcp(stream) => drop(stream.set_zero_linger()),
            // Unread data belongs to the peer, and is freed with its socket.
            Self::Unix(_) => {}
        }
    }
}

impl PassedStream {
    /// Registers the stream with the runtime of the current thread, if it is not yet.
    pub fn attach(self) -> io::Result<Stream> {
        match self.0 {
            Passed::Here(stream) => Ok(stream),
            Passed::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Passed::Unix(stream) => UnixStream::from_std(stream).map(Stream::Unix),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn addresses_are_sockets_or_paths() {
        let parse = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        assert_eq!(parse("127.0.0.1:9100"), Ok("127.0.0.1:9100".into()));
        assert_eq!(parse("[::1]:0"), Ok("[::1]:0".into()));
        assert_eq!(parse("unix:/run/a b"), Ok("unix:/run/a b".into()));
        assert_eq!(parse("unix:"), Err("`unix:` lacks a path".into()));
        assert_eq!(parse("9100"), Err("`9100` is neither ADDR:PORT nor unix:PATH".into()));
    }

    #[test]
    fn urls_are_for_clients() {
        let url = |text: &str| text.parse::<Address>().map(|address| address.url().to_string());
        assert_eq!(url("127.0.0.1:9100"), Ok("http://127.0.0.1:9100".into()));
        assert_eq!(url("unix:/run/a"), Ok("unix:/run/a".into()));
    }

    fn bind(path: &Path, mode: Mode) -> io::Result<ListeningSocket> {
        ListeningSocket::bind(&Address::Unix(path.to_owned()), mode)
    }

    #[tokio::test]
    async fn a_file_that_is_not_ours_any_more_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("socket");
        let first = bind(&path, None).expect("a free path");
        fs::remove_file(&path).expect("a removal");
        let second = bind(&path, Some(0o600)).expect("a free path");
        drop(first);
        let mode = fs::metadata(&path).expect("the second one's file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_waits_is_accepted_before_the_runtime_knows_of_it() {
        let any_port = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        for address in [any_port, Address::Unix(folder.path().join("socket"))] {
            let listening = ListeningSocket::bind(&address, None).expect("a free address");
            assert!(listening.accept_waiting().expect("it listens").is_none());
            // Nothing here waits, so the runtime has no turn.
            let peer = match listening.address() {
                Address::Tcp(address) => {
                    let client = net::TcpStream::connect(address).expect("it listens");
                    let address = client.local_addr().expect("it is connected");
                    (Peer::Address(address.ip()), Socket::from(client))
                }
                Address::Unix(path) => {
                    let client = unix::UnixStream::connect(path).expect("it listens");
                    (Peer::Unix, Socket::from(client))
                }
            };
            let accepted = listening.accept_waiting().expect("it listens");
            assert_eq!(accepted.map(|(_, peer)| peer), Some(peer.0));
            assert!(listening.accept_waiting().expect("it listens").is_none());
        }
    }

    #[tokio::test]
    async fn only_an_abandoned_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("socket");
        drop(unix::UnixListener::bind(&path).expect("a free path"));
        let listener = bind(&path, None).expect("nobody listens");
        let error = bind(&path, None).err().expect("somebody listens");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        fs::write(&path, "a file").expect("a write");
        let error = bind(&path, None).err().expect("a file is no socket");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
    }
}
