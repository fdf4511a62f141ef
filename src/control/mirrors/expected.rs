//! What a catalog expects of its mirrors: where each is visited, and what it should have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::Catalog;
use catalog::records::{Directory, File, VersionOrder};
use checks::history::{PrimaryScan, PrimaryVersion};
use checks::inventory::{self, Inventory};
use checks::listing::Scope;
use checks::state::MAX_URLS;
use encode::write::push_hex;
use model::base_url::BaseUrl;
use model::families::IpVersion;
use model::host_set;
use model::ids::{DirectoryId, HostId};
use model::path::is_within;
use model::url::Protocol;
use visits::plan;
use visits::rsync::plan::ListedTree;

use super::profile::{Profile, profiles};
use super::samples::{NEW, REPOMD, Samples};

mod parts;

/// Of so many directories of a tree files are looked for, which are spread over all.
const MAX_SAMPLED: usize = 1_000;

/// What is expected of all mirrors that can be visited. Private mirrors cannot: they are not reached from
/// elsewhere.
#[derive(Debug, Default)]
pub struct Expected {
    /// By the key of the mirror, as text.
    pub mirrors: BTreeMap<String, Vec<Tree>>,
    /// How many URLs of a mirror are not visited, because it has more than [`MAX_URLS`] of them; by its key.
    pub left_out: BTreeMap<String, usize>,
    /// The versions of each `repomd.xml` that the catalog knows.
    pub primary: PrimaryScan,
    /// When scans found the current version of each in place of another one, in seconds since 1970, by the directory;
    /// without those of which the catalog does not say it.
    pub changes: BTreeMap<String, u64>,
    /// When the primary was scanned, in seconds since 1970; `None` if the catalog does not say it.
    pub scanned: Option<u64>,
    /// Files that are looked for.
    pub samples: Samples,
    /// The directories of which files are looked for.
    pub scope: Arc<Scope>,
    /// What pages say of all mirrors that are listed for everybody, by key; also of those that cannot be visited.
    pub profiles: BTreeMap<String, Profile>,
}

/// What a mirror serves below the same base URLs.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The base URLs of http and https.
    pub urls: Vec<BaseUrl>,
    /// Its repositories, the one with the smallest `repomd.xml` first.
    pub repositories: Vec<plan::Repository>,
    /// The paths of files for probes, the one to ask for first at the beginning.
    pub probes: Vec<String>,
    /// The directories that it carries, without those below others of them.
    pub directories: Vec<String>,
    /// The places of those of which files are looked for in [`Expected::samples`].
    pub sampled: Vec<u32>,
    /// What is listed by rsync, where it has a URL of that.
    pub listed: Vec<ListedTree>,
}

/// How files of directories without a repository are looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileLooks {
    /// Whether some of them are asked for.
    pub is_sampling: bool,
    /// Whether mirrors that have rsync are listed.
    pub is_listing: bool,
}

impl Expected {
    /// Reads it from a catalog.
    pub fn of(catalog: &Catalog) -> Self {
        let repodata = repodata(catalog);
        let names = repodata.keys().filter_map(|id| catalog.directories.get(id.index()));
        let scope = Scope::without(names.map(|directory| &*directory.name));
        let samples = Samples::of(catalog, |name| !scope.covers(name));
        let mut by_mirror: BTreeMap<(HostId, u32), Vec<DirectoryId>> = BTreeMap::new();
        for (index, directory) in catalog.directories.iter().enumerate() {
            let Some(id) = DirectoryId::new(index) else { break };
            for (host, urls) in public_carriers(catalog, directory) {
                by_mirror.entry((host, urls)).or_default().push(id);
            }
        }
        let profiles = profiles(catalog, by_mirror.keys());
        let mut mirrors: BTreeMap<String, Vec<Tree>> = BTreeMap::new();
        for ((host, urls), directories) in by_mirror {
            let Some(mirror) = catalog.mirrors.get(host.index()) else { continue };
            let tree = tree(catalog, urls, &directories, (&repodata, &samples, &scope));
            if !tree.urls.is_empty() {
                mirrors.entry(mirror.key.to_string()).or_default().push(tree);
            }
        }
        let mut left_out = BTreeMap::new();
        for (key, trees) in &mut mirrors {
            let tops: Vec<Vec<String>> =
                trees.iter().map(|tree| tree.directories.clone()).collect();
            for (number, tree) in trees.iter_mut().enumerate() {
                let others = tops.iter().enumerate().filter(|(other, _)| *other != number);
                let others = others.flat_map(|(_, tops)| tops);
                parts::exclude(&mut tree.listed, &tree.directories, others);
            }
            let n = cut(trees);
            if n > 0 {
                left_out.insert(key.clone(), n);
            }
        }
        let name_of = |id: &DirectoryId| {
            let directory = catalog.directories.get(id.index());
            directory.map(|directory| directory.name.to_string()).unwrap_or_default()
        };
        let repositories =
            repodata.iter().map(|(id, repomd)| (name_of(id), repomd.versions.clone()));
        let changes =
            repodata.iter().filter_map(|(id, repomd)| Some((name_of(id), repomd.changed?)));
        let changes = changes.collect();
        // The files of a catalog are newer than its index whenever somebody edits them.
        let scanned = catalog.scanned.unwrap_or(catalog.created);
        let primary = PrimaryScan { scanned, repositories: Some(repositories.collect()) };
        let (scanned, scope) = (catalog.scanned, Arc::new(scope));
        Self { mirrors, left_out, primary, changes, scanned, samples, scope, profiles }
    }

    /// The files that a visit to a mirror looks for, of each of its trees; from directories that are in doubt first.
    pub(super) fn draw(
        &self,
        trees: &[Tree],
        is_doubted: impl Fn(&str) -> bool,
        rng: &mut fastrand::Rng,
    ) -> Vec<Vec<plan::Sample>> {
        let n_trees = trees.iter().filter(|tree| !tree.sampled.is_empty()).count();
        let of_tree = |tree: &Tree| self.samples.draw(&tree.sampled, n_trees, &is_doubted, rng);
        trees.iter().map(of_tree).collect()
    }

    /// The same as verdicts need it.
    pub(super) fn inventory(&self, looks: FileLooks) -> Inventory {
        let tree = |tree: &Tree| inventory::Tree {
            urls: tree.urls.iter().map(|url| url.as_str().to_owned()).collect(),
            repositories: tree.repositories.iter().map(|one| one.directory.clone()).collect(),
            directories: tree.directories.clone(),
        };
        let entry = |trees: &Vec<Tree>| {
            let is_listed_by_rsync =
                looks.is_listing && trees.iter().any(|tree| !tree.listed.is_empty());
            let is_sampled = looks.is_sampling && trees.iter().any(|tree| !tree.sampled.is_empty());
            inventory::Entry {
                trees: trees.iter().map(tree).collect(),
                is_sampled,
                is_listed_by_rsync,
                ..inventory::Entry::default()
            }
        };
        let mirrors = self.mirrors.iter().map(|(key, trees)| (key.clone(), entry(trees)));
        Inventory { mirrors: mirrors.collect() }
    }
}

impl Tree {
    /// The same as a visit to all of it needs it: each URL over each version of IP, those of our `own` first.
    pub fn to_plan(&self, own: &[IpVersion]) -> plan::Tree {
        let mut versions = IpVersion::ALL;
        versions.sort_by_key(|version| {
            own.iter().position(|known| known == version).unwrap_or(own.len())
        });
        let routes = self
            .urls
            .iter()
            .flat_map(|url| versions.map(|version| plan::Route { url: url.clone(), version }));
        plan::Tree {
            routes: routes.collect(),
            probes: self.probes.clone(),
            repositories: self.repositories.clone(),
            samples: Vec::new(),
        }
    }
}

/// A `repomd.xml` of the primary.
struct Repomd {
    /// The size of the current version, in bytes.
    size: u64,
    /// Whether there was none before, not long ago.
    is_new: bool,
    /// All versions, the current one first.
    versions: Vec<PrimaryVersion>,
    /// When a scan found the current one in place of another one, in seconds since 1970.
    changed: Option<u64>,
}

/// The directories with a `repomd.xml`.
fn repodata(catalog: &Catalog) -> BTreeMap<DirectoryId, Repomd> {
    let mut found = BTreeMap::new();
    for (index, directory) in catalog.directories.iter().enumerate() {
        let file = directory.files.iter().find(|file| file.name == REPOMD);
        if let (Some(file), Some(id)) = (file, DirectoryId::new(index)) {
            found.insert(id, repomd(file, catalog.created));
        }
    }
    found
}

/// A version counts as replaced when the one after it was made. The catalog has no file that was withdrawn. Of
/// equal versions the first one counts: the primary may have gone back to an earlier one.
fn repomd(file: &File, now: u64) -> Repomd {
    let mut versions: Vec<_> = file.versions.iter().collect();
    if file.order == VersionOrder::ByTime {
        versions.sort_by_key(|version| std::cmp::Reverse(version.timestamp));
    }
    let size = versions.first().map_or(0, |version| version.size);
    let is_new = matches!(versions[..], [only] if only.timestamp.saturating_add(NEW) > now);
    let mut replaced = None;
    let mut known: Vec<PrimaryVersion> = Vec::new();
    for version in versions {
        if let Some(sha256) = &version.checksums.sha256 {
            let mut digits = String::new();
            push_hex(sha256, &mut digits);
            if known.iter().all(|known| known.sha256 != digits) {
                known.push(PrimaryVersion { sha256: digits, replaced });
            }
        }
        replaced = Some(version.timestamp);
    }
    Repomd { size, is_new, versions: known, changed: file.changed }
}

/// Takes the URLs out that are too many of a mirror, and trees without any; how many URLs.
fn cut(trees: &mut Vec<Tree>) -> usize {
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut left_out: BTreeSet<String> = BTreeSet::new();
    for tree in &mut *trees {
        tree.urls.retain(|url| {
            let url = url.as_str();
            let fits = kept.contains(url) || kept.len() < MAX_URLS;
            let list = if fits { &mut kept } else { &mut left_out };
            list.insert(url.to_owned());
            fits
        });
    }
    trees.retain(|tree| !tree.urls.is_empty());
    left_out.len()
}

/// The mirrors that carry a directory for everybody, each with its list of URLs.
fn public_carriers<'c>(
    catalog: &'c Catalog,
    directory: &Directory,
) -> impl Iterator<Item = (HostId, u32)> + use<'c> {
    let layout = catalog.layouts.get(directory.layout as usize);
    let carriers = catalog.carriers.get(directory.carriers as usize);
    carriers.into_iter().flat_map(|set| host_set::members(set)).filter_map(move |host| {
        let slot = layout?.slots.get(host.index()).copied().flatten()?;
        slot.public.then_some((host, slot.urls))
    })
}

fn tree(
    catalog: &Catalog,
    urls: u32,
    directories: &[DirectoryId],
    (repodata, samples, scope): (&BTreeMap<DirectoryId, Repomd>, &Samples, &Scope),
) -> Tree {
    let list = catalog.url_lists.get(urls as usize);
    let texts = list.into_iter().flatten().filter_map(|&at| catalog.urls.get(at as usize));
    let (urls, others): (Vec<BaseUrl>, Vec<BaseUrl>) = texts
        .filter_map(|text| BaseUrl::parse(text).ok())
        .partition(|url| matches!(url.protocol(), Protocol::Http | Protocol::Https));
    let mut repositories = Vec::new();
    let mut tops: Vec<String> = Vec::new();
    for id in directories {
        let Some(directory) = catalog.directories.get(id.index()) else { continue };
        if let Some(repomd) = repodata.get(id) {
            let path = match &*directory.subpath {
                "" => REPOMD.to_owned(),
                subpath => format!("{subpath}/{REPOMD}"),
            };
            let directory = directory.name.to_string();
            repositories.push((repomd, plan::Repository { directory, path }));
        }
        // In order of names a directory comes after those above it, though not always at once.
        if !tops.iter().rev().any(|top| is_within(&directory.name, top)) {
            tops.push(directory.name.to_string());
        }
    }
    repositories.sort_by(|(one, of_one), (other, of_other)| {
        (one.size, &of_one.directory).cmp(&(other.size, &of_other.directory))
    });
    let of_rsync = others.into_iter().filter(|url| url.protocol() == Protocol::Rsync).collect();
    let decided = directories.iter().filter_map(|id| catalog.directories.get(id.index()));
    let decided = decided.filter(|directory| scope.covers(&directory.name));
    Tree {
        listed: parts::listed((of_rsync, &urls), decided, &tops),
        urls,
        probes: probes(&repositories),
        repositories: repositories.into_iter().map(|(_, repository)| repository).collect(),
        directories: tops,
        sampled: thinned(directories.iter().filter_map(|&id| samples.place(id)).collect()),
    }
}

/// At most [`MAX_SAMPLED`] of them, spread over all.
fn thinned(places: Vec<u32>) -> Vec<u32> {
    let step = places.len().div_ceil(MAX_SAMPLED).max(1);
    places.into_iter().step_by(step).collect()
}

/// The files for probes: of the repositories with the smallest `repomd.xml`, a middle one and the largest, so
/// that hardly any mirror leaves all of them out. New repositories are taken only if there are no others.
fn probes(repositories: &[(&Repomd, plan::Repository)]) -> Vec<String> {
    let is_old = |(repomd, _): &&(&Repomd, plan::Repository)| !repomd.is_new;
    let mut usable: Vec<_> = repositories.iter().filter(is_old).collect();
    if usable.is_empty() {
        usable = repositories.iter().collect();
    }
    let last = usable.len().saturating_sub(1);
    let mut places = vec![0, last / 2, last];
    places.dedup();
    let chosen = places.into_iter().filter_map(|at| usable.get(at));
    chosen.map(|(_, repository)| repository.path.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::records::Version;
    use model::checksum::Checksums;

    const NOW: u64 = 1_800_000_000;

    fn version(timestamp: u64, byte: u8) -> Version {
        let checksums = Checksums { sha256: Some([byte; 32]), ..Checksums::default() };
        Version { timestamp, size: 100, checksums }
    }

    fn file(versions: Vec<Version>) -> File {
        let order = VersionOrder::CurrentFirst;
        File { name: REPOMD.into(), versions, order, changed: None }
    }

    #[test]
    fn a_version_that_came_back_is_current_and_not_replaced() {
        let versions = vec![version(300, 1), version(200, 2), version(100, 1)];
        let repomd = repomd(&file(versions), NOW);
        let known: Vec<_> =
            repomd.versions.iter().map(|known| (&*known.sha256, known.replaced)).collect();
        let (first, second) = ("01".repeat(32), "02".repeat(32));
        assert_eq!(known, [(&*first, None), (&*second, Some(300))]);
    }

    #[test]
    fn probes_are_spread_over_repositories_that_are_not_new() {
        let old = |n: u64| repomd(&file(vec![version(NOW - 9 * 86_400 + n, 1)]), NOW);
        let new = repomd(&file(vec![version(NOW - 3_600, 1)]), NOW);
        let busy = repomd(&file(vec![version(NOW - 3_600, 2), version(NOW - 7_200, 1)]), NOW);
        let paths = |all: &[&Repomd]| {
            let repository = |n: usize| plan::Repository {
                directory: format!("{n}"),
                path: format!("{n}/repomd.xml"),
            };
            let all: Vec<_> =
                all.iter().enumerate().map(|(n, repomd)| (*repomd, repository(n))).collect();
            probes(&all).join(" ")
        };
        let old = [old(1), old(2), old(3)];
        assert_eq!(
            paths(&[&new, &old[0], &new, &old[1], &busy, &old[2], &new]),
            "1/repomd.xml 3/repomd.xml 5/repomd.xml"
        );
        assert_eq!(paths(&[&new, &busy]), "1/repomd.xml");
        assert_eq!(paths(&[&new, &new]), "0/repomd.xml 1/repomd.xml");
        assert_eq!(paths(&[]), "");
    }

    #[test]
    fn urls_that_are_too_many_of_a_mirror_are_left_out() {
        let tree = |from: usize, to: usize| {
            let url = |n: usize| BaseUrl::parse(&format!("http://m.example/{n}")).unwrap();
            Tree { urls: (from..to).map(url).collect(), ..Tree::default() }
        };
        let mut trees = vec![tree(0, 60), tree(50, 70), tree(70, 72)];
        assert_eq!(cut(&mut trees), 8);
        // Those that a tree shares with another one count once; nothing is known of the last tree.
        let kept: Vec<usize> = trees.iter().map(|tree| tree.urls.len()).collect();
        assert_eq!(kept, [60, 14]);
        assert_eq!(cut(&mut vec![tree(0, MAX_URLS)]), 0);
    }
}
