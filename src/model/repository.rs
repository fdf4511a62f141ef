//! Keys of repositories: `repo+arch`.

/// Splits a key into repository and architecture, at the last plus sign: an architecture has none.
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once('+')
}

/// The only architecture of a repository with source packages, which is used whatever the request
/// names; `None` for other repositories.
pub fn fixed_arch(repo: &str) -> Option<&'static str> {
    repo.contains("source").then_some("source")
}
