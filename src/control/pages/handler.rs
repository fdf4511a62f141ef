//! Finds the page of a path, reads what it shows, and has it written.

use hyper::header::SET_COOKIE;
use hyper::{Method, StatusCode};
use serve::admin::part::{PartReply, PartRequest};
use serve::pages::layout::PageLayout;
use store::Error;
use store::operations::read::Found;
use tasks::Tasks;
use tasks::node::NodeHandle;

use crate::access::{Access, Actor, Refusal};
use crate::requests::Requests;

use super::act::{self, Refused};
use super::fields::Fields;
use super::frame::{FormAccess, Frame};
use super::list::ListData;
use super::nodes::NodesData;
use super::overview::OverviewData;
use super::path::Page;
use super::reply::{allowing, failed, html, see_other};
use super::run_form::RunData;
use super::schedules::SchedulesData;
use super::task::TaskData;
use super::{list, message, nodes, overview, read, run_form, schedules, task};

/// What a page shows.
enum Data {
    Overview(Box<OverviewData>),
    List(Box<ListData>),
    Schedules(SchedulesData),
    Nodes(NodesData),
    Run,
    Task(Box<TaskData>),
    /// It says only this: status, title, text, advice.
    Message(StatusCode, &'static str, String, &'static str),
}

/// A request, with what its answer needs.
struct Asked<'r> {
    tasks: &'r Tasks,
    own: Option<&'r NodeHandle>,
    page: Page,
    query: Fields,
    forms: FormAccess,
    layout: PageLayout,
}

/// Answers a request for a path that `answers` has found, in a process that has this node.
pub async fn answer(
    (tasks, own): (&Tasks, Option<&NodeHandle>),
    access: &Access,
    request: &PartRequest,
    layout: PageLayout,
) -> PartReply {
    let page = Page::find(&request.path).unwrap_or(Page::Unknown);
    let forms = FormAccess::of(access, request);
    let (query, bad) = match Fields::read(&request.query) {
        Ok(query) => (query, None),
        Err(reason) => (Fields::default(), Some(reason)),
    };
    let asked = Asked { tasks, own, page, query, forms, layout };
    if let Some(reason) = bad {
        return asked.message(StatusCode::BAD_REQUEST, "This cannot be read", reason);
    }
    match request.method {
        Method::GET => asked.show(None).await,
        Method::POST
            if matches!(page, Page::Overview | Page::List | Page::Nodes | Page::Unknown) =>
        {
            asked.wrong_method("GET, HEAD")
        }
        Method::POST if page == Page::SignOut => asked.sign_out(access, request).await,
        Method::POST => asked.change(access, request).await,
        _ if page.is_form_only() => asked.wrong_method("POST"),
        _ => asked.wrong_method("GET, HEAD, POST"),
    }
}

impl Asked<'_> {
    /// Writes the page, with why a change was not made if there was one.
    async fn show(self, refused: Option<Refused>) -> PartReply {
        if self.page.is_form_only() && refused.is_none() {
            return see_other("/tasks");
        }
        let data = self.read(refused.as_ref()).await.unwrap_or_else(|error| {
            Data::Message(
                StatusCode::SERVICE_UNAVAILABLE,
                "The store cannot be read",
                error.to_string(),
                "Answers go on from the last good snapshot. Look into the log, and load this page again.",
            )
        });
        self.write(data, refused)
    }

    async fn read(&self, refused: Option<&Refused>) -> Result<Data, Error> {
        let reason = refused.map(|refused| refused.reason.clone());
        Ok(match self.page {
            Page::Overview => Data::Overview(Box::new(read::overview(self.tasks).await?)),
            Page::Queues | Page::SignOut => Data::Message(
                StatusCode::OK,
                "Nothing was changed",
                reason.unwrap_or_default(),
                "Go back, and send the form again.",
            ),
            Page::List => Data::List(Box::new(read::list(self.tasks, &self.query).await?)),
            Page::Schedules => {
                let overview = read::look(self.tasks.store()).await?;
                Data::Schedules(SchedulesData { overview, refused: reason })
            }
            Page::Nodes => Data::Nodes(read::nodes(self.tasks).await?),
            Page::Run => Data::Run,
            Page::Task(id) => match read::task(self.tasks, id, &self.query).await? {
                Ok(data) => Data::Task(Box::new(TaskData { refused: reason, ..data })),
                Err(Found::Purged) => Data::Message(
                    StatusCode::GONE,
                    "This task was removed",
                    format!("The task {id} has ended long ago, and its row was removed."),
                    "How long tasks are kept is a matter of their kind; the page that runs one says it.",
                ),
                Err(Found::Unknown | Found::Task(_)) => Data::Message(
                    StatusCode::NOT_FOUND,
                    "There is no such task",
                    format!("There never was a task {id}."),
                    "Is the number complete? The list can be searched for its last digits.",
                ),
            },
            Page::Unknown => Data::Message(
                StatusCode::NOT_FOUND,
                "There is no such page",
                "No page has this address.".to_owned(),
                "The page of a task has its number, such as /tasks/123-456.",
            ),
        })
    }

    fn write(mut self, data: Data, refused: Option<Refused>) -> PartReply {
        let now = match &data {
            Data::Overview(data) => Some(data.overview.now),
            Data::List(data) => Some(data.now),
            Data::Schedules(data) => Some(data.overview.now),
            Data::Nodes(data) => Some(data.overview.now),
            Data::Task(data) => Some(data.overview.now),
            Data::Run | Data::Message(..) => None,
        };
        let own = match &data {
            Data::List(data) if data.tasks.is_err() => StatusCode::BAD_REQUEST,
            Data::Message(status, ..) => *status,
            _ => StatusCode::OK,
        };
        let status = refused.as_ref().filter(|_| own.is_success());
        let status = status.map_or(own, |refused| refused.status);
        let (here, twin) = self.page.place(&self.query);
        let frame = Frame::new(&mut self.layout, here, &twin, &self.query, self.forms, now);
        let layout = self.layout;
        let page = match &data {
            Data::Overview(data) => overview::render(data, frame, layout),
            Data::List(data) => list::render(data, &self.query, frame, layout),
            Data::Schedules(data) => schedules::render(data, frame, layout),
            Data::Nodes(data) => nodes::render(data, frame, layout),
            Data::Task(data) => task::render(data, frame, layout),
            Data::Run => {
                let (kinds, fields) = (self.tasks.kinds(), &self.query);
                let refused = refused.map(|refused| refused.reason);
                run_form::render(&RunData { kinds, fields, refused }, frame, layout)
            }
            Data::Message(_, title, text, advice) => {
                message::render(title, (text, advice), frame, layout)
            }
        };
        page.map_or_else(|_| failed("cannot write the page\n"), |page| html(status, page))
    }

    fn message(self, status: StatusCode, title: &'static str, text: String) -> PartReply {
        self.write(Data::Message(status, title, text, ""), None)
    }

    fn wrong_method(self, methods: &'static str) -> PartReply {
        let text = format!("This address takes {methods}.");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        allowing(self.message(status, "This is not done here", text), methods)
    }

    /// Does what a form asks.
    async fn change(mut self, access: &Access, request: &PartRequest) -> PartReply {
        let form =
            std::str::from_utf8(&request.body).map_err(|_| "the form is not UTF-8".to_owned());
        let form = match form.and_then(Fields::read) {
            Ok(form) => form,
            Err(reason) => {
                return self.message(StatusCode::BAD_REQUEST, "This cannot be read", reason);
            }
        };
        let (outcome, cookie) = match access.may_change(request) {
            Ok(Actor { name, cookie, .. }) => {
                if cookie.is_some() {
                    self.forms = FormAccess::SignedIn(name.clone());
                }
                let requests = Requests::new(self.tasks, self.own);
                (act::act(&requests, self.page, &form, &name).await, cookie)
            }
            Err(Refusal { status, message, .. }) => {
                (Err(Refused { status, reason: message.to_owned() }), None)
            }
        };
        let mut answer = match outcome {
            Ok(path) => see_other(&path),
            Err(refused) => {
                // What was filled in, for the page that says why; never the token.
                self.query = form.without(&["token", "do", "refresh"]);
                self.show(Some(refused)).await
            }
        };
        if let Some(cookie) = cookie {
            answer.headers_mut().insert(SET_COOKIE, cookie);
        }
        answer
    }

    /// Has the browser forget who has sent a token from it.
    async fn sign_out(self, access: &Access, request: &PartRequest) -> PartReply {
        match access.sign_out(request) {
            Ok(cookie) => {
                let mut answer = see_other("/tasks?done=signed-out");
                answer.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
                answer
            }
            Err(Refusal { status, message, .. }) => {
                self.show(Some(Refused { status, reason: message.to_owned() })).await
            }
        }
    }
}
