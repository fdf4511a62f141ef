//! The order of distance: after the mirrors of the client's own network, those of its country, then the
//! nearest of all others, band by band.
//!
//! Which mirrors are about equally near is decided when a snapshot is compiled, for each area in which
//! clients can be. A request intersects the bands of its area with its candidates, the nearest first, until
//! it has enough. Within a band mirrors are drawn by bandwidth, so the share of first places that a mirror
//! gets is its share of the bandwidth of those that are equally near.
//!
//! Mirrors of unknown place come last, and so do all of them for a client of unknown place: then they are
//! drawn from the whole world.

use super::selecting::Selecting;
use super::selection::Contribution;
use super::trace::{FoundVia, Tracer};
use model::area::AreaId;
use model::geo::{Country, Location};
use model::tier::Tier;
use snapshot::bands::BandView;

/// Chooses and orders mirrors. `has_monopoly` says that only mirrors with a monopoly are candidates.
pub(super) fn select<T: Tracer>(selecting: &mut Selecting<'_, '_, T>, has_monopoly: bool) {
    let criteria = selecting.criteria;
    if selecting.uses_networks() {
        selecting.own_networks();
    }
    if has_monopoly {
        return;
    }
    if criteria.countries.is_some_and(|asked| selecting.asked_countries(asked)) {
        return;
    }
    // No mirror is in the countries asked for: what follows is for the first of them that exists.
    let snapshot = selecting.snapshot;
    let asked = criteria.countries.into_iter().flat_map(|asked| asked.codes.iter().copied());
    let mut known = asked.filter_map(|country| {
        let (area, continent) = (snapshot.find_whole(country), snapshot.find_continent(country));
        (area.is_some() || continent.is_some()).then_some((area, continent))
    });
    let of_client = || (criteria.area, criteria.location.and_then(Location::continent));
    let (area, continent) = known.next().unwrap_or_else(of_client);
    if let Some(area) = area {
        bands(selecting, area);
    }
    if selecting.selection.hosts.is_empty() {
        selecting.continent(continent, None);
    }
    // Nobody is left if other countries do not count.
    if !has_enough(selecting) && !criteria.country_only {
        selecting.global();
    }
}

/// Takes the mirrors around an area until there are enough.
fn bands<T: Tracer>(selecting: &mut Selecting<'_, '_, T>, area: AreaId) {
    let snapshot = selecting.snapshot;
    let own = snapshot.area(area).and_then(|area| area.location.country());
    for band in snapshot.bands(area) {
        if has_enough(selecting) {
            break;
        }
        if !selecting.add(band.hosts, FoundVia::Distance(band.km)) {
            continue;
        }
        let (tier, contribution) = names(&band, own);
        selecting.name(contribution);
        selecting.take_weighted(tier);
    }
}

/// The tier of a band, and how answers name it. `own` is the country of the client's area.
pub(super) fn names(band: &BandView<'_>, own: Option<Country>) -> (Tier, Contribution) {
    match own.filter(|_| band.is_own_country) {
        Some(own) => (Tier::Geoip, Contribution::Country(own)),
        None => (Tier::Nearest, Contribution::Nearest),
    }
}

/// Whether there are enough mirrors even if all that share a URL with another one are left out.
fn has_enough<T: Tracer>(selecting: &Selecting<'_, '_, T>) -> bool {
    let Selecting { criteria, workspace, .. } = selecting;
    let mut n_selected = selecting.n_current();
    if n_selected < criteria.enough {
        return false;
    }
    if let Some(sharing) = criteria.sharing {
        let behind = criteria.directory.behind;
        let words = workspace.taken.iter().zip(sharing).enumerate();
        let shared = words.map(|(index, (taken, sharing))| {
            let behind = behind.get(index).copied().unwrap_or(0);
            (taken & sharing & !behind).count_ones() as usize
        });
        n_selected -= shared.sum::<usize>().min(n_selected);
    }
    n_selected >= criteria.enough && selecting.has_first()
}
