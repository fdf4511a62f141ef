//! A request, as parsed by the transport.

use super::endpoint::Endpoint;
use super::requester::Requester;

/// One request, as parsed by the transport.
pub struct Request<'a> {
    /// What answers it. At a path that is built in, `format=json` in the query turns a text list into
    /// JSON.
    pub endpoint: Endpoint<'a>,
    /// The raw query, without `?`.
    pub query: &'a str,
    /// The sender of the request.
    pub requester: Requester,
    /// The server that was asked, from the `Host` header; empty without one.
    pub host: &'a str,
    /// Now, in seconds since 1970 (for `pubdate`).
    pub now: u64,
}
