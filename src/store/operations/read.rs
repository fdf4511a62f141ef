//! What pages, waits and metrics read.

use std::collections::BTreeMap;

use super::row;
use crate::error::Error;
use crate::operation::{Dialect, Operation, Row, Transaction, Value, placeholders};
use crate::record::{
    Attempt, CatchUp, ClaimNumber, Node, Queue, Schedule, State, Task, TaskEvent, TaskId,
    Timestamp, What, bounded, bounds,
};
use crate::schema;

/// Looks for a task.
#[derive(Clone, Debug)]
pub struct Find(pub TaskId);

/// What there is under a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// A task.
    Task(Box<Task>),
    /// There was one, which ended long ago, and its row was removed.
    Purged,
    /// There never was one.
    Unknown,
}

impl Operation for Find {
    type Reply = Found;
    const NAME: &'static str = "find";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Found, Error> {
        find(tx, self.0).await
    }
}

pub(super) async fn find<T: Transaction>(tx: &mut T, id: TaskId) -> Result<Found, Error> {
    let columns = row::COLUMNS;
    let rows =
        tx.query(&format!("SELECT {columns} FROM task WHERE id = ?1"), &[id.0.into()]).await?;
    if let Some(found) = rows.first() {
        return Ok(Found::Task(Box::new(row::task(found)?)));
    }
    // A number that was given to a transaction which was taken back counts as purged: nobody was told it.
    let highest = schema::highest_number(tx, "task").await?;
    Ok(if (1..=highest).contains(&id.0) { Found::Purged } else { Found::Unknown })
}

/// Lists tasks, the latest first. Between fields all conditions hold, within one any.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Kinds.
    pub kinds: Vec<String>,
    /// States.
    pub states: Vec<State>,
    /// Queues.
    pub queues: Vec<String>,
    /// Who has asked.
    pub actors: Vec<String>,
    /// The nodes that run them, or ran them last.
    pub nodes: Vec<String>,
    /// The schedules that have made them.
    pub schedules: Vec<String>,
    /// Without tasks about the files of other sites.
    pub site: Option<String>,
    /// The tasks that they follow.
    pub parents: Vec<TaskId>,
    /// Accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Accepted before this time.
    pub until: Option<Timestamp>,
    /// A part of the summary, the arguments or the error, in any case of letters.
    pub text: Option<String>,
    /// The number ends with these digits.
    pub suffix: Option<String>,
    /// Only tasks with a lower number: where the page before has ended.
    pub before: Option<TaskId>,
    /// Only tasks with this number or a higher one: how far a search goes.
    pub from: Option<TaskId>,
    /// At most so many.
    pub limit: i64,
}

impl Operation for List {
    type Reply = Vec<Task>;
    const NAME: &'static str = "list";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<Task>, Error> {
        let mut filter = Filter::default();
        filter.any("kind", self.kinds.iter().map(Value::from));
        filter.any("state", self.states.iter().map(|state| state.as_str().into()));
        filter.any("queue", self.queues.iter().map(Value::from));
        filter.any("actor", self.actors.iter().map(Value::from));
        filter.any("node", self.nodes.iter().map(Value::from));
        filter.any("schedule", self.schedules.iter().map(Value::from));
        filter.any("parent", self.parents.iter().map(|id| id.0.into()));
        if let Some(site) = &self.site {
            let site = filter.parameter(site.into());
            filter.conditions.push(format!("(site IS NULL OR site = {site})"));
        }
        filter.one("created_at >= ", self.since.map(Value::from));
        filter.one("created_at < ", self.until.map(Value::from));
        filter.one("id < ", self.before.map(|id| id.0.into()));
        filter.one("id >= ", self.from.map(|id| id.0.into()));
        // SQLite's lower() knows the letters of ASCII only.
        let text = self.text.as_deref().map(|text| bounded(text, bounds::LINE));
        let text = match tx.dialect() {
            Dialect::Sqlite => text.map(|text| text.to_ascii_lowercase()),
            Dialect::Postgres => text.map(|text| text.to_lowercase()),
        };
        let contains = text.map(|text| format!("%{}%", escape_like(&text)));
        filter.one(
            "lower(summary || ' ' || args || ' ' || COALESCE(error, '')) LIKE ",
            contains.map(Value::from),
        );
        let suffix =
            self.suffix.as_deref().map(|digits| format!("%{}", escape_like(&bounded(digits, 20))));
        filter.one("CAST(id AS TEXT) LIKE ", suffix.map(Value::from));
        let (columns, conditions) = (row::COLUMNS, filter.text());
        let limit = filter.parameter(self.limit.clamp(1, 1_000).into());
        let sql = format!("SELECT {columns} FROM task{conditions} ORDER BY id DESC LIMIT {limit}");
        tx.query(&sql, &filter.parameters).await?.iter().map(row::task).collect()
    }
}

/// Conditions that a statement is put together from.
#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    parameters: Vec<Value>,
}

impl Filter {
    fn parameter(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    fn any(&mut self, column: &str, values: impl Iterator<Item = Value>) {
        let first = self.parameters.len() + 1;
        self.parameters.extend(values);
        let n = self.parameters.len() + 1 - first;
        if n > 0 {
            self.conditions.push(format!("{column} IN({})", placeholders(first, n)));
        }
    }

    /// `before` ends with an operator; LIKE gets its escape character.
    fn one(&mut self, before: &str, value: Option<Value>) {
        let Some(value) = value else { return };
        let after = if before.ends_with("LIKE ") { " ESCAPE '!'" } else { "" };
        let parameter = self.parameter(value);
        self.conditions.push(format!("{before}{parameter}{after}"));
    }

    fn text(&self) -> String {
        match self.conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.conditions.join(" AND ")),
        }
    }
}

fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// Reads the events of a task, the first ones first.
#[derive(Clone, Debug)]
pub struct Events {
    /// The task.
    pub task: TaskId,
    /// Only later ones than this.
    pub after: i64,
    /// At most so many.
    pub limit: i64,
}

impl Operation for Events {
    type Reply = Vec<TaskEvent>;
    const NAME: &'static str = "events";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<TaskEvent>, Error> {
        let rows = tx
            .query(
                "SELECT id, task, at, actor, what, detail FROM task_event
                 WHERE task = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                &[self.task.0.into(), self.after.into(), self.limit.clamp(1, 1_000).into()],
            )
            .await?;
        let event = |row: &Row| {
            Ok(TaskEvent {
                id: row.int(0)?,
                task: TaskId(row.int(1)?),
                at: row.time(2)?,
                actor: row.text(3)?,
                what: row.word(4, What::find)?,
                detail: row.text(5)?,
            })
        };
        rows.iter().map(event).collect()
    }
}

/// Reads the attempts of a task, the first one first; at most a thousand.
#[derive(Clone, Debug)]
pub struct Attempts(pub TaskId);

impl Operation for Attempts {
    type Reply = Vec<Attempt>;
    const NAME: &'static str = "attempts";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<Attempt>, Error> {
        let rows = tx
            .query(
                "SELECT task, claim, node, boot, started, ended, outcome, stages FROM task_attempt
                 WHERE task = ?1 ORDER BY claim LIMIT 1000",
                &[self.0.0.into()],
            )
            .await?;
        let attempt = |row: &Row| {
            Ok(Attempt {
                task: TaskId(row.int(0)?),
                claim: ClaimNumber(row.int(1)?),
                node: row.text(2)?,
                boot: row.text(3)?,
                started: row.time(4)?,
                ended: row.time_or_null(5)?,
                outcome: row.text_or_null(6)?.map(|_| row.word(6, What::find)).transpose()?,
                stages: row.text_or_null(7)?,
            })
        };
        rows.iter().map(attempt).collect()
    }
}

/// What is going on: queues, nodes, schedules, and the time of the store's clock.
#[derive(Clone, Debug)]
pub struct ReadOverview;

/// Queues, nodes and schedules, by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overview {
    /// The time of the store's clock.
    pub now: Timestamp,
    /// All queues.
    pub queues: Vec<Queue>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// All schedules.
    pub schedules: Vec<Schedule>,
}

impl Operation for ReadOverview {
    type Reply = Overview;
    const NAME: &'static str = "overview";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Overview, Error> {
        let now = tx.now().await?;
        Ok(Overview {
            now,
            queues: queues(tx, now).await?,
            nodes: nodes(tx).await?,
            schedules: schedules(tx).await?,
        })
    }
}

async fn queues<T: Transaction>(tx: &mut T, now: Timestamp) -> Result<Vec<Queue>, Error> {
    let rows = tx
        .query(
            "SELECT q.name, q.max_running, q.paused_at, q.paused_by, q.reason,
                 (SELECT count(*) FROM task t WHERE t.queue = q.name AND t.state = 'enqueued'
                     AND t.run_after <= ?1),
                 (SELECT count(*) FROM task t WHERE t.queue = q.name AND t.state = 'enqueued'
                     AND t.run_after > ?1),
                 (SELECT count(*) FROM task t WHERE t.queue = q.name AND t.state = 'running'),
                 (SELECT min(t.run_after) FROM task t WHERE t.queue = q.name AND t.state = 'enqueued'
                     AND t.run_after <= ?1)
             FROM queue q ORDER BY q.name",
            &[now.into()],
        )
        .await?;
    let queue = |row: &Row| {
        Ok(Queue {
            name: row.text(0)?,
            max_running: row.int(1)?,
            paused_at: row.time_or_null(2)?,
            paused_by: row.text_or_null(3)?,
            reason: row.text_or_null(4)?,
            ready: row.int(5)?,
            delayed: row.int(6)?,
            running: row.int(7)?,
            oldest_ready: row.time_or_null(8)?,
        })
    };
    rows.iter().map(queue).collect()
}

async fn nodes<T: Transaction>(tx: &mut T) -> Result<Vec<Node>, Error> {
    let rows = tx
        .query(
            "SELECT id, boot, version, kinds, started_at, seen_at, stopping, site, files FROM node
             ORDER BY id",
            &[],
        )
        .await?;
    let node = |row: &Row| {
        Ok(Node {
            id: row.text(0)?,
            boot: row.text(1)?,
            version: row.text(2)?,
            kinds: row.text(3)?.split_whitespace().map(str::to_owned).collect(),
            started_at: row.time(4)?,
            seen_at: row.time(5)?,
            stopping: row.int(6)? != 0,
            site: row.text_or_null(7)?,
            files: row.text(8)?,
        })
    };
    rows.iter().map(node).collect()
}

async fn schedules<T: Transaction>(tx: &mut T) -> Result<Vec<Schedule>, Error> {
    let mut nodes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in tx.query("SELECT schedule, node FROM schedule_node", &[]).await? {
        nodes.entry(row.text(0)?).or_default().push(row.text(1)?);
    }
    // Sorted here: a server may sort text by other rules.
    nodes.values_mut().for_each(|nodes| nodes.sort());
    let rows = tx
        .query(
            "SELECT id, kind, args, period, phase, catch_up, last_slot, missed, paused_at, paused_by,
                 reason, last_success, site
             FROM schedule ORDER BY id",
            &[],
        )
        .await?;
    let mut schedule = |row: &Row| {
        let id = row.text(0)?;
        Ok(Schedule {
            nodes: nodes.remove(&id).unwrap_or_default(),
            id,
            kind: row.text(1)?,
            args: row.text(2)?,
            period: row.int(3)?,
            phase: row.int(4)?,
            catch_up: row.word(5, CatchUp::find)?,
            last_slot: row.time(6)?,
            missed: row.int(7)?,
            paused_at: row.time_or_null(8)?,
            paused_by: row.text_or_null(9)?,
            reason: row.text_or_null(10)?,
            last_success: row.time_or_null(11)?,
            site: row.text_or_null(12)?,
        })
    };
    rows.iter().map(&mut schedule).collect()
}

/// The claim of a task, if it is held by this process: the check before an effect is made visible.
#[derive(Clone, Debug)]
pub struct CheckFence {
    /// The task.
    pub id: TaskId,
    /// The claim.
    pub claim: ClaimNumber,
    /// The process.
    pub boot: String,
}

impl Operation for CheckFence {
    /// Whether it is held.
    type Reply = bool;
    const NAME: &'static str = "check_fence";
    const IS_URGENT: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<bool, Error> {
        let rows = tx
            .query(
                "UPDATE task SET beat = beat + 1
                 WHERE id = ?1 AND claim = ?2 AND boot = ?3 AND state = 'running' RETURNING id",
                &[self.id.0.into(), self.claim.0.into(), (&self.boot).into()],
            )
            .await?;
        Ok(!rows.is_empty())
    }
}
