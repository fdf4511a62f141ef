//! Gives tasks to runners.

use super::{event, row};
use crate::error::Error;
use crate::operation::{Dialect, Operation, Transaction, Value, placeholders};
use crate::record::{Task, Timestamp, What};

/// A task that has begun to wait so many milliseconds after the present time has done so by a clock that
/// was set back since. It may run: waiting for its time would take as long as the clock was set back, an
/// hour perhaps for every task that waits.
pub const SET_BACK: i64 = 60_000;

/// Takes tasks that may run now: the most urgent of each queue, no more than its budget and the runner's
/// own room allow. A process that has lost the name of its node, or has said that it stops, gets none.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The node that will run them.
    pub node: String,
    /// Its process.
    pub boot: String,
    /// The site whose tasks it takes, beside those of no site; `None` if it takes all.
    pub site: Option<String>,
    /// The kinds that it knows.
    pub kinds: Vec<String>,
    /// How many more it can run of each queue.
    pub room: Vec<(String, usize)>,
}

impl Operation for Claim {
    type Reply = Vec<Task>;
    const NAME: &'static str = "claim";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<Task>, Error> {
        let room: Vec<_> = self.room.iter().filter(|(_, room)| *room > 0).collect();
        if room.is_empty() || self.kinds.is_empty() {
            return Ok(Vec::new());
        }
        if tx.dialect() == Dialect::Postgres {
            // Another node claims of the same queue at once: there is more to come, and the next look is
            // soon.
            tx.query("SELECT set_config('lock_timeout', '2s', true)", &[]).await?;
        }
        let now = tx.now().await?;
        let names: Vec<Value> = room.iter().map(|(name, _)| name.into()).collect();
        let list = placeholders(1, names.len());
        // The lock and the count are two statements: the snapshot of one would be older than the lock that
        // it waits for, and two claimers would both see room.
        let (by_bytes, lock) = (tx.dialect().by_bytes(), tx.dialect().for_update());
        let budgets = tx
            .query(
                &format!(
                    "SELECT name, max_running FROM queue WHERE paused_at IS NULL AND name IN({list})
                     ORDER BY name{by_bytes}{lock}"
                ),
                &names,
            )
            .await?;
        // After the queues, in the order in which everybody locks.
        if budgets.is_empty() || !self.is_current(tx).await? {
            return Ok(Vec::new());
        }
        let counts = tx
            .query(
                &format!(
                    "SELECT queue, count(*) FROM task WHERE state = 'running' AND queue IN({list})
                     GROUP BY queue"
                ),
                &names,
            )
            .await?;
        let mut claimed = Vec::new();
        for budget in &budgets {
            let (queue, max_running) = (budget.text(0)?, budget.int(1)?);
            let mut running = 0;
            for count in &counts {
                if count.text(0)? == queue {
                    running = count.int(1)?;
                }
            }
            let own = room.iter().find(|(name, _)| *name == queue).map_or(0, |(_, room)| *room);
            let free = (max_running - running).min(i64::try_from(own).unwrap_or(i64::MAX));
            if free > 0 {
                claimed.extend(self.claim(tx, &queue, free, now).await?);
            }
        }
        for task in &claimed {
            self.begin_attempt(tx, task, now).await?;
        }
        Ok(claimed)
    }
}

impl Claim {
    /// Whether this process is still the node's, and goes on. The lock keeps another one from taking the
    /// name, and from ending what its predecessor has, before this claim is there to be ended. Heartbeats
    /// do not wait for it.
    async fn is_current<T: Transaction>(&self, tx: &mut T) -> Result<bool, Error> {
        let lock = tx.dialect().for_key_share();
        let sql = format!("SELECT id FROM node WHERE id = ?1 AND boot = ?2 AND stopping = 0{lock}");
        let rows = tx.query(&sql, &[(&self.node).into(), (&self.boot).into()]).await?;
        Ok(!rows.is_empty())
    }

    async fn claim<T: Transaction>(
        &self,
        tx: &mut T,
        queue: &str,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<Task>, Error> {
        let mut parameters: Vec<Value> =
            vec![queue.into(), now.into(), limit.into(), (&self.node).into(), (&self.boot).into()];
        let kinds = placeholders(parameters.len() + 1, self.kinds.len());
        parameters.extend(self.kinds.iter().map(Value::from));
        let of_site = match &self.site {
            Some(site) => {
                parameters.push(site.into());
                format!("AND (site IS NULL OR site = ?{})", parameters.len())
            }
            None => String::new(),
        };
        let (skip, columns) = (tx.dialect().for_update_skip_locked(), row::COLUMNS);
        // MATERIALIZED: joined as a loop, the subquery would be run again, and more rows be updated than
        // its limit (Oban #652).
        let rows = tx
            .query(
                &format!(
                    "WITH pick AS MATERIALIZED (
                         SELECT id FROM task
                         WHERE queue = ?1 AND state = 'enqueued' AND kind IN({kinds}) AND (run_after <= ?2
                             OR COALESCE(beat_at, created_at) > ?2 + {SET_BACK}) {of_site}
                         ORDER BY priority * 600000 + run_after, id LIMIT ?3{skip}
                     )
                     UPDATE task SET state = 'running', claim = claim + 1, beat = 0, rerun = 0, node = ?4,
                         boot = ?5, started_at = ?2, beat_at = ?2, stage = NULL, done = NULL, total = NULL
                     FROM pick WHERE task.id = pick.id AND task.state = 'enqueued'
                     RETURNING {columns}"
                ),
                &parameters,
            )
            .await?;
        let mut tasks = rows.iter().map(row::task).collect::<Result<Vec<_>, _>>()?;
        tasks.sort_by_key(|task| {
            (task.priority.saturating_mul(600_000).saturating_add(task.run_after.0), task.id)
        });
        Ok(tasks)
    }

    async fn begin_attempt<T: Transaction>(
        &self,
        tx: &mut T,
        task: &Task,
        now: Timestamp,
    ) -> Result<(), Error> {
        tx.query(
            "INSERT INTO task_attempt(task, claim, node, boot, started) VALUES(?1, ?2, ?3, ?4, ?5)",
            &[
                task.id.0.into(),
                task.claim.0.into(),
                (&self.node).into(),
                (&self.boot).into(),
                now.into(),
            ],
        )
        .await?;
        let detail = format!("attempt {}", task.claim.0);
        event::record(tx, task.id, now, &self.node, What::Claimed, &detail).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::Store;
    use crate::operations::enqueue::Enqueue;
    use crate::operations::finish::{End, Finish};
    use crate::operations::node::StartNode;
    use crate::record::{NewTask, OnLoss};
    use crate::sqlite::Inline;

    const HOUR: i64 = 3_600_000;

    #[tokio::test]
    async fn what_waits_by_a_clock_that_was_set_back_is_run_all_the_same() {
        let time = Arc::new(AtomicI64::new(10 * HOUR));
        let clock = Arc::clone(&time);
        let inline = Inline::new(Arc::new(move || Timestamp(clock.load(Ordering::Relaxed))));
        let store = Store::from(inline.unwrap());
        let new = NewTask {
            kind: "test".into(),
            queue: "cpu".into(),
            priority: 0,
            args: "{}".into(),
            summary: String::new(),
            site: None,
            unique_key: None,
            request_id: None,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            delay: 0,
            actor: String::new(),
            parent: None,
        };
        let start = StartNode {
            node: "a".into(),
            boot: "1".into(),
            site: None,
            files: String::new(),
            version: String::new(),
            kinds: vec!["test".into()],
            queues: vec![("cpu".into(), 1)],
            schedules: vec![],
        };
        store.run(start).await.unwrap();
        store.run(Enqueue(new)).await.unwrap();
        let claim = Claim {
            node: "a".into(),
            boot: "1".into(),
            site: None,
            kinds: vec!["test".into()],
            room: vec![("cpu".into(), 1)],
        };
        time.fetch_sub(HOUR, Ordering::Relaxed);
        let claimed = store.run(claim.clone()).await.unwrap();
        let (id, number) = (claimed[0].id, claimed[0].claim);
        // What waits by the present clock waits for its time.
        let (code, error) = (String::new(), String::new());
        let end = End::Failed { code, error, retry_after: Some(5_000) };
        let finish = Finish {
            id,
            claim: number,
            node: "a".into(),
            boot: "1".into(),
            end,
            stages: None,
            then: vec![],
        };
        store.run(finish).await.unwrap();
        assert!(store.run(claim.clone()).await.unwrap().is_empty());
        time.fetch_sub(HOUR, Ordering::Relaxed);
        assert_eq!(store.run(claim).await.unwrap().len(), 1);
    }
}
