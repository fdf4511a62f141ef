//! Kinds of tasks: what they do, and how they are treated.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use store::record::{NewTask, OnLoss};

use crate::failure::Failure;
use crate::request::{Args, Request};
use crate::run::Run;

/// The future of a task's work.
pub type Work = Pin<Box<dyn Future<Output = Result<Output, Failure>> + Send>>;

/// A kind of tasks.
pub trait Kind: Send + Sync + 'static {
    /// Its name, such as `primary.scan`.
    fn name(&self) -> &'static str;

    /// What it does: one sentence for people.
    fn about(&self) -> &'static str;

    /// The arguments that it takes.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    /// How its tasks are treated.
    fn policy(&self) -> Policy;

    /// Whether it reads or writes files of its machine: only nodes of the site where it was asked for run it.
    fn is_bound_to_site(&self) -> bool {
        false
    }

    /// Looks at the arguments before a task is accepted. The error names what is wrong, and what would be
    /// right.
    fn plan(&self, args: &Args) -> Result<Plan, String>;

    /// Does the work. It calls [`Run::checkpoint`] often, and [`Run::check_fence`] before an effect that
    /// others see. What does not yield belongs on [`Run::on_thread`].
    fn run(self: Arc<Self>, args: Args, run: Run) -> Work;
}

/// One argument that a kind takes.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it says: one sentence for people.
    pub about: &'static str,
    /// Its values.
    pub values: Values,
    /// Whether it must be given.
    pub is_required: bool,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// A text.
    Text,
    /// A whole number, both bounds included.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// On or off.
    Switch,
}

/// How tasks of a kind are treated.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The queue, which stands for a resource: `cpu`, `net` or `db`.
    pub queue: &'static str,
    /// The smaller, the sooner.
    pub priority: i64,
    /// What becomes of a task whose runner is lost.
    pub on_loss: OnLoss,
    /// How many attempts may fail.
    pub max_failures: u32,
    /// How long a task may make no progress before it counts as hung.
    pub stall_after: Duration,
    /// How long ended tasks are kept.
    pub keep: Duration,
}

/// What is known of a task before it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// One line for people.
    pub summary: String,
    /// Of tasks with equal keys, one is enqueued or running; of a kind that is bound to its site, one at
    /// each site.
    pub unique_key: Option<String>,
}

/// What a task has done.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// What it has found, for programs and people.
    pub result: Value,
    /// What is to be done next, accepted together with the end of this one.
    pub then: Vec<Request>,
}

/// The kinds that a process knows, and the site that it is of. Clones share them.
#[derive(Clone, Default)]
pub struct Kinds {
    kinds: Arc<Vec<Arc<dyn Kind>>>,
    /// The name of the files that the process has; `None` if no other process of the store has others.
    site: Option<Arc<str>>,
}

impl Kinds {
    /// These kinds, in a process that takes tasks of all sites.
    pub fn new(kinds: Vec<Arc<dyn Kind>>) -> Self {
        Self { kinds: Arc::new(kinds), site: None }
    }

    /// The same kinds in a process of this site. Processes of one site have the same files.
    pub fn of_site(self, site: Option<&str>) -> Self {
        Self { site: site.map(Arc::from), ..self }
    }

    /// The site of the process.
    pub fn site(&self) -> Option<&str> {
        self.site.as_deref()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Kind>> {
        self.kinds.iter()
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Kind>> {
        self.iter().find(|kind| kind.name() == name)
    }

    /// The task that `request` asks for, or what is wrong with it, in one line.
    pub fn plan(&self, request: &Request) -> Result<NewTask, String> {
        let kind = self.find(&request.kind).ok_or_else(|| self.unknown(&request.kind))?;
        check(kind.parameters(), &request.args)?;
        let Plan { summary, unique_key } = kind.plan(&request.args)?;
        let policy = kind.policy();
        let site = self.site().filter(|_| kind.is_bound_to_site());
        Ok(NewTask {
            kind: kind.name().to_owned(),
            queue: policy.queue.to_owned(),
            priority: request.priority.unwrap_or(policy.priority),
            args: Value::Object(request.args.clone()).to_string(),
            summary,
            unique_key: unique_key.map(|key| at_site(&key, site)),
            site: site.map(str::to_owned),
            request_id: request.request_id.clone(),
            on_loss: policy.on_loss,
            max_failures: policy.max_failures.into(),
            delay: i64::try_from(request.delay.as_millis()).unwrap_or(i64::MAX),
            actor: request.actor.clone(),
            parent: request.parent,
        })
    }

    /// Whether these are arguments that the kind takes.
    pub(crate) fn check(&self, kind: &Arc<dyn Kind>, args: &Args) -> Result<(), String> {
        check(kind.parameters(), args)
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<_> = self.iter().map(|kind| kind.name()).collect();
        match closest(name, &names) {
            Some(meant) => format!("`{name}` is no kind of tasks; did you mean `{meant}`?"),
            None => format!("`{name}` is no kind of tasks; there are {}", names.join(", ")),
        }
    }
}

/// A name that is one of its own at each site.
pub fn at_site(name: &str, site: Option<&str>) -> String {
    match site {
        Some(site) => format!("{name}@{site}"),
        None => name.to_owned(),
    }
}

/// The name that was probably meant.
fn closest<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    let scored = names.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score > 0.85).map(|(_, known)| known)
}

/// Whether arguments are those that a kind takes.
fn check(parameters: &[Parameter], args: &Args) -> Result<(), String> {
    for (name, value) in args {
        let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
            let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
            return Err(match (closest(name, &names), names.is_empty()) {
                (Some(meant), _) => format!("`{name}` is no argument; did you mean `{meant}`?"),
                (None, true) => format!("`{name}` is no argument; this kind takes none"),
                (None, false) => format!("`{name}` is no argument; there are {}", names.join(", ")),
            });
        };
        let fits = match parameter.values {
            Values::Text => value.is_string(),
            Values::Switch => value.is_boolean(),
            Values::Number { min, max } => {
                value.as_i64().is_some_and(|value| (min..=max).contains(&value))
            }
        };
        if !fits {
            let expected = match parameter.values {
                Values::Text => "a text".to_owned(),
                Values::Switch => "true or false".to_owned(),
                Values::Number { min, max } => format!("a whole number from {min} to {max}"),
            };
            return Err(format!("`{name}` is {value}, and must be {expected}"));
        }
    }
    let missing = parameters
        .iter()
        .find(|parameter| parameter.is_required && !args.contains_key(parameter.name));
    missing.map_or(Ok(()), |parameter| {
        Err(format!("`{}` is missing: {}", parameter.name, parameter.about))
    })
}
