//! Chooses and orders mirrors, tier by tier from the client's own network to the whole world.
//!
//! Sets of mirrors are bit sets, and a tier by location is their intersection: the public mirrors that
//! carry the directory, offer a requested protocol, serve the client's country, and are in the tier's
//! countries. The tiers of netblocks and autonomous systems also take private mirrors and those that do
//! not serve the client's country. If they find a mirror with a monopoly, the answer has only mirrors
//! with one, from these two tiers. A tier *contributed* if it has any mirror; only then is it named in
//! the answer.
//!
//! Mirrors of which checks have found older content ([`behind`](snapshot::DirectoryView::behind)) are listed after all others of
//! the list, in the same order of tiers. They do not count as found where mirrors must be enough, so that they
//! keep no current mirror out.
//!
//! Every tier is restricted to the requested protocols. If the nearest mirrors do not offer one, the
//! answer has mirrors farther away, never another protocol.
//!
//! Each decision about a mirror is reported to a [`Tracer`].

use fastrand::Rng;

use super::candidates::Workspace;
use super::criteria::{Criteria, SelectionOrder};
use super::nearest;
use super::query::Countries;
use super::selecting::Selecting;
use super::selection::{Contribution, Selection};
use super::trace::{Cut, FoundVia, Reason, Tracer};
use model::geo::Location;
use model::ids::HostId;
use model::tier::Tier;
use snapshot::{Snapshot, contains, insert, remove};

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
        SelectionOrder::Nearest => nearest::select(&mut selecting, has_monopoly),
        SelectionOrder::Random => selecting.by_chance(has_monopoly),
        SelectionOrder::Fixed(hosts) => selecting.in_order(hosts),
    }
    // A fixed order is the same for all clients.
    let is_fixed = matches!(criteria.order, SelectionOrder::Fixed(_));
    if !has_monopoly && !is_fixed {
        selecting.take_working();
    }
    selecting.put_behind_last();
    if !is_fixed {
        selecting.settle_first();
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
    let Selection { hosts, tiers, contributions, .. } = selection;
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
        Contribution::Nearest => has_tier(Tier::Nearest),
        // With `country=global`, all mirrors are in the tier of countries.
        Contribution::Global => has_tier(Tier::Global) || has_tier(Tier::Country),
    });
}

impl<T: Tracer> Selecting<'_, '_, T> {
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
        if self.n_current() < criteria.minimum && !criteria.country_only {
            self.global();
        }
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
        let mut any = self.add_asked(countries);
        if !any {
            for &asked in &countries.codes {
                for country in snapshot.continent_of(asked).filter(|&country| country != asked) {
                    any |= self.add_country(country);
                }
            }
        }
        any
    }
}
