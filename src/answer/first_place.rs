//! The chances of mirrors to be the first of a list, where the share of some is limited.
//!
//! Mirrors of a band are equally near, and each has a chance in proportion to its weight. If that is more
//! than the most that a mirror may have, it gets that much, and the others of its band share the rest by
//! their weights. What a band of such mirrors alone leaves over goes to the next band, where limits are
//! shares of what arrives there. If nothing can take the rest in the end, all chances rise in proportion.
//!
//! An explanation computes the same chances from the same bands.

use model::ids::HostId;
use snapshot::hosts::{HostIndex, Weight};

/// A mirror that may be first.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// The mirror.
    pub host: HostId,
    /// Its weight among those of its band.
    pub weight: Weight,
    /// The most of what arrives at its band that it gets, in percent.
    pub max_share: u8,
}

impl Contender {
    /// A mirror, with its weight and its limit.
    pub fn new(hosts: &HostIndex, host: HostId) -> Self {
        Self { host, weight: hosts.weight(host), max_share: hosts.max_share(host) }
    }
}

/// The chances of the mirrors of some bands to be first.
#[derive(Default, Debug)]
pub struct FirstPlace {
    shares: Vec<Share>,
    /// The share of clients for which no mirror is found yet, from 0 to 1.
    left: f64,
}

#[derive(Debug)]
struct Share {
    host: HostId,
    weight: f64,
    /// The most of what arrives at its band that it gets, from 0 to 1.
    most: f64,
    /// Its share of what arrives at its band while that is divided, then of all clients.
    part: f64,
    /// Whether it gets the most that it may have.
    is_full: bool,
}

impl FirstPlace {
    /// Begins anew, without mirrors.
    pub fn clear(&mut self) {
        self.shares.clear();
        self.left = 1.0;
    }

    /// Adds the mirrors of the next band; returns whether clients are left for the one after it.
    pub fn add_band(&mut self, contenders: impl IntoIterator<Item = Contender>) -> bool {
        if self.left > 0.0 {
            let from = self.shares.len();
            let contenders = contenders.into_iter();
            self.shares.extend(contenders.map(|Contender { host, weight, max_share }| Share {
                host,
                weight: 1.0 / f64::from(weight.mean()),
                most: f64::from(max_share) / 100.0,
                part: 0.0,
                is_full: false,
            }));
            let band = self.shares.get_mut(from..).unwrap_or(&mut []);
            // A position finds the same mirror whatever order they come in.
            band.sort_unstable_by_key(|share| share.host);
            let left = divide(band);
            band.iter_mut().for_each(|share| share.part *= self.left);
            self.left *= left;
        }
        self.left > 0.0
    }

    /// The mirrors with their chances to be first, band by band. Together they are 1, unless there is no
    /// mirror.
    pub fn chances(&self) -> impl Iterator<Item = (HostId, f64)> {
        let all = 1.0 - self.left;
        self.shares.iter().map(move |share| (share.host, share.part / all))
    }

    /// The mirror at `position` (0 to 1) if each takes as much room as it has chances, one behind the other;
    /// `None` if there is no mirror.
    pub fn at(&self, position: f64) -> Option<HostId> {
        let mut ahead = position * (1.0 - self.left);
        let found = self.shares.iter().find(|share| {
            ahead -= share.part;
            ahead < 0.0
        });
        // Rounding may leave a little behind the last one.
        found.or(self.shares.last()).map(|share| share.host)
    }
}

/// Divides 1 among the mirrors of a band; returns what is left over.
///
/// All whose share by weight exceeds their limit get the limit, and the rest is divided again. This raises
/// the shares of the others only, so who is at the limit stays there.
fn divide(band: &mut [Share]) -> f64 {
    loop {
        let full = band.iter().filter(|share| share.is_full);
        let rest = (1.0 - full.map(|share| share.part).sum::<f64>()).max(0.0);
        let sharing = band.iter().filter(|share| !share.is_full);
        let weight: f64 = sharing.map(|share| share.weight).sum();
        let (mut any, mut is_settled) = (false, true);
        for share in band.iter_mut().filter(|share| !share.is_full) {
            any = true;
            share.part = rest * share.weight / weight;
            if share.most < 1.0 && share.part > share.most {
                share.part = share.most;
                share.is_full = true;
                is_settled = false;
            }
        }
        if is_settled {
            return if any { 0.0 } else { rest };
        }
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;

    /// Weights and limits in percent, band by band.
    type Bands = Vec<Vec<(u32, u8)>>;

    fn compute(bands: &Bands) -> FirstPlace {
        let mut first = FirstPlace::default();
        first.clear();
        let mut hosts = (0..).map(HostId);
        for band in bands {
            let contender = |&(weight, max_share): &(u32, u8)| {
                let host = hosts.next().expect("ids never end");
                Contender { host, weight: Weight::new(weight), max_share }
            };
            first.add_band(band.iter().map(contender).collect::<Vec<_>>());
        }
        first
    }

    fn chances(bands: &Bands) -> Vec<f64> {
        let first = compute(bands);
        let mut chances = vec![0.0; bands.iter().map(Vec::len).sum()];
        first.chances().for_each(|(host, chance)| chances[host.index()] = chance);
        chances
    }

    /// The slow, obvious twin: mirrors of a band fill up like vessels, all at a speed that is their weight,
    /// each until it is full, drop by drop.
    fn fill_drop_by_drop(bands: &Bands) -> Vec<f64> {
        const DROPS: f64 = 20_000.0;
        let mut arriving = 1.0;
        let mut chances = Vec::new();
        for band in bands {
            let mut parts = vec![0.0; band.len()];
            let mut poured = 0.0;
            loop {
                let is_open = |&at: &usize| {
                    let most = f64::from(band[at].1) / 100.0;
                    band[at].1 == 100 || parts[at] < most
                };
                let open: Vec<usize> = (0..band.len()).filter(is_open).collect();
                let weight: f64 = open.iter().map(|&at| f64::from(band[at].0)).sum();
                if open.is_empty() || poured >= 1.0 {
                    break;
                }
                for at in open {
                    let drop = f64::from(band[at].0) / weight / DROPS;
                    parts[at] += drop;
                    poured += drop;
                }
            }
            chances.extend(parts.iter().map(|part| part * arriving));
            arriving *= (1.0_f64 - poured).max(0.0);
        }
        let all: f64 = chances.iter().sum();
        chances.iter().map(|chance| chance / all).collect()
    }

    #[track_caller]
    fn check(bands: Bands, expected: &[f64]) {
        let found = chances(&bands);
        let is_close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
        let is_equal = found.len() == expected.len() && found.iter().zip(expected).all(is_close);
        assert!(is_equal, "{bands:?}: {found:?} instead of {expected:?}");
    }

    #[test]
    fn a_limit_gives_the_rest_to_the_others_by_their_weights() {
        check(vec![vec![(10, 100), (30, 100)]], &[0.25, 0.75]);
        check(vec![vec![(80, 20), (10, 100), (10, 100)]], &[0.2, 0.4, 0.4]);
        // The second one is beyond its limit only by what the first one gives away.
        check(vec![vec![(80, 20), (10, 30), (10, 100)]], &[0.2, 0.3, 0.5]);
        // A limit that is not reached changes nothing.
        check(vec![vec![(1, 50), (3, 100)]], &[0.25, 0.75]);
    }

    #[test]
    fn what_a_band_leaves_over_goes_to_the_next() {
        check(
            vec![vec![(5, 30)], vec![(1, 100), (1, 100)], vec![(9, 100)]],
            &[0.3, 0.35, 0.35, 0.0],
        );
        // Limits are shares of what arrives.
        check(vec![vec![(5, 50)], vec![(5, 50)], vec![(5, 100)]], &[0.5, 0.25, 0.25]);
        check(vec![vec![], vec![(5, 30)], vec![(1, 100)]], &[0.3, 0.7]);
    }

    #[test]
    fn what_nobody_can_take_is_shared_in_proportion() {
        check(vec![vec![(5, 30)]], &[1.0]);
        check(vec![vec![(5, 30), (5, 10)]], &[0.75, 0.25]);
        check(vec![vec![(5, 50)], vec![(5, 50)]], &[2.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(compute(&vec![vec![], vec![]]).at(0.5), None);
    }

    fn bands() -> impl Strategy<Value = Bands> {
        let limit = prop_oneof![1 => Just(100), 2 => 1..=99_u8];
        prop::collection::vec(prop::collection::vec((1..50_u32, limit), 0..5), 1..4)
            .prop_filter("somebody is first", |bands| bands.iter().any(|band| !band.is_empty()))
    }

    proptest! {
        #[test]
        fn chances_are_those_of_vessels_that_fill_drop_by_drop(bands in bands()) {
            let (exact, slow) = (chances(&bands), fill_drop_by_drop(&bands));
            prop_assert!((exact.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for (a, b) in exact.iter().zip(&slow) {
                // A drop may run over in each band, and chances may be scaled up a hundredfold.
                prop_assert!((a - b).abs() < 0.02, "{exact:?} {slow:?}");
            }
        }

        #[test]
        fn positions_hit_mirrors_as_often_as_their_chances(bands in bands(), seed: u64) {
            const ROUNDS: usize = 4_000;
            let first = compute(&bands);
            let exact = chances(&bands);
            // Evenly spaced positions miss a share by at most one of them at each end.
            let start = Rng::with_seed(seed).f64();
            let mut counts = vec![0_usize; exact.len()];
            for round in 0..ROUNDS {
                let position = (start + round as f64 / ROUNDS as f64).fract();
                counts[first.at(position).expect("somebody is first").index()] += 1;
            }
            for (&count, chance) in counts.iter().zip(&exact) {
                let expected = chance * ROUNDS as f64;
                prop_assert!((count as f64 - expected).abs() <= 2.0, "{counts:?} {exact:?}");
            }
        }
    }
}
