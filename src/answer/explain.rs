//! The reasons behind an answer, as data.

use std::net::IpAddr;

use super::format::Format;
use super::left_out::LeftOut;
use super::status::Status;
use super::trace::{FoundVia, Verdict};
use model::area::Area;
use model::embedded::LookupAddresses;
use model::families::IpVersion;
use model::geo::Continent;
use model::ids::HostId;
use model::tier::Tier;
use model::url::ProtocolSet;
use snapshot::checked::FaultView;
use snapshot::provenance::Found;

/// The readers of an explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Those who run the server: everything is explained as it is answered.
    Operator,
    /// Everybody: mirrors are chosen as for a client in no private network, so that no private mirror is
    /// listed. Its verdict is still there ([`Explanation::is_private`] says of which mirrors).
    Public,
}

/// The data that decided an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation<'s> {
    /// The client for which mirrors were chosen: the requester, or the address in `ip=`.
    pub client: IpAddr,
    /// The addresses by which the client was looked up.
    pub lookup: LookupAddresses,
    /// The client's area, and the network that gives it; `None` if no network does.
    pub area: Option<Found<Area>>,
    /// The continent of that area, if known.
    pub continent: Option<Continent>,
    /// The network that decides about the client's autonomous system; `None` if no network does. The
    /// value in it is `None` if that AS hosts no mirror.
    pub asn: Option<Found<Option<u32>>>,
    /// The preferred networks that contain the client, with their mirrors, in the order in which they
    /// count.
    pub netblocks: Vec<Found<&'s [HostId]>>,
    /// The name of the route that answers; `None` at a path that is built in.
    pub route: Option<String>,
    /// What was asked for.
    pub subject: ExplainedSubject,
    /// The full name of the directory; empty for fixed URLs.
    pub directory: &'s str,
    /// The name of the file in it; empty for the directory itself.
    pub file: String,
    /// The format of the answer.
    pub format: Format,
    /// Whether the answer is a redirect to the first URL.
    pub is_redirect: bool,
    /// The protocols of which a mirror must offer one.
    pub protocols: ProtocolSet,
    /// The rules of the answer.
    pub rules: ExplainedRules,
    /// The tiers and bands in the order in which they were taken. None is empty.
    pub tiers: Vec<ExplainedTier>,
    /// The verdict about each mirror of the snapshot, by its id.
    pub verdicts: Vec<Verdict>,
    /// The probability of each mirror to be the first of the answer, by its id: over all the draws that
    /// the same client can get. The sum is 1, or 0 if no mirror is listed.
    pub chances: Vec<f64>,
    /// Host and port of the first URL of each mirror, by its id; `None` for those that do not carry the
    /// directory.
    pub servers: Vec<Option<&'s str>>,
    /// Whether each mirror is listed for its own networks only, by its id: in this directory, or everywhere
    /// if it does not carry it.
    pub is_private: Vec<bool>,
    /// What checks have found to be wrong with each mirror, by its id: it is left out of the directory, or listed
    /// after the others. `None` if nothing is.
    pub faults: Vec<Option<FaultView<'s>>>,
    /// URLs that are left out because a mirror before lists them, with their mirrors.
    pub repeated: Vec<(HostId, String)>,
    /// The URLs of the answer, in its order. Of a redirect: where it leads, then its `Link` header.
    pub urls: Vec<ExplainedUrl>,
}

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExplainedSubject {
    /// A directory or a file, as asked for.
    Path(String),
    /// A repository under its present name, and an architecture.
    Repository(String, String),
    /// A category of a catalog.
    Category(String),
    /// Fixed URLs of a route: no mirrors are chosen.
    FixedUrls,
}

/// The rules of an answer: the options, and what a route changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedRules {
    /// The order of mirrors.
    pub order: ExplainedOrder,
    /// Mirrors of the whole world are added if fewer than this were found.
    pub minimum: usize,
    /// The most mirrors, without the fallback; `usize::MAX` if there is no limit.
    pub max_mirrors: usize,
    /// The most URLs in the header `Link` of a redirect; `None` for other answers.
    pub redirect_links: Option<usize>,
    /// The most URLs of a mirror; `None` for all.
    pub urls_per_mirror: Option<usize>,
    /// Whether mirrors of different networks are moved to the front ([`spread`](super::shaping::Shaping::spread)).
    pub spreads: bool,
    /// Whether only mirrors of the client's country are chosen, or of the countries asked for.
    pub country_only: bool,
    /// The countries asked for, as text; `None` if none were.
    pub countries: Option<Vec<String>>,
    /// What the request leaves out.
    pub left_out: LeftOut,
    /// The version of IP that the request asks for.
    pub ip_version: Option<IpVersion>,
    /// The version of IP that counts for the first mirrors; `None` if none does.
    pub speaks: Option<IpVersion>,
    /// Whether the first mirror of a redirect changes with time.
    pub rotates: bool,
    /// The server that is listed last, if any.
    pub fallback: Option<String>,
}

/// An order of mirrors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExplainedOrder {
    /// Tier by tier, from the client's own network to the whole world.
    Tiers,
    /// Band by band of distance, after the client's own networks.
    Nearest,
    /// By chance.
    Random,
    /// The same for all clients.
    Fixed,
}

/// A tier or a band of distance: mirrors that come before all that were found later, and have an order of
/// chance among them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedTier {
    /// The tier.
    pub tier: Tier,
    /// The rules that brought mirrors into it, each once. One for a network, a system and a band.
    pub via: Vec<FoundVia>,
    /// The mirrors that it added, as drawn.
    pub hosts: Vec<HostId>,
}

/// A URL of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedUrl {
    /// The URL.
    pub url: String,
    /// Its mirror; `None` for the fallback and for fixed URLs.
    pub host: Option<HostId>,
    /// Its rank in formats that write one.
    pub rank: Option<Rank>,
    /// In JSON, whether it is `url` of its object, or only one of its `urls`; `None` in other formats.
    pub is_object_url: Option<bool>,
}

/// The rank of a URL, as a format writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rank {
    /// Higher ones are tried first.
    Preference(u64),
    /// Lower ones are tried first.
    Priority(u64),
}

/// Why a request gets no list of mirrors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoList {
    /// The status of the answer, at a path that is built in. Routes may have another.
    pub status: Status,
    /// A word for programs: `unknown_repository`, `bad_query` and others.
    pub code: &'static str,
    /// The reason, for people: one line, without the marks that it has in an answer.
    pub message: String,
}
