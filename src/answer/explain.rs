//! The reasons behind an answer, as data.

use std::net::IpAddr;

use super::trace::Verdict;
use model::area::Area;
use model::embedded::LookupAddresses;
use model::geo::Continent;
use model::ids::HostId;
use model::url::ProtocolSet;
use snapshot::provenance::Found;

/// The data that decided an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// The full name of the directory.
    pub directory: &'s str,
    /// The protocols of which a mirror must offer one.
    pub protocols: ProtocolSet,
    /// The verdict about each mirror of the snapshot, by its id.
    pub verdicts: Vec<Verdict>,
}
