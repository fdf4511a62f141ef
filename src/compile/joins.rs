//! What does not join: records of one table that find nothing in another, counted with an example.
//!
//! None of it makes an answer wrong, but where a repository is `harmful`, and some of it is usual:
//! MirrorManager exports mirrors that carry nothing yet.
//!
//! Where a reference is followed, what it does not find is reported there. Here stands what nobody
//! asks for while tables are made: records that nothing refers to, and repositories that exist in one
//! format only or for nobody.

use rustc_hash::FxHashSet;

use super::networks::HostIds;
use super::source::mirrormanager;
use crate::catalog::report::{Place, Report};
use crate::model::ids::HostId;
use crate::model::url::Protocol;
use crate::snapshot::members;
use crate::snapshot::tables::{Directory, Tables};

/// Reports what is of no use in the finished tables, and what clients fail with.
pub(super) fn report(
    file: &str,
    cache: &mirrormanager::Records,
    tables: &Tables,
    report: &mut Report,
) {
    let used: FxHashSet<i64> = cache.directories.url_lists.iter().flatten().copied().collect();
    for (id, url) in cache.urls.iter().filter(|(id, _)| !used.contains(id)) {
        let url = crate::model::base_url::Redacted(url);
        let place = Place::Table("HCUrlCache");
        report.skipped(file, place, "URL that no mirror uses", format_args!("{id} {url}"));
    }
    // Directories share sets of mirrors and layouts, so that there are few pairs to look at.
    let mut known = rustc_hash::FxHashMap::default();
    let mut audience_of = |directory: &Directory| {
        *known
            .entry((directory.layout, directory.carriers))
            .or_insert_with(|| Audience::of(tables, directory))
    };
    let place = Place::Table("MirrorListCache");
    for (rank, directory) in tables.directories.iter().enumerate() {
        if audience_of(directory) == Audience::Private {
            let name = tables.directory_names.get(rank);
            report.skipped(file, place, "directory that no public mirror carries", name);
        }
    }
    let place = Place::Table("RepoArchToDirectoryName");
    for (rank, repository) in tables.repositories.iter().enumerate() {
        let key = tables.repository_names.get(rank);
        let value = format_args!("{key} in {}", repository.path);
        let found = |id: crate::model::ids::DirectoryId| tables.directories.get(id.index());
        let directory = repository.directory.and_then(found);
        let repodata = repository.repodata.and_then(found);
        if directory.or(repodata).is_none() {
            // That has been reported.
            continue;
        }
        let audiences = [directory, repodata].map(|found| found.map(&mut audience_of));
        if audiences.contains(&Some(Audience::NotWeb)) {
            let problem = "repository that no public mirror offers over http or https";
            report.harmful(file, place, problem, value);
        }
        let has_index = repodata.is_some_and(|directory| {
            let (from, to) = directory.files;
            let files = tables.files.get(from as usize..to as usize).unwrap_or(&[]);
            files.iter().any(|file| file.name == "repomd.xml")
        });
        match repodata {
            None => {
                let problem = "repository whose repodata no mirror carries, it has no metalink";
                report.skipped(file, place, problem, value);
            }
            Some(_) if !has_index => {
                let problem = "repository without details of repomd.xml, it has no metalink";
                report.skipped(file, place, problem, value);
            }
            Some(_) => {}
        }
    }
}

/// Looks at the tables of mirrors.
pub(super) fn report_mirrors(
    file: &str,
    cache: &mirrormanager::Records,
    hosts: &HostIds,
    tables: &Tables,
    report: &mut Report,
) {
    let countries = cache.host_countries.iter().map(|&(number, _)| number);
    report_unknown(file, "HostCountryCache", countries, hosts, report);
    let bandwidths = cache.bandwidths.iter().map(|&(number, _)| number);
    report_unknown(file, "HostBandwidthCache", bandwidths, hosts, report);
    report_moved(file, cache, tables, report);
}

fn report_unknown(
    file: &str,
    table: &'static str,
    numbers: impl Iterator<Item = i64>,
    hosts: &HostIds,
    report: &mut Report,
) {
    for number in numbers.filter(|number| !hosts.contains_key(number)) {
        report.skipped(file, Place::Table(table), "mirror carries nothing, skipped", number);
    }
}

/// Mirrors that a directory lists in another country than their own: clients find them there, and
/// metalinks call the other their location.
fn report_moved(file: &str, cache: &mirrormanager::Records, tables: &Tables, report: &mut Report) {
    let mut told = FxHashSet::default();
    for layout in &tables.layouts {
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(own) = tables.hosts.get(host.index()).and_then(|host| host.country) else {
                continue;
            };
            let Some(slot) = slot else { continue };
            let listed = tables.country_sets.get(slot.countries as usize);
            let Some(other) = listed.first() else { continue };
            if !listed.contains(&own) && told.insert(host) {
                let number = cache.directories.host_numbers.get(host.index()).unwrap_or(&0);
                let value = format_args!("mirror {number} of {own} in {other}");
                let place = Place::Table("MirrorListCache");
                report.mended(file, place, "mirror listed in another country than its own", value);
            }
        }
    }
}

/// For whom a directory is listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    /// For everybody, over http or https.
    Web,
    /// For everybody, over protocols that package managers do not speak.
    NotWeb,
    /// For the networks of private mirrors.
    Private,
}

impl Audience {
    fn of(tables: &Tables, directory: &Directory) -> Self {
        let slots = tables.layouts.get(directory.layout.index()).map_or(&[][..], |l| &l.slots);
        let slot_of = |host: HostId| *slots.get(host.index())?;
        let hosts = members(tables.carriers.get(directory.carriers as usize));
        let mut public = hosts.filter_map(slot_of).filter(|slot| slot.public).peekable();
        if public.peek().is_none() {
            return Self::Private;
        }
        let is_web = |&url: &u32| {
            let protocol = Protocol::of_url(tables.urls.get(url as usize));
            matches!(protocol, Some(Protocol::Http | Protocol::Https))
        };
        let mut lists = public.map(|slot| tables.url_lists.get(slot.urls as usize));
        if lists.any(|urls| urls.iter().any(is_web)) { Self::Web } else { Self::NotWeb }
    }
}
