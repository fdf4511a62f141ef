//! Compares the first places that mirrors get with their shares of the bandwidth.
//!
//! Clients whose first mirror is of their own network are left out, on both sides: such a mirror is there for
//! them, whatever its bandwidth.

use rustc_hash::FxHashMap;

use model::ids::HostId;
use model::tier::Tier;

/// A mirror is compared only where chance moves its share by less than this part (one standard deviation).
const MAX_NOISE: f64 = 0.07;
/// A mirror that should have so many first places of all that were drawn and has none is starved, and not
/// just unlucky: chance would do it to one in three million.
const MANY: f64 = 15.0;

/// The first places of one mirror.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    /// The weight of the clients that should have got it first, and did.
    expected: f64,
    got: f64,
    /// The variance of `got` if all goes by fair shares.
    variance: f64,
    /// How many answers should have had it first, and did.
    n_expected: f64,
    n_got: u64,
}

/// The first places of all mirrors.
#[derive(Default)]
pub(crate) struct FirstPlaces(FxHashMap<HostId, Places>);

/// How the first places of a mirror compare with its fair share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Compared {
    pub(crate) host: HostId,
    /// The part of all first places that it should have, and has.
    pub(crate) expected: f64,
    pub(crate) got: f64,
    /// How much it has against what it should have.
    pub(crate) ratio: f64,
}

impl FirstPlaces {
    /// Counts the first mirror of one answer to a client that has this weight.
    pub(crate) fn count(
        &mut self,
        weight: f64,
        fair: &[(HostId, f64)],
        (first, tier): (HostId, Tier),
    ) {
        if fair.is_empty() || matches!(tier, Tier::Netblock | Tier::Asn) {
            return;
        }
        for &(host, share) in fair {
            let places = self.0.entry(host).or_default();
            places.expected += weight * share;
            places.variance += weight * weight * share * (1.0 - share);
            places.n_expected += share;
        }
        let places = self.0.entry(first).or_default();
        places.got += weight;
        places.n_got += 1;
    }

    /// Adds the counts of others.
    pub(crate) fn add(&mut self, others: &Self) {
        let mut others: Vec<_> = others.0.iter().collect();
        others.sort_by_key(|(host, _)| **host);
        for (host, other) in others {
            let places = self.0.entry(*host).or_default();
            places.expected += other.expected;
            places.got += other.got;
            places.variance += other.variance;
            places.n_expected += other.n_expected;
            places.n_got += other.n_got;
        }
    }

    /// The mirrors that can be compared, those with the highest relation first.
    pub(crate) fn compared(&self) -> Vec<Compared> {
        let total: f64 = self.0.values().map(|places| places.got).sum();
        let is_sure = |places: &Places| {
            places.expected > 0.0 && places.variance.sqrt() < MAX_NOISE * places.expected
        };
        let sure = self.0.iter().filter(|(_, places)| is_sure(places));
        let compare = |(&host, places): (&HostId, &Places)| {
            let Places { expected, got, .. } = *places;
            Compared { host, expected: expected / total, got: got / total, ratio: got / expected }
        };
        let mut compared: Vec<_> = sure.map(compare).collect();
        compared.sort_by(|one, other| {
            other.ratio.total_cmp(&one.ratio).then(one.host.cmp(&other.host))
        });
        compared
    }

    /// The mirrors that should have first places and have none.
    pub(crate) fn starving(&self) -> Vec<HostId> {
        let starves = |places: &Places| places.n_expected >= MANY && places.n_got == 0;
        let mut hosts: Vec<_> =
            self.0.iter().filter(|(_, places)| starves(places)).map(|(&host, _)| host).collect();
        hosts.sort_unstable();
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_places_are_compared_with_fair_shares() {
        let mut places = FirstPlaces::default();
        let [a, b, c] = [0, 1, 2].map(HostId);
        let fair = [(a, 0.5), (b, 0.25), (c, 0.25)];
        for first in [a, a, b, a] {
            let mut more = FirstPlaces::default();
            for _ in 0..1_000 {
                more.count(1.0, &fair, (first, Tier::Geoip));
                more.count(1.0, &fair, (c, Tier::Asn));
                more.count(1.0, &[], (c, Tier::Global));
            }
            places.add(&more);
        }
        let compared: Vec<_> =
            places.compared().iter().map(|of| (of.host, of.expected, of.got, of.ratio)).collect();
        assert_eq!(compared, [(a, 0.5, 0.75, 1.5), (b, 0.25, 0.25, 1.0), (c, 0.25, 0.0, 0.0)]);
        assert_eq!(places.starving(), [c]);
        let sum: f64 = places.compared().iter().map(|of| of.got).sum();
        assert_eq!(sum, 1.0);
    }

    #[test]
    fn too_few_answers_compare_nothing_unless_there_is_no_chance_in_it() {
        let mut places = FirstPlaces::default();
        places.count(0.1, &[(HostId(1), 0.5), (HostId(2), 0.5)], (HostId(1), Tier::Geoip));
        places.count(0.1, &[(HostId(3), 1.0)], (HostId(3), Tier::Geoip));
        let compared: Vec<_> = places.compared().iter().map(|of| of.host).collect();
        assert_eq!(compared, [HostId(3)]);
        assert!(places.starving().is_empty());
    }
}
