//! Which mirrors, in which order: the tiers from the client's own network to the whole world.
//!
//! Sets of mirrors are bit sets, so a tier is an intersection: carriers of the directory, that offer
//! an asked protocol, that are public, that serve the client's country, in the tier's countries. A
//! tier *contributed* if that leaves any mirror; only then is it named in the answer.
//!
//! The protocols asked for take part in every tier, and so a protocol that the nearest mirrors do not
//! offer leads to mirrors farther away, never to another protocol.

use std::net::IpAddr;

use fastrand::Rng;

use super::order::weighted;
use super::query::Countries;
use crate::model::geo::Country;
use crate::model::ids::HostId;
use crate::model::tier::Tier;
use crate::model::url::ProtocolSet;
use crate::snapshot::{DirectoryView, Snapshot, contains, insert, members};

/// What a selection depends on.
pub struct Criteria<'a> {
    /// Where the content is.
    pub directory: DirectoryView<'a>,
    /// Who asks (canonical).
    pub client: IpAddr,
    /// Where the client is, if known.
    pub client_country: Option<Country>,
    /// The countries asked for, if any were.
    pub countries: Option<&'a Countries>,
    /// Whether netblocks and autonomous systems count.
    pub netblocks: bool,
    /// The protocols of which a mirror must offer one.
    pub protocols: ProtocolSet,
    /// Global mirrors are added to fewer mirrors than this.
    pub minimum: usize,
    /// Whether the answer names what contributed. Where it does not, a continent is one set and
    /// not fifty.
    pub names_contributions: bool,
}

/// What contributed mirrors, as the first line of a text list names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contribution {
    /// Preferred networks.
    Netblock,
    /// An autonomous system.
    Asn(u32),
    /// A country.
    Country(Country),
    /// The whole world.
    Global,
}

/// The chosen mirrors.
#[derive(Default, Debug)]
pub struct Selection {
    /// Distinct, best first.
    pub hosts: Vec<HostId>,
    /// How a stretch of `hosts` was found, and where it ends.
    pub tiers: Vec<(Tier, usize)>,
    /// What contributed, in the order of tiers; empty unless [`Criteria::names_contributions`].
    pub contributions: Vec<Contribution>,
}

impl Selection {
    /// How the mirror at `place` was found.
    pub fn tier(&self, place: usize) -> Option<Tier> {
        self.tiers.iter().find(|&&(_, end)| place < end).map(|&(tier, _)| tier)
    }

    /// Keeps the mirrors for which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(HostId) -> bool) {
        let mut from = 0;
        let mut kept = 0;
        for (_, end) in &mut self.tiers {
            let of_tier = self.hosts.get(from..*end).unwrap_or(&[]);
            kept += of_tier.iter().filter(|&&host| keep(host)).count();
            from = *end;
            *end = kept;
        }
        self.hosts.retain(|&host| keep(host));
    }

    /// Keeps the first `max` mirrors.
    pub fn truncate(&mut self, max: usize) {
        self.hosts.truncate(max);
        for (_, end) in &mut self.tiers {
            *end = max.min(*end);
        }
    }
}

/// Memory that is used again for each selection.
#[derive(Default)]
pub struct Workspace {
    /// Mirrors that carry the directory and offer a protocol.
    candidates: Vec<u64>,
    /// Of those, the ones that are listed for this client without a network of theirs.
    open: Vec<u64>,
    /// Mirrors that are in the selection already.
    taken: Vec<u64>,
    /// The mirrors of the tier at work.
    tier: Vec<u64>,
    keys: Vec<u64>,
}

/// Chooses and orders; replaces what `selection` held.
pub fn select(
    snapshot: &Snapshot,
    criteria: &Criteria<'_>,
    rng: &mut Rng,
    workspace: &mut Workspace,
    selection: &mut Selection,
) {
    selection.hosts.clear();
    selection.contributions.clear();
    selection.tiers.clear();
    workspace.prepare(snapshot, criteria);
    let mut selecting = Selecting { snapshot, criteria, rng, workspace, selection };
    if criteria.netblocks && criteria.countries.is_none() {
        selecting.netblocks();
        selecting.asn();
    }
    if let Some(countries) = criteria.countries
        && selecting.countries(countries)
    {
        return;
    }
    if let Some(country) = criteria.client_country {
        selecting.geoip(country);
        selecting.continent(country);
    }
    if selecting.selection.hosts.len() < criteria.minimum {
        selecting.global();
    }
}

impl Workspace {
    fn prepare(&mut self, snapshot: &Snapshot, criteria: &Criteria<'_>) {
        let Criteria { directory, protocols, .. } = criteria;
        let (restricted, admitted) = snapshot.restrictions(criteria.client_country);
        let word = |set: &[u64], index: usize| set.get(index).copied().unwrap_or(0);
        self.candidates.clear();
        self.open.clear();
        for (index, carriers) in directory.carriers.iter().enumerate() {
            let candidates = carriers & directory.layout.offering(*protocols, index);
            let refused = word(restricted, index) & !word(admitted, index);
            self.candidates.push(candidates);
            self.open.push(candidates & word(directory.layout.public(), index) & !refused);
        }
        for set in [&mut self.taken, &mut self.tier] {
            set.clear();
            set.resize(directory.carriers.len(), 0);
        }
    }
}

struct Selecting<'a, 's> {
    snapshot: &'a Snapshot,
    criteria: &'a Criteria<'s>,
    rng: &'a mut Rng,
    workspace: &'a mut Workspace,
    selection: &'a mut Selection,
}

impl Selecting<'_, '_> {
    /// Mirrors whose network contains the client; the most specific network first.
    fn netblocks(&mut self) {
        let mut any = false;
        for (_, hosts) in self.snapshot.netblocks(self.criteria.client) {
            any |= self.take_shuffled(hosts);
        }
        if any {
            self.name(Contribution::Netblock);
            self.end_tier(Tier::Netblock);
        }
    }

    /// Mirrors in the client's autonomous system.
    fn asn(&mut self) {
        if let Some((asn, hosts)) = self.snapshot.find_asn(self.criteria.client)
            && self.take_shuffled(hosts)
        {
            self.name(Contribution::Asn(asn));
            self.end_tier(Tier::Asn);
        }
    }

    /// Mirrors in the countries asked for, else on their continents. Says whether there are any.
    fn countries(&mut self, countries: &Countries) -> bool {
        let snapshot = self.snapshot;
        let mut any = false;
        for &country in &countries.codes {
            any |= self.add_country(country);
        }
        if countries.global {
            any |= self.add_everybody();
        }
        if !any {
            for &asked in &countries.codes {
                for country in snapshot.continent_of(asked).filter(|&country| country != asked) {
                    any |= self.add_country(country);
                }
            }
        }
        self.take_weighted(Tier::Country);
        any
    }

    fn geoip(&mut self, country: Country) {
        self.add_country(country);
        self.take_weighted(Tier::Geoip);
    }

    fn continent(&mut self, own: Country) {
        let snapshot = self.snapshot;
        if self.criteria.names_contributions {
            for country in snapshot.continent_of(own).filter(|&country| country != own) {
                self.add_country(country);
            }
        } else if let Some(continent) = snapshot.find_continent(own) {
            // With those of the client's own country, which are taken already.
            self.add(self.criteria.directory.layout.on_continent(continent));
        }
        self.take_weighted(Tier::Continent);
    }

    fn global(&mut self) {
        self.add_everybody();
        self.take_weighted(Tier::Global);
    }

    /// Adds the open mirrors of a country to the tier; says whether there are any.
    fn add_country(&mut self, country: Country) -> bool {
        let any = self.add(self.criteria.directory.layout.in_country(country));
        if any {
            self.name(Contribution::Country(country));
        }
        any
    }

    /// Adds all open mirrors to the tier; says whether there are any.
    fn add_everybody(&mut self) -> bool {
        let any = self.add(self.criteria.directory.layout.public());
        if any {
            self.name(Contribution::Global);
        }
        any
    }

    /// Adds the open mirrors of a set to the tier; says whether there are any.
    fn add(&mut self, set: &[u64]) -> bool {
        let mut any = 0;
        for ((tier, open), set) in self.workspace.tier.iter_mut().zip(&self.workspace.open).zip(set)
        {
            let hosts = open & set;
            any |= hosts;
            *tier |= hosts;
        }
        any != 0
    }

    /// Notes what contributed, each only once: countries that are asked for may share a continent.
    fn name(&mut self, contribution: Contribution) {
        let contributions = &mut self.selection.contributions;
        if self.criteria.names_contributions && !contributions.contains(&contribution) {
            contributions.push(contribution);
        }
    }

    /// Notes that the mirrors up to here were found that way.
    fn end_tier(&mut self, tier: Tier) {
        let end = self.selection.hosts.len();
        if self.selection.tiers.last().map_or(0, |&(_, before)| before) < end {
            self.selection.tiers.push((tier, end));
        }
    }

    /// Selects the mirrors of the tier that are not selected yet, and empties it.
    fn take_weighted(&mut self, name: Tier) {
        let Workspace { tier, taken, keys, .. } = &mut *self.workspace;
        for (tier, taken) in tier.iter_mut().zip(taken.iter_mut()) {
            *tier &= !*taken;
            *taken |= *tier;
        }
        let weight = |host| self.snapshot.hosts().weight(host);
        weighted(members(tier), weight, self.rng, keys, &mut self.selection.hosts);
        tier.fill(0);
        self.end_tier(name);
    }

    /// Selects those of `hosts` that are candidates and not selected yet, shuffled; says whether any
    /// is a candidate.
    fn take_shuffled(&mut self, hosts: &[HostId]) -> bool {
        let mut any = false;
        let from = self.selection.hosts.len();
        for &host in hosts {
            if contains(&self.workspace.candidates, host) {
                any = true;
                if !contains(&self.workspace.taken, host) {
                    insert(&mut self.workspace.taken, host);
                    self.selection.hosts.push(host);
                }
            }
        }
        if let Some(new) = self.selection.hosts.get_mut(from..) {
            self.rng.shuffle(new);
        }
        any
    }
}
