//! Repositories, their old names, and those that are switched off.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Refusal, first_of_each_name, refuse_if_dangling};
use super::directories::Record;
use super::source::mirrormanager::Records;
use crate::catalog::report::{Place, Report};
use crate::model::ids::DirectoryId;
use crate::model::path::{self, split_repodata};
use crate::model::repository::{fixed_arch, split_key};
use crate::snapshot::tables::{Names, Repository, Tables};

const REPOSITORIES: &str = "RepoArchToDirectoryName";
const REDIRECTS: &str = "RepositoryRedirectCache";
const DISABLED: &str = "DisabledRepositoryCache";

/// `RepoArchToDirectoryName`: the directory of each `repo+arch`, under its own name: a path to the
/// index leads to the directory that holds it, whatever the format.
pub(super) fn read_paths(
    file: &str,
    cache: &Records,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let place = Place::Table(REPOSITORIES);
    let mut paths = BTreeMap::new();
    for (key, written) in first_of_each_name(file, REPOSITORIES, &cache.repositories, report) {
        let value = format_args!("{key} in {written}");
        let Some((repository, arch)) = split_key(key) else {
            report.skipped(file, place, "repository without an architecture, skipped", value);
            continue;
        };
        if fixed_arch(repository).is_some_and(|fixed| fixed != arch) {
            let problem = "repository of sources for another architecture, no request finds it";
            report.skipped(file, place, problem, value);
        }
        let path = path::canonical(written);
        if path.is_empty() || path.chars().any(char::is_control) || path::leads_above(written) {
            let problem = "repository in a directory that cannot be, skipped";
            report.skipped(file, place, problem, value);
            continue;
        }
        if path != *written {
            let problem = "directory name with odd slashes or dots, mended";
            report.mended(file, place, problem, value);
        }
        paths.insert(key.to_owned(), split_repodata(&path).0.to_owned());
    }
    paths
}

/// Adds the directories of repositories that are not there although their `repodata` is: who carries
/// the index serves the repository, and a text list names its directory.
pub(super) fn add_parents(
    file: &str,
    paths: &BTreeMap<String, String>,
    records: &mut Vec<Record>,
    report: &mut Report,
) {
    let find = |name: &str| records.binary_search_by(|record| (*record.name).cmp(name)).ok();
    let mut parents = Vec::new();
    for path in paths.values().collect::<BTreeSet<_>>() {
        let (path, repodata) = split_repodata(path);
        if find(path).is_some() {
            continue;
        }
        let Some(record) = find(&repodata).and_then(|at| records.get(at)) else { continue };
        let subpath = match &*record.subpath {
            "repodata" => "",
            subpath => match subpath.strip_suffix("/repodata") {
                Some(subpath) => subpath,
                None => continue,
            },
        };
        let problem = "directory of a repository is missing, taken from that of its index";
        report.mended(file, Place::Table("MirrorListCache"), problem, path);
        let (layout, carriers) = (record.layout, record.carriers);
        parents.push(Record { name: path.into(), subpath: subpath.into(), layout, carriers });
    }
    records.extend(parents);
    records.sort_by(|a, b| a.name.cmp(&b.name));
}

/// Makes the table of repositories.
pub(super) fn resolve(
    file: &str,
    paths: BTreeMap<String, String>,
    tables: &mut Tables,
    report: &mut Report,
) -> Result<(), Refusal> {
    let place = Place::Table(REPOSITORIES);
    let mut dangling = 0;
    let names = paths.keys().map(String::as_str);
    tables.repository_names =
        Names::from_sorted(names).ok_or_else(|| Refusal::TooLarge(file.into()))?;
    let all = paths.len();
    for (key, path) in paths {
        let find = |path: &str| tables.directory_names.find(path).and_then(DirectoryId::new);
        let (directory, repodata) = (find(&path), find(&split_repodata(&path).1));
        if directory.is_none() && repodata.is_none() {
            dangling += 1;
            let problem = "repository whose directory no mirror carries";
            report.skipped(file, place, problem, format_args!("{key} in {path}"));
        }
        tables.repositories.push(Repository { path, directory, repodata });
    }
    refuse_if_dangling(file, dangling, all, 2, "repositories have no directory")
}

/// `RepositoryRedirectCache` and `DisabledRepositoryCache`. Redirects are followed to their end here,
/// so that a request follows one step.
pub(super) fn resolve_names(
    file: &str,
    cache: &Records,
    tables: &mut Tables,
    report: &mut Report,
) -> Result<(), Refusal> {
    let too_large = || Refusal::TooLarge(file.to_owned());
    let disabled = first_of_each_name(file, DISABLED, &cache.disabled, report);
    let disabled: BTreeSet<&str> =
        disabled.into_iter().filter(|(_, disabled)| **disabled).map(|(name, _)| name).collect();
    let known: BTreeSet<String> = tables.repository_names.iter().map(repository_of).collect();
    for name in disabled.iter().filter(|name| !known.contains(**name)) {
        let problem = "disabled repository that does not exist";
        report.skipped(file, Place::Table(DISABLED), problem, name);
    }

    let redirects = first_of_each_name(file, REDIRECTS, &cache.redirects, report);
    let mut ends = BTreeMap::new();
    for (from, to) in &redirects {
        let place = Place::Table(REDIRECTS);
        let value = format_args!("{from} to {to}");
        if to.is_empty() || to.chars().any(char::is_control) {
            report.skipped(file, place, "redirect to no usable name, skipped", value);
            continue;
        }
        match follow(&redirects, to) {
            None => report.skipped(file, place, "redirect in a circle, skipped", value),
            Some(end) if !known.contains(end) && !disabled.contains(end) => {
                let problem = "redirect to a repository that does not exist, skipped";
                report.skipped(file, place, problem, value);
            }
            Some(end) => {
                if known.contains(*from) {
                    let problem =
                        "redirect of a repository that exists, which no request finds now";
                    report.mended(file, place, problem, value);
                }
                ends.insert(*from, end);
            }
        }
    }
    tables.redirect_names = Names::from_sorted(ends.keys().copied()).ok_or_else(too_large)?;
    for end in ends.values() {
        tables.redirect_targets.push(end).ok_or_else(too_large)?;
    }
    tables.disabled = Names::from_sorted(disabled).ok_or_else(too_large)?;
    Ok(())
}

/// The name at the end of a chain of redirects; `None` where it has no end. More steps than
/// `MAX_STEPS` are none that anybody means.
fn follow<'a>(redirects: &BTreeMap<&str, &'a String>, to: &'a str) -> Option<&'a str> {
    const MAX_STEPS: usize = 64;
    let mut name = to;
    for _ in 0..MAX_STEPS {
        match redirects.get(name) {
            Some(next) => name = next,
            None => return Some(name),
        }
    }
    None
}

fn repository_of(key: &str) -> String {
    split_key(key).map_or(key, |(repository, _)| repository).to_owned()
}
