//! The repositories of `config.yml`: one name for each version, one directory for each architecture.
//!
//! Repository `baseos` of version `9.8` is asked for as `9.8-baseos`, and so is `9-baseos`, through a
//! redirect. Its directory is `9.8/BaseOS/x86_64/os`.
//!
//! Groups say who carries what: mirrors carry [`CURRENT`], addresses of a module carry the group of its
//! name, and the vault carries [`VAULT`]: vault versions, and what `config.yml` marks as `vault`.
//!
//! The original answers for each pair of version and repository: `versions` of a repository say only what
//! it checks, and Kitten's clients ask for repositories that do not list it. So all pairs are made.
//! A repository of sources is for architecture `source`, which every request for it means, whatever it
//! asks for. `arches` of other repositories are respected, because mirrors must carry all of them to be listed where
//! a client leaves `$basearch` to itself.
//!
//! Directories of images are declared as the repository [`IMAGES`], so that the same mirrors carry them.

use std::collections::BTreeSet;

use model::base_url::authority;
use model::mirror_key::MirrorName;
use model::repository::fixed_arch;

use super::config::{Config, Repo, Version};
use super::fault::Fault;
use super::table::File;
use crate::declared::{
    Audience, Carried, Carries, Disabled, Load, MaxShare, Mirror, Redirect, Repository, Url,
};

/// The group of what all mirrors carry.
pub(super) const CURRENT: &str = "current";
/// The group of what only the vault carries.
pub(super) const VAULT: &str = "vault";

/// What lists of images are asked for by; no request for a repository can name it.
pub(super) const IMAGES: &str = "isos";

/// How repositories are named in requests.
const NAME_TEMPLATE: &str = "{version}-{name}";

/// What `config.yml` declares.
pub(super) struct Declared {
    pub(super) repositories: Vec<Repository>,
    pub(super) redirects: Vec<Redirect>,
    /// The vault as a mirror.
    pub(super) vault: Option<Mirror>,
}

/// Declares the repositories, the names by major version, and the vault.
pub(super) fn declare(config: &Config, file: File<'_>) -> Result<Declared, Fault> {
    let mut repositories = Vec::new();
    let mut names = BTreeSet::new();
    for repo in &config.repos {
        if is_group(config, &repo.name) {
            let wanted = "a group of repositories has this name, write another";
            return Err(Fault::value(repo.line, "repos.name", &repo.name, wanted));
        }
        for (group, versions) in groups_of(config, repo) {
            declare_versions(repo, group, &versions, file, &mut repositories);
        }
    }
    for repository in &repositories {
        for version in &repository.versions {
            let name = name_of(version, &repository.name);
            if let Some(name) = names.replace(name) {
                let wanted = "another version and repository make the same name";
                let line = config.repos.iter().find(|repo| repo.name == repository.name);
                let line = line.map_or(1, |repo| repo.line);
                return Err(Fault::value(line, "repos.name", &name, wanted));
            }
        }
    }
    declare_images(config, file, &mut repositories);
    let mut redirects = Vec::new();
    for major in &config.majors {
        for repo in &config.repos {
            let (from, to) = (name_of(&major.name, &repo.name), name_of(&major.full, &repo.name));
            if names.contains(&to) && !names.contains(&from) {
                redirects.push(Redirect { origin: file.origin(major.line), from, to });
            }
        }
    }
    Ok(Declared { repositories, redirects, vault: declare_vault(config, file) })
}

/// The repositories that only the vault has, whatever the version.
pub(super) fn find_vaulted(config: &Config) -> impl Iterator<Item = &String> {
    config.repos.iter().filter(|repo| repo.is_vault).map(|repo| &repo.name)
}

/// Declares the directories of images, one for each version and architecture, which their lists name.
fn declare_images(config: &Config, file: File<'_>, out: &mut Vec<Repository>) {
    let modules = config.modules.iter();
    let modules = modules.map(|module| (group_of_module(&module.name), &module.versions));
    let all = [(CURRENT.to_owned(), &config.current), (VAULT.to_owned(), &config.vault)];
    for (group, versions) in all.into_iter().chain(modules) {
        for (arches, versions) in by_arches(versions, |version| version.arches.clone()) {
            out.push(Repository {
                origin: file.origin(1),
                name: IMAGES.to_owned(),
                name_template: format!("{IMAGES}/{{version}}"),
                versions,
                arches,
                path: "{version}/isos/{arch}".to_owned(),
                aliases: Vec::new(),
                groups: vec![group.clone()],
                disabled: Disabled::No,
            });
        }
    }
}

/// Versions of equal architectures together, as far as `arches_of` says that they have any.
fn by_arches<'v>(
    versions: impl IntoIterator<Item = &'v Version>,
    arches_of: impl Fn(&Version) -> Vec<String>,
) -> Vec<(Vec<String>, Vec<String>)> {
    let mut by_arches: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for version in versions {
        let arches = arches_of(version);
        match by_arches.iter_mut().find(|(known, _)| *known == arches) {
            Some((_, versions)) => versions.push(version.name.clone()),
            None => by_arches.push((arches, vec![version.name.clone()])),
        }
    }
    by_arches.retain(|(arches, _)| !arches.is_empty());
    by_arches
}

/// The group of a module.
pub(super) fn group_of_module(name: &str) -> String {
    format!("module-{name}")
}

fn is_group(config: &Config, name: &str) -> bool {
    let mut modules = config.modules.iter();
    name == CURRENT || name == VAULT || modules.any(|module| group_of_module(&module.name) == name)
}

/// The groups to which a repository belongs, each with the versions for which it does.
fn groups_of<'c>(config: &'c Config, repo: &Repo) -> Vec<(String, Vec<&'c Version>)> {
    let modules = config.modules.iter();
    let vault = (VAULT.to_owned(), config.vault.iter().collect());
    if repo.is_vault {
        let all = config.current.iter().chain(modules.flat_map(|module| &module.versions));
        return vec![(VAULT.to_owned(), all.chain(&config.vault).collect())];
    }
    let mut groups = vec![(CURRENT.to_owned(), config.current.iter().collect())];
    groups.extend(
        modules.map(|module| (group_of_module(&module.name), module.versions.iter().collect())),
    );
    groups.push(vault);
    groups
}

/// Declares a repository for versions of one group: versions of equal architectures together.
fn declare_versions(
    repo: &Repo,
    group: String,
    versions: &[&Version],
    file: File<'_>,
    out: &mut Vec<Repository>,
) {
    let source: Option<Vec<String>> = fixed_arch(&repo.name).map(|arch| vec![arch.to_owned()]);
    let is_listed = |arch: &&String| repo.arches.is_empty() || repo.arches.contains(arch);
    let listed = |version: &Version| version.arches.iter().filter(is_listed).cloned().collect();
    let arches_of = |version: &Version| source.clone().unwrap_or_else(|| listed(version));
    for (arches, versions) in by_arches(versions.iter().copied(), arches_of) {
        out.push(Repository {
            origin: file.origin(repo.line),
            name: repo.name.clone(),
            name_template: NAME_TEMPLATE.to_owned(),
            versions,
            arches,
            path: format!("{{version}}/{}", repo.path),
            aliases: Vec::new(),
            groups: vec![group.clone()],
            disabled: Disabled::No,
        });
    }
}

fn name_of(version: &str, repo: &str) -> String {
    format!("{version}-{repo}")
}

/// The vault as a mirror: its key is its host, or a word of ours if the host is no key.
fn declare_vault(config: &Config, file: File<'_>) -> Option<Mirror> {
    let (line, url) = &config.vault_mirror;
    let host = authority(url.as_str()).split(':').next().unwrap_or("");
    let origin = file.origin(*line);
    Some(Mirror {
        origin: origin.clone(),
        key: MirrorName::parse(host).or_else(|| MirrorName::parse(VAULT))?,
        formerly: Vec::new(),
        sponsor: None,
        urls: vec![Url { origin, url: url.clone() }],
        ip_versions: Vec::new(),
        place: None,
        bandwidth: None,
        load: Load::default(),
        max_share: MaxShare::default(),
        asns: Vec::new(),
        networks: Vec::new(),
        private: false,
        monopoly: false,
        audience: Audience::Everybody,
        carries: carry(VAULT),
        disabled: None,
        owner: None,
    })
}

/// What carries the repositories of a group.
pub(super) fn carry(group: &str) -> Carries {
    Carries::Only(vec![Carried { what: Some(group.to_owned()), ..Carried::default() }])
}
