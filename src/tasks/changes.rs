//! Wakes those who wait for tasks, without polling: within a process, and as hints between processes.
//!
//! A change is a hint, not news: who is woken looks into the store. So a hint too many costs a look, and one
//! that is missing costs time, because everybody who waits looks now and then all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::record::TaskId;
use tokio::sync::watch;
use tokio::time::Instant;

/// How many points in time are remembered at which somebody is to look. More are left to polling.
const MAX_ALARMS: usize = 1_000;

/// Tells of changes of tasks. Clones tell together.
#[derive(Clone, Default)]
pub struct Changes(Arc<State>);

struct State {
    /// Counts all changes.
    all: watch::Sender<u64>,
    /// Counts those of one task, for tasks that somebody watches.
    tasks: Mutex<BTreeMap<TaskId, watch::Sender<u64>>>,
    /// When tasks that wait for their time may run.
    alarms: Mutex<BTreeSet<Instant>>,
}

impl Default for State {
    fn default() -> Self {
        Self { all: watch::Sender::new(0), tasks: Mutex::default(), alarms: Mutex::default() }
    }
}

impl Changes {
    /// Something has changed: wakes everybody who waits for anything, such as nodes, which look for tasks.
    pub fn note(&self) {
        count(&self.0.all);
    }

    /// A task has changed: wakes those who wait for it as well.
    pub fn note_task(&self, id: TaskId) {
        if let Some(watched) = lock(&self.0.tasks).get(&id) {
            count(watched);
        }
        self.note();
    }

    /// A task may run in a while: nodes look for it then.
    pub fn note_after(&self, delay: Duration) {
        let mut alarms = lock(&self.0.alarms);
        // A moment later than the store's clock, which counts whole milliseconds.
        let at = Instant::now().checked_add(delay + Duration::from_millis(2));
        if let Some(at) = at.filter(|_| alarms.len() < MAX_ALARMS) {
            alarms.insert(at);
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
        Watch(self.0.all.subscribe())
    }

    /// Sees changes of one task from now on.
    pub fn watch_task(&self, id: TaskId) -> TaskWatch {
        let mut tasks = lock(&self.0.tasks);
        let sender = tasks.entry(id).or_insert_with(|| watch::Sender::new(0));
        TaskWatch { receiver: Watch(sender.subscribe()), id, changes: self.clone() }
    }

    /// How many wait for one task each.
    pub(crate) fn n_task_watches(&self) -> usize {
        lock(&self.0.tasks).values().map(watch::Sender::receiver_count).sum()
    }
}

fn count(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count = count.wrapping_add(1));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees changes.
pub struct Watch(watch::Receiver<u64>);

impl Watch {
    /// Returns at the next change, at once if there was one since the last call.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody can change anything any more.
            std::future::pending::<()>().await;
        }
    }
}

/// Sees changes of one task.
pub struct TaskWatch {
    receiver: Watch,
    id: TaskId,
    changes: Changes,
}

impl TaskWatch {
    /// Returns at the next change, at once if there was one since the last call.
    pub async fn changed(&mut self) {
        self.receiver.changed().await;
    }
}

impl Drop for TaskWatch {
    fn drop(&mut self) {
        let mut tasks = lock(&self.changes.0.tasks);
        // This one's receiver is still there.
        if tasks.get(&self.id).is_some_and(|sender| sender.receiver_count() <= 1) {
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
        drop(one);
        assert!(lock(&changes.0.tasks).is_empty(), "nobody watches any more");
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
