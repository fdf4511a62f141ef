//! Removes what ended long ago.

use super::{lock, node};
use crate::error::Error;
use crate::operation::{Operation, Transaction};

/// Removes tasks of a kind that ended long ago, but the last one of each outcome (success, failure, …) of
/// the kind and of each of its schedules. No task that has not ended is ever removed.
#[derive(Clone, Debug)]
pub struct Purge {
    /// The kind; `None` stands for all kinds but those in `except`.
    pub kind: Option<String>,
    /// Kinds that have limits of their own.
    pub except: Vec<String>,
    /// How long ended tasks are kept, in milliseconds.
    pub keep: i64,
    /// At most so many are removed at once, so that nobody waits long.
    pub limit: i64,
}

impl Operation for Purge {
    /// How many were removed. If it is the limit, there may be more.
    type Reply = i64;
    const NAME: &'static str = "purge";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<i64, Error> {
        let now = tx.now().await?;
        let before = now.plus(-self.keep.max(0));
        let mut parameters = vec![before.into(), self.limit.clamp(1, 10_000).into()];
        let kinds = match &self.kind {
            Some(kind) => {
                parameters.push(kind.into());
                "task.kind = ?3".to_owned()
            }
            None if self.except.is_empty() => "1 = 1".to_owned(),
            None => {
                parameters.extend(self.except.iter().map(Into::into));
                let list = crate::operation::placeholders(3, self.except.len());
                format!("task.kind NOT IN({list})")
            }
        };
        // A task stays while none of its kind and schedule that ended alike has ended later.
        let rows = tx
            .query(
                &format!(
                    "DELETE FROM task WHERE id IN(
                         SELECT task.id FROM task
                         WHERE task.finished_at < ?1 AND {kinds}
                             AND EXISTS(
                                 SELECT 1 FROM task later
                                 WHERE later.kind = task.kind
                                     AND COALESCE(later.schedule, '') = COALESCE(task.schedule, '')
                                     AND later.state = task.state
                                     AND later.finished_at >= task.finished_at
                                     AND (later.finished_at > task.finished_at
                                         OR (later.finished_at = task.finished_at AND later.id > task.id)))
                         ORDER BY task.finished_at, task.id LIMIT ?2)
                     RETURNING id"
                ),
                &parameters,
            )
            .await?;
        Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    }
}

/// Removes nodes that have not been seen for so many milliseconds, and have no task, with the schedules that
/// no other node declares.
#[derive(Clone, Debug)]
pub struct PurgeNodes(pub i64);

impl Operation for PurgeNodes {
    /// Their names.
    type Reply = Vec<String>;
    const NAME: &'static str = "purge_nodes";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let before = tx.now().await?.plus(-self.0.max(0));
        let rows = tx
            .query(
                "DELETE FROM node WHERE seen_at < ?1 AND NOT EXISTS(
                     SELECT 1 FROM task WHERE task.node = node.id AND task.state = 'running')
                 RETURNING id",
                &[before.into()],
            )
            .await?;
        if !rows.is_empty() {
            lock::all_schedules(tx).await?;
            node::remove_undeclared(tx).await?;
        }
        rows.iter().map(|row| row.text(0)).collect()
    }
}
