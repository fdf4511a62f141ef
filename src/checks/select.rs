//! From states to findings: what the next snapshot lists, without ever emptying a directory.
//!
//! A directory that would keep fewer mirrors than [`Settings::min_mirrors`](crate::settings::Settings) gets the
//! least bad ones back, behind those that are good. Mirrors that somebody has paused do not come back. Mirrors
//! that lack the directory, or have what the primary never had, come back only if there is no other at all.
//!
//! Before the first round over all mirrors has ended nothing is hidden, except by those who paused a mirror: a
//! mirror that the catalog lists does not vanish because checks are switched on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::carriers::{Carriers, TreesByTop};
use crate::contents::{Contents, Counting};
use crate::distrust::{self, Distrusted};
use crate::findings::{Cause, Findings, MirrorFindings, Standing, UrlFindings};
use crate::inventory::{Entry, Inventory, Tree, repository_of};
use crate::round::Register;
use crate::state::{MirrorState, RouteVerdict, Status};
use crate::verdict::{View, WhyHidden};

/// Findings, and where they are not what states say.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Selection {
    /// What the next snapshot lists.
    pub findings: Findings,
    /// Directories that keep mirrors that are not good, as there were too few; with their keys.
    pub kept: BTreeMap<String, Vec<String>>,
    /// Where the primary is doubted.
    pub distrusted: Distrusted,
    /// How the repositories of mirrors stand to the primary, in numbers.
    pub contents: Contents,
}

/// How bad it is to list a mirror for a directory; the least is best. The first is the kind, the second the
/// time since when, so that what broke last comes first, the third keeps the order fixed.
type Badness<'a> = (Kind, Reverse<u64>, &'a str);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Nothing was learned for days, or some files are missing.
    Unsure,
    /// Older than what metalinks offer.
    Expired,
    /// Back, without a look at its content yet.
    AwaitsContent,
    Down,
    Unproven,
    Disabled,
    /// The directory is not there, or has what the primary never had: only if there is no other.
    Useless,
}

/// A mirror while its findings are made.
struct Candidate<'a> {
    key: &'a str,
    entry: &'a Entry,
    state: &'a MirrorState,
    hidden: Option<WhyHidden>,
    statuses: BTreeMap<&'a str, (&'a str, Status)>,
    /// The URLs that do not work, since when (in credited seconds) and why.
    down: BTreeMap<&'a str, (u64, Cause)>,
    /// Its trees, if there are such URLs.
    trees: TreesByTop<'a>,
    findings: MirrorFindings,
}

/// What states say about all mirrors of the inventory.
pub fn select(register: &Register, inventory: &Inventory, view: &View<'_>) -> Selection {
    let carriers = Carriers::of(inventory.mirrors.values());
    select_among(register, inventory, view, |directory| carriers.find(directory))
}

/// The same, where `find_carriers` finds the places of the mirrors that should have a directory.
fn select_among(
    register: &Register,
    inventory: &Inventory,
    view: &View<'_>,
    find_carriers: impl Fn(&str) -> Vec<usize>,
) -> Selection {
    let unvisited = MirrorState::default();
    let mut candidates: Vec<Candidate<'_>> = inventory
        .mirrors
        .iter()
        .map(|(key, entry)| {
            let state = register.mirrors.get(key).map_or(&unvisited, |state| &**state);
            Candidate::new(key, entry, state, view)
        })
        .collect();
    let there = || candidates.iter().filter(|candidate| candidate.hidden.is_none());
    let statuses = there().flat_map(|candidate| candidate.statuses.values().copied());
    let distrusted = distrust::find_repositories(statuses, view.settings);
    let directories = there().map(|candidate| (candidate.entry, candidate.state));
    let distrusted_directories = distrust::find_directories(directories, view.now(), view.settings);
    let contents = count(&candidates, view);
    for candidate in &mut candidates {
        candidate.fill((&distrusted, &distrusted_directories), view);
    }
    let kept = keep_minimum(&mut candidates, find_carriers, view.settings.min_mirrors);
    let mirrors = candidates
        .into_iter()
        .filter(|candidate| candidate.findings != MirrorFindings::default())
        .map(|candidate| (candidate.key.to_owned(), candidate.findings));
    let findings = Findings { made: view.now().clock, mirrors: mirrors.collect() };
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    let distrusted =
        Distrusted { repositories: owned(distrusted), directories: owned(distrusted_directories) };
    Selection { findings, kept, distrusted, contents }
}

impl<'a> Candidate<'a> {
    fn new(key: &'a str, entry: &'a Entry, state: &'a MirrorState, view: &View<'_>) -> Self {
        let statuses = entry.repositories().map(|repodata| {
            let status = view.status(state, entry, repodata);
            (repository_of(repodata), (repodata.as_str(), status))
        });
        Self {
            key,
            entry,
            state,
            hidden: view.why_hidden(state, entry),
            statuses: statuses.collect(),
            down: BTreeMap::new(),
            trees: TreesByTop::default(),
            findings: MirrorFindings::default(),
        }
    }

    /// What its own state says.
    fn fill(
        &mut self,
        (distrusted, distrusted_directories): (&BTreeSet<&str>, &BTreeSet<&str>),
        view: &View<'_>,
    ) {
        let findings = &mut self.findings;
        findings.hidden = self.hidden.map(|why| why.cause(self.state));
        findings.is_decided = self.hidden.is_some_and(WhyHidden::is_decided);
        findings.is_slow = self.state.is_slow(view.settings);
        for url in self.entry.urls() {
            let Some(routes) = self.state.routes.get(url) else { continue };
            let is_hidden = view.is_settled() && routes.is_down(view.settings);
            let hidden = is_hidden.then(|| routes.why_down());
            if let Some(cause) = &hidden {
                let down = routes.iter().filter(|(_, route)| route.verdict == RouteVerdict::Down);
                let since = down.map(|(_, route)| route.since.credited).min();
                self.down.insert(url, (since.unwrap_or(0), cause.clone()));
            }
            let found = UrlFindings { hidden, families: routes.families() };
            if found != UrlFindings::default() {
                findings.urls.insert(url.clone(), found);
            }
        }
        if !self.down.is_empty() {
            self.trees = TreesByTop::of(self.entry);
        }
        for (directory, (repodata, _)) in &self.statuses {
            let is_distrusted = distrusted.contains(repodata);
            let standing = view.standing(self.state, self.entry, repodata, is_distrusted);
            if let Some(standing) = standing {
                findings.directories.insert((*directory).to_owned(), standing);
            }
        }
        if view.is_settled() && !self.entry.is_always_fresh {
            for (directory, state) in &self.state.directories {
                let is_incomplete = state.is_incomplete_at(view.now(), view.settings);
                if is_incomplete && !distrusted_directories.contains(directory.as_str()) {
                    // It stays the same while the cause does, so that equal findings make equal snapshots.
                    let since = state.incomplete_since.map_or(0, |since| since.clock);
                    let standing = Standing::Hidden(Cause::new("files are missing", since));
                    findings.directories.insert(directory.clone(), standing);
                }
            }
        }
    }

    fn is_listed(&self, directory: &str) -> bool {
        let is_hidden = matches!(self.findings.standing(directory), Some(Standing::Hidden(_)));
        self.findings.hidden.is_none() && !is_hidden && self.has_url_of(directory)
    }

    /// Whether a URL of a tree is listed. One that cannot be visited is.
    fn has_url(&self, tree: &Tree) -> bool {
        let hidden = |url| self.findings.urls.get(url)?.hidden.as_ref();
        tree.urls.is_empty() || tree.urls.iter().any(|url| hidden(url).is_none())
    }

    /// Whether a URL is listed below which it has a directory.
    fn has_url_of(&self, directory: &str) -> bool {
        self.down.is_empty() || self.trees.find(directory).iter().any(|tree| self.has_url(tree))
    }

    /// Why no URL works below which it has a directory, and since when the last one does not; `None` if one works.
    fn why_down(&self, directory: &str) -> Option<&(u64, Cause)> {
        if self.down.is_empty() {
            return None;
        }
        let urls = || self.trees.find(directory).iter().flat_map(|tree| &tree.urls);
        let down = |url: &String| self.down.get(url.as_str());
        match urls().all(|url| down(url).is_some()) {
            true => urls().filter_map(down).max_by_key(|(since, _)| *since),
            false => None,
        }
    }

    /// How bad it is for a directory; `None` if it must not come back.
    fn badness(&self, directory: &str) -> Option<Badness<'a>> {
        let (whole, since) = match self.hidden {
            None => match self.why_down(directory) {
                Some(&(since, _)) => (Kind::Down, since),
                None => (Kind::Unsure, 0),
            },
            Some(why) if why.is_decided() => return None,
            Some(WhyHidden::Down(since)) => (Kind::Down, since.credited),
            Some(WhyHidden::Disabled(since)) => (Kind::Disabled, since.credited),
            Some(WhyHidden::Unproven) => (Kind::Unproven, 0),
            Some(WhyHidden::AwaitsContent) => (Kind::AwaitsContent, 0),
            Some(_) => (Kind::Unsure, 0),
        };
        let (content, replaced) = match self.statuses.get(directory) {
            Some((_, Status::Behind { since, is_offered: false, .. })) => (Kind::Expired, *since),
            Some((_, Status::Ahead | Status::Foreign | Status::Missing)) => (Kind::Useless, 0),
            _ => (Kind::Unsure, 0),
        };
        let since = if whole >= content { since } else { replaced };
        Some((whole.max(content), Reverse(since), self.key))
    }

    /// Lists it for a directory, behind the good ones, and, if it was hidden, for nothing else.
    fn bring_back(&mut self, directory: &str) {
        let unreachable = self.why_down(directory).filter(|_| !self.has_url_of(directory));
        let unreachable = unreachable.map(|(_, why)| why.clone());
        let MirrorFindings { hidden, directories, urls, .. } = &mut self.findings;
        let mut cause = match directories.get(directory) {
            Some(Standing::Hidden(cause) | Standing::Behind(cause)) => cause.clone(),
            Some(Standing::Current) | None => Cause::new("kept, as there are too few others", 0),
        };
        if let Some(why) = hidden.take() {
            for standing in directories.values_mut() {
                *standing = Standing::Hidden(why.clone());
            }
            directories.insert(String::new(), Standing::Hidden(why.clone()));
            for repository in self.statuses.keys() {
                directories.insert((*repository).to_owned(), Standing::Hidden(why.clone()));
            }
            for url in urls.values_mut() {
                url.hidden = None;
            }
            cause = why;
        } else if let Some(why) = unreachable {
            self.list_urls(directory, &why);
            cause = why;
        }
        self.findings.directories.insert(directory.to_owned(), Standing::Behind(cause));
    }

    /// Lists the URLs below which it has a directory, of which none works, but for no directory.
    fn list_urls(&mut self, directory: &str, why: &Cause) {
        let urls: BTreeSet<&String> =
            self.trees.find(directory).iter().flat_map(|tree| &tree.urls).collect();
        // Those that would be listed through them.
        let (listed, others): (Vec<&Tree>, Vec<&Tree>) =
            self.entry.trees.iter().partition(|tree| {
                !self.has_url(tree) && tree.urls.iter().any(|url| urls.contains(url))
            });
        let kept: Vec<(&str, Standing)> = others
            .into_iter()
            .flat_map(Tree::tops)
            .map(|top| (top, self.findings.standing(top).cloned().unwrap_or(Standing::Current)))
            .collect();
        let MirrorFindings { directories, urls: found, .. } = &mut self.findings;
        for top in listed.into_iter().flat_map(Tree::tops) {
            directories.insert(top.to_owned(), Standing::Hidden(why.clone()));
        }
        for (top, standing) in kept {
            directories.entry(top.to_owned()).or_insert(standing);
        }
        for url in urls {
            if let Some(found) = found.get_mut(url) {
                found.hidden = None;
            }
        }
    }
}

/// How the repositories of mirrors stand to the primary.
fn count(candidates: &[Candidate<'_>], view: &View<'_>) -> Contents {
    let mut counting = Counting::at(view.now().clock);
    for candidate in candidates {
        for &(repodata, status) in candidate.statuses.values() {
            match candidate.hidden {
                None => counting.add(repodata, status),
                Some(_) => counting.add_hidden(repodata),
            }
        }
    }
    counting.end()
}

/// Brings the least bad mirrors back where there are too few.
fn keep_minimum<'a>(
    candidates: &mut [Candidate<'a>],
    find_carriers: impl Fn(&str) -> Vec<usize>,
    min_mirrors: usize,
) -> BTreeMap<String, Vec<String>> {
    let mut subjects: BTreeSet<&'a str> = BTreeSet::new();
    for candidate in &*candidates {
        let Candidate { entry, state, statuses, findings, .. } = candidate;
        let sampled = state.directories.keys();
        let sampled = sampled.filter(|directory| findings.directories.contains_key(*directory));
        subjects.extend(sampled.chain(entry.directories()).map(String::as_str));
        subjects.extend(statuses.keys());
    }
    let mut kept = BTreeMap::new();
    for directory in subjects {
        // What lies above the directories of the catalog is not listed as such.
        let mut others = find_carriers(directory);
        let n_carriers = others.len();
        others.retain(|&place| {
            candidates.get(place).is_some_and(|candidate| !candidate.is_listed(directory))
        });
        let n_listed = n_carriers - others.len();
        let wanted = min_mirrors.min(n_carriers);
        if n_listed >= wanted {
            continue;
        }
        let badness = |place: usize| Some((candidates.get(place)?.badness(directory)?, place));
        let mut others: Vec<(Badness<'_>, usize)> =
            others.into_iter().filter_map(badness).collect();
        others.sort();
        let n_useful = others.iter().filter(|((kind, ..), _)| *kind < Kind::Useless).count();
        let n_back = match n_listed + n_useful {
            0 => wanted,
            _ => n_useful.min(wanted - n_listed),
        };
        let mut keys = Vec::new();
        for (_, index) in others.into_iter().take(n_back) {
            if let Some(candidate) = candidates.get_mut(index) {
                candidate.bring_back(directory);
                keys.push(candidate.key.to_owned());
            }
        }
        if !keys.is_empty() {
            kept.insert(directory.to_owned(), keys);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::history::{History, PrimaryScan, PrimaryVersion};
    use crate::inventory::Tree;
    use crate::moment::Moment;
    use crate::progress::Progress;
    use crate::settings::Settings;
    use crate::state::{DirectoryState, RepositoryState, RouteState, RouteVerdict, Routes};

    const REPODATA: &str = "linux/9/os/repodata";

    fn hash(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn now() -> Moment {
        Moment { clock: 1_800_000_000, credited: 1_000_000 }
    }

    /// Mirrors, each with what it has (`a` current, `b` behind, `c` too old, `x` foreign, `-` missing) and
    /// whether it is up (`+`), down (`d`) or paused (`p`).
    #[track_caller]
    fn check(mirrors: &[&str], expected: &[&str]) {
        let mut register = Register::default();
        let mut inventory = Inventory::default();
        for (n, mirror) in mirrors.iter().enumerate() {
            let key = format!("m{n}");
            let url = format!("http://{key}.example/");
            let tree = Tree {
                urls: vec![url.clone()],
                repositories: vec![REPODATA.into()],
                directories: vec!["linux".into()],
            };
            inventory.mirrors.insert(key.clone(), Entry { trees: vec![tree], ..Entry::default() });
            let mut state = MirrorState { is_proven: true, ..MirrorState::default() };
            let is_down = mirror.ends_with('d');
            let verdict = if is_down { RouteVerdict::Down } else { RouteVerdict::Up };
            state.down_since = is_down.then(now);
            if mirror.ends_with('p') {
                let note = String::new();
                state.switches.paused = Some(crate::state::Pause { since: 0, note });
            }
            let v4 = RouteState { verdict, checked: now(), ..RouteState::default() };
            state.routes.insert(url, Routes { v4, ..Routes::default() });
            let content = mirror.chars().next().unwrap();
            let repository = RepositoryState {
                hash: Some(hash(content)).filter(|_| content != '-'),
                missing_since: (content == '-').then(now),
                checked: Some(now()),
                ..RepositoryState::default()
            };
            state.repositories.insert(REPODATA.into(), repository);
            register.mirrors.insert(key, state.into());
        }
        let version = |digit, replaced| PrimaryVersion { sha256: hash(digit), replaced };
        let scan = |scanned, versions: Vec<PrimaryVersion>| PrimaryScan {
            scanned,
            repositories: Some(BTreeMap::from([(REPODATA.to_owned(), versions)])),
        };
        let settings = Settings::default();
        let mut history = History::default();
        let clock = now().clock;
        history.absorb(&scan(clock - 30, vec![version('c', None)]), &settings);
        let versions = vec![version('a', None), version('b', Some(clock - 10))];
        history.absorb(&scan(clock, versions), &settings);
        register.progress = Progress { now: now(), settled: Some(now()), ..Progress::default() };
        let view = View { settings: &settings, history: &history, progress: &register.progress };
        let selection = select(&register, &inventory, &view);
        let found: Vec<String> = inventory
            .mirrors
            .keys()
            .map(|key| {
                let findings = selection.findings.mirrors.get(key).cloned().unwrap_or_default();
                match (&findings.hidden, findings.directories.get("linux/9/os")) {
                    (Some(_), _) => "out",
                    (None, Some(Standing::Current)) => "current",
                    (None, Some(Standing::Behind(_))) => "behind",
                    (None, Some(Standing::Hidden(_))) => "hidden",
                    (None, None) => "in",
                }
                .to_owned()
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn states_say_what_is_listed_where_there_are_enough() {
        check(
            &["a+", "a+", "a+", "b+", "c+", "x+", "-+", "ad", "ap"],
            &[
                "current", "current", "current", "behind", "hidden", "hidden", "hidden", "out",
                "out",
            ],
        );
    }

    #[test]
    fn the_least_bad_come_back_where_there_are_too_few() {
        check(&["a+", "c+", "c+", "ad", "x+"], &["current", "behind", "behind", "out", "hidden"]);
        check(&["a+", "c+", "ad", "ad", "-+"], &["current", "behind", "behind", "out", "hidden"]);
        check(&["ad", "ad", "ad", "ad"], &["behind", "behind", "behind", "out"]);
    }

    #[test]
    fn useless_ones_come_back_only_if_there_is_no_other() {
        check(&["a+", "x+", "-+", "ap"], &["current", "hidden", "hidden", "out"]);
        check(&["x+", "-+", "ap"], &["behind", "behind", "out"]);
    }

    #[test]
    fn files_that_most_mirrors_lack_are_missing_nowhere() {
        let lacking = |n: usize| {
            let mut register = Register::default();
            let mut inventory = Inventory::default();
            for mirror in 0..8 {
                let key = format!("m{mirror}");
                let tree = Tree { directories: vec!["iso".into()], ..Tree::default() };
                let entry = Entry { trees: vec![tree], ..Entry::default() };
                inventory.mirrors.insert(key.clone(), entry);
                let mut state = MirrorState { is_proven: true, ..MirrorState::default() };
                let is_incomplete = mirror < n;
                let n_missing = u64::from(is_incomplete);
                let checked = now();
                let directory =
                    DirectoryState { checked, is_incomplete, n_missing, ..Default::default() };
                state.directories.insert("iso".into(), directory);
                register.mirrors.insert(key, state.into());
            }
            register.progress =
                Progress { now: now(), settled: Some(now()), ..Progress::default() };
            let (settings, history) = (Settings::default(), History::default());
            let progress = &register.progress;
            let view = View { settings: &settings, history: &history, progress };
            let selection = select(&register, &inventory, &view);
            (selection.findings.mirrors.len(), selection.distrusted.directories.contains("iso"))
        };
        assert_eq!(lacking(0), (0, false));
        assert_eq!(lacking(4), (4, false));
        assert_eq!(lacking(5), (0, true));
    }

    #[test]
    fn what_most_mirrors_have_is_not_foreign() {
        check(
            &["x+", "x+", "x+", "a+", "-+"],
            &["behind", "behind", "behind", "current", "hidden"],
        );
    }

    /// A mirror of trees with a URL each, some of which are down, and sampled directories that are incomplete.
    fn mirror() -> impl Strategy<Value = (Entry, MirrorState)> {
        let tops = || subsequence(vec!["", "9", "9/images", "9/os", "epel"], 0..3);
        let repositories = subsequence(vec!["9/os/repodata", "epel/repodata", "repodata"], 0..3);
        let verdict = prop::sample::select(vec![RouteVerdict::Up, RouteVerdict::Down]);
        let trees = vec((repositories, tops(), verdict), 1..4);
        let incomplete = subsequence(vec!["9", "9/images", "9/os/repodata", "other"], 0..3);
        (trees, incomplete, any::<[bool; 3]>()).prop_map(|(trees, incomplete, is_so)| {
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
            let [is_proven, is_missing, is_hidden] = is_so;
            let mut state = MirrorState { is_proven, ..MirrorState::default() };
            state.switches.disabled = (is_hidden && !is_missing).then(now);
            let mut entry = Entry::default();
            for (n, (repositories, directories, verdict)) in trees.into_iter().enumerate() {
                let url = format!("http://{n}.example/");
                let v4 = RouteState { verdict, checked: now(), ..RouteState::default() };
                state.routes.insert(url.clone(), Routes { v4, ..Routes::default() });
                for repodata in &repositories {
                    let missing_since = is_missing.then(now);
                    let checked = Some(now());
                    let known =
                        RepositoryState { missing_since, checked, ..RepositoryState::default() };
                    state.repositories.insert((*repodata).to_owned(), known);
                }
                let (repositories, directories) = (owned(repositories), owned(directories));
                entry.trees.push(Tree { urls: vec![url], repositories, directories });
            }
            for directory in incomplete {
                let known = DirectoryState {
                    checked: now(),
                    is_incomplete: true,
                    ..DirectoryState::default()
                };
                state.directories.insert(directory.to_owned(), known);
            }
            (entry, state)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_selected_as_by_a_walk_over_all_mirrors(mirrors in vec(mirror(), 1..9)) {
            let (mut register, mut inventory) = (Register::default(), Inventory::default());
            for (n, (entry, state)) in mirrors.into_iter().enumerate() {
                inventory.mirrors.insert(format!("m{n}"), entry);
                register.mirrors.insert(format!("m{n}"), std::sync::Arc::new(state));
            }
            register.progress = Progress { now: now(), settled: Some(now()), ..Progress::default() };
            let (settings, history) = (Settings::default(), History::default());
            let progress = &register.progress;
            let view = View { settings: &settings, history: &history, progress };
            let walk = |directory: &str| {
                let entries = inventory.mirrors.values().enumerate();
                let carriers = entries.filter(|(_, entry)| entry.carries(directory));
                carriers.map(|(place, _)| place).collect()
            };
            let walked = select_among(&register, &inventory, &view, walk);
            prop_assert_eq!(select(&register, &inventory, &view), walked);
        }
    }
}
