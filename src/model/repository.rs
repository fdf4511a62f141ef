//! Keys of repositories: `repo+arch`.

/// The repository and the architecture of a key; an architecture holds no plus sign.
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once('+')
}

/// The architecture under which a repository is looked up whatever the request says: those of sources
/// have only one.
pub fn fixed_arch(repo: &str) -> Option<&'static str> {
    repo.contains("source").then_some("source")
}
