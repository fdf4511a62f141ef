//! Changes that are done at once: cancel, comment, pause, resume.

use std::process::ExitCode;

use encode::terminal::printable;
use serde_json::{Value, json};

use super::api::{Api, push_encoded};
use super::outcome::{Trouble, print_json};
use super::record::{TaskRecord, check_id, items, text};
use crate::cli::{CancelArgs, CommentArgs};
use crate::commands::meant::meant;
use crate::commands::output::finish;

/// `task cancel`.
pub(super) fn cancel(api: &Api, args: &CancelArgs, as_json: bool) -> Result<ExitCode, Trouble> {
    let id = check_id(&args.id.task).map_err(Trouble::usage)?;
    let body = args.reason.as_ref().map_or(json!({}), |reason| json!({"reason": reason}));
    let answer = api.post(&format!("/api/v1/tasks/{id}/cancel"), &body)?;
    if as_json {
        return Ok(print_json(&answer));
    }
    let task = TaskRecord::read(&answer).map_err(|reason| api.other_version(reason))?;
    let short = task.short();
    Ok(finish(match task.state.as_str() {
        "running" => format!(
            "{short} runs, and ends as soon as it looks: `mirrorlistd task await {short}`\n"
        ),
        "cancelled" => format!("{short} is cancelled\n"),
        state => printable(&format!("{short} had ended before: {state}")) + "\n",
    }))
}

/// `task comment`.
pub(super) fn comment(api: &Api, args: &CommentArgs, as_json: bool) -> Result<ExitCode, Trouble> {
    let id = check_id(&args.id.task).map_err(Trouble::usage)?;
    let answer = api.post(&format!("/api/v1/tasks/{id}/comment"), &json!({"text": args.text}))?;
    Ok(if as_json { print_json(&answer) } else { finish("the note stands with the task\n") })
}

/// `task pause` and `task resume`, which is `verb`.
pub(super) fn pause_or_resume(
    api: &Api,
    name: &str,
    verb: &str,
    reason: Option<&str>,
    as_json: bool,
) -> Result<ExitCode, Trouble> {
    let (list, name) = find(api, name)?;
    let mut path = format!("/api/v1/{list}/");
    push_encoded(&name, &mut path);
    let body = reason.map_or(json!({}), |reason| json!({"reason": reason}));
    let answer = api.post(&format!("{path}/{verb}"), &body)?;
    if as_json {
        return Ok(print_json(&answer));
    }
    let thing = if list == "queues" { "queue" } else { "schedule" };
    Ok(finish(match (verb, list) {
        ("resume", _) => format!("{thing} {name} goes on\n"),
        (_, "queues") => {
            format!("queue {name} is paused: what runs goes on, and nothing more is started\n")
        }
        _ => format!("schedule {name} is paused: it asks for nothing until it is resumed\n"),
    }))
}

/// The list of the API that a name is in, and the name in it.
fn find(api: &Api, name: &str) -> Result<(&'static str, String), Trouble> {
    if let Some(name) = name.strip_prefix("queue:") {
        return Ok(("queues", name.to_owned()));
    }
    if let Some(name) = name.strip_prefix("schedule:") {
        return Ok(("schedules", name.to_owned()));
    }
    let names = |list: &str, key: &str| -> Result<Vec<String>, Trouble> {
        let answer = api.get(&format!("/api/v1/{list}"))?;
        let items = items(&answer, list).map_err(|reason| api.other_version(reason))?;
        Ok(items.iter().map(|item: &Value| text(item, key).to_owned()).collect())
    };
    let (queues, schedules) = (names("queues", "name")?, names("schedules", "id")?);
    choose(name, &queues, &schedules).map(|list| (list, name.to_owned())).map_err(Trouble::usage)
}

fn choose(name: &str, queues: &[String], schedules: &[String]) -> Result<&'static str, String> {
    let is_in = |names: &[String]| names.iter().any(|known| known == name);
    match (is_in(queues), is_in(schedules)) {
        (true, false) => Ok("queues"),
        (false, true) => Ok("schedules"),
        (true, true) => Err(format!(
            "`{name}` is a queue and a schedule: write queue:{name} or schedule:{name}"
        )),
        (false, false) => {
            let names: Vec<_> = queues.iter().chain(schedules).map(String::as_str).collect();
            Err(format!("`{name}` is neither a queue nor a schedule; {}", meant(name, &names)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_queue_or_of_a_schedule() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (queues, schedules) = (names("cpu net both"), names("primary.scan both"));
        let choose = |name| choose(name, &queues, &schedules);
        assert_eq!(choose("cpu"), Ok("queues"));
        assert_eq!(choose("primary.scan"), Ok("schedules"));
        assert_eq!(
            choose("both"),
            Err("`both` is a queue and a schedule: write queue:both or schedule:both".into())
        );
        assert_eq!(
            choose("primary.scam"),
            Err("`primary.scam` is neither a queue nor a schedule; did you mean `primary.scan`?"
                .into())
        );
    }
}
