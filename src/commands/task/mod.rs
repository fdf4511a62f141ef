//! `mirrorlistd task`: asks a running process about tasks, and for tasks, through the API of its admin
//! listener.
//!
//! Nothing here opens a store: on one machine the process that runs the tasks has it for itself, and with
//! several any of them answers. Text that comes from the other side is shown without what would move the
//! cursor of a terminal.

pub(super) mod api;
mod arguments;
mod changes;
pub(super) mod outcome;
mod overview;
pub(super) mod record;
mod screen;
mod show;
pub(super) mod table;
pub(super) mod times;
pub(super) mod wait;

use std::process::ExitCode;

use super::output::fail;
use crate::cli::{TaskArgs, TaskCommand};
use api::Api;
use outcome::Trouble;
use runtime::log;

pub(super) fn run(args: &TaskArgs) -> ExitCode {
    log::install(None);
    execute(args).unwrap_or_else(|Trouble { status, reason }| fail(status, reason))
}

fn execute(args: &TaskArgs) -> Result<ExitCode, Trouble> {
    let api = Api::find(&args.ask)?;
    let as_json = args.ask.json;
    match &args.command {
        TaskCommand::List(list) => show::list(&api, list, as_json),
        TaskCommand::Show(id) => show::show(&api, &id.task, as_json),
        TaskCommand::Run(run) => wait::run(&api, run, as_json),
        TaskCommand::Await(args) => wait::wait_for(&api, args, as_json),
        TaskCommand::Retry(retry) => wait::retry(&api, retry, as_json),
        TaskCommand::Cancel(cancel) => changes::cancel(&api, cancel, as_json),
        TaskCommand::Comment(comment) => changes::comment(&api, comment, as_json),
        TaskCommand::Pause(pause) => {
            changes::pause_or_resume(&api, &pause.name, "pause", Some(&pause.reason), as_json)
        }
        TaskCommand::Resume(resume) => changes::pause_or_resume(
            &api,
            &resume.name,
            "resume",
            resume.reason.as_deref(),
            as_json,
        ),
        TaskCommand::Kinds => overview::kinds(&api, as_json),
        TaskCommand::Schedules => overview::schedules(&api, as_json),
        TaskCommand::Nodes => overview::nodes(&api, as_json),
        TaskCommand::Queues => overview::queues(&api, as_json),
        TaskCommand::Doctor => overview::doctor(&api, as_json),
    }
}
