//! What is asked for: one repository, in the format of its clients.

use std::fmt;

use rustc_hash::FxHashMap;

use super::error::Error;
use encode::write::push_percent_encoded;
use model::ids::HostId;
use model::repository::split_key;
use snapshot::{DirectoryView, Snapshot};

/// The file of which metalinks are asked.
const REPOMD: &str = "repomd.xml";

/// The repository that is wanted; what is `None` is chosen.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Its name.
    pub repo: Option<String>,
    /// The architecture.
    pub arch: Option<String>,
}

/// A format of lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListFormat {
    /// A text list.
    Mirrorlist,
    /// A metalink of `repomd.xml`, which lists several URLs of a mirror.
    Metalink,
}

/// A question that is asked for each client.
pub(crate) struct Subject<'s> {
    pub(crate) repo: &'s str,
    pub(crate) arch: &'s str,
    pub(crate) format: ListFormat,
    /// The directory that mirrors must carry.
    pub(crate) directory: DirectoryView<'s>,
    pub(crate) query: String,
    /// The mirrors by their base URLs.
    mirrors: FxHashMap<&'s str, HostId>,
}

impl<'s> Subject<'s> {
    /// The question about a repository: the one that is named, or else the one that most mirrors carry.
    pub(crate) fn choose(snapshot: &'s Snapshot, choice: &Choice) -> Result<Self, Error> {
        let is_wanted = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == name)
        };
        let names = snapshot.repository_names().iter();
        let candidates =
            names.filter_map(|key| Some((key, split_key(key)?))).filter(|(_, (repo, arch))| {
                is_wanted(&choice.repo, repo) && is_wanted(&choice.arch, arch)
            });
        let mut best: Option<((u32, bool, bool), Self)> = None;
        for (key, (repo, arch)) in candidates {
            let Some((subject, n_mirrors)) = Self::of(snapshot, key, repo, arch) else { continue };
            let merit = (n_mirrors, subject.format == ListFormat::Metalink, arch == "x86_64");
            // Names are in order, so that the first of equals is always the same.
            if best.as_ref().is_none_or(|(known, _)| merit > *known) {
                best = Some((merit, subject));
            }
        }
        let found = best.map(|(_, subject)| subject).ok_or_else(|| match choice {
            Choice { repo: None, arch: None } => Error::NoRepository,
            Choice { repo, arch } => Error::UnknownRepository(
                repo.as_ref().map_or("of any name".into(), |repo| format!("`{repo}`")),
                arch.as_ref().map_or(String::new(), |arch| format!(" for `{arch}`")),
            ),
        })?;
        Ok(Self { mirrors: base_urls(snapshot, &found.directory), ..found })
    }

    /// The question about one repository, with the number of mirrors that are listed for everybody.
    fn of(snapshot: &'s Snapshot, key: &str, repo: &'s str, arch: &'s str) -> Option<(Self, u32)> {
        let repository = snapshot.find_repository(key).filter(|known| !known.is_disabled)?;
        if snapshot.is_disabled(repo) {
            return None;
        }
        let repodata = repository.repodata.and_then(|id| snapshot.directory(id));
        let repodata = repodata.filter(|found| snapshot.find_file(found, REPOMD).is_some());
        let (format, directory) = match repodata {
            Some(directory) => (ListFormat::Metalink, directory),
            None => (ListFormat::Mirrorlist, snapshot.directory(repository.directory?)?),
        };
        let words = directory.carriers.iter().zip(directory.layout.public());
        let n_mirrors = words.map(|(carriers, public)| (carriers & public).count_ones()).sum();
        let mut query = "repo=".to_owned();
        push_encoded(repo, &mut query);
        query.push_str("&arch=");
        push_encoded(arch, &mut query);
        let mirrors = FxHashMap::default();
        Some((Self { repo, arch, format, directory, query, mirrors }, n_mirrors))
    }

    /// The path of the request.
    pub(crate) fn path(&self) -> &'static str {
        match self.format {
            ListFormat::Mirrorlist => "/mirrorlist",
            ListFormat::Metalink => "/metalink",
        }
    }

    /// The mirror of a listed URL; `None` for the fallback.
    pub(crate) fn mirror_of(&self, url: &str) -> Option<HostId> {
        let mut rest = url;
        while let Some((base, _)) = rest.rsplit_once('/') {
            if let Some(&host) = self.mirrors.get(base) {
                return Some(host);
            }
            rest = base;
        }
        None
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}?{}", self.path(), self.query)
    }
}

/// The mirrors of a directory by their base URLs; of several with the same URL, the first, which is that of
/// lists as well.
fn base_urls<'s>(
    snapshot: &'s Snapshot,
    directory: &DirectoryView<'s>,
) -> FxHashMap<&'s str, HostId> {
    let mut mirrors = FxHashMap::default();
    for (host, slot) in (0..).map(HostId).zip(directory.layout.slots()) {
        let Some(slot) = slot else { continue };
        if !snapshot::contains(directory.carriers, host) {
            continue;
        }
        for (_, url) in snapshot.urls(*slot) {
            mirrors.entry(url).or_insert(host);
        }
    }
    mirrors
}

fn push_encoded(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' | '~' => out.push(character),
            _ => push_percent_encoded(character, out),
        }
    }
}
