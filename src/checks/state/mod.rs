//! What is known of a mirror: of each URL over each version of IP, of each repository and directory, its
//! switches, and what happened to it.
//!
//! It is made from visits alone ([`judge`](crate::judge)). Whether a repository is current is not part of it:
//! that follows from the hash and the history of the primary, which can change without a visit.

mod route;
mod repository;
mod events;
mod switches;
mod owner;

use std::collections::{BTreeMap, BTreeSet};

use model::families::{Families, IpVersion, Reach};
use serde::{Deserialize, Serialize};

use crate::allowance::Debt;
use crate::findings::Cause;
use crate::history::History;
use crate::inventory::Entry;
use crate::moment::Moment;
use crate::notice::Outbox;
use crate::settings::Settings;
use crate::shared::{ByShared, Recents};

pub use events::{Day, DayState, Days, Event, EventKind, Events, N_DAYS};
pub use owner::{ASK_PAUSE, CheckedIn, Owner};
pub use repository::{BETWEEN_LISTINGS, DirectoryState, RepositoryState, Status};
pub use route::{Probe, RouteState, RouteVerdict, Trust};
pub use switches::{MAX_WINDOWS, Maintenance, NotTurned, Pause, Switches, Window};

/// The latest form of states.
const VERSION: u32 = 4;
/// The form without the reserve of what mirrors may owe.
const WITHOUT_RESERVE: u32 = 3;
/// The form without the versions of IP over which schemes fail.
const WITHOUT_VERSIONS: u32 = 2;
/// The form without what owners ask for and are told, either. What fits into an earlier form is written so, so that a
/// program which knows no other reads it; of a later one that says that it is too old, where it would take an unknown
/// field for damage.
const FIRST_VERSION: u32 = 1;
/// The most bytes of a state, as JSON.
pub const MAX_STATE: usize = 16 << 20;
/// The most URLs of a mirror that are kept.
pub const MAX_URLS: usize = 64;
/// The most repositories, and the most directories of which files were looked at, that are kept of a mirror.
pub const MAX_DIRECTORIES: usize = 10_000;

/// What is known of a mirror.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MirrorState {
    /// Its last visit that was judged.
    pub last_visit: Option<LastVisit>,
    /// What its last visits have shown.
    pub recents: Recents,
    /// By base URL, over each version of IP.
    pub routes: BTreeMap<String, Routes>,
    /// When it got the first of the URLs that it has, or lost the last one.
    pub routes_since: Option<Moment>,
    /// By the directory that holds `repomd.xml`.
    pub repositories: BTreeMap<String, RepositoryState>,
    /// By directory of which files were looked at.
    pub directories: BTreeMap<String, DirectoryState>,
    /// What keeps it out.
    pub switches: Switches,
    /// What its owner has asked for.
    #[serde(skip_serializing_if = "Owner::is_empty")]
    pub owner: Owner,
    /// What its owner is told.
    #[serde(skip_serializing_if = "Outbox::is_empty")]
    pub notices: Outbox,
    /// Whether it was good once, or was there when checks began to count. Until then it is not listed.
    pub is_proven: bool,
    /// Since when no URL works.
    pub down_since: Option<Moment>,
    /// Whether it was down, and no repository has been seen since that clients accept.
    pub awaits_content: bool,
    /// When something worked first since it was down last.
    pub returned: Option<Moment>,
    /// Since when it is down or without any content that clients accept.
    pub useless_since: Option<Moment>,
    /// Since when it works: nothing has failed by itself since that had worked, unless something else worked meanwhile.
    pub good_since: Option<Moment>,
    /// How many visits in a row found it busy.
    pub n_busy: u32,
    /// Until when it wants to be left alone, in seconds since 1970.
    pub busy_until: u64,
    /// What is owed for the requests that it got.
    pub debt: Debt,
    /// When its files were sampled last.
    pub sampled: Moment,
    /// When its files were listed last.
    pub listed: Moment,
    /// What happened to it.
    pub events: Events,
    /// How its last days were.
    pub days: Days,
}

/// A visit, in short.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastVisit {
    /// When it began.
    pub at: Moment,
    /// Whether something worked; `None` if that was not tried.
    pub seen: ByShared<Option<bool>>,
}

impl LastVisit {
    /// Whether something worked; `None` if nothing was tried.
    pub fn is_good(self) -> Option<bool> {
        match (self.seen.v4, self.seen.v6) {
            (None, None) => None,
            (v4, v6) => Some(v4 == Some(true) || v6 == Some(true)),
        }
    }
}

/// A base URL over each version of IP.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routes {
    /// Over IPv4.
    pub v4: RouteState,
    /// Over IPv6.
    pub v6: RouteState,
}

impl Routes {
    /// Over that version of IP.
    pub fn over(&self, version: IpVersion) -> &RouteState {
        match version {
            IpVersion::V4 => &self.v4,
            IpVersion::V6 => &self.v6,
        }
    }

    pub(crate) fn over_mut(&mut self, version: IpVersion) -> &mut RouteState {
        match version {
            IpVersion::V4 => &mut self.v4,
            IpVersion::V6 => &mut self.v6,
        }
    }

    /// Both, with their versions.
    pub fn iter(&self) -> impl Iterator<Item = (IpVersion, &RouteState)> {
        IpVersion::ALL.into_iter().map(|version| (version, self.over(version)))
    }

    /// Over which versions of IP it works.
    pub fn families(&self) -> Families {
        let reach = |route: &RouteState| match route.verdict {
            RouteVerdict::Up => Reach::Works,
            RouteVerdict::Down => Reach::Fails,
            RouteVerdict::Unknown | RouteVerdict::NotTested => Reach::Unknown,
        };
        Families { v4: reach(&self.v4), v6: reach(&self.v6) }
    }

    /// Whether it is left out: it is down over every version of IP that says something, or over one of them if
    /// all have to work.
    pub fn is_down(&self, settings: &Settings) -> bool {
        let has = |verdict| self.iter().any(|(_, route)| route.verdict == verdict);
        let is_enough = !settings.require_all_families && has(RouteVerdict::Up);
        has(RouteVerdict::Down) && !is_enough
    }

    /// Why, in words, and since when.
    pub fn why_down(&self) -> Cause {
        let down = self.iter().filter(|(_, route)| route.verdict == RouteVerdict::Down);
        let first = down.min_by_key(|(_, route)| route.since);
        let since = first.map_or(0, |(_, route)| route.since.clock);
        let class = first.and_then(|(_, route)| Some(route.failure.as_ref()?.class.as_str()));
        Cause::new(&format!("down: {}", class.unwrap_or("worked again, not confirmed yet")), since)
    }
}

/// Whether a mirror can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reachability {
    /// A URL works.
    Up,
    /// None works, and at least one is down.
    Down,
    /// Nothing is known yet.
    Unknown,
}

/// The reason why a state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is larger than [`MAX_STATE`].
    #[error("state of {0} bytes: the limit is {MAX_STATE}")]
    TooLarge(usize),
    /// It is of another version.
    #[error("state of version {0}: this program reads versions up to {VERSION}")]
    Version(u32),
    /// It is no state.
    #[error("state: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    state: &'a MirrorState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    state: serde_json::Value,
}

impl MirrorState {
    /// The state as one line of JSON of at most [`MAX_STATE`] bytes. If it does not fit, the words of what has
    /// failed in repositories are left out, then the directories of which files were looked at.
    pub fn to_json(&self) -> Result<String, StateError> {
        self.to_json_within(MAX_STATE)
    }

    fn to_json_within(&self, max: usize) -> Result<String, StateError> {
        let text = serde_json::to_string(&Written { version: self.version(), state: self })?;
        if text.len() <= max {
            return Ok(text);
        }
        let mut less = self.clone();
        for failure in less.repositories.values_mut().filter_map(|known| known.failure.as_mut()) {
            failure.url.clear();
            failure.detail.clear();
        }
        let text = serde_json::to_string(&Written { version: self.version(), state: &less })?;
        if text.len() <= max {
            return Ok(text);
        }
        less.directories.clear();
        let text = serde_json::to_string(&Written { version: self.version(), state: &less })?;
        if text.len() <= max { Ok(text) } else { Err(StateError::TooLarge(text.len())) }
    }

    /// The form that it needs.
    fn version(&self) -> u32 {
        let names_owners =
            !self.owner.is_empty() || !self.notices.is_empty() || self.switches.names_owners();
        if self.debt.names_reserve() {
            VERSION
        } else if self.recents.names_versions() {
            WITHOUT_RESERVE
        } else if names_owners {
            WITHOUT_VERSIONS
        } else {
            FIRST_VERSION
        }
    }

    /// Reads what [`Self::to_json`] has written.
    pub fn from_json(text: &str) -> Result<Self, StateError> {
        if text.len() > MAX_STATE {
            return Err(StateError::TooLarge(text.len()));
        }
        let read: Read = serde_json::from_str(text)?;
        if !(FIRST_VERSION..=VERSION).contains(&read.version) {
            return Err(StateError::Version(read.version));
        }
        Ok(serde_json::from_value(read.state)?)
    }

    /// All URLs over all versions of IP of which something is known.
    pub fn all_routes(&self) -> impl Iterator<Item = (&str, IpVersion, &RouteState)> {
        self.routes.iter().flat_map(|(url, routes)| {
            routes.iter().map(move |(version, route)| (url.as_str(), version, route))
        })
    }

    /// Whether it can be reached.
    pub fn reachability(&self, settings: &Settings) -> Reachability {
        let mut is_down = false;
        for routes in self.routes.values() {
            if routes.is_down(settings) {
                is_down = true;
            } else if routes.iter().any(|(_, route)| route.verdict == RouteVerdict::Up) {
                return Reachability::Up;
            }
        }
        if is_down { Reachability::Down } else { Reachability::Unknown }
    }

    /// Whether everything that works is slow.
    pub fn is_slow(&self, settings: &Settings) -> bool {
        let mut up =
            self.all_routes().filter(|(_, _, route)| route.verdict == RouteVerdict::Up).peekable();
        up.peek().is_some() && up.all(|(_, _, route)| route.is_slow(settings))
    }

    /// How a repository stands to the primary.
    pub fn status(
        &self,
        repodata: &str,
        entry: &Entry,
        history: &History,
        now: Moment,
        settings: &Settings,
    ) -> Status {
        match self.repositories.get(repodata) {
            _ if entry.is_always_fresh => Status::NotComparable,
            None => Status::Unknown,
            Some(repository) => repository.status(repodata, history, now, settings),
        }
    }

    /// Whether clients accept nothing of it for certain: no repository is there, or all are too old or of content
    /// that the primary never had. `is_distrusted` says of which repositories the latter is doubted.
    pub fn is_without_content(
        &self,
        entry: &Entry,
        history: &History,
        now: Moment,
        settings: &Settings,
        is_distrusted: impl Fn(&str) -> bool,
    ) -> bool {
        let is_useless =
            |repodata: &String| match self.status(repodata, entry, history, now, settings) {
                Status::Missing | Status::Behind { is_offered: false, .. } => true,
                Status::Foreign => !is_distrusted(repodata),
                _ => false,
            };
        entry.has_repositories() && entry.repositories().all(is_useless)
    }

    /// The repositories with a version that the primary never had, by the directory that holds `repomd.xml`.
    pub(crate) fn foreign(
        &self,
        entry: &Entry,
        history: &History,
        now: Moment,
        settings: &Settings,
    ) -> impl Iterator<Item = String> {
        let known = self.repositories.iter();
        let known = known.filter(move |_| !entry.is_always_fresh);
        let is_foreign = move |repodata: &str, known: &RepositoryState| {
            known.status(repodata, history, now, settings) == Status::Foreign
        };
        known.filter(move |(name, known)| is_foreign(name, known)).map(|(name, _)| name.clone())
    }

    /// Whether clients accept the content of at least one repository, or there is none to look at.
    pub fn has_content(
        &self,
        entry: &Entry,
        history: &History,
        now: Moment,
        settings: &Settings,
    ) -> bool {
        let is_accepted =
            |repodata: &String| self.status(repodata, entry, history, now, settings).is_accepted();
        !entry.has_repositories() || entry.repositories().any(is_accepted)
    }

    /// Takes in that the mirror says it has new content: at this time, by our clock; when its sync finished, if it says
    /// so; and how many directories it names, if it names some. No verdict follows from it, but a visit.
    pub fn check_in(&mut self, clock: u64, finished_at: Option<u64>, n_directories: Option<u64>) {
        let (repositories, last) = (&self.repositories, self.last_visit);
        // What was asked in that second may have been asked before.
        let has_looked = |since| match repositories.is_empty() {
            true => last.is_some_and(|last| last.at.clock > since),
            false => repositories.values().all(|known| known.asked.clock > since),
        };
        self.owner.check_in(clock, finished_at, n_directories, has_looked);
    }

    /// Forgets URLs and repositories that the catalog does not have any more.
    pub fn retain(&mut self, entry: &Entry, now: Moment) {
        let had_routes = !self.routes.is_empty();
        self.routes.retain(|url, _| entry.urls().any(|known| known == url));
        if had_routes && self.routes.is_empty() {
            self.routes_since = Some(now);
        }
        let repositories: BTreeSet<&String> = entry.repositories().collect();
        self.repositories.retain(|repodata, _| repositories.contains(repodata));
        self.directories.retain(|directory, _| entry.carries(directory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowance::Allowance;
    use crate::class::FailureClass;
    use crate::notice::{Condition, Rules};
    use crate::observation::Failure;

    #[test]
    fn a_state_is_read_as_it_is_written_and_only_of_a_known_version() {
        let mut state = MirrorState::default();
        state.routes.insert("http://a.example/".into(), Routes::default());
        state.repositories.insert("9/repodata".into(), RepositoryState::default());
        let text = state.to_json().unwrap();
        assert_eq!(MirrorState::from_json(&text).unwrap(), state);
        for other in [0, VERSION + 1] {
            let other = text.replace("\"version\":1", &format!("\"version\":{other}"));
            let error = MirrorState::from_json(&other).unwrap_err();
            assert!(matches!(error, StateError::Version(_)), "{error}");
            assert!(error.to_string().ends_with("this program reads versions up to 4"), "{error}");
        }
        let unknown = text.replace("\"n_busy\"", "\"n_bus\"");
        assert!(MirrorState::from_json(&unknown).is_err());
    }

    /// A program that knows earlier versions only refuses fields that it does not know: it must not get that far.
    #[test]
    fn what_only_this_form_has_makes_its_version() {
        let version = |state: &MirrorState| {
            let text = state.to_json().unwrap();
            assert_eq!(MirrorState::from_json(&text).unwrap(), *state);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["version"].as_u64().unwrap()
        };
        let mut before = MirrorState::default();
        before.switches.pause(Pause { since: 1, note: "x".to_owned() }, false).unwrap();
        before.switches.plan(Window { from: 1, until: 2 }.into(), 0).unwrap();
        assert_eq!(version(&before), 1);
        let changes: [fn(&mut MirrorState); 6] = [
            |state| state.owner.asked = Some(1),
            |state| state.check_in(1, None, None),
            |state| state.owner.turn(1).unwrap(),
            |state| state.switches.is_paused_by_owner = true,
            |state| state.switches.maintenance[0].note = "y".to_owned(),
            |state| state.switches.maintenance[0].is_by_owner = true,
        ];
        for change in changes {
            let mut state = before.clone();
            change(&mut state);
            assert_eq!(version(&state), 2, "{state:?}");
        }
        let condition = Condition::Disabled { since: Moment::default() };
        let mut state = before;
        state.notices.update("a", &[condition], Moment::default(), &Rules::default());
        assert_eq!(version(&state), 2);
        state.recents.tls.failing_v6 = Some(Moment::default());
        assert_eq!(version(&state), 3);
        let allowance = Allowance::new(&Entry::default(), &Settings::default());
        state.debt = allowance.fail_after(state.debt, 86_400, 0);
        assert_eq!(version(&state), 4);
    }

    #[test]
    fn a_state_that_would_be_too_large_loses_what_verdicts_do_not_need() {
        let failure = Failure::new(FailureClass::Missing, "u".repeat(900), &"d".repeat(200));
        let failed = RepositoryState { failure: Some(failure), ..RepositoryState::default() };
        let state = MirrorState {
            repositories: (0..50).map(|n| (format!("{n}/repodata"), failed.clone())).collect(),
            directories: (0..50).map(|n| (n.to_string(), DirectoryState::default())).collect(),
            ..MirrorState::default()
        };
        let whole = state.to_json().unwrap();
        assert_eq!(state.to_json_within(whole.len()).unwrap(), whole);
        let read = |max| {
            let text = state.to_json_within(max).unwrap();
            assert!(text.len() <= max);
            MirrorState::from_json(&text).unwrap()
        };
        let less = read(whole.len() - 1);
        let class = |state: &MirrorState| state.repositories["7/repodata"].failure.clone().unwrap();
        assert_eq!((class(&less).class, class(&less).url.len()), (FailureClass::Missing, 0));
        assert_eq!(less.directories.len(), 50);
        let least = read(less.to_json().unwrap().len() - 1);
        assert_eq!((least.directories.len(), least.repositories.len()), (0, 50));
        let error = state.to_json_within(100).unwrap_err().to_string();
        assert!(error.starts_with("state of "), "{error}");
    }

    #[test]
    fn one_dead_version_of_ip_hides_a_url_only_if_all_are_required() {
        let mut routes = Routes::default();
        routes.v4.verdict = RouteVerdict::Up;
        routes.v6.verdict = RouteVerdict::Down;
        let settings = Settings::default();
        assert!(!routes.is_down(&settings));
        assert!(routes.is_down(&Settings { require_all_families: true, ..settings.clone() }));
        routes.v4.verdict = RouteVerdict::NotTested;
        assert!(routes.is_down(&settings));
        routes.v6.verdict = RouteVerdict::NotTested;
        assert!(!routes.is_down(&settings));
    }
}
