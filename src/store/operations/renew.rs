//! Keeps tasks with their runners.

use crate::error::Error;
use crate::operation::{Operation, Transaction};
use crate::record::{ClaimNumber, TaskId, bounded, bounds};

/// Says that a process is alive, and which of its tasks are.
#[derive(Clone, Debug)]
pub struct Renew {
    /// The node.
    pub node: String,
    /// Its process.
    pub boot: String,
    /// Its tasks that make progress.
    pub tasks: Vec<Progress>,
}

/// How far a task is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The task.
    pub id: TaskId,
    /// The claim under which it runs.
    pub claim: ClaimNumber,
    /// What it is doing.
    pub stage: Option<String>,
    /// How much of that is done.
    pub done: Option<i64>,
    /// Of how much.
    pub total: Option<i64>,
}

/// What a process learns when it renews.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renewed {
    /// Whether the process is still the node's: otherwise another one has taken its name.
    pub is_current: bool,
    /// The tasks that it still has. Those that are missing are lost: they may publish nothing any more.
    pub kept: Vec<Kept>,
}

/// A task that a process still has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The task.
    pub id: TaskId,
    /// The claim under which it runs.
    pub claim: ClaimNumber,
    /// Who has asked to end it, if somebody has.
    pub cancelled_by: Option<String>,
}

impl Operation for Renew {
    type Reply = Renewed;
    const NAME: &'static str = "renew";
    const IS_URGENT: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Renewed, Error> {
        let now = tx.now().await?;
        // First, as everybody locks a node before its tasks.
        let nodes = tx
            .query(
                "UPDATE node SET seen_at = ?3 WHERE id = ?1 AND boot = ?2 RETURNING id",
                &[(&self.node).into(), (&self.boot).into(), now.into()],
            )
            .await?;
        let mut tasks: Vec<&Progress> = self.tasks.iter().collect();
        // Always locked in one order, so that two processes never wait for each other.
        tasks.sort_by_key(|task| task.id);
        let mut kept = Vec::new();
        for task in tasks {
            let stage = task.stage.as_deref().map(|stage| bounded(stage, bounds::LINE));
            let rows = tx
                .query(
                    "UPDATE task SET beat = beat + 1, beat_at = ?4, stage = ?5, done = ?6, total = ?7
                     WHERE id = ?1 AND claim = ?2 AND boot = ?3 AND state = 'running'
                     RETURNING cancel_by, cancel_at",
                    &[
                        task.id.0.into(),
                        task.claim.0.into(),
                        (&self.boot).into(),
                        now.into(),
                        stage.into(),
                        task.done.into(),
                        task.total.into(),
                    ],
                )
                .await?;
            if let Some(row) = rows.first() {
                let cancelled_by = row.int_or_null(1)?.map(|_| row.text(0)).transpose()?;
                kept.push(Kept { id: task.id, claim: task.claim, cancelled_by });
            }
        }
        Ok(Renewed { is_current: !nodes.is_empty(), kept })
    }
}

/// All claims that are held now, for those who watch whether they move.
#[derive(Clone, Debug)]
pub struct Running;

/// A claim and its beat.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Heartbeat {
    /// The task.
    pub id: TaskId,
    /// The claim.
    pub claim: ClaimNumber,
    /// How often it was renewed.
    pub beat: i64,
    /// The node that holds it.
    pub node: String,
    /// Its process.
    pub boot: String,
}

impl Operation for Running {
    type Reply = Vec<Heartbeat>;
    const NAME: &'static str = "running";
    const READS_ONLY: bool = true;
    const IS_URGENT: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<Heartbeat>, Error> {
        // Sorted here: for an order by id, SQLite would read all rows of the table.
        let sql = "SELECT id, claim, beat, node, boot FROM task WHERE state = 'running'";
        let rows = tx.query(sql, &[]).await?;
        let heartbeat = |row: &crate::operation::Row| {
            Ok(Heartbeat {
                id: TaskId(row.int(0)?),
                claim: ClaimNumber(row.int(1)?),
                beat: row.int(2)?,
                node: row.text(3)?,
                boot: row.text(4)?,
            })
        };
        let mut running = rows.iter().map(heartbeat).collect::<Result<Vec<_>, Error>>()?;
        running.sort_by_key(|heartbeat| heartbeat.id);
        Ok(running)
    }
}
