//! What a catalog expects of its mirrors: where each is visited, and what it should have.

use std::collections::BTreeMap;

use catalog::Catalog;
use catalog::records::{Directory, File, VersionOrder};
use checks::history::{PrimaryScan, PrimaryVersion};
use checks::inventory::{self, Inventory};
use model::base_url::BaseUrl;
use model::host_set;
use model::ids::{DirectoryId, HostId};
use model::url::Protocol;
use visits::plan;

/// The file whose hash tells the version of a repository.
const REPOMD: &str = "repomd.xml";

/// What is expected of all mirrors that can be visited. Private mirrors cannot: they are not reached from
/// elsewhere.
#[derive(Debug, Default)]
pub struct Expected {
    /// By the key of the mirror, as text.
    pub mirrors: BTreeMap<String, Vec<Tree>>,
    /// The versions of each `repomd.xml` that the catalog knows.
    pub primary: PrimaryScan,
}

/// What a mirror serves below the same base URLs.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The base URLs of http and https.
    pub urls: Vec<BaseUrl>,
    /// Its repositories, the one with the smallest `repomd.xml` first.
    pub repositories: Vec<plan::Repository>,
    /// The directories that it carries, without those below others of them.
    pub directories: Vec<String>,
}

impl Expected {
    /// Reads it from a catalog.
    pub fn of(catalog: &Catalog) -> Self {
        let repodata = repodata(catalog);
        let mut by_mirror: BTreeMap<(HostId, u32), Vec<DirectoryId>> = BTreeMap::new();
        for (index, directory) in catalog.directories.iter().enumerate() {
            let Some(id) = DirectoryId::new(index) else { break };
            for (host, urls) in public_carriers(catalog, directory) {
                by_mirror.entry((host, urls)).or_default().push(id);
            }
        }
        let mut mirrors: BTreeMap<String, Vec<Tree>> = BTreeMap::new();
        for ((host, urls), directories) in by_mirror {
            let Some(mirror) = catalog.mirrors.get(host.index()) else { continue };
            let tree = tree(catalog, urls, &directories, &repodata);
            if !tree.urls.is_empty() {
                mirrors.entry(mirror.key.to_string()).or_default().push(tree);
            }
        }
        let repositories = repodata.iter().map(|(id, (_, versions))| {
            let name =
                catalog.directories.get(id.index()).map(|directory| directory.name.to_string());
            (name.unwrap_or_default(), versions.clone())
        });
        let primary =
            PrimaryScan { scanned: catalog.created, repositories: Some(repositories.collect()) };
        Self { mirrors, primary }
    }

    /// The same as verdicts need it.
    pub fn inventory(&self) -> Inventory {
        let tree = |tree: &Tree| inventory::Tree {
            urls: tree.urls.iter().map(|url| url.as_str().to_owned()).collect(),
            repositories: tree.repositories.iter().map(|one| one.directory.clone()).collect(),
            directories: tree.directories.clone(),
        };
        let entry = |trees: &Vec<Tree>| inventory::Entry {
            trees: trees.iter().map(tree).collect(),
            ..inventory::Entry::default()
        };
        let mirrors = self.mirrors.iter().map(|(key, trees)| (key.clone(), entry(trees)));
        Inventory { mirrors: mirrors.collect() }
    }
}

impl Tree {
    /// The same as a visit needs it.
    pub fn to_plan(&self) -> plan::Tree {
        plan::Tree {
            urls: self.urls.clone(),
            probe: self.repositories.first().map(|repository| repository.path.clone()),
            repositories: self.repositories.clone(),
            samples: Vec::new(),
        }
    }
}

/// The directories with a `repomd.xml`: its size, and its versions.
fn repodata(catalog: &Catalog) -> BTreeMap<DirectoryId, (u64, Vec<PrimaryVersion>)> {
    let mut found = BTreeMap::new();
    for (index, directory) in catalog.directories.iter().enumerate() {
        let file = directory.files.iter().find(|file| file.name == REPOMD);
        if let (Some(file), Some(id)) = (file, DirectoryId::new(index)) {
            found.insert(id, versions(file));
        }
    }
    found
}

/// The size of the current version, and all versions, the current one first. A version counts as replaced
/// when the one after it was made.
fn versions(file: &File) -> (u64, Vec<PrimaryVersion>) {
    let mut versions: Vec<_> = file.versions.iter().collect();
    if file.order == VersionOrder::ByTime {
        versions.sort_by_key(|version| std::cmp::Reverse(version.timestamp));
    }
    let size = versions.first().map_or(0, |version| version.size);
    let mut replaced = None;
    let mut known = Vec::new();
    for version in versions {
        if let Some(sha256) = &version.checksums.sha256 {
            let sha256 = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            known.push(PrimaryVersion { sha256, replaced });
        }
        replaced = Some(version.timestamp);
    }
    (size, known)
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
    repodata: &BTreeMap<DirectoryId, (u64, Vec<PrimaryVersion>)>,
) -> Tree {
    let list = catalog.url_lists.get(urls as usize);
    let texts = list.into_iter().flatten().filter_map(|&at| catalog.urls.get(at as usize));
    let urls = texts
        .filter_map(|text| BaseUrl::parse(text).ok())
        .filter(|url| matches!(url.protocol(), Protocol::Http | Protocol::Https));
    let mut repositories = Vec::new();
    let mut tops: Vec<String> = Vec::new();
    for id in directories {
        let Some(directory) = catalog.directories.get(id.index()) else { continue };
        if let Some((size, _)) = repodata.get(id) {
            let path = match &*directory.subpath {
                "" => REPOMD.to_owned(),
                subpath => format!("{subpath}/{REPOMD}"),
            };
            let directory = directory.name.to_string();
            repositories.push((*size, plan::Repository { directory, path }));
        }
        // In order of names a directory comes after those above it, though not always at once.
        let is_within = |top: &String| {
            let rest = directory.name.strip_prefix(top.as_str());
            rest.is_some_and(|rest| top.is_empty() || rest.starts_with('/'))
        };
        if !tops.iter().rev().any(is_within) {
            tops.push(directory.name.to_string());
        }
    }
    repositories
        .sort_by(|one, other| (one.0, &one.1.directory).cmp(&(other.0, &other.1.directory)));
    Tree {
        urls: urls.collect(),
        repositories: repositories.into_iter().map(|(_, repository)| repository).collect(),
        directories: tops,
    }
}
