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

/// The longest body of a request that is read, in bytes; a longer one gets 413.
pub const MAX_BODY: usize = 64 * 1024;

/// An answer, whose body may go on for long.
pub type PartReply = Response<BoxBody<Bytes, Infallible>>;

/// A request to a part. The name of the host has been checked.
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

    /// Answers. `layout` holds the links around a page at that path. It runs on the thread of the listener,
    /// so it must yield while it waits, and compute little.
    fn answer<'a>(
        &'a self,
        request: PartRequest,
        layout: PageLayout,
    ) -> Pin<Box<dyn Future<Output = PartReply> + Send + 'a>>;

    /// Writes its metrics in Prometheus's text format, whole lines only. Called on a page thread.
    fn write_metrics(&self, out: &mut String);

    /// What keeps it from working, in one line; `None` if nothing does.
    fn trouble(&self) -> Option<String>;
}
