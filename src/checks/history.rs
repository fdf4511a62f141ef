//! Which versions the primary had of each repository, and when it replaced them.
//!
//! The age of what a mirror has is the time since the primary replaced it, by the clock of the machine that
//! scans the primary. No clock of a mirror is read.

use std::collections::BTreeMap;

use encode::write::push_hex;
use index::Index;
use serde::{Deserialize, Serialize};

use super::settings::Settings;

const REPOMD: &str = "repomd.xml";
/// The most versions of a repository that are remembered, the last replaced first.
const MAX_VERSIONS: usize = 256;

/// What a scan of the primary has found of repositories, as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimaryScan {
    /// When the scan began, in seconds since 1970.
    pub scanned: u64,
    /// By the directory that holds `repomd.xml`, its versions: first the current one, if there is one, then
    /// those that metalinks still offer. `None` if nothing has changed since the last scan.
    pub repositories: Option<BTreeMap<String, Vec<PrimaryVersion>>>,
}

/// A version of a `repomd.xml` on the primary.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimaryVersion {
    /// SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// When it was replaced, in seconds since 1970; `None` for the current version.
    pub replaced: Option<u64>,
}

impl PrimaryScan {
    /// What an index says of repositories.
    pub fn of(index: &Index) -> Self {
        let mut repositories = BTreeMap::new();
        for directory in index.directories() {
            let Some(file) = directory.files.iter().find(|file| &*file.name == REPOMD) else {
                continue;
            };
            let versions = file.versions.iter().filter_map(|version| {
                let sha256 = hex(&version.checksums.sha256?);
                Some(PrimaryVersion { sha256, replaced: version.replaced })
            });
            repositories.insert(directory.name.to_string(), versions.collect());
        }
        Self { scanned: index.scanned(), repositories: Some(repositories) }
    }
}

/// The versions that the primary had of each repository.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    scanned: u64,
    repositories: BTreeMap<String, Repository>,
}

/// The versions that the primary had of a repository.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repository {
    /// When a scan found the current version first, if one before it is known; of a version that was withdrawn and came
    /// back, when it was found before. In seconds since 1970.
    changed: Option<u64>,
    /// The current version first, if there is one, then those that were replaced, the last one first.
    versions: Vec<Known>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    sha256: String,
    replaced: Option<u64>,
    is_offered: bool,
}

/// What the primary knows of a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Age {
    /// The primary has no such repository, or may not show it at present: nothing can be said.
    NotComparable,
    /// It is the current version.
    Current,
    /// It is an earlier one.
    Replaced {
        /// When the primary replaced it, in seconds since 1970.
        at: u64,
        /// Whether metalinks still offer it, so that clients accept it.
        is_offered: bool,
        /// How many versions came after it; at least 1.
        n_newer: usize,
    },
    /// No scan has seen it.
    NeverSeen,
}

impl History {
    /// When the last scan began, in seconds since 1970; 0 if there was none.
    pub fn scanned(&self) -> u64 {
        self.scanned
    }

    /// Takes in what a scan has found. A scan that is held back must not be given.
    pub fn absorb(&mut self, scan: &PrimaryScan, settings: &Settings) {
        self.scanned = scan.scanned;
        let Some(repositories) = &scan.repositories else { return };
        for (directory, known) in &mut self.repositories {
            if !repositories.contains_key(directory) {
                known.absorb(&[], scan.scanned, settings);
            }
        }
        self.repositories.retain(|_, known| !known.versions.is_empty());
        for (directory, versions) in repositories {
            if !versions.is_empty() {
                let known = self.repositories.entry(directory.clone()).or_default();
                known.absorb(versions, scan.scanned, settings);
            }
        }
    }

    /// Takes in what a scan has found, as [`Self::absorb`] does, and when scans found the current versions in place of
    /// others, by the directory that holds `repomd.xml`. That is news of repositories that are seen for the first time:
    /// several scans may have gone before. Of others it is not believed, as it is when the version before was
    /// replaced, which may have been withdrawn long before there was another one.
    pub fn absorb_with_changes(
        &mut self,
        scan: &PrimaryScan,
        changes: &BTreeMap<String, u64>,
        settings: &Settings,
    ) {
        let is_new = |(repodata, _): &(&String, &u64)| !self.repositories.contains_key(*repodata);
        let of_new = changes.iter().filter(is_new).map(|(repodata, at)| (repodata.clone(), *at));
        let of_new = of_new.collect();
        self.absorb(scan, settings);
        self.absorb_changes(&of_new);
    }

    /// Takes in when scans found the current versions in place of others, of repositories of which one scan was seen.
    pub(crate) fn absorb_changes(&mut self, changes: &BTreeMap<String, u64>) {
        for (repodata, &at) in changes {
            let known = self.repositories.get_mut(repodata);
            if let Some(known) = known.filter(|known| known.current().is_some()) {
                known.changed.get_or_insert(at.min(self.scanned));
            }
        }
    }

    /// What the primary knows of a hash.
    pub fn find(&self, repodata: &str, sha256: &str) -> Age {
        let Some(repository) = self.repositories.get(repodata) else { return Age::NotComparable };
        if repository.current().is_none() {
            return Age::NotComparable;
        }
        let found = repository.versions.iter().position(|known| known.sha256 == sha256);
        match found.and_then(|n_newer| Some((n_newer, repository.versions.get(n_newer)?))) {
            None => Age::NeverSeen,
            Some((n_newer, known)) => match known.replaced {
                None => Age::Current,
                Some(at) => Age::Replaced { at, is_offered: known.is_offered, n_newer },
            },
        }
    }

    /// The hash of the current version.
    pub fn current(&self, repodata: &str) -> Option<&str> {
        Some(&self.repositories.get(repodata)?.current()?.sha256)
    }

    /// When the current version was found first, in seconds since 1970; `None` if no change was ever seen.
    pub fn changed(&self, repodata: &str) -> Option<u64> {
        self.repositories.get(repodata)?.changed
    }
}

impl Repository {
    fn current(&self) -> Option<&Known> {
        self.versions.first().filter(|known| known.replaced.is_none())
    }

    fn absorb(&mut self, versions: &[PrimaryVersion], scanned: u64, settings: &Settings) {
        // The current one, or the last one that was, if it is withdrawn.
        let former = self.versions.first().map(|known| known.sha256.clone());
        for known in &mut self.versions {
            known.is_offered = false;
            known.replaced.get_or_insert(scanned);
        }
        for (at, version) in versions.iter().enumerate() {
            let is_same = |other: &PrimaryVersion| other.sha256 == version.sha256;
            // A version that came back is named twice: as the current one, and as an earlier one.
            if versions.iter().take(at).any(is_same) {
                continue;
            }
            self.versions.retain(|known| known.sha256 != version.sha256);
            self.versions.push(Known {
                sha256: version.sha256.clone(),
                replaced: version.replaced,
                is_offered: true,
            });
        }
        self.versions.retain(|known| {
            known.is_offered
                || known
                    .replaced
                    .is_none_or(|at| at.saturating_add(settings.history_keep) > scanned)
        });
        // The current one has no such time, and is first.
        self.versions.sort_by_key(|known| known.replaced.map_or(0, |at| u64::MAX - at));
        self.versions.truncate(MAX_VERSIONS);
        let current = self.current().map(|known| &known.sha256);
        if former.is_some() && current.is_some() && former.as_ref() != current {
            self.changed = Some(scanned);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(bytes, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use model::checksum::Checksums;
    use proptest::prelude::*;

    use super::*;

    fn scan(scanned: u64, versions: &[(&str, Option<u64>)]) -> PrimaryScan {
        let versions = versions
            .iter()
            .map(|&(sha256, replaced)| PrimaryVersion { sha256: sha256.into(), replaced });
        let repositories = BTreeMap::from([("9/repodata".to_owned(), versions.collect())]);
        PrimaryScan { scanned, repositories: Some(repositories) }
    }

    fn history(scans: &[PrimaryScan]) -> History {
        let mut history = History::default();
        for scan in scans {
            history.absorb(scan, &Settings::default());
        }
        history
    }

    #[test]
    fn a_version_is_current_then_offered_then_known_then_forgotten() {
        let mut history = history(&[scan(100, &[("a", None)])]);
        assert_eq!(history.find("9/repodata", "a"), Age::Current);
        assert_eq!(history.find("9/repodata", "b"), Age::NeverSeen);
        assert_eq!(history.find("8/repodata", "a"), Age::NotComparable);
        assert_eq!(history.changed("9/repodata"), None);
        history.absorb(&scan(200, &[("b", None), ("a", Some(200))]), &Settings::default());
        let age = Age::Replaced { at: 200, is_offered: true, n_newer: 1 };
        assert_eq!(history.find("9/repodata", "a"), age);
        assert_eq!(history.find("9/repodata", "b"), Age::Current);
        assert_eq!(history.changed("9/repodata"), Some(200));
        history.absorb(&scan(300, &[("b", None)]), &Settings::default());
        let age = Age::Replaced { at: 200, is_offered: false, n_newer: 1 };
        assert_eq!(history.find("9/repodata", "a"), age);
        let later = 200 + Settings::default().history_keep;
        history.absorb(&scan(later, &[("b", None)]), &Settings::default());
        assert_eq!(history.find("9/repodata", "a"), Age::NeverSeen);
    }

    #[test]
    fn a_change_before_the_first_scan_that_was_given_is_known_if_somebody_says_when() {
        let absorb = |history: &mut History, scan: PrimaryScan, at| {
            let changes = BTreeMap::from([("9/repodata".to_owned(), at), ("8".to_owned(), at)]);
            history.absorb_with_changes(&scan, &changes, &Settings::default());
            (history.changed("9/repodata"), history.changed("8"))
        };
        let mut known = History::default();
        let first = || scan(200, &[("b", None), ("a", Some(3))]);
        assert_eq!(absorb(&mut known, first(), 150), (Some(150), None));
        // What was seen counts.
        let second = scan(300, &[("c", None), ("b", Some(200))]);
        assert_eq!(absorb(&mut known, second, 250).0, Some(300));
        // It is not seen for the first time.
        assert_eq!(absorb(&mut history(&[first()]), first(), 150).0, None);
        // Nothing is current.
        let withdrawn = scan(200, &[("a", Some(200))]);
        assert_eq!(absorb(&mut History::default(), withdrawn, 150).0, None);
    }

    #[test]
    fn a_withdrawn_repository_that_comes_back_with_other_content_has_changed_then() {
        let withdrawn = scan(200, &[("a", Some(200))]);
        let gone = PrimaryScan { scanned: 200, repositories: Some(BTreeMap::new()) };
        let first = scan(100, &[("a", None)]);
        let changed = |scans: &[PrimaryScan], back: &PrimaryScan| {
            let mut history = history(scans);
            // A catalog says when the version before was replaced.
            let said = BTreeMap::from([("9/repodata".to_owned(), 200)]);
            history.absorb_with_changes(back, &said, &Settings::default());
            history.changed("9/repodata")
        };
        let other = scan(400, &[("b", None), ("a", Some(200))]);
        let same = scan(400, &[("a", None)]);
        for scans in [&[first.clone(), withdrawn.clone()][..], &[first, gone], &[withdrawn]] {
            assert_eq!(changed(scans, &other), Some(400));
            assert_eq!(changed(scans, &same), None);
        }
    }

    #[test]
    fn a_version_that_comes_back_is_current() {
        let history = history(&[
            scan(100, &[("a", None)]),
            scan(200, &[("b", None), ("a", Some(200))]),
            scan(300, &[("a", None), ("b", Some(300))]),
        ]);
        assert_eq!(history.find("9/repodata", "a"), Age::Current);
        assert_eq!(history.changed("9/repodata"), Some(300));
    }

    #[test]
    fn a_version_that_is_current_again_and_still_offered_as_an_earlier_one_is_current() {
        let history = history(&[scan(300, &[("a", None), ("b", Some(300)), ("a", Some(200))])]);
        assert_eq!(history.find("9/repodata", "a"), Age::Current);
        assert_eq!(history.current("9/repodata"), Some("a"));
    }

    #[test]
    fn a_withdrawn_repository_compares_with_nothing_and_comes_back() {
        let mut history = history(&[scan(100, &[("a", None)]), scan(200, &[("a", Some(200))])]);
        assert_eq!(history.find("9/repodata", "a"), Age::NotComparable);
        let nothing = PrimaryScan { scanned: 300, repositories: Some(BTreeMap::new()) };
        history.absorb(&nothing, &Settings::default());
        assert_eq!(history.find("9/repodata", "a"), Age::NotComparable);
        history.absorb(&scan(400, &[("a", None)]), &Settings::default());
        assert_eq!(history.find("9/repodata", "a"), Age::Current);
        let unchanged = PrimaryScan { scanned: 500, repositories: None };
        history.absorb(&unchanged, &Settings::default());
        assert_eq!((history.scanned(), history.find("9/repodata", "a")), (500, Age::Current));
    }

    #[test]
    fn an_index_is_read() {
        let version = |byte, replaced| index::Version {
            timestamp: 1,
            size: 1,
            checksums: Checksums { sha256: Some([byte; 32]), ..Checksums::default() },
            replaced,
        };
        let file = |name: &str, versions| index::File { name: name.into(), versions, stamp: None };
        let directory =
            |name: &str, files| index::Directory { name: name.into(), n_files: 1, files };
        let files = vec![file("repomd.xml", vec![version(0xab, None), version(1, Some(7))])];
        let sums = vec![file("CHECKSUM", vec![version(2, None)])];
        let directories =
            vec![directory("", vec![]), directory("iso", sums), directory("repodata", files)];
        let scan = PrimaryScan::of(&Index::new(9, directories, Vec::new()).unwrap());
        let repositories = scan.repositories.unwrap();
        assert_eq!(repositories.len(), 1);
        assert_eq!(repositories["repodata"][0].sha256, "ab".repeat(32));
        assert_eq!(repositories["repodata"][1].replaced, Some(7));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against the plain list of what the primary had at each time.
        #[test]
        fn ages_are_those_of_the_plain_list(changes in proptest::collection::vec(0_u8..6, 1..30)) {
            let settings = Settings { history_keep: 700, ..Settings::default() };
            let mut history = History::default();
            let mut plain: Vec<(u64, String)> = Vec::new();
            for (at, version) in changes.iter().enumerate() {
                let now = 100 * (at as u64 + 1);
                let sha256 = format!("h{version}");
                if plain.last().is_none_or(|(_, last)| *last != sha256) {
                    plain.push((now, sha256.clone()));
                }
                // Offers the current one and the one before it.
                let mut offered = vec![PrimaryVersion { sha256: sha256.clone(), replaced: None }];
                if let [.., before, current] = &plain[..] {
                    offered.push(PrimaryVersion { sha256: before.1.clone(), replaced: Some(current.0) });
                }
                let repositories = BTreeMap::from([("r".to_owned(), offered)]);
                history.absorb(&PrimaryScan { scanned: now, repositories: Some(repositories) }, &settings);
                for version in 0..6 {
                    let hash = format!("h{version}");
                    let last = plain.iter().rposition(|(_, known)| *known == hash);
                    let replaced = last.and_then(|last| plain.get(last + 1)).map(|next| next.0);
                    let expected = match (last, replaced) {
                        (None, _) => Age::NeverSeen,
                        (Some(_), None) => Age::Current,
                        (Some(last), Some(at)) if last + 2 == plain.len() || at + 700 > now => {
                            let newer: std::collections::BTreeSet<_> =
                                plain[last + 1..].iter().map(|(_, hash)| hash).collect();
                            let is_offered = last + 2 == plain.len();
                            Age::Replaced { at, is_offered, n_newer: newer.len() }
                        }
                        _ => Age::NeverSeen,
                    };
                    prop_assert_eq!(history.find("r", &hash), expected, "{} at {}", hash, now);
                }
            }
        }
    }
}
