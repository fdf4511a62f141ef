//! A hyper server whose answer is always the same: the floor under any server made with hyper.
//!
//! Runtime, allocator, HTTP settings and socket options are those of `mirrorlistd`; there is no
//! data, no routing, and the body is never copied in user space. With several sizes the answers have these in turn,
//! and each body is written anew: what a server pays for the bytes of personal answers, whatever is in them.

use std::convert::Infallible;
use std::future::ready;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpSocket;

use crate::Result;

/// Serves until the process is ended.
pub(crate) fn serve(port: u16, sizes: &[usize]) -> Result<()> {
    let sizes: Arc<[usize]> = sizes.into();
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_nodelay(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        let listener = socket.listen(4096)?;
        let same = match &*sizes {
            [size] => Some(Bytes::from(vec![b'x'; *size])),
            _ => None,
        };
        loop {
            let (stream, _) = listener.accept().await?;
            let (same, sizes, next) = (same.clone(), Arc::clone(&sizes), Arc::clone(&next));
            tokio::spawn(async move {
                let service = service_fn(move |_| {
                    let body = same.clone().unwrap_or_else(|| {
                        let turn = next.fetch_add(1, Ordering::Relaxed) % sizes.len().max(1);
                        Bytes::from(vec![b'x'; sizes.get(turn).copied().unwrap_or(0)])
                    });
                    let mut response = Response::new(Full::new(body));
                    let media_type = HeaderValue::from_static("application/metalink+xml");
                    response.headers_mut().insert(CONTENT_TYPE, media_type);
                    ready(Ok::<_, Infallible>(response))
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .max_headers(64)
                    .max_header_size(16 * 1024)
                    .serve_connection(TokioIo::new(stream), service);
                // A reset is the client's business.
                drop(connection.await);
            });
        }
    })
}
