//! How long it takes from a change to what is published: remembers changes that are under way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sources::Revision;

/// Changes that this process has noticed and that are not published yet, and how long others took.
#[derive(Default, Debug)]
pub struct Freshness(Mutex<State>);

#[derive(Default, Debug)]
struct State {
    /// The earliest change of the tree that no scan has taken up.
    tree: Option<Instant>,
    /// The earliest change of the inputs that no compile has taken up.
    inputs: Option<Instant>,
    /// The inputs as the last compile found them, unless another try may succeed.
    compiled: Option<Revision>,
    times: PublishTimes,
}

/// How long it took from changes that were noticed until they were published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PublishTimes {
    /// How many there were.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
    /// How long the last one took; `None` if there was none.
    pub last: Option<Duration>,
    /// How long the oldest change has been waiting; `None` if there is none.
    pub waiting: Option<Duration>,
}

/// A change that a task has taken up. What is not published goes back.
pub(crate) struct TakenUp<'a> {
    freshness: &'a Freshness,
    place: Place,
    since: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Place {
    Tree,
    Inputs,
}

impl Freshness {
    /// The figures.
    pub fn times(&self) -> PublishTimes {
        let state = self.state();
        let since = earliest(state.tree, state.inputs);
        PublishTimes { waiting: since.map(|since| since.elapsed()), ..state.times }
    }

    /// The tree has changed.
    pub(crate) fn note_tree(&self) {
        self.state().tree.get_or_insert_with(Instant::now);
    }

    /// The inputs have changed.
    pub(crate) fn note_inputs(&self, since: Instant) {
        let mut state = self.state();
        state.inputs = earliest(state.inputs, Some(since));
    }

    /// A scan begins.
    pub(crate) fn take_tree(&self) -> TakenUp<'_> {
        TakenUp { since: self.state().tree.take(), place: Place::Tree, freshness: self }
    }

    /// A compile begins.
    pub(crate) fn take_inputs(&self) -> TakenUp<'_> {
        TakenUp { since: self.state().inputs.take(), place: Place::Inputs, freshness: self }
    }

    /// The inputs as the last compile found them; `None` if compiling them again may have another outcome.
    pub(crate) fn compiled(&self) -> Option<Revision> {
        self.state().compiled.clone()
    }

    /// Remembers the inputs as a compile has found them.
    pub(crate) fn set_compiled(&self, revision: Option<Revision>) {
        self.state().compiled = revision;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Its fields are replaced one by one, each as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TakenUp<'_> {
    /// The scan has ended, and a compile follows if something has changed.
    pub(crate) fn scanned(mut self, has_changed: bool) {
        if let Some(since) = self.since.take().filter(|_| has_changed) {
            self.freshness.note_inputs(since);
        }
    }

    /// It is published now; returns how long it took.
    pub(crate) fn published(mut self) -> Option<Duration> {
        let took = self.since.take()?.elapsed();
        let mut state = self.freshness.state();
        state.times.count += 1;
        state.times.sum = state.times.sum.saturating_add(took);
        state.times.last = Some(took);
        Some(took)
    }
}

impl Drop for TakenUp<'_> {
    fn drop(&mut self) {
        let Some(since) = self.since else { return };
        let mut state = self.freshness.state();
        let place = match self.place {
            Place::Tree => &mut state.tree,
            Place::Inputs => &mut state.inputs,
        };
        *place = earliest(*place, Some(since));
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_waits_until_the_compile_after_its_scan_has_published_it() {
        let freshness = Freshness::default();
        freshness.note_tree();
        // A compile that began before the scan has ended has not seen it.
        assert_eq!(freshness.take_inputs().published(), None);
        freshness.take_tree().scanned(true);
        assert_eq!(freshness.times().count, 0);
        assert!(freshness.times().waiting.is_some());
        // One that fails leaves it waiting.
        drop(freshness.take_inputs());
        assert!(freshness.take_inputs().published().is_some());
        let times = freshness.times();
        assert_eq!((times.count, times.waiting), (1, None));
        assert_eq!(times.last, Some(times.sum));
    }

    #[test]
    fn a_scan_that_finds_nothing_ends_the_wait() {
        let freshness = Freshness::default();
        freshness.note_tree();
        freshness.take_tree().scanned(false);
        assert_eq!(freshness.times(), PublishTimes::default());
    }
}
