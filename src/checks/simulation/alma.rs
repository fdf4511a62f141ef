//! AlmaLinux's mirrors and repositories, from its own files where they lie beside the working copy or above it.
//!
//! Only what the simulation needs is read, line by line: the reader of these files is in the room of sources, which
//! depends on this one.

use std::fs;
use std::path::Path;

use super::world::Site;

/// The versions that are current, and their architectures.
const ARCHITECTURES: [(&str, &[&str]); 3] = [
    ("8.10", &["x86_64", "aarch64", "ppc64le", "s390x"]),
    ("9.8", &["x86_64", "aarch64", "ppc64le", "s390x"]),
    ("10.2", &["x86_64", "x86_64_v2", "aarch64", "ppc64le", "s390x"]),
];

/// The site; `None` without the files.
pub(super) fn site(n_days: u64) -> Option<Site> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut beside = top.ancestors().map(|folder| folder.join("shared/data/almalinux"));
    let folder = beside.find(|folder| folder.is_dir())?;
    let n_repositories = n_repositories(&fs::read_to_string(folder.join("config.yml")).ok()?);
    let mut files: Vec<_> = fs::read_dir(folder.join("mirrors.d"))
        .ok()?
        .filter_map(|file| Some(file.ok()?.path()))
        .collect();
    files.sort();
    let mirrors = files.iter().enumerate().map(|(n, file)| {
        let text = fs::read_to_string(file).unwrap();
        let address = text.lines().skip_while(|line| *line != "address:").skip(1);
        let address = address.take_while(|line| line.starts_with("  "));
        let is_visited = |line: &&str| {
            ["http:", "https:"].contains(&line.split_whitespace().next().unwrap_or(""))
        };
        let urls = address.filter(is_visited).filter_map(|line| line.split_whitespace().nth(1));
        // The files do not say who has IPv6.
        (urls.map(str::to_owned).collect::<Vec<_>>(), n % 5 < 3)
    });
    Some(Site {
        mirrors: mirrors.filter(|(urls, _)| !urls.is_empty()).collect(),
        repositories: (0..n_repositories).map(|n| format!("linux/{n}/os/repodata")).collect(),
        n_days,
        is_one_by_one: false,
        is_sampled: false,
    })
}

/// How many repositories a mirror has: those that are not in the vault.
fn n_repositories(config: &str) -> usize {
    let repositories = config.split_once("\nrepos:\n").map_or("", |(_, rest)| rest);
    let blocks = repositories.split("\n  - name: ").filter(|block| !block.contains("vault: true"));
    let of = |block: &str| {
        let listed = |key: &str| -> Option<Vec<String>> {
            let rest = block.lines().skip_while(|line| line.trim() != key).skip(1);
            let items = rest.map_while(|line| line.trim().strip_prefix("- "));
            let items: Vec<String> = items.map(|item| item.trim_matches('"').to_owned()).collect();
            (!items.is_empty()).then_some(items)
        };
        let (versions, arches) = (listed("versions:"), listed("arches:"));
        let is_in = |list: &Option<Vec<String>>, name: &str| {
            list.as_ref().is_none_or(|list| list.iter().any(|item| item == name))
        };
        let versions = ARCHITECTURES.iter().filter(|(version, _)| is_in(&versions, version));
        versions
            .map(|(_, all)| all.iter().filter(|arch| is_in(&arches, arch)).count())
            .sum::<usize>()
    };
    blocks.map(of).sum()
}
