//! AlmaLinux's files as they are: `config.yml`, and a folder with a YAML file for each mirror.
//!
//! [`read`] makes a [`Declaration`] of them, with routes for the URLs of AlmaLinux's own service. A fault in `config.yml` is an error. A mirror's file that
//! cannot be used is reported and left out, and so is each key that is unknown or has no use here; the
//! other mirrors load. What becomes of each key is written in `config`, `repositories` and `mirror`.
//!
//! Mirrors without a country, which the original finds by their addresses, have none here: nothing is
//! looked up, and nothing is fetched. Whether a mirror carries what it should is for checks to find out.

mod yaml;
mod fault;
mod table;
mod config;
mod repositories;
mod service_urls;
mod mirror;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::declared::fault::Faults;
use super::declared::routing::check_routes;
use super::declared::{Declaration, Distribution, Mirror, Repository};
use super::error::{Error, file_name, read_file};
use catalog::{Origin, Report};
use config::Config;
use fault::{Fault, Problem};
use repositories::VAULT;
use runtime::regular_file::{self, ReadError};
use table::File;

/// The file of versions and repositories.
const CONFIG: &str = "config.yml";
/// The folder of mirrors, where `config.yml` cannot say which it is.
const USUAL_FOLDER: &str = "mirrors.d";
/// How the names of mirrors' files end.
const ENDING: &str = ".yml";
/// The most bytes of `config.yml`, which has some ten thousand.
const MAX_CONFIG: u64 = 1 << 20;
/// The most bytes of a mirror's file, which has some hundreds.
const MAX_MIRROR: u64 = 1 << 16;
/// The most files of mirrors.
const MAX_FILES: usize = 20_000;

/// Reads the files in a folder.
pub fn read(folder: &Path, report: &mut Report) -> Result<Declaration, Error> {
    let path = folder.join(CONFIG);
    let bytes = read_file(&path, MAX_CONFIG)?;
    let mut assembly = Assembly::new(CONFIG, &bytes, report)
        .map_err(|Fault { line, problem }| Error::at(&path, line, problem))?;
    let mirrors = folder.join(&assembly.config.mirrors_dir);
    for path in list(&mirrors, report)? {
        let name = format!("{}/{}", assembly.config.mirrors_dir, file_name(&path));
        match regular_file::read(&path, MAX_MIRROR) {
            Ok(bytes) => assembly.add(&name, &bytes, report),
            Err(error) if is_of_the_file(&error) => {
                report.skipped(&Origin::line(&name, 1), SKIPPED, error);
            }
            Err(source) => return Err(Error::Read { path, source }),
        }
    }
    let (n_files, declaration) = assembly.finish();
    declaration.ok_or_else(|| {
        Error::broken(&mirrors, format_args!("holds no mirror that can be used in {n_files} files"))
    })
}

/// What [`read`] reads, and the folder whose listing it reads: if none of them changes, neither does
/// what it returns.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let path = folder.join(CONFIG);
    let mut unheard = Report::default();
    let config = read_file(&path, MAX_CONFIG)
        .ok()
        .and_then(|bytes| config::parse(&bytes, File { name: CONFIG }, &mut unheard).ok());
    let mirrors = config.map_or(USUAL_FOLDER.to_owned(), |config| config.mirrors_dir);
    let mirrors = folder.join(mirrors);
    let listed = list(&mirrors, &mut unheard).unwrap_or_default();
    [vec![path, mirrors], listed].concat()
}

/// Reads the files from memory: `config.yml`, and mirrors' files with their names. `None` if no mirror
/// can be used.
pub fn parse<'f>(
    config: &[u8],
    mirrors: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    report: &mut Report,
) -> Result<Option<Declaration>, Error> {
    let mut assembly = Assembly::new(CONFIG, config, report)
        .map_err(|Fault { line, problem }| Error::at(Path::new(CONFIG), line, problem))?;
    for (name, bytes) in mirrors {
        assembly.add(name, bytes, report);
    }
    Ok(assembly.finish().1)
}

/// The diagnostic of a file without a usable mirror.
const SKIPPED: &str = "mirror left out";

/// The mirrors' files in a folder, in the order of their names. Everything else in it is reported.
fn list(folder: &Path, report: &mut Report) -> Result<Vec<PathBuf>, Error> {
    let unread = |error| Error::Read { path: folder.into(), source: ReadError::Open(error) };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder || !name.ends_with(ENDING) || name.starts_with('.') {
            let origin = Origin::line(&file_name(folder), 1);
            let problem = "not a mirror's file (NAME.yml), skipped";
            report.skipped(&origin, problem, name);
            continue;
        }
        if files.len() >= MAX_FILES {
            return Err(Error::broken(folder, format_args!("holds more than {MAX_FILES} files")));
        }
        files.push(entry.path());
    }
    files.sort_unstable();
    Ok(files)
}

/// Whether it is the file that cannot be read, and not the disk: trying again would not help.
fn is_of_the_file(error: &ReadError) -> bool {
    match error {
        ReadError::Kind(_) | ReadError::TooLong { .. } => true,
        ReadError::Open(error) => {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
        }
        ReadError::Read { .. } => false,
    }
}

/// The declaration so far.
struct Assembly {
    config: Config,
    declaration: Declaration,
    vault: Option<Mirror>,
    n_files: usize,
    /// Where each key and each URL was first.
    known: BTreeMap<String, Origin>,
}

impl Assembly {
    fn new(name: &str, bytes: &[u8], report: &mut Report) -> Result<Self, Fault> {
        let file = File { name };
        let config = config::parse(bytes, file, report)?;
        let declared = repositories::declare(&config, file)?;
        let distribution = Distribution {
            origin: Some(file.origin(1)),
            name: "AlmaLinux".to_owned(),
            ..Distribution::default()
        };
        let mut declaration = Declaration {
            distribution,
            repositories: declared.repositories,
            redirects: declared.redirects,
            ..Declaration::default()
        };
        service_urls::add(&config, file, &mut declaration);
        let mut faults = Faults::default();
        check_routes(&mut declaration, (true, true), &mut faults);
        if let Some(fault) = faults.iter().next() {
            return Err(Fault { line: 1, problem: Problem::Routes(fault.to_string()) });
        }
        let vault = declared.vault;
        let names = vault.iter().flat_map(|vault| {
            let urls = vault.urls.iter().map(|url| url.url.as_str());
            urls.chain([vault.key.as_str()]).map(|name| (name.to_owned(), vault.origin.clone()))
        });
        let known = names.collect();
        Ok(Self { config, declaration, vault, n_files: 0, known })
    }

    /// Adds a mirror's file, or reports what is wrong with it.
    fn add(&mut self, name: &str, bytes: &[u8], report: &mut Report) {
        self.n_files += 1;
        let file = File { name };
        match mirror::parse(bytes, &self.config, file, report) {
            Ok(mirrors) => {
                for mirror in mirrors {
                    self.add_mirror(mirror, report);
                }
            }
            Err(fault) => report.skipped(&file.origin(fault.line), SKIPPED, fault),
        }
    }

    /// Adds a mirror whose key nobody has, with those URLs that nobody has.
    fn add_mirror(&mut self, mut mirror: Mirror, report: &mut Report) {
        // A URL holds `://`, a key does not.
        let key = mirror.key.as_str();
        if let Some(first) = self.known.get(key) {
            let value = format_args!("{key} (first in {first})");
            report.skipped(&mirror.origin, "name that another mirror has, mirror left out", value);
            return;
        }
        let known = &self.known;
        mirror.urls.retain(|url| match known.get(url.url.as_str()) {
            Some(first) => {
                let value = format_args!("{} (first in {first})", url.url.as_str());
                report.skipped(&url.origin, "URL that another mirror has, skipped", value);
                false
            }
            None => true,
        });
        let required = &self.config.required_protocols;
        if !mirror.urls.iter().any(|url| required.contains(&url.url.protocol())) {
            report.skipped(&mirror.origin, "mirror without a URL of its own, left out", key);
            return;
        }
        self.known.insert(key.to_owned(), mirror.origin.clone());
        for url in &mirror.urls {
            self.known.insert(url.url.as_str().to_owned(), url.origin.clone());
        }
        self.declaration.mirrors.push(mirror);
    }

    /// The number of files, and the declaration; `None` if there is no mirror.
    fn finish(mut self) -> (usize, Option<Declaration>) {
        if self.declaration.mirrors.is_empty() {
            return (self.n_files, None);
        }
        // Without a version or a repository of its own the vault has nothing to carry.
        let is_vaulted =
            |repository: &Repository| repository.groups.iter().any(|group| group == VAULT);
        if self.declaration.repositories.iter().any(is_vaulted) {
            self.declaration.mirrors.extend(self.vault);
        }
        (self.n_files, Some(self.declaration))
    }
}

#[cfg(test)]
mod tests;
