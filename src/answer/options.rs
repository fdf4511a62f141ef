//! The options of all answers.

use super::alias::Aliases;
use super::asker::Askers;
use super::shape::Shaping;
use model::embedded::Nat64Prefix;

/// Limits of a request and the size of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Global mirrors are added when fewer mirrors than this were found.
    pub minimum: usize,
    /// At most so many query parameters.
    pub max_parameters: usize,
    /// At most so many distinct countries in `country=`.
    pub max_countries: usize,
    /// At most so many protocols in `protocol=`.
    pub max_protocols: usize,
    /// A redirect names so many further mirrors in its `Link` header; 0 leaves the header out.
    pub redirect_links: usize,
    /// Prefixes behind which translators put the IPv4 addresses of clients, beside the well-known.
    pub nat64: Vec<Nat64Prefix>,
    /// How much of a selection is listed, and how.
    pub shaping: Shaping,
    /// Other names of directories and repositories.
    pub aliases: Aliases,
    /// Whose `ip=` counts; that of others is left unread.
    pub allow_ip: Askers,
    /// Whose `ip=` shows private mirrors of the network that it names.
    pub private_for_ip: Askers,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            minimum: 5,
            max_parameters: 32,
            max_countries: 16,
            max_protocols: 16,
            // A proxy's buffer for headers is 4 KB, and a URL may be long.
            redirect_links: 4,
            nat64: Vec::new(),
            shaping: Shaping::default(),
            aliases: Aliases::default(),
            allow_ip: Askers::All,
            private_for_ip: Askers::Nobody,
        }
    }
}
