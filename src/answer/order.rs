//! Order within a tier: by chance, weighted by bandwidth.

use fastrand::Rng;

use crate::model::ids::HostId;

/// Appends `hosts` in a random order in which each next one is drawn with a chance of its share of
/// the weight that is left.
///
/// Drawing one by one costs a pass over the rest for each draw. The same distribution comes from
/// giving each mirror an exponential variate divided by its weight and sorting once (Efraimidis and
/// Spirakis, 2006, in its equivalent form): the least of independent exponentials is each one with a
/// chance proportional to its rate, and what is left has no memory.
pub fn weighted(
    hosts: impl Iterator<Item = HostId>,
    weight: impl Fn(HostId) -> u32,
    rng: &mut Rng,
    keys: &mut Vec<u64>,
    out: &mut Vec<HostId>,
) {
    keys.clear();
    keys.extend(hosts.map(|host| sort_key(rng, weight(host)) << 32 | u64::from(host.0)));
    keys.sort_unstable();
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is the id")]
    out.extend(keys.iter().map(|&key| HostId(key as u32)));
}

/// A sort key of 32 bits: the bits of a non-negative float ascend as the float does.
fn sort_key(rng: &mut Rng, weight: u32) -> u64 {
    // In (0, 1], in steps of 2^-32.
    #[allow(clippy::cast_precision_loss, reason = "24 bits of a uniform variate are enough")]
    let uniform = (rng.u32(..) as f32 + 1.0) * (1.0 / 4_294_967_296.0);
    #[allow(clippy::cast_precision_loss, reason = "a weight needs no more than 24 bits")]
    let exponential = -uniform.min(1.0).ln() / weight.max(1) as f32;
    // `-ln(1)` is minus zero, whose sign bit would sort it last.
    u64::from((exponential + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(weights: &[u32], rng: &mut Rng) -> Vec<HostId> {
        let mut out = Vec::new();
        let hosts = (0..).map(HostId).take(weights.len());
        weighted(hosts, |host| weights[host.index()], rng, &mut Vec::new(), &mut out);
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
    fn extreme_weights_sort_and_lose_nobody() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..100 {
            let mut hosts = order(&[0, 1, u32::MAX, u32::MAX, 0], &mut rng);
            hosts.sort();
            assert_eq!(hosts, (0..5).map(HostId).collect::<Vec<_>>());
        }
    }
}
