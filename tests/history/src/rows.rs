//! What the store holds.

use std::collections::BTreeMap;

use store::operations::read::{Attempts, Events, Find, Found, List, ReadOverview};
use store::record::{Attempt, Task, TaskEvent, TaskId};
use store::{Error, Store};

/// The rows of a store.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// All tasks, by number.
    pub tasks: BTreeMap<i64, Task>,
    /// The attempts of all tasks, by task and claim.
    pub attempts: BTreeMap<(i64, i64), Attempt>,
    /// The events of all tasks, by number: the order of the store.
    pub events: BTreeMap<i64, TaskEvent>,
    /// How many tasks of a queue may run.
    pub budgets: BTreeMap<String, i64>,
}

/// As many rows as one look may return.
const PAGE: i64 = 1_000;

impl Rows {
    /// Reads everything. The store must be at rest, or the rows of a task may not fit to each other.
    pub async fn read(store: &Store) -> Result<Self, Error> {
        let mut rows = Self::default();
        let mut before = None;
        loop {
            let page = store.run(List { before, limit: PAGE, ..List::default() }).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            rows.tasks.extend(page.into_iter().map(|task| (task.id.0, task)));
        }
        for &id in rows.tasks.keys() {
            let attempts = store.run(Attempts(TaskId(id))).await?;
            let attempts = attempts.into_iter().map(|attempt| ((id, attempt.claim.0), attempt));
            rows.attempts.extend(attempts);
            let mut after = 0;
            loop {
                let page = store.run(Events { task: TaskId(id), after, limit: PAGE }).await?;
                let Some(last) = page.last() else { break };
                after = last.id;
                rows.events.extend(page.into_iter().map(|event| (event.id, event)));
            }
        }
        let queues = store.run(ReadOverview).await?.queues;
        rows.budgets = queues.into_iter().map(|queue| (queue.name, queue.max_running)).collect();
        Ok(rows)
    }

    /// Adds the rows that an earlier look has seen and that are missing now, because they were purged.
    /// Returns those that may not be missing, because the task had not ended: an error of the store.
    pub async fn remember(&mut self, earlier: Self, store: &Store) -> Result<Vec<TaskId>, Error> {
        let mut lost = Vec::new();
        for (id, task) in earlier.tasks {
            if self.tasks.contains_key(&id) {
                continue;
            }
            let is_purged = store.run(Find(TaskId(id))).await? == Found::Purged;
            if !is_purged || !task.state.is_terminal() {
                lost.push(TaskId(id));
            }
            let attempts = earlier.attempts.range((id, i64::MIN)..=(id, i64::MAX));
            self.attempts.extend(attempts.map(|(key, attempt)| (*key, attempt.clone())));
            let events = earlier.events.iter().filter(|(_, event)| event.task.0 == id);
            self.events.extend(events.map(|(key, event)| (*key, event.clone())));
            self.tasks.insert(id, task);
        }
        Ok(lost)
    }
}
