//! Lists tasks, and shows one with its attempts and its events.

use std::fmt::Write as _;
use std::process::ExitCode;

use encode::terminal::printable;
use serde_json::{Value, json};

use super::api::{Api, target};
use super::outcome::{Trouble, print_json};
use super::record::{TaskRecord, check_id, int, items, short, text};
use super::table::Table;
use super::times;
use crate::cli::ListArgs;
use crate::commands::output::finish;

/// `task list`.
pub(super) fn list(api: &Api, args: &ListArgs, as_json: bool) -> Result<ExitCode, Trouble> {
    let mut filter = vec![("limit", args.limit.to_string())];
    let lists = [
        ("kind", &args.kind),
        ("state", &args.state),
        ("queue", &args.queue),
        ("actor", &args.actor),
        ("node", &args.node),
        ("schedule", &args.schedule),
        ("parent", &args.parent),
    ];
    for (name, values) in lists {
        if !values.is_empty() {
            filter.push((name, values.join(",")));
        }
    }
    let since = time("since", args.since.as_deref())?;
    let until = time("until", args.until.as_deref())?;
    let single = [
        ("since", since.as_deref()),
        ("until", until.as_deref()),
        ("text", args.text.as_deref()),
        ("cursor", args.cursor.as_deref()),
    ];
    filter.extend(single.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
    let answer = api.get(&target("/api/v1/tasks", &filter))?;
    if as_json {
        return Ok(print_json(&answer));
    }
    let tasks = items(&answer, "tasks")
        .and_then(|tasks| tasks.iter().map(TaskRecord::read).collect::<Result<Vec<_>, _>>());
    let tasks = tasks.map_err(|reason| api.other_version(reason))?;
    if tasks.is_empty() {
        return Ok(finish("no tasks\n"));
    }
    let now = times::now();
    let mut table = Table::new(&["TASK", "STATE", "SINCE", "KIND", "SITE", "BY", "WHAT"]);
    for task in &tasks {
        table.row([
            task.short(),
            task.state.clone(),
            since_when(task).map(|since| times::ago(since, now)).unwrap_or_default(),
            task.kind.clone(),
            task.site.clone().unwrap_or_default(),
            task.schedule.clone().unwrap_or_else(|| task.actor.clone()),
            what(task),
        ]);
    }
    let mut out = table.without_empty("SITE").for_stdout();
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        let _ = writeln!(out, "There are more: --cursor {}", printable(next));
    }
    Ok(finish(out))
}

/// A time, as the API reads it: a day is its first moment. What does not begin with a day is refused here; the
/// API looks at the rest.
fn time(option: &str, text: Option<&str>) -> Result<Option<String>, Trouble> {
    let Some(text) = text else { return Ok(None) };
    let digit_or = |(byte, shape): (u8, u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    let day = b"0000-00-00";
    if text.len() < day.len() || !text.bytes().zip(*day).all(digit_or) {
        return Err(Trouble::usage(format!(
            "--{option}: `{text}` is no time: write 2026-11-26, or 2026-11-26T12:00:00Z, which is UTC"
        )));
    }
    match text.len() == day.len() {
        true => Ok(Some(format!("{text}T00:00:00Z"))),
        false => Ok(Some(text.to_owned())),
    }
}

/// Since when a task is in its state.
fn since_when(task: &TaskRecord) -> Option<&str> {
    let at = match task.state.as_str() {
        "running" => &task.started_at,
        "enqueued" => &task.created_at,
        _ => &task.finished_at,
    };
    at.as_deref().or(task.created_at.as_deref())
}

/// What is worth saying of a task in a table.
fn what(task: &TaskRecord) -> String {
    match (task.state.as_str(), task.progress(), &task.error) {
        ("running", Some(progress), _) => format!("{progress}: {}", task.summary),
        ("failed" | "dropped" | "enqueued", _, Some(error)) => error.clone(),
        _ => task.summary.clone(),
    }
}

/// `task show`.
pub(super) fn show(api: &Api, id: &str, as_json: bool) -> Result<ExitCode, Trouble> {
    let id = check_id(id).map_err(Trouble::usage)?;
    let answer = api.get(&format!("/api/v1/tasks/{id}"))?;
    let task = TaskRecord::read(&answer).map_err(|reason| api.other_version(reason))?;
    // By its whole number: that an end of a number is unique may change meanwhile.
    let attempts = api.get(&format!("/api/v1/tasks/{}/attempts", task.id))?;
    let events = api.get(&format!("/api/v1/tasks/{}/events", task.id))?;
    let attempts = items(&attempts, "attempts").map_err(|reason| api.other_version(reason))?;
    let events = items(&events, "events").map_err(|reason| api.other_version(reason))?;
    if as_json {
        let task = answer.get("task").unwrap_or(&answer);
        return Ok(print_json(&json!({"task": task, "attempts": attempts, "events": events})));
    }
    let mut out = facts(&task, times::now());
    if !attempts.is_empty() {
        let mut table = Table::new(&["CLAIM", "NODE", "BEGAN", "TOOK", "END", "STAGES"]);
        for attempt in attempts {
            let took = times::between(
                attempt.get("started").and_then(Value::as_str),
                attempt.get("ended").and_then(Value::as_str),
            );
            table.row([
                int(attempt, "claim").to_string(),
                text(attempt, "node").to_owned(),
                times::absolute(text(attempt, "started")),
                took.map(times::length).unwrap_or_default(),
                text(attempt, "outcome").to_owned(),
                stages(attempt.get("stages").unwrap_or(&Value::Null)),
            ]);
        }
        let _ = write!(out, "\nAttempts\n{}", table.for_stdout());
    }
    if !events.is_empty() {
        let mut table = Table::new(&["AT", "WHAT", "WHO", "MORE"]);
        for event in events {
            table.row([
                times::absolute(text(event, "at")),
                text(event, "what").replace('_', " "),
                text(event, "actor").to_owned(),
                text(event, "detail").to_owned(),
            ]);
        }
        let _ = write!(out, "\nEvents\n{}", table.for_stdout());
    }
    Ok(finish(out))
}

/// The stages of an attempt and their times: `walk 1.2 s, hash 0.3 s`.
fn stages(value: &Value) -> String {
    // A text that holds JSON, where the API hands it on as the store has it.
    let inner = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let value = inner.as_ref().unwrap_or(value);
    let stage = |stage: &Value| {
        let (name, milliseconds) = match stage {
            Value::Array(_) => (stage.get(0)?.as_str()?, stage.get(1)?.as_i64()?),
            _ => (text(stage, "stage"), int(stage, "milliseconds")),
        };
        let (seconds, tenths) = (milliseconds / 1_000, milliseconds % 1_000 / 100);
        Some(format!("{name} {seconds}.{tenths} s"))
    };
    let stages: Vec<_> = value.as_array().into_iter().flatten().filter_map(stage).collect();
    stages.join(", ")
}

/// A line for each fact about a task.
fn facts(task: &TaskRecord, now: i64) -> String {
    let mut out = format!("Task {}: {}\n", task.short(), printable(&task.summary));
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<10} {}", printable(&value));
        }
    };
    let when = |time: &Option<String>| {
        let time = time.as_deref()?;
        Some(format!("{} ({})", times::absolute(time), times::ago(time, now)))
    };
    let took = times::between(task.started_at.as_deref(), task.finished_at.as_deref());
    let attempts = match (task.failures, task.max_failures) {
        (0, _) => String::new(),
        (failures, max) => format!(", {failures} of {max} attempts have failed"),
    };
    fact("state", format!("{}{attempts}", task.state));
    fact("progress", task.progress().filter(|_| task.state == "running").unwrap_or_default());
    fact("error", task.error.clone().unwrap_or_default());
    fact("kind", format!("{}, in queue {}, priority {}", task.kind, task.queue, task.priority));
    fact("site", task.site.clone().unwrap_or_default());
    let args = task.args.as_object().filter(|args| !args.is_empty());
    fact("arguments", args.map(|_| task.args.to_string()).unwrap_or_default());
    fact("asked", {
        let by = match &task.schedule {
            Some(schedule) => format!("by schedule {schedule}"),
            None => format!("by {}", task.actor),
        };
        format!("{}, {by}", when(&task.created_at).unwrap_or_default())
    });
    fact("follows", task.parent.map(short).unwrap_or_default());
    fact(
        "not before",
        match task.state.as_str() {
            "enqueued" => when(&task.run_after).unwrap_or_default(),
            _ => String::new(),
        },
    );
    fact("began", {
        let node = task.node.as_deref().map(|node| format!(", on {node}")).unwrap_or_default();
        when(&task.started_at).map(|at| at + &node).unwrap_or_default()
    });
    fact("ended", {
        let says = if task.failures > 1 { "the last attempt took" } else { "after" };
        let took = took.map(|took| format!(", {says} {}", times::length(took)));
        let took = took.unwrap_or_default();
        when(&task.finished_at).map(|at| at + &took).unwrap_or_default()
    });
    fact("cancelled", task.cancel_by.as_ref().map(|by| format!("by {by}")).unwrap_or_default());
    fact(
        "again",
        if task.rerun && !task.has_ended() {
            "once more when this run has ended".into()
        } else {
            String::new()
        },
    );
    fact("result", if task.result.is_null() { String::new() } else { task.result.to_string() });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_with_their_times() {
        let stored = json!(r#"[["walk",1234],["hash",56]]"#);
        assert_eq!(stages(&stored), "walk 1.2 s, hash 0.0 s");
        assert_eq!(stages(&json!([["walk", 1234]])), "walk 1.2 s");
        assert_eq!(stages(&json!([{"stage": "walk", "milliseconds": 900}])), "walk 0.9 s");
        assert_eq!(stages(&Value::Null), "");
    }

    #[test]
    fn a_day_is_its_first_moment() {
        let read = |text| time("since", Some(text)).ok().flatten();
        assert_eq!(read("2026-11-26").as_deref(), Some("2026-11-26T00:00:00Z"));
        assert_eq!(read("2026-11-26T12:00:00Z").as_deref(), Some("2026-11-26T12:00:00Z"));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn a_task_is_told_in_facts() {
        let task = TaskRecord::read(&json!({
            "id": 123_456, "kind": "primary.scan", "queue": "cpu", "state": "failed", "priority": 0,
            "summary": "scan /srv\u{1b}[2J", "site": "main", "args": {"allow_shrink": true}, "actor": "alice",
            "failures": 3, "max_failures": 3, "node": "a", "error": "the tree has lost half",
            "created_at": "2026-11-26T11:00:00Z", "started_at": "2026-11-26T11:59:00Z",
            "finished_at": "2026-11-26T11:59:30Z",
        }));
        let now = times::parse("2026-11-26T12:00:00Z").expect("a time");
        assert_eq!(
            facts(&task.expect("a task"), now),
            "Task 123-456: scan /srv\\u{1b}[2J
  state      failed, 3 of 3 attempts have failed
  error      the tree has lost half
  kind       primary.scan, in queue cpu, priority 0
  site       main
  arguments  {\"allow_shrink\":true}
  asked      2026-11-26 11:00:00 UTC (60 min ago), by alice
  began      2026-11-26 11:59:00 UTC (60 s ago), on a
  ended      2026-11-26 11:59:30 UTC (30 s ago), the last attempt took 30 s
"
        );
    }
}
