//! The last survey, where those who make pages find it, and whether somebody wants another one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::survey::Survey;

/// For how long after a request surveys are made.
const WANTED: Duration = Duration::from_secs(600);
/// After how long without a look at what has changed a survey is stale.
const FRESH: Duration = Duration::from_secs(900);
/// How long a request waits for a survey that is not stale.
const WAIT: Duration = Duration::from_secs(5);

/// The last survey. Clones share it.
#[derive(Clone, Default)]
pub struct Surveys(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wanted: Notify,
    looked: Notify,
}

#[derive(Default)]
struct State {
    latest: Option<Arc<Survey>>,
    /// When it was last known that nothing has changed since the last one.
    looked: Option<Instant>,
    /// When somebody asked last.
    asked: Option<Instant>,
    /// Whether somebody makes them, and has not failed the last time.
    is_kept: bool,
}

impl State {
    fn is_fresh(&self) -> bool {
        self.looked.is_some_and(|looked| looked.elapsed() < FRESH)
    }
}

impl Surveys {
    /// The last one, and whether it is stale; `None` before the first one. Another one is made if there is a change,
    /// for the next request; a request waits for some seconds if the last one is stale.
    pub async fn recent(&self) -> Option<(Arc<Survey>, bool)> {
        let looked = self.0.looked.notified();
        let waits = {
            let mut state = self.state();
            state.asked = Some(Instant::now());
            state.is_kept && !state.is_fresh()
        };
        self.0.wanted.notify_one();
        if waits {
            // What is there is shown if that takes longer.
            let _ = timeout(WAIT, looked).await;
        }
        let state = self.state();
        Some((Arc::clone(state.latest.as_ref()?), !state.is_fresh()))
    }

    /// Puts one in the place of the one before.
    pub fn publish(&self, survey: Survey) {
        let survey = Some(Arc::new(survey));
        // The one before is freed without the lock.
        let before = {
            let mut state = self.state();
            state.looked = Some(Instant::now());
            std::mem::replace(&mut state.latest, survey)
        };
        drop(before);
        self.0.looked.notify_waiters();
    }

    /// Says that the last one holds.
    pub(super) fn confirm(&self) {
        let mut state = self.state();
        if state.latest.is_some() {
            state.looked = Some(Instant::now());
            drop(state);
            self.0.looked.notify_waiters();
        }
    }

    /// Says whether the one who makes them can.
    pub(super) fn set_kept(&self, is_kept: bool) {
        self.state().is_kept = is_kept;
        if !is_kept {
            self.0.looked.notify_waiters();
        }
    }

    /// Whether somebody has asked within the last minutes.
    pub(super) fn is_wanted(&self) -> bool {
        self.state().asked.is_some_and(|asked| asked.elapsed() < WANTED)
    }

    /// Returns when somebody asks, or has asked since the last time.
    pub(super) async fn wanted(&self) {
        self.0.wanted.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(made: u64) -> Survey {
        Survey { made, ..Survey::default() }
    }

    async fn made(surveys: &Surveys) -> Option<(u64, bool)> {
        surveys.recent().await.map(|(survey, is_stale)| (survey.made, is_stale))
    }

    #[tokio::test(start_paused = true)]
    async fn surveys_are_wanted_for_ten_minutes_after_a_request() {
        let surveys = Surveys::default();
        assert!(!surveys.is_wanted());
        assert_eq!(made(&surveys).await, None);
        surveys.wanted().await;
        tokio::time::advance(WANTED - Duration::from_secs(1)).await;
        assert!(surveys.is_wanted());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!surveys.is_wanted());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_a_survey_that_is_not_stale_but_not_for_one_that_cannot_be_made() {
        let surveys = Surveys::default();
        surveys.set_kept(true);
        let (first, ()) = tokio::join!(made(&surveys), async {
            surveys.wanted().await;
            surveys.publish(survey(1));
        });
        assert_eq!(first, Some((1, false)));
        tokio::time::advance(FRESH).await;
        let begin = Instant::now();
        let (confirmed, ()) = tokio::join!(made(&surveys), async {
            surveys.wanted().await;
            surveys.confirm();
        });
        assert_eq!((confirmed, begin.elapsed()), (Some((1, false)), Duration::ZERO));
        tokio::time::advance(FRESH).await;
        let begin = Instant::now();
        assert_eq!((made(&surveys).await, begin.elapsed()), (Some((1, true)), WAIT));
        surveys.set_kept(false);
        let begin = Instant::now();
        assert_eq!((made(&surveys).await, begin.elapsed()), (Some((1, true)), Duration::ZERO));
    }
}
