//! Repositories, their old names, and those that are switched off.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::bad_catalog::{BadCatalog, refuse_if_dangling};
use super::entry::Entry;
use super::first::first_of_each_name;
use super::origin::Origin;
use super::records::{Directory, Repository};
use super::report::Report;
use model::ids::DirectoryId;
use model::path::{self, split_repodata};
use model::repository::{fixed_arch, split_key};

/// The directory of each `repo+arch`.
pub(super) type Paths<'a> = BTreeMap<&'a str, Path<'a>>;

/// The directory of a repository, and the origin of that record.
pub(super) struct Path<'a> {
    origin: &'a Origin,
    path: String,
}

/// Reads the directory of each repository. For a path to the index, that is the directory that holds
/// it, whatever the format.
pub(super) fn read_paths<'a>(
    records: &'a [Entry<String, String>],
    report: &mut Report,
) -> Paths<'a> {
    let mut paths = BTreeMap::new();
    for (key, Entry { origin, value: written, .. }) in first_of_each_name(records, report) {
        let value = format_args!("{key} in {written}");
        let Some((repository, arch)) = split_key(key) else {
            report.skipped(origin, "repository without an architecture, skipped", value);
            continue;
        };
        if fixed_arch(repository).is_some_and(|fixed| fixed != arch) {
            let problem = "repository of sources for another architecture, no request finds it";
            report.skipped(origin, problem, value);
        }
        let path = path::canonical(written);
        if path.is_empty() || path.chars().any(char::is_control) || path::leads_above(written) {
            let problem = "repository in a directory that cannot be, skipped";
            report.skipped(origin, problem, value);
            continue;
        }
        if path != *written {
            let problem = "directory name with odd slashes or dots, mended";
            report.mended(origin, problem, value);
        }
        paths.insert(key, Path { origin, path: split_repodata(&path).0.to_owned() });
    }
    paths
}

/// The position of the directory `name` in `records`, which are sorted by name.
fn find(records: &[Directory], name: &str) -> Option<usize> {
    records.binary_search_by(|record| (*record.name).cmp(name)).ok()
}

/// Adds missing directories of repositories whose `repodata` exists: mirrors that carry the index serve
/// the repository, and a text list names its directory.
pub(super) fn add_parents(paths: &Paths<'_>, records: &mut Vec<Directory>, report: &mut Report) {
    let mut parents = Vec::new();
    // Two repositories may lead to one directory, by itself and by that of its index.
    let named: BTreeSet<_> = paths.values().map(|path| split_repodata(&path.path)).collect();
    for (path, repodata) in named {
        if find(records, path).is_some() {
            continue;
        }
        let Some(record) = find(records, &repodata).and_then(|at| records.get(at)) else {
            continue;
        };
        let subpath = match &*record.subpath {
            "repodata" => "",
            subpath => match subpath.strip_suffix("/repodata") {
                Some(subpath) => subpath,
                None => continue,
            },
        };
        let problem = "directory of a repository is missing, taken from that of its index";
        report.mended(&record.origin, problem, path);
        parents.push(Directory {
            origin: record.origin.clone(),
            name: path.into(),
            subpath: subpath.into(),
            layout: record.layout,
            carriers: record.carriers,
            files: Vec::new(),
        });
    }
    records.extend(parents);
    records.sort_by(|a, b| a.name.cmp(&b.name));
}

/// Finds the directories of all repositories. Those that are `lacking` have been reported.
pub(super) fn resolve(
    input: &str,
    paths: Paths<'_>,
    lacking: &FxHashSet<String>,
    records: &[Directory],
    report: &mut Report,
) -> Result<Vec<Repository>, BadCatalog> {
    let mut repositories = Vec::with_capacity(paths.len());
    let mut dangling = 0;
    for (key, Path { origin, path }) in paths {
        let find = |path: &str| find(records, path).and_then(DirectoryId::new);
        let (directory, repodata) = (find(&path), find(&split_repodata(&path).1));
        if directory.is_none() && repodata.is_none() && !lacking.contains(&path) {
            dangling += 1;
            let problem = "repository whose directory no mirror carries";
            report.skipped(origin, problem, format_args!("{key} in {path}"));
        }
        let (origin, key) = (origin.clone(), key.to_owned());
        let is_disabled = false;
        repositories.push(Repository { origin, key, path, directory, repodata, is_disabled });
    }
    let what = "repositories have no directory";
    refuse_if_dangling(input, dangling, repositories.len(), 2, what)?;
    Ok(repositories)
}

/// Marks the repositories that are switched off for one architecture.
pub(super) fn switch_off(
    keys: &[Entry<String, ()>],
    repositories: &mut [Repository],
    report: &mut Report,
) {
    for (key, Entry { origin, .. }) in first_of_each_name(keys, report) {
        let found = repositories.binary_search_by(|repository| (*repository.key).cmp(key));
        match found.ok().and_then(|at| repositories.get_mut(at)) {
            Some(repository) => repository.is_disabled = true,
            None => report.skipped(origin, "disabled repository that does not exist", key),
        }
    }
}

/// Old names with their new ones, and names that are switched off. Chains of redirects are resolved
/// here, so that a request follows one step.
pub(super) fn resolve_names(
    repositories: &[Repository],
    redirects: &[Entry<String, String>],
    disabled: &[Entry<String, bool>],
    report: &mut Report,
) -> (Vec<(String, String)>, Vec<String>) {
    let disabled = first_of_each_name(disabled, report);
    let disabled: BTreeMap<&str, &Origin> = disabled
        .into_iter()
        .filter(|(_, entry)| entry.value)
        .map(|(name, entry)| (name, &entry.origin))
        .collect();
    let names = repositories.iter().map(|repository| name_of(&repository.key));
    let known: BTreeSet<&str> = names.collect();
    for (name, origin) in disabled.iter().filter(|(name, _)| !known.contains(**name)) {
        report.skipped(origin, "disabled repository that does not exist", name);
    }

    let redirects = first_of_each_name(redirects, report);
    let mut ends = Vec::new();
    for (from, Entry { origin, value: to, .. }) in &redirects {
        let value = format_args!("{from} to {to}");
        if to.is_empty() || to.chars().any(char::is_control) {
            report.skipped(origin, "redirect to no usable name, skipped", value);
            continue;
        }
        match follow(&redirects, to) {
            None => report.skipped(origin, "redirect in a circle, skipped", value),
            Some(end) if !known.contains(end) && !disabled.contains_key(end) => {
                let problem = "redirect to a repository that does not exist, skipped";
                report.skipped(origin, problem, value);
            }
            Some(end) => {
                if known.contains(from) {
                    let problem =
                        "redirect of a repository that exists, which no request finds now";
                    report.mended(origin, problem, value);
                }
                ends.push(((*from).to_owned(), end.to_owned()));
            }
        }
    }
    (ends, disabled.into_keys().map(str::to_owned).collect())
}

/// The directories of each category. A repository without one is not counted: no mirror carries it, which
/// was reported. Without any directory there is no such category.
pub(super) fn resolve_categories(
    records: &[Entry<String, Vec<String>>],
    repositories: &[Repository],
    report: &mut Report,
) -> Vec<(String, Vec<DirectoryId>)> {
    let find = |key: &String| {
        let at = repositories.binary_search_by(|known| known.key.cmp(key)).ok()?;
        repositories.get(at)?.directory
    };
    let mut categories = Vec::new();
    for (name, Entry { origin, value: keys, .. }) in first_of_each_name(records, report) {
        let directories: BTreeSet<DirectoryId> = keys.iter().filter_map(find).collect();
        match directories.is_empty() {
            true => report.skipped(origin, "category without a directory, skipped", name),
            false => categories.push((name.to_owned(), directories.into_iter().collect())),
        }
    }
    categories
}

/// The directories of repositories for any architecture. Those of names that no repository has are left out:
/// why it has none was reported.
pub(super) fn resolve_templates(
    records: &[Entry<String, String>],
    repositories: &[Repository],
    report: &mut Report,
) -> Vec<(String, String)> {
    let known: FxHashSet<&str> =
        repositories.iter().map(|repository| name_of(&repository.key)).collect();
    let templates = first_of_each_name(records, report).into_iter();
    let templates = templates.filter(|(name, _)| known.contains(name));
    let resolve = |written: &str| split_repodata(&path::canonical(written)).0.to_owned();
    templates.map(|(name, entry)| (name.to_owned(), resolve(&entry.value))).collect()
}

/// The name at the end of a chain of redirects; `None` for a cycle or more than `MAX_STEPS` steps.
fn follow<'a>(
    redirects: &BTreeMap<&str, &'a Entry<String, String>>,
    to: &'a str,
) -> Option<&'a str> {
    const MAX_STEPS: usize = 64;
    let mut name = to;
    for _ in 0..MAX_STEPS {
        match redirects.get(name) {
            Some(next) => name = &next.value,
            None => return Some(name),
        }
    }
    None
}

fn name_of(key: &str) -> &str {
    split_key(key).map_or(key, |(repository, _)| repository)
}
