//! Requests whose answers may take as long as their clients like: a limited number at a time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::reply::AdminReply;
use super::slots::{ConnectionSlot, WaitingSlot};

/// How many streams there may be. They and those who wait are half of the connections together, so that the
/// others always find one that is not waiting to take the place of.
pub(super) const MAX_STREAMS: usize = super::slots::MAX_CONNECTIONS / 8;
/// How many requests may wait besides. Streams, which have no end, take none of their places.
pub(super) const MAX_POLLS: usize = super::slots::MAX_CONNECTIONS / 2 - MAX_STREAMS;

/// The permits to wait.
pub(super) struct Waits(Arc<Semaphore>);

/// One request that waits, until this is dropped.
pub(super) struct Wait {
    _permit: OwnedSemaphorePermit,
    _slot: WaitingSlot,
}

impl Waits {
    /// Allows `limit` at a time.
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Semaphore::new(limit)))
    }

    /// Begins to wait on a connection; `None` if too many do already.
    pub(super) fn begin(&self, slot: &ConnectionSlot<'_>) -> Option<Wait> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Wait { _permit: permit, _slot: slot.begin_wait() })
    }
}

impl Wait {
    /// Lets the wait end with the body of `reply`.
    pub(super) fn until_end_of(self, reply: AdminReply) -> AdminReply {
        reply.map(|body| WaitingBody { body, _wait: self }.boxed())
    }
}

/// A body with which a wait ends.
struct WaitingBody {
    body: BoxBody<Bytes, Infallible>,
    _wait: Wait,
}

impl Body for WaitingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
