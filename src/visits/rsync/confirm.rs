//! What a listing lacks is asked for over HTTP before it counts.
//!
//! Clients use HTTP, and what rsync serves need not be the same: it may be another host, another module, or less of
//! the tree. So of each directory that lacks something a file is asked for as clients do, and of one that is not there
//! some that lie far apart in it. It counts only if none of them is there. Of the others nothing is told.

use std::collections::{BTreeMap, BTreeSet};

use checks::observation::{DirectorySeen, End, Tier, Visit};
use tokio::time::Instant;

use super::plan::{Doubt, ListedTree, ListingPlan};
use crate::crawler::Crawler;
use crate::plan::{Hints, Plan, Route, Sample, Tree};
use crate::trace::{self, Trace};

/// So many directories of a mirror are asked for: first those that were in doubt, then those of which nothing was
/// known, and of each those that lack most.
const MAX_ASKED: usize = 20;
/// Of those that were asked for before and lacked something so many are among them: others each day.
const MAX_CERTAIN: usize = 5;
/// So many files are asked for of a directory that is not there.
const MAX_SPREAD: usize = 3;
const DAY: u64 = 86_400;

/// What is to be told of a directory.
pub(super) struct Found {
    /// The place of its tree in the plan.
    pub(super) tree: usize,
    pub(super) seen: DirectorySeen,
    /// Files of it that are not there, of those that can be asked for; none if it lacks nothing.
    pub(super) files: Vec<Sample>,
    /// Whether the directory itself is not there.
    pub(super) is_missing: bool,
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

/// What has come of it.
pub(super) struct Confirmed {
    /// The directories that lack something over HTTP, too; and those that were in doubt and do not.
    pub(super) directories: Vec<DirectorySeen>,
    /// How many requests were made.
    pub(super) requests: u32,
    /// How many bytes came.
    pub(super) bytes: u64,
    /// How asking has ended.
    pub(super) end: End,
}

/// Asks for a file of each directory that lacks something.
pub(super) async fn confirm(
    crawler: &Crawler,
    plan: &ListingPlan,
    found: Vec<Found>,
    trace: &mut dyn Trace,
    start: Instant,
) -> Confirmed {
    let (asked, certain) = choose(found, plan);
    let mut directories: Vec<DirectorySeen> = certain.into_iter().map(|one| one.seen).collect();
    if asked.is_empty() {
        return Confirmed { directories, requests: 0, bytes: 0, end: End::Complete };
    }
    let trees = plan.trees.iter().enumerate().map(|(n, tree)| {
        let routes = tree.http.iter().flat_map(|url| {
            plan.versions.iter().map(|&version| Route { url: url.clone(), version })
        });
        let samples = asked.iter().filter(|one| one.tree == n);
        Tree {
            routes: routes.collect(),
            samples: samples.flat_map(|one| one.files.clone()).collect(),
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
    let text = format!("asks over HTTP for a file of {} directories", asked.len());
    trace::step(trace, start, &text);
    let mut rng = fastrand::Rng::new();
    let visited = crawler.visit(&http, &mut rng, trace, std::future::pending()).await;
    let Visit { requests, bytes, end, directories: seen, .. } = visited.visit;
    let over_http: BTreeMap<String, DirectorySeen> =
        seen.into_iter().map(|seen| (seen.directory.clone(), seen)).collect();
    directories.extend(asked.into_iter().filter_map(|one| {
        let DirectorySeen { present, missing, other_size, .. } =
            *over_http.get(&one.seen.directory)?;
        let lacks = missing > 0 || other_size > 0;
        match (present > 0, lacks) {
            (false, true) => Some(one.seen),
            // As a look that misses nothing, which takes back what is certain if there are two of them.
            (true, false) if plan.doubted.contains_key(&one.seen.directory) => {
                Some(DirectorySeen {
                    present,
                    missing: 0,
                    other_size: 0,
                    is_whole: false,
                    ..one.seen
                })
            }
            _ => None,
        }
    }));
    Confirmed { directories, requests, bytes, end }
}

/// Some of these that lie far apart: the first one, one in the middle and the last one.
pub(super) fn spread(files: impl Iterator<Item = Sample>) -> Vec<Sample> {
    let files: Vec<Sample> = files.collect();
    let step = files.len().saturating_sub(1).div_ceil(MAX_SPREAD - 1).max(1);
    let last = files.last().cloned();
    let mut spread: Vec<Sample> = files.into_iter().step_by(step).take(MAX_SPREAD - 1).collect();
    spread.extend(last.filter(|last| !spread.contains(last)));
    spread
}

/// Those that are asked for; and those that are not, because that was done before. What lies below one that is not
/// there need not be told: what holds for a directory holds below it.
fn choose(mut found: Vec<Found>, plan: &ListingPlan) -> (Vec<Found>, Vec<Found>) {
    let missing = found.iter().filter(|one| one.is_missing && !one.files.is_empty());
    let missing: BTreeSet<String> = missing.map(|one| one.seen.directory.clone()).collect();
    let is_below_missing = |name: &str| {
        let mut above = name.match_indices('/').filter_map(|(end, _)| name.get(..end));
        above.any(|above| missing.contains(above)) || (!name.is_empty() && missing.contains(""))
    };
    found.retain(|one| !one.files.is_empty() && !is_below_missing(&one.seen.directory));
    let doubt = |one: &Found| plan.doubted.get(&one.seen.directory).copied();
    let (mut certain, mut asked): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| doubt(one) == Some(Doubt::Certain));
    if !certain.is_empty() {
        let turn = usize::try_from(plan.started / DAY).unwrap_or(0);
        let n = certain.len();
        certain.rotate_left(turn.wrapping_mul(MAX_CERTAIN) % n);
    }
    let rest = certain.split_off(certain.len().min(MAX_CERTAIN));
    asked.sort_by(|one, other| {
        let key = |one: &Found| (doubt(one).is_none(), u64::MAX - one.seen.n_lacking());
        (key(one), &one.seen.directory).cmp(&(key(other), &other.seen.directory))
    });
    asked.truncate(MAX_ASKED - certain.len());
    asked.append(&mut certain);
    (asked, rest)
}

#[cfg(test)]
mod tests {
    use model::families::IpVersion;

    use super::*;
    use crate::redirect::RedirectPolicy;

    fn found(name: &str, missing: u64, is_missing: bool) -> Found {
        let directory = name.to_owned();
        let seen = DirectorySeen { directory, present: 0, missing, other_size: 0, is_whole: true };
        let files = vec![Sample { directory: name.into(), path: "a".into(), size: 7 }];
        Found { tree: 0, seen, files, is_missing }
    }

    #[test]
    fn what_is_in_doubt_is_asked_for_first_and_nothing_below_what_is_not_there() {
        let plan = ListingPlan {
            mirror: "a".into(),
            round: 0,
            started: 0,
            is_asked: false,
            trees: Vec::new(),
            doubted: [("d", Doubt::First), ("c", Doubt::Certain), ("c-b", Doubt::Certain)]
                .map(|(name, doubt)| (name.to_owned(), doubt))
                .into(),
            redirects: RedirectPolicy::default(),
            versions: vec![IpVersion::V4],
            settled: 0,
        };
        let chosen = |found: Vec<Found>| -> Vec<String> {
            choose(found, &plan).0.into_iter().map(|one| one.seen.directory).collect()
        };
        let all = vec![
            found("a", 1, false),
            found("b", 5, true),
            found("b/below", 9, true),
            found("b-c", 2, true),
            found("c", 9, false),
            found("d", 1, false),
            Found { files: Vec::new(), ..found("e", 9, false) },
        ];
        assert_eq!(chosen(all), ["d", "b", "b-c", "a", "c"]);
        assert_eq!(chosen(vec![found("", 1, true), found("a", 1, true)]), [""]);
        let many = (0..100).map(|n| found(&n.to_string(), 1, false)).collect();
        assert_eq!(chosen(many).len(), MAX_ASKED);
        // Those that were asked for before are told all the same, and asked for in turn.
        let names: Vec<String> = (0..23).map(|n| format!("x{n}")).collect();
        let all = || -> Vec<Found> {
            let new = (0..100).map(|n| found(&n.to_string(), 1, false));
            names.iter().map(|name| found(name, 1, false)).chain(new).collect()
        };
        let certain = names.iter().map(|name| (name.clone(), Doubt::Certain)).collect();
        let mut plan = ListingPlan { doubted: certain, ..plan };
        let mut turns = BTreeSet::new();
        for day in 0..5 {
            plan.started = day * DAY;
            let (asked, rest) = choose(all(), &plan);
            assert_eq!((asked.len(), rest.len()), (MAX_ASKED, 18));
            turns.extend(asked.into_iter().map(|one| one.seen.directory));
        }
        assert!(names.iter().all(|name| turns.contains(name)));
    }

    #[test]
    fn files_of_a_directory_that_is_not_there_lie_far_apart() {
        let sample = |n: u64| Sample { directory: "a".into(), path: n.to_string(), size: n };
        for (n, expected) in
            [(0, vec![]), (1, vec![0]), (2, vec![0, 1]), (3, vec![0, 1, 2]), (9, vec![0, 4, 8])]
        {
            let sizes: Vec<u64> = spread((0..n).map(sample)).iter().map(|one| one.size).collect();
            assert_eq!(sizes, expected);
        }
    }

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
