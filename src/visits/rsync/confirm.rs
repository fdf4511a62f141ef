//! What a listing lacks is asked for over HTTP before it counts.
//!
//! Clients use HTTP, and what rsync serves need not be the same: it may be another host, another module, or less of
//! the tree. So of each directory that lacks something one file is asked for as clients do, and a directory counts only
//! if that file is not there either. Of the others nothing is told.

use std::collections::{BTreeMap, BTreeSet};

use checks::observation::{DirectorySeen, End, Tier};

use super::visit::{Doubt, ListedTree, Lister};
use crate::plan::{Hints, Plan, Route, Sample, Tree};

/// So many directories of a mirror are asked for: first those that were in doubt, then those of which nothing was
/// known, and of each those that lack most.
const MAX_ASKED: usize = 20;

/// What is to be told of a directory.
pub(super) struct Found {
    /// The place of its tree in the plan.
    pub(super) tree: usize,
    pub(super) seen: DirectorySeen,
    /// A file of it that is not there; `None` if it lacks nothing, or nothing that can be asked for.
    pub(super) file: Option<Sample>,
    /// Whether the directory itself is not there.
    pub(super) is_missing: bool,
}

impl Found {
    fn n_lacking(&self) -> u64 {
        n_lacking(&self.seen)
    }
}

fn n_lacking(seen: &DirectorySeen) -> u64 {
    seen.missing.saturating_add(seen.other_size)
}

/// A file of a directory, or of one below it, as it is asked for where the directory is meant.
pub(super) fn sample(
    tree: &ListedTree,
    directory: &str,
    (holder, name, size): (&str, &[u8], u64),
) -> Option<Sample> {
    let name = std::str::from_utf8(name).ok()?;
    let below = holder.strip_prefix(&*tree.top)?;
    let segments = tree.path.split('/').chain(below.split('/')).chain([name]);
    let path: Vec<&str> = segments.filter(|segment| !segment.is_empty()).collect();
    Some(Sample { directory: directory.to_owned(), path: path.join("/"), size })
}

impl Lister<'_> {
    /// Those that lack something over HTTP, too; and those that were in doubt and do not.
    pub(super) async fn confirm(&mut self, found: Vec<Found>) -> Vec<DirectorySeen> {
        let asked = self.choose(found);
        if asked.is_empty() {
            return Vec::new();
        }
        let plan = self.plan;
        let trees = plan.trees.iter().enumerate().map(|(n, tree)| {
            let routes = tree.http.iter().flat_map(|url| {
                plan.versions.iter().map(|&version| Route { url: url.clone(), version })
            });
            let samples = asked.iter().filter(|one| one.tree == n);
            Tree {
                routes: routes.collect(),
                samples: samples.filter_map(|one| one.file.clone()).collect(),
                ..Tree::default()
            }
        });
        let http = Plan {
            mirror: plan.mirror.clone(),
            tier: Tier::Sample,
            round: plan.round,
            started: plan.started,
            trees: trees.collect(),
            versions: plan.versions.clone(),
            redirects: plan.redirects,
            hints: Hints::default(),
        };
        self.step(&format!("asks over HTTP for a file of {} directories", asked.len()));
        let mut rng = fastrand::Rng::new();
        let visited =
            self.crawler.visit(&http, &mut rng, self.trace, std::future::pending()).await.visit;
        self.visit.requests = self.visit.requests.saturating_add(visited.requests);
        self.visit.bytes = self.visit.bytes.saturating_add(visited.bytes);
        if let End::Busy(Some(_)) = visited.end {
            self.visit.end = visited.end;
        }
        let over_http: BTreeMap<String, DirectorySeen> =
            visited.directories.into_iter().map(|seen| (seen.directory.clone(), seen)).collect();
        let told = asked.into_iter().filter_map(|one| {
            let seen = over_http.get(&one.seen.directory)?;
            let is_doubted = plan.doubted.contains_key(&one.seen.directory);
            match n_lacking(seen) {
                0 => is_doubted.then(|| DirectorySeen { is_whole: false, ..seen.clone() }),
                _ => Some(one.seen),
            }
        });
        told.collect()
    }

    /// Those that are asked for. What lies below one that is not there need not be told: what holds for a directory
    /// holds below it.
    fn choose(&self, mut found: Vec<Found>) -> Vec<Found> {
        let missing = found.iter().filter(|one| one.is_missing && one.file.is_some());
        let missing: BTreeSet<String> = missing.map(|one| one.seen.directory.clone()).collect();
        let is_below_missing = |name: &str| {
            let mut above = name.match_indices('/').filter_map(|(end, _)| name.get(..end));
            above.any(|above| missing.contains(above)) || (!name.is_empty() && missing.contains(""))
        };
        found.retain(|one| one.file.is_some() && !is_below_missing(&one.seen.directory));
        let rank = |one: &Found| match self.plan.doubted.get(&one.seen.directory) {
            Some(Doubt::First) => 0,
            None => 1,
            Some(Doubt::Certain) => 2,
        };
        found.sort_by(|one, other| {
            let key = |one: &Found| (rank(one), u64::MAX - one.n_lacking());
            (key(one), &one.seen.directory).cmp(&(key(other), &other.seen.directory))
        });
        found.truncate(MAX_ASKED);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_asked_for_below_the_base_url() {
        let tree = |top: &str, path: &str| ListedTree {
            urls: Vec::new(),
            http: Vec::new(),
            top: top.into(),
            path: path.into(),
            carried: Vec::new(),
            excluded: Vec::new(),
        };
        for (top, path, directory, expected) in [
            ("pub/linux/9", "9", "pub/linux/9/iso", "9/iso/a"),
            ("pub/linux/9", "9", "pub/linux/9", "9/a"),
            ("pub/linux", "", "pub/linux/9/iso", "9/iso/a"),
            ("", "", "", "a"),
            ("", "", "9", "9/a"),
        ] {
            let found = sample(&tree(top, path), "9", (directory, b"a", 7));
            let found = found.map(|sample| (sample.path, sample.directory));
            assert_eq!(found, Some((expected.into(), "9".into())), "{top} {directory}");
        }
        assert_eq!(sample(&tree("", ""), "9", ("9", b"\xff", 7)), None);
    }
}
