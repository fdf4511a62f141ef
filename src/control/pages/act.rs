//! Does what a form asks: run, cancel, retry, comment, pause, resume.

use hyper::StatusCode;
use store::Error;
use store::operations::people::{Cancel, Cancelled, Comment, Pausable, Pause, Resume, Retry};
use store::operations::read::Found;
use store::operations::run_schedule::RunSchedule;
use tasks::{Request, Tasks};

use super::fields::Fields;
use super::path::Page;
use super::rows::path_of;
use super::run_form;
use crate::requests::{Accepted, Again, NotAccepted, Requests};

/// Why a change was not made.
#[derive(Debug)]
pub(super) struct Refused {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// One line for people.
    pub(super) reason: String,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { status, reason: error.to_string() }
    }
}

impl From<NotAccepted> for Refused {
    fn from(refused: NotAccepted) -> Self {
        let (status, reason) = match refused {
            NotAccepted::Invalid(reason) => return unfit(reason),
            NotAccepted::NoNode(reason) | NotAccepted::Full(reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, reason)
            }
            NotAccepted::NameUsed(_) => (
                StatusCode::CONFLICT,
                "this form was sent before, with something else in it: load the page again"
                    .to_owned(),
            ),
            NotAccepted::NoSchedule => {
                (StatusCode::NOT_FOUND, "there is no such schedule".to_owned())
            }
            NotAccepted::Purged(_) => return missing(StatusCode::GONE),
            NotAccepted::Store(error) => return error.into(),
        };
        Self { status, reason }
    }
}

fn unfit(reason: impl Into<String>) -> Refused {
    Refused { status: StatusCode::UNPROCESSABLE_ENTITY, reason: reason.into() }
}

/// Does what the form sent to `page` asks, for `actor`. Returns the path of the page that shows what has come
/// of it.
pub(super) async fn act(
    requests: &Requests<'_>,
    page: Page,
    form: &Fields,
    actor: &str,
) -> Result<String, Refused> {
    let (tasks, actor) = (requests.tasks(), actor.to_owned());
    match (page, form.get("do")) {
        (Page::Run, _) => run(requests, form, actor).await,
        (Page::Task(id), "cancel") => {
            let cancel = Cancel { id, actor, reason: needed(form, "reason")? };
            let done = match tasks.cancel(cancel).await? {
                Cancelled::AtOnce => "cancelled",
                Cancelled::Asked => "asked",
                Cancelled::AlreadyAsked => "already",
                Cancelled::Ended(_) => "ended",
                Cancelled::Purged => return Err(missing(StatusCode::GONE)),
                Cancelled::Unknown => return Err(missing(StatusCode::NOT_FOUND)),
            };
            Ok(format!("{}?done={done}", path_of(id)))
        }
        (Page::Task(id), "retry") => {
            match requests.retry(Retry { id, actor, request_id: request_id(form) }).await? {
                Again::Accepted(again) => Ok(page_of(&again, "retried")),
                Again::NotEnded(_) => Err(Refused {
                    status: StatusCode::CONFLICT,
                    reason: "it has not ended yet: what has ended can be run again".to_owned(),
                }),
                Again::Purged => Err(missing(StatusCode::GONE)),
                Again::Unknown => Err(missing(StatusCode::NOT_FOUND)),
            }
        }
        (Page::Task(id), "comment") => {
            let comment = Comment { id, actor, text: needed(form, "text")? };
            match tasks.change(comment).await? {
                Found::Task(_) => Ok(format!("{}?done=commented#events", path_of(id))),
                Found::Purged => Err(missing(StatusCode::GONE)),
                Found::Unknown => Err(missing(StatusCode::NOT_FOUND)),
            }
        }
        (Page::Queues, "pause" | "resume") => {
            let done = pause_or_resume(tasks, Pausable::Queue, form, actor).await?;
            Ok(format!("/tasks?done={done}"))
        }
        (Page::Schedules, "pause" | "resume") => {
            let done = pause_or_resume(tasks, Pausable::Schedule, form, actor).await?;
            Ok(format!("/tasks/schedules?done={done}"))
        }
        (Page::Schedules, "run") => run_schedule(requests, form, actor).await,
        (_, other) => Err(Refused {
            status: StatusCode::BAD_REQUEST,
            reason: format!("`do={other}` is nothing that can be done here"),
        }),
    }
}

async fn run(requests: &Requests<'_>, form: &Fields, actor: String) -> Result<String, Refused> {
    let name = form.get("kind");
    let args = requests.tasks().kinds().find(name).map(|kind| run_form::args(&**kind, form));
    let request = Request {
        kind: name.to_owned(),
        args: args.unwrap_or_default(),
        request_id: request_id(form),
        actor,
        ..Request::default()
    };
    Ok(page_of(&requests.submit(&request).await?, "accepted"))
}

/// Runs what a schedule runs, besides its slots.
async fn run_schedule(
    requests: &Requests<'_>,
    form: &Fields,
    actor: String,
) -> Result<String, Refused> {
    let schedule = needed(form, "name")?;
    let run = RunSchedule { schedule: schedule.clone(), actor, request_id: request_id(form) };
    match requests.run_schedule(run).await {
        Ok(accepted) => Ok(page_of(&accepted, "accepted")),
        Err(NotAccepted::NoSchedule) => Err(no_such("schedule", &schedule)),
        Err(refused) => Err(refused.into()),
    }
}

async fn pause_or_resume(
    tasks: &Tasks,
    what: Pausable,
    form: &Fields,
    actor: String,
) -> Result<&'static str, Refused> {
    let name = needed(form, "name")?;
    let (is_there, done) = if form.get("do") == "pause" {
        let reason = needed(form, "reason")?;
        (tasks.change(Pause { what, name: name.clone(), actor, reason }).await?, "paused")
    } else {
        (tasks.change(Resume { what, name: name.clone() }).await?, "resumed")
    };
    let noun = match what {
        Pausable::Queue => "queue",
        Pausable::Schedule => "schedule",
    };
    if is_there { Ok(done) } else { Err(no_such(noun, &name)) }
}

/// The page of a task that was accepted, or that does the same already.
fn page_of(Accepted { task, enqueued }: &Accepted, done: &str) -> String {
    format!("{}?done={}", path_of(task.id), if enqueued.is_new { done } else { "merged" })
}

/// A field that must be filled in.
fn needed(form: &Fields, name: &str) -> Result<String, Refused> {
    match form.get(name) {
        "" => Err(unfit(format!(
            "say {}: the field was left empty",
            match name {
                "reason" => "why",
                "text" => "something",
                name => name,
            }
        ))),
        text => Ok(text.to_owned()),
    }
}

fn request_id(form: &Fields) -> Option<String> {
    Some(form.get("request_id")).filter(|id| !id.is_empty()).map(str::to_owned)
}

fn missing(status: StatusCode) -> Refused {
    Refused { status, reason: "there is no such task any more".to_owned() }
}

fn no_such(noun: &str, name: &str) -> Refused {
    Refused { status: StatusCode::NOT_FOUND, reason: format!("there is no {noun} `{name}`") }
}
