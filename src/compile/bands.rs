//! Puts all mirrors in bands of distance around each area in which clients can be.
//!
//! The mirrors of a band are equally near for all that is known: a table of networks knows a city at best,
//! and the time that a packet takes depends on more than distance. A band begins with the nearest mirror
//! that is in none yet, and reaches as far as 300 km behind it, or a quarter of its distance if that is
//! more. Mirrors of the client's own country are a band of their own before the others.
//!
//! If no more of a client is known than its country, all mirrors of the country are equally near. With
//! AlmaLinux's mirrors and the open tables, the first mirror is 32 km away on average (from the centre of
//! the client's country to that of the mirror's), where 29 is the least possible without sharing load.

use std::collections::BTreeMap;

use model::area::Area;
use model::geo::Country;
use model::host_set::{empty_set, insert};
use model::ids::HostId;
use model::point::Point;
use snapshot::tables::{Band, HostSets, Tables};

/// How much farther than the nearest of its mirrors a band reaches at least, in km.
const DEPTH_KM: f64 = 300.0;
/// How much farther it reaches as a share of the distance of the nearest.
const DEPTH_SHARE: f64 = 0.25;

/// Mirrors at one point, in one country.
struct Site {
    country: Option<Country>,
    point: Point,
    hosts: Box<[u64]>,
}

/// Fills in the bands of all areas of `tables`, which must have the mirrors and the centres of countries.
pub(super) fn lay_out(tables: &mut Tables) -> Option<()> {
    let countries = countries_of_hosts(tables);
    let sites = find_sites(tables, &countries);
    let of_country = hosts_of_countries(&countries);
    tables.band_hosts = HostSets::new(tables.hosts.len());
    for &area in &tables.areas {
        let own = area.location.country().filter(|_| area.point.is_none());
        let own = own.and_then(|country| of_country.get(&country));
        let own = own.map(|hosts| (Reach { km: (0.0, 0.0), is_own_country: true }, hosts.clone()));
        let centre = area.point.or_else(|| find_centre(&tables.centres, area.location.country()?));
        let around = centre.map(|centre| bands_around(area, centre, &sites));
        let mut bands = Vec::new();
        for (Reach { km: (from, to), is_own_country }, hosts) in
            own.into_iter().chain(around.into_iter().flatten())
        {
            let hosts = tables.band_hosts.push(&hosts)?;
            bands.push(Band { hosts, km: (whole_km(from), whole_km(to)), is_own_country });
        }
        tables.bands.push(bands)?;
    }
    Some(())
}

/// How far the mirrors of a band are.
#[derive(Clone, Copy)]
struct Reach {
    km: (f64, f64),
    is_own_country: bool,
}

/// The bands of sites around the centre of an area; without those in its own country if the area is all of
/// it.
fn bands_around(area: Area, centre: Point, sites: &[Site]) -> Vec<(Reach, Box<[u64]>)> {
    let own = area.location.country();
    let is_own = |site: &Site| site.country.is_some() && site.country == own;
    let others = sites.iter().filter(|site| area.point.is_some() || !is_own(site));
    let mut by_distance: Vec<(f64, &Site)> =
        others.map(|site| (centre.km_to(site.point), site)).collect();
    // The sort is stable, so equal distances give equal snapshots.
    by_distance.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut bands = Vec::new();
    let mut rest = &by_distance[..];
    while let Some(&(nearest, _)) = rest.first() {
        let end = nearest + DEPTH_KM.max(nearest * DEPTH_SHARE);
        let (band, behind) = rest.split_at(rest.partition_point(|&(km, _)| km <= end));
        for is_own_country in [true, false] {
            let members = band.iter().filter(|(_, site)| is_own(site) == is_own_country);
            let joined = members.fold(None, |joined: Option<(Reach, Box<[u64]>)>, (km, site)| {
                let (from, mut hosts) = match joined {
                    Some((reach, hosts)) => (reach.km.0, hosts),
                    None => (*km, vec![0; site.hosts.len()].into()),
                };
                hosts.iter_mut().zip(&site.hosts).for_each(|(all, own)| *all |= own);
                Some((Reach { km: (from, *km), is_own_country }, hosts))
            });
            bands.extend(joined);
        }
        rest = behind;
    }
    bands
}

/// The mirrors of known places, those at one point together.
fn find_sites(tables: &Tables, countries: &[Option<Country>]) -> Vec<Site> {
    let n_hosts = tables.hosts.len();
    let mut sites: BTreeMap<(Point, Option<Country>), Box<[u64]>> = BTreeMap::new();
    for ((id, host), country) in (0..).map(HostId).zip(&tables.hosts).zip(countries.iter().copied())
    {
        let centre = || find_centre(&tables.centres, country?);
        if let Some(point) = host.point.or_else(centre) {
            insert(sites.entry((point, country)).or_insert_with(|| empty_set(n_hosts)), id);
        }
    }
    sites.into_iter().map(|((point, country), hosts)| Site { country, point, hosts }).collect()
}

/// The country of each mirror: where it is, or else the first in which it is listed.
fn countries_of_hosts(tables: &Tables) -> Vec<Option<Country>> {
    let mut countries: Vec<_> = tables.hosts.iter().map(|host| host.country).collect();
    for layout in &tables.layouts {
        for (country, slot) in countries.iter_mut().zip(&layout.slots) {
            let listed = || tables.country_sets.get(slot.as_ref()?.countries as usize).first();
            *country = country.or_else(|| listed().copied());
        }
    }
    countries
}

fn hosts_of_countries(countries: &[Option<Country>]) -> BTreeMap<Country, Box<[u64]>> {
    let mut hosts = BTreeMap::new();
    for (id, country) in (0..).map(HostId).zip(countries) {
        if let Some(country) = country {
            let set = hosts.entry(*country).or_insert_with(|| empty_set(countries.len()));
            insert(set, id);
        }
    }
    hosts
}

fn find_centre(centres: &[(Country, Point)], country: Country) -> Option<Point> {
    let index = centres.binary_search_by_key(&country, |&(known, _)| known).ok()?;
    centres.get(index).map(|&(_, point)| point)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no distance is negative or more than 20,016 km"
)]
fn whole_km(km: f64) -> u16 {
    km.round() as u16
}
