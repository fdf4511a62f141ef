//! Law: the mirrors of each directory of a catalog are those that a slow, obvious twin finds.
//!
//! The twin looks at one directory after the other, and for each at every repository and every mirror:
//! nothing is shared, sorted or hashed.

use std::collections::{BTreeMap, BTreeSet};

use model::host_set::members;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::Files;
use super::tree::index;

/// A repository of one directory for each architecture.
#[derive(Clone, Debug)]
struct Repo {
    name: String,
    arches: Vec<&'static str>,
    path: &'static str,
}

/// What a mirror carries; empty for everything.
#[derive(Clone, Debug)]
struct Host {
    carries: Vec<(Option<usize>, Vec<&'static str>)>,
    private: bool,
}

const ARCHES: [&str; 2] = ["x86", "arm"];
/// Directories that contain one another, with names that sort oddly ('-' is before '/').
const PATHS: [&str; 7] =
    ["a", "a-b/{arch}", "a/{arch}", "a/{arch}/debug", "b", "l/{arch}", "a/x86"];
const TREE: [&str; 13] = [
    "a",
    "a-b/x86",
    "a-b/arm/repodata",
    "a/x86/repodata",
    "a/arm",
    "a/x86/debug/repodata",
    "a/arm/debug/deep",
    "b/repodata",
    "c",
    "real/x86/repodata",
    "real/arm",
    "a-c",
    "shared/repodata",
];
const LINKS: [(&str, &str); 3] = [("l", "real"), ("k", "a"), ("a/arm/repodata", "shared/repodata")];

fn repos() -> impl Strategy<Value = Vec<Repo>> {
    let one = (subsequence(ARCHES.to_vec(), 1..=2), select(PATHS.to_vec()));
    prop::collection::vec(one, 1..5).prop_map(|repos| {
        let repo = |(n, (arches, path))| Repo { name: format!("r{n}"), arches, path };
        repos.into_iter().enumerate().map(repo).collect()
    })
}

fn hosts() -> impl Strategy<Value = Vec<Host>> {
    let part = (prop::option::of(0..5_usize), subsequence(ARCHES.to_vec(), 0..=2));
    let one = (prop::collection::vec(part, 0..3), any::<bool>());
    prop::collection::vec(one, 1..5).prop_map(|hosts| {
        hosts.into_iter().map(|(carries, private)| Host { carries, private }).collect()
    })
}

fn write(repos: &[Repo], hosts: &[Host]) -> String {
    let mut text = "[distribution]\nname = \"x\"\n".to_owned();
    for Repo { name, arches, path } in repos {
        text +=
            &format!("[[repository]]\nname = \"{name}\"\narches = {arches:?}\npath = \"{path}\"\n");
    }
    for (n, Host { carries, private }) in hosts.iter().enumerate() {
        text += &format!(
            "[[mirror]]\nkey = \"m{n}\"\nurls = [\"https://m{n}.example/x\"]\nprivate = {private}\nnetworks = [\"10.{n}.0.0/16\"]\n"
        );
        let parts: Vec<String> = carries
            .iter()
            .map(|(repo, arches)| {
                let what = repo.map(|n| format!("what = \"{}\"", repos[n % repos.len()].name));
                let arches = (!arches.is_empty()).then(|| format!("arches = {arches:?}"));
                let keys: Vec<_> = what.into_iter().chain(arches).collect();
                format!("{{ {} }}", keys.join(", "))
            })
            .collect();
        if !parts.is_empty() {
            text += &format!("carries = [{}]\n", parts.join(", "));
        }
    }
    text
}

fn is_in(directory: &str, path: &str) -> bool {
    directory == path || directory.starts_with(&format!("{path}/"))
}

/// The directory of a repository, without that of its index.
fn place(repo: &Repo, arch: &str) -> String {
    let path = repo.path.replace("{arch}", arch);
    path.strip_suffix("/repodata").unwrap_or(&path).to_owned()
}

/// The mirrors of each directory.
fn twin(repos: &[Repo], hosts: &[Host], with_tree: bool) -> BTreeMap<String, BTreeSet<String>> {
    let pairs: Vec<(usize, &str, String)> = repos
        .iter()
        .enumerate()
        .flat_map(|(n, repo)| repo.arches.iter().map(move |arch| (n, *arch, place(repo, arch))))
        .collect();
    let mut names: BTreeSet<String> = BTreeSet::new();
    if with_tree {
        for name in TREE {
            let parents = name.match_indices('/').map(|(at, _)| &name[..at]).chain([name]);
            names.extend(parents.map(str::to_owned));
        }
        // A link counts for the repositories whose paths, or those of whose indexes, lead over it.
        for name in names.clone() {
            for (link, target) in LINKS.iter().filter(|(_, target)| is_in(&name, target)) {
                let linked = format!("{link}{}", &name[target.len()..]);
                let leads = |place: &str| is_in(&format!("{place}/repodata"), link);
                if pairs.iter().any(|(_, _, place)| leads(place) && is_in(&linked, place)) {
                    names.insert(linked);
                }
            }
        }
    } else {
        for (_, _, place) in &pairs {
            names.extend([place.clone(), format!("{place}/repodata")]);
        }
    }
    let mut found = BTreeMap::new();
    for name in names {
        let longest = pairs.iter().map(|(_, _, place)| place).filter(|place| is_in(&name, place));
        let owner = longest.max_by_key(|place| place.len());
        let carries = |host: &Host, pair: &(usize, &str, String)| {
            let is_part = |(repo, arches): &(Option<usize>, Vec<&str>)| {
                repo.is_none_or(|n| n % repos.len() == pair.0)
                    && (arches.is_empty() || arches.contains(&pair.1))
            };
            host.carries.is_empty() || host.carries.iter().any(is_part)
        };
        let of_host = |host: &Host| match owner {
            Some(owner) => pairs.iter().any(|pair| pair.2 == *owner && carries(host, pair)),
            None => host.carries.is_empty(),
        };
        let carriers = hosts.iter().enumerate().filter(|(_, host)| of_host(host));
        let carriers: BTreeSet<_> = carriers.map(|(n, _)| format!("m{n}")).collect();
        if !carriers.is_empty() {
            found.insert(name, carriers);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn directories_have_the_mirrors_that_a_slow_search_finds(
        repos in repos(),
        hosts in hosts(),
        with_tree: bool,
    ) {
        let mut files = Files::new(&write(&repos, &hosts));
        if with_tree {
            files = files.with_index(&index(&TREE, &LINKS));
        }
        let expected = twin(&repos, &hosts, with_tree);
        let server = match files.try_serve() {
            Ok(server) => server,
            // Nobody carries anything, or what is carried does not exist.
            Err(error) => {
                let text = error.to_string();
                let known = ["holds no directory", "mirror.carries", "repositories have no directory", "/tree.index: lacks the directories"];
                let is_known = known.iter().any(|known| text.contains(known));
                prop_assert!(is_known, "{}", text);
                return Ok(());
            }
        };
        let snapshot = server.snapshot();
        let mut found = BTreeMap::new();
        for name in snapshot.directory_names().iter() {
            let directory = snapshot.directory(snapshot.find_directory(name).unwrap()).unwrap();
            let key = |host| snapshot.hosts().key(host).unwrap().to_string();
            let public = snapshot::members(directory.layout.public()).map(key).collect::<BTreeSet<_>>();
            let carriers: BTreeSet<String> = members(directory.carriers).map(key).collect();
            for carrier in &carriers {
                let n: usize = carrier[1..].parse().unwrap();
                prop_assert_eq!(public.contains(carrier), !hosts[n].private);
            }
            found.insert(name.to_owned(), carriers);
        }
        prop_assert_eq!(found, expected);
    }
}
