//! stub
use std::net::IpAddr;
use crate::model::geo::Country;
use crate::snapshot::Snapshot;

/// Which document is asked for; decided by the end of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format { /// text
    Mirrorlist, /// XML
    Metalink }

impl Format {
    /// The format that a path asks for: `/mirrorlist` or `/metalink` at its end, whatever stands before.
    pub fn of_path(path: &str) -> Option<Self> {
        if path.ends_with("/mirrorlist") { Some(Self::Mirrorlist) } else if path.ends_with("/metalink") { Some(Self::Metalink) } else { None }
    }
}

/// Limits of a request and the size of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Global mirrors are added when fewer mirrors than this were found.
    pub minimum: usize,
    /// At most so many query parameters.
    pub max_parameters: usize,
    /// At most so many countries in `country=`.
    pub max_countries: usize,
    /// At most so many protocols in `protocol=`.
    pub max_protocols: usize,
}
impl Default for Options {
    fn default() -> Self { Self { minimum: 5, max_parameters: 32, max_countries: 16, max_protocols: 16 } }
}

/// One request, as the transport understood it.
pub struct Request<'a> {
    /// Which document.
    pub format: Format,
    /// The raw query, without `?`.
    pub query: &'a str,
    /// The client's address: the peer's or the forwarded one (see `client::Trusted`).
    pub client: IpAddr,
    /// Now, in seconds since 1970 (for `pubdate`).
    pub now: u64,
}

/// HTTP status of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status { /// 200
    Ok, /// 302
    Found, /// 400
    BadRequest, /// 404
    NotFound }

/// What to write to the access log for this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The address that decided.
    pub client: IpAddr,
    /// Its country, if known.
    pub country: Option<Country>,
    /// The repository as asked for (not yet escaped).
    pub repo: std::borrow::Cow<'a, str>,
    /// The architecture.
    pub arch: std::borrow::Cow<'a, str>,
}

/// What the transport needs to know of an answer besides its body.
#[derive(Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: Status,
    /// Content type: `text/plain` or `application/metalink+xml`.
    pub content_type: &'static str,
    /// Target of a redirect: a valid header value (visible ASCII).
    pub location: Option<String>,
    /// Present when the request is to be logged.
    pub log: Option<LogEntry<'a>>,
}

/// Memory that is used again for each answer of one worker.
#[derive(Default)]
pub struct Scratch {}

/// Answers one request from one snapshot; appends the body to `body`. Pure.
pub fn respond<'a>(_snapshot: &Snapshot, _options: &Options, request: &Request<'a>, _rng: &mut fastrand::Rng, _scratch: &mut Scratch, body: &mut Vec<u8>) -> Reply<'a> {
    body.extend_from_slice(b"stub\n");
    let value = |key: &str| request.query.split('&').find_map(|p| p.strip_prefix(key)).map(std::borrow::Cow::Borrowed);
    let log = match (value("repo="), value("arch=")) { (Some(repo), Some(arch)) => Some(LogEntry { client: value("ip=").and_then(|ip| ip.parse().ok()).unwrap_or(request.client), country: None, repo, arch }), _ => None };
    Reply { status: Status::Ok, content_type: "text/plain", location: None, log }
}

pub mod client {
    //! stub
    use std::net::IpAddr;
    use crate::model::net::Prefix;
    /// The proxies whose forwarded headers are believed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TrustedProxies(pub Vec<Prefix>);
    impl TrustedProxies {
        /// The client's address: `peer`, unless it is a trusted proxy that names another in its
        /// X-Forwarded-For lines (`forwarded`, in the order received).
        pub fn client_address<'h>(&self, peer: IpAddr, _forwarded: impl Iterator<Item = &'h [u8]>) -> IpAddr { peer }
    }
}
