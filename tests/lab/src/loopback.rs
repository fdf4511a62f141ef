//! Mirrors on loopback, for the real network and for programs that are tested whole.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::mirror::{Behaviour, Mirror};
use super::serve::serve;

/// A mirror at a port of its own of a loopback address, until it is dropped. It has a thread of its own.
pub struct LoopbackMirror {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LoopbackMirror {
    /// Starts a mirror at a free port of `ip`.
    pub fn start(ip: IpAddr, mirror: Arc<Mirror>, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(TcpListener::from_std(listener).unwrap(), mirror, tls) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for LoopbackMirror {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, mirror: Arc<Mirror>, tls: Option<TlsAcceptor>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (mirror, tls) = (Arc::clone(&mirror), tls.clone());
        tokio::spawn(async move { connection(stream, &mirror, tls).await });
    }
}

async fn connection(stream: TcpStream, mirror: &Mirror, tls: Option<TlsAcceptor>) {
    if mirror.behaviour() == Behaviour::HangUp {
        // A reset instead of an orderly end.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    match tls {
        None => serve(stream, mirror).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, mirror).await;
            }
        }
    }
}
