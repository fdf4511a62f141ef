//! What there is around tasks: kinds, queues, schedules, nodes, and what must never be.

use std::fmt::Write as _;
use std::process::ExitCode;

use encode::terminal::printable;
use serde_json::Value;

use super::api::Api;
use super::arguments::form;
use super::outcome::{Trouble, print_json};
use super::record::{int, items, now, text};
use super::table::Table;
use super::times;
use crate::commands::output::{FAILURE, finish};

/// Prints a list of the API as a table, or as it is.
fn print(
    api: &Api,
    list: &str,
    as_json: bool,
    render: impl FnOnce(&[Value], i64) -> String,
) -> Result<ExitCode, Trouble> {
    let answer = api.get(&format!("/api/v1/{list}"))?;
    if as_json {
        return Ok(print_json(&answer));
    }
    let items = items(&answer, list).map_err(|reason| api.other_version(reason))?;
    Ok(finish(match items.is_empty() {
        true => format!("no {list}\n"),
        false => render(items, now(&answer)),
    }))
}

/// `task kinds`.
pub(super) fn kinds(api: &Api, as_json: bool) -> Result<ExitCode, Trouble> {
    print(api, "kinds", as_json, |kinds, _| {
        let mut out = String::new();
        for kind in kinds {
            let (name, about) = (text(kind, "name"), text(kind, "about"));
            let _ = writeln!(out, "{}: {}", printable(name), printable(about));
            let parameters = kind.get("parameters").and_then(Value::as_array);
            for parameter in parameters.into_iter().flatten() {
                let name = format!("{}={}", text(parameter, "name"), form(parameter));
                let is_required = parameter.get("required").and_then(Value::as_bool);
                let required = if is_required == Some(true) { " (required)" } else { "" };
                let (name, about) = (printable(&name), printable(text(parameter, "about")));
                let _ = writeln!(out, "  {name}  {about}{required}");
            }
        }
        out
    })
}

/// `task queues`.
pub(super) fn queues(api: &Api, as_json: bool) -> Result<ExitCode, Trouble> {
    print(api, "queues", as_json, |queues, now| {
        let mut table = Table::new(&["QUEUE", "RUN", "MOST", "READY", "LATER", "OLDEST", "PAUSED"]);
        for queue in queues {
            let oldest = queue.get("oldest_ready").and_then(Value::as_str);
            table.row([
                text(queue, "name").to_owned(),
                int(queue, "running").to_string(),
                int(queue, "max_running").to_string(),
                int(queue, "ready").to_string(),
                int(queue, "delayed").to_string(),
                oldest.map(|at| times::ago(at, now)).unwrap_or_default(),
                paused(queue, now),
            ]);
        }
        table.for_stdout()
    })
}

/// `task schedules`.
pub(super) fn schedules(api: &Api, as_json: bool) -> Result<ExitCode, Trouble> {
    print(api, "schedules", as_json, |schedules, now| {
        let headings = ["SCHEDULE", "KIND", "EVERY", "NEXT", "LAST SUCCESS", "MISSED", "PAUSED"];
        let mut table = Table::new(&headings);
        for schedule in schedules {
            let period = schedule.get("period_seconds").and_then(Value::as_i64);
            let period = period.unwrap_or_else(|| int(schedule, "period") / 1_000);
            let next = schedule.get("next").and_then(Value::as_array);
            let next = next.and_then(|slots| slots.first()).and_then(Value::as_str).unwrap_or("");
            let success = text(schedule, "last_success");
            let told = |time: &str| match time {
                "" => String::new(),
                time => times::ago(time, now),
            };
            table.row([
                text(schedule, "id").to_owned(),
                text(schedule, "kind").to_owned(),
                times::length(period),
                told(next),
                told(success),
                int(schedule, "missed").to_string(),
                paused(schedule, now),
            ]);
        }
        table.for_stdout()
    })
}

/// `task nodes`.
pub(super) fn nodes(api: &Api, as_json: bool) -> Result<ExitCode, Trouble> {
    print(api, "nodes", as_json, |nodes, now| {
        let headings = ["NODE", "SITE", "VERSION", "STARTED", "SEEN", "STATE", "KINDS"];
        let mut table = Table::new(&headings);
        for node in nodes {
            let is_stopping = node.get("stopping").and_then(Value::as_bool) == Some(true);
            let kinds = node.get("kinds").and_then(Value::as_array);
            let kinds: Vec<_> = kinds.into_iter().flatten().filter_map(Value::as_str).collect();
            table.row([
                text(node, "id").to_owned(),
                text(node, "site").to_owned(),
                text(node, "version").to_owned(),
                times::ago(text(node, "started_at"), now),
                times::ago(text(node, "seen_at"), now),
                if is_stopping { "stopped".into() } else { "up".into() },
                kinds.join(" "),
            ]);
        }
        table.without_empty("SITE").for_stdout()
    })
}

/// Since when something is paused, by whom and why.
fn paused(item: &Value, now: i64) -> String {
    let Some(since) = item.get("paused_at").and_then(Value::as_str) else { return String::new() };
    let by = text(item, "paused_by");
    format!("{} by {by}: {}", times::ago(since, now), text(item, "reason"))
}

/// `task doctor`.
pub(super) fn doctor(api: &Api, as_json: bool) -> Result<ExitCode, Trouble> {
    let answer = api.get("/api/v1/doctor")?;
    let findings = items(&answer, "findings").map_err(|reason| api.other_version(reason))?;
    let verdict = match findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(FAILURE),
    };
    let printed = match (as_json, findings.is_empty()) {
        (true, _) => print_json(&answer),
        (false, true) => finish("the store holds nothing that must not be\n"),
        (false, false) => finish(findings.iter().map(finding).collect::<String>()),
    };
    Ok(if printed == ExitCode::SUCCESS { verdict } else { printed })
}

fn finding(finding: &Value) -> String {
    // The message names the task.
    printable(&format!("{}: {}", text(finding, "invariant"), text(finding, "message"))) + "\n"
}
