//! Joins what a scan reads with what was known before: earlier versions of files.

use index::{File, Stamp, Version};

/// When a scan takes place, and how long it remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Memory {
    /// Now, in seconds since 1970.
    pub(super) now: u64,
    /// How many seconds an earlier version is kept after it was replaced.
    pub(super) keep: u64,
}

impl Memory {
    /// The record of a file that was read, with all versions within the time.
    pub(super) fn update(
        self,
        former: Option<&File>,
        name: &str,
        current: Version,
        stamp: Option<Stamp>,
    ) -> File {
        let mut versions = former.map(|file| file.versions.clone()).unwrap_or_default();
        // A version that has come back is not an earlier one of itself.
        let is_other = |version: &Version| version.checksums != current.checksums;
        let was_replaced = versions.first().is_some_and(is_other);
        if let Some(replaced) = versions.first_mut() {
            replaced.replaced.get_or_insert(self.now);
        }
        versions.retain(is_other);
        if was_replaced {
            // The clock may have been set back; versions stay in order.
            let before = versions.get(1).and_then(|version| version.replaced);
            if let Some(replaced) = versions.first_mut() {
                replaced.replaced = replaced.replaced.max(before);
            }
        }
        versions.insert(0, current);
        self.trim(File { name: name.into(), versions, stamp })
    }

    /// The record of a file that stays as it was.
    pub(super) fn keep(self, former: &File) -> File {
        self.trim(former.clone())
    }

    /// The record of a file that cannot be used now. The next scan reads the file in any case.
    pub(super) fn hold(self, former: &File) -> File {
        self.trim(File { stamp: None, ..former.clone() })
    }

    /// The record of a file that others may not read any more; `None` if no version of it is known for long.
    pub(super) fn withdraw(self, former: &File) -> Option<File> {
        let mut file = File { stamp: None, ..former.clone() };
        // The clock may have been set back; versions stay in order.
        let before = file.versions.get(1).and_then(|version| version.replaced);
        if let Some(current) = file.versions.first_mut() {
            current.replaced = current.replaced.or(before.max(Some(self.now)));
        }
        Some(self.trim(file)).filter(|file| !file.versions.is_empty())
    }

    /// Whether a time in seconds since 1970 lies less than [`Self::keep`] seconds ago. One that has not come
    /// yet does: the clock may have been set back.
    pub(super) fn is_recent(self, time: i64) -> bool {
        let time = u64::try_from(time).unwrap_or(0);
        time.saturating_add(self.keep) > self.now
    }

    /// Removes versions that were replaced too long ago.
    fn trim(self, mut file: File) -> File {
        file.versions.retain(|version| {
            version.replaced.is_none_or(|at| at.saturating_add(self.keep) > self.now)
        });
        file
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::checksums;

    const DAY: u64 = 86_400;

    fn version(content: u8, timestamp: u64) -> Version {
        Version { timestamp, size: 1, checksums: checksums(&[content]), replaced: None }
    }

    fn contents(file: &File) -> Vec<(u64, Option<u64>)> {
        file.versions.iter().map(|version| (version.timestamp, version.replaced)).collect()
    }

    #[test]
    fn earlier_versions_are_kept_for_some_days() {
        let at = |day: u64| Memory { now: day * DAY, keep: 4 * DAY };
        let first = at(10).update(None, "a", version(1, 1), None);
        let second = at(11).update(Some(&first), "a", version(2, 2), None);
        let third = at(12).update(Some(&second), "a", version(3, 3), None);
        assert_eq!(contents(&third), [(3, None), (2, Some(12 * DAY)), (1, Some(11 * DAY))]);
        assert_eq!(contents(&at(14).keep(&third)).len(), 3);
        assert_eq!(contents(&at(15).keep(&third)).len(), 2);
        assert_eq!(contents(&at(16).keep(&third)), [(3, None)]);
        let none = Memory { now: 12 * DAY, keep: 0 };
        assert_eq!(contents(&none.update(Some(&second), "a", version(3, 3), None)), [(3, None)]);
    }

    #[test]
    fn a_file_that_is_withdrawn_and_comes_back_has_its_versions() {
        let at = |day: u64| Memory { now: day * DAY, keep: 4 * DAY };
        let first = at(10).update(None, "a", version(1, 1), None);
        let second = at(11).update(Some(&first), "a", version(2, 2), None);
        let gone = at(12).withdraw(&second).expect("it was there");
        assert_eq!(contents(&gone), [(2, Some(12 * DAY)), (1, Some(11 * DAY))]);
        assert!(gone.is_withdrawn() && !second.is_withdrawn());
        let still = at(13).withdraw(&gone).expect("it is remembered");
        assert_eq!(contents(&still), contents(&gone));
        let back = at(14).update(Some(&still), "a", version(2, 2), None);
        assert_eq!(contents(&back), [(2, None), (1, Some(11 * DAY))]);
        let third = at(14).update(Some(&still), "a", version(3, 3), None);
        assert_eq!(contents(&third), [(3, None), (2, Some(12 * DAY)), (1, Some(11 * DAY))]);
        assert_eq!(at(16).withdraw(&still), None);
    }

    #[test]
    fn a_version_that_comes_back_is_listed_once() {
        let at = |now| Memory { now, keep: DAY };
        let first = at(1).update(None, "a", version(1, 1), None);
        let second = at(2).update(Some(&first), "a", version(2, 2), None);
        let back = at(3).update(Some(&second), "a", version(1, 1), None);
        assert_eq!(contents(&back), [(1, None), (2, Some(3))]);
        // Equal content with another time is no other version.
        let touched = at(4).update(Some(&back), "a", version(1, 9), None);
        assert_eq!(contents(&touched), [(9, None), (2, Some(3))]);
    }

    proptest! {
        /// Compares with a list of everything that has ever been there, also with a clock that jumps.
        #[test]
        fn versions_are_those_of_a_plain_list(
            steps in proptest::collection::vec((0_u8..5, 0_u64..30, 0_u64..12), 1..80),
        ) {
            let mut file: Option<File> = None;
            let mut replaced: Vec<(u8, u64)> = Vec::new();
            let mut current = None;
            for (content, now, keep) in steps {
                let memory = Memory { now, keep };
                let found = memory.update(file.as_ref(), "a", version(content, 0), None);
                if let Some(before) = current.filter(|&before| before != content) {
                    let latest = replaced.iter().find(|(other, _)| *other != content);
                    let at = latest.map_or(now, |&(_, at)| at.max(now));
                    replaced.insert(0, (before, at));
                }
                replaced.retain(|&(other, at)| other != content && at + keep > now);
                current = Some(content);
                let expected: Vec<_> = [(checksums(&[content]), None)]
                    .into_iter()
                    .chain(replaced.iter().map(|&(content, at)| (checksums(&[content]), Some(at))))
                    .collect();
                let versions = found.versions.iter();
                let versions: Vec<_> =
                    versions.map(|version| (version.checksums.clone(), version.replaced)).collect();
                prop_assert_eq!(versions, expected);
                file = Some(found);
            }
        }
    }
}
