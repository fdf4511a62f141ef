//! Order within a tier: random, weighted by bandwidth.

use fastrand::Rng;

use model::ids::HostId;
use snapshot::hosts::Weight;

/// Appends `hosts` in random order. Each next one is drawn with a probability equal to its share of
/// the remaining weight.
///
/// Drawing one by one costs a pass over the rest for each draw. The same distribution comes from
/// giving each mirror an exponential variate divided by its weight and sorting once (Efraimidis and
/// Spirakis, 2006, in its equivalent form): each of several independent exponentials is the least with
/// a probability proportional to its rate, and the others are memoryless.
pub fn weighted(
    hosts: impl Iterator<Item = HostId>,
    weight: impl Fn(HostId) -> Weight,
    rng: &mut Rng,
    keys: &mut Vec<u64>,
    out: &mut Vec<HostId>,
) {
    keys.clear();
    for host in hosts {
        // The bits of a non-negative float ascend as the float does.
        let variate = exponential(rng.u32(..)) * weight(host).mean();
        keys.push(u64::from(variate.to_bits()) << 32 | u64::from(host.0));
    }
    keys.sort_unstable();
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is the id")]
    out.extend(keys.iter().map(|&key| HostId(key as u32)));
}

/// An exponential variate from a uniform one: minus the logarithm of a number in (0, 1], to base 2,
/// because only ratios count here.
fn exponential(uniform: u32) -> f32 {
    const STEP: f32 = 1.0 / 4_294_967_296.0;
    #[allow(clippy::cast_precision_loss, reason = "24 bits of a uniform variate are enough")]
    let share = (uniform as f32 + 1.0) * STEP;
    // `max` makes plus zero of minus zero, whose sign bit would sort it last.
    (-share.log2()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(weights: &[u32], rng: &mut Rng) -> Vec<HostId> {
        let mut out = Vec::new();
        let hosts = (0..).map(HostId).take(weights.len());
        let weight = |host: HostId| Weight::new(weights[host.index()]);
        weighted(hosts, weight, rng, &mut Vec::new(), &mut out);
        out
    }

    /// The slow, obvious twin: draw one by one from what is left.
    fn draw_one_by_one(weights: &[u32], rng: &mut Rng) -> Vec<HostId> {
        let mut left: Vec<_> = (0..).map(HostId).zip(weights.iter().copied()).collect();
        let mut out = Vec::new();
        while !left.is_empty() {
            let mut ticket = rng.u64(0..left.iter().map(|&(_, weight)| u64::from(weight)).sum());
            let at = left.iter().position(|&(_, weight)| {
                let hit = ticket < u64::from(weight);
                ticket = ticket.saturating_sub(u64::from(weight));
                hit
            });
            out.push(left.remove(at.expect("a ticket below the sum of weights hits one")).0);
        }
        out
    }

    #[test]
    fn every_place_is_distributed_as_by_drawing_one_by_one() {
        const ROUNDS: u32 = 20_000;
        let weights = [1, 10, 100, 1_000, 10, 1];
        let mut rng = Rng::with_seed(7);
        let mut counts = [[[0_i32; 6]; 6]; 2];
        for _ in 0..ROUNDS {
            for (kind, order) in [order(&weights, &mut rng), draw_one_by_one(&weights, &mut rng)]
                .into_iter()
                .enumerate()
            {
                for (place, host) in order.into_iter().enumerate() {
                    counts[kind][place][host.index()] += 1;
                }
            }
        }
        let [sorted, drawn] = counts;
        for (place, (sorted, drawn)) in sorted.into_iter().zip(drawn).enumerate() {
            for (host, (a, b)) in sorted.into_iter().zip(drawn).enumerate() {
                // Five standard deviations of the difference of two such counts; the seed is fixed.
                let allowed = 5.0 * f64::from(a + b + 1).sqrt();
                assert!(f64::from((a - b).abs()) <= allowed, "place {place} host {host}: {a} {b}");
            }
        }
    }

    #[test]
    fn variates_are_logarithms() {
        let mut rng = Rng::with_seed(3);
        let edges = [0, 1, 2, 3, u32::MAX / 2, u32::MAX / 2 + 1, u32::MAX - 1, u32::MAX];
        for uniform in edges.into_iter().chain((0..100_000).map(|_| rng.u32(..))) {
            let exact = 32.0 - (f64::from(uniform) + 1.0).log2();
            let error = (f64::from(exponential(uniform)) - exact).abs();
            // What 24 bits of a number below 1 leave open comes on top.
            assert!(error <= exact / 30_000.0 + 2.5e-7, "{uniform}: {error}");
            assert!(exponential(uniform).is_sign_positive());
        }
    }

    #[test]
    fn extreme_weights_sort_and_lose_nobody() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..100 {
            let mut hosts = order(&[0, 1, u32::MAX, u32::MAX, 0], &mut rng);
            hosts.sort();
            assert_eq!(hosts, (0..5).map(HostId).collect::<Vec<_>>());
        }
    }
}
