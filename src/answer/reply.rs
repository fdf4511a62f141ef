//! The parts of an answer besides its body: status, headers, and what to log and count.

use std::borrow::Cow;
use std::net::IpAddr;

use super::query::Countme;
use super::redirect::Redirect;
use super::status::Status;
use model::geo::Country;
use model::tier::Tier;

/// The fields of a request that go into the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The client's own address, or the one that a trusted requester gives with `ip=`.
    pub client: IpAddr,
    /// Its country, if known.
    pub country: Option<Country>,
    /// The repository as asked for, before redirects; not escaped.
    pub repo: Cow<'a, str>,
    /// The architecture; not escaped.
    pub arch: Cow<'a, str>,
}

/// An answer without its body.
#[derive(Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: Status,
    /// The media type of the body.
    pub content_type: &'a str,
    /// Whether another `Accept` header could give another answer.
    pub varies_by_accept: bool,
    /// For how many seconds caches may give the answer to other clients; `None` if it is for this client.
    pub cache_seconds: Option<u32>,
    /// The number of constant bytes at the end of the body; 0 if there are none. All answers of this
    /// media type from this snapshot that have such an end have the same one.
    pub n_constant: usize,
    /// The headers of a redirect; `None` for other answers.
    pub redirect: Option<Box<Redirect>>,
    /// The tier of the first listed mirror; `None` if no mirror is listed.
    pub found: Option<Tier>,
    /// The log entry; `None` unless the request has `repo`, `arch` and a valid address.
    pub log: Option<LogEntry<'a>>,
    /// The entry for the `countme` statistics; `None` for requests without `countme=`.
    pub countme: Option<CountmeEntry>,
}

/// The repository and the age for which a request with `countme=` is counted.
#[derive(Debug, PartialEq, Eq)]
pub struct CountmeEntry {
    /// The key `repo+arch`; `None` unless that repository exists.
    pub repository: Option<String>,
    /// How old the installation is.
    pub bucket: Countme,
}
