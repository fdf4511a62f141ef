//! Until when what a mirror has is what the primary has, for exports that say so in one number.

use checks::state::Status;

/// How old the content of a mirror is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentAge {
    /// All is current.
    Current {
        /// When the one that was looked at the longest time ago was seen to be so, in seconds since 1970; `None` if
        /// that is not known.
        seen: Option<u64>,
    },
    /// Something is behind.
    Behind {
        /// When the primary replaced what it has first, in seconds since 1970.
        since: u64,
    },
}

impl ContentAge {
    /// The age of what a mirror has, by how each of its repositories stands to the primary and when it was seen last, in
    /// seconds since 1970. `None` if a repository is missing, or has what the primary never had or is not
    /// known, as then no time is true of all; and if there is none that can be compared.
    pub(super) fn of(repositories: impl Iterator<Item = (Status, Option<u64>)>) -> Option<Self> {
        let (mut n_current, mut oldest, mut behind) = (0_usize, Some(u64::MAX), None::<u64>);
        for (status, seen) in repositories {
            match status {
                Status::Current => {
                    n_current += 1;
                    oldest = oldest.and_then(|oldest| Some(oldest.min(seen?)));
                }
                Status::Behind { since, .. } => {
                    behind = Some(behind.map_or(since, |behind| behind.min(since)));
                }
                Status::NotComparable => {}
                Status::Ahead | Status::Foreign | Status::Missing | Status::Unknown => return None,
            }
        }
        match behind {
            Some(since) => Some(Self::Behind { since }),
            None => (n_current > 0).then_some(Self::Current { seen: oldest }),
        }
    }

    /// Until when the content is that of the primary, in seconds since 1970; `None` if that is not known. No later than
    /// somebody has looked.
    pub fn synced(self) -> Option<u64> {
        match self {
            Self::Current { seen } => seen,
            Self::Behind { since } => Some(since),
        }
    }

    /// How many seconds it is behind at `now`.
    pub fn behind_seconds(self, now: u64) -> u64 {
        match self {
            Self::Current { .. } => 0,
            Self::Behind { since } => now.saturating_sub(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(standings: &[(Status, Option<u64>)]) -> Option<ContentAge> {
        ContentAge::of(standings.iter().copied())
    }

    #[test]
    fn one_current_repository_does_not_stand_for_those_that_are_not() {
        let current = (Status::Current, Some(50));
        for other in [Status::Missing, Status::Foreign, Status::Ahead, Status::Unknown] {
            assert_eq!(age(&[current, (other, Some(60))]), None, "{other:?}");
            let behind = Status::Behind { since: 7, is_offered: true, n_newer: 1 };
            assert_eq!(age(&[(behind, Some(60)), (other, None)]), None, "{other:?}");
        }
        assert_eq!(age(&[]), None);
        assert_eq!(age(&[(Status::NotComparable, Some(1))]), None);
    }

    #[test]
    fn content_is_as_old_as_the_oldest_look_or_the_first_replacement() {
        let uncompared = (Status::NotComparable, Some(1));
        let current = age(&[(Status::Current, Some(50)), (Status::Current, Some(40)), uncompared]);
        assert_eq!(current, Some(ContentAge::Current { seen: Some(40) }));
        assert_eq!(current.map(|age| (age.synced(), age.behind_seconds(100))), Some((Some(40), 0)));
        let unseen = age(&[(Status::Current, Some(50)), (Status::Current, None)]);
        assert_eq!(unseen.and_then(ContentAge::synced), None);
        let behind = |since| (Status::Behind { since, is_offered: true, n_newer: 1 }, Some(90));
        let two = age(&[behind(30), (Status::Current, Some(50)), behind(20)]).unwrap();
        assert_eq!((two.synced(), two.behind_seconds(100)), (Some(20), 80));
    }
}
