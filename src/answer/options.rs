//! The options of all answers.

use std::num::NonZeroU64;

use super::alias::Aliases;
use super::policy::Policy;
use super::requester::Requesters;
use super::shaping::Shaping;
use model::embedded::Nat64Prefix;

/// Limits of a request and the size of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The order of mirrors, where a route does not say it.
    pub policy: Policy,
    /// Whether mirrors that are known not to work over the client's version of IP come after others.
    pub families: bool,
    /// Global mirrors are added when fewer mirrors than this were found.
    pub minimum: usize,
    /// The most query parameters of a request.
    pub max_parameters: usize,
    /// The most distinct countries in `country=`.
    pub max_countries: usize,
    /// The most protocols in `protocol=`.
    pub max_protocols: usize,
    /// The most hosts in `exclude=`.
    pub max_excluded: usize,
    /// The most further mirrors in the `Link` header of a redirect; 0 leaves the header out.
    pub redirect_links: usize,
    /// After so many seconds, a client that asks for the same file again may be redirected to another
    /// mirror (`retry`); `None` draws a mirror for each request.
    pub redirect_retry: Option<NonZeroU64>,
    /// NAT64 prefixes in which translators embed the IPv4 addresses of clients, besides the well-known.
    pub nat64: Vec<Nat64Prefix>,
    /// How much of a selection is listed, and how.
    pub shaping: Shaping,
    /// Other names of directories and repositories.
    pub aliases: Aliases,
    /// Requesters whose `ip=` counts; that of others is ignored.
    pub allow_ip: Requesters,
    /// Requesters whose `ip=` shows the private mirrors of the network that it names.
    pub private_for_ip: Requesters,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            families: false,
            minimum: 5,
            max_parameters: 32,
            max_countries: 16,
            max_protocols: 16,
            max_excluded: 16,
            // A proxy's buffer for headers is 4 KB, and a URL may be long.
            redirect_links: 4,
            redirect_retry: None,
            nat64: Vec::new(),
            shaping: Shaping::default(),
            aliases: Aliases::default(),
            allow_ip: Requesters::All,
            private_for_ip: Requesters::Nobody,
        }
    }
}
