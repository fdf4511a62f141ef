//! Rates of requests and answers, computed from counters sampled every few seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::metrics::{Label, Metrics, RequestKind, StatusClass};
use model::tier::Tier;

/// The time that the rates cover.
const WINDOW: Duration = Duration::from_secs(60);

/// The counters of the last minute.
#[derive(Default)]
pub struct Rates {
    samples: VecDeque<(Instant, Sample)>,
}

#[derive(Clone, Default)]
struct Sample {
    kinds: Vec<u64>,
    tiers: Vec<u64>,
}

impl Sample {
    fn of(metrics: &Metrics) -> Self {
        let of_kind = |kind: &RequestKind| requests_of(metrics, *kind);
        let of_tier = |tier: &Tier| metrics.answers_by(*tier);
        Self {
            kinds: RequestKind::ALL.iter().map(of_kind).collect(),
            tiers: Tier::ALL.iter().map(of_tier).collect(),
        }
    }
}

/// All requests of one kind, whatever their answer was.
pub(super) fn requests_of(metrics: &Metrics, kind: RequestKind) -> u64 {
    StatusClass::ALL.iter().map(|&status| metrics.requests(kind, status)).sum()
}

impl Rates {
    /// Takes a sample of the counters; to be called every few seconds.
    pub fn sample(&mut self, now: Instant, metrics: &Metrics) {
        self.samples.push_back((now, Sample::of(metrics)));
        while self.samples.len() > 1
            && self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// Requests of each kind, and answers by each tier, in a second.
    pub fn per_second(&self, now: Instant, metrics: &Metrics) -> (Vec<f64>, Vec<f64>) {
        let latest = Sample::of(metrics);
        let (since, oldest) = match self.samples.front() {
            Some((at, counts)) => (now.duration_since(*at).as_secs_f64(), counts.clone()),
            None => (0.0, latest.clone()),
        };
        let rates = |new: &[u64], old: &[u64]| -> Vec<f64> {
            let pairs = new.iter().zip(old);
            #[allow(clippy::cast_precision_loss, reason = "it is rounded for display")]
            let rate =
                |(new, old): (&u64, &u64)| new.saturating_sub(*old) as f64 / since.max(0.001);
            pairs.map(rate).collect()
        };
        (rates(&latest.kinds, &oldest.kinds), rates(&latest.tiers, &oldest.tiers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let metrics = Metrics::default();
        let mut rates = Rates::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rates.per_second(start, &metrics).0, [0.0; 4]);
        rates.sample(start, &metrics);
        for _ in 0..50 {
            metrics.begin_answer().end(RequestKind::Metalink, StatusClass::Success);
        }
        assert_eq!(rates.per_second(at(10), &metrics).0, [0.0, 5.0, 0.0, 0.0]);
        for step in 1..100 {
            rates.sample(at(step * 5), &metrics);
        }
        assert_eq!(rates.per_second(at(495), &metrics).0, [0.0; 4]);
        assert!(rates.samples.len() < 20, "old samples are forgotten");
    }
}
