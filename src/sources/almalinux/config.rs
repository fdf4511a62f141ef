//! `config.yml`: versions, architectures and repositories.
//!
//! Versions are of three kinds. A *current* one (`9.8`) is on all mirrors; majors (`9`) stand for one of
//! them. A version of a *module* (`10-kitten`) is on mirrors that have an address for that module. A
//! *vault* version (`9.7`) is on the vault only.
//!
//! A fault here is an error of the whole source: one line that names the place and what would be right.

use std::collections::BTreeSet;

use catalog::Report;
use model::base_url::BaseUrl;
use model::one_line::one_line;
use model::path;
use model::repository::fixed_arch;
use model::url::Protocol;

use super::fault::{Fault, Problem};
use super::table::{Field, File, Table};
use super::yaml::{self, Document, Repeated};

/// The most combinations of a version, a repository and an architecture.
const MAX_PAIRS: usize = 100_000;

const VERSION: &str = "write a version, such as \"9.8\"";
const VERSIONS: &str = "write a list of versions, such as [\"9\", \"9.8\"]";
const ARCHES: &str = "write a list of architectures, such as [x86_64, aarch64]";

/// What `config.yml` says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Config {
    /// The folder of the mirrors' files below that of `config.yml`.
    pub(super) mirrors_dir: String,
    /// Current versions, in the order of the file.
    pub(super) current: Vec<Version>,
    /// Each major with the current version that it stands for, and its line.
    pub(super) majors: Vec<Major>,
    /// The modules.
    pub(super) modules: Vec<Module>,
    /// Versions that only the vault has.
    pub(super) vault: Vec<Version>,
    /// The server of the vault, and the line where it is named.
    pub(super) vault_mirror: (u64, BaseUrl),
    /// A mirror has an address for one of these at least.
    pub(super) required_protocols: Vec<Protocol>,
    /// The repositories.
    pub(super) repos: Vec<Repo>,
}

/// A version with its architectures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Version {
    pub(super) name: String,
    pub(super) arches: Vec<String>,
}

/// A major version, which stands for a current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Major {
    pub(super) line: u64,
    pub(super) name: String,
    pub(super) full: String,
}

/// An optional module, for which mirrors have addresses of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) versions: Vec<Version>,
}

/// A repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Repo {
    pub(super) line: u64,
    pub(super) name: String,
    /// Its directory below that of a version, in canonical form, with `{arch}` for the architecture.
    pub(super) path: String,
    /// Its architectures; empty for all that a version has.
    pub(super) arches: Vec<String>,
    /// Whether only the vault has it.
    pub(super) is_vault: bool,
}

/// Reads `config.yml`.
pub(super) fn parse(bytes: &[u8], file: File<'_>, report: &mut Report) -> Result<Config, Fault> {
    let Document { root, repeated } = yaml::parse(bytes)?;
    if let Some(Repeated { line, key, first }) = repeated.into_iter().next() {
        return Err(Fault { line, problem: Problem::Twice { key: one_line(&key), first } });
    }
    let known = [
        "config_version",
        "allowed_outdate",
        "mirrors_dir",
        "versions",
        "optional_module_versions",
        "duplicated_versions",
        "vault_versions",
        "vault_mirror",
        "arches",
        "required_protocols",
        "repos",
    ];
    let table = Table::read(("", &root), &known, file, report)?;
    check_config_version(&table)?;
    if let Some(field) = table.find("allowed_outdate") {
        let value = field.text("write a time, such as 12h")?;
        let problem = "allowed_outdate: how fresh mirrors must be is set with the checks, skipped";
        report.skipped(&file.origin(field.line()), problem, value);
    }
    let arches = Arches::parse(&table.get("arches", "write the architectures of each version")?)?;
    let vault_names = names(table.find("vault_versions"))?;
    let vault = arches.versions(&vault_names)?;
    let (current, majors) = parse_current(&table, &arches, &vault)?;
    let modules = parse_modules(&table, &arches)?;
    let config = Config {
        mirrors_dir: parse_mirrors_dir(&table)?,
        current,
        majors,
        modules,
        vault,
        vault_mirror: parse_vault_mirror(&table)?,
        required_protocols: parse_protocols(&table)?,
        repos: parse_repos(&table, file, report)?,
    };
    check_versions(&config, table.line())?;
    Ok(config)
}

fn check_config_version(table: &Table<'_>) -> Result<(), Fault> {
    let wanted = "versions 2 and 3 of the format are known";
    let field = table.get("config_version", wanted)?;
    match field.text(wanted)? {
        "2" | "3" => Ok(()),
        _ => Err(field.fault(wanted)),
    }
}

fn parse_mirrors_dir(table: &Table<'_>) -> Result<String, Fault> {
    let wanted = "write the name of a folder beside this file, such as mirrors.d";
    let field = table.get("mirrors_dir", wanted)?;
    let text = field.text(wanted)?;
    let name = path::canonical(text);
    let is_below = !name.is_empty() && !text.starts_with('/') && !path::leads_above(text);
    if is_below { Ok(name.into_owned()) } else { Err(field.fault(wanted)) }
}

fn parse_vault_mirror(table: &Table<'_>) -> Result<(u64, BaseUrl), Fault> {
    let wanted = "write the base URL of the vault, such as https://vault.example/";
    let field = table.get("vault_mirror", wanted)?;
    let url = BaseUrl::parse(field.text(wanted)?);
    let url = url.map_err(|reason| field.fault(&format!("it {reason}; {wanted}")))?;
    Ok((field.line(), url))
}

fn parse_protocols(table: &Table<'_>) -> Result<Vec<Protocol>, Fault> {
    let wanted = "write a list of protocols, such as [http, https]";
    let field = table.get("required_protocols", wanted)?;
    let mut protocols = Vec::new();
    for item in field.items(wanted)? {
        let protocol = Protocol::parse(item.text(wanted)?).ok_or_else(|| item.fault(wanted))?;
        protocols.push(protocol);
    }
    if protocols.is_empty() { Err(field.fault(wanted)) } else { Ok(protocols) }
}

/// The architectures of each version, as listed: of full versions or of majors.
struct Arches {
    line: u64,
    by_version: Vec<(String, Vec<String>)>,
}

impl Arches {
    fn parse(field: &Field<'_>) -> Result<Self, Fault> {
        let mut by_version = Vec::new();
        for (entry, arches) in field.entries("write the architectures of each version")? {
            if !is_word(&entry.key) {
                return Err(Fault::value(entry.line, &field.name, &entry.key, VERSION));
            }
            let arches = words(&arches, is_arch, ARCHES)?;
            if arches.is_empty() {
                let name = format!("{}.{}", field.name, entry.key);
                return Err(Fault::kind(entry.line, &name, "an empty list", ARCHES));
            }
            by_version.push((entry.key.clone(), arches));
        }
        Ok(Self { line: field.line(), by_version })
    }

    /// The architectures of a version: its own, or those of the longest name that it begins with, as
    /// `9` for `9.8` and `9.8-beta`.
    fn find(&self, version: &str) -> Option<&Vec<String>> {
        let is_for = |name: &str| {
            let rest = version.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        };
        let matching = self.by_version.iter().filter(|(name, _)| is_for(name));
        matching.max_by_key(|(name, _)| name.len()).map(|(_, arches)| arches)
    }

    fn version(&self, name: &str) -> Result<Version, Fault> {
        let arches = self.find(name).ok_or_else(|| {
            let wanted = "list its architectures here, or those of its major version";
            let problem = Problem::Missing { key: format!("arches.{name}"), wanted };
            Fault { line: self.line, problem }
        })?;
        Ok(Version { name: name.to_owned(), arches: arches.clone() })
    }

    fn versions(&self, names: &[String]) -> Result<Vec<Version>, Fault> {
        names.iter().map(|name| self.version(name)).collect()
    }
}

/// Current versions are those listed and those that majors stand for, without the majors, and without
/// those that are in the vault already.
fn parse_current(
    table: &Table<'_>,
    arches: &Arches,
    vault: &[Version],
) -> Result<(Vec<Version>, Vec<Major>), Fault> {
    let field = table.get("versions", VERSIONS)?;
    let mut listed = words(&field, is_word, VERSIONS)?;
    let mut majors: Vec<Major> = Vec::new();
    if let Some(field) = table.find("duplicated_versions") {
        let wanted = "write majors with their full versions, such as \"9\": \"9.8\"";
        for (entry, full) in field.entries(wanted)? {
            if !is_word(&entry.key) {
                return Err(Fault::value(entry.line, &field.name, &entry.key, wanted));
            }
            let (line, name) = (entry.line, entry.key.clone());
            majors.push(Major { line, name, full: word(&full, VERSION)?.to_owned() });
        }
    }
    listed.extend(majors.iter().map(|major| major.full.clone()));
    let is_major = |name: &String| majors.iter().any(|major| major.name == *name);
    if let Some(major) = majors.iter().find(|major| is_major(&major.full)) {
        let name = format!("duplicated_versions.{}", major.name);
        let wanted = "this is a major itself, write a full version";
        return Err(Fault::value(major.line, &name, &major.full, wanted));
    }
    let mut known: BTreeSet<&str> = vault.iter().map(|version| &*version.name).collect();
    let mut current = Vec::new();
    for name in listed.iter().filter(|name| !is_major(name)) {
        if known.insert(name) {
            current.push(arches.version(name)?);
        }
    }
    if current.is_empty() {
        return Err(field.fault("list one current version at least"));
    }
    Ok((current, majors))
}

/// Modules with their versions: version `10` of module `kitten` is `10-kitten`.
fn parse_modules(table: &Table<'_>, arches: &Arches) -> Result<Vec<Module>, Fault> {
    let Some(field) = table.find("optional_module_versions") else { return Ok(Vec::new()) };
    let wanted = "write modules with their versions, such as kitten: [\"10\"]";
    let mut modules: Vec<Module> = Vec::new();
    for (entry, versions) in field.entries(wanted)? {
        if !is_word(&entry.key) {
            return Err(Fault::value(entry.line, &field.name, &entry.key, wanted));
        }
        let names = words(&versions, is_word, VERSIONS)?;
        let names: Vec<_> = names.iter().map(|name| format!("{name}-{}", entry.key)).collect();
        modules.push(Module { name: entry.key.clone(), versions: arches.versions(&names)? });
    }
    Ok(modules)
}

fn parse_repos(table: &Table<'_>, file: File<'_>, report: &mut Report) -> Result<Vec<Repo>, Fault> {
    let wanted = "write a list of repositories, each with name and path";
    let field = table.get("repos", wanted)?;
    let mut repos = Vec::new();
    let mut known = BTreeSet::new();
    for item in field.items(wanted)? {
        let repo = parse_repo(&item, file, report)?;
        if !known.insert(repo.name.clone()) {
            let wanted = "another repository has this name";
            return Err(Fault::value(repo.line, "repos.name", &repo.name, wanted));
        }
        repos.push(repo);
    }
    if repos.is_empty() { Err(field.fault(wanted)) } else { Ok(repos) }
}

fn parse_repo(item: &Field<'_>, file: File<'_>, report: &mut Report) -> Result<Repo, Fault> {
    let known = ["name", "path", "arches", "versions", "vault"];
    let table = Table::read(("repos.", item.node), &known, file, report)?;
    let wanted = "write a name, such as baseos";
    let name = word(&table.get("name", wanted)?, wanted)?.to_owned();
    let wanted = "write a directory below that of a version, such as BaseOS/$basearch/os/";
    let field = table.get("path", wanted)?;
    let path = parse_path(field.text(wanted)?).ok_or_else(|| field.fault(wanted))?;
    if fixed_arch(&name).is_some() && path.contains("{arch}") {
        return Err(field.fault("a repository of sources has no architecture, remove $basearch"));
    }
    let arches = match table.find("arches") {
        Some(field) => words(&field, is_arch, ARCHES)?,
        None => Vec::new(),
    };
    // The original answers for every version, and reads these where it checks mirrors only.
    if let Some(field) = table.find("versions") {
        words(&field, is_word, VERSIONS)?;
    }
    let is_vault = table.find("vault").map_or(Ok(false), |field| field.flag())?;
    Ok(Repo { line: item.line(), name, path, arches, is_vault })
}

/// A path with `{arch}` in the place of `$basearch`; `None` if it holds anything else that is no part of
/// a directory's name.
fn parse_path(text: &str) -> Option<String> {
    if path::leads_above(text) || text.contains(['{', '}', '\\', '?', '#', '%']) {
        return None;
    }
    let path = path::canonical(text).replace("$basearch", "{arch}");
    let is_fine = !path.is_empty() && path.len() <= model::MAX_NAME / 2 && !path.contains('$');
    is_fine.then_some(path)
}

/// No version may be of two kinds, and names of groups must not be names of repositories.
fn check_versions(config: &Config, line: u64) -> Result<(), Fault> {
    let modules = config.modules.iter().flat_map(|module| &module.versions);
    let others = config.current.iter().chain(&config.vault);
    let mut known = BTreeSet::new();
    for version in others.chain(modules) {
        if !known.insert(&version.name) {
            let wanted = "list each version once, as a current, a module's or a vault one";
            return Err(Fault::value(line, "versions", &version.name, wanted));
        }
    }
    let arches = config.current.iter().chain(&config.vault).map(|version| version.arches.len());
    let n_names = known.len() * config.repos.len();
    if n_names.saturating_mul(arches.max().unwrap_or(1)) > MAX_PAIRS {
        let wanted = "at most 100000 combinations of version, repository and architecture are read";
        return Err(Fault::kind(line, "versions", "too long", wanted));
    }
    match config.majors.iter().find(|major| known.contains(&major.name)) {
        Some(Major { line, name, .. }) => {
            let wanted = "this is a module's or a vault version as well, remove one of the two";
            Err(Fault::value(*line, "duplicated_versions", name, wanted))
        }
        None => Ok(()),
    }
}

fn names(field: Option<Field<'_>>) -> Result<Vec<String>, Fault> {
    field.map_or(Ok(Vec::new()), |field| words(&field, is_word, VERSIONS))
}

/// A list of words, each once.
fn words(
    field: &Field<'_>,
    is_right: fn(&str) -> bool,
    wanted: &str,
) -> Result<Vec<String>, Fault> {
    let mut words: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for item in field.items(wanted)? {
        let word = item.text(wanted)?;
        if !is_right(word) {
            return Err(item.fault(wanted));
        }
        if known.insert(word) {
            words.push(word.to_owned());
        }
    }
    Ok(words)
}

fn word<'a>(field: &Field<'a>, wanted: &str) -> Result<&'a str, Fault> {
    let text = field.text(wanted)?;
    if is_word(text) { Ok(text) } else { Err(field.fault(wanted)) }
}

/// Whether a text can be a variable of a route, and stand in a path and in a name: letters, digits and
/// `._+~-` of ASCII, at most 64, a letter or digit first.
fn is_word(text: &str) -> bool {
    let is_inner =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'~' | b'-');
    text.len() <= 64
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(is_inner)
}

/// Whether a text can be an architecture: in `repo+arch`, a plus sign divides it from the name.
fn is_arch(text: &str) -> bool {
    is_word(text) && !text.contains(['+', '~'])
}
