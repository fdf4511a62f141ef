//! When many mirrors have what the primary never had, or lack what it should have, it is the primary that is not
//! known well.

use std::collections::{BTreeMap, BTreeSet};

use crate::moment::Moment;
use crate::settings::Settings;
use crate::state::{DirectoryState, Status};

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
        let age = now.credited.saturating_sub(known.checked.credited);
        if age <= settings.sample_interval.saturating_mul(2) {
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
pub(crate) fn find_directories<'a>(
    states: impl Iterator<Item = (&'a String, &'a DirectoryState)>,
    now: Moment,
    settings: &Settings,
) -> BTreeSet<&'a str> {
    let mut all: BTreeMap<&str, Holders> = BTreeMap::new();
    for (directory, known) in states {
        all.entry(directory).or_default().add_directory(known, now, settings);
    }
    find(all, settings)
}

fn find<'a>(all: BTreeMap<&'a str, Holders>, settings: &Settings) -> BTreeSet<&'a str> {
    let doubted = all.into_iter().filter(|(_, holders)| holders.are_trusted_more(settings));
    doubted.map(|(name, _)| name).collect()
}
