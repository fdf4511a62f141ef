//! What is known of all mirrors, kept in memory from one sweep to the next, and read again from the store where
//! somebody else has written.
//!
//! The states of some thousand mirrors with some hundred repositories each take minutes to read if that is done
//! every minute. So each sweep reads their versions only, and those states that have another one than before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::Report;
use checks::explain::{Gate, explain};
use checks::history::History;
use checks::inventory::{Entry, Inventory};
use checks::observation::Visit;
use checks::progress::Progress;
use checks::round::Register;
use checks::schedule::{NextVisit, next_visit, rank};
use checks::select::{Selection, select};
use checks::settings::Settings;
use checks::state::{Event, MirrorState, StateError};
use checks::verdict::View;
use serde::de::DeserializeOwned;
use sources::{Inputs, Revision};
use store::Store;
use store::operations::mirror::{FindFact, FindMirror, MirrorVersions};
use store::record::Fact;

use super::expected::Expected;
use crate::aside::{NoThread, aside};

/// The name of the fact that says what the primary had.
pub(super) const HISTORY: &str = "history";
/// The name of the fact that says how far checks have come.
pub(super) const PROGRESS: &str = "progress";

/// Why it is not known how mirrors are; one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store does not say.
    #[error("{0}")]
    Store(#[from] store::Error),
    /// The inputs cannot be read.
    #[error("{0}")]
    Inputs(#[from] sources::Error),
    /// A state in the store cannot be read.
    #[error("mirror `{0}`: {1}")]
    State(String, StateError),
    /// A fact in the store cannot be read.
    #[error("the {0} of checks: {1}")]
    Fact(&'static str, serde_json::Error),
    /// There is no thread to work on.
    #[error(transparent)]
    Thread(#[from] NoThread),
}

/// What is known of all mirrors.
#[derive(Default)]
pub(crate) struct Known {
    /// Of the inputs from which `expected` was read; `None` if it was not read yet.
    revision: Option<Revision>,
    pub(super) expected: Arc<Expected>,
    pub(super) inventory: Arc<Inventory>,
    pub(super) settings: Settings,
    pub(super) history: History,
    /// How often it was written; 0 if it never was.
    pub(super) history_version: i64,
    /// Whether it is not in the store as it is here.
    pub(super) is_history_new: bool,
    pub(super) register: Register,
    pub(super) progress_version: i64,
    /// How often each state was written, by key.
    pub(super) versions: BTreeMap<String, i64>,
    /// Whether findings were made of all this.
    pub(super) is_published: bool,
}

/// What came of judging visits.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// States that follow, as they are written, by key.
    pub(super) states: Vec<(String, String)>,
    /// What happened, with the keys of mirrors.
    pub(super) events: Vec<(String, Event)>,
    /// Whether failures of a round were our own.
    pub(super) is_own_fault: bool,
}

impl Known {
    /// Brings it up to date with the inputs and the store. After an error nothing may be taken from it.
    pub(super) async fn refresh(
        &mut self,
        store: &Store,
        site: &str,
        inputs: &Inputs,
    ) -> Result<(), Error> {
        let (inputs, before) = (inputs.clone(), self.revision.clone());
        let read = aside(move || {
            let revision = inputs.revision();
            if before.as_ref() == Some(&revision) {
                return Ok::<_, sources::Error>(None);
            }
            let catalog = inputs.read(&mut Report::default())?;
            Ok(Some((revision, Expected::of(&catalog))))
        });
        let read = read.await??;
        let is_other = read.is_some();
        if let Some((revision, expected)) = read {
            self.revision = Some(revision);
            self.inventory = Arc::new(expected.inventory());
            self.expected = Arc::new(expected);
        }
        let progress = store.run(FindFact { site: site.to_owned(), name: PROGRESS }).await?;
        let version = progress.as_ref().map_or(0, |fact| fact.version);
        let is_of_others = version != self.progress_version || self.versions.is_empty();
        if is_of_others {
            self.register.progress = parsed::<Progress>(PROGRESS, progress)?;
            self.progress_version = version;
            let history = store.run(FindFact { site: site.to_owned(), name: HISTORY }).await?;
            self.history_version = history.as_ref().map_or(0, |fact| fact.version);
            self.history = parsed(HISTORY, history)?;
            self.is_history_new = false;
        }
        if is_other || is_of_others {
            let before = self.history.clone();
            self.history.absorb(&self.expected.primary, &self.settings);
            self.is_history_new |= self.history != before;
            self.is_published = false;
        }
        self.read_states(store, site, is_other).await?;
        if is_other {
            self.register.retain(&self.inventory);
        }
        Ok(())
    }

    /// Reads the states that somebody else has written; of a mirror that is new in the catalog, too.
    async fn read_states(&mut self, store: &Store, site: &str, all: bool) -> Result<(), Error> {
        for (key, version) in store.run(MirrorVersions(site.to_owned())).await? {
            let is_missing = all && !self.register.mirrors.contains_key(&key);
            let is_expected = self.inventory.mirrors.contains_key(&key);
            let is_known = self.versions.get(&key) == Some(&version) && !is_missing;
            if is_known || !is_expected {
                continue;
            }
            let find = FindMirror { site: site.to_owned(), key: key.clone() };
            let Some(found) = store.run(find).await? else { continue };
            let state = MirrorState::from_json(&found.state)
                .map_err(|error| Error::State(key.clone(), error))?;
            self.versions.insert(key.clone(), found.version);
            self.register.mirrors.insert(key, state);
            self.is_published = false;
        }
        Ok(())
    }

    /// The mirrors that are due, the most urgent one first.
    pub(super) fn due(&self, now: u64) -> Vec<(String, NextVisit)> {
        let mut due: Vec<_> = self
            .inventory
            .mirrors
            .keys()
            .filter_map(|key| {
                let next = self.next(key, now).filter(|next| next.at <= now)?;
                Some((rank(self.register.mirrors.get(key)), key.clone(), next))
            })
            .collect();
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        due.into_iter().map(|(_, key, next)| (key, next)).collect()
    }

    /// The next visit to a mirror; `None` if there is none.
    pub(super) fn next(&self, key: &str, now: u64) -> Option<NextVisit> {
        let entry = self.inventory.mirrors.get(key)?;
        let unvisited = MirrorState::default();
        let state = self.register.mirrors.get(key).unwrap_or(&unvisited);
        next_visit(key, state, entry, &self.history, &self.settings, now)
    }

    /// Judges visits, which are in the order in which they were recorded: those of each round together.
    pub(super) fn judge(&mut self, visits: &[Visit]) -> Result<Judged, Error> {
        let mut judged = Judged::default();
        let mut changed: BTreeSet<&String> = BTreeSet::new();
        let was_settled = self.register.progress.settled.is_some();
        for round in visits.chunk_by(|one, other| one.round == other.round) {
            let Self { register, inventory, history, settings, .. } = self;
            let verdict = register.judge_round(round, inventory, history, settings);
            judged.events.extend(verdict.events);
            judged.is_own_fault |= verdict.own_fault.is_certain();
            changed.extend(round.iter().map(|visit| &visit.mirror));
        }
        if !was_settled && self.register.progress.settled.is_some() {
            // The end of the first round is about each of them.
            changed.extend(self.inventory.mirrors.keys());
        }
        for key in changed {
            if let Some(state) = self.register.mirrors.get(key) {
                let text = state.to_json().map_err(|error| Error::State(key.clone(), error))?;
                judged.states.push((key.clone(), text));
            }
        }
        self.is_published = false;
        Ok(judged)
    }

    /// What verdicts depend on.
    pub(super) fn view(&self) -> View<'_> {
        let progress = &self.register.progress;
        View { settings: &self.settings, history: &self.history, progress }
    }

    /// What the next snapshot lists.
    pub(super) fn select(&self) -> Selection {
        select(&self.register, &self.inventory, &self.view())
    }

    /// What keeps a mirror in the lists or out of them.
    pub(super) fn gates(&self, key: &str) -> Vec<Gate> {
        let entry: Entry = self.inventory.mirrors.get(key).cloned().unwrap_or_default();
        let state = self.register.mirrors.get(key).cloned().unwrap_or_default();
        explain(&state, &entry, &self.view())
    }
}

fn parsed<T: DeserializeOwned + Default>(
    name: &'static str,
    fact: Option<Fact>,
) -> Result<T, Error> {
    match fact {
        None => Ok(T::default()),
        Some(fact) => serde_json::from_str(&fact.value).map_err(|error| Error::Fact(name, error)),
    }
}
