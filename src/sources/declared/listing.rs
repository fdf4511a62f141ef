//! Lists the directories of a declaration, each with the mirrors that carry it.
//!
//! A directory belongs to the repository in whose directory it lies, the innermost one if there are
//! several, and is carried by the mirrors that carry that repository for any architecture. What lies in no
//! repository is carried by the mirrors that carry everything. Directories with the same mirrors share one
//! description, so each costs its name only.
//!
//! With an index of the primary tree, what the tree has is listed, and nothing else. Without it, the
//! directory of each repository is listed, and the one of its `repomd.xml`.

use rustc_hash::FxHashMap;

use catalog::directories::Described;
use catalog::records::{File, Version, VersionOrder};
use catalog::{Builder, Origin, Record, Report};
use index::Index;
use model::host_set::{empty_set, members};
use model::ids::HostId;
use model::path::split_repodata;

use super::Mirror;
use super::carriers::CarriedParts;
use super::expand::Pair;

/// A mirror that is listed, with what the builder knows of it.
pub(super) struct Listed<'d> {
    /// The mirror.
    pub(super) mirror: &'d Mirror,
    /// Its number in the builder.
    pub(super) host: HostId,
    /// The number of its list of URLs.
    pub(super) urls: u32,
}

/// So many repositories may be missing in an index, also if they are most of them.
const MAX_LACKING: usize = 5;

/// The index is not that of the tree that the repositories are in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "lacks the directories of {lacking} of {all} repositories; is it of the top of the tree that mirrors \
     copy?"
)]
pub struct OtherTree {
    lacking: usize,
    all: usize,
}

/// The directories in which repositories are, and the mirrors of each.
pub(super) struct Listing<'d> {
    mirrors: &'d [Listed<'d>],
    /// By the path of a repository.
    places: FxHashMap<String, Place>,
    /// The mirrors that carry everything.
    elsewhere: Option<Place>,
    /// The description of each set of mirrors.
    described: FxHashMap<Box<[u64]>, Option<Described>>,
}

/// A directory with a repository in it.
struct Place {
    origin: Origin,
    /// The mirrors that carry it, by their positions.
    mirrors: Box<[u64]>,
}

impl<'d> Listing<'d> {
    /// Finds the mirrors of each repository.
    pub(super) fn new(pairs: &[Pair<'_>], mirrors: &'d [Listed<'d>]) -> Self {
        let mut places: FxHashMap<String, Place> = FxHashMap::default();
        let parts = CarriedParts::new(mirrors.iter().map(|listed| &listed.mirror.carries));
        // The pairs of a repository follow one another.
        for pairs in pairs.chunk_by(|one, next| std::ptr::eq(one.repository, next.repository)) {
            let Some(repository) = pairs.first().map(|pair| pair.repository) else { continue };
            let carriers = parts.of(repository);
            for pair in pairs {
                let Some(path) = pair.path() else { continue };
                let place = places.entry(path.into_owned()).or_insert_with(|| Place {
                    origin: repository.origin.clone(),
                    mirrors: empty_set(mirrors.len()),
                });
                carriers.add_to(&mut place.mirrors, pair);
            }
        }
        let first = members(parts.everything()).next();
        let elsewhere = first.and_then(|first| mirrors.get(first.index())).map(|listed| Place {
            origin: listed.mirror.origin.clone(),
            mirrors: parts.everything().into(),
        });
        Self { mirrors, places, elsewhere, described: FxHashMap::default() }
    }

    /// Adds the directories of repositories and those of their `repomd.xml`.
    pub(super) fn add_repositories(&mut self, builder: &mut Builder, report: &mut Report) {
        let mut paths: Vec<_> = self.places.keys().cloned().collect();
        paths.sort_unstable();
        for path in paths {
            let repodata = split_repodata(&path).1.into_owned();
            for name in [&path, &repodata] {
                // The directory of one repository may be that of the `repomd.xml` of another.
                if *name == path || !self.places.contains_key(name) {
                    self.add(name, builder, report);
                }
            }
        }
    }

    /// Adds the directories of the primary tree with their files. A repository whose path, or that of whose
    /// index, leads over a symbolic link has the directories that lie behind it, under the name with the
    /// link. `name` is that of the index in messages.
    pub(super) fn add_tree(
        &mut self,
        (tree, name): (&Index, &str),
        builder: &mut Builder,
        report: &mut Report,
    ) -> Result<(), OtherTree> {
        self.report_lacking((tree, name), builder, report)?;
        let linked = self.find_linked(tree);
        // The tree itself is no directory that clients ask for.
        for directory in tree.directories().iter().filter(|directory| !directory.name.is_empty()) {
            let mut names: Vec<String> = vec![directory.name.clone().into()];
            for (ancestor, rest) in ancestors(&directory.name) {
                for path in linked.get(ancestor).into_iter().flatten() {
                    let name = [path, rest].concat();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
            for name in names {
                let Some(origin) = self.add(&name, builder, report) else { continue };
                let files: Vec<_> = directory.listed().map(file_of).collect();
                if !files.is_empty() {
                    builder.add(&origin, Record::Files(name, files));
                }
            }
        }
        Ok(())
    }

    /// The paths of repositories in order.
    fn paths(&self) -> Vec<&String> {
        let mut paths: Vec<_> = self.places.keys().collect();
        paths.sort_unstable();
        paths
    }

    /// Reports repositories that the tree does not have, or not their `repodata`; fails if it does not have
    /// so many that the index must be of another tree.
    fn report_lacking(
        &self,
        (tree, name): (&Index, &str),
        builder: &mut Builder,
        report: &mut Report,
    ) -> Result<(), OtherTree> {
        let has = |path: &str| tree.find(&tree.resolve(path)).is_some();
        let (mut lacking, all) = (0, self.places.len());
        for path in self.paths() {
            let Some(place) = self.places.get(path) else { continue };
            if has(&split_repodata(path).1) {
                continue;
            }
            let problem = if has(path) {
                "repository whose repodata the index does not have, it has no metalink"
            } else {
                lacking += 1;
                "directory that the index does not have (is it of the top of the tree that mirrors copy?)"
            };
            report.skipped(&place.origin, problem, format_args!("{path} in {name}"));
            builder.add(&place.origin, Record::Lacking(path.clone()));
        }
        // Nobody would carry anything.
        let is_useless = lacking == all && self.elsewhere.is_none() && !self.mirrors.is_empty();
        match lacking > MAX_LACKING.max(all / 2) || (is_useless && all > 0) {
            true => Err(OtherTree { lacking, all }),
            false => Ok(()),
        }
    }

    /// The paths of repositories and of their indexes that lead over symbolic links, by the directories to
    /// which they lead.
    fn find_linked(&self, tree: &Index) -> FxHashMap<String, Vec<String>> {
        let mut linked: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for path in self.paths() {
            let real = tree.resolve(path);
            let repodata = split_repodata(path).1.into_owned();
            let real_repodata = tree.resolve(&repodata);
            // Otherwise it is found as a part of the directory.
            if real_repodata != [&*real, "/repodata"].concat() {
                linked.entry(real_repodata).or_default().push(repodata);
            }
            if real != *path {
                linked.entry(real).or_default().push(path.clone());
            }
        }
        linked
    }

    /// Adds a directory with the mirrors that carry it; returns the origin of the repository in which it
    /// is. `None` if nobody carries it.
    fn add(&mut self, name: &str, builder: &mut Builder, report: &mut Report) -> Option<Origin> {
        let mut places = ancestors(name).filter_map(|(ancestor, _)| self.places.get(ancestor));
        let place = places.next().or(self.elsewhere.as_ref())?;
        let described = match self.described.get(&place.mirrors) {
            Some(&described) => described,
            None => {
                let described = describe(place, self.mirrors, builder, report);
                self.described.insert(place.mirrors.clone(), described);
                described
            }
        };
        let origin = place.origin.clone();
        builder.directories.add(&origin, name, name, described?, report);
        Some(origin)
    }
}

/// Describes the mirrors of a place; `None` if there are none.
fn describe(
    place: &Place,
    mirrors: &[Listed<'_>],
    builder: &mut Builder,
    report: &mut Report,
) -> Option<Described> {
    let directories = &mut builder.directories;
    let mut is_empty = true;
    for position in members(&place.mirrors) {
        let Some(Listed { mirror, host, urls }) = mirrors.get(position.index()) else { continue };
        is_empty = false;
        directories.carry(&mirror.origin, *host, *urls, report);
        if !mirror.private {
            directories.set_public(*host);
        }
        if let Some(place) = &mirror.place {
            let country = directories.country(&mirror.origin, place.country);
            directories.list_in(&mirror.origin, *host, country);
        }
    }
    match is_empty {
        true => None,
        false => directories.describe(&place.origin),
    }
}

/// A directory and those in which it lies, from the inside to the outside, each with what follows it in
/// the name, from the slash on.
fn ancestors(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = name.rmatch_indices('/').map(|(at, _)| at);
    std::iter::once(name.len()).chain(ends).filter_map(|at| name.split_at_checked(at))
}

/// The record of a file, whose versions stay in the order of the index: the primary may have gone back to
/// an earlier version.
fn file_of(file: &index::File) -> File {
    let version = |version: &index::Version| Version {
        timestamp: version.timestamp,
        size: version.size,
        checksums: version.checksums.clone(),
    };
    let versions = file.versions.iter().map(version).collect();
    let changed = file.versions.get(1).and_then(|before| before.replaced);
    File { name: file.name.clone().into(), versions, order: VersionOrder::CurrentFirst, changed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_come_from_the_inside_to_the_outside() {
        let found: Vec<_> = ancestors("9/os/x86").collect();
        assert_eq!(found, [("9/os/x86", ""), ("9/os", "/x86"), ("9", "/os/x86")]);
        assert_eq!(ancestors("9").collect::<Vec<_>>(), [("9", "")]);
    }
}
