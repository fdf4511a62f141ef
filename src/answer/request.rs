//! A request, as the transport understood it.

use super::asker::Asker;
use super::format::Format;

/// One request, as the transport understood it.
pub struct Request<'a> {
    /// Which document; `format=json` in the query makes JSON of a list.
    pub format: Format,
    /// The raw query, without `?`.
    pub query: &'a str,
    /// Who asks.
    pub asker: Asker,
    /// The server that was asked, as `Host` says; empty where nothing does.
    pub host: &'a str,
    /// Now, in seconds since 1970 (for `pubdate`).
    pub now: u64,
}
