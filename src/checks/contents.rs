//! How the repositories of all mirrors stand to the primary, in numbers: for metrics.
//!
//! Mirrors that are left out as a whole do not count: what they had before they died says nothing.

use rustc_hash::FxHashMap;

use crate::state::Status;

/// How the repositories of all mirrors stand to the primary.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// Pairs of a mirror and a repository, in the order of [`Status::WORDS`].
    by_status: [u64; Status::WORDS.len()],
    /// Repositories, in the order of [`Best::ALL`].
    by_best: [u64; Best::ALL.len()],
    /// In the order of [`Contents::QUANTILES`].
    behind: [u64; Contents::QUANTILES.len()],
}

/// The best that a mirror has of a repository, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Best {
    /// No mirror has it in a version that clients accept.
    None,
    /// Of some mirrors it is not known, or there is nothing to compare it with.
    Unknown,
    /// An earlier version that clients accept.
    Behind,
    /// The primary's current version.
    Current,
}

impl Best {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Current, Self::Behind, Self::None, Self::Unknown];

    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Behind => "behind",
            Self::Current => "current",
        }
    }

    fn of(status: Status) -> Self {
        match status {
            Status::Current => Self::Current,
            Status::Behind { is_offered: true, .. } => Self::Behind,
            Status::NotComparable | Status::Unknown => Self::Unknown,
            Status::Behind { .. } | Status::Ahead | Status::Foreign | Status::Missing => Self::None,
        }
    }
}

impl Contents {
    /// The quantiles that are told, as they are written, and in thousandths.
    pub const QUANTILES: [(&'static str, usize); 4] =
        [("0.5", 500), ("0.9", 900), ("0.99", 990), ("1", 1_000)];

    /// How many pairs of a mirror and a repository there are of each [`Status`], by its word.
    pub fn by_status(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Status::WORDS.into_iter().zip(self.by_status)
    }

    /// How many repositories there are by the best that a mirror has of them.
    pub fn by_best(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Best::ALL.into_iter().map(Best::word).zip(self.by_best)
    }

    /// For how many seconds the primary has had something newer, 0 for what is current, in quantiles over all pairs
    /// of a mirror and a repository with a version that the primary had; 0 if there are none.
    pub fn behind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::QUANTILES.into_iter().map(|(quantile, _)| quantile).zip(self.behind)
    }
}

/// Contents that are being counted.
#[derive(Default)]
pub(crate) struct Counting<'a> {
    /// In seconds since 1970.
    now: u64,
    contents: Contents,
    n_current: usize,
    /// Of what is behind.
    ages: Vec<u64>,
    best: FxHashMap<&'a str, Best>,
}

impl<'a> Counting<'a> {
    pub(crate) fn at(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    /// A repository of a mirror that is not left out as a whole.
    pub(crate) fn add(&mut self, repodata: &'a str, status: Status) {
        let at = Status::WORDS.iter().position(|word| *word == status.word());
        if let Some(n) = at.and_then(|at| self.contents.by_status.get_mut(at)) {
            *n += 1;
        }
        match status {
            Status::Current => self.n_current += 1,
            Status::Behind { since, .. } => self.ages.push(self.now.saturating_sub(since)),
            _ => {}
        }
        self.note(repodata, Best::of(status));
    }

    /// A repository of a mirror that is left out as a whole.
    pub(crate) fn add_hidden(&mut self, repodata: &'a str) {
        self.note(repodata, Best::None);
    }

    fn note(&mut self, repodata: &'a str, found: Best) {
        let best = self.best.entry(repodata).or_insert(found);
        *best = found.max(*best);
    }

    pub(crate) fn end(mut self) -> Contents {
        for best in self.best.values() {
            let at = Best::ALL.iter().position(|known| known == best);
            if let Some(n) = at.and_then(|at| self.contents.by_best.get_mut(at)) {
                *n += 1;
            }
        }
        self.ages.sort_unstable();
        let n = self.n_current + self.ages.len();
        self.contents.behind = Contents::QUANTILES.map(|(_, thousandths)| {
            // The age above which so many are not: what is current comes first.
            let rank = n.saturating_mul(thousandths).div_ceil(1_000);
            let older = rank.checked_sub(self.n_current + 1);
            older.and_then(|older| self.ages.get(older).copied()).unwrap_or(0)
        });
        self.contents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(since: u64, is_offered: bool) -> Status {
        Status::Behind { since, is_offered, n_newer: 1 }
    }

    #[test]
    fn every_status_is_counted_under_its_word() {
        let all = [
            Status::Current,
            Status::NotComparable,
            behind(1, true),
            behind(1, false),
            Status::Ahead,
            Status::Foreign,
            Status::Missing,
            Status::Unknown,
        ];
        let mut counting = Counting::at(9);
        all.into_iter().for_each(|status| counting.add("a", status));
        let counted: Vec<_> = counting.end().by_status().collect();
        let expected: Vec<_> = all.iter().map(|status| (status.word(), 1)).collect();
        assert_eq!(counted, expected);
    }

    #[test]
    fn repositories_count_by_the_best_of_mirrors_that_are_listed() {
        let mut counting = Counting::at(9);
        counting.add("a", behind(1, true));
        counting.add("a", Status::Current);
        counting.add("b", Status::Foreign);
        counting.add("b", behind(1, true));
        counting.add("c", behind(1, false));
        counting.add_hidden("c");
        counting.add("d", Status::Unknown);
        counting.add("d", Status::Missing);
        counting.add_hidden("e");
        let counted: Vec<_> = counting.end().by_best().collect();
        assert_eq!(counted, [("current", 1), ("behind", 1), ("none", 2), ("unknown", 1)]);
    }

    /// Ages in quantiles, from so many that are current, and the others.
    fn quantiles(n_current: usize, ages: &[u64]) -> Vec<u64> {
        let mut counting = Counting::at(1_000_000);
        (0..n_current).for_each(|_| counting.add("a", Status::Current));
        ages.iter().for_each(|age| counting.add("a", behind(1_000_000 - age, true)));
        counting.end().behind().map(|(_, age)| age).collect()
    }

    #[test]
    fn ages_are_told_in_quantiles_as_a_sorted_list_has_them() {
        assert_eq!(quantiles(0, &[]), [0, 0, 0, 0]);
        assert_eq!(quantiles(3, &[]), [0, 0, 0, 0]);
        assert_eq!(quantiles(0, &[7]), [7, 7, 7, 7]);
        for n_current in 0..30 {
            for n_behind in 1..30 {
                let ages: Vec<u64> = (1..=n_behind).rev().collect();
                let mut all = vec![0; n_current];
                all.extend(1..=n_behind);
                let expected: Vec<u64> =
                    [500, 900, 990, 1_000].map(|n| all[(n * all.len()).div_ceil(1_000) - 1]).into();
                assert_eq!(quantiles(n_current, &ages), expected, "{n_current} {n_behind}");
            }
        }
    }

    #[test]
    fn what_was_replaced_in_the_future_is_not_behind_by_centuries() {
        let mut counting = Counting::at(5);
        counting.add("a", behind(9, true));
        assert_eq!(counting.end().behind().last(), Some(("1", 0)));
    }
}
