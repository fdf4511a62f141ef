//! How versions of repositories spread: how many mirrors have which one now, and how fast mirrors have taken the last
//! changes over.
//!
//! When a mirror has got a version is when a visit has seen it there first, so curves are late by up to the time
//! between two looks at a repository ([`Settings::hash_interval`](crate::settings::Settings)). Once the primary or a
//! mirror changes again, states do not tell any more who had the version before: so [`Propagation`] keeps a point for
//! each time that has passed after a change. A point is made once, soon after its time, and stays. Of a change that is
//! older than the visits nobody knows how it has spread, so it is left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::inventory::Inventory;
use crate::round::Register;
use crate::state::Status;
use crate::verdict::View;

/// After how many hours it is counted which mirrors have a change.
pub const HOURS: [u64; 12] = [1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72];
/// The most changes of a repository that are kept.
pub const MAX_CHANGES: usize = 10;
/// The most repositories of which changes are kept.
pub const MAX_REPOSITORIES: usize = 1_000;

const HOUR: u64 = 3_600;

/// A number of mirrors, and the sum of their bandwidths in Mbit/s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Mass(pub u32, pub u64);

impl Mass {
    fn add(&mut self, bandwidth: u64) {
        self.0 = self.0.saturating_add(1);
        self.1 = self.1.saturating_add(bandwidth);
    }

    /// How much this is of `whole`, from 0 to 1: of the mirrors, and of the bandwidth. 0 of nothing.
    pub fn share_of(self, whole: Self) -> (f64, f64) {
        #[allow(clippy::cast_precision_loss, reason = "a share is rounded for display")]
        let bandwidth = self.1 as f64 / whole.1.max(1) as f64;
        (f64::from(self.0) / f64::from(whole.0.max(1)), bandwidth)
    }
}

/// Which version of a repository mirrors have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spread {
    /// All that should have the repository.
    pub all: Mass,
    /// The primary's current version.
    pub current: Mass,
    /// The version before.
    pub previous: Mass,
    /// An earlier one.
    pub older: Mass,
    /// One that the primary never had, or had not yet when it was scanned last.
    pub foreign: Mass,
    /// It is not there.
    pub missing: Mass,
    /// Nothing is known, or there is nothing to compare with.
    pub unknown: Mass,
}

/// How a change of the primary has spread.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// When a scan has found it, in seconds since 1970.
    pub at: u64,
    /// What was so after each of [`HOURS`]; fewer if that time is still to come, or the primary has changed again
    /// before.
    pub points: Vec<Point>,
}

/// How far a change has spread some time after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The mirrors that had it.
    pub reached: Mass,
    /// All that should have had it then.
    pub all: Mass,
}

impl Point {
    /// How many of all have it, from 0 to 1: of the mirrors, and of the bandwidth.
    pub fn share(self) -> (f64, f64) {
        self.reached.share_of(self.all)
    }
}

/// How the last changes of all repositories have spread.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Propagation(BTreeMap<String, Vec<Change>>);

/// The number of the form in which it is kept.
const VERSION: u32 = 1;

/// Why what is kept cannot be read; one line.
#[derive(Debug, thiserror::Error)]
pub enum PropagationError {
    /// A newer program has written it: it is left alone.
    #[error("version {0} of how changes spread, but this program knows {VERSION}")]
    Newer(u32),
    /// It is no such text.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It says what cannot be.
    #[error("repository `{0}`: {1}")]
    Invalid(String, &'static str),
}

#[derive(Serialize)]
struct Written<'p> {
    version: u32,
    repositories: &'p BTreeMap<String, Vec<Change>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "version")]
    _version: u32,
    repositories: serde_json::Value,
}

/// Only what all versions have.
#[derive(Deserialize)]
struct ReadVersion {
    version: u32,
}

/// What mirrors have of a repository.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Taken {
    /// Which version.
    pub spread: Spread,
    /// When those with the current version were seen with it first, in seconds since 1970, with their bandwidths.
    arrivals: Vec<(u64, u64)>,
}

/// What mirrors have of each repository, by the directory that holds `repomd.xml`. `bandwidth` tells that of a mirror
/// by its key.
pub fn take(
    register: &Register,
    inventory: &Inventory,
    view: &View<'_>,
    bandwidth: impl Fn(&str) -> u64,
) -> BTreeMap<String, Taken> {
    let mut all: BTreeMap<String, Taken> = BTreeMap::new();
    for (key, entry) in &inventory.mirrors {
        let bandwidth = bandwidth(key);
        let state = register.mirrors.get(key);
        for repodata in entry.repositories() {
            if !all.contains_key(repodata) {
                all.insert(repodata.clone(), Taken::default());
            }
            let Some(Taken { spread, arrivals }) = all.get_mut(repodata) else { continue };
            let status = state.map_or(Status::Unknown, |state| view.status(state, entry, repodata));
            let known = state.and_then(|state| state.repositories.get(repodata));
            spread.all.add(bandwidth);
            let mass = match status {
                Status::Current => {
                    arrivals.push((known.map_or(0, |known| known.hash_since.clock), bandwidth));
                    &mut spread.current
                }
                Status::Behind { n_newer: ..=1, .. } => &mut spread.previous,
                Status::Behind { .. } => &mut spread.older,
                Status::Ahead | Status::Foreign => &mut spread.foreign,
                Status::Missing => &mut spread.missing,
                Status::NotComparable | Status::Unknown => &mut spread.unknown,
            };
            mass.add(bandwidth);
        }
    }
    all
}

impl Propagation {
    /// As one line of JSON.
    pub fn to_json(&self) -> Result<String, PropagationError> {
        Ok(serde_json::to_string(&Written { version: VERSION, repositories: &self.0 })?)
    }

    /// Reads what [`Self::to_json`] has written.
    pub fn from_json(text: &str) -> Result<Self, PropagationError> {
        let ReadVersion { version } = serde_json::from_str(text)?;
        if version > VERSION {
            return Err(PropagationError::Newer(version));
        }
        let Read { repositories, .. } = serde_json::from_str(text)?;
        let all: BTreeMap<String, Vec<Change>> = serde_json::from_value(repositories)?;
        if all.len() > MAX_REPOSITORIES {
            let error = "there are more repositories than are kept";
            return Err(PropagationError::Invalid(String::new(), error));
        }
        for (repodata, changes) in &all {
            if let Some(error) = fault_of(changes) {
                return Err(PropagationError::Invalid(repodata.clone(), error));
            }
        }
        Ok(Self(all))
    }

    /// The changes of a repository that are known, the last one first.
    pub fn changes(&self, repodata: &str) -> impl Iterator<Item = &Change> {
        self.0.get(repodata).into_iter().flatten().rev()
    }

    /// Takes in what mirrors have at the time of `view`. Repositories that no mirror should have any more are
    /// forgotten.
    pub fn observe(&mut self, taken: &BTreeMap<String, Taken>, view: &View<'_>) {
        self.0.retain(|repodata, _| taken.contains_key(repodata));
        let now = view.now().clock;
        for (repodata, taken) in taken {
            let Some(at) = view.history.changed(repodata).filter(|&at| is_followed(at, view))
            else {
                continue;
            };
            if !self.0.contains_key(repodata) && self.0.len() >= MAX_REPOSITORIES {
                continue;
            }
            let changes = self.0.entry(repodata.clone()).or_default();
            // What a scan has found later than this one is not so: its clock was set back.
            changes.retain(|change| change.at <= at);
            if changes.last().is_none_or(|last| last.at < at) {
                changes.push(Change { at, points: Vec::new() });
                let n_old = changes.len().saturating_sub(MAX_CHANGES);
                changes.drain(..n_old);
            }
            let Some(last) = changes.last_mut() else { continue };
            let new = HOURS.iter().skip(last.points.len());
            let ends = new.map(|hours| at.saturating_add(hours * HOUR));
            last.points.extend(ends.take_while(|end| *end <= now).map(|end| taken.point(end)));
        }
    }
}

/// Whether mirrors were visited when a change was found, or so soon after it that the first visits are as late as any
/// look at a repository may be.
fn is_followed(at: u64, view: &View<'_>) -> bool {
    let started = view.progress.started.map(|started| started.clock);
    // A first visit that is to come says nothing: the clock was set back.
    started.is_some_and(|started| {
        started <= at.saturating_add(view.settings.hash_interval) || started > view.now().clock
    })
}

/// What is wrong with the changes of a repository, if anything is.
fn fault_of(changes: &[Change]) -> Option<&'static str> {
    if changes.len() > MAX_CHANGES {
        return Some("there are more changes than are kept");
    }
    if !changes.is_sorted_by(|one, next| one.at < next.at) {
        return Some("changes are not in the order of their times");
    }
    if changes.iter().any(|change| change.points.len() > HOURS.len()) {
        return Some("a change has more points than there are times");
    }
    let is_more = |Point { reached, all }: &Point| reached.0 > all.0 || reached.1 > all.1;
    let mut points = changes.iter().flat_map(|change| &change.points);
    points.any(is_more).then_some("more mirrors had a change than there were")
}

impl Taken {
    /// Who had the current version at `end`.
    fn point(&self, end: u64) -> Point {
        let mut reached = Mass::default();
        let had = self.arrivals.iter().filter(|(since, _)| *since <= end);
        had.for_each(|(_, bandwidth)| reached.add(*bandwidth));
        Point { reached, all: self.spread.all }
    }
}

/// The middle of how changes have spread: for each of [`HOURS`] for which at least one of them says something, the
/// median of the shares of mirrors and of bandwidth.
pub fn median<'c>(changes: impl Iterator<Item = &'c Change> + Clone) -> Vec<(f64, f64)> {
    let of_hour = |hour: usize| {
        let shares = changes.clone();
        let shares = shares.filter_map(|change| Some(change.points.get(hour)?.share()));
        let (mirrors, bandwidth): (Vec<f64>, Vec<f64>) = shares.unzip();
        Some((middle(mirrors)?, middle(bandwidth)?))
    };
    (0..HOURS.len()).map_while(of_hour).collect()
}

/// The lower one of the two in the middle, if there are two.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, PrimaryScan, PrimaryVersion};
    use crate::inventory::{Entry, Tree};
    use crate::moment::Moment;
    use crate::progress::Progress;
    use crate::settings::Settings;
    use crate::state::{MirrorState, RepositoryState};

    const REPODATA: &str = "9/os/repodata";
    const START: u64 = 1_800_000_000;

    fn sha256(version: u8) -> String {
        format!("{version:02x}").repeat(32)
    }

    /// A scan of one repository, at this hour, which has found these versions.
    fn scan(hour: u64, versions: &[u8]) -> PrimaryScan {
        let scanned = START + hour * HOUR;
        let known = versions.iter().enumerate().map(|(at, version)| PrimaryVersion {
            sha256: sha256(*version),
            replaced: (at > 0).then_some(scanned),
        });
        PrimaryScan { scanned, repositories: Some([(REPODATA.to_owned(), known.collect())].into()) }
    }

    fn history(scans: &[(u64, &[u8])]) -> History {
        let mut history = History::default();
        for (hour, versions) in scans {
            history.absorb(&scan(*hour, versions), &Settings::default());
        }
        history
    }

    /// What is observed at an hour of mirrors with 100, 200, … Mbit/s that have had a version since an hour.
    fn observe(
        propagation: &mut Propagation,
        history: &History,
        hour: u64,
        mirrors: &[Option<(u8, u64)>],
    ) -> Spread {
        let clock = START + hour * HOUR;
        let now = Moment { clock, credited: hour * HOUR };
        let started = Some(Moment { clock: START, credited: 0 });
        let progress = Progress { now, started, ..Progress::default() };
        let settings = Settings::default();
        let view = View { settings: &settings, history, progress: &progress };
        let mut register = Register::default();
        let mut inventory = Inventory::default();
        for (n, has) in mirrors.iter().enumerate() {
            let key = format!("{n}");
            let mut state = MirrorState::default();
            if let Some((version, since)) = has {
                let repository = RepositoryState {
                    hash: Some(sha256(*version)),
                    hash_since: Moment { clock: START + since * HOUR, credited: since * HOUR },
                    checked: Some(now),
                    ..RepositoryState::default()
                };
                state.repositories.insert(REPODATA.into(), repository);
            }
            let tree = Tree { repositories: vec![REPODATA.into()], ..Tree::default() };
            register.mirrors.insert(key.clone(), state.into());
            inventory.mirrors.insert(key, Entry { trees: vec![tree], ..Entry::default() });
        }
        let bandwidth = |key: &str| 100 * (key.parse::<u64>().unwrap() + 1);
        let taken = take(&register, &inventory, &view, bandwidth);
        propagation.observe(&taken, &view);
        taken.get(REPODATA).map(|taken| taken.spread).unwrap_or_default()
    }

    fn curves(propagation: &Propagation) -> Vec<(u64, Vec<u32>)> {
        let hour = |change: &Change| (change.at - START) / HOUR;
        let counts = |change: &Change| change.points.iter().map(|point| point.reached.0).collect();
        propagation.changes(REPODATA).map(|change| (hour(change), counts(change))).collect()
    }

    #[test]
    fn each_mirror_is_counted_once_with_its_bandwidth() {
        let history = history(&[(0, &[1]), (10, &[2, 1]), (20, &[3, 2, 1])]);
        let has = [Some((3, 21)), Some((2, 11)), Some((1, 1)), Some((9, 1)), None];
        let spread = observe(&mut Propagation::default(), &history, 22, &has);
        let expected = Spread {
            all: Mass(5, 1_500),
            current: Mass(1, 100),
            previous: Mass(1, 200),
            older: Mass(1, 300),
            foreign: Mass(1, 400),
            missing: Mass::default(),
            unknown: Mass(1, 500),
        };
        assert_eq!(spread, expected);
        assert_eq!(spread.current.share_of(spread.all), (0.2, 100.0 / 1_500.0));
        assert_eq!(Mass::default().share_of(Mass::default()), (0.0, 0.0));
    }

    #[test]
    fn a_curve_grows_by_the_hour_and_stays_when_the_primary_changes_again() {
        let mut propagation = Propagation::default();
        let first = history(&[(0, &[1]), (10, &[2, 1])]);
        // The second one had it before the scan; nothing is said of hours to come.
        let has = [Some((2, 12)), Some((2, 9)), Some((1, 1))];
        observe(&mut propagation, &first, 13, &has);
        assert_eq!(curves(&propagation), [(10, vec![1, 2, 2])]);
        let second = history(&[(0, &[1]), (10, &[2, 1]), (14, &[3, 2, 1])]);
        observe(&mut propagation, &second, 14, &has);
        assert_eq!(curves(&propagation), [(14, vec![]), (10, vec![1, 2, 2])]);
        // What is complete does not change any more, whoever leaves.
        let has = [Some((3, 15))];
        observe(&mut propagation, &second, 14 + 72, &has);
        let complete = curves(&propagation);
        assert_eq!(complete[0], (14, vec![1; HOURS.len()]));
        observe(&mut propagation, &second, 14 + 100, &[None]);
        assert_eq!(curves(&propagation), complete);
    }

    #[test]
    fn a_change_that_is_older_than_the_visits_is_left_out() {
        let change = |at: u64| {
            let mut history = history(&[(1, &[2, 1])]);
            history.absorb_changes(&[(REPODATA.to_owned(), at)].into());
            let mut propagation = Propagation::default();
            observe(&mut propagation, &history, 3, &[Some((2, 0)), Some((2, 3)), Some((1, 0))]);
            propagation.changes(REPODATA).next().map(|change| change.points.len())
        };
        let late = Settings::default().hash_interval;
        assert_eq!(change(START - late), Some(3), "the first visits came in time");
        assert_eq!(change(START - late - 1), None);
        let mut propagation = Propagation::default();
        let mut both = history(&[(1, &[2, 1])]);
        both.absorb_changes(&[(REPODATA.to_owned(), START - 9 * HOUR)].into());
        observe(&mut propagation, &both, 2, &[Some((2, 0))]);
        both.absorb(&scan(4, &[3, 2, 1]), &Settings::default());
        observe(&mut propagation, &both, 6, &[Some((3, 5))]);
        assert_eq!(curves(&propagation), [(4, vec![1, 1])]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_read_as_it_is_written() {
        let mut propagation = Propagation::default();
        let mut scans: Vec<(u64, Vec<u8>)> = vec![(0, vec![0])];
        for version in 1..30_u8 {
            scans.push((u64::from(version) * 3, vec![version, version - 1]));
            let known: Vec<(u64, &[u8])> =
                scans.iter().map(|(hour, all)| (*hour, &**all)).collect();
            observe(&mut propagation, &history(&known), u64::from(version) * 3 + 1, &[None]);
        }
        assert_eq!(curves(&propagation).len(), MAX_CHANGES);
        assert_eq!(curves(&propagation)[0].0, 29 * 3);
        let text = propagation.to_json().unwrap();
        assert_eq!(Propagation::from_json(&text).unwrap(), propagation);
        observe(&mut propagation, &History::default(), 100, &[]);
        assert_eq!(propagation, Propagation::default());
    }

    #[test]
    fn a_point_that_was_made_does_not_change_and_has_its_own_number_of_mirrors() {
        let mut propagation = Propagation::default();
        let history = history(&[(0, &[1]), (10, &[2, 1])]);
        observe(&mut propagation, &history, 12, &[Some((2, 11)), Some((2, 12)), Some((1, 1))]);
        let first: Vec<Change> = propagation.changes(REPODATA).cloned().collect();
        assert_eq!(curves(&propagation), [(10, vec![1, 2])]);
        // The first one has lost it, and others have left.
        observe(&mut propagation, &history, 13, &[Some((1, 13)), Some((2, 12))]);
        let later: Vec<Change> = propagation.changes(REPODATA).cloned().collect();
        assert_eq!(curves(&propagation), [(10, vec![1, 2, 1])]);
        assert_eq!(later[0].points[..2], first[0].points);
        assert_eq!(later[0].points.iter().map(|point| point.all.0).collect::<Vec<_>>(), [3, 3, 2]);
    }

    #[test]
    fn what_a_newer_program_has_kept_is_told_from_what_cannot_be() {
        let error = |text: &str| Propagation::from_json(text).unwrap_err();
        let newer = error("{\"version\":2,\"repositories\":7,\"more\":1}");
        assert!(matches!(newer, PropagationError::Newer(2)), "{newer}");
        assert!(matches!(error("{}"), PropagationError::Json(_)));
        let of = |changes: &str| {
            error(&format!("{{\"version\":1,\"repositories\":{{\"os\":{changes}}}}}")).to_string()
        };
        let point = |reached: &str| format!("{{\"reached\":{reached},\"all\":[2,10]}}");
        let change = |points: &[String]| format!("{{\"at\":5,\"points\":[{}]}}", points.join(","));
        for (changes, expected) in [
            (
                format!("[{}]", change(&[point("[3,0]")])),
                "more mirrors had a change than there were",
            ),
            (
                format!("[{}]", change(&[point("[0,11]")])),
                "more mirrors had a change than there were",
            ),
            (
                format!("[{}]", change(&vec![point("[1,1]"); HOURS.len() + 1])),
                "a change has more points than there are times",
            ),
            (
                format!("[{},{}]", change(&[]), change(&[])),
                "changes are not in the order of their times",
            ),
        ] {
            assert_eq!(of(&changes), format!("repository `os`: {expected}"));
        }
        let many: Vec<String> =
            (0..=MAX_CHANGES).map(|at| format!("{{\"at\":{at},\"points\":[]}}")).collect();
        let many = of(&format!("[{}]", many.join(",")));
        assert_eq!(many, "repository `os`: there are more changes than are kept");
    }

    #[test]
    fn the_median_is_of_those_that_say_something() {
        let change = |reached: &[u32]| Change {
            at: 0,
            points: reached
                .iter()
                .map(|n| Point { reached: Mass(*n, u64::from(*n)), all: Mass(10, 10) })
                .collect(),
        };
        let changes = [change(&[1, 2, 3]), change(&[5, 10]), change(&[9])];
        assert_eq!(median(changes.iter()), [(0.5, 0.5), (0.2, 0.2), (0.3, 0.3)]);
        assert_eq!(median([].iter()), []);
    }
}
