//! What is told to everybody of all mirrors, as of one time: what pages and exports are made of.
//!
//! A survey is made of what the catalog says, of the findings that were published last, and of the states from which
//! those follow: so pages say what lists have. It is made off the threads that answer, and does not change any more.
//! Mirrors that are private are not in it; they are not expected either ([`Expected`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use checks::disclosure::{Disclosure, public_class, public_event};
use checks::distrust::Distrusted;
use checks::explain::{Gate, GateKind, explain};
use checks::findings::{Cause, Findings};
use checks::inventory::{Entry, Inventory, repository_of};
use checks::propagation::{Change, Propagation, Spread, Taken};
use checks::round::Register;
use checks::state::{Day, Event, MirrorState, Reachability, RouteVerdict, Status};
use checks::verdict::View;
use model::families::{Families, IpVersion, Reach};
use model::url::Protocol;

use super::content_age::ContentAge;
use super::expected::Expected;
use super::listed::{Listed, listed_publicly};
use super::profile::Profile;

/// The most events that are told of a mirror, the last ones.
const MAX_EVENTS: usize = 50;

/// What a survey is made of.
pub struct Evidence<'e> {
    /// What the catalog says.
    pub expected: &'e Expected,
    /// The same as verdicts need it.
    pub inventory: &'e Inventory,
    /// The states of mirrors.
    pub register: &'e Register,
    /// What verdicts depend on.
    pub view: View<'e>,
    /// The findings that were published last.
    pub findings: &'e Findings,
    /// Where the primary is doubted.
    pub distrusted: &'e Distrusted,
    /// What mirrors have of each repository.
    pub taken: &'e BTreeMap<String, Taken>,
    /// How the last changes have spread.
    pub propagation: &'e Propagation,
    /// When a mirror is visited next, by its key, in seconds since 1970.
    pub next_visit: &'e dyn Fn(&str) -> Option<u64>,
    /// Who visits.
    pub visitor: &'e Visitor,
    /// When the survey is made, in seconds since 1970.
    pub made: u64,
}

/// Who visits mirrors.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Visitor {
    /// The User-Agent.
    pub agent: String,
    /// The longest time between two visits to a mirror that is up, in seconds.
    pub interval: u64,
}

/// What is told of all mirrors.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Survey {
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// When the last visit began that is in it, in seconds since 1970; 0 before the first one.
    pub visited: u64,
    /// When the primary was scanned last, in seconds since 1970; 0 if it never was.
    pub scanned: u64,
    /// Whether a newer one should be there: the program could not look for long.
    pub is_stale: bool,
    /// When the findings were made that lists follow, in seconds since 1970; 0 if there are none.
    pub found: u64,
    /// Whether verdicts count: until the first round of visits has ended, lists have what the catalog says.
    pub is_settled: bool,
    /// Who visits.
    pub visitor: Visitor,
    /// All mirrors, in ascending order of keys.
    pub mirrors: Vec<SurveyedMirror>,
    /// All repositories that are compared, in ascending order of directories.
    pub repositories: Vec<SurveyedRepository>,
}

/// A mirror.
#[derive(Clone, PartialEq, Debug)]
pub struct SurveyedMirror {
    /// Its key in the catalog.
    pub key: String,
    /// What the catalog says of it.
    pub profile: Profile,
    /// How it is, in one word.
    pub condition: Condition,
    /// Whether a URL of it works.
    pub reachability: Reachability,
    /// Since when that is so, in seconds since 1970; `None` if unknown.
    pub since: Option<u64>,
    /// Whether lists have it.
    pub listed: Listed,
    /// What keeps it out of them, or out of the first list that has it not; or what would, if there were enough others.
    pub why: Option<Cause>,
    /// Each of its URLs that were visited.
    pub urls: BTreeMap<String, SurveyedUrl>,
    /// What it has of each repository that it should have.
    pub repositories: Vec<RepositoryStanding>,
    /// What it has to pass to be listed, but for repositories.
    pub gates: Vec<Gate>,
    /// When it was visited last, in seconds since 1970.
    pub last_visit: Option<u64>,
    /// When it is visited next, in seconds since 1970.
    pub next_visit: Option<u64>,
    /// How its last days were.
    pub days: Vec<Day>,
    /// The share of visits of these days in which something worked; `None` without visits.
    pub availability: Option<f64>,
    /// What happened to it last, the last of it first, as everybody is told of it.
    pub events: Vec<Event>,
    /// How many earlier events there are.
    pub n_earlier: usize,
}

/// How a mirror is, in one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Condition {
    /// It works, and everything that is known of its repositories is current.
    InSync,
    /// It works, and one of its repositories is not current.
    Behind,
    /// No URL works.
    Down,
    /// Nothing is known of it.
    Unknown,
}

/// What visits have found out of a base URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SurveyedUrl {
    /// Whether lists leave it out.
    pub is_hidden: bool,
    /// Over which versions of IP it works.
    pub families: Families,
    /// Milliseconds until the first byte of the last good answer.
    pub first_byte: Option<u32>,
    /// When it last worked or failed, in seconds since 1970; 0 if it never did.
    pub checked: u64,
    /// When the last thing about it changed, in seconds since 1970.
    pub since: u64,
    /// Why the last probe has failed over a version of IP, if it has; it may still count as working.
    pub failure: Option<checks::class::FailureClass>,
}

/// What a mirror has of a repository.
#[derive(Clone, PartialEq, Debug)]
pub struct RepositoryStanding {
    /// Its place in [`Survey::repositories`].
    pub index: u32,
    /// How it stands to the primary.
    pub status: Status,
    /// The same in words, on one line.
    pub text: Arc<str>,
    /// When it was seen last, in seconds since 1970.
    pub seen: Option<u64>,
}

/// A repository that is compared.
#[derive(Clone, PartialEq, Debug)]
pub struct SurveyedRepository {
    /// Its directory; the empty name is the top of the tree.
    pub directory: String,
    /// When the primary changed it last, in seconds since 1970; `None` if no change was seen.
    pub changed: Option<u64>,
    /// The SHA-256 of the current `repomd.xml`; `None` if the primary has none.
    pub current: Option<String>,
    /// Which version mirrors have.
    pub spread: Spread,
    /// How the last changes have spread, the last one first.
    pub changes: Vec<Change>,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::InSync, Self::Behind, Self::Down, Self::Unknown];

    /// One word, as URLs and JSON have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in-sync",
            Self::Behind => "behind",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }

    fn of(reachability: Reachability, repositories: &[RepositoryStanding]) -> Self {
        let is_behind = |one: &RepositoryStanding| {
            !matches!(one.status, Status::Current | Status::NotComparable | Status::Unknown)
        };
        let is_unknown = |one: &RepositoryStanding| one.status == Status::Unknown;
        match reachability {
            Reachability::Down => Self::Down,
            Reachability::Unknown => Self::Unknown,
            Reachability::Up if repositories.iter().any(is_behind) => Self::Behind,
            Reachability::Up if repositories.is_empty() => Self::InSync,
            Reachability::Up if repositories.iter().all(is_unknown) => Self::Unknown,
            Reachability::Up => Self::InSync,
        }
    }
}

impl SurveyedMirror {
    /// How many of its repositories clients accept.
    pub fn n_accepted(&self) -> usize {
        self.repositories.iter().filter(|one| one.status.is_accepted()).count()
    }

    /// How many of its repositories are current.
    pub fn n_current(&self) -> usize {
        self.repositories.iter().filter(|one| one.status == Status::Current).count()
    }

    /// The repository that is worst; `None` if it has none.
    pub fn worst(&self) -> Option<&RepositoryStanding> {
        self.repositories.iter().max_by_key(|one| badness(one.status))
    }

    /// Until when all that it has is that of the primary; `None` if that is not known of one of its repositories, or
    /// one is missing.
    pub fn content_age(&self) -> Option<ContentAge> {
        ContentAge::of(self.repositories.iter().map(|one| (one.status, one.seen)))
    }

    /// How many seconds ago the primary replaced what it has, of the repository that is furthest behind; 0 if none is
    /// behind. `None` if that is not known of one of them, or nothing of it works.
    pub fn behind_seconds(&self, now: u64) -> Option<u64> {
        let age = self.content_age().filter(|_| self.reachability != Reachability::Down)?;
        Some(age.behind_seconds(now))
    }

    /// What is known of a base URL: over each version of IP what was tested, else what the catalog says.
    pub fn families(&self, url: &str) -> Families {
        let tested = self.urls.get(url).map(|url| url.families).unwrap_or_default();
        let said = self.profile.urls.iter().find(|(_, known, _)| known == url);
        let said = said.map(|(_, _, families)| *families).unwrap_or_default();
        let either = |tested, said| if tested == Reach::Unknown { said } else { tested };
        Families { v4: either(tested.v4, said.v4), v6: either(tested.v6, said.v6) }
    }

    /// Whether it has a URL of a protocol.
    pub fn has(&self, protocol: Protocol) -> bool {
        self.profile.urls.iter().any(|(known, _, _)| *known == protocol)
    }
}

/// How bad a repository is; the greatest is worst. Of those that are behind, the one that is furthest.
fn badness(status: Status) -> (u8, u64) {
    match status {
        Status::Current => (0, 0),
        Status::NotComparable => (1, 0),
        Status::Unknown => (2, 0),
        Status::Behind { since, is_offered: true, .. } => (3, u64::MAX - since),
        Status::Behind { since, .. } => (4, u64::MAX - since),
        Status::Ahead => (5, 0),
        Status::Foreign => (6, 0),
        Status::Missing => (7, 0),
    }
}

impl Survey {
    /// Makes a survey.
    pub fn of(evidence: &Evidence<'_>) -> Self {
        let Evidence { expected, view, taken, propagation, .. } = evidence;
        let mut places: BTreeMap<&str, u32> = BTreeMap::new();
        let mut repositories = Vec::new();
        for ((repodata, taken), place) in taken.iter().zip(0_u32..) {
            places.insert(repodata, place);
            repositories.push(SurveyedRepository {
                directory: repository_of(repodata).to_owned(),
                changed: view.history.changed(repodata),
                current: view.history.current(repodata).map(str::to_owned),
                spread: taken.spread,
                changes: propagation.changes(repodata).cloned().collect(),
            });
        }
        let mut texts = BTreeSet::new();
        let mirrors = expected.profiles.iter();
        let mirrors =
            mirrors.map(|(key, profile)| mirror(evidence, key, profile, &places, &mut texts));
        Self {
            made: evidence.made,
            is_stale: false,
            visited: view.now().clock,
            scanned: view.history.scanned(),
            found: evidence.findings.made,
            is_settled: view.is_settled(),
            visitor: evidence.visitor.clone(),
            mirrors: mirrors.collect(),
            repositories,
        }
    }

    /// The mirror with a key.
    pub fn find(&self, key: &str) -> Option<&SurveyedMirror> {
        let at = self.mirrors.binary_search_by(|mirror| mirror.key.as_str().cmp(key)).ok()?;
        self.mirrors.get(at)
    }

    /// The repository in a directory, with its place.
    pub fn find_repository(&self, directory: &str) -> Option<(u32, &SurveyedRepository)> {
        (0..).zip(&self.repositories).find(|(_, repository)| repository.directory == directory)
    }

    /// The repository at a place.
    pub fn repository(&self, index: u32) -> Option<&SurveyedRepository> {
        self.repositories.get(index as usize)
    }
}

fn mirror(
    evidence: &Evidence<'_>,
    key: &str,
    profile: &Profile,
    places: &BTreeMap<&str, u32>,
    texts: &mut BTreeSet<Arc<str>>,
) -> SurveyedMirror {
    let Evidence { inventory, register, view, findings, .. } = evidence;
    let nothing = (Entry::default(), MirrorState::default());
    let entry = inventory.mirrors.get(key).unwrap_or(&nothing.0);
    let state = register.mirrors.get(key).map_or(&nothing.1, |state| &**state);
    // It cannot be visited, so nothing keeps it out.
    let is_expected = inventory.mirrors.contains_key(key);
    let found = findings.mirrors.get(key);
    let why_hidden = view.why_hidden(state, entry).filter(|_| is_expected);
    let why_hidden = why_hidden.map(|why| why.cause(state));
    let (listed, why) = listed_publicly(profile, entry, found, why_hidden);
    let mut gates = match is_expected {
        true => explain(state, entry, view, evidence.distrusted, Disclosure::Public),
        false => Vec::new(),
    };
    let of_repositories = gates.extract_if(.., |gate| matches!(gate.kind, GateKind::Repository(_)));
    let repositories: Vec<_> = entry
        .repositories()
        .zip(of_repositories)
        .filter_map(|(repodata, gate)| {
            Some(RepositoryStanding {
                index: *places.get(repodata.as_str())?,
                status: view.status(state, entry, repodata),
                text: interned(texts, gate.text),
                seen: state.repositories.get(repodata).and_then(|known| Some(known.checked?.clock)),
            })
        })
        .collect();
    let reachability = state.reachability(view.settings);
    let mut events: Vec<Event> = state.events.all().iter().filter_map(public_event).collect();
    events.sort_by_key(|event| std::cmp::Reverse(event.last));
    let n_earlier = events.len().saturating_sub(MAX_EVENTS);
    events.truncate(MAX_EVENTS);
    let is_hidden = |url: &str| {
        let of_url = || found.and_then(|found| found.urls.get(url));
        listed == Listed::No || of_url().is_some_and(|url| url.hidden.is_some())
    };
    let urls =
        state.routes.iter().map(|(url, routes)| (url.clone(), url_of(routes, is_hidden(url))));
    SurveyedMirror {
        key: key.to_owned(),
        profile: profile.clone(),
        condition: Condition::of(reachability, &repositories),
        reachability,
        since: since(state, reachability),
        listed,
        why,
        urls: urls.collect(),
        repositories,
        gates,
        last_visit: state.last_visit.map(|visit| visit.at.clock),
        next_visit: (evidence.next_visit)(key),
        days: state.days.all().to_vec(),
        availability: state.days.availability(),
        events,
        n_earlier,
    }
}

/// Each text once: those of repositories are often the same.
fn interned(texts: &mut BTreeSet<Arc<str>>, text: String) -> Arc<str> {
    if let Some(known) = texts.get(text.as_str()) {
        return Arc::clone(known);
    }
    let text: Arc<str> = text.into();
    texts.insert(Arc::clone(&text));
    text
}

fn since(state: &MirrorState, reachability: Reachability) -> Option<u64> {
    match reachability {
        Reachability::Down => state.down_since.map(|since| since.clock),
        Reachability::Up => {
            let up = state.all_routes().filter(|(_, _, route)| route.verdict == RouteVerdict::Up);
            up.map(|(_, _, route)| route.since.clock).min()
        }
        Reachability::Unknown => None,
    }
}

fn url_of(routes: &checks::state::Routes, is_hidden: bool) -> SurveyedUrl {
    let both = || IpVersion::ALL.map(|version| routes.over(version)).into_iter();
    SurveyedUrl {
        is_hidden,
        families: routes.families(),
        first_byte: both().filter_map(|route| route.first_byte).min(),
        checked: both().map(|route| route.checked.clock).max().unwrap_or(0),
        since: both().map(|route| route.since.clock).max().unwrap_or(0),
        failure: both().find_map(|route| public_class(route.failure.as_ref()?.class)),
    }
}
