//! The report: what is shown as text, JSON and a page.
//!
//! Its fields are those of the JSON, which `contrib/handbook/explain.md` documents. What is not known is
//! `null`. Mirrors are named by their keys as text, also where those are numbers.

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use super::reading::Reading;

/// Why a request gets its answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The generation of the data.
    pub generation: String,
    /// When the source data was made (RFC 3339).
    pub created: String,
    /// Whom the report is for.
    pub audience: Audience,
    /// The request.
    pub request: RequestReport,
    /// The client, and where it is.
    pub client: ClientReport,
    /// What the request asks for.
    pub target: TargetReport,
    /// The rules of the answer.
    pub rules: RulesReport,
    /// The tiers and bands in the order in which they were taken, with their mirrors as drawn. A mirror is
    /// in the first one that has it.
    pub tiers: Vec<TierReport>,
    /// The mirrors that were not selected, by key.
    pub excluded: Vec<ExcludedReport>,
    /// What became of the selection before it was listed.
    pub shaping: ShapingReport,
    /// The URLs of the answer, in its order. Of a redirect: where it leads, then its `Link` header.
    pub urls: Vec<UrlReport>,
    /// What a package manager does with the list, if one was named.
    pub reading: Option<Reading>,
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestReport {
    /// Its path, as sent.
    pub path: String,
    /// Its query, as sent, without `?`.
    pub query: String,
    /// The server that was asked; `null` if the request names none.
    pub host: Option<String>,
    /// What chance was drawn from, in decimal digits: equal seeds give equal lists.
    pub seed: String,
}

/// A client, and what is known of its address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClientReport {
    /// Its address.
    pub ip: String,
    /// The IPv4 address in its IPv6 address, which is looked up after it.
    pub embedded_ipv4: Option<String>,
    /// Its country (ISO 3166-1).
    pub country: Option<String>,
    /// Its continent (AF, AN, AS, EU, NA, OC, SA).
    pub continent: Option<String>,
    /// Where it is, if the tables say more than a country.
    pub point: Option<PointReport>,
    /// The network that decides where it is.
    pub located_by: Option<NetworkReport>,
    /// Its autonomous system, if that hosts a mirror.
    pub asn: Option<u32>,
    /// The network that decides its autonomous system.
    pub asn_by: Option<NetworkReport>,
    /// The networks of mirrors that contain it, in the order in which they count.
    pub netblocks: Vec<NetblockReport>,
}

/// A point on the earth.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PointReport {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// A network that was found for a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NetworkReport {
    /// The network: `192.0.2.0/24`.
    pub prefix: String,
    /// The table that has it.
    pub table: String,
    /// Whether it has the IPv4 address in the client's IPv6 address.
    pub by_embedded_ipv4: bool,
}

/// A network of mirrors that contains a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NetblockReport {
    /// The network.
    pub prefix: String,
    /// The keys of its mirrors.
    pub mirrors: Vec<String>,
}

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TargetReport {
    /// The repository, under its present name.
    pub repo: Option<String>,
    /// The architecture.
    pub arch: Option<String>,
    /// The path, in requests by path.
    pub path: Option<String>,
    /// The category, in routes for one.
    pub category: Option<String>,
    /// The full name of the directory; `null` for the fixed URLs of a route.
    pub directory: Option<String>,
    /// The file in it.
    pub file: Option<String>,
    /// The route of the catalog that answers; `null` at a path that is built in.
    pub route: Option<String>,
    /// The format: `mirrorlist`, `metalink`, `metalink4`, `json`, `apt`, `pacman`, `urpmi`, `isolist`, or
    /// `redirect`.
    pub format: String,
}

/// The rules of an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RulesReport {
    /// The order of mirrors: `tiers`, `nearest`, `random`, or `fixed` where it is the same for all.
    pub order: String,
    /// Mirrors of the whole world are added if fewer than this were found.
    pub minimum: usize,
    /// The most mirrors besides the fallback; `null` if there is no limit.
    pub max_mirrors: Option<usize>,
    /// The most URLs in the header `Link` of a redirect, beside that to which it leads; `null` for other
    /// answers.
    pub redirect_links: Option<usize>,
    /// The most URLs of a mirror; `null` for all.
    pub urls_per_mirror: Option<usize>,
    /// Whether mirrors of different networks are moved to the front.
    pub spread: bool,
    /// Whether only mirrors of the client's country are listed, or of the countries asked for.
    pub country_only: bool,
    /// The countries asked for (`global` among them); `null` if none were.
    pub countries: Option<Vec<String>>,
    /// The servers that the request leaves out.
    pub excluded_servers: Vec<String>,
    /// The countries that the request leaves out.
    pub excluded_countries: Vec<String>,
    /// The version of IP (4 or 6) that the request asks for.
    pub ip_version: Option<u8>,
    /// The version of IP that counts for the first mirrors: one that does not work over it is not first.
    pub first_over_ip: Option<u8>,
    /// Whether the first mirror of a redirect changes with time, so that who asks again gets another one.
    pub first_changes: bool,
    /// The protocols of which a mirror must have a URL.
    pub protocols: Vec<String>,
    /// The base URL of the server that is listed last.
    pub fallback: Option<String>,
}

/// A tier, or a band of distance.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TierReport {
    /// The tier: `netblock`, `asn`, `country` (asked for), `geoip` (the client's country), `nearest`,
    /// `continent`, `global`.
    pub tier: String,
    /// What brought mirrors into it: networks, `AS64500`, countries, a continent, `world`.
    pub by: Vec<String>,
    /// The distances of the nearest and the farthest mirror of a band in km; `null` for other tiers.
    pub km: Option<(u16, u16)>,
    /// Its mirrors, as drawn.
    pub mirrors: Vec<MirrorReport>,
}

/// A mirror that was selected.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MirrorReport {
    /// Its key.
    pub mirror: String,
    /// Host and port of its first URL.
    pub server: Option<String>,
    /// Its country.
    pub country: Option<String>,
    /// Its distance from the client in km, from the centres of their countries where no more is known.
    pub km: Option<u32>,
    /// Whether it is listed for its own networks only.
    pub private: bool,
    /// Its bandwidth in Mbit/s, as its share of the load.
    pub bandwidth_mbit: u32,
    /// How much of that share it takes at present, in percent.
    pub load_percent: u8,
    /// The most of the clients near it that get it as their first one, in percent.
    pub max_share_percent: u8,
    /// Why it is behind; `null` if it is not.
    pub behind: Option<String>,
    /// Whether it is listed after the others because of that. If all that are listed are behind, none is.
    pub listed_last: bool,
    /// The probability that it is the first of the answer, in percent: over all draws for this client, and
    /// over all times where the first mirror of redirects changes.
    pub first_percent: f64,
    /// Its place as drawn, from 1.
    pub drawn: usize,
    /// Its place in the answer, from 1; `null` if it is not listed.
    pub place: Option<usize>,
    /// Why it is not listed: `repeated_urls`, `beyond_max`, or `not_linked` in a redirect.
    pub cut: Option<String>,
}

impl MirrorReport {
    /// That it is behind, on one line; `None` if it is not.
    pub fn behind_note(&self) -> Option<String> {
        let behind = self.behind.as_ref()?;
        Some(match self.listed_last {
            true => format!("behind, so listed after the others: {behind}"),
            false => format!("behind, as all that are listed: {behind}"),
        })
    }
}

/// A mirror that was not selected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ExcludedReport {
    /// Its key.
    pub mirror: String,
    /// The rule: a word that does not change.
    pub rule: String,
    /// The rule as a sentence.
    pub detail: String,
}

/// What became of a selection.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ShapingReport {
    /// Mirrors that were moved before others that had been drawn before them.
    pub moved: Vec<MovedReport>,
    /// Mirrors that are not listed although they were selected, as drawn.
    pub cut: Vec<ExcludedReport>,
    /// URLs that are not listed because a mirror before has them.
    pub repeated_urls: Vec<RepeatedReport>,
}

/// A mirror that was moved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MovedReport {
    /// Its key.
    pub mirror: String,
    /// The rule: `spread` over networks, `max_share`, `ip_version`, or `redirect_retry`.
    pub rule: String,
    /// The rule as a sentence.
    pub detail: String,
    /// Its place as drawn, from 1.
    pub from: usize,
    /// Its place in the answer, from 1.
    pub to: usize,
}

/// A URL that is not listed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RepeatedReport {
    /// The mirror.
    pub mirror: String,
    /// The URL.
    pub url: String,
}

/// A URL of an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UrlReport {
    /// The URL.
    pub url: String,
    /// Its mirror; `null` for the fallback and for the fixed URLs of a route.
    pub mirror: Option<String>,
    /// The tier of its mirror, or `fallback`, or `fixed`.
    pub tier: String,
    /// Its preference, in formats that write one: higher ones are tried first.
    pub preference: Option<u64>,
    /// Its priority, in formats that write one: lower ones are tried first.
    pub priority: Option<u64>,
    /// In JSON, whether it is `url` of its object, and not only one of its `urls`; `null` in other formats.
    pub object_url: Option<bool>,
}

/// A request that gets no list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("the client gets no list, but status {status}: {message}")]
pub struct Refused {
    /// A word for programs: `unknown_repository`, `bad_query` and others.
    pub code: String,
    /// The reason.
    pub message: String,
    /// The status of the answer.
    pub status: u16,
    /// The first line of the answer's body; empty if it has none. `null` where no list is served
    /// (`no_endpoint`): what stands there, if anything, is not explained.
    pub first_line: Option<String>,
}
