//! When many mirrors have what the primary never had, or lack what it should have, it is the primary that is not
//! known well.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Entry;
use crate::moment::Moment;
use crate::settings::Settings;
use crate::state::{DirectoryState, MirrorState, Status};

/// Where it is the primary that is doubted, and not mirrors.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Distrusted {
    /// The directories that hold the `repomd.xml` of repositories of which too many mirrors have a version that the
    /// primary never had.
    pub repositories: BTreeSet<String>,
    /// Directories of which too many mirrors lack files.
    pub directories: BTreeSet<String>,
}

/// The mirrors that have a repository, or a directory of which files were looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct Holders {
    n_known: usize,
    /// Those with a version that the primary never had, or without files that it has.
    n_strange: usize,
}

impl Holders {
    pub(crate) fn add(&mut self, status: Status) {
        self.n_known += usize::from(status != Status::Unknown);
        self.n_strange += usize::from(matches!(status, Status::Ahead | Status::Foreign));
    }

    /// Only looks of late count: the primary may have changed after the others. A first look that misses something
    /// is as good a sign as the one that decides.
    fn add_directory(&mut self, known: &DirectoryState, now: Moment, settings: &Settings) {
        if is_of_late(known.checked, now, settings) {
            self.n_known += 1;
            self.n_strange += usize::from(known.n_missing > 0);
        }
    }

    /// Whether it is the primary that is doubted.
    pub(crate) fn are_trusted_more(self, settings: &Settings) -> bool {
        self.n_strange >= settings.min_mirrors
            && self.n_strange.saturating_mul(100)
                > self.n_known.saturating_mul(settings.distrust_percent)
    }
}

/// Repositories of which so many mirrors have what the primary never had that the primary is in doubt.
pub(crate) fn find_repositories<'a>(
    statuses: impl Iterator<Item = (&'a str, Status)>,
    settings: &Settings,
) -> BTreeSet<&'a str> {
    let mut all: BTreeMap<&str, Holders> = BTreeMap::new();
    for (repodata, status) in statuses {
        all.entry(repodata).or_default().add(status);
    }
    find(all, settings)
}

/// Directories of which so many mirrors lack files that the primary is in doubt: it has removed or replaced them, and
/// was not scanned since.
///
/// Of a directory in which a listing has found nothing wrong nothing is recorded: who was listed of late and has it is
/// one of those that lack nothing.
pub(crate) fn find_directories<'a>(
    mirrors: impl Iterator<Item = (&'a Entry, &'a MirrorState)> + Clone,
    now: Moment,
    settings: &Settings,
) -> BTreeSet<&'a str> {
    let mut all: BTreeMap<&str, Holders> = BTreeMap::new();
    for (directory, known) in mirrors.clone().flat_map(|(_, state)| &state.directories) {
        all.entry(directory).or_default().add_directory(known, now, settings);
    }
    let is_in_doubt = |holders: &Holders| holders.are_trusted_more(settings);
    for (directory, holders) in all.iter_mut().filter(|(_, holders)| is_in_doubt(holders)) {
        let is_known = |known: &DirectoryState| is_of_late(known.checked, now, settings);
        let is_whole = |(entry, state): &(&Entry, &MirrorState)| {
            entry.is_listed_by_rsync
                && is_of_late(state.listed, now, settings)
                && !state.directories.get(*directory).is_some_and(is_known)
                && entry.carries(directory)
        };
        holders.n_known += mirrors.clone().filter(is_whole).count();
    }
    find(all, settings)
}

fn is_of_late(at: Moment, now: Moment, settings: &Settings) -> bool {
    let age = now.credited.saturating_sub(at.credited);
    at.clock > 0 && age <= settings.sample_interval.saturating_mul(2)
}

fn find<'a>(all: BTreeMap<&'a str, Holders>, settings: &Settings) -> BTreeSet<&'a str> {
    let doubted = all.into_iter().filter(|(_, holders)| holders.are_trusted_more(settings));
    doubted.map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Tree;

    #[test]
    fn who_was_listed_and_has_no_gap_speaks_for_the_primary() {
        let now = Moment { clock: 1_800_000_000, credited: 1_000_000 };
        let settings = Settings::default();
        let tree = Tree { directories: vec!["".into()], ..Tree::default() };
        let entry = Entry { trees: vec![tree], is_listed_by_rsync: true, ..Entry::default() };
        let lacks = DirectoryState { checked: now, n_missing: 1, ..DirectoryState::default() };
        let mirror = |n: u32, listed| {
            let directories = (n < 3).then(|| ("iso".to_owned(), lacks)).into_iter();
            MirrorState { listed, directories: directories.collect(), ..MirrorState::default() }
        };
        let old = Moment { clock: 1, credited: 1 };
        for (n_mirrors, listed, expected) in
            [(3, now, 1), (8, now, 0), (8, old, 1), (8, Moment::default(), 1)]
        {
            let states: Vec<MirrorState> = (0..n_mirrors).map(|n| mirror(n, listed)).collect();
            let mirrors = states.iter().map(|state| (&entry, state));
            let found = find_directories(mirrors, now, &settings);
            assert_eq!(found.len(), expected, "{n_mirrors} {listed:?}");
        }
    }
}
