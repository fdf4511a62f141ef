//! Reports records that have no counterpart in another table.
//!
//! Such records do not make an answer wrong, unless a repository is reported as `harmful`, and some are
//! usual: MirrorManager exports mirrors that carry nothing yet.
//!
//! Dangling references are reported where they are followed. This module reports the rest: records to
//! which nothing refers, and repositories that exist in one format only or that no public mirror offers.

use rustc_hash::{FxHashMap, FxHashSet};

use super::directories::Directories;
use super::entry::{Entry, HostIds};
use super::records::{Catalog, Directory};
use super::report::Report;
use model::base_url::Redacted;
use model::host_set::members;
use model::ids::{DirectoryId, HostId};
use model::mirror_key::MirrorKey;
use model::url::Protocol;

/// Reports finished records that are of no use, and repositories with which clients fail, but those that are
/// `lacking`, which have been reported.
pub(super) fn report(
    urls: &[Entry<i64, String>],
    directories: &Directories,
    lacking: &FxHashSet<String>,
    catalog: &Catalog,
    report: &mut Report,
) {
    let used: FxHashSet<i64> = directories.url_lists.iter().flatten().copied().collect();
    for Entry { origin, key: id, value: url } in urls {
        if !used.contains(id) {
            let value = format_args!("{id} {}", Redacted(url));
            report.skipped(origin, "URL that no mirror uses", value);
        }
    }
    // Directories share sets of mirrors and layouts, so there are few distinct pairs to check.
    let mut known = FxHashMap::default();
    let mut offer_of = |directory: &Directory| {
        *known
            .entry((directory.layout, directory.carriers))
            .or_insert_with(|| Offer::of(catalog, directory))
    };
    for directory in &catalog.directories {
        if offer_of(directory) == Offer::Private {
            let problem = "directory that no public mirror carries";
            report.skipped(&directory.origin, problem, &directory.name);
        }
    }
    for repository in &catalog.repositories {
        let origin = &repository.origin;
        let value = format_args!("{} in {}", repository.key, repository.path);
        let found = |id: DirectoryId| catalog.directories.get(id.index());
        let directory = repository.directory.and_then(found);
        let repodata = repository.repodata.and_then(found);
        if directory.or(repodata).is_none() {
            // This has been reported already.
            continue;
        }
        let offers = [directory, repodata].map(|found| found.map(&mut offer_of));
        if offers.contains(&Some(Offer::NotWeb)) {
            let problem = "repository that no public mirror offers over http or https";
            report.harmful(origin, problem, value);
        } else if offers.contains(&Some(Offer::Resting)) {
            match catalog.fallback {
                Some(_) => {
                    let problem =
                        "repository whose public mirrors all rest, clients get the origin alone";
                    report.mended(origin, problem, value);
                }
                None => {
                    let problem = "repository whose public mirrors all rest, clients get none";
                    report.harmful(origin, problem, value);
                }
            }
        }
        let has_index = repodata
            .is_some_and(|directory| directory.files.iter().any(|file| file.name == "repomd.xml"));
        match repodata {
            None if lacking.contains(&repository.path) => {}
            None => {
                let problem = "repository whose repodata no mirror carries, it has no metalink";
                report.skipped(origin, problem, value);
            }
            Some(_) if !has_index => {
                let problem = "repository without details of repomd.xml, it has no metalink";
                report.skipped(origin, problem, value);
            }
            Some(_) => {}
        }
    }
}

/// Reports unused and inconsistent records in the tables of mirrors.
pub(super) fn report_mirrors(
    countries: &[Entry<MirrorKey, String>],
    bandwidths: &[Entry<MirrorKey, i64>],
    hosts: &HostIds,
    catalog: &Catalog,
    report: &mut Report,
) {
    report_unknown(countries, hosts, report);
    report_unknown(bandwidths, hosts, report);
    report_moved(catalog, report);
}

fn report_unknown<V>(entries: &[Entry<MirrorKey, V>], hosts: &HostIds, report: &mut Report) {
    for entry in entries.iter().filter(|entry| !hosts.contains_key(&entry.key)) {
        report.skipped(&entry.origin, "mirror carries nothing, skipped", &entry.key);
    }
}

/// Reports mirrors that a directory lists in another country than their own. Clients are sent to them
/// by the listed country, but metalinks give their own as the location.
fn report_moved(catalog: &Catalog, report: &mut Report) {
    let mut reported = FxHashSet::default();
    for layout in &catalog.layouts {
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(mirror) = catalog.mirrors.get(host.index()) else { continue };
            let (Some(own), Some(slot)) = (mirror.country, slot) else { continue };
            let Some(listed) = catalog.country_sets.get(slot.countries as usize) else { continue };
            let Some(other) = listed.first() else { continue };
            if !listed.contains(&own) && reported.insert(host) {
                let value = format_args!("mirror {} of {own} in {other}", mirror.key);
                let problem = "mirror listed in another country than its own";
                report.mended(&layout.origin, problem, value);
            }
        }
    }
}

/// The clients for which a directory is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// All clients, over http or https.
    Web,
    /// All clients, but only over protocols that package managers do not support.
    NotWeb,
    /// No clients at present: all of its public mirrors rest.
    Resting,
    /// Only clients in the networks of private mirrors.
    Private,
}

impl Offer {
    fn of(catalog: &Catalog, directory: &Directory) -> Self {
        let layout = catalog.layouts.get(directory.layout as usize);
        let slots = layout.map_or(&[][..], |layout| &layout.slots);
        let public = |host: HostId| (*slots.get(host.index())?).filter(|slot| slot.public);
        let rests = |host: HostId| catalog.mirrors.get(host.index()).is_some_and(|m| m.load == 0);
        let set = catalog.carriers.get(directory.carriers as usize);
        let hosts = || members(set.map_or(&[], |set| set));
        let mut working = hosts().filter(|&host| !rests(host)).filter_map(public).peekable();
        if working.peek().is_none() {
            let has_public = hosts().any(|host| public(host).is_some());
            return if has_public { Self::Resting } else { Self::Private };
        }
        let is_web = |&url: &u32| {
            let url = catalog.urls.get(url as usize);
            let protocol = url.and_then(|url| Protocol::of_url(url));
            matches!(protocol, Some(Protocol::Http | Protocol::Https))
        };
        let mut lists = working.filter_map(|slot| catalog.url_lists.get(slot.urls as usize));
        if lists.any(|urls| urls.iter().any(is_web)) { Self::Web } else { Self::NotWeb }
    }
}
