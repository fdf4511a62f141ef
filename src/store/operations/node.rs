//! A process starts and stops.

use super::lock;
use super::lose::lose;
use super::renew::Heartbeat;
use crate::error::Error;
use crate::operation::{Operation, Transaction};
use crate::record::{ClaimNumber, NewSchedule, TaskId, Timestamp, bounded, bounds, slot_of};

/// How long ago a node may have been seen to count as running, in milliseconds: four heartbeats, which are at
/// most 15 s apart.
pub const IS_LIVE: i64 = 60_000;

/// A process takes the name of a node. What its predecessor had is ended at once: with the name, another
/// process has lost everything. The queues become those that are configured, and the node declares its
/// schedules. A schedule that no node declares any more is removed; nodes that are down still declare theirs.
#[derive(Clone, Debug)]
pub struct StartNode {
    /// The name of the node.
    pub node: String,
    /// The process: another one at each start.
    pub boot: String,
    /// The site whose files it has; `None` if it takes tasks of all sites.
    pub site: Option<String>,
    /// These files, a line each. Who has others is no node of this site.
    pub files: String,
    /// The version of the program.
    pub version: String,
    /// The kinds that it runs.
    pub kinds: Vec<String>,
    /// Names of queues, and how many of their tasks may run at the same time.
    pub queues: Vec<(String, i64)>,
    /// The schedules that it declares.
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
        // Queues by name, then the node, schedules and tasks: in the order in which everybody locks.
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
        self.refuse_other_files(tx, now).await?;
        tx.query(
            "INSERT INTO node(id, boot, version, kinds, started_at, seen_at, stopping, site, files)
             VALUES(?1, ?2, ?3, ?4, ?5, ?5, 0, ?6, ?7)
             ON CONFLICT(id) DO UPDATE SET boot = excluded.boot, version = excluded.version,
                 kinds = excluded.kinds, started_at = excluded.started_at, seen_at = excluded.seen_at,
                 stopping = 0, site = excluded.site, files = excluded.files",
            &[
                (&self.node).into(),
                (&self.boot).into(),
                (&self.version).into(),
                self.kinds.join(" ").into(),
                now.into(),
                self.site.clone().into(),
                (&self.files).into(),
            ],
        )
        .await?;
        until_no_claim(tx, &self.node).await?;
        self.set_schedules(tx).await?;
        self.end_predecessor(tx).await
    }
}

impl StartNode {
    /// Refuses to be one of a site whose other nodes have other files: one would do the work of the other on
    /// the wrong ones.
    async fn refuse_other_files<T: Transaction>(
        &self,
        tx: &mut T,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(site) = &self.site else { return Ok(()) };
        if self.files.len() > bounds::ARGS || self.files.contains('\0') {
            return Err(Error::Refused("the names of its files are too long".to_owned()));
        }
        let rows = tx
            .query(
                "SELECT id, files FROM node WHERE site = ?1 AND id <> ?2 AND files <> ?3
                     AND stopping = 0 AND seen_at > ?4 ORDER BY id LIMIT 1",
                &[
                    site.into(),
                    (&self.node).into(),
                    (&self.files).into(),
                    now.plus(-IS_LIVE).into(),
                ],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let (node, files) = (row.text(0)?, row.text(1)?);
        let other = files.lines().find(|file| !self.files.lines().any(|own| own == *file));
        let own = self.files.lines().find(|file| !files.lines().any(|other| other == *file));
        let shown = |file: Option<&str>| bounded(file.unwrap_or("nothing"), bounds::LINE);
        Err(Error::Refused(format!(
            "site {site}: node {node}, which runs, has {}, and this process {}: give it a site of its \
             own, or the same files",
            shown(other),
            shown(own)
        )))
    }

    async fn set_schedules<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        let now = tx.now().await?;
        lock::all_schedules(tx).await?;
        tx.query("DELETE FROM schedule_node WHERE node = ?1", &[(&self.node).into()]).await?;
        let mut schedules: Vec<_> = self.schedules.iter().collect();
        schedules.sort_by_key(|schedule| &schedule.id);
        for NewSchedule { id, period, phase, catch_up, task } in schedules {
            let period = (*period).max(1);
            // A schedule that is new runs at once. One whose slots are others now has missed none of them.
            let last_slot = slot_of(now, period, *phase).plus(-period);
            tx.query(
                "INSERT INTO schedule(id, kind, queue, priority, args, summary, unique_key, on_loss,
                     max_failures, period, phase, catch_up, last_slot, site)
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT(id) DO UPDATE SET site = excluded.site, kind = excluded.kind,
                     queue = excluded.queue, priority = excluded.priority, args = excluded.args, summary = excluded.summary,
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
                    task.site.clone().into(),
                ],
            )
            .await?;
            tx.query(
                "INSERT INTO schedule_node(schedule, node) VALUES(?1, ?2)",
                &[id.into(), (&self.node).into()],
            )
            .await?;
        }
        remove_undeclared(tx).await
    }

    async fn end_predecessor<T: Transaction>(&self, tx: &mut T) -> Result<Started, Error> {
        let mut rows = tx
            .query(
                "SELECT id, claim, beat, boot FROM task WHERE state = 'running' AND node = ?1 AND boot <> ?2",
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
                boot: row.text(3)?,
            };
            let state = lose(tx, &seen, &self.node, "a new process took over").await?;
            lost += usize::from(state.is_some());
        }
        Ok(Started { lost })
    }
}

/// Waits until no claim of a node is under way, and lets none begin before the end of the transaction.
async fn until_no_claim<T: Transaction>(tx: &mut T, node: &str) -> Result<(), Error> {
    let lock = tx.dialect().for_update();
    let sql = format!("SELECT id FROM node WHERE id = ?1{lock}");
    tx.query(&sql, &[node.into()]).await.map(drop)
}

/// Removes the schedules that no node declares. All schedules must be [locked](lock::all_schedules).
pub(super) async fn remove_undeclared<T: Transaction>(tx: &mut T) -> Result<(), Error> {
    let sql = "DELETE FROM schedule WHERE NOT EXISTS(
                   SELECT 1 FROM schedule_node WHERE schedule_node.schedule = schedule.id)";
    tx.query(sql, &[]).await.map(drop)
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
        .await?;
        until_no_claim(tx, &self.node).await
    }
}
