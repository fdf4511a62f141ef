//! `mirrorlistd mirror list`, `show`, `check`, `pause` and `resume`: asks a running process what it knows of mirrors.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{MirrorCheckArgs, MirrorKeyArgs, MirrorListArgs, MirrorPauseArgs};
use crate::commands::meant::meant;
use crate::commands::output::{fail, finish};
use crate::commands::task::api::{Api, ApiError, push_encoded};
use crate::commands::task::outcome::{Trouble, print_json};
use crate::commands::task::record::{items, now, text};
use crate::commands::task::table::Table;
use crate::commands::task::{times, wait};
use encode::terminal::printable;
use runtime::log;

/// `mirror list`.
pub(super) fn list(args: &MirrorListArgs) -> ExitCode {
    told(|| {
        let api = Api::find(&args.ask)?;
        let mut answer = api.get("/api/v1/mirrors")?;
        if args.hidden
            && let Some(mirrors) = answer.get_mut("mirrors").and_then(Value::as_array_mut)
        {
            mirrors.retain(|mirror| text(mirror, "listed") != "yes");
        }
        let mirrors = items(&answer, "mirrors").map_err(|reason| api.other_version(reason))?;
        if args.ask.json {
            return Ok(print_json(&answer));
        }
        let now = now(&answer);
        let mut table =
            Table::new(&["MIRROR", "STATE", "LISTED", "REPOSITORIES", "VISITED", "WHY"]);
        for mirror in mirrors {
            let number = |name: &str| mirror.get(name).and_then(Value::as_u64).unwrap_or(0);
            table.row([
                text(mirror, "key").to_owned(),
                text(mirror, "state").to_owned(),
                text(mirror, "listed").to_owned(),
                format!("{} of {}", number("accepted"), number("repositories")),
                ago(mirror, "last_visit", now),
                why(mirror, now),
            ]);
        }
        Ok(finish(table.for_stdout()))
    })
}

/// `mirror show`.
pub(super) fn show(args: &MirrorKeyArgs) -> ExitCode {
    told(|| {
        let api = Api::find(&args.ask)?;
        let answer =
            api.get(&path(&args.key, "")).map_err(|error| unknown(&api, &args.key, error))?;
        if args.ask.json {
            return Ok(print_json(&answer));
        }
        let mirror = answer.get("mirror").ok_or_else(|| api.other_version("there is no mirror"))?;
        Ok(finish(shown(mirror, now(&answer))))
    })
}

/// `mirror check`.
pub(super) fn check(args: &MirrorCheckArgs) -> ExitCode {
    told(|| {
        let api = Api::find(&args.ask)?;
        let path = path(&args.key, "/check");
        let how = (args.detach, args.wait);
        wait::submit(&api, &path, how, args.ask.json, |error| unknown(&api, &args.key, error))
    })
}

/// `mirror pause`.
pub(super) fn pause(args: &MirrorPauseArgs) -> ExitCode {
    told(|| {
        let api = Api::find(&args.ask)?;
        let mut body = json!({ "reason": args.reason });
        if let Some(fields) = body.as_object_mut() {
            let times = [("from", &args.from), ("until", &args.until)];
            let given = times.into_iter().filter_map(|(name, time)| Some((name, time.clone()?)));
            fields.extend(given.map(|(name, time)| (name.to_owned(), time.into())));
        }
        let answer = api.post(&path(&args.key, "/pause"), &body);
        let answer = answer.map_err(|error| unknown(&api, &args.key, error))?;
        Ok(match args.ask.json {
            true => print_json(&answer),
            false => {
                let key = &args.key;
                let paused = match &args.until {
                    None => format!(
                        "mirror {key} is paused: it is left out of the lists until it is resumed"
                    ),
                    Some(until) => {
                        let from = args.from.as_deref().unwrap_or("now");
                        format!(
                            "mirror {key} is in maintenance from {from} until {until}: it is left out of the \
                             lists, and its failures do not count"
                        )
                    }
                };
                finish(printable(&paused) + "\n")
            }
        })
    })
}

/// `mirror resume`.
pub(super) fn resume(args: &MirrorKeyArgs) -> ExitCode {
    told(|| {
        let api = Api::find(&args.ask)?;
        let answer = api.post(&path(&args.key, "/resume"), &json!({}));
        let answer = answer.map_err(|error| unknown(&api, &args.key, error))?;
        Ok(match args.ask.json {
            true => print_json(&answer),
            false => finish(printable(&format!("mirror {} is not paused", args.key)) + "\n"),
        })
    })
}

fn told(work: impl FnOnce() -> Result<ExitCode, Trouble>) -> ExitCode {
    log::install(None);
    work().unwrap_or_else(|Trouble { status, reason }| fail(status, reason))
}

fn path(key: &str, verb: &str) -> String {
    let mut path = "/api/v1/mirrors/".to_owned();
    push_encoded(key, &mut path);
    path + verb
}

/// The reason, with what was meant if there is no such mirror.
fn unknown(api: &Api, key: &str, error: ApiError) -> Trouble {
    if !matches!(error, ApiError::Refused { status: 404, .. }) {
        return error.into();
    }
    let Ok(answer) = api.get("/api/v1/mirrors") else { return error.into() };
    let mirrors = items(&answer, "mirrors").unwrap_or_default();
    let keys: Vec<&str> = mirrors.iter().map(|mirror| text(mirror, "key")).collect();
    let meant = meant(key, &keys);
    Trouble::failure(printable(&format!("there is no mirror `{key}` that is visited; {meant}")))
}

fn ago(value: &Value, name: &str, now: i64) -> String {
    match text(value, name) {
        "" => String::new(),
        at => times::ago(at, now),
    }
}

/// Why a mirror is not listed, and since when; or when maintenance begins.
fn why(mirror: &Value, now: i64) -> String {
    let note = mirror.get("paused").map_or("", |paused| text(paused, "note"));
    let planned = mirror.get("maintenance").and_then(|planned| planned.get(0));
    let mut why = text(mirror, "why").to_owned();
    if why.is_empty()
        && let Some(planned) = planned
    {
        return format!("maintenance {}", times::ago(text(planned, "from"), now));
    }
    if !note.is_empty() {
        why = format!("{why} by {note}");
    }
    match ago(mirror, "since", now) {
        since if since.is_empty() => why,
        since => format!("{why}, {since}"),
    }
}

fn shown(mirror: &Value, now: i64) -> String {
    let list = |name: &str| mirror.get(name).and_then(Value::as_array).into_iter().flatten();
    let mut lines = printable(text(mirror, "key"));
    let visits = [("last_visit", "visited"), ("next_visit", "next visit")];
    for (name, told) in visits {
        let at = ago(mirror, name, now);
        if !at.is_empty() {
            // Writing to a String does not fail.
            let _ = write!(lines, ", {told} {at}");
        }
    }
    lines.push('\n');
    if let Some(paused) = mirror.get("paused").filter(|paused| !paused.is_null()) {
        lines += &printable(&format!("paused by {}", text(paused, "note")));
        lines.push('\n');
    }
    let checked_in = mirror.get("checked_in").map_or("", |last| text(last, "at"));
    if !checked_in.is_empty() {
        // Writing to a String does not fail.
        let _ = writeln!(lines, "checked in {}", printable(&times::ago(checked_in, now)));
    }
    for planned in list("maintenance") {
        let [from, until] = ["from", "until"].map(|name| times::absolute(text(planned, name)));
        let line = format!("maintenance from {from} until {until} by {}", text(planned, "note"));
        lines += &printable(&line);
        lines.push('\n');
    }
    for gate in list("gates") {
        let mark = match gate.get("passed").and_then(Value::as_bool) {
            Some(true) => "ok",
            Some(false) => "NO",
            None => "? ",
        };
        lines += &printable(&format!("{mark}  {}: {}", text(gate, "of"), text(gate, "text")));
        lines.push('\n');
    }
    let events: Vec<&Value> = list("events").collect();
    if !events.is_empty() {
        lines += "\nEvents\n";
    }
    for event in events {
        let n = event.get("count").and_then(Value::as_u64).unwrap_or(1);
        let kind = match event.get("kind") {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Object(failed)) => {
                failed.values().find_map(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => String::new(),
        };
        let last = event.get("last").and_then(Value::as_i64).unwrap_or(0);
        let ago = times::length(now.saturating_sub(last).max(0));
        let (subject, detail) = (text(event, "subject"), text(event, "detail"));
        let line = format!("  {ago} ago  {kind} x {n}  {subject}  {detail}");
        lines += printable(&line).trim_end();
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_shown_with_its_gates_and_events() {
        let mirror = json!({
            "key": "berlin",
            "last_visit": "2026-11-27T12:00:00.000Z",
            "next_visit": null,
            "paused": {"since": "2026-11-27T11:00:00.000Z", "note": "user 0: moves\u{1b}"},
            "maintenance": [{"from": "2026-11-28T02:00:00.000Z", "until": "2026-11-28T05:00:00.000Z",
                             "note": "token bob: new disks"}],
            "gates": [
                {"of": "mirror", "passed": false, "text": "paused"},
                {"of": "http://a/ over IPv6", "passed": null, "text": "not tested"},
            ],
            "events": [{"kind": {"failed": "connect_refused"}, "subject": "http://a/",
                        "detail": "refused", "first": 1, "last": 1_795_780_740, "count": 3}],
        });
        assert_eq!(
            shown(&mirror, 1_795_780_860),
            "berlin, visited 60 s ago\n\
             paused by user 0: moves\\u{1b}\n\
             maintenance from 2026-11-28 02:00:00 UTC until 2026-11-28 05:00:00 UTC by token bob: new disks\n\
             NO  mirror: paused\n\
             ?   http://a/ over IPv6: not tested\n\n\
             Events\n  2 min ago  connect_refused x 3  http://a/  refused\n"
        );
    }
}
