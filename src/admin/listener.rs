//! The connections of the admin listener.
//!
//! Limits are few, because its clients are the operator's own: a number of connections, a time for a
//! header, and an end for each connection, however busy it is.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;

use super::{State, route};
use crate::http::socket::{Listener, Stream};

/// Connections at the same time; further ones wait.
pub const MAX_CONNECTIONS: usize = 64;
/// Time for a header, and between two requests: longer than scrapers wait between two scrapes.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest life of a connection, so that 64 clients that do not read cannot keep others out for
/// ever.
const LIFE: Duration = Duration::from_secs(600);
/// After a failed accept.
const WAIT: Duration = Duration::from_millis(50);

/// Accepts and answers for ever.
pub(super) async fn serve(listener: Listener, state: Arc<State>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
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

async fn serve_connection(state: &Arc<State>, stream: Stream) {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(route::answer(state, &request))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Errors are those of the client.
    drop(tokio::time::timeout(LIFE, connection).await);
}
