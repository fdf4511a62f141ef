//! The mirrors from which a list is chosen: those that can serve what is asked for.

use super::criteria::Criteria;
use super::first_place::FirstPlace;
use super::trace::{Reason, Tracer};
use model::geo::{Country, Location};
use model::ids::HostId;
use snapshot::{Snapshot, insert, members, remove};

/// Buffers that are reused for each selection.
#[derive(Default)]
pub struct Workspace {
    /// Mirrors that carry the directory and offer a protocol.
    pub(super) candidates: Vec<u64>,
    /// The candidates that are public and serve the client's country.
    pub(super) open: Vec<u64>,
    /// Mirrors that are in the selection already.
    pub(super) taken: Vec<u64>,
    /// The mirrors of the current tier.
    pub(super) tier: Vec<u64>,
    pub(super) keys: Vec<u64>,
    /// The chances of mirrors to be first, where those are limited.
    pub(super) first_place: FirstPlace,
}

impl Workspace {
    /// Finds the candidates.
    pub(super) fn prepare(
        &mut self,
        snapshot: &Snapshot,
        criteria: &Criteria<'_>,
        tracer: &mut impl Tracer,
    ) {
        let Criteria { directory, protocols, .. } = criteria;
        let refusing = snapshot.refusing(criteria.location.and_then(Location::country));
        let word = |set: &[u64], index: usize| set.get(index).copied().unwrap_or(0);
        self.candidates.clear();
        self.open.clear();
        for (index, carriers) in directory.carriers.iter().enumerate() {
            let offering = carriers & directory.layout.offering(*protocols, index);
            let public = offering & word(directory.layout.public(), index);
            let open = public & !word(refusing, index);
            let rests = word(snapshot.hosts().resting(), index);
            self.candidates.push(if criteria.private { offering } else { public } & !rests);
            self.open.push(open & !rests);
            tracer.left_out(index, !carriers, Reason::NotCarried);
            tracer.left_out(index, carriers & !offering, Reason::NoProtocol);
            tracer.left_out(index, offering & !public, Reason::Private);
            tracer.left_out(index, public & !open, Reason::RefusesCountry);
            tracer.left_out(index, offering & rests, Reason::Rests);
        }
        for set in [&mut self.taken, &mut self.tier] {
            set.clear();
            set.resize(directory.carriers.len(), 0);
        }
        // The last report counts, so the first reason comes last.
        if let Some(version) = criteria.ip_version {
            let failing = directory.layout.failing(version);
            self.tier.iter_mut().zip(failing).for_each(|(out, failing)| *out = *failing);
            self.leave_out(criteria, Reason::IpVersion, tracer);
        }
        if let Some(left_out) = criteria.left_out {
            self.add_located(snapshot, criteria, &left_out.countries);
            self.leave_out(criteria, Reason::ExcludedCountry, tracer);
            left_out.mirrors(snapshot.hosts()).for_each(|host| insert(&mut self.tier, host));
            self.leave_out(criteria, Reason::Excluded, tracer);
        }
        for &host in criteria.excluded {
            remove(&mut self.candidates, host);
            remove(&mut self.open, host);
            tracer.excluded(host);
        }
    }

    /// Leaves out the mirrors in `tier`, which it empties.
    fn leave_out(&mut self, criteria: &Criteria<'_>, reason: Reason, tracer: &mut impl Tracer) {
        let Criteria { directory, protocols, .. } = criteria;
        let Self { candidates, open, tier, .. } = self;
        let sets = candidates.iter_mut().zip(open).zip(tier).zip(directory.carriers);
        for (index, (((candidates, open), out), carriers)) in sets.enumerate() {
            // Of the others it is said that they have nothing to offer.
            let offering = carriers & directory.layout.offering(*protocols, index);
            tracer.left_out(index, offering & *out, reason);
            *candidates &= !*out;
            *open &= !*out;
            *out = 0;
        }
    }

    /// Adds to `tier` the mirrors that are listed in one of these countries, and those that are in one: private
    /// mirrors may be listed in none.
    fn add_located(&mut self, snapshot: &Snapshot, criteria: &Criteria<'_>, countries: &[Country]) {
        let there = &mut self.tier;
        for &country in countries {
            let listed = criteria.directory.layout.in_country(country);
            there.iter_mut().zip(listed).for_each(|(all, listed)| *all |= listed);
        }
        if countries.is_empty() {
            return;
        }
        let country = |&host: &HostId| snapshot.hosts().country(host);
        let is_there = |host: &HostId| country(host).is_some_and(|own| countries.contains(&own));
        members(criteria.directory.carriers).filter(is_there).for_each(|host| insert(there, host));
    }

    /// Keeps only candidates of the countries asked for, or else of the client's country.
    pub(super) fn keep_countries(
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
