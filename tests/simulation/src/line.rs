//! The line of a process to the store, with its faults.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use history::Seen;
use store::operations::finish::{Finish, Finished};
use store::operations::lose::Reap;
use store::operations::node::StartNode;
use store::operations::read::CheckFence;
use store::operations::renew::Renewed;
use store::record::{ClaimNumber, State, TaskId};
use store::{Delay, Error, Hook};

use crate::journal::Journal;

/// How often what goes wrong on a line, in operations of a thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Weather {
    /// Fails before it is done.
    pub fails: u32,
    /// Is done, and its reply is lost.
    pub loses_reply: u32,
    /// Is done twice.
    pub repeats: u32,
    /// How long an operation, and its reply, take at most, in milliseconds.
    pub delay: u64,
}

/// The line of a process to the store.
pub struct Line {
    who: String,
    journal: Journal,
    inner: Mutex<Inner>,
}

struct Inner {
    rng: Rng,
    weather: Weather,
    is_cut: bool,
    boot: String,
    /// Tasks whose fence was looked at, and held.
    checked: BTreeSet<i64>,
    /// How many tasks ask for their fence now.
    n_checking: usize,
}

/// A task asks for its fence until this is dropped.
pub struct Checking(Arc<Line>);

impl Drop for Checking {
    fn drop(&mut self) {
        self.0.lock().n_checking -= 1;
    }
}

impl Line {
    /// A line without faults.
    pub fn new(who: &str, journal: Journal, seed: u64) -> Arc<Self> {
        let rng = Rng::with_seed(seed);
        let inner = Inner {
            rng,
            weather: Weather::default(),
            is_cut: false,
            boot: String::new(),
            checked: BTreeSet::new(),
            n_checking: 0,
        };
        Arc::new(Self { who: who.to_owned(), journal, inner: Mutex::new(inner) })
    }

    /// Sets what goes wrong from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Cuts the line, or mends it.
    pub fn cut(&self, is_cut: bool) {
        self.lock().is_cut = is_cut;
    }

    /// Whether it is cut.
    pub fn is_cut(&self) -> bool {
        self.lock().is_cut
    }

    /// The process at its end, once it has said so.
    pub fn boot(&self) -> String {
        self.lock().boot.clone()
    }

    /// A task begins to ask for its fence.
    pub fn checking(self: &Arc<Self>) -> Checking {
        self.lock().n_checking += 1;
        Checking(Arc::clone(self))
    }

    /// Whether a task asks for its fence, and has not got the answer.
    pub fn is_checking(&self) -> bool {
        self.lock().n_checking > 0
    }

    /// Whether the store has found the fence of this task held, whoever knows of it.
    pub fn has_checked(&self, task: i64) -> bool {
        self.lock().checked.contains(&task)
    }

    fn saw_renewed(&self, TaskId(task): TaskId, ClaimNumber(claim): ClaimNumber) {
        self.journal.saw(&self.who, Seen::Renewed { task, claim });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics in here")
    }
}

impl Inner {
    fn happens(&mut self, of_thousand: u32) -> bool {
        of_thousand > 0 && self.rng.u32(0..1_000) < of_thousand
    }
}

fn unavailable(what: &str) -> Error {
    Error::Unavailable(what.to_owned())
}

impl Hook for Line {
    fn begin(&self, _: &'static str) -> Result<(), Error> {
        let mut inner = self.lock();
        let fails = inner.weather.fails;
        match inner.is_cut || inner.happens(fails) {
            true => Err(unavailable("the line is cut")),
            false => Ok(()),
        }
    }

    fn end(&self, _: &'static str, _: Duration, error: Option<&Error>) -> Result<(), Error> {
        let mut inner = self.lock();
        let loses_reply = inner.weather.loses_reply;
        // An operation that was refused has changed nothing: no line makes that unknown for long.
        match error.is_none() && (inner.is_cut || inner.happens(loses_reply)) {
            true => Err(unavailable("the reply was lost")),
            false => Ok(()),
        }
    }

    fn done(&self, operation: &dyn Any, reply: &dyn Any) {
        if let Some(start) = operation.downcast_ref::<StartNode>() {
            self.lock().boot.clone_from(&start.boot);
        }
        let check = operation.downcast_ref::<CheckFence>();
        if let Some((check, true)) = check.zip(reply.downcast_ref::<bool>()) {
            self.lock().checked.insert(check.id.0);
            self.saw_renewed(check.id, check.claim);
        }
        if let Some(renewed) = reply.downcast_ref::<Renewed>() {
            renewed.kept.iter().for_each(|kept| self.saw_renewed(kept.id, kept.claim));
        }
        let finish = operation.downcast_ref::<Finish>();
        if let Some((finish, reply)) = finish.zip(reply.downcast_ref::<Finished>()) {
            let (task, claim) = (finish.id.0, finish.claim.0);
            let seen = match reply {
                Finished::Accepted { state, .. } => {
                    Seen::EndAccepted { task, claim, state: state.to_string() }
                }
                Finished::Stale => Seen::EndRefused { task, claim },
                Finished::Repeated => return,
            };
            self.journal.saw(&self.who, seen);
        }
        let reap = operation.downcast_ref::<Reap>();
        if let Some((reap, Some(state))) = reap.zip(reply.downcast_ref::<Option<State>>()) {
            let (task, claim) = (reap.seen.id.0, reap.seen.claim.0);
            let (state, beat) = (state.to_string(), reap.seen.beat);
            self.journal.saw(&self.who, Seen::Reaped { task, claim, state, beat });
        }
    }

    fn delay(&self, _: &'static str, _: bool) -> Option<Delay> {
        let mut inner = self.lock();
        let most = inner.weather.delay;
        if most == 0 {
            return None;
        }
        // Mostly short: the square of a random number.
        let drawn = inner.rng.f64();
        let delay = Duration::from_secs_f64(drawn * drawn * most as f64 / 1_000.0);
        Some(Box::pin(tokio::time::sleep(delay)))
    }

    fn repeats(&self, _: &'static str) -> bool {
        let mut inner = self.lock();
        let repeats = inner.weather.repeats;
        inner.happens(repeats)
    }
}
