//! A process starts and stops.

use super::lose::lose;
use super::renew::Heartbeat;
use crate::error::Error;
use crate::operation::{Operation, Transaction, placeholders};
use crate::record::{ClaimNumber, NewSchedule, TaskId, slot_of};

/// A process takes the name of a node. What its predecessor had is ended at once: with the name, another
/// process has lost everything. The queues and schedules become those that are configured.
#[derive(Clone, Debug)]
pub struct StartNode {
    /// The name of the node.
    pub node: String,
    /// The process: another one at each start.
    pub boot: String,
    /// The version of the program.
    pub version: String,
    /// The kinds that it runs.
    pub kinds: Vec<String>,
    /// Names of queues, and how many of their tasks may run at the same time.
    pub queues: Vec<(String, i64)>,
    /// All schedules.
    pub schedules: Vec<NewSchedule>,
}

/// What a start has found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Started {
    /// How many tasks of its predecessor were ended.
    pub lost: usize,
}

impl Operation for StartNode {
    type Reply = Started;
    const NAME: &'static str = "start_node";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Started, Error> {
        let now = tx.now().await?;
        // Queues by name and then the node: in the order in which a claim locks them.
        let mut queues: Vec<_> = self.queues.iter().collect();
        queues.sort();
        for (name, max_running) in queues {
            tx.query(
                "INSERT INTO queue(name, max_running) VALUES(?1, ?2)
                 ON CONFLICT(name) DO UPDATE SET max_running = excluded.max_running",
                &[name.into(), (*max_running).max(0).into()],
            )
            .await?;
        }
        tx.query(
            "INSERT INTO node(id, boot, version, kinds, started_at, seen_at, stopping)
             VALUES(?1, ?2, ?3, ?4, ?5, ?5, 0)
             ON CONFLICT(id) DO UPDATE SET boot = excluded.boot, version = excluded.version,
                 kinds = excluded.kinds, started_at = excluded.started_at, seen_at = excluded.seen_at,
                 stopping = 0",
            &[
                (&self.node).into(),
                (&self.boot).into(),
                (&self.version).into(),
                self.kinds.join(" ").into(),
                now.into(),
            ],
        )
        .await?;
        self.set_schedules(tx).await?;
        self.end_predecessor(tx).await
    }
}

impl StartNode {
    async fn set_schedules<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        let now = tx.now().await?;
        for NewSchedule { id, period, phase, catch_up, task } in &self.schedules {
            let period = (*period).max(1);
            // A schedule that is new runs at once. One whose slots are others now has missed none of them.
            let last_slot = slot_of(now, period, *phase).plus(-period);
            tx.query(
                "INSERT INTO schedule(id, kind, queue, priority, args, summary, unique_key, on_loss,
                     max_failures, period, phase, catch_up, last_slot)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT(id) DO UPDATE SET kind = excluded.kind, queue = excluded.queue,
                     priority = excluded.priority, args = excluded.args, summary = excluded.summary,
                     unique_key = excluded.unique_key, on_loss = excluded.on_loss,
                     max_failures = excluded.max_failures, period = excluded.period,
                     phase = excluded.phase, catch_up = excluded.catch_up,
                     last_slot = CASE WHEN schedule.last_slot < excluded.last_slot
                             AND (schedule.period <> excluded.period OR schedule.phase <> excluded.phase)
                         THEN excluded.last_slot ELSE schedule.last_slot END",
                &[
                    id.into(),
                    (&task.kind).into(),
                    (&task.queue).into(),
                    task.priority.into(),
                    (&task.args).into(),
                    (&task.summary).into(),
                    task.unique_key.clone().into(),
                    task.on_loss.as_str().into(),
                    task.max_failures.max(1).into(),
                    period.into(),
                    (*phase).into(),
                    catch_up.as_str().into(),
                    last_slot.into(),
                ],
            )
            .await?;
        }
        let names: Vec<_> = self.schedules.iter().map(|schedule| (&schedule.id).into()).collect();
        match names.is_empty() {
            true => tx.query("DELETE FROM schedule", &[]).await?,
            false => {
                let list = placeholders(1, names.len());
                tx.query(&format!("DELETE FROM schedule WHERE id NOT IN({list})"), &names).await?
            }
        };
        Ok(())
    }

    async fn end_predecessor<T: Transaction>(&self, tx: &mut T) -> Result<Started, Error> {
        let mut rows = tx
            .query(
                "SELECT id, claim, beat FROM task WHERE state = 'running' AND node = ?1 AND boot <> ?2",
                &[(&self.node).into(), (&self.boot).into()],
            )
            .await?;
        // Locked in the order of their numbers, as everywhere.
        rows.sort_by_key(|row| row.int(0).unwrap_or_default());
        let mut lost = 0;
        for row in rows {
            let seen = Heartbeat {
                id: TaskId(row.int(0)?),
                claim: ClaimNumber(row.int(1)?),
                beat: row.int(2)?,
                node: self.node.clone(),
            };
            let state = lose(tx, &seen, &self.node, "a new process took over").await?;
            lost += usize::from(state.is_some());
        }
        Ok(Started { lost })
    }
}

/// A process takes no more tasks.
#[derive(Clone, Debug)]
pub struct StopNode {
    /// The name of the node.
    pub node: String,
    /// Its process.
    pub boot: String,
}

impl Operation for StopNode {
    type Reply = ();
    const NAME: &'static str = "stop_node";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        let now = tx.now().await?;
        tx.query(
            "UPDATE node SET stopping = 1, seen_at = ?3 WHERE id = ?1 AND boot = ?2",
            &[(&self.node).into(), (&self.boot).into(), now.into()],
        )
        .await
        .map(drop)
    }
}
