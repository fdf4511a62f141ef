//! Decides which mirror is first where weights alone do not, and that clients reach one of the first.
//!
//! Clients take the first mirror, so three rules concern it: a mirror that does not work over the client's
//! version of IP is not first ([`Criteria::speaks`]), a mirror with a limited share is first only that often
//! ([`FirstPlace`]), and a redirect that is asked for again has another first mirror
//! ([`Criteria::position`]). Without any of them, nothing is done.
//!
//! A mirror that is behind is not first while others are there that may be. The one exception is the mirror that
//! is known to work over IPv6, of which clients get one among the first: if only mirrors that are behind are
//! known to, it is one of these, as a client of IPv6 alone reaches no other.
//!
//! Mirrors of the client's own networks are above limits of shares: who put a network there wants its clients.
//! A redirect that is asked for again leaves them as it leaves others.

use super::candidates::Workspace;
use super::criteria::{Criteria, SelectionOrder};
use super::first_place::{Contender, FirstPlace};
use super::nearest::names;
use super::order::weighted;
use super::selecting::Selecting;
use super::selection::{Contribution, Selection};
use super::trace::{FoundVia, Moved, Tracer};
use model::families::IpVersion;
use model::ids::HostId;
use model::tier::Tier;
use snapshot::hosts::{HostIndex, Weight};
use snapshot::{contains, insert, members};

/// The number of first mirrors of which one is to work over IPv6: zypper reads four URLs, so it reads them all
/// where each mirror has one.
const FRONT: usize = 4;
/// The most clients that get one mirror by position, in percent. The others get the next one: of four
/// positions that are a quarter of the line apart, one has another mirror at least.
const MOST_BY_POSITION: u8 = 75;

/// Which of the selected mirrors may be first.
#[derive(Clone, Copy)]
pub struct Eligible<'a> {
    /// Those that are known not to work over the client's version of IP are not.
    failing: &'a [u64],
    /// Those that are behind are not.
    behind: &'a [u64],
    /// None but those that are known to work over it are.
    working: Option<&'a [u64]>,
}

impl<'a> Eligible<'a> {
    /// Which of `hosts`, the selected mirrors, may be first. One of them may.
    pub fn of(criteria: &Criteria<'a>, hosts: impl Iterator<Item = HostId> + Clone) -> Self {
        // Each rule counts if it leaves any mirror, the most important one first.
        let is_any = |eligible: Self| hosts.clone().any(|host| eligible.has(host));
        let or = |stricter, looser| if is_any(stricter) { stricter } else { looser };
        let all = Self { failing: &[], behind: &[], working: None };
        let working = working(criteria).filter(|_| criteria.is_single);
        let eligible = or(Self { working, ..all }, all);
        let eligible = or(Self { behind: criteria.directory.behind, ..eligible }, eligible);
        or(Self { failing: failing(criteria), ..eligible }, eligible)
    }

    /// Whether a mirror may be first.
    pub fn has(self, host: HostId) -> bool {
        !contains(self.failing, host)
            && !contains(self.behind, host)
            && self.working.is_none_or(|working| contains(working, host))
    }
}

/// Computes the chances of selected mirrors to be first. `hosts` and `tiers` are those of a [`Selection`]
/// in the order of tiers. The mirrors of the client's networks, which decide alone where there are any, count
/// in redirects that are asked for again only. They are equals, and have no limit but that.
pub fn chances(
    index: &HostIndex,
    criteria: &Criteria<'_>,
    (hosts, tiers): (&[HostId], &[(Tier, usize)]),
    eligible: Eligible<'_>,
    first_place: &mut FirstPlace,
) {
    let most = if criteria.position.is_some() { MOST_BY_POSITION } else { 100 };
    first_place.clear();
    let mut from = 0;
    for &(tier, end) in tiers {
        let band = hosts.get(from..end).unwrap_or(&[]);
        from = end;
        let is_own = is_own_network(tier);
        if is_own && criteria.position.is_none() {
            continue;
        }
        let contenders = band.iter().filter(|&&host| eligible.has(host)).map(|&host| {
            if is_own {
                return Contender { host, weight: Weight::new(1), max_share: most };
            }
            let contender = Contender::new(index, host);
            Contender { max_share: contender.max_share.min(most), ..contender }
        });
        if !first_place.add_band(contenders) {
            break;
        }
    }
}

/// The mirrors that are known not to work over the client's version of IP; empty if there are none, or if
/// that does not count.
fn failing<'a>(criteria: &Criteria<'a>) -> &'a [u64] {
    criteria.speaks.map_or(&[], |version| criteria.directory.layout.failing(version))
}

fn is_own_network(tier: Tier) -> bool {
    matches!(tier, Tier::Netblock | Tier::Asn)
}

impl<T: Tracer> Selecting<'_, '_, T> {
    /// Whether a mirror is selected that may be the first one for any number of clients.
    pub(super) fn has_first(&self) -> bool {
        let (failing, capped) = (failing(self.criteria), self.snapshot.hosts().capped());
        let excluded = [failing, capped, self.criteria.directory.behind];
        if excluded.iter().all(|set| set.is_empty()) {
            return true;
        }
        let may_be = |&host: &HostId| !excluded.iter().any(|set| contains(set, host));
        self.selection.hosts.iter().any(may_be)
    }

    /// Moves the mirror to the front that is to be the first.
    pub(super) fn settle_first(&mut self) {
        let Self { snapshot, criteria, .. } = *self;
        let index = snapshot.hosts();
        let capped = index.capped();
        let is_free = failing(criteria).is_empty() && working(criteria).is_none();
        if is_free && capped.is_empty() && criteria.position.is_none() {
            return;
        }
        let Selection { hosts, tiers, .. } = &*self.selection;
        let eligible = Eligible::of(criteria, hosts.iter().copied());
        let Some(best) = hosts.iter().position(|&host| eligible.has(host)) else { return };
        let Some(at) = tiers.iter().position(|&(_, end)| best < end) else { return };
        let Some(&(tier, end)) = tiers.get(at) else { return };
        let from =
            at.checked_sub(1).and_then(|before| tiers.get(before)).map_or(0, |&(_, end)| end);
        let band = hosts.get(from..end).unwrap_or(&[]);
        let is_limited = !is_own_network(tier) && band.iter().any(|&host| contains(capped, host));
        if criteria.position.is_none() && !is_limited {
            return self.lead(best, Moved::IpVersion);
        }
        let first_place = &mut self.workspace.first_place;
        chances(index, criteria, (hosts, tiers), eligible, first_place);
        let (position, moved) = match criteria.position {
            Some(position) => (position, Moved::Position),
            None => (self.rng.f64(), Moved::MaxShare),
        };
        let drawn = first_place.at(position);
        if let Some(place) = hosts.iter().position(|&host| Some(host) == drawn) {
            self.lead(place, moved);
        }
    }

    /// Moves the mirror at `place` to the front.
    fn lead(&mut self, place: usize, moved: Moved) {
        if place > 0 {
            self.selection.promote(place, 0);
            if let Some(&host) = self.selection.hosts.first() {
                self.tracer.moved(host, moved);
            }
        }
    }

    /// If none of the selected mirrors is known to work over the client's version of IP, but others are,
    /// adds the nearest one of these. One that is behind is only added if no other one is known to.
    pub(super) fn take_working(&mut self) {
        let criteria = self.criteria;
        let Some(working) = working(criteria) else { return };
        // Countries that a client names are all that it wants.
        if criteria.countries.is_some_and(|asked| !asked.global) {
            return;
        }
        let behind = criteria.directory.behind;
        for not_wanted in [behind, &[]] {
            let is_wanted = |&host: &HostId| contains(working, host) && !contains(not_wanted, host);
            let is_there = self.selection.hosts.iter().any(is_wanted);
            if is_there || self.take_nearest(working, not_wanted) || behind.is_empty() {
                return;
            }
        }
    }

    /// Adds the nearest of the open mirrors in `among` that are not in `not_wanted`; returns whether there is
    /// one.
    fn take_nearest(&mut self, among: &[u64], not_wanted: &[u64]) -> bool {
        let Self { snapshot, criteria, .. } = *self;
        let is_by_distance = matches!(criteria.order, SelectionOrder::Nearest);
        let area = criteria.area.filter(|_| is_by_distance);
        let own =
            area.and_then(|area| snapshot.area(area)).and_then(|area| area.location.country());
        let mut bands = area.into_iter().flat_map(|area| snapshot.bands(area));
        let Workspace { open, tier: usable, keys, .. } = &mut *self.workspace;
        let mut keep_usable = |there: &[u64]| {
            let words = usable.iter_mut().zip(&*open).zip(among).zip(there).enumerate();
            words.fold(false, |any, (index, (((usable, open), among), there))| {
                let not_wanted = not_wanted.get(index).copied().unwrap_or(0);
                *usable = open & among & there & !not_wanted;
                any || *usable != 0
            })
        };
        let (via, tier, contribution) = match bands.find(|band| keep_usable(band.hosts)) {
            Some(band) => {
                let (tier, contribution) = names(&band, own);
                (FoundVia::Distance(band.km), tier, contribution)
            }
            None if keep_usable(criteria.directory.layout.public()) => {
                (FoundVia::Global, Tier::Global, Contribution::Global)
            }
            None => return false,
        };
        // One is enough.
        let hosts = &mut self.selection.hosts;
        let n_before = hosts.len();
        let weight = |host| snapshot.hosts().weight(host);
        weighted(members(usable), weight, self.rng, keys, hosts);
        usable.fill(0);
        let Some(&host) = hosts.get(n_before) else { return false };
        hosts.truncate(n_before);
        insert(usable, host);
        self.tracer.taken(host, via);
        self.name(contribution);
        self.take_weighted(tier);
        true
    }
}

/// Makes steps of the selection say what its order does, for formats whose readers draw among the mirrors of a
/// step: the one that was settled as the first is a step of its own, and those that are known not to work over
/// the client's version of IP come after the others of theirs.
pub fn divide_steps(index: &HostIndex, criteria: &Criteria<'_>, selection: &mut Selection) {
    if matches!(criteria.order, SelectionOrder::Fixed(_)) {
        return;
    }
    let Some(&(tier, end)) = selection.tiers.first() else { return };
    let first = selection.hosts.get(..end).unwrap_or(&[]);
    if !is_own_network(tier) && first.iter().any(|&host| contains(index.capped(), host)) {
        selection.divide(1);
    }
    let failing = failing(criteria);
    if !failing.is_empty() {
        selection.set_apart(|host| !contains(failing, host));
    }
}

/// Moves a mirror that is known to work over the client's version of IP to one of the first places, of at
/// most `max`, if that matters and none is there. If the format `has_steps`, these
/// places are not of one step with further ones.
pub fn keep_working(
    criteria: &Criteria<'_>,
    max: usize,
    has_steps: bool,
    selection: &mut Selection,
    tracer: &mut impl Tracer,
) {
    let Some(working) = working(criteria) else { return };
    // Those that are behind are last, so the first one is current if any is.
    let Some(from) = selection.hosts.iter().position(|&host| contains(working, host)) else {
        return;
    };
    let Some(last) = FRONT.min(max).checked_sub(1) else { return };
    if from > last {
        selection.promote(from, last);
        if let Some(&host) = selection.hosts.get(last) {
            tracer.moved(host, Moved::IpVersion);
        }
    }
    if has_steps {
        selection.divide(last + 1);
    }
}

/// The mirrors that are known to work over the client's version of IP, if one of them has to be among the
/// first: clients of IPv6 may have nothing else, and not every mirror has it.
fn working<'a>(criteria: &Criteria<'a>) -> Option<&'a [u64]> {
    let version = criteria.speaks.filter(|&version| version == IpVersion::V6)?;
    Some(criteria.directory.layout.working(version)).filter(|working| !working.is_empty())
}
