//! The steps of which selections of mirrors are made: mirrors are added to the current tier, which is then
//! taken in an order.

use fastrand::Rng;

use super::candidates::Workspace;
use super::criteria::{Criteria, SelectionOrder};
use super::order::weighted;
use super::query::Countries;
use super::selection::{Contribution, Selection};
use super::trace::{FoundVia, Reason, Tracer};
use model::geo::{Continent, Country};
use model::ids::HostId;
use model::tier::Tier;
use snapshot::{Snapshot, contains, insert, members};

/// A selection that is being made.
pub(super) struct Selecting<'a, 's, T> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) criteria: &'a Criteria<'s>,
    pub(super) rng: &'a mut Rng,
    pub(super) workspace: &'a mut Workspace,
    pub(super) selection: &'a mut Selection,
    pub(super) tracer: &'a mut T,
}

impl<T: Tracer> Selecting<'_, '_, T> {
    /// Whether the client's networks count.
    pub(super) fn uses_networks(&self) -> bool {
        let is_for_client = !matches!(self.criteria.order, SelectionOrder::Fixed(_));
        is_for_client && self.criteria.netblocks && self.criteria.countries.is_none()
    }

    /// Takes the mirrors of the client's networks.
    pub(super) fn own_networks(&mut self) {
        self.netblocks();
        self.asn();
    }

    /// If the client is in a network or the AS of a candidate with a monopoly, makes such mirrors the
    /// only candidates, and returns true.
    pub(super) fn keep_monopolies(&mut self) -> bool {
        let monopolies = self.snapshot.monopolies();
        // The usual case: nobody has one.
        if monopolies.is_empty() {
            return false;
        }
        let Workspace { candidates, open, tier: near, .. } = &mut *self.workspace;
        let of_networks = self.snapshot.netblocks(self.criteria.client).map(|(_, hosts)| hosts);
        let of_as = self.snapshot.find_asn(self.criteria.client).map(|(_, hosts)| hosts);
        for &host in of_networks.chain(of_as).flatten() {
            insert(near, host);
        }
        let words = || near.iter().zip(&*candidates).zip(monopolies);
        let has_monopoly =
            words().any(|((near, candidates), monopolies)| near & candidates & monopolies != 0);
        if has_monopoly {
            for (index, ((near, candidates), open)) in
                near.iter().zip(&*candidates).zip(&*open).enumerate()
            {
                // Those that are taken after this are reported once more.
                let usable = open | (near & candidates);
                self.tracer.left_out(index, usable, Reason::Monopoly);
            }
            for (candidates, monopolies) in candidates.iter_mut().zip(monopolies) {
                *candidates &= monopolies;
            }
        }
        near.fill(0);
        has_monopoly
    }

    /// Takes mirrors whose network contains the client, the most specific network first.
    fn netblocks(&mut self) {
        for (prefix, hosts) in self.snapshot.netblocks(self.criteria.client) {
            if self.take_shuffled(hosts, FoundVia::Netblock(prefix)) {
                self.name(Contribution::Netblock);
                // Those of a larger network come after them.
                self.end_tier(Tier::Netblock);
            }
        }
    }

    /// Takes mirrors in the client's autonomous system.
    fn asn(&mut self) {
        if let Some((asn, hosts)) = self.snapshot.find_asn(self.criteria.client)
            && self.take_shuffled(hosts, FoundVia::Asn(asn))
        {
            self.name(Contribution::Asn(asn));
            self.end_tier(Tier::Asn);
        }
    }

    /// The number of selected mirrors that are not behind.
    pub(super) fn n_current(&self) -> usize {
        let (hosts, behind) = (&self.selection.hosts, self.criteria.directory.behind);
        match behind.is_empty() {
            true => hosts.len(),
            false => hosts.iter().filter(|&&host| !contains(behind, host)).count(),
        }
    }

    /// Moves the mirrors that are behind to the end.
    pub(super) fn put_behind_last(&mut self) {
        let behind = self.criteria.directory.behind;
        if !behind.is_empty() {
            self.selection.put_last(|host| contains(behind, host));
        }
    }

    pub(super) fn geoip(&mut self, country: Country) {
        self.add_country(country);
        self.take_weighted(Tier::Geoip);
    }

    /// Takes mirrors on the client's continent outside its own country, if that is known.
    pub(super) fn continent(&mut self, continent: Option<Continent>, own: Option<Country>) {
        let Some(continent) = continent else { return };
        let snapshot = self.snapshot;
        if self.criteria.names_contributions {
            let others = snapshot.countries_on(Some(continent));
            for country in others.filter(|&country| Some(country) != own) {
                self.add_country(country);
            }
        } else {
            // The set includes those of the client's own country, which are taken already.
            let there = self.criteria.directory.layout.on_continent(continent);
            self.add(there, FoundVia::Continent(continent));
        }
        self.take_weighted(Tier::Continent);
    }

    pub(super) fn global(&mut self) {
        self.add_all_open();
        self.take_weighted(Tier::Global);
    }

    /// Takes mirrors in the requested countries. Returns whether there are any.
    pub(super) fn asked_countries(&mut self, countries: &Countries) -> bool {
        let any = self.add_asked(countries);
        self.take_weighted(Tier::Country);
        any
    }

    /// Adds the open mirrors in the requested countries to the tier; returns whether there are any.
    pub(super) fn add_asked(&mut self, countries: &Countries) -> bool {
        let mut any = false;
        for &country in &countries.codes {
            any |= self.add_country(country);
        }
        if countries.global {
            any |= self.add_all_open();
        }
        any
    }

    /// Adds the open mirrors of a country to the tier; returns whether there are any.
    pub(super) fn add_country(&mut self, country: Country) -> bool {
        let there = self.criteria.directory.layout.in_country(country);
        let any = self.add(there, FoundVia::Country(country));
        if any {
            self.name(Contribution::Country(country));
        }
        any
    }

    /// Adds all open mirrors to the tier; returns whether there are any.
    pub(super) fn add_all_open(&mut self) -> bool {
        let any = self.add(self.criteria.directory.layout.public(), FoundVia::Global);
        if any {
            self.name(Contribution::Global);
        }
        any
    }

    /// Adds the open mirrors of a set to the tier; returns whether there are any.
    pub(super) fn add(&mut self, set: &[u64], via: FoundVia) -> bool {
        let mut any = 0;
        let Workspace { tier, open, .. } = &mut *self.workspace;
        for (index, ((tier, open), set)) in tier.iter_mut().zip(&*open).zip(set).enumerate() {
            let hosts = open & set;
            any |= hosts;
            *tier |= hosts;
            self.tracer.added(index, hosts, via);
        }
        any != 0
    }

    /// Adds those of `hosts` that are candidates to the tier.
    pub(super) fn add_candidates(&mut self, hosts: &[HostId], via: FoundVia) {
        let Workspace { tier, candidates, .. } = &mut *self.workspace;
        for &host in hosts.iter().filter(|&&host| contains(candidates, host)) {
            insert(tier, host);
            self.tracer.taken(host, via);
        }
    }

    /// Records a contribution once: requested countries may share a continent.
    pub(super) fn name(&mut self, contribution: Contribution) {
        let contributions = &mut self.selection.contributions;
        if self.criteria.names_contributions && !contributions.contains(&contribution) {
            contributions.push(contribution);
        }
    }

    /// Records that the mirrors since the last tier belong to `tier`.
    pub(super) fn end_tier(&mut self, tier: Tier) {
        let end = self.selection.hosts.len();
        let before = self.selection.tiers.last().map_or(0, |&(_, before)| before);
        if before < end {
            self.selection.tiers.push((tier, end));
            self.tracer.ordered(tier, before, self.selection.hosts.get(before..).unwrap_or(&[]));
        }
    }

    /// Selects the mirrors of the tier that are not selected yet, and empties it.
    pub(super) fn take_weighted(&mut self, name: Tier) {
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

    /// Selects those of `hosts` that are candidates and not selected yet, shuffled. Returns whether
    /// any is a candidate.
    fn take_shuffled(&mut self, hosts: &[HostId], via: FoundVia) -> bool {
        let mut any = false;
        let from = self.selection.hosts.len();
        for &host in hosts {
            if contains(&self.workspace.candidates, host) {
                any = true;
                if !contains(&self.workspace.taken, host) {
                    insert(&mut self.workspace.taken, host);
                    self.selection.hosts.push(host);
                    self.tracer.taken(host, via);
                }
            }
        }
        if let Some(new) = self.selection.hosts.get_mut(from..) {
            self.rng.shuffle(new);
        }
        any
    }
}
