//! Looks for what cannot be in a store that is sound.

use crate::error::Error;
use crate::operation::{Dialect, Operation, Row, Transaction, Value, placeholders};
use crate::record::{TaskId, bounded, bounds};

/// How many rows of one fault are named.
const MAX_NAMED: i64 = 20;

/// Looks for invariants that do not hold. A sound store has no fault.
///
/// The statements of this program cannot break them, and neither can a crash. What can: rows that were
/// changed by hand, a backup that was restored beside a running node, a damaged disk, a fault of this
/// program.
#[derive(Clone, Debug, Default)]
pub struct Examine {
    /// All kinds that are known here, beside those of the nodes; if empty, kinds are not looked at.
    pub kinds: Vec<String>,
}

/// A fault that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The invariant that does not hold.
    pub invariant: Invariant,
    /// What is wrong, in one line.
    pub message: String,
}

/// What must hold of every store. Those of the numbers that are missing cannot be seen in rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invariant {
    /// I1: what was accepted is not lost, and no number is given twice.
    Kept,
    /// I2: a claim never falls.
    ClaimsGrow,
    /// I3: a claim has one holder and one end.
    OneEnd,
    /// I4: no more tasks of a queue run than may.
    Budget,
    /// I5: one task of a key waits or runs, and one was made for a request.
    Unique,
    /// I6: a slot makes one task.
    Slot,
    /// I7: what has ended does not change.
    Final,
    /// I8: what was cancelled ends cancelled.
    Cancelled,
    /// I9: a run follows what was asked for while it ran.
    Rerun,
    /// I11: what waits is run at some time.
    Runs,
    /// The file itself is sound.
    File,
}

impl Invariant {
    /// Its number in the design, or `file`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "I1",
            Self::ClaimsGrow => "I2",
            Self::OneEnd => "I3",
            Self::Budget => "I4",
            Self::Unique => "I5",
            Self::Slot => "I6",
            Self::Final => "I7",
            Self::Cancelled => "I8",
            Self::Rerun => "I9",
            Self::Runs => "I11",
            Self::File => "file",
        }
    }
}

/// One thing to look for: a statement whose rows are the faults, and what such a row means. Every statement
/// has the limit as its last line.
struct Check {
    invariant: Invariant,
    sql: &'static str,
    say: fn(&Row) -> Result<String, Error>,
}

const CHECKS: &[Check] = &[
    Check {
        invariant: Invariant::Kept,
        sql: "SELECT id, state FROM task
              WHERE state NOT IN('enqueued','running','completed','failed','cancelled','dropped')
              ORDER BY id",
        say: |row| Ok(format!("task {} is in the state `{}`, which there is not", id(row)?, row.text(1)?)),
    },
    Check {
        invariant: Invariant::OneEnd,
        sql: "SELECT id, state FROM task WHERE (boot IS NOT NULL) <> (state = 'running') ORDER BY id",
        say: |row| match row.text(1)?.as_str() {
            "running" => Ok(format!("task {} runs, and no process has it", id(row)?)),
            state => Ok(format!("task {} is {state}, and a process has it", id(row)?)),
        },
    },
    Check {
        invariant: Invariant::Final,
        sql: "SELECT id, state FROM task
              WHERE (finished_at IS NOT NULL) <> (state NOT IN('enqueued','running')) ORDER BY id",
        say: |row| match row.text(1)?.as_str() {
            state @ ("enqueued" | "running") => {
                Ok(format!("task {} is {state}, and has the time of an end", id(row)?))
            }
            state => Ok(format!("task {} is {state}, and has no time of its end", id(row)?)),
        },
    },
    Check {
        invariant: Invariant::OneEnd,
        sql: "SELECT task.id, task.node, node.boot FROM task LEFT JOIN node ON node.id = task.node
              WHERE task.state = 'running' AND (node.boot IS NULL OR node.boot <> task.boot)
              ORDER BY task.id",
        say: |row| {
            let (id, node) = (id(row)?, row.text_or_null(1)?.unwrap_or_default());
            match row.text_or_null(2)? {
                None => Ok(format!("task {id} runs on node {node}, which has no row")),
                Some(_) => Ok(format!("task {id} runs in a process that node {node} has no more")),
            }
        },
    },
    Check {
        invariant: Invariant::Budget,
        sql: "SELECT queue.name, queue.max_running, count(*) FROM queue
              JOIN task ON task.queue = queue.name AND task.state = 'running'
              GROUP BY queue.name, queue.max_running HAVING count(*) > queue.max_running
              ORDER BY queue.name",
        say: |row| {
            let (name, max, n) = (row.text(0)?, row.int(1)?, row.int(2)?);
            Ok(format!(
                "{n} tasks of queue {name} run, and {max} may; it passes if the limit was lowered just now"
            ))
        },
    },
    Check {
        invariant: Invariant::Runs,
        sql: "SELECT DISTINCT queue FROM task WHERE state IN('enqueued','running')
                  AND NOT EXISTS(SELECT 1 FROM queue WHERE queue.name = task.queue)
              ORDER BY queue",
        say: |row| Ok(format!("tasks wait in queue {}, which has no row: no node takes them", row.text(0)?)),
    },
    Check {
        invariant: Invariant::Unique,
        sql: "SELECT unique_key, count(*) FROM task
              WHERE unique_key IS NOT NULL AND state IN('enqueued','running')
              GROUP BY unique_key HAVING count(*) > 1 ORDER BY unique_key",
        say: |row| {
            let (key, n) = (row.text(0)?, row.int(1)?);
            Ok(format!("{n} tasks of the key {key} wait or run, and one may"))
        },
    },
    Check {
        invariant: Invariant::Slot,
        sql: "SELECT schedule, slot, count(*) FROM task WHERE schedule IS NOT NULL AND slot IS NOT NULL
              GROUP BY schedule, slot HAVING count(*) > 1 ORDER BY schedule, slot",
        say: |row| {
            let (schedule, slot, n) = (row.text(0)?, row.int(1)?, row.int(2)?);
            Ok(format!("{n} tasks were made for the slot {slot} of schedule {schedule}"))
        },
    },
    Check {
        invariant: Invariant::Unique,
        sql: "SELECT request_id, count(*) FROM (
                  SELECT request_id FROM task UNION ALL SELECT request_id FROM task_request) AS request
              GROUP BY request_id HAVING count(*) > 1 ORDER BY request_id",
        say: |row| Ok(format!("{} tasks stand for the request {}", row.int(1)?, row.text(0)?)),
    },
    Check {
        invariant: Invariant::ClaimsGrow,
        sql: "SELECT task.id, task.claim, max(task_attempt.claim) FROM task
              JOIN task_attempt ON task_attempt.task = task.id
              GROUP BY task.id, task.claim HAVING max(task_attempt.claim) > task.claim ORDER BY task.id",
        say: |row| {
            let (id, claim, highest) = (id(row)?, row.int(1)?, row.int(2)?);
            Ok(format!("task {id} has claim {claim}, and an attempt with claim {highest}"))
        },
    },
    Check {
        invariant: Invariant::OneEnd,
        sql: "SELECT task_attempt.task, task_attempt.claim, task.state FROM task_attempt
              JOIN task ON task.id = task_attempt.task
              WHERE task_attempt.ended IS NULL
                  AND (task.state <> 'running' OR task_attempt.claim <> task.claim)
              ORDER BY task_attempt.task, task_attempt.claim",
        say: |row| {
            let (id, claim, state) = (id(row)?, row.int(1)?, row.text(2)?);
            Ok(format!("attempt {claim} of task {id} has no end, and the task is {state}"))
        },
    },
    Check {
        invariant: Invariant::OneEnd,
        sql: "SELECT task.id, task.claim FROM task
              LEFT JOIN task_attempt ON task_attempt.task = task.id AND task_attempt.claim = task.claim
              WHERE task.state = 'running' AND (task_attempt.task IS NULL OR task_attempt.ended IS NOT NULL)
              ORDER BY task.id",
        say: |row| Ok(format!("task {} runs, and its attempt {} has ended or is missing", id(row)?, row.int(1)?)),
    },
    Check {
        invariant: Invariant::Cancelled,
        sql: "SELECT id, state FROM task
              WHERE cancel_at IS NOT NULL AND state NOT IN('running','cancelled') ORDER BY id",
        say: |row| Ok(format!("task {} was to be cancelled, and is {}", id(row)?, row.text(1)?)),
    },
    Check {
        invariant: Invariant::Rerun,
        sql: "SELECT id, state FROM task WHERE rerun = 1 AND state NOT IN('enqueued','running')
                  AND NOT EXISTS(SELECT 1 FROM task_event
                      WHERE task_event.task = task.id AND task_event.what = 'follow_up')
              ORDER BY id",
        say: |row| Ok(format!("task {} is {}, and the run that was to follow is missing", id(row)?, row.text(1)?)),
    },
    Check {
        invariant: Invariant::Runs,
        sql: "SELECT DISTINCT site FROM task
              WHERE site IS NOT NULL AND state IN('enqueued','running')
                  AND NOT EXISTS(SELECT 1 FROM node WHERE node.site = task.site OR node.site IS NULL)
              ORDER BY site",
        say: |row| Ok(format!("tasks wait for the site {}, which no node has: no node takes them", row.text(0)?)),
    },
    Check {
        invariant: Invariant::Kept,
        sql: "SELECT task, count(*) FROM task_event
              WHERE NOT EXISTS(SELECT 1 FROM task WHERE task.id = task_event.task)
              GROUP BY task ORDER BY task",
        say: |row| Ok(format!("{} events are those of task {}, which is missing", row.int(1)?, id(row)?)),
    },
    Check {
        invariant: Invariant::Kept,
        sql: "SELECT task, count(*) FROM task_attempt
              WHERE NOT EXISTS(SELECT 1 FROM task WHERE task.id = task_attempt.task)
              GROUP BY task ORDER BY task",
        say: |row| Ok(format!("{} attempts are those of task {}, which is missing", row.int(1)?, id(row)?)),
    },
];

/// The task whose number is in the first column.
fn id(row: &Row) -> Result<TaskId, Error> {
    row.int(0).map(TaskId)
}

impl Operation for Examine {
    type Reply = Vec<Fault>;
    const NAME: &'static str = "examine";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<Fault>, Error> {
        let mut faults = Vec::new();
        for Check { invariant, sql, say } in CHECKS {
            let rows = tx.query(&format!("{sql} LIMIT ?1"), &[(MAX_NAMED + 1).into()]).await?;
            name(&rows, *invariant, *say, &mut faults)?;
        }
        self.examine_kinds(tx, &mut faults).await?;
        examine_numbers(tx, &mut faults).await?;
        if tx.dialect() == Dialect::Sqlite {
            examine_file(tx, &mut faults).await?;
        }
        Ok(faults)
    }
}

impl Fault {
    fn new(invariant: Invariant, message: &str) -> Self {
        Self { invariant, message: bounded(message, bounds::LINE) }
    }
}

impl Examine {
    async fn examine_kinds<T: Transaction>(
        &self,
        tx: &mut T,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Error> {
        if self.kinds.is_empty() {
            return Ok(());
        }
        let list = placeholders(2, self.kinds.len());
        let mut parameters: Vec<Value> = vec![(MAX_NAMED + 1).into()];
        parameters.extend(self.kinds.iter().map(Value::from));
        // Another node may know the kind, and have declared the schedule for that.
        let sql = format!(
            "SELECT id, kind FROM schedule WHERE kind NOT IN({list})
                 AND NOT EXISTS(SELECT 1 FROM schedule_node JOIN node ON node.id = schedule_node.node
                     WHERE schedule_node.schedule = schedule.id
                         AND ' ' || node.kinds || ' ' LIKE '% ' || schedule.kind || ' %')
             ORDER BY id LIMIT ?1"
        );
        let rows = tx.query(&sql, &parameters).await?;
        let say = |row: &Row| {
            let (schedule, kind) = (row.text(0)?, row.text(1)?);
            Ok(format!("schedule {schedule} makes tasks of the kind {kind}, which there is not"))
        };
        name(&rows, Invariant::Runs, say, faults)
    }
}

/// Numbers that will be given again: the next row could not be made.
async fn examine_numbers<T: Transaction>(tx: &mut T, faults: &mut Vec<Fault>) -> Result<(), Error> {
    for table in ["task", "task_event"] {
        let given = crate::schema::highest_number(tx, table).await?;
        let rows = tx.query(&format!("SELECT COALESCE(max(id), 0) FROM {table}"), &[]).await?;
        let there = rows.first().map_or(Ok(0), |row| row.int(0))?;
        if there > given {
            let message = format!(
                "the table {table} has the number {there}, and {given} is the last that was given"
            );
            faults.push(Fault::new(Invariant::Kept, &message));
        }
    }
    Ok(())
}

/// The file as SQLite sees it.
async fn examine_file<T: Transaction>(tx: &mut T, faults: &mut Vec<Fault>) -> Result<(), Error> {
    let rows = tx.query(&format!("PRAGMA integrity_check({MAX_NAMED})"), &[]).await?;
    for row in rows {
        let found = row.text(0)?;
        if found != "ok" {
            faults.push(Fault::new(Invariant::File, &format!("the file is damaged: {found}")));
        }
    }
    Ok(())
}

fn name(
    rows: &[Row],
    invariant: Invariant,
    say: fn(&Row) -> Result<String, Error>,
    faults: &mut Vec<Fault>,
) -> Result<(), Error> {
    let max = usize::try_from(MAX_NAMED).unwrap_or(usize::MAX);
    for row in rows.iter().take(max) {
        faults.push(Fault::new(invariant, &say(row)?));
    }
    if rows.len() > max {
        let more = format!("and more of the last one: only {MAX_NAMED} are named");
        faults.push(Fault::new(invariant, &more));
    }
    Ok(())
}
