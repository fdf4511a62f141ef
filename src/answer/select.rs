//! Chooses and orders mirrors, tier by tier from the client's own network to the whole world.
//!
//! Sets of mirrors are bit sets, and a tier by location is their intersection: the public mirrors that
//! carry the directory, offer a requested protocol, serve the client's country, and are in the tier's
//! countries. The tiers of netblocks and autonomous systems also take private mirrors and those that do
//! not serve the client's country. If they find a mirror with a monopoly, the answer has only mirrors
//! with one, from these two tiers. A tier *contributed* if it has any mirror; only then is it named in
//! the answer.
//!
//! Every tier is restricted to the requested protocols. If the nearest mirrors do not offer one, the
//! answer has mirrors farther away, never another protocol.
//!
//! Each decision about a mirror is reported to a [`Tracer`].

use fastrand::Rng;

use super::criteria::{Criteria, SelectionOrder};
use super::order::weighted;
use super::query::Countries;
use super::selection::{Contribution, Selection};
use super::trace::{Cut, FoundVia, Reason, Tracer};
use model::geo::{Continent, Country, Location};
use model::ids::HostId;
use model::tier::Tier;
use snapshot::{Snapshot, contains, insert, members, remove};

/// Buffers that are reused for each selection.
#[derive(Default)]
pub struct Workspace {
    /// Mirrors that carry the directory and offer a protocol.
    candidates: Vec<u64>,
    /// The candidates that are public and serve the client's country.
    open: Vec<u64>,
    /// Mirrors that are in the selection already.
    taken: Vec<u64>,
    /// The mirrors of the current tier.
    tier: Vec<u64>,
    keys: Vec<u64>,
}

/// Chooses and orders mirrors; replaces the content of `selection`.
pub fn select(
    snapshot: &Snapshot,
    criteria: &Criteria<'_>,
    rng: &mut Rng,
    workspace: &mut Workspace,
    selection: &mut Selection,
    tracer: &mut impl Tracer,
) {
    selection.hosts.clear();
    selection.contributions.clear();
    selection.tiers.clear();
    workspace.prepare(snapshot, criteria, tracer);
    let mut selecting = Selecting { snapshot, criteria, rng, workspace, selection, tracer };
    let has_monopoly = selecting.uses_networks() && selecting.keep_monopolies();
    if criteria.country_only && !has_monopoly {
        selecting.workspace.keep_countries(snapshot, criteria, selecting.tracer);
    }
    match criteria.order {
        SelectionOrder::Tiers => selecting.by_tiers(has_monopoly),
        SelectionOrder::Random => selecting.by_chance(has_monopoly),
        SelectionOrder::Fixed(hosts) => selecting.in_order(hosts),
    }
}

/// Removes the mirrors in `left_out` (in the order of the selection) and keeps the first `max` of the
/// others. Drops contributions of which no mirror is left. `workspace` and `selection` must be those
/// of the last `select`.
pub fn limit(
    max: usize,
    left_out: &[HostId],
    snapshot: &Snapshot,
    criteria: &Criteria<'_>,
    workspace: &mut Workspace,
    selection: &mut Selection,
    tracer: &mut impl Tracer,
) {
    let mut is_shorter = selection.remove(left_out);
    tracer.cut(left_out, Cut::RepeatedUrls);
    tracer.cut(selection.hosts.get(max..).unwrap_or(&[]), Cut::BeyondMax);
    is_shorter |= selection.truncate(max);
    if !is_shorter || selection.contributions.is_empty() {
        return;
    }
    let Workspace { open, taken: listed, .. } = workspace;
    let Selection { hosts, tiers, contributions } = selection;
    listed.fill(0);
    hosts.iter().for_each(|&host| insert(listed, host));
    let has_tier = |tier| tiers.iter().any(|&(other, _)| other == tier);
    let has_country = |country| {
        let there = criteria.directory.layout.in_country(country);
        listed.iter().zip(&*open).zip(there).any(|((listed, open), set)| listed & open & set != 0)
    };
    let has_asn = || {
        let (_, hosts) = snapshot.find_asn(criteria.client)?;
        Some(hosts.iter().any(|&host| contains(listed, host)))
    };
    contributions.retain(|&contribution| match contribution {
        Contribution::Netblock => has_tier(Tier::Netblock),
        Contribution::Asn(_) => has_asn().unwrap_or(false),
        Contribution::Country(country) => has_country(country),
        // With `country=global`, all mirrors are in the tier of countries.
        Contribution::Global => has_tier(Tier::Global) || has_tier(Tier::Country),
    });
}

impl Workspace {
    fn prepare(&mut self, snapshot: &Snapshot, criteria: &Criteria<'_>, tracer: &mut impl Tracer) {
        let Criteria { directory, protocols, .. } = criteria;
        let refusing = snapshot.refusing(criteria.location.and_then(Location::country));
        let word = |set: &[u64], index: usize| set.get(index).copied().unwrap_or(0);
        self.candidates.clear();
        self.open.clear();
        for (index, carriers) in directory.carriers.iter().enumerate() {
            let offering = carriers & directory.layout.offering(*protocols, index);
            let public = offering & word(directory.layout.public(), index);
            let open = public & !word(refusing, index);
            self.candidates.push(if criteria.private { offering } else { public });
            self.open.push(open);
            tracer.left_out(index, !carriers, Reason::NotCarried);
            tracer.left_out(index, carriers & !offering, Reason::NoProtocol);
            tracer.left_out(index, offering & !public, Reason::Private);
            tracer.left_out(index, public & !open, Reason::RefusesCountry);
        }
        for &host in criteria.excluded {
            remove(&mut self.candidates, host);
            remove(&mut self.open, host);
            tracer.excluded(host);
        }
        for set in [&mut self.taken, &mut self.tier] {
            set.clear();
            set.resize(directory.carriers.len(), 0);
        }
    }

    /// Keeps only candidates of the countries asked for, or else of the client's country.
    fn keep_countries(
        &mut self,
        snapshot: &Snapshot,
        criteria: &Criteria<'_>,
        tracer: &mut impl Tracer,
    ) {
        let own = criteria.location.and_then(Location::country);
        let countries = match criteria.countries {
            Some(countries) if countries.global => return,
            Some(countries) => &countries.codes[..],
            None => own.as_slice(),
        };
        let layout = criteria.directory.layout;
        let Self { candidates, open, tier: there, .. } = self;
        for &country in countries {
            for (all, own) in there.iter_mut().zip(layout.in_country(country)) {
                *all |= own;
            }
        }
        // Private mirrors may be listed in no country.
        let is_there = |host: &HostId| {
            snapshot.hosts().country(*host).is_some_and(|country| countries.contains(&country))
        };
        for (index, (candidates, public)) in candidates.iter().zip(layout.public()).enumerate() {
            let Ok(base) = u32::try_from(index * 64) else { continue };
            let private = [candidates & !public];
            let hosts = members(&private).map(|HostId(bit)| HostId(base + bit));
            hosts.filter(is_there).for_each(|host| insert(there, host));
        }
        let words = candidates.iter_mut().zip(open).zip(there);
        for (index, ((candidates, open), there)) in words.enumerate() {
            tracer.left_out(index, *candidates & !*there, Reason::OtherCountry);
            *candidates &= *there;
            *open &= *there;
            *there = 0;
        }
    }
}

struct Selecting<'a, 's, T> {
    snapshot: &'a Snapshot,
    criteria: &'a Criteria<'s>,
    rng: &'a mut Rng,
    workspace: &'a mut Workspace,
    selection: &'a mut Selection,
    tracer: &'a mut T,
}

impl<T: Tracer> Selecting<'_, '_, T> {
    /// Whether the client's networks count.
    fn uses_networks(&self) -> bool {
        let is_for_client = !matches!(self.criteria.order, SelectionOrder::Fixed(_));
        is_for_client && self.criteria.netblocks && self.criteria.countries.is_none()
    }

    fn by_tiers(&mut self, has_monopoly: bool) {
        let Self { snapshot, criteria, .. } = *self;
        if self.uses_networks() {
            self.own_networks();
        }
        if has_monopoly || criteria.countries.is_some_and(|asked| self.countries(asked)) {
            return;
        }
        if let Some(country) = criteria.location.and_then(Location::country) {
            self.geoip(country);
            self.continent(snapshot.find_continent(country), Some(country));
        } else {
            self.continent(criteria.location.and_then(Location::continent), None);
        }
        // Nobody is left if other countries do not count.
        if self.selection.hosts.len() < criteria.minimum && !criteria.country_only {
            self.global();
        }
    }

    /// Takes the mirrors of the client's networks.
    fn own_networks(&mut self) {
        self.netblocks();
        self.asn();
    }

    fn by_chance(&mut self, has_monopoly: bool) {
        let Self { snapshot, criteria, .. } = *self;
        if has_monopoly {
            return self.own_networks();
        }
        if criteria.countries.is_some_and(|asked| self.countries(asked)) {
            return;
        }
        if self.uses_networks() {
            // Private mirrors of the client's networks are chosen with all others.
            for (prefix, hosts) in snapshot.netblocks(criteria.client) {
                self.add_candidates(hosts, FoundVia::Netblock(prefix));
            }
            if let Some((asn, hosts)) = snapshot.find_asn(criteria.client) {
                self.add_candidates(hosts, FoundVia::Asn(asn));
            }
        }
        match criteria.location.and_then(Location::country) {
            Some(country) if criteria.country_only => self.geoip(country),
            _ => self.global(),
        }
    }

    /// Takes mirrors in an order that is the same for all clients: those of the countries asked for, or else
    /// of their continents, or else all.
    fn in_order(&mut self, hosts: &[HostId]) {
        let Workspace { open, tier: listed, .. } = &mut *self.workspace;
        hosts.iter().for_each(|&host| insert(listed, host));
        for (index, (open, listed)) in open.iter_mut().zip(listed).enumerate() {
            self.tracer.left_out(index, *open & !*listed, Reason::RefusesCountry);
            *open &= *listed;
            *listed = 0;
        }
        let asked = self.criteria.countries.filter(|asked| !asked.global);
        let own = self.criteria.location.and_then(Location::country);
        let tier = match (asked, own) {
            (Some(asked), _) if self.add_countries(asked) => Tier::Country,
            (None, Some(own)) if self.criteria.country_only => {
                self.add_country(own);
                Tier::Geoip
            }
            _ => {
                self.add_all_open();
                Tier::Global
            }
        };
        for &host in hosts {
            if contains(&self.workspace.tier, host) {
                self.selection.hosts.push(host);
                remove(&mut self.workspace.tier, host);
            }
        }
        self.end_tier(tier);
    }

    /// If the client is in a network or the AS of a candidate with a monopoly, makes such mirrors the
    /// only candidates, and returns true.
    fn keep_monopolies(&mut self) -> bool {
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
        let mut any = false;
        for (prefix, hosts) in self.snapshot.netblocks(self.criteria.client) {
            any |= self.take_shuffled(hosts, FoundVia::Netblock(prefix));
        }
        if any {
            self.name(Contribution::Netblock);
            self.end_tier(Tier::Netblock);
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

    /// Takes mirrors in the requested countries, or else on their continents. Returns whether there
    /// are any.
    fn countries(&mut self, countries: &Countries) -> bool {
        let any = self.add_countries(countries);
        self.take_weighted(Tier::Country);
        any
    }

    /// Adds the open mirrors in the requested countries to the tier, or else those on their continents;
    /// returns whether there are any.
    fn add_countries(&mut self, countries: &Countries) -> bool {
        let snapshot = self.snapshot;
        let mut any = false;
        for &country in &countries.codes {
            any |= self.add_country(country);
        }
        if countries.global {
            any |= self.add_all_open();
        }
        if !any {
            for &asked in &countries.codes {
                for country in snapshot.continent_of(asked).filter(|&country| country != asked) {
                    any |= self.add_country(country);
                }
            }
        }
        any
    }

    fn geoip(&mut self, country: Country) {
        self.add_country(country);
        self.take_weighted(Tier::Geoip);
    }

    /// Takes mirrors on the client's continent outside its own country, if that is known.
    fn continent(&mut self, continent: Option<Continent>, own: Option<Country>) {
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

    fn global(&mut self) {
        self.add_all_open();
        self.take_weighted(Tier::Global);
    }

    /// Adds the open mirrors of a country to the tier; returns whether there are any.
    fn add_country(&mut self, country: Country) -> bool {
        let there = self.criteria.directory.layout.in_country(country);
        let any = self.add(there, FoundVia::Country(country));
        if any {
            self.name(Contribution::Country(country));
        }
        any
    }

    /// Adds all open mirrors to the tier; returns whether there are any.
    fn add_all_open(&mut self) -> bool {
        let any = self.add(self.criteria.directory.layout.public(), FoundVia::Global);
        if any {
            self.name(Contribution::Global);
        }
        any
    }

    /// Adds the open mirrors of a set to the tier; returns whether there are any.
    fn add(&mut self, set: &[u64], via: FoundVia) -> bool {
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
    fn add_candidates(&mut self, hosts: &[HostId], via: FoundVia) {
        let Workspace { tier, candidates, .. } = &mut *self.workspace;
        for &host in hosts.iter().filter(|&&host| contains(candidates, host)) {
            insert(tier, host);
            self.tracer.taken(host, via);
        }
    }

    /// Records a contribution once: requested countries may share a continent.
    fn name(&mut self, contribution: Contribution) {
        let contributions = &mut self.selection.contributions;
        if self.criteria.names_contributions && !contributions.contains(&contribution) {
            contributions.push(contribution);
        }
    }

    /// Records that the mirrors since the last tier belong to `tier`.
    fn end_tier(&mut self, tier: Tier) {
        let end = self.selection.hosts.len();
        let before = self.selection.tiers.last().map_or(0, |&(_, before)| before);
        if before < end {
            self.selection.tiers.push((tier, end));
            self.tracer.ordered(tier, before, self.selection.hosts.get(before..).unwrap_or(&[]));
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
