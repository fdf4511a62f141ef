//! Checks what must hold between the items of a declaration; the readers have checked each item.
//!
//! Names in `repo=` come from three places: a repository's own name, its aliases, and redirects. Each
//! name must have one meaning, and every redirect must end at a repository. Everything that a mirror
//! carries must exist. All faults are returned.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::expand::MAX_PAIRS;
use super::fault::{Fault, Faults, Instead, Problem, Shown};
use super::routing::check_routes;
use super::{Carried, Carries, Declaration, Mirror, Repository};
use catalog::{Origin, Place};
use model::repository::fixed_arch;

/// The most names of a circle of redirects that are shown.
const MAX_SHOWN: usize = 20;

/// What could be read wholly, so that what refers to it can be checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope {
    /// All repositories and redirects. Without them only what is there twice is checked.
    pub repositories: bool,
    /// All routes and maps. Without them no tests of routes are run.
    pub routes: bool,
}

impl Scope {
    /// Everything could be read.
    pub const ALL: Self = Self { repositories: true, routes: true };
}

/// Checks a declaration, and returns its faults. Warnings of its routes are stored in it.
pub fn check(declaration: &mut Declaration, scope: Scope) -> Faults {
    let mut faults = Faults::default();
    check_mirrors(&declaration.mirrors, &mut faults);
    check_networks(declaration, &mut faults);
    if count_pairs(&declaration.repositories, &mut faults) > MAX_PAIRS {
        return faults;
    }
    let names = collect_names(&declaration.repositories, &mut faults);
    check_groups(&declaration.repositories, &mut faults);
    if scope.repositories {
        check_redirects(declaration, &names, &mut faults);
        check_carried(declaration, &mut faults);
    }
    check_routes(declaration, (scope.repositories, scope.routes), &mut faults);
    faults
}

/// Keys, present and former, and URLs: each belongs to one mirror.
fn check_mirrors(mirrors: &[Mirror], faults: &mut Faults) {
    let mut keys = HashMap::new();
    let mut urls = HashMap::new();
    for mirror in mirrors {
        let former = mirror.formerly.iter().map(|name| ("mirror.formerly", name));
        for (key, name) in [("mirror.key", &mirror.key)].into_iter().chain(former) {
            if let Some(other) = keys.insert(name, &mirror.origin) {
                let (value, other) = (Shown::text(name.as_str()), other.clone());
                faults.push(Fault::new(&mirror.origin, key, Problem::MirrorTwice { value, other }));
            }
        }
        for url in &mirror.urls {
            if let Some(other) = urls.insert(url.url.as_str(), &url.origin) {
                let (value, other) = (Shown::url(url.url.as_str()), other.clone());
                let problem = Problem::UrlTwice { value, other };
                faults.push(Fault::new(&url.origin, "mirror.urls", problem));
            }
        }
    }
}

fn check_networks(declaration: &Declaration, faults: &mut Faults) {
    let mut seen = HashMap::new();
    for network in &declaration.networks {
        if let Some(other) = seen.insert(network.prefix, &network.origin) {
            let other: &Origin = other;
            let (value, other) = (Shown::plain(network.prefix), other.clone());
            let problem = Problem::NetworkTwice { value, other };
            faults.push(Fault::new(&network.origin, "network.prefix", problem));
        }
    }
}

/// Counts the names and directories that repositories make, before any is made.
fn count_pairs(repositories: &[Repository], faults: &mut Faults) -> usize {
    let mut sum: usize = 0;
    for repository in repositories {
        let per_version = repository.arches.len().saturating_add(repository.aliases.len());
        let versions = repository.versions.len().max(1);
        sum = sum.saturating_add(per_version.saturating_mul(versions));
        if sum > MAX_PAIRS {
            let (n, max) = (sum as u64, MAX_PAIRS as u64);
            let what = "repositories in all, each version and architecture counted";
            faults.push(Fault::new(
                &repository.origin,
                "repository",
                Problem::TooMany { what, n, max },
            ));
            break;
        }
    }
    sum
}

/// The architectures of a name in `repo=`, each with the place of its description.
type ByArch<'a> = HashMap<&'a str, &'a Origin>;

/// A name in `repo=`.
struct Name<'a> {
    origin: &'a Origin,
    /// The architectures of the repository that it means.
    arches: Rc<ByArch<'a>>,
}

/// Names in `repo=`; those of aliases as well.
type Names<'a> = BTreeMap<String, Name<'a>>;

/// The fault of a name that no request finds: one of sources is asked for with one architecture only, for
/// which `is_for` says whether what the name means is for it.
fn find_source_fault(
    name: &str,
    is_for: impl FnOnce(&str) -> bool,
    write: &'static str,
) -> Option<Problem> {
    let arch = fixed_arch(name)?;
    (!is_for(arch)).then(|| Problem::SourceArch { repo: Shown::plain(name), write })
}

/// What to write instead of another name of sources for a repository of something else.
const OTHER_NAME: &str =
    "another name, or one that leads to a repository with arches = [\"source\"]";

/// Makes every name in `repo=`. Several repositories may share a name if their architectures differ.
fn collect_names<'a>(repositories: &'a [Repository], faults: &mut Faults) -> Names<'a> {
    let mut owners: BTreeMap<String, ByArch<'a>> = BTreeMap::new();
    for repository in repositories {
        for version in repository.each_version() {
            let name = repository.repo_name(version);
            let is_for = |only: &str| repository.arches.iter().all(|arch| arch == only);
            if let Some(problem) = find_source_fault(&name, is_for, "arches = [\"source\"]") {
                faults.push(Fault::new(&repository.origin, "repository.arches", problem));
            }
            let by_arch = owners.entry(name.clone()).or_default();
            let mut twice = None;
            for arch in &repository.arches {
                twice =
                    by_arch.insert(arch, &repository.origin).map(|other| (arch, other)).or(twice);
            }
            if let Some((arch, other)) = twice {
                let (repo, arch) = (Shown::plain(&name), Shown::plain(arch));
                let problem = Problem::PairTwice { repo, arch, other: other.clone() };
                faults.push(Fault::new(&repository.origin, "repository", problem));
            }
        }
    }
    let first = |(name, arches): (String, ByArch<'a>)| {
        let origin = arches.values().copied().min_by_key(|origin| line_of(origin))?;
        Some((name, Name { origin, arches: Rc::new(arches) }))
    };
    let mut names: Names<'a> = owners.into_iter().filter_map(first).collect();
    for repository in repositories {
        let origin = &repository.origin;
        for version in repository.each_version().filter(|_| !repository.aliases.is_empty()) {
            let own = names.get(&repository.repo_name(version));
            let arches = own.map(|own| Rc::clone(&own.arches)).unwrap_or_default();
            for alias in &repository.aliases {
                let name = repository.alias_name(alias, version);
                let is_for = |arch: &str| arches.is_empty() || arches.contains_key(arch);
                if let Some(problem) = find_source_fault(&name, is_for, OTHER_NAME) {
                    faults.push(Fault::new(origin, "repository.aliases", problem));
                }
                let repo = Shown::plain(&name);
                let arches = Rc::clone(&arches);
                if let Some(other) = names.insert(name, Name { origin, arches }) {
                    let problem = Problem::NameTaken { repo, other: other.origin.clone() };
                    faults.push(Fault::new(origin, "repository.aliases", problem));
                }
            }
        }
    }
    names
}

fn line_of(origin: &Origin) -> Option<u64> {
    match origin.place() {
        Place::Line(line) => Some(line),
        Place::Table(_) => None,
    }
}

fn check_groups(repositories: &[Repository], faults: &mut Faults) {
    let named =
        repositories.iter().map(|repository| (repository.name.as_str(), &repository.origin));
    let names: HashMap<&str, &Origin> = named.collect();
    for repository in repositories {
        for group in &repository.groups {
            if let Some(&other) = names.get(group.as_str()) {
                let (value, other) = (Shown::text(group), other.clone());
                let problem = Problem::GroupIsRepository { value, other };
                faults.push(Fault::new(&repository.origin, "repository.groups", problem));
            }
        }
    }
}

/// Redirects start at names without a meaning, and end at a repository.
fn check_redirects(declaration: &Declaration, names: &Names<'_>, faults: &mut Faults) {
    let mut targets: BTreeMap<&str, (&str, &Origin)> = BTreeMap::new();
    for redirect in &declaration.redirects {
        let from = redirect.from.as_str();
        let taken = names.get(from).map(|name| name.origin);
        let taken = taken.or(targets.get(from).map(|&(_, origin)| origin));
        match taken {
            Some(other) => {
                let (repo, other) = (Shown::plain(from), other.clone());
                let problem = Problem::NameTaken { repo, other };
                faults.push(Fault::new(&redirect.origin, &key_of(from), problem));
            }
            None => drop(targets.insert(from, (&redirect.to, &redirect.origin))),
        }
    }
    // Each redirect is followed once: a walk ends at what an earlier one has followed.
    let mut walk_of: HashMap<&str, usize> = HashMap::new();
    // Where each redirect ends; nothing for those that lead nowhere or in a circle.
    let mut ends: HashMap<&str, &Name<'_>> = HashMap::new();
    for (walk, &start) in targets.keys().enumerate() {
        let mut at = start;
        let mut walked = Vec::new();
        while let Some(&(to, origin)) = targets.get(at).filter(|_| !walk_of.contains_key(at)) {
            walk_of.insert(at, walk);
            walked.push((at, origin));
            if !targets.contains_key(to) && !names.contains_key(to) {
                faults.push_with(|| {
                    let instead = Instead::find(to, names.keys().map(String::as_str));
                    let problem = Problem::LeadsNowhere { to: Shown::text(to), instead };
                    Fault::new(origin, &key_of(at), problem)
                });
            } else if walk_of.get(to) == Some(&walk) {
                faults.push_with(|| Fault::new(origin, &key_of(at), circle(to, &targets)));
            }
            at = to;
        }
        let Some(end) = names.get(at).or_else(|| ends.get(at).copied()) else { continue };
        for (from, origin) in walked {
            ends.insert(from, end);
            let is_for = |arch: &str| end.arches.contains_key(arch);
            if let Some(problem) = find_source_fault(from, is_for, OTHER_NAME) {
                faults.push(Fault::new(origin, &key_of(from), problem));
            }
        }
    }
}

/// Describes the circle on which a redirect lies.
fn circle(start: &str, targets: &BTreeMap<&str, (&str, &Origin)>) -> Problem {
    let next = |name: &&str| targets.get(name).map(|&(to, _)| to);
    let walk = std::iter::successors(Some(start), next).take(MAX_SHOWN);
    let mut text = String::from(start);
    for name in walk.skip(1) {
        text.push_str(" to ");
        text.push_str(name);
        if name == start {
            break;
        }
    }
    Problem::Circle(Shown::plain(text))
}

fn key_of(redirect: &str) -> String {
    format!("redirects.{redirect}")
}

/// The repositories that a name or a group means.
#[derive(Default)]
struct Meaning<'a> {
    repositories: Vec<&'a Repository>,
    versions: HashSet<&'a str>,
    arches: HashSet<&'a str>,
    /// Versions with their architectures; made when a mirror names both.
    pairs: Option<HashSet<(&'a str, &'a str)>>,
}

impl<'a> Meaning<'a> {
    fn add(&mut self, repository: &'a Repository) {
        self.repositories.push(repository);
        self.versions.extend(repository.versions.iter().map(String::as_str));
        self.arches.extend(repository.arches.iter().map(String::as_str));
    }

    /// Whether a repository has one of these versions with one of these architectures.
    fn has_pair(&mut self, versions: &[String], arches: &[String]) -> bool {
        let pairs = self.pairs.get_or_insert_with(|| {
            let pairs = self.repositories.iter().flat_map(|repository| {
                let arches = || repository.arches.iter().map(String::as_str);
                let versions = repository.versions.iter().map(String::as_str);
                versions.flat_map(move |version| arches().map(move |arch| (version, arch)))
            });
            pairs.collect()
        });
        let is_pair = |version: &str, arch: &str| pairs.contains(&(version, arch));
        versions.iter().any(|version| arches.iter().any(|arch| is_pair(version, arch)))
    }
}

/// Everything that a mirror carries exists.
fn check_carried(declaration: &Declaration, faults: &mut Faults) {
    let mut all = Meaning::default();
    let mut named: BTreeMap<&str, Meaning<'_>> = BTreeMap::new();
    for repository in &declaration.repositories {
        all.add(repository);
        // A group may be named as its repository, which is reported elsewhere.
        let groups: BTreeSet<&str> = repository.groups.iter().map(String::as_str).collect();
        for name in groups.into_iter().chain([repository.name.as_str()]) {
            named.entry(name).or_default().add(repository);
        }
    }
    for mirror in &declaration.mirrors {
        let Carries::Only(list) = &mirror.carries else { continue };
        for carried in list {
            let meaning = match &carried.what {
                None => Some(&mut all),
                Some(what) => named.get_mut(what.as_str()),
            };
            let problem = match meaning {
                Some(meaning) => find_problem(carried, meaning),
                None => Some(Unknown::What),
            };
            if let Some(unknown) = problem {
                let origin = carried.origin.as_ref().unwrap_or(&mirror.origin);
                faults.push_with(|| {
                    let problem = unknown.describe(carried, &all, &named);
                    Fault::new(origin, "mirror.carries", problem)
                });
            }
        }
    }
}

/// The part of what a mirror carries that does not exist.
enum Unknown<'a> {
    What,
    Version(&'a str),
    Arch(&'a str),
    Pair,
}

fn find_problem<'a>(carried: &'a Carried, meaning: &mut Meaning<'_>) -> Option<Unknown<'a>> {
    let Carried { versions, arches, .. } = carried;
    let missing = |values: &'a [String], known: &HashSet<&str>| {
        values.iter().map(String::as_str).find(|value| !known.contains(value))
    };
    if let Some(version) = missing(versions, &meaning.versions) {
        return Some(Unknown::Version(version));
    }
    if let Some(arch) = missing(arches, &meaning.arches) {
        return Some(Unknown::Arch(arch));
    }
    let is_joined = !versions.is_empty() && !arches.is_empty();
    (is_joined && !meaning.has_pair(versions, arches)).then_some(Unknown::Pair)
}

impl Unknown<'_> {
    fn describe(
        self,
        carried: &Carried,
        all: &Meaning<'_>,
        named: &BTreeMap<&str, Meaning<'_>>,
    ) -> Problem {
        let what = carried.what.as_deref();
        let meaning = what.and_then(|what| named.get(what)).unwrap_or(all);
        let sorted = |known: &HashSet<&str>| {
            let mut known: Vec<String> = known.iter().map(|&value| value.to_owned()).collect();
            known.sort_unstable();
            known
        };
        let (value, what, known) = match self {
            Self::What => {
                let known = named.keys().map(|&name| name.to_owned()).collect();
                (what.unwrap_or(""), "group and no repository", known)
            }
            Self::Version(version) => {
                (version, "version of what the mirror carries", sorted(&meaning.versions))
            }
            Self::Arch(arch) => {
                (arch, "architecture of what the mirror carries", sorted(&meaning.arches))
            }
            Self::Pair => return Problem::NothingCombined,
        };
        let instead = Instead::find(value, known.iter().map(String::as_str));
        Problem::NothingCarried { value: Shown::text(value), what, instead }
    }
}
