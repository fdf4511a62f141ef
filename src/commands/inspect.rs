//! `mirrorlistd inspect`: what a snapshot file holds, and whether it is intact.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::output::{FAILURE, complain, fail, finish};
use crate::cli::InspectArgs;
use crate::snapshot::{Snapshot, format};

/// The last second that an HTTP date can name: the end of 9999.
const LAST_DATE: u64 = 253_402_300_799;

pub(super) fn run(args: &InspectArgs) -> ExitCode {
    let snapshot = match format::read(&args.file) {
        Ok(snapshot) => snapshot,
        Err(error) if args.json => {
            complain(format_args!("mirrorlistd: {error}"));
            let verdict = json!({
                "file": args.file.to_string_lossy(),
                "intact": false,
                "reason": error.to_string(),
            });
            // A reader that has gone does not mend the file.
            finish(format_args!("{verdict:#}\n"));
            return ExitCode::from(FAILURE);
        }
        Err(error) => return fail(FAILURE, error),
    };
    let contents = describe(&args.file, &snapshot);
    if args.json { finish(format_args!("{contents:#}\n")) } else { finish(as_text(&contents)) }
}

fn describe(file: &Path, snapshot: &Snapshot) -> Value {
    let created = snapshot.created();
    json!({
        "file": file.to_string_lossy(),
        "intact": true,
        "bytes": std::fs::metadata(file).ok().map(|meta| meta.len()),
        "generation": snapshot.generation().to_string(),
        "created": created,
        "created_date": date(created),
        "holds": snapshot.stats(),
    })
}

/// A date for people; `None` where there is no such year.
pub(super) fn date(seconds: u64) -> Option<String> {
    (seconds <= LAST_DATE)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// A line for each value, those of inner objects as well; `null` and empty lists are left out.
pub(super) fn as_text(value: &Value) -> String {
    let mut text = String::new();
    push_lines(value, &mut text);
    text
}

fn push_lines(value: &Value, text: &mut String) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let key = key.replace('_', " ");
        // Writing to a String cannot fail.
        match value {
            Value::Null => {}
            Value::Array(items) => {
                let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                if !items.is_empty() {
                    let _ = writeln!(text, "{key}: {}", items.join(", "));
                }
            }
            Value::Object(_) => push_lines(value, text),
            Value::String(string) => drop(writeln!(text, "{key}: {string}")),
            other => drop(writeln!(text, "{key}: {other}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_line_for_each_value() {
        let value = json!({"file": "a b", "date": null, "holds": {"url_lists": 3}, "a": [], "b": ["c", "d"]});
        assert_eq!(as_text(&value), "file: a b\nurl lists: 3\nb: c, d\n");
    }
}
