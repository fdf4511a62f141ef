//! Where the admin listener is, and its connections.
//!
//! Limits are few, because its clients are the operator's own: a number of connections, a time for a
//! header, and an end for each connection, however busy it is.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use super::{State, route};
use crate::http::listener;

/// Connections at the same time; further ones wait.
const MAX_CONNECTIONS: usize = 64;
/// Time for a header, and between two requests: longer than scrapers wait between two scrapes.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest life of a connection, so that 64 clients that do not read cannot keep others out for
/// ever.
const LIFE: Duration = Duration::from_secs(600);
/// After a failed accept.
const WAIT: Duration = Duration::from_millis(50);

/// Where to listen: `ADDR:PORT` or `unix:PATH`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("`unix:` lacks a path".into()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| format!("`{text}` is neither ADDR:PORT nor unix:PATH")),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound socket. The file of a unix socket is removed with it.
pub(super) struct Listener {
    socket: Socket,
    address: Address,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds; needs a tokio runtime around it.
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let socket = listener::bind(*address)?;
                let address = Address::Tcp(socket.local_addr()?);
                Ok(Self { socket: Socket::Tcp(socket), address })
            }
            Address::Unix(path) => {
                remove_abandoned(path)?;
                let socket = UnixListener::bind(path)?;
                Ok(Self { socket: Socket::Unix(socket), address: address.clone() })
            }
        }
    }

    /// The real address.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Accepts and answers for ever.
    pub(super) async fn serve(self, state: Arc<State>) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            let accepted: io::Result<Box<dyn Stream>> = match &self.socket {
                Socket::Tcp(socket) => {
                    socket.accept().await.map(|(stream, _)| Box::new(stream) as _)
                }
                Socket::Unix(socket) => {
                    socket.accept().await.map(|(stream, _)| Box::new(stream) as _)
                }
            };
            match accepted {
                Ok(stream) => {
                    let state = Arc::clone(&state);
                    // The task's owner is the runtime, which ends with this thread.
                    tokio::spawn(async move {
                        serve_connection(&state, stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::debug!("admin listener: cannot accept: {error}");
                    tokio::time::sleep(WAIT).await;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            // It may be gone; the next start would remove it as well.
            drop(fs::remove_file(path));
        }
    }
}

/// TCP and unix sockets alike; a box for each connection costs nothing that counts here.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn serve_connection(state: &Arc<State>, stream: Box<dyn Stream>) {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(route::answer(state, &request))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Errors are those of the client.
    drop(tokio::time::timeout(LIFE, connection).await);
}

/// Removes the socket of a process that was killed. A socket that somebody listens on stays, and so
/// does a file of any other kind; binding then says that the address is in use.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    let is_refused = || {
        UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    if is_socket && is_refused() { fs::remove_file(path) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sockets_or_paths() {
        let parse = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        assert_eq!(parse("127.0.0.1:9100"), Ok("http://127.0.0.1:9100".into()));
        assert_eq!(parse("[::1]:0"), Ok("http://[::1]:0".into()));
        assert_eq!(parse("unix:/run/a b"), Ok("unix:/run/a b".into()));
        assert_eq!(parse("unix:"), Err("`unix:` lacks a path".into()));
        assert_eq!(parse("9100"), Err("`9100` is neither ADDR:PORT nor unix:PATH".into()));
    }
}
