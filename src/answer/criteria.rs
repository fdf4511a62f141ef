//! What a selection of mirrors is made by.

use super::left_out::LeftOut;
use super::query::Countries;
use model::area::AreaId;
use model::embedded::LookupAddresses;
use model::families::IpVersion;
use model::geo::Location;
use model::ids::HostId;
use model::url::ProtocolSet;
use snapshot::DirectoryView;

/// The criteria of a selection.
pub struct Criteria<'a> {
    /// The directory that mirrors must carry.
    pub directory: DirectoryView<'a>,
    /// The addresses by which the client is looked up.
    pub client: LookupAddresses,
    /// Where the client is, if known.
    pub location: Option<Location>,
    /// The area of the client, if known: a part of `location`, or all of it.
    pub area: Option<AreaId>,
    /// The countries asked for, if any were.
    pub countries: Option<&'a Countries>,
    /// Whether netblocks and autonomous systems count.
    pub netblocks: bool,
    /// Whether private mirrors are listed if one of their networks contains the client.
    pub private: bool,
    /// Mirrors that are left out: those of the fallback, which is listed last in any case.
    pub excluded: &'a [HostId],
    /// What the request leaves out, if anything.
    pub left_out: Option<&'a LeftOut>,
    /// The version of IP that the request asks for: mirrors are left out that are known not to work over
    /// it.
    pub ip_version: Option<IpVersion>,
    /// The protocols of which a mirror must offer one.
    pub protocols: ProtocolSet,
    /// Global mirrors are added if fewer mirrors than this were found.
    pub minimum: usize,
    /// In the order of distance, no further band is added once there are so many mirrors.
    pub enough: usize,
    /// Mirrors that share a URL with another one, as bits, if there are any: they may be left out later.
    pub sharing: Option<&'a [u64]>,
    /// The version of IP that the client uses, if it counts: a mirror that is known not to work over it is
    /// not the first one while there are others, and of the first four mirrors one is known to work over
    /// IPv6 if that is the client's.
    pub speaks: Option<IpVersion>,
    /// Whether the answer has one mirror only, as a redirect: that is then the one that is known to work over
    /// IPv6.
    pub is_single: bool,
    /// Where the first mirror is on a line on which each mirror takes as much room as it has chances to be
    /// first (0 to 1); `None` draws it.
    pub position: Option<f64>,
    /// Whether the answer names the contributions. If not, a continent is added as one set instead
    /// of country by country.
    pub names_contributions: bool,
    /// Whether only mirrors of the countries asked for are chosen, or else of the client's country.
    pub country_only: bool,
    /// The order in which mirrors are chosen.
    pub order: SelectionOrder<'a>,
}

/// The order in which mirrors are chosen.
#[derive(Clone, Copy, Debug)]
pub enum SelectionOrder<'a> {
    /// Tier by tier, from the client's own network to the whole world.
    Tiers,
    /// Band by band of distance, after those of the client's own network.
    Nearest,
    /// All that may be listed for the client, by chance, weighted by bandwidth.
    Random,
    /// The public ones of these, in this order. The client does not count.
    Fixed(&'a [HostId]),
}
