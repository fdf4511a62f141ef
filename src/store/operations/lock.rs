//! The order in which rows are locked, so that no two operations ever wait for each other in a circle.
//!
//! On PostgreSQL, an operation keeps every row that it has changed or locked until it ends, and waits where
//! another one has it. So all of them lock in one order: queues by name, the node, schedules by name, tasks
//! by number. A task that is inserted has the highest number of all. Who cannot know in time which tasks it
//! will change asks here for all of them first. What waits for nobody, as a claim with SKIP LOCKED, may lock
//! tasks in any order.
//!
//! SQLite has one writer at a time, and no need for any of this.

use crate::error::Error;
use crate::operation::{Dialect, Transaction, Value, placeholders};
use crate::record::TaskId;

/// Locks a task, if one is named, and all tasks of these keys that wait or run, in the order of their numbers.
pub(super) async fn tasks<T: Transaction>(
    tx: &mut T,
    id: Option<TaskId>,
    keys: &[&str],
) -> Result<(), Error> {
    if tx.dialect() == Dialect::Sqlite || keys.is_empty() {
        return Ok(());
    }
    let mut parameters: Vec<Value> = keys.iter().map(|key| (*key).into()).collect();
    let list = placeholders(1, keys.len());
    let or_one = match id {
        Some(TaskId(id)) => {
            parameters.push(id.into());
            format!(" UNION SELECT CAST(?{} AS BIGINT)", parameters.len())
        }
        None => String::new(),
    };
    let lock = tx.dialect().for_no_key_update();
    let sql = format!(
        "SELECT id FROM task WHERE id IN(
             SELECT id FROM task WHERE unique_key IN({list}) AND state IN('enqueued','running'){or_one})
         ORDER BY id{lock}"
    );
    tx.query(&sql, &parameters).await.map(drop)
}

/// Locks the schedules that a good end of a task is noted in, by name.
pub(super) async fn schedules_of<T: Transaction>(tx: &mut T, id: TaskId) -> Result<(), Error> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let (by_bytes, lock) = (tx.dialect().by_bytes(), tx.dialect().for_no_key_update());
    let sql = format!(
        "SELECT schedule.id FROM schedule
         JOIN task ON task.kind = schedule.kind AND task.args = schedule.args
             AND task.site IS NOT DISTINCT FROM schedule.site
         WHERE task.id = ?1 ORDER BY schedule.id{by_bytes}{lock} OF schedule"
    );
    tx.query(&sql, &[id.0.into()]).await.map(drop)
}

/// Locks all schedules, by name. Nobody else declares or removes one meanwhile.
pub(super) async fn all_schedules<T: Transaction>(tx: &mut T) -> Result<(), Error> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let (by_bytes, lock) = (tx.dialect().by_bytes(), tx.dialect().for_update());
    tx.query(&format!("SELECT id FROM schedule ORDER BY id{by_bytes}{lock}"), &[]).await.map(drop)
}
