//! Files that mirrors are asked for one by one, to find holes in what has no `repomd.xml`: images and the like.
//!
//! They are those of which the catalog knows the size. What is younger than two days is left out: mirrors need
//! not have it yet.

use catalog::Catalog;
use catalog::records::{File, VersionOrder};
use model::ids::DirectoryId;
use visits::plan;

/// The file whose hash tells the version of a repository.
pub(super) const REPOMD: &str = "repomd.xml";
/// What is younger than this, in seconds, may be new: mirrors need not have it yet.
pub(super) const NEW: u64 = 2 * 86_400;
/// About how many files are looked for in a visit.
const N_SAMPLES: usize = 20;
/// Of so many files of a directory some are drawn.
const MAX_FILES: usize = 32;

/// The directories of which files are looked for.
#[derive(Debug, Default)]
pub struct Samples {
    /// In the order of their ids.
    directories: Vec<Sampled>,
}

/// A directory of which files are looked for.
#[derive(Debug)]
struct Sampled {
    id: DirectoryId,
    name: Box<str>,
    /// Its path below base URLs.
    subpath: Box<str>,
    /// Names and sizes, at least one.
    files: Vec<(Box<str>, u64)>,
}

impl Samples {
    /// What a catalog knows. What holds for a directory holds below it, so those are left out that lie in a repository
    /// or have one below.
    pub(super) fn of(catalog: &Catalog, is_of_repository: impl Fn(&str) -> bool) -> Self {
        let ids = (0..).map_while(DirectoryId::new);
        let directories = ids.zip(&catalog.directories).filter_map(|(id, directory)| {
            let files = directory.files.iter().filter_map(|file| sampled(file, catalog.created));
            let files: Vec<_> = files.take(MAX_FILES).collect();
            let (name, subpath) = (directory.name.clone(), directory.subpath.clone());
            let is_wanted = !files.is_empty() && !is_of_repository(&name);
            is_wanted.then_some(Sampled { id, name, subpath, files })
        });
        Self { directories: directories.collect() }
    }

    /// The place of a directory among those of which files are looked for.
    pub(super) fn place(&self, directory: DirectoryId) -> Option<u32> {
        let found = self.directories.binary_search_by_key(&directory, |sampled| sampled.id);
        u32::try_from(found.ok()?).ok()
    }

    /// Draws files from the directories at these places, for one of so many trees of a mirror: first from those that
    /// are in doubt, and from as many as there are before a second one of any.
    pub(super) fn draw(
        &self,
        places: &[u32],
        n_trees: usize,
        is_doubted: impl Fn(&str) -> bool,
        rng: &mut fastrand::Rng,
    ) -> Vec<plan::Sample> {
        let most = N_SAMPLES.div_ceil(n_trees.max(1));
        let mut places = places.to_vec();
        rng.shuffle(&mut places);
        let found = places.iter().filter_map(|&place| self.directories.get(place as usize));
        let (mut chosen, others): (Vec<_>, Vec<_>) =
            found.partition(|sampled| is_doubted(&sampled.name));
        chosen.extend(others);
        chosen.truncate(most);
        let mut drawn: Vec<(usize, plan::Sample)> = Vec::new();
        for sampled in chosen {
            let mut files: Vec<_> = sampled.files.iter().collect();
            rng.shuffle(&mut files);
            drawn.extend(files.into_iter().take(most).enumerate().map(|(nth, (name, size))| {
                let path = match &*sampled.subpath {
                    "" => name.to_string(),
                    subpath => format!("{subpath}/{name}"),
                };
                (nth, plan::Sample { directory: sampled.name.to_string(), path, size: *size })
            }));
        }
        drawn.sort_by_key(|&(nth, _)| nth);
        drawn.into_iter().take(most).map(|(_, sample)| sample).collect()
    }
}

/// The name and the size of a file that can be looked for.
fn sampled(file: &File, now: u64) -> Option<(Box<str>, u64)> {
    let current = match file.order {
        VersionOrder::CurrentFirst => file.versions.first()?,
        VersionOrder::ByTime => file.versions.iter().max_by_key(|version| version.timestamp)?,
    };
    let is_old = current.timestamp.saturating_add(NEW) <= now;
    let is_usable = is_old && current.size > 0 && file.name != REPOMD;
    is_usable.then(|| (file.name.as_str().into(), current.size))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use catalog::records::Version;
    use model::checksum::Checksums;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn files_are_looked_for_that_are_old_and_have_a_size() {
        let file = |name: &str, sizes: &[(u64, u64)], order| {
            let version = |&(timestamp, size)| {
                let checksums = Checksums::default();
                Version { timestamp, size, checksums }
            };
            let versions = sizes.iter().map(version).collect();
            File { name: name.into(), versions, order, changed: None }
        };
        let current_first = |name: &str, sizes: &[(u64, u64)]| {
            sampled(&file(name, sizes, VersionOrder::CurrentFirst), NOW)
        };
        let old = NOW - NEW;
        assert_eq!(current_first("a.iso", &[(old, 7), (old + 1, 8)]), Some(("a.iso".into(), 7)));
        assert_eq!(current_first("a.iso", &[(old + 1, 7), (old, 8)]), None, "new");
        assert_eq!(current_first("a.iso", &[(old, 0)]), None, "of unknown size");
        assert_eq!(current_first("repomd.xml", &[(old, 7)]), None);
        assert_eq!(current_first("a.iso", &[]), None);
        let by_time = file("a.iso", &[(old - 1, 7), (old, 8)], VersionOrder::ByTime);
        assert_eq!(sampled(&by_time, NOW), Some(("a.iso".into(), 8)));
    }

    #[test]
    fn many_directories_are_drawn_from_once_and_few_more_often() {
        let samples = |sizes: &[usize]| {
            let directory = |(n, files): (usize, &usize)| Sampled {
                id: DirectoryId::new(n).unwrap(),
                name: format!("d{n}").into(),
                subpath: format!("{n}").into(),
                files: (0..*files).map(|file| (format!("f{file}").into(), 5)).collect(),
            };
            Samples { directories: sizes.iter().enumerate().map(directory).collect() }
        };
        let mut rng = fastrand::Rng::with_seed(1);
        let mut draw = |sizes: &[usize], doubted: &str| {
            let places: Vec<u32> = (0..).take(sizes.len()).collect();
            let drawn = samples(sizes).draw(&places, 1, |name| name == doubted, &mut rng);
            let paths: BTreeSet<String> = drawn.iter().map(|one| one.path.clone()).collect();
            assert_eq!(paths.len(), drawn.len(), "each file once");
            let directories: BTreeSet<String> =
                drawn.iter().map(|one| one.directory.clone()).collect();
            (drawn.len(), directories)
        };
        let many = [3; 100];
        for _ in 0..20 {
            let (n, directories) = draw(&many, "d42");
            assert_eq!((n, directories.len()), (N_SAMPLES, N_SAMPLES));
            assert!(directories.contains("d42"));
        }
        let (n, directories) = draw(&[30, 2], "");
        assert_eq!((n, directories.len()), (N_SAMPLES, 2));
        assert_eq!(draw(&[3, 2], "").0, 5);
        assert_eq!(draw(&[], "").0, 0);
    }
}
