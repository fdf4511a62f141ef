//! What is known of all mirrors, kept in memory from one sweep to the next, and read again from the store where
//! somebody else has written.
//!
//! The states of some thousand mirrors with some hundred repositories each take minutes to read if that is done
//! every minute. So each sweep reads their versions only, and those states that have another one than before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::Report;
use checks::disclosure::Disclosure;
use checks::distrust::Distrusted;
use checks::explain::{Gate, explain};
use checks::history::History;
use checks::inventory::{Entry, Inventory};
use checks::notice::Rules;
use checks::observation::Visit;
use checks::progress::Progress;
use checks::round::Register;
use checks::schedule::listing::{is_sampled, next_listing};
use checks::schedule::{NextVisit, next_visit, rank};
use checks::select::{Selection, select};
use checks::settings::Settings;
use checks::state::{Event, MirrorState, StateError};
use checks::trouble::tell;
use checks::verdict::View;
use serde::de::DeserializeOwned;
use sources::{Inputs, Revision};
use store::Store;
use store::operations::mirror::{FindFact, FindMirror, MirrorVersions, ReadMirrors};
use store::record::Fact;
use visits::plan;
use visits::rsync::plan::Doubt;

use super::expected::{Expected, FileLooks, Tree};
use crate::aside::{NoThread, aside};

/// So many states are read one by one; more are read with all others, by pages.
const FEW: usize = 20;
/// How many states are read at once.
const PAGE: i64 = 50;
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
    /// How files of directories without a repository are looked for.
    pub(super) looks: FileLooks,
    pub(super) history: History,
    /// How often it was written; 0 if it never was.
    pub(super) history_version: i64,
    /// Whether it is not in the store as it is here.
    pub(super) is_history_new: bool,
    pub(super) register: Register,
    pub(super) progress_version: i64,
    /// How often each state was written, by key.
    pub(super) versions: BTreeMap<String, i64>,
    /// Mirrors of which the store has a state, and that are not expected any more.
    pub(super) strays: Vec<String>,
    /// When it was last looked which of them can be forgotten, in seconds since 1970.
    pub(super) forgotten_at: u64,
    /// What lists have of all this; `None` if that is not known yet.
    pub(super) selected: Option<Arc<Selection>>,
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
    /// Brings it up to date with the inputs and the store. After an error nothing may be taken from it but by the
    /// next refresh, which goes on with the states that were read.
    pub(super) async fn refresh(
        &mut self,
        store: &Store,
        site: &str,
        inputs: &Inputs,
    ) -> Result<(), Error> {
        // Only what has come to its end stays.
        let (inputs, before) = (inputs.clone(), self.revision.take());
        let unchanged = before.clone();
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
        let mut revision = unchanged;
        if let Some((other, expected)) = read {
            revision = Some(other);
            self.inventory = Arc::new(expected.inventory(self.looks));
            self.expected = Arc::new(expected);
        }
        let progress = store.run(FindFact { site: site.to_owned(), name: PROGRESS }).await?;
        let version = progress.as_ref().map_or(0, |fact| fact.version);
        let is_of_others = version != self.progress_version || self.versions.is_empty();
        if is_of_others {
            self.register.progress = parsed::<Progress>(PROGRESS, progress)?;
            let history = store.run(FindFact { site: site.to_owned(), name: HISTORY }).await?;
            self.history_version = history.as_ref().map_or(0, |fact| fact.version);
            self.history = parsed(HISTORY, history)?;
            self.is_history_new = false;
            self.progress_version = version;
        }
        if is_other || is_of_others {
            let before = self.history.clone();
            let Expected { primary, changes, .. } = &*self.expected;
            self.history.absorb_with_changes(primary, changes, &self.settings);
            self.is_history_new |= self.history != before;
            self.touch();
        }
        self.read_states(store, site, is_other).await?;
        if is_other {
            self.register.retain(&self.inventory);
        }
        self.revision = revision;
        Ok(())
    }

    /// It has changed.
    fn touch(&mut self) {
        self.is_published = false;
        self.selected = None;
    }

    /// Whether it is as the store has it.
    pub(super) async fn is_current(&self, store: &Store, site: &str) -> Result<bool, Error> {
        let progress = store.run(FindFact { site: site.to_owned(), name: PROGRESS }).await?;
        if progress.map_or(0, |fact| fact.version) != self.progress_version {
            return Ok(false);
        }
        let versions = store.run(MirrorVersions(site.to_owned())).await?;
        let is_read = |(key, version): &(String, i64)| {
            !self.inventory.mirrors.contains_key(key) || self.versions.get(key) == Some(version)
        };
        Ok(versions.iter().all(is_read))
    }

    /// Reads the states that somebody else has written; of a mirror that is new in the catalog, too.
    async fn read_states(&mut self, store: &Store, site: &str, all: bool) -> Result<(), Error> {
        let versions = store.run(MirrorVersions(site.to_owned())).await?;
        self.drop_forgotten(versions.iter().map(|(key, _)| key).collect());
        let inventory = Arc::clone(&self.inventory);
        let (expected, strays): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|(key, _)| inventory.mirrors.contains_key(key));
        self.strays = strays.into_iter().map(|(key, _)| key).collect();
        let is_new = |(key, version): &(String, i64)| {
            let is_missing = all && !self.register.mirrors.contains_key(key);
            is_missing || self.versions.get(key) != Some(version)
        };
        let new: BTreeSet<String> =
            expected.into_iter().filter(is_new).map(|(key, _)| key).collect();
        if new.len() <= FEW {
            for key in new {
                let find = FindMirror { site: site.to_owned(), key };
                if let Some(found) = store.run(find).await? {
                    self.take(found)?;
                }
            }
            return Ok(());
        }
        let mut after = None;
        loop {
            let read = ReadMirrors { site: site.to_owned(), after: after.take(), limit: PAGE };
            let page = store.run(read).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for found in page.into_iter().filter(|found| new.contains(&found.key)) {
                self.take(found)?;
            }
        }
    }

    /// Drops what is known of mirrors that the store knows no more: somebody has forgotten them.
    fn drop_forgotten(&mut self, known: BTreeSet<&String>) {
        let before = self.versions.len();
        let register = &mut self.register;
        self.versions.retain(|key, _| {
            let stays = known.contains(key);
            if !stays {
                register.mirrors.remove(key);
            }
            stays
        });
        if self.versions.len() < before {
            self.touch();
        }
    }

    /// Takes the state of a mirror. One that cannot be read is that of a mirror that was never visited, and is
    /// replaced at its next visit; but none that a newer program has written.
    fn take(&mut self, found: store::record::MirrorState) -> Result<(), Error> {
        let store::record::MirrorState { key, version, state } = found;
        match MirrorState::from_json(&state) {
            Ok(state) => drop(self.register.mirrors.insert(key.clone(), state.into())),
            Err(error @ StateError::Version(_)) => return Err(Error::State(key, error)),
            Err(error) => {
                tracing::error!("mirror `{key}`: {error}: it counts as not visited yet");
                // It has done nothing, so it is not left out for that.
                let state = MirrorState { is_proven: true, ..MirrorState::default() };
                self.register.mirrors.insert(key.clone(), state.into());
            }
        }
        self.versions.insert(key, version);
        self.touch();
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
                Some((rank(self.register.mirrors.get(key).map(Arc::as_ref)), key.clone(), next))
            })
            .collect();
        due.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        due.into_iter().map(|(_, key, next)| (key, next)).collect()
    }

    /// The next visit to a mirror; `None` if there is none.
    pub(super) fn next(&self, key: &str, now: u64) -> Option<NextVisit> {
        let entry = self.inventory.mirrors.get(key)?;
        let unvisited = MirrorState::default();
        let state = self.register.mirrors.get(key).map_or(&unvisited, |state| &**state);
        let progress = &self.register.progress;
        next_visit(key, state, entry, &self.history, progress, &self.settings, now)
    }

    /// The mirrors of which a listing is due, the one that has waited longest first.
    pub(super) fn due_listings(&self, now: u64) -> Vec<&String> {
        let unvisited = MirrorState::default();
        let (history, progress) = (&self.history, &self.register.progress);
        let mut due: Vec<_> = self
            .inventory
            .mirrors
            .iter()
            .filter(|(_, entry)| entry.is_listed_by_rsync)
            .filter_map(|(key, entry)| {
                let state = self.register.mirrors.get(key).map_or(&unvisited, |state| &**state);
                let next = next_listing(key, state, entry, history, progress, &self.settings, now)?;
                (next.at <= now).then_some((state.listed, key))
            })
            .collect();
        due.sort();
        due.into_iter().map(|(_, key)| key).collect()
    }

    /// The files that a visit to a mirror looks for, of each of its trees.
    pub(super) fn draw(
        &self,
        key: &str,
        trees: &[Tree],
        rng: &mut fastrand::Rng,
    ) -> Vec<Vec<plan::Sample>> {
        let doubted = self.doubted(key);
        self.expected.draw(trees, |directory| doubted.contains_key(directory), rng)
    }

    /// The directories of a mirror that lack something, or are in doubt.
    pub(super) fn doubted(&self, key: &str) -> BTreeMap<String, Doubt> {
        let directories = self.register.mirrors.get(key).map(|state| &state.directories);
        let doubted = directories.into_iter().flatten().filter_map(|(name, known)| {
            let doubt = match (known.is_incomplete, known.n_incomplete) {
                (true, _) => Doubt::Certain,
                (false, 0) => return None,
                (false, _) => Doubt::First,
            };
            Some((name.clone(), doubt))
        });
        doubted.collect()
    }

    /// Whether a visit that somebody asks for looks for files.
    pub(super) fn is_sampled(&self, key: &str, entry: &Entry, now: u64) -> bool {
        let unvisited = MirrorState::default();
        let state = self.register.mirrors.get(key).map_or(&unvisited, |state| &**state);
        is_sampled(state, entry, &self.settings, now)
    }

    /// Judges visits, which are in the order in which they were recorded: those of each round together. `tells` says
    /// whether somebody is told what follows.
    pub(super) fn judge(&mut self, visits: &[Visit], tells: bool) -> Result<Judged, Error> {
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
        let progress = &self.register.progress;
        let view = View { settings: &self.settings, history: &self.history, progress };
        for key in changed {
            if let Some(state) = self.register.mirrors.get_mut(key) {
                let state = Arc::make_mut(state);
                if let Some(entry) = self.inventory.mirrors.get(key).filter(|_| tells) {
                    tell(key, state, entry, &view, &Rules::default());
                }
                let text = state.to_json().map_err(|error| Error::State(key.clone(), error))?;
                judged.states.push((key.clone(), text));
            }
        }
        self.touch();
        Ok(judged)
    }

    /// What verdicts depend on.
    pub(super) fn view(&self) -> View<'_> {
        let progress = &self.register.progress;
        View { settings: &self.settings, history: &self.history, progress }
    }

    /// What the next snapshot lists.
    pub(super) fn select(&mut self) -> Arc<Selection> {
        if let Some(selected) = &self.selected {
            return Arc::clone(selected);
        }
        let selection = Arc::new(select(&self.register, &self.inventory, &self.view()));
        self.selected = Some(Arc::clone(&selection));
        selection
    }

    /// What keeps a mirror in the lists or out of them.
    pub(super) fn gates(&self, key: &str, distrusted: &Distrusted, to: Disclosure) -> Vec<Gate> {
        let entry: Entry = self.inventory.mirrors.get(key).cloned().unwrap_or_default();
        let state = self.register.mirrors.get(key).cloned().unwrap_or_default();
        explain(&state, &entry, &self.view(), distrusted, to)
    }
}

/// Works on what is known, on a thread of its own. If that panics, all is read again.
pub(super) async fn on_thread<T: Send + 'static>(
    known: &mut Known,
    work: impl FnOnce(&mut Known) -> T + Send + 'static,
) -> Result<T, NoThread> {
    let mut taken = std::mem::take(known);
    let done = aside(move || {
        let done = work(&mut taken);
        (taken, done)
    });
    let result;
    (*known, result) = done.await?;
    Ok(result)
}

pub(super) fn parsed<T: DeserializeOwned + Default>(
    name: &'static str,
    fact: Option<Fact>,
) -> Result<T, Error> {
    match fact {
        None => Ok(T::default()),
        Some(fact) => serde_json::from_str(&fact.value).map_err(|error| Error::Fact(name, error)),
    }
}
