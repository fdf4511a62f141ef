//! A histogram of durations, whose buckets grow with the duration.
//!
//! Each power of two of nanoseconds is divided into four equal buckets, so a bucket is at most a quarter
//! wider than its lower end. 94 buckets cover 1 µs to 8 s and what is below and above. Recording is two
//! additions: no lock, no allocation, no search.

use std::time::Duration;

use super::counter::Counter;

/// The lowest power of two that has buckets of its own: 1,024 ns.
const LOWEST: u32 = 10;
/// The first power of two that has none any more: 8.6 s.
const HIGHEST: u32 = 33;
/// Buckets per power of two, as a power of two.
const PARTS: u32 = 2;
/// One bucket below the lowest power, the buckets of each power, one above the highest.
const N_BUCKETS: usize = ((HIGHEST - LOWEST) << PARTS) as usize + 2;

/// A histogram that threads record into.
#[derive(Debug)]
pub struct Histogram {
    buckets: [Counter; N_BUCKETS],
    nanos: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| Counter::default()), nanos: Counter::default() }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(nanos)].increment();
        self.nanos.add(nanos);
    }

    /// Adds what was recorded to `totals`.
    pub fn add_to(&self, totals: &mut Totals) {
        for (total, bucket) in totals.buckets.iter_mut().zip(&self.buckets) {
            *total += bucket.get();
        }
        totals.nanos += self.nanos.get();
    }
}

fn bucket_of(nanos: u64) -> usize {
    let Some(power) = nanos.checked_ilog2().filter(|&power| power >= LOWEST) else {
        return 0;
    };
    if power >= HIGHEST {
        return N_BUCKETS - 1;
    }
    #[allow(clippy::cast_possible_truncation, reason = "only the lowest bits are wanted")]
    let part = (nanos >> (power - PARTS)) as usize & ((1 << PARTS) - 1);
    1 + (((power - LOWEST) as usize) << PARTS) + part
}

/// The first number of nanoseconds beyond a bucket; `None` for the last, which has no end.
fn end_of(bucket: usize) -> Option<u64> {
    let parts = 1_usize << PARTS;
    let (power, part) = (bucket / parts, bucket % parts);
    (bucket < N_BUCKETS - 1)
        .then(|| ((parts + part) as u64) << (LOWEST as usize + power - PARTS as usize))
}

/// A copy of one or more histograms, added up.
#[derive(Clone, Debug)]
pub struct Totals {
    buckets: [u64; N_BUCKETS],
    nanos: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self { buckets: [0; N_BUCKETS], nanos: 0 }
    }
}

impl Totals {
    /// Returns how many durations were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// Returns for each power of two its end and how many durations were recorded in it alone; the last
    /// one has no end. Coarser than the buckets, because every scrape repeats each value.
    pub fn powers(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let parts = 1 << PARTS;
        let lowest = (end_of(0), self.buckets[0]);
        let middle = self.buckets[1..N_BUCKETS - 1].chunks(parts).enumerate();
        let middle = middle.map(move |(at, chunk)| (end_of((at + 1) * parts), chunk.iter().sum()));
        let highest = (None, self.buckets[N_BUCKETS - 1]);
        let all = std::iter::once(lowest).chain(middle).chain([highest]);
        all.map(|(end, n)| (end.map(Duration::from_nanos), n))
    }

    /// Returns the duration that a share `q` of the recorded ones does not exceed, rounded up to the end
    /// of its bucket. `None` if nothing was recorded, or if the duration lies beyond the last bucket
    /// that has an end.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank that is off by some millionths is as good"
        )]
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut n = 0;
        let bucket = self.buckets.iter().position(|&count| {
            n += count;
            n >= rank
        });
        bucket.and_then(end_of).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_without_gaps() {
        for bucket in 0..N_BUCKETS - 1 {
            let end = end_of(bucket).expect("not the last");
            assert_eq!(bucket_of(end - 1), bucket);
            assert_eq!(bucket_of(end), bucket + 1);
        }
        assert_eq!(end_of(N_BUCKETS - 1), None);
        assert_eq!((bucket_of(0), bucket_of(u64::MAX)), (0, N_BUCKETS - 1));
    }

    #[test]
    fn nothing_is_lost_in_powers_and_quantiles_are_ends_of_buckets() {
        let histogram = Histogram::default();
        for micros in 1..=1_000 {
            histogram.record(Duration::from_micros(micros));
        }
        histogram.record(Duration::from_secs(100));
        let mut totals = Totals::default();
        histogram.add_to(&mut totals);
        assert_eq!(totals.count(), 1_001);
        assert_eq!(totals.powers().map(|(_, n)| n).sum::<u64>(), 1_001);
        let ends: Vec<_> = totals.powers().map(|(end, _)| end).collect();
        assert_eq!(ends[..2], [1_024, 2_048].map(Duration::from_nanos).map(Some));
        assert_eq!(ends.last(), Some(&None));
        assert!(ends.windows(2).all(|pair| pair[1].is_none() || pair[0] < pair[1]));
        let median = totals.quantile(0.5).expect("there are some").as_micros();
        assert!((500..=625).contains(&median), "{median}");
        assert_eq!(totals.quantile(1.0), None);
        assert_eq!(Totals::default().quantile(0.5), None);
    }
}
