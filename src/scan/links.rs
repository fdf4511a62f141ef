//! Follows symbolic links within the tree.

use std::collections::BTreeMap;

use super::findings::{Findings, Problem};
use super::names;
use index::Alias;

/// The most links on the way to a directory; Linux follows as many.
const MAX_HOPS: usize = 40;
/// The most segments that are left to follow.
const MAX_SEGMENTS: usize = 1_000;
/// The most links that are followed in a tree.
pub(super) const MAX_LINKS: usize = 1_000_000;

/// Links by their full names, with their targets as they are written.
pub(super) type Links = BTreeMap<String, String>;

/// What a link leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Leads {
    /// A directory, by its name without links in it.
    Directory(String),
    /// A file, a directory that is not released, or nothing.
    Elsewhere,
    /// Something outside of the tree.
    Outside,
    /// Itself.
    Loop,
}

/// The aliases of a tree in order of their names. `is_directory` knows the directories without links in
/// their names. A link in another directory, which is not released, is no alias.
pub(super) fn aliases(
    links: &Links,
    is_directory: impl Fn(&str) -> bool,
    findings: &mut Findings,
) -> Vec<Alias> {
    let mut aliases = Vec::new();
    for (name, target) in links.iter().filter(|(name, _)| is_directory(names::parent(name))) {
        let shown = format_args!("{name} -> {target}");
        // In a listing, or because the tree changed meanwhile.
        if is_directory(name) {
            findings.add(Problem::LinkAndDirectory, shown);
            continue;
        }
        match follow(links, &is_directory, name) {
            Leads::Directory(target) => {
                aliases.push(Alias { name: name.as_str().into(), target: target.into() });
            }
            Leads::Elsewhere => {}
            Leads::Outside => findings.add(Problem::LinkOutside, shown),
            Leads::Loop => findings.add(Problem::LinkLoop, shown),
        }
    }
    aliases
}

fn follow(links: &Links, is_directory: impl Fn(&str) -> bool, name: &str) -> Leads {
    // The directory in which the next segment is looked up. It has no links in it.
    let mut at = names::parent(name).to_owned();
    // Segments left to follow, the next one last.
    let mut open = vec![names::join("", name.rsplit('/').next().unwrap_or(name))];
    let mut n_hops = 0;
    while let Some(segment) = open.pop() {
        match segment.as_str() {
            "" | "." => {}
            ".." if at.is_empty() => return Leads::Outside,
            ".." => at = names::parent(&at).to_owned(),
            segment => {
                let next = names::join(&at, segment);
                if let Some(target) = links.get(&next) {
                    n_hops += 1;
                    let n_segments = target.split('/').count();
                    if n_hops > MAX_HOPS || open.len() + n_segments > MAX_SEGMENTS {
                        return Leads::Loop;
                    }
                    if target.starts_with('/') {
                        return Leads::Outside;
                    }
                    open.extend(target.rsplit('/').map(str::to_owned));
                } else if is_directory(&next) {
                    at = next;
                } else {
                    return Leads::Elsewhere;
                }
            }
        }
    }
    Leads::Directory(at)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn links(pairs: &[(&str, &str)]) -> Links {
        pairs.iter().map(|&(name, target)| (name.to_owned(), target.to_owned())).collect()
    }

    #[test]
    fn links_are_followed_within_the_tree_only() {
        let links = links(&[
            ("latest", "9"),
            ("9/current", "./os/"),
            ("9/up", "../latest/current"),
            ("9/top", ".."),
            ("out", "../x"),
            ("9/out", "../../x"),
            ("9/out-and-back", "../../tree/9"),
            ("absolute", "/srv/tree/9"),
            ("loop", "loop"),
            ("one", "two"),
            ("two", "one"),
            ("file", "9/file"),
            ("through", "9/file/../os"),
        ]);
        let directories = ["", "9", "9/os"];
        let lead = |name: &str| follow(&links, |name| directories.contains(&name), name);
        for (name, target) in
            [("latest", "9"), ("9/current", "9/os"), ("9/up", "9/os"), ("9/top", "")]
        {
            assert_eq!(lead(name), Leads::Directory(target.into()), "{name}");
        }
        for name in ["out", "9/out", "9/out-and-back", "absolute"] {
            assert_eq!(lead(name), Leads::Outside, "{name}");
        }
        for name in ["loop", "one", "two"] {
            assert_eq!(lead(name), Leads::Loop, "{name}");
        }
        for name in ["file", "through"] {
            assert_eq!(lead(name), Leads::Elsewhere, "{name}");
        }
        let mut findings = Findings::default();
        let aliases = aliases(&links, |name| directories.contains(&name), &mut findings);
        assert_eq!(aliases.len(), 4);
        assert_eq!(findings.count(Problem::LinkOutside), 4);
        assert_eq!(findings.count(Problem::LinkLoop), 3);
    }

    #[test]
    fn a_link_of_the_name_of_a_directory_is_no_alias() {
        let links = links(&[("", "9"), ("9", "10"), ("latest", "9")]);
        let mut findings = Findings::default();
        let found = aliases(&links, |name| ["", "9", "10"].contains(&name), &mut findings);
        assert_eq!(found.iter().map(|alias| &*alias.name).collect::<Vec<_>>(), ["latest"]);
        assert_eq!(findings.count(Problem::LinkAndDirectory), 2);
    }

    /// Links that double each other's length end soon.
    #[test]
    fn links_that_multiply_are_bounded() {
        let long = ["a/../"; 400].concat();
        let links = links(&[
            ("x", &format!("{long}x")),
            ("y", &format!("{long}z")),
            ("z", &format!("{long}y")),
        ]);
        for name in ["x", "y", "z"] {
            assert_eq!(follow(&links, |name| ["", "a"].contains(&name), name), Leads::Loop);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Compares with the operating system's own way of following links.
        #[test]
        fn links_lead_where_the_system_says(
            made in proptest::collection::btree_map(
                "[ab](/[ab]){0,2}/[x-z]|[x-z]",
                "([abx-z]|\\.\\.|\\.)(/([abx-z]|\\.\\.|\\.)){0,4}",
                0..8,
            ),
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let top = folder.path().join("top").canonicalize().unwrap_or_else(|_| folder.path().join("top"));
            let directories: BTreeSet<String> =
                ["", "a", "b", "a/a", "a/b", "b/a"].map(str::to_owned).into();
            for directory in &directories {
                fs::create_dir_all(top.join(directory)).expect("a folder");
            }
            let top = top.canonicalize().expect("a folder");
            let mut links = Links::new();
            for (name, target) in made {
                if directories.contains(names::parent(&name)) {
                    symlink(&target, top.join(&name)).expect("a link");
                    links.insert(name, target);
                }
            }
            for name in links.keys() {
                let lead = follow(&links, |name| directories.contains(name), name);
                let system = top.join(name).canonicalize();
                match (&lead, &system) {
                    (Leads::Directory(target), Ok(path)) => prop_assert_eq!(&top.join(target).canonicalize().expect("it is there"), path),
                    (Leads::Directory(_), Err(error)) => panic!("{name}: {error}"),
                    (Leads::Outside, _) => {}
                    (Leads::Elsewhere | Leads::Loop, Ok(path)) => panic!("{name}: {path:?}"),
                    (Leads::Elsewhere | Leads::Loop, Err(_)) => {}
                }
            }
        }
    }
}
