//! What the transport needs to know of an answer besides its body.

use std::borrow::Cow;
use std::net::IpAddr;

use super::query::Countme;
use super::redirect::Redirect;
use super::status::Status;
use model::geo::Country;
use model::tier::Tier;

/// What to write to the access log for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The client's own address, or what a trusted asker names with `ip=`.
    pub client: IpAddr,
    /// Its country, if known.
    pub country: Option<Country>,
    /// The repository as asked for, before redirects; not escaped.
    pub repo: Cow<'a, str>,
    /// The architecture; not escaped.
    pub arch: Cow<'a, str>,
}

/// What the transport needs to know of an answer besides its body.
#[derive(Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: Status,
    /// The media type of the body.
    pub content_type: &'static str,
    /// So many bytes at the end of the body are the same in every answer of this media type from this
    /// snapshot that has any of them.
    pub n_constant: usize,
    /// Present for a redirect.
    pub redirect: Option<Box<Redirect>>,
    /// How the first mirror that is listed was found; `None` where none is.
    pub found: Option<Tier>,
    /// Present when the request is to be logged: it named `repo` and `arch`, and an address.
    pub log: Option<LogEntry<'a>>,
    /// Present when the request is to be counted.
    pub countme: Option<CountmeEntry>,
}

/// What a request with `countme=` counts for.
#[derive(Debug, PartialEq, Eq)]
pub struct CountmeEntry {
    /// The key `repo+arch` of a repository that exists; nothing that a client invented.
    pub repository: Option<String>,
    /// How old the installation is.
    pub bucket: Countme,
}
