//! Says on stderr how far a task is: on a terminal in one line that is written over, elsewhere in a line for
//! each new stage.

use std::io::{self, IsTerminal, Write};

use encode::terminal::{cut, printable};

use super::record::TaskRecord;
use super::table::terminal_width;
use super::times;

/// Clears the line of the cursor, and returns to its begin.
const CLEAR: &str = "\r\u{1b}[K";

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Silent,
    Lines,
    Terminal,
}

/// Where progress is shown.
pub(super) struct Screen {
    mode: Mode,
    /// What was said last, of the mode with lines.
    said: String,
    /// Whether the cursor stands in a line that is written over.
    is_dirty: bool,
}

impl Screen {
    /// Standard error, which may be a terminal.
    pub(super) fn of_stderr(quiet: bool) -> Self {
        let mode = match quiet {
            true => Mode::Silent,
            false if io::stderr().is_terminal() => Mode::Terminal,
            false => Mode::Lines,
        };
        Self { mode, said: String::new(), is_dirty: false }
    }

    /// Whether progress is worth asking for again and again.
    pub(super) fn shows_progress(&self) -> bool {
        self.mode != Mode::Silent
    }

    /// Shows where a task is.
    pub(super) fn update(&mut self, task: &TaskRecord) {
        let written = match self.mode {
            Mode::Silent => Ok(()),
            Mode::Lines => match self.line(task) {
                Some(line) => writeln!(io::stderr(), "{line}"),
                None => Ok(()),
            },
            Mode::Terminal => {
                let columns = terminal_width(io::stderr()).unwrap_or(80);
                // The last column stays free: a terminal would go on in the next line.
                let line = cut(&self.whole(task, times::now()), columns.saturating_sub(1));
                self.is_dirty = true;
                write!(io::stderr(), "{CLEAR}{line}").and_then(|()| io::stderr().flush())
            }
        };
        // A terminal that is gone cannot be told so.
        drop(written);
    }

    /// Shows a note, such as that the process does not answer for the moment.
    pub(super) fn note(&mut self, text: &str) {
        if self.mode != Mode::Silent && self.said != text {
            self.end();
            text.clone_into(&mut self.said);
            drop(writeln!(io::stderr(), "{}", printable(text)));
        }
    }

    /// Leaves an empty line for what is printed next.
    pub(super) fn end(&mut self) {
        if self.is_dirty {
            self.is_dirty = false;
            drop(write!(io::stderr(), "{CLEAR}").and_then(|()| io::stderr().flush()));
        }
    }

    /// What is said in lines: where the task is, whenever that is another state or another stage.
    fn line(&mut self, task: &TaskRecord) -> Option<String> {
        let stage = task.stage.as_deref().filter(|_| task.state == "running").unwrap_or("");
        let line = match stage {
            "" => format!("{} {}: {}", task.short(), task.kind, task.state),
            stage => format!("{} {}: {stage}", task.short(), task.kind),
        };
        let line = printable(&line);
        if line == self.said {
            return None;
        }
        line.clone_into(&mut self.said);
        Some(line)
    }

    /// What is said on a terminal: also how much is done, and since when.
    fn whole(&self, task: &TaskRecord, now: i64) -> String {
        let what = match (task.state.as_str(), task.progress()) {
            ("running", Some(progress)) => progress,
            ("running", None) => "running".into(),
            ("enqueued", _) => waiting(task, now),
            (state, _) => state.to_owned(),
        };
        let since = match task.state.as_str() {
            "running" => task.started_at.as_deref(),
            _ => task.created_at.as_deref(),
        };
        let length = since.and_then(times::parse).map(|since| now.saturating_sub(since).max(0));
        let length = length.map(|length| format!(", {}", times::length(length)));
        let length = length.unwrap_or_default();
        printable(&format!("{} {}: {what}{length}", task.short(), task.kind))
    }
}

/// Why a task waits, as far as its row tells.
fn waiting(task: &TaskRecord, now: i64) -> String {
    let at = task.run_after.as_deref();
    match at.filter(|at| times::parse(at).is_some_and(|at| at > now)) {
        Some(at) if task.failures > 0 => format!("has failed, tries again {}", times::ago(at, now)),
        Some(at) => format!("begins {}", times::ago(at, now)),
        None => format!("waits in queue {}", task.queue),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-26T12:00:00Z";

    fn task(more: Value) -> TaskRecord {
        let mut value = json!({"id": 123_456, "kind": "primary.scan", "queue": "cpu",
                               "state": "running", "created_at": "2026-11-26T11:00:00Z",
                               "started_at": "2026-11-26T11:59:30Z"});
        let (all, more) = (value.as_object_mut().expect("an object"), more);
        all.extend(more.as_object().expect("an object").clone());
        TaskRecord::read(&value).expect("a task")
    }

    #[test]
    fn a_line_says_how_far_a_task_is() {
        let screen = Screen { mode: Mode::Terminal, said: String::new(), is_dirty: false };
        let now = times::parse(NOW).expect("a time");
        let shown = |more| screen.whole(&task(more), now);
        assert_eq!(
            shown(json!({"stage": "walk", "done": 1_200, "total": 10_000})),
            "123-456 primary.scan: walk 1,200 of 10,000 (12 %), 30 s"
        );
        assert_eq!(shown(json!({})), "123-456 primary.scan: running, 30 s");
        assert_eq!(
            shown(json!({"state": "enqueued"})),
            "123-456 primary.scan: waits in queue cpu, 60 min"
        );
        let later = json!({"state": "enqueued", "run_after": "2026-11-26T12:00:04Z"});
        assert_eq!(shown(later.clone()), "123-456 primary.scan: begins in 4 s, 60 min");
        let mut again = later;
        again["failures"] = 1.into();
        assert_eq!(shown(again), "123-456 primary.scan: has failed, tries again in 4 s, 60 min");
        assert_eq!(shown(json!({"stage": "\u{1b}[2J"})), "123-456 primary.scan: \\u{1b}[2J, 30 s");
    }

    #[test]
    fn without_a_terminal_each_stage_has_one_line() {
        let mut screen = Screen { mode: Mode::Lines, said: String::new(), is_dirty: false };
        let mut line = |more| screen.line(&task(more));
        assert_eq!(
            line(json!({"state": "enqueued"})).as_deref(),
            Some("123-456 primary.scan: enqueued")
        );
        assert_eq!(line(json!({})).as_deref(), Some("123-456 primary.scan: running"));
        assert_eq!(
            line(json!({"stage": "walk", "done": 1})).as_deref(),
            Some("123-456 primary.scan: walk")
        );
        assert_eq!(line(json!({"stage": "walk", "done": 2})), None);
    }
}
