//! Wakes those who wait for tasks, without polling: within a process, and as hints between processes.
//!
//! A change is a hint, not news: who is woken looks into the store. So a hint too many costs a look, and one
//! that is missing costs time, because everybody who waits looks now and then all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::record::TaskId;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many points in time are remembered at which somebody is to look. More are left to polling.
const MAX_ALARMS: usize = 1_000;

/// Tells of changes of tasks. Clones tell together.
#[derive(Clone, Default)]
pub struct Changes(Arc<State>);

#[derive(Default)]
struct State {
    /// Counts all changes.
    all: Arc<Counter>,
    /// Counts those of one task, for tasks that somebody watches.
    tasks: Mutex<BTreeMap<TaskId, Arc<Counter>>>,
    /// When tasks that wait for their time may run.
    alarms: Mutex<BTreeSet<Instant>>,
}

/// Counts changes. It wakes those who wait in the order in which they have come; tokio's `watch` wakes them
/// in a random one, so that a simulation would not be the same twice.
#[derive(Default)]
struct Counter {
    count: AtomicU64,
    notify: Notify,
}

impl Counter {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    fn watch(self: &Arc<Self>) -> Watch {
        Watch { counter: Arc::clone(self), seen: self.count.load(Ordering::Acquire) }
    }
}

impl Changes {
    /// Something has changed: wakes everybody who waits for anything, such as nodes, which look for tasks.
    pub fn note(&self) {
        self.0.all.add();
    }

    /// A task has changed: wakes those who wait for it as well.
    pub fn note_task(&self, id: TaskId) {
        if let Some(watched) = lock(&self.0.tasks).get(&id) {
            watched.add();
        }
        self.note();
    }

    /// Something has changed, and who says so does not know what: wakes everybody, also those who wait for
    /// one task.
    pub fn note_anything(&self) {
        lock(&self.0.tasks).values().for_each(|watched| watched.add());
        self.note();
    }

    /// A task may run in a while: nodes look for it then.
    pub fn note_after(&self, delay: Duration) {
        let mut alarms = lock(&self.0.alarms);
        // A moment later than the store's clock, which counts whole milliseconds.
        let at = Instant::now().checked_add(delay + Duration::from_millis(2));
        alarms.extend(at);
        if alarms.len() > MAX_ALARMS {
            // The last one: until then somebody looks all the same.
            alarms.pop_last();
        }
    }

    /// The next point in time after `now` at which a task may run that was noted.
    pub fn next_alarm(&self, now: Instant) -> Option<Instant> {
        let mut alarms = lock(&self.0.alarms);
        while alarms.first().is_some_and(|&first| first <= now) {
            alarms.pop_first();
        }
        alarms.first().copied()
    }

    /// Sees all changes from now on.
    pub fn watch(&self) -> Watch {
        self.0.all.watch()
    }

    /// Sees changes of one task from now on.
    pub fn watch_task(&self, id: TaskId) -> TaskWatch {
        let mut tasks = lock(&self.0.tasks);
        let watch = tasks.entry(id).or_default().watch();
        TaskWatch { watch, id, changes: self.clone() }
    }

    /// How many wait for one task each.
    pub(crate) fn n_task_watches(&self) -> usize {
        lock(&self.0.tasks).values().map(n_watches).sum()
    }
}

/// How many watch a task: everybody but the map holds its counter for that.
fn n_watches(counter: &Arc<Counter>) -> usize {
    Arc::strong_count(counter).saturating_sub(1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees changes.
pub struct Watch {
    counter: Arc<Counter>,
    seen: u64,
}

impl Watch {
    /// Returns at the next change, at once if there was one since the last call.
    pub async fn changed(&mut self) {
        loop {
            // It is woken by whatever happens from here on.
            let notified = self.counter.notify.notified();
            let count = self.counter.count.load(Ordering::Acquire);
            if count != self.seen {
                self.seen = count;
                return;
            }
            notified.await;
        }
    }
}

/// Sees changes of one task.
pub struct TaskWatch {
    watch: Watch,
    id: TaskId,
    changes: Changes,
}

impl TaskWatch {
    /// Returns at the next change, at once if there was one since the last call.
    pub async fn changed(&mut self) {
        self.watch.changed().await;
    }
}

impl Drop for TaskWatch {
    fn drop(&mut self) {
        let mut tasks = lock(&self.changes.0.tasks);
        // This one is still among them.
        if tasks.get(&self.id).is_some_and(|counter| n_watches(counter) <= 1) {
            tasks.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_one_task_is_not_woken_by_others() {
        let changes = Changes::default();
        let (mut all, mut one) = (changes.watch(), changes.watch_task(TaskId(1)));
        changes.note_task(TaskId(2));
        all.changed().await;
        let waits = tokio::time::timeout(Duration::from_secs(1), one.changed()).await;
        assert!(waits.is_err(), "2 has changed, not 1");
        changes.note_task(TaskId(1));
        one.changed().await;
        all.changed().await;
        changes.note_anything();
        one.changed().await;
        all.changed().await;
        drop(one);
        assert!(lock(&changes.0.tasks).is_empty(), "nobody watches any more");
    }

    #[tokio::test(start_paused = true)]
    async fn many_far_alarms_do_not_keep_out_a_near_one() {
        let changes = Changes::default();
        let now = Instant::now();
        for n in 0..2_000 {
            changes.note_after(Duration::from_secs(1_000 + n));
        }
        changes.note_after(Duration::from_secs(1));
        let next = changes.next_alarm(now).expect("many are set");
        assert!(next < now + Duration::from_secs(2));
        assert_eq!(lock(&changes.0.alarms).len(), MAX_ALARMS);
    }

    #[tokio::test(start_paused = true)]
    async fn alarms_are_passed_once() {
        let changes = Changes::default();
        let now = Instant::now();
        changes.note_after(Duration::from_secs(2));
        changes.note_after(Duration::from_secs(1));
        let first = changes.next_alarm(now).expect("two are set");
        let second = changes.next_alarm(first).expect("one is set");
        assert!(first < second);
        assert_eq!(changes.next_alarm(second), None);
    }
}
