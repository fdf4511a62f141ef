//! Expands the repositories of a declaration: one pair of `repo=` and `arch=` for each version and
//! architecture.

use std::borrow::Cow;

use catalog::Origin;
use model::path;
use model::repository::ANY_ARCH;

use super::Repository;

/// The most names and directories that repositories can make.
pub(super) const MAX_PAIRS: usize = 200_000;

/// A repository in one version, for one architecture.
pub(super) struct Pair<'d> {
    /// The repository.
    pub(super) repository: &'d Repository,
    /// The version; `None` if the repository has none.
    pub(super) version: Option<&'d str>,
    /// The architecture.
    pub(super) arch: &'d str,
    /// The name in `repo=`.
    pub(super) name: String,
    /// The directory as the template gives it.
    pub(super) written_path: String,
}

/// The repositories mean more pairs than any distribution has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{origin}: repository `{name}`: its versions and architectures, with those of the repositories \
     above, are more than {MAX_PAIRS} pairs"
)]
pub struct TooManyPairs {
    origin: Origin,
    name: String,
}

/// All pairs, in the order of the declaration.
pub(super) fn pairs(repositories: &[Repository]) -> Result<Vec<Pair<'_>>, TooManyPairs> {
    let mut pairs = Vec::new();
    for repository in repositories {
        let n_versions = repository.versions.len().max(1);
        let n_new = n_versions.saturating_mul(repository.arches.len());
        if n_new > MAX_PAIRS - pairs.len() {
            let (origin, name) = (repository.origin.clone(), repository.name.clone());
            return Err(TooManyPairs { origin, name });
        }
        for version in repository.each_version() {
            let name = repository.repo_name(version);
            for arch in &repository.arches {
                let (name, written_path) = (name.clone(), repository.directory(version, arch));
                pairs.push(Pair { repository, version, arch, name, written_path });
            }
        }
    }
    Ok(pairs)
}

/// The other names of a repository, each with its name.
pub(super) fn aliases(repository: &Repository) -> impl Iterator<Item = (String, String)> {
    repository.aliases.iter().flat_map(|alias| {
        let names = repository
            .each_version()
            .map(|version| (repository.alias_name(alias, version), repository.repo_name(version)));
        // A template without the name gives the same one.
        names.filter(|(old, new)| old != new)
    })
}

impl Pair<'_> {
    /// `repo+arch`.
    pub(super) fn key(&self) -> String {
        [&self.name, "+", self.arch].concat()
    }

    /// The directory of the repository in canonical form, not that of its `repomd.xml`; `None` if the
    /// path leads above where it begins, or nowhere.
    pub(super) fn path(&self) -> Option<Cow<'_, str>> {
        if path::leads_above(&self.written_path) {
            return None;
        }
        let path = match path::canonical(&self.written_path) {
            Cow::Borrowed(path) => Cow::Borrowed(path::split_repodata(path).0),
            Cow::Owned(path) => Cow::Owned(path::split_repodata(&path).0.to_owned()),
        };
        (!path.is_empty()).then_some(path)
    }

    /// The directory with [`ANY_ARCH`] in place of the architecture, as the template gives it.
    pub(super) fn written_for_any_arch(&self) -> String {
        self.repository.directory(self.version, ANY_ARCH)
    }

    /// Whether the repository is switched off for this architecture.
    pub(super) fn is_disabled(&self) -> bool {
        self.repository.is_disabled(self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Disabled;
    use super::*;

    fn repository(versions: usize, arches: usize) -> Repository {
        let numbers = |n: usize| (0..n).map(|number| number.to_string()).collect();
        Repository {
            origin: Origin::line("catalog.toml", 3),
            name: "baseos".into(),
            name_template: "{name}-{version}".into(),
            versions: numbers(versions),
            arches: numbers(arches),
            path: "/{version}//BaseOS/{arch}/os/repodata/".into(),
            aliases: Vec::new(),
            groups: vec!["main".into()],
            disabled: Disabled::Arches(vec!["1".into()]),
        }
    }

    #[test]
    fn each_version_and_architecture_is_a_pair_with_a_directory() {
        let repositories = [repository(2, 2)];
        let shown = |pair: &Pair<'_>| {
            format!("{} {} {}", pair.key(), pair.path().unwrap_or_default(), pair.is_disabled())
        };
        let pairs = pairs(&repositories).expect("four pairs");
        assert_eq!(
            pairs.iter().map(shown).collect::<Vec<_>>(),
            [
                "baseos-0+0 0/BaseOS/0/os false",
                "baseos-0+1 0/BaseOS/1/os true",
                "baseos-1+0 1/BaseOS/0/os false",
                "baseos-1+1 1/BaseOS/1/os true",
            ]
        );
    }

    #[test]
    fn a_few_lines_cannot_mean_billions_of_pairs() {
        assert!(pairs(&[repository(400, 500)]).is_ok());
        let error = pairs(&[repository(400, 500), repository(1, 1)]).err().expect("too many");
        assert_eq!(
            error.to_string(),
            "catalog.toml:3: repository `baseos`: its versions and architectures, with those of the \
             repositories above, are more than 200000 pairs"
        );
        assert!(pairs(&[repository(1_000_000, 1_000)]).is_err());
    }

    #[test]
    fn a_path_that_leads_nowhere_is_no_directory() {
        for path in ["", "/", "../x", "9/../../x", "./repodata/.."] {
            let repositories = [Repository { path: path.into(), ..repository(1, 1) }];
            let pairs = pairs(&repositories).expect("one pair");
            assert_eq!(pairs[0].path(), None, "{path}");
        }
    }
}
