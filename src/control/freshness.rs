//! How long it takes from a change to what is published: remembers the changes that this process has noticed
//! until the store says that they are published, by whichever node.
//!
//! A change is noticed, and asked for as a task, which may be there already. Of the runs of its kind, the one
//! that takes the change up is known by its number. A scan that has found something new is followed by a
//! compile, which is accepted together with the end of the scan, and so begins later.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use sources::Revision;
use store::operations::enqueue::Enqueued;
use store::record::{State as TaskState, Task, TaskId, Timestamp};

/// The most changes that are remembered one by one; later ones count with the last one.
const MAX_CHANGES: usize = 64;
/// By how many milliseconds a run may seem to have begun before the end that it follows: both times are taken
/// a moment before their transactions are done.
const TOLERANCE: i64 = 1_000;

/// Changes that this process has noticed and that are not published yet, and how long others took.
#[derive(Default, Debug)]
pub struct Freshness(Mutex<State>);

#[derive(Default, Debug)]
struct State {
    /// In the order in which they were noticed.
    changes: Vec<Change>,
    next_number: u64,
    /// The inputs as the last compile of this process has found them, unless another try may succeed.
    compiled: Option<Revision>,
    times: PublishTimes,
}

#[derive(Debug)]
struct Change {
    number: ChangeNumber,
    since: Instant,
    waits_for: Step,
}

/// Which change was noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChangeNumber(u64);

/// What a change waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// That the store accepts its task.
    Acceptance,
    /// The scan that was asked for.
    Scan(Enqueued),
    /// The compile that was asked for.
    Compile(Enqueued),
    /// A compile that begins when this scan has ended, at this time, or later.
    CompileAfter(TaskId, Timestamp),
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

impl Freshness {
    /// The figures.
    pub fn times(&self) -> PublishTimes {
        let state = self.state();
        let since = state.changes.iter().map(|change| change.since).min();
        PublishTimes { waiting: since.map(|since| since.elapsed()), ..state.times }
    }

    /// Something has changed, which was first seen at `since`.
    pub(crate) fn note(&self, since: Instant) -> ChangeNumber {
        let mut state = self.state();
        if state.changes.len() >= MAX_CHANGES
            && let Some(last) = state.changes.last()
        {
            return last.number;
        }
        let number = ChangeNumber(state.next_number);
        state.next_number += 1;
        state.changes.push(Change { number, since, waits_for: Step::Acceptance });
        number
    }

    /// A task was accepted for the change.
    pub(crate) fn accepted(&self, number: ChangeNumber, waits_for: Step) {
        let mut state = self.state();
        if let Some(change) = state.changes.iter_mut().find(|change| change.number == number) {
            change.waits_for = waits_for;
        }
    }

    /// Whether any change waits for a task that was accepted.
    pub(crate) fn is_waiting(&self) -> bool {
        let state = self.state();
        state.changes.iter().any(|change| !matches!(change.waits_for, Step::Acceptance))
    }

    /// Takes the scans and the compiles that have ended, the last ones at least: ends what no longer waits.
    pub(crate) fn settle(&self, scans: &[Task], compiles: &[Task]) {
        let mut state = self.state();
        let mut oldest = None;
        state.changes.retain_mut(|change| match advance(change.waits_for, scans, compiles) {
            Progress::Waits(step) => {
                change.waits_for = step;
                true
            }
            Progress::NothingNew => false,
            Progress::Published => {
                oldest =
                    Some(oldest.map_or(change.since, |oldest: Instant| oldest.min(change.since)));
                false
            }
        });
        if let Some(took) = oldest.map(|since| since.elapsed()) {
            state.times.count += 1;
            state.times.sum = state.times.sum.saturating_add(took);
            state.times.last = Some(took);
        }
    }

    /// The inputs as the last compile of this process has found them; `None` if compiling them again may have
    /// another outcome.
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

/// How far a change is.
enum Progress {
    Waits(Step),
    /// The scan has found nothing that is not published.
    NothingNew,
    Published,
}

fn advance(step: Step, scans: &[Task], compiles: &[Task]) -> Progress {
    let step = match step {
        Step::Scan(asked) => {
            let taken_up = done(scans).filter(|scan| takes_up(scan, asked));
            match taken_up.min_by_key(|scan| scan.finished_at) {
                None => return Progress::Waits(step),
                Some(scan) if !has_written(scan) => return Progress::NothingNew,
                Some(scan) => Step::CompileAfter(scan.id, scan.finished_at.unwrap_or_default()),
            }
        }
        step => step,
    };
    let is_published = done(compiles).any(|compile| match step {
        Step::Acceptance | Step::Scan(_) => false,
        Step::Compile(asked) => takes_up(compile, asked),
        // The one that was accepted with the end of the scan is known without a clock, which may be set.
        Step::CompileAfter(scan, end) => {
            compile.parent == Some(scan)
                || compile.started_at.is_some_and(|begin| begin.plus(TOLERANCE) >= end)
        }
    });
    if is_published { Progress::Published } else { Progress::Waits(step) }
}

/// Those that have done their work: one that was cancelled a moment too late has done it as well.
fn done(tasks: &[Task]) -> impl Iterator<Item = &Task> {
    tasks.iter().filter(|task| match task.state {
        TaskState::Completed => true,
        TaskState::Cancelled => task.result.is_some(),
        _ => false,
    })
}

/// Whether a run has taken up what was asked for: if the task ran already then, a later one does.
fn takes_up(task: &Task, asked: Enqueued) -> bool {
    task.id > asked.id || (task.id == asked.id && asked.state == TaskState::Enqueued)
}

/// Whether a scan has found anything new.
fn has_written(scan: &Task) -> bool {
    let result = scan.result.as_deref().and_then(|json| serde_json::from_str::<Value>(json).ok());
    result.as_ref().and_then(|result| result.get("written")).and_then(Value::as_bool) != Some(false)
}

#[cfg(test)]
mod tests {
    use store::record::{ClaimNumber, OnLoss};

    use super::*;

    fn asked(id: i64, state: TaskState) -> Enqueued {
        Enqueued { id: TaskId(id), state, is_new: false }
    }

    /// A task that has completed.
    fn completed(id: i64, started: i64, finished: i64, result: &str) -> Task {
        Task {
            id: TaskId(id),
            kind: "kind".into(),
            queue: "cpu".into(),
            state: TaskState::Completed,
            priority: 0,
            args: "{}".into(),
            summary: String::new(),
            site: None,
            unique_key: None,
            request_id: String::new(),
            rerun: false,
            on_loss: OnLoss::Requeue,
            failures: 0,
            max_failures: 1,
            run_after: Timestamp(0),
            created_at: Timestamp(0),
            actor: String::new(),
            parent: None,
            schedule: None,
            slot: None,
            claim: ClaimNumber(1),
            node: None,
            boot: None,
            beat: 0,
            beat_at: None,
            started_at: Some(Timestamp(started)),
            stage: None,
            done: None,
            total: None,
            cancel_at: None,
            cancel_by: None,
            finished_at: Some(Timestamp(finished)),
            error_code: None,
            error: None,
            result: Some(result.into()),
        }
    }

    fn failed(id: i64) -> Task {
        Task { state: TaskState::Failed, ..completed(id, 0, 0, "null") }
    }

    fn cancelled(id: i64, result: Option<&str>) -> Task {
        let result = result.map(str::to_owned);
        Task { state: TaskState::Cancelled, result, ..completed(id, 90, 99, "") }
    }

    fn waiting_for(steps: &[Step]) -> Freshness {
        let freshness = Freshness::default();
        for step in steps {
            freshness.accepted(freshness.note(Instant::now()), *step);
        }
        freshness
    }

    #[track_caller]
    fn is_at(freshness: &Freshness, n_waiting: usize, n_published: u64) {
        assert_eq!(freshness.state().changes.len(), n_waiting);
        assert_eq!(freshness.times().waiting.is_some(), n_waiting > 0);
        assert_eq!(freshness.times().count, n_published);
    }

    #[test]
    fn a_change_waits_for_the_run_that_takes_it_up_whoever_runs_it() {
        let freshness = waiting_for(&[Step::Compile(asked(5, TaskState::Enqueued))]);
        for other in [completed(4, 90, 99, "{}"), failed(5), failed(6), cancelled(6, None)] {
            freshness.settle(&[], &[other]);
            is_at(&freshness, 1, 0);
        }
        freshness.settle(&[], &[failed(6), completed(5, 90, 99, "{}")]);
        is_at(&freshness, 0, 1);
        assert_eq!(freshness.times().last, Some(freshness.times().sum));
        // One that ran already may have read its inputs before: the next one counts.
        let freshness = waiting_for(&[Step::Compile(asked(5, TaskState::Running))]);
        freshness.settle(&[], &[completed(5, 90, 99, "{}")]);
        is_at(&freshness, 1, 0);
        freshness.settle(&[], &[completed(6, 100, 110, "{}"), completed(5, 90, 99, "{}")]);
        is_at(&freshness, 0, 1);
    }

    #[test]
    fn a_run_that_was_cancelled_when_it_had_published_counts() {
        let freshness = waiting_for(&[Step::Compile(asked(5, TaskState::Enqueued))]);
        freshness.settle(&[], &[cancelled(5, Some("{}"))]);
        is_at(&freshness, 0, 1);
    }

    #[test]
    fn a_change_of_the_tree_waits_for_the_compile_after_its_scan() {
        let freshness = waiting_for(&[Step::Scan(asked(7, TaskState::Enqueued))]);
        // A compile that began before the scan has ended has not seen it, whatever its number.
        let early = completed(8, 3_000, 9_000, "{}");
        freshness.settle(&[], std::slice::from_ref(&early));
        is_at(&freshness, 1, 0);
        freshness.settle(&[completed(7, 2_000, 5_000, "{\"written\":true}")], &[early]);
        is_at(&freshness, 1, 0);
        // It is accepted with the end of the scan, perhaps under an older number.
        freshness.settle(&[], &[completed(6, 5_001, 9_000, "{}")]);
        is_at(&freshness, 0, 1);
    }

    #[test]
    fn a_compile_that_follows_its_scan_counts_although_the_clock_was_set_back() {
        let freshness = waiting_for(&[Step::Scan(asked(7, TaskState::Enqueued))]);
        let follower = |scan| Task { parent: Some(TaskId(scan)), ..completed(8, 1, 2, "{}") };
        let scan = completed(7, 3_600_000, 3_605_000, "{\"written\":true}");
        freshness.settle(std::slice::from_ref(&scan), &[follower(6)]);
        is_at(&freshness, 1, 0);
        freshness.settle(&[scan], &[follower(7)]);
        is_at(&freshness, 0, 1);
    }

    #[test]
    fn a_scan_that_finds_nothing_ends_the_wait() {
        let freshness = waiting_for(&[Step::Scan(asked(7, TaskState::Running))]);
        freshness.settle(&[completed(8, 1, 2, "{\"written\":false}")], &[]);
        is_at(&freshness, 0, 0);
        assert_eq!(freshness.times(), PublishTimes::default());
    }

    #[test]
    fn changes_that_one_run_takes_up_count_once_and_others_wait_on() {
        let freshness = waiting_for(&[
            Step::Compile(asked(5, TaskState::Enqueued)),
            Step::Compile(asked(5, TaskState::Enqueued)),
            Step::Compile(asked(5, TaskState::Running)),
            Step::Acceptance,
        ]);
        freshness.settle(&[], &[completed(5, 1, 2, "{}")]);
        is_at(&freshness, 2, 1);
        assert!(freshness.is_waiting());
        freshness.settle(&[], &[completed(6, 3, 4, "{}")]);
        is_at(&freshness, 1, 2);
        assert!(!freshness.is_waiting(), "the store has nothing of it");
    }

    #[test]
    fn changes_are_bounded_and_those_beyond_wait_with_the_last_one() {
        let freshness = Freshness::default();
        let numbers: Vec<_> =
            (0..2 * MAX_CHANGES).map(|_| freshness.note(Instant::now())).collect();
        is_at(&freshness, MAX_CHANGES, 0);
        assert_eq!(numbers.get(MAX_CHANGES - 1), numbers.last());
        for number in numbers {
            freshness.accepted(number, Step::Compile(asked(5, TaskState::Enqueued)));
        }
        freshness.settle(&[], &[completed(5, 1, 2, "{}")]);
        is_at(&freshness, 0, 1);
    }
}
