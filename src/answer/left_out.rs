//! What a request leaves out: servers (`exclude=`) and countries (`not_country=`).
//!
//! Clients know mirrors by their URLs, so a mirror is named by the host of one; keys of mirrors are in no
//! list. A mirror that has a URL at such a host is left out with all of its URLs.

use super::bad_query::BadQuery;
use model::authority::ServerName;
use model::geo::Country;
use model::ids::HostId;
use snapshot::hosts::HostIndex;

/// What a request leaves out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// Servers, each once.
    pub servers: Vec<ServerName>,
    /// Codes of countries in ascending order, each once.
    pub countries: Vec<Country>,
}

impl LeftOut {
    /// Reads the hosts of `exclude=`, at most `limit` of them. Empty items are none.
    pub fn parse_servers(text: &str, limit: usize) -> Result<Vec<ServerName>, BadQuery> {
        let mut servers = Vec::new();
        for item in text.split(',').map(|item| item.trim_matches(' ')) {
            if item.is_empty() {
                continue;
            }
            let server = ServerName::parse(item).map_err(|_| BadQuery::NoHost)?;
            if servers.contains(&server) {
                continue;
            }
            if servers.len() >= limit {
                return Err(BadQuery::Excluded(limit));
            }
            servers.push(server);
        }
        Ok(servers)
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty() && self.countries.is_empty()
    }

    /// Whether the server of a URL with this authority is left out.
    pub fn has_server(&self, authority: &str) -> bool {
        self.servers.iter().any(|server| server.is_at(authority))
    }

    /// The mirrors that have a URL at one of the servers; some twice.
    pub fn mirrors<'a>(&'a self, hosts: &'a HostIndex) -> impl Iterator<Item = HostId> + 'a {
        let of_server = |server: &'a ServerName| {
            let at_host = hosts.at_host(server.host());
            at_host.filter(|(authority, _)| server.is_at(authority)).flat_map(|(_, hosts)| hosts)
        };
        self.servers.iter().flat_map(of_server).copied()
    }

    /// What is left out as the first line of a list says it: `exclude = a.example`, `not_country = DE,FR`.
    pub fn parts(&self) -> impl Iterator<Item = String> + use<> {
        let list = |name: &str, items: Vec<String>| {
            (!items.is_empty()).then(|| [name, " = ", &items.join(",")].concat())
        };
        let servers = list("exclude", self.servers.iter().map(ToString::to_string).collect());
        let countries =
            list("not_country", self.countries.iter().map(ToString::to_string).collect());
        servers.into_iter().chain(countries)
    }
}
