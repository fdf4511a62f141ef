//! Compares the first places that mirrors get with their shares of the bandwidth.
//!
//! Clients whose first mirror is of their own network are left out, on both sides: such a mirror is there for
//! them, whatever its bandwidth.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use model::ids::HostId;
use model::tier::Tier;

/// A mirror is compared only where chance moves its share by less than this part (one standard deviation).
const MAX_NOISE: f64 = 0.07;
/// Answers are asked for until chance moves the share of a mirror that should have this part of all first
/// places by less than that, or by less for a larger part.
const LEAST_SHARE: f64 = 0.002;
/// A mirror that should have so many first places of all that were drawn and has none is starved, and not
/// just unlucky: chance would do it to one in three million.
const MANY: f64 = 15.0;

/// Whether a first mirror of this tier is of the client's own network.
pub(crate) fn is_own_network(tier: Tier) -> bool {
    matches!(tier, Tier::Netblock | Tier::Asn)
}

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

/// How many answers it takes, all clients together and each by its weight, to compare all mirrors that should
/// have at least a fifth of a percent of the first places. The clients are those whose first place is
/// shared: each with its weight and the fair shares of its mirrors.
///
/// A mirror of AlmaLinux in the United States, where a third of all clients are, has 0.35 % of the first
/// places; with 30,000 answers chance moves that by a tenth.
pub(crate) fn answers_needed<'c>(clients: impl Iterator<Item = (f64, &'c [(HostId, f64)])>) -> f64 {
    // What a mirror should get, and the variance of what it gets if each client asks as often as it weighs.
    let mut sums: BTreeMap<HostId, (f64, f64)> = BTreeMap::new();
    let mut total = 0.0;
    for (weight, fair) in clients {
        total += weight;
        for &(host, share) in fair {
            let (expected, variance) = sums.entry(host).or_default();
            *expected += weight * share;
            *variance += weight * share * (1.0 - share);
        }
    }
    let compared = sums.into_values().filter(|(expected, _)| *expected >= LEAST_SHARE * total);
    let needed = compared.map(|(expected, variance)| variance / (MAX_NOISE * expected).powi(2));
    needed.fold(0.0, f64::max)
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
    /// Counts the first mirrors of answers to a client, each of which has this weight.
    pub(crate) fn count(&mut self, weight: f64, fair: &[(HostId, f64)], firsts: &[(HostId, Tier)]) {
        if fair.is_empty() {
            return;
        }
        let shared = firsts.iter().filter(|(_, tier)| !is_own_network(*tier));
        let mut n_shared = 0.0;
        for (first, _) in shared {
            let places = self.0.entry(*first).or_default();
            places.got += weight;
            places.n_got += 1;
            n_shared += 1.0;
        }
        for &(host, share) in fair.iter().filter(|_| n_shared > 0.0) {
            let places = self.0.entry(host).or_default();
            places.expected += n_shared * weight * share;
            places.variance += n_shared * weight * weight * share * (1.0 - share);
            places.n_expected += n_shared * share;
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
            for _ in 0..500 {
                let firsts = [(first, Tier::Geoip), (c, Tier::Asn), (first, Tier::Geoip)];
                places.count(1.0, &fair, &firsts);
                places.count(1.0, &[], &[(c, Tier::Global)]);
                places.count(1.0, &fair, &[(c, Tier::Netblock)]);
            }
        }
        let compared: Vec<_> =
            places.compared().iter().map(|of| (of.host, of.expected, of.got, of.ratio)).collect();
        assert_eq!(compared, [(a, 0.5, 0.75, 1.5), (b, 0.25, 0.25, 1.0), (c, 0.25, 0.0, 0.0)]);
        assert_eq!(places.starving(), [c]);
        let sum: f64 = places.compared().iter().map(|of| of.got).sum();
        assert_eq!(sum, 1.0);
    }

    #[test]
    fn as_many_answers_as_it_takes_compare_a_mirror_and_a_tenth_less_do_not() {
        let fair: Vec<_> = (0..200).map(|id| (HostId(id), 1.0 / 200.0)).collect();
        let needed = answers_needed([(0.25, &fair[..]), (0.75, &fair[..])].into_iter());
        assert_eq!(needed.round(), (199.0_f64 / (0.07 * 0.07)).round());
        for (answers, n_compared) in [(needed * 1.01, 200), (needed * 0.9, 0)] {
            let mut places = FirstPlaces::default();
            let mut asked = 0.0;
            for host in (0..200).map(HostId).cycle().take_while(|_| {
                asked += 1.0;
                asked <= answers
            }) {
                places.count(1.0 / answers, &fair, &[(host, Tier::Nearest)]);
            }
            assert_eq!(places.compared().len(), n_compared);
        }
        // A mirror that should have less than a fifth of a percent costs no answers, nor does one without chance.
        assert_eq!(answers_needed([(1.0, &fair[..0])].into_iter()), 0.0);
        assert_eq!(answers_needed([(1.0, &[(HostId(1), 1.0)][..])].into_iter()), 0.0);
        let rare = [(HostId(1), 0.999), (HostId(2), 0.001)];
        assert!(answers_needed([(1.0, &rare[..])].into_iter()) < 1.0);
    }

    #[test]
    fn too_few_answers_compare_nothing_unless_there_is_no_chance_in_it() {
        let mut places = FirstPlaces::default();
        places.count(0.1, &[(HostId(1), 0.5), (HostId(2), 0.5)], &[(HostId(1), Tier::Geoip)]);
        places.count(0.1, &[(HostId(3), 1.0)], &[(HostId(3), Tier::Geoip)]);
        let compared: Vec<_> = places.compared().iter().map(|of| of.host).collect();
        assert_eq!(compared, [HostId(3)]);
        assert!(places.starving().is_empty());
    }
}
