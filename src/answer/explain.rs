//! Why a client gets the mirrors that it gets: the reasons behind an answer, as data.

use std::net::IpAddr;

use super::trace::Verdict;
use model::embedded::LookupAddresses;
use model::geo::{Continent, Location};
use model::ids::HostId;
use model::url::ProtocolSet;
use snapshot::provenance::Found;

/// What decided an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation<'s> {
    /// For whom mirrors were chosen: who asked, or whom `ip=` names.
    pub client: IpAddr,
    /// Under which addresses the client was looked up.
    pub lookup: LookupAddresses,
    /// Where the client is, and which network says so; `None` where none does.
    pub location: Option<Found<Location>>,
    /// The continent on which that is, if known.
    pub continent: Option<Continent>,
    /// Which network decides about the client's autonomous system; `None` where none does, and within
    /// it where the system hosts no mirror.
    pub asn: Option<Found<Option<u32>>>,
    /// The preferred networks that have the client and their mirrors, in the order in which they
    /// count.
    pub netblocks: Vec<Found<&'s [HostId]>>,
    /// The full name of the directory.
    pub directory: &'s str,
    /// The protocols of which a mirror must offer one.
    pub protocols: ProtocolSet,
    /// What became of each mirror of the snapshot, by its id.
    pub verdicts: Vec<Verdict>,
}
