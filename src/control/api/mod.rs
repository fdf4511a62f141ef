//! The API of tasks on the operator's listener: JSON under `/api/v1/`.
//!
//! Reading order: [`Api::answer`] finds the `route` of a request, asks [`Access`] if it changes something,
//! and hands it to `of_tasks`, `of_mirrors`, `of_owners`, `of_checkins` or `of_others`. `query`, `body`, `ids` and `time` read what a client has sent,
//! and refuse what they do not know; `shapes` has the JSON of records. `stream` sends events as they happen,
//! and `limits` says how much work may be going on at a time.
//! `reply` makes replies and errors: `{"error":{"code","message"}}`, the code a stable word, the message one
//! line.
//!
//! Every list is wrapped in an object, so that it can grow. Times are in the form of RFC 3339, in UTC.

mod route;
pub(crate) mod time;
mod ids;
mod query;
mod body;
mod reply;
mod shapes;
mod stream;
mod limits;
mod of_tasks;
mod of_others;
mod of_mirrors;
mod of_owners;
mod of_checkins;

use std::sync::Arc;

use hyper::Method;
use serve::admin::part::{MAX_BODY, PartReply, PartRequest, Waiting};
use tasks::Tasks;
use tasks::node::NodeHandle;

use crate::access::Access;
use crate::mirrors::checker::Checker;
use crate::requests::Requests;
use limits::Limits;
use reply::ApiError;
use route::{Route, TaskRoute};

/// The rows of the index of the operator's listener.
pub const INDEX: &[(&str, &str)] = &[
    (
        "/api/v1/tasks",
        "tasks, by kind=, state=, queue=, actor=, node=, schedule=, text= and more; POST asks for one",
    ),
    ("/api/v1/tasks/ID", "one task; ?wait=30s waits until it has ended; also /events, /attempts"),
    ("/api/v1/queues", "queues: what waits and what runs"),
    ("/api/v1/schedules", "schedules and their next slots"),
    ("/api/v1/nodes", "the processes that run tasks"),
    ("/api/v1/mirrors", "what checks know of mirrors; also /api/v1/mirrors/KEY; POST to /check"),
    ("/api/v1/checkin", "POST of a mirror that has new content; /xmlrpc is for report_mirror"),
    ("/api/v1/kinds", "what there is to do, and its arguments"),
    ("/api/v1/doctor", "what must not be in the store; it reads all of it"),
];

/// The node of this process; `None` if it has none.
pub type OwnNode = Arc<dyn Fn() -> Option<NodeHandle> + Send + Sync>;

/// The API.
pub struct Api {
    tasks: Tasks,
    access: Arc<Access>,
    limits: Limits,
    own: OwnNode,
    /// `None` if mirrors are not visited.
    checker: Option<Arc<Checker>>,
}

impl Api {
    /// The API of these tasks. Who waits for one is told what keeps the node `own` from using the store.
    pub fn new(tasks: Tasks, access: Arc<Access>, own: OwnNode) -> Self {
        Self { tasks, access, limits: Limits::default(), own, checker: None }
    }

    /// The same with what this checker knows of mirrors.
    pub(crate) fn with_mirrors(self, checker: Option<Arc<Checker>>) -> Self {
        Self { checker, ..self }
    }

    /// Whether it answers for this path.
    pub fn answers(path: &str) -> bool {
        path == "/api" || path.starts_with("/api/") || of_checkins::is_report(path)
    }

    /// The longest body of a request for this path, in bytes.
    pub fn longest_body(path: &str) -> usize {
        match of_checkins::is_report(path) || Route::find(path) == Some(Route::Checkin) {
            true => of_checkins::longest_body(),
            false => MAX_BODY,
        }
    }

    /// Whether the answer may take as long as the client likes.
    pub fn waits(request: &PartRequest) -> Waiting {
        if request.method != Method::GET {
            return Waiting::No;
        }
        match Route::find(&request.path) {
            Some(Route::Task(_, TaskRoute::Whole)) if query::asks_to_wait(&request.query) => {
                Waiting::Poll
            }
            Some(Route::Task(_, TaskRoute::Events)) if stream::is_wanted(&request.headers) => {
                Waiting::Stream
            }
            _ => Waiting::No,
        }
    }

    /// Answers.
    pub async fn answer(&self, request: &PartRequest) -> PartReply {
        self.try_answer(request).await.unwrap_or_else(|error| error.reply())
    }

    async fn try_answer(&self, request: &PartRequest) -> Result<PartReply, ApiError> {
        if of_checkins::is_report(&request.path) {
            let (access, limits) = (&*self.access, &self.limits);
            return of_checkins::report(self.checker.as_ref(), (access, limits), request).await;
        }
        let route = Route::find(&request.path).ok_or_else(ApiError::no_such_path)?;
        if !route.methods().contains(&request.method.as_str()) {
            return Err(ApiError::other_method(route.methods()));
        }
        if request.method == Method::GET {
            return match route {
                Route::Tasks => of_tasks::list(&self.tasks, &self.limits, &request.query).await,
                Route::Task(id, TaskRoute::Whole) => {
                    of_tasks::whole(&self.tasks, &id, request, (self.own)().as_ref()).await
                }
                Route::Mirrors | Route::Mirror(..) => {
                    of_mirrors::read(self.checker.as_ref(), &route, &request.query).await
                }
                Route::Task(id, part) => of_tasks::read(&self.tasks, &id, part, request).await,
                Route::Doctor => {
                    of_others::examine(&self.tasks, &self.limits, &request.query).await
                }
                _ => of_others::read(&self.tasks, &route, &request.query).await,
            };
        }
        let actor = match &route {
            Route::Mirror(key, _) => {
                let actor = self.access.identify(request)?;
                actor.may_change_mirror(key)?;
                actor
            }
            Route::Checkin => self.access.identify(request)?,
            _ => self.access.may_change(request)?,
        };
        query::refuse_any(&request.query)?;
        if route == Route::Checkin {
            let checker = self.checker.as_ref();
            return of_checkins::check_in(checker, &self.limits, &actor, request).await;
        }
        let requests = Requests::new(&self.tasks, (self.own)().as_ref());
        if let Route::Mirror(key, Some(verb)) = route {
            let asked = (&requests, request);
            return of_owners::change(self.checker.as_ref(), (&key, verb), actor, asked).await;
        }
        let actor = actor.name;
        match route {
            Route::Tasks => {
                let wanted = body::new_task(request, actor)?;
                Ok(of_tasks::accepted(&requests.submit(&wanted).await?))
            }
            Route::Task(id, part) => of_tasks::change(&requests, &id, part, actor, request).await,
            _ => of_others::change(&requests, &route, actor, request).await,
        }
    }
}

#[cfg(test)]
mod tests;
