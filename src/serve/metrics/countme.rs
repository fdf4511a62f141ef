//! The number of installations that ask for each repository, as dnf reports it with `countme=` once a
//! week.
//!
//! These are the only counters whose labels are not known at compile time. The caller passes the key of
//! a repository only if it is in the data, so text from a client never becomes a label. They are behind
//! a lock. About one request in a hundred counts here (a client sends `countme=` once a week, and asks
//! many times in between without it). The lock is held for one lookup in a map, and by readers for one
//! copy.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::counter::Counter;

/// Number of buckets: 1 to 4 as in dnf (1 is the first week of an installation, 4 more than half a
/// year), then one for other values.
const N_BUCKETS: usize = 5;
/// The maximum number of repositories with counts of their own. Fedora has about 700 pairs. Counters are
/// kept when data are replaced, so data with new names at each reload would otherwise use more memory
/// each time.
const MAX_REPOSITORIES: usize = 20_000;

/// Counts by repository and bucket.
#[derive(Default, Debug)]
pub struct CountmeCounters {
    known: Mutex<HashMap<Box<str>, [u64; N_BUCKETS]>>,
    unknown: [Counter; N_BUCKETS],
}

/// The counts of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The key `repo+arch`; `None` for all repositories that are not in the data or beyond the maximum.
    pub repository: Option<Box<str>>,
    /// The counts by bucket.
    pub counts: [u64; N_BUCKETS],
}

impl Series {
    /// The counts with the labels of their buckets.
    pub fn buckets(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["1", "2", "3", "4", "other"].into_iter().zip(self.counts)
    }
}

impl CountmeCounters {
    /// Counts a request. `repository` is the key of a repository in the data, or `None`. Buckets other
    /// than 1 to 4 are counted together.
    pub fn count(&self, repository: Option<&str>, bucket: Option<u8>) {
        let bucket = match bucket {
            Some(bucket @ 1..=4) => usize::from(bucket) - 1,
            _ => N_BUCKETS - 1,
        };
        if let Some(repository) = repository {
            let mut known = self.lock();
            if let Some(counts) = known.get_mut(repository) {
                counts[bucket] += 1;
                return;
            }
            if known.len() < MAX_REPOSITORIES {
                known.entry(repository.into()).or_default()[bucket] += 1;
                return;
            }
        }
        self.unknown[bucket].increment();
    }

    /// Returns all series, sorted by key; the series of unknown repositories comes last.
    pub fn series(&self) -> Vec<Series> {
        let known = self.lock().clone();
        let mut series: Vec<_> = known
            .into_iter()
            .map(|(repository, counts)| Series { repository: Some(repository), counts })
            .collect();
        series.sort_unstable_by(|a, b| a.repository.cmp(&b.repository));
        let counts = std::array::from_fn(|bucket| self.unknown[bucket].get());
        series.push(Series { repository: None, counts });
        series
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, [u64; N_BUCKETS]>> {
        // No operation under the lock can leave the map inconsistent.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_apart_and_unknown_ones_are_not() {
        let countme = CountmeCounters::default();
        countme.count(Some("f41+x86_64"), Some(4));
        countme.count(Some("f41+x86_64"), Some(4));
        countme.count(Some("epel+x86_64"), Some(5));
        countme.count(None, Some(1));
        countme.count(None, None);
        let series = countme.series();
        let keys: Vec<_> = series.iter().map(|series| series.repository.as_deref()).collect();
        assert_eq!(keys, [Some("epel+x86_64"), Some("f41+x86_64"), None]);
        assert_eq!(series[0].counts, [0, 0, 0, 0, 1]);
        assert_eq!(series[1].counts, [0, 0, 0, 2, 0]);
        assert_eq!(series[2].counts, [1, 0, 0, 0, 1]);
    }

    #[test]
    fn names_without_end_are_counted_together() {
        let countme = CountmeCounters::default();
        for at in 0..MAX_REPOSITORIES + 10 {
            countme.count(Some(&at.to_string()), Some(1));
        }
        let series = countme.series();
        assert_eq!(series.len(), MAX_REPOSITORIES + 1);
        assert_eq!(series.last().map(|series| series.counts[0]), Some(10));
    }
}
