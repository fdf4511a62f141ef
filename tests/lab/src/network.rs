//! A network in memory: any address, any port, and nothing leaves the process.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio_rustls::TlsAcceptor;
use visits::network::{Network, Opening, Stream};

use super::mirror::Mirror;
use super::serve::serve;

/// What a connection holds in each direction, in bytes.
const BUFFER: usize = 64 << 10;

/// What is at an address.
#[derive(Clone)]
pub enum Listener {
    /// A mirror.
    Plain(Arc<Mirror>),
    /// A mirror behind TLS.
    Tls(Arc<Mirror>, TlsAcceptor),
    /// A connection is never accepted.
    Silent,
    /// There is no way to it.
    Unreachable,
}

/// A network. Clones share it. Where nothing listens, connections are refused.
#[derive(Clone, Default)]
pub struct VirtualNetwork(Arc<Shared>);

#[derive(Default)]
struct Shared {
    listeners: Mutex<HashMap<SocketAddr, Listener>>,
    attempts: Mutex<Vec<SocketAddr>>,
    open: Mutex<HashMap<SocketAddr, Open>>,
}

#[derive(Default)]
struct Open {
    now: usize,
    most: usize,
}

impl VirtualNetwork {
    /// Puts something at an address.
    pub fn listen(&self, address: SocketAddr, listener: Listener) {
        self.0.listeners.lock().unwrap().insert(address, listener);
    }

    /// The addresses that somebody tried to connect to, in that order.
    pub fn attempts(&self) -> Vec<SocketAddr> {
        self.0.attempts.lock().unwrap().clone()
    }

    /// The most connections that were open at once, to any one address.
    pub fn most_open(&self) -> usize {
        self.0.open.lock().unwrap().values().map(|open| open.most).max().unwrap_or(0)
    }

    /// The connections that are open now.
    pub fn n_open(&self) -> usize {
        self.0.open.lock().unwrap().values().map(|open| open.now).sum()
    }

    async fn open(&self, address: SocketAddr) -> io::Result<Box<dyn Stream>> {
        self.0.attempts.lock().unwrap().push(address);
        let listener = self.0.listeners.lock().unwrap().get(&address).cloned();
        let (ours, theirs) = duplex(BUFFER);
        match listener {
            None => return Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Listener::Unreachable) => return Err(io::ErrorKind::HostUnreachable.into()),
            Some(Listener::Silent) => std::future::pending().await,
            Some(Listener::Plain(mirror)) => {
                tokio::spawn(async move { serve(theirs, &mirror).await });
            }
            Some(Listener::Tls(mirror, acceptor)) => {
                tokio::spawn(async move {
                    // A client that does not like the certificate goes away.
                    if let Ok(stream) = acceptor.accept(theirs).await {
                        serve(stream, &mirror).await;
                    }
                });
            }
        }
        let mut all = self.0.open.lock().unwrap();
        let open = all.entry(address).or_default();
        open.now += 1;
        open.most = open.most.max(open.now);
        Ok(Box::new(Counted { stream: ours, address, network: self.clone() }))
    }
}

impl Network for VirtualNetwork {
    fn connect(&self, address: SocketAddr) -> Opening<'_> {
        Box::pin(self.open(address))
    }
}

/// The client's end of a connection, which counts as open until it is dropped.
struct Counted {
    stream: DuplexStream,
    address: SocketAddr,
    network: VirtualNetwork,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(open) = self.network.0.open.lock().unwrap().get_mut(&self.address) {
            open.now -= 1;
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
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
