//! Output and exit status of commands.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use runtime::log;

/// Exit status when the data or the system is at fault.
pub(super) const FAILURE: u8 = 1;
/// Exit status when the command line or the configuration is at fault.
pub(super) const USAGE: u8 = 2;
/// The last second that an HTTP date can name: the end of 9999.
const LAST_DATE: u64 = 253_402_300_799;

/// Writes to stdout, and flushes it.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints the result of a command. A reader that has closed the pipe (`| head`) is no failure.
pub(super) fn finish(text: impl Display) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(FAILURE, format_args!("cannot write to standard output: {error}")),
    }
}

/// Writes the reason for a failure to stderr, a line as a rule, and returns the exit status.
pub(super) fn fail(code: u8, reason: impl Display) -> ExitCode {
    for line in reason.to_string().lines() {
        complain(format_args!("mirrorlistd: {line}"));
    }
    ExitCode::from(code)
}

/// Writes a line to stderr.
pub(super) fn complain(line: impl Display) {
    log::say(line);
}

/// Formats a Unix time as an HTTP date; `None` after the year 9999.
pub(super) fn date(seconds: u64) -> Option<String> {
    (seconds <= LAST_DATE)
        .then(|| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// Formats a JSON object as text: a line for each value, also of inner objects; `null` and empty
/// lists are left out.
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
    use serde_json::json;

    use super::*;

    #[test]
    fn text_has_a_line_for_each_value() {
        let value = json!({"file": "a b", "date": null, "holds": {"url_lists": 3}, "a": [], "b": ["c", "d"]});
        assert_eq!(as_text(&value), "file: a b\nurl lists: 3\nb: c, d\n");
    }
}
