//! Other names of directories and repositories, as the operator gives them: `pub/epel/7Server` is
//! `pub/epel/7`, the repository `epel-7Server` is `epel-7`.
//!
//! An alias is looked up only if no directory or repository has the requested name, so requests for
//! those pay nothing; it takes precedence over a file of that name. An alias of a directory holds for
//! everything below it, segment by segment, and the longest one counts. Targets that are aliases
//! themselves are resolved when the table is built, so a request follows one step.

use std::collections::BTreeMap;

use model::path;
use snapshot::Snapshot;

/// Table from aliases to the names that they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// The target of each alias, both in canonical form; targets are fully resolved.
    targets: BTreeMap<String, String>,
    /// Bytes of the longest alias; longer prefixes of a path need no lookup.
    longest: usize,
}

/// The reason why a table of aliases is rejected.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadAlias {
    /// The alias or its target is empty.
    #[error("the alias `{0}` or its target is empty")]
    Empty(String),
    /// The alias or its target holds a control character, which would break the lines of a text list.
    #[error("the alias `{}` or its target holds a control character", .0.escape_default())]
    Control(String),
    /// The alias is given twice, perhaps in two spellings.
    #[error("the alias `{0}` is given twice")]
    Twice(String),
    /// The alias leads back to itself, or below itself.
    #[error("the alias `{0}` leads round in a circle")]
    Circle(String),
}

impl Aliases {
    /// Builds the table from pairs of an alias and its target.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadAlias> {
        let mut written = Self::default();
        for (name, target) in pairs {
            if name.chars().chain(target.chars()).any(char::is_control) {
                return Err(BadAlias::Control(name));
            }
            let (from, to) = (path::canonical(&name), path::canonical(&target));
            if from.is_empty() || to.is_empty() {
                return Err(BadAlias::Empty(name));
            }
            written.longest = written.longest.max(from.len());
            let (from, to) = (from.into_owned(), to.into_owned());
            if written.targets.insert(from, to).is_some() {
                return Err(BadAlias::Twice(name));
            }
        }
        let mut targets = BTreeMap::new();
        for (name, target) in &written.targets {
            let mut end = target.clone();
            // Each step uses one alias, so more steps than aliases mean a cycle.
            for step in 0.. {
                match written.rename(&end) {
                    None => break,
                    Some(_) if step >= written.targets.len() => {
                        return Err(BadAlias::Circle(name.clone()));
                    }
                    Some(next) => end = next,
                }
            }
            targets.insert(name.clone(), end);
        }
        Ok(Self { targets, longest: written.longest })
    }

    /// Whether `name` is an alias.
    pub fn has(&self, name: &str) -> bool {
        !self.targets.is_empty() && self.targets.contains_key(name)
    }

    /// The target of `name`, if the whole name is an alias.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.targets.get(name).map(String::as_str)
    }

    /// The path with its longest prefix that is an alias replaced by the target.
    pub fn rename(&self, path: &str) -> Option<String> {
        if self.targets.is_empty() {
            return None;
        }
        let mut end = path.len();
        loop {
            if end <= self.longest
                && let Some((beginning, rest)) = path.split_at_checked(end)
                && let Some(target) = self.find(beginning)
            {
                return Some([target, rest].concat());
            }
            end = path.get(..end)?.rfind('/')?;
        }
    }

    /// A log line for each of [`Self::dangling`].
    pub fn faults<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = String> {
        self.dangling(snapshot).map(|(name, target)| {
            format!("the alias `{name}` stands for `{target}`, which is no directory or repository")
        })
    }

    /// The aliases whose targets do not exist, with these targets. A target exists if it is a directory,
    /// the prefix of one, a file with known details, or a repository, including old names and disabled
    /// ones.
    pub fn dangling<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let begins = |name: &str, target: &str, separator: char| {
            name.strip_prefix(target).is_some_and(|rest| rest.starts_with(separator))
        };
        let is_file = |target: &str| {
            let (parent, file) = target.rsplit_once('/')?;
            let directory = snapshot.directory(snapshot.find_directory(parent)?)?;
            snapshot.find_file(&directory, file)
        };
        let is_known = move |target: &str| {
            snapshot.find_directory(target).is_some()
                || snapshot.find_redirect(target).is_some()
                || snapshot.is_disabled(target)
                || is_file(target).is_some()
                || snapshot.directory_names().iter().any(|name| begins(name, target, '/'))
                || snapshot.repository_names().iter().any(|name| begins(name, target, '+'))
        };
        let pairs = self.targets.iter().map(|(name, target)| (name.as_str(), target.as_str()));
        pairs.filter(move |(_, target)| !is_known(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(pairs: &[(&str, &str)]) -> Result<Aliases, BadAlias> {
        Aliases::new(pairs.iter().map(|&(name, target)| (name.to_owned(), target.to_owned())))
    }

    #[test]
    fn the_longest_beginning_of_whole_segments_is_replaced() {
        let aliases = aliases(&[
            ("/pub/epel/7Server/", "pub/epel/7"),
            ("pub/epel/7Server/old", "pub/archive"),
            ("pub/epel", "elsewhere"),
        ])
        .expect("sound aliases");
        for (path, expected) in [
            ("pub/epel/7Server", Some("pub/epel/7")),
            ("pub/epel/7Server/x86_64/repodata", Some("pub/epel/7/x86_64/repodata")),
            ("pub/epel/7Server/old/x", Some("pub/archive/x")),
            ("pub/epel/7ServerX", Some("elsewhere/7ServerX")),
            ("pub/epe", None),
            ("pub", None),
            ("", None),
            ("x/pub/epel", None),
        ] {
            // `pub/epel/7` is below an alias itself, and is followed.
            let expected = expected.map(|path| path.replace("pub/epel/7", "elsewhere/7"));
            assert_eq!(aliases.rename(path), expected, "{path}");
        }
    }

    #[test]
    fn circles_and_nonsense_are_refused() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("a", "b"), ("b", "a")], "the alias `a` leads round in a circle"),
            (&[("a", "a")], "the alias `a` leads round in a circle"),
            (&[("a", "a/b")], "the alias `a` leads round in a circle"),
            (&[("a", "b"), ("b", "c/d"), ("c", "a")], "the alias `a` leads round in a circle"),
            (&[("a", "/")], "the alias `a` or its target is empty"),
            (&[("", "a")], "the alias `` or its target is empty"),
            (&[("a", "b"), ("/a", "c")], "the alias `/a` is given twice"),
            (&[("a\n", "b")], "the alias `a\\n` or its target holds a control character"),
        ];
        for (pairs, reason) in cases {
            let error = aliases(pairs).expect_err("nonsense");
            assert_eq!(error.to_string(), *reason);
        }
        let chain = aliases(&[("a", "b"), ("b", "c"), ("c", "d")]).expect("a chain");
        assert_eq!(chain.rename("a/x").as_deref(), Some("d/x"));
    }
}
