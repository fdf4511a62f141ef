//! Further parts of the process that the operator may ask: their pages, their API, their metrics.
//!
//! This room knows none of them; the program hands them to [`AdminState`](super::AdminState).

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{HeaderMap, Method, Response};

use crate::pages::layout::PageLayout;

/// The longest body of a request that is read, in bytes, unless a part takes longer ones
/// ([`AdminPart::longest_body`]); a longer one gets 413.
pub const MAX_BODY: usize = 64 * 1024;
/// How many requests with longer bodies are read and answered at a time; a further one gets 503.
pub const LONG_BODIES: usize = 2;

/// An answer, whose body may go on for long.
pub type PartReply = Response<BoxBody<Bytes, Infallible>>;

/// What a part does later.
pub type PartFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request to a part. Over TCP, the name of the host has been checked.
#[derive(Clone, Debug)]
pub struct PartRequest {
    /// The method. HEAD comes as GET, and its body is left out afterwards.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, as it was sent, without `?`; empty if there is none.
    pub query: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How the request came in.
    pub via: Via,
    /// The number of the user whose process has connected, as the kernel says; only over a unix socket.
    pub peer_user: Option<u32>,
    /// Whether the answer may take as long as [`AdminPart::waits`] says. If not, as too many wait already, it
    /// shows the present state.
    pub may_wait: bool,
}

/// How long the answer to a request may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// No longer than it takes to make it.
    No,
    /// It may wait for something to happen. It can be answered at once as well.
    Poll,
    /// It is a stream of what happens.
    Stream,
}

/// How a request came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// Over a unix socket: the file system says who may connect, and no page in a browser can.
    UnixSocket,
    /// Over TCP.
    Tcp,
}

/// A part of the process that the operator may ask.
pub trait AdminPart: Send + Sync {
    /// The rows of the index: a path, and what it holds, in one line.
    fn index(&self) -> &'static [(&'static str, &'static str)];

    /// The pages that all pages link to: a path, and the text of the link.
    fn pages(&self) -> &'static [(&'static str, &'static str)];

    /// Whether it answers for this path.
    fn answers(&self, path: &str) -> bool;

    /// Whether the answer may take as long as the client likes. The listener closes such a connection only if
    /// its client does not read, and has a limited number of them.
    fn waits(&self, request: &PartRequest) -> Waiting {
        let _ = request;
        Waiting::No
    }

    /// The longest body of a request for this path that is read, in bytes.
    fn longest_body(&self, path: &str) -> usize {
        let _ = path;
        MAX_BODY
    }

    /// Answers. `layout` holds the links around a page at that path. It runs on the thread of the listener,
    /// so it must yield while it waits, and compute little.
    fn answer(&self, request: PartRequest, layout: PageLayout) -> PartFuture<'_, PartReply>;

    /// Its metrics in the text format of OpenMetrics, whole lines only, without the last one (`# EOF`). It
    /// runs on the thread of the listener, and is given up after a few seconds.
    fn metrics(&self) -> PartFuture<'_, String>;

    /// What keeps it from working, in one line; `None` if nothing does. It is read at each probe, so it must
    /// be at hand.
    fn trouble(&self) -> Option<String>;
}
