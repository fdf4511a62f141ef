//! The network as visits see it: a stream of bytes to one address. Tests put another one in its place.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use model::families::IpVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that is being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// Opens connections.
pub trait Network: Send + Sync {
    /// Opens a connection to exactly this address. The caller limits the time.
    fn connect(&self, address: SocketAddr) -> Opening<'_>;
}

/// The real network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tcp {
    /// The address of ours to visit from over IPv4; `None` leaves it to the system.
    pub source_v4: Option<std::net::Ipv4Addr>,
    /// The address of ours to visit from over IPv6; `None` leaves it to the system.
    pub source_v6: Option<std::net::Ipv6Addr>,
}

impl Network for Tcp {
    fn connect(&self, address: SocketAddr) -> Opening<'_> {
        Box::pin(async move {
            // The socket is of the version of the address, so nothing falls back to the other one.
            let (socket, source) = match IpVersion::of(address.ip()) {
                IpVersion::V4 => (TcpSocket::new_v4()?, self.source_v4.map(IpAddr::V4)),
                IpVersion::V6 => (TcpSocket::new_v6()?, self.source_v6.map(IpAddr::V6)),
            };
            if let Some(source) = source {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}
