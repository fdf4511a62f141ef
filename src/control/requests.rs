//! Asks for tasks: the one way of the API and of the pages.
//!
//! What is wrong is told before anything is accepted: a kind that is not known, arguments that do not fit, a
//! task that no node would run. The name of a request stands for one task: who uses it for other work is
//! refused, and is not told that the work was accepted.

use store::Error;
use store::operations::enqueue::Enqueued;
use store::operations::people::{Retried, Retry};
use store::operations::read::{Find, Found, Overview, ReadOverview};
use store::operations::run_schedule::RunSchedule;
use store::record::{NewTask, Node, Schedule, State, Task, TaskId, bounded};
use tasks::node::NodeHandle;
use tasks::{Request, SubmitError, Tasks};

/// How long a node may not have been seen before no tasks are accepted for it, in milliseconds. It is twice
/// what it takes until its tasks are given to others.
const NODE_PATIENCE: i64 = 150_000;

/// Asks for tasks.
pub(crate) struct Requests<'t> {
    tasks: &'t Tasks,
    /// The process of the node that runs here: it needs no clock to be known to live.
    own_boot: Option<String>,
}

/// A task that was accepted.
pub(crate) struct Accepted {
    /// Its row.
    pub(crate) task: Task,
    /// What the store has said.
    pub(crate) enqueued: Enqueued,
}

/// What has come of asking for a task once more.
pub(crate) enum Again {
    /// A task was accepted.
    Accepted(Box<Accepted>),
    /// The first one has not ended.
    NotEnded(State),
    /// Its row was removed.
    Purged,
    /// There never was such a task.
    Unknown,
}

/// Why a task was not accepted. The texts are one line.
pub(crate) enum NotAccepted {
    /// The request makes no sense.
    Invalid(String),
    /// No node would run it now.
    NoNode(String),
    /// The name of the request stands for other work.
    NameUsed(String),
    /// The store takes no more for now.
    Full(String),
    /// There is no such schedule.
    NoSchedule,
    /// The task ended, and its row was removed, at once.
    Purged(TaskId),
    /// The store cannot be used.
    Store(Error),
}

impl From<Error> for NotAccepted {
    fn from(error: Error) -> Self {
        match error {
            // The request itself was checked, so the store is full: that may pass.
            Error::Refused(reason) => Self::Full(reason),
            error => Self::Store(error),
        }
    }
}

impl From<SubmitError> for NotAccepted {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(reason) => Self::Invalid(reason),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl<'t> Requests<'t> {
    /// Asks for these tasks, in a process that has this node.
    pub(crate) fn new(tasks: &'t Tasks, own: Option<&NodeHandle>) -> Self {
        Self { tasks, own_boot: own.map(|node| node.status().boot) }
    }

    /// What [`Self::of_parts`] makes it from, to ask in the background.
    pub(crate) fn to_parts(&self) -> (Tasks, Option<String>) {
        (self.tasks.clone(), self.own_boot.clone())
    }

    /// Asks for these tasks, in the process that its node has, if there is one.
    pub(crate) fn of_parts((tasks, own_boot): &'t (Tasks, Option<String>)) -> Self {
        Self { tasks, own_boot: own_boot.clone() }
    }

    /// The tasks.
    pub(crate) fn tasks(&self) -> &'t Tasks {
        self.tasks
    }

    /// Asks for a task.
    pub(crate) async fn submit(&self, request: &Request) -> Result<Accepted, NotAccepted> {
        // What makes no sense is told first, whoever runs.
        let plan = self.tasks.kinds().plan(request).map_err(NotAccepted::Invalid)?;
        let overview = self.tasks.store().run(ReadOverview).await?;
        self.refuse_if_nobody_runs(&overview, &request.kind, plan.site.as_deref())?;
        let enqueued = self.tasks.submit(request).await?;
        self.accepted(&Work::of(&plan), enqueued).await
    }

    /// Asks for the task of a schedule, besides its slots. It may be of a kind that is not known here.
    pub(crate) async fn run_schedule(&self, run: RunSchedule) -> Result<Accepted, NotAccepted> {
        let overview = self.tasks.store().run(ReadOverview).await?;
        let found = overview.schedules.iter().find(|schedule| schedule.id == run.schedule);
        let Schedule { kind, site, .. } = found.ok_or(NotAccepted::NoSchedule)?;
        self.refuse_if_nobody_runs(&overview, kind, site.as_deref())?;
        let ran = self.tasks.change(run).await?;
        let (task, enqueued) = ran.ok_or(NotAccepted::NoSchedule)?;
        self.accepted(&Work::of(&task), enqueued).await
    }

    /// Runs a task that has ended once more.
    pub(crate) async fn retry(&self, retry: Retry) -> Result<Again, NotAccepted> {
        let request_id = retry.request_id.clone();
        let first = match self.tasks.store().run(Find(retry.id)).await? {
            Found::Task(task) => task,
            Found::Purged => return Ok(Again::Purged),
            Found::Unknown => return Ok(Again::Unknown),
        };
        if first.state.is_terminal() {
            let overview = self.tasks.store().run(ReadOverview).await?;
            self.refuse_if_nobody_runs(&overview, &first.kind, first.site.as_deref())?;
        }
        match self.tasks.retry(retry).await? {
            Retried::Enqueued(enqueued) => {
                let work = Work::again(&first, request_id.as_deref());
                let accepted = self.accepted(&work, enqueued).await?;
                Ok(Again::Accepted(Box::new(accepted)))
            }
            Retried::NotEnded(state) => Ok(Again::NotEnded(state)),
            Retried::Purged => Ok(Again::Purged),
            Retried::Unknown => Ok(Again::Unknown),
        }
    }

    async fn accepted(&self, work: &Work<'_>, enqueued: Enqueued) -> Result<Accepted, NotAccepted> {
        let task = match self.tasks.store().run(Find(enqueued.id)).await? {
            Found::Task(task) => *task,
            Found::Purged | Found::Unknown => return Err(NotAccepted::Purged(enqueued.id)),
        };
        match work.find_difference(&task).filter(|_| !enqueued.is_new) {
            Some(difference) => Err(NotAccepted::NameUsed(format!(
                "this `request_id` was used for task {}, {difference}",
                task.id
            ))),
            None => Ok(Accepted { task, enqueued }),
        }
    }

    /// Refuses what no node would run: a task of this kind, and of this site if it is bound to one.
    fn refuse_if_nobody_runs(
        &self,
        overview: &Overview,
        kind: &str,
        site: Option<&str>,
    ) -> Result<(), NotAccepted> {
        let kind = bounded(kind, 60);
        let knows = |node: &&Node| node.kinds.contains(&kind) && takes_tasks_of(node, site);
        let mut knowing = overview.nodes.iter().filter(knows).peekable();
        if knowing.peek().is_none() {
            let of_site = site.map(|site| format!(" of the site `{site}`")).unwrap_or_default();
            return Err(NotAccepted::NoNode(format!(
                "no node{of_site} runs tasks of kind `{kind}`: none has started yet"
            )));
        }
        let mut working = knowing.filter(|node| !node.stopping).peekable();
        if working.peek().is_none() {
            return Err(NotAccepted::NoNode(format!(
                "the nodes that run tasks of kind `{kind}` are shutting down"
            )));
        }
        // After a clock was set, times are far apart until nodes have renewed what they run.
        let is_seen = |node: &Node| {
            self.own_boot.as_ref() == Some(&node.boot)
                || overview.now.since(node.seen_at) <= NODE_PATIENCE
        };
        match working.any(is_seen) {
            true => Ok(()),
            false => Err(NotAccepted::NoNode(format!(
                "the nodes that run tasks of kind `{kind}` have not been seen for minutes"
            ))),
        }
    }
}

/// Whether a node is given tasks of this site; `None` is a task that is bound to none.
pub(crate) fn takes_tasks_of(node: &Node, site: Option<&str>) -> bool {
    site.is_none() || node.site.is_none() || node.site.as_deref() == site
}

/// What a task does, as far as two can differ in it.
struct Work<'w> {
    kind: &'w str,
    args: &'w str,
    site: Option<&'w str>,
    unique_key: Option<&'w str>,
    request_id: Option<&'w str>,
}

impl<'w> Work<'w> {
    fn of(task: &'w NewTask) -> Self {
        Self {
            kind: &task.kind,
            args: &task.args,
            site: task.site.as_deref(),
            unique_key: task.unique_key.as_deref(),
            request_id: task.request_id.as_deref(),
        }
    }

    fn again(task: &'w Task, request_id: Option<&'w str>) -> Self {
        Self {
            kind: &task.kind,
            args: &task.args,
            site: task.site.as_deref(),
            unique_key: task.unique_key.as_deref(),
            request_id,
        }
    }

    /// In what a task differs that was found by the name of the request, or by the key. Tasks of one key do
    /// the same, whatever their arguments.
    fn find_difference(&self, task: &Task) -> Option<&'static str> {
        let is_by_name = self.request_id == Some(&*task.request_id);
        if task.kind != self.kind {
            Some("of another kind")
        } else if task.site.as_deref() != self.site {
            Some("of another site")
        } else if task.unique_key.as_deref() != self.unique_key
            || (is_by_name && task.args != self.args)
        {
            Some("with other arguments")
        } else {
            None
        }
    }
}
