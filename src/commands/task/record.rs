//! What the API says, as far as it is shown.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::times;

/// A task.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TaskRecord {
    #[serde(deserialize_with = "number")]
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) queue: String,
    pub(super) state: String,
    pub(super) summary: String,
    pub(super) actor: String,
    pub(super) args: Value,
    pub(super) priority: i64,
    pub(super) request_id: Option<String>,
    pub(super) rerun: bool,
    pub(super) failures: i64,
    pub(super) max_failures: i64,
    pub(super) run_after: Option<String>,
    pub(super) created_at: Option<String>,
    pub(super) started_at: Option<String>,
    pub(super) finished_at: Option<String>,
    #[serde(deserialize_with = "number_or_null")]
    pub(super) parent: Option<i64>,
    pub(super) schedule: Option<String>,
    pub(super) node: Option<String>,
    pub(super) site: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) done: Option<i64>,
    pub(super) total: Option<i64>,
    pub(super) cancel_by: Option<String>,
    pub(super) error: Option<String>,
    pub(super) result: Value,
    /// What keeps its process from using the store.
    pub(super) store_trouble: Option<String>,
}

/// The exit status for a task that was cancelled, dropped, or has failed.
const FAILED: u8 = 4;
const CANCELLED: u8 = 8;
const DROPPED: u8 = 16;

impl TaskRecord {
    /// Reads a task, which stands alone, or in `task`.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let value = value.get("task").filter(|task| task.is_object()).unwrap_or(value);
        let task: Self =
            serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        match task.id > 0 && !task.state.is_empty() {
            true => Ok(task),
            false => Err("a task has no id or no state".into()),
        }
    }

    /// Whether nothing will happen to it any more.
    pub(super) fn has_ended(&self) -> bool {
        self.exit_status().is_some()
    }

    /// The exit status that tells how it has ended.
    pub(super) fn exit_status(&self) -> Option<u8> {
        match self.state.as_str() {
            "completed" => Some(0),
            "failed" => Some(FAILED),
            "cancelled" => Some(CANCELLED),
            "dropped" => Some(DROPPED),
            _ => None,
        }
    }

    /// What it is doing, and how much of that is done: `walk 1,200 of 10,000 (12 %)`.
    pub(super) fn progress(&self) -> Option<String> {
        let stage = self.stage.as_deref().filter(|stage| !stage.is_empty())?;
        Some(match (self.done, self.total) {
            (Some(done), Some(total)) if total > 0 => {
                let percent = done.clamp(0, total).saturating_mul(100) / total;
                format!("{stage} {} of {} ({percent} %)", grouped(done), grouped(total))
            }
            (Some(done), _) => format!("{stage} {}", grouped(done)),
            _ => stage.to_owned(),
        })
    }

    /// Its number, as people say it.
    pub(super) fn short(&self) -> String {
        short(self.id)
    }
}

/// The number of a task in groups of three digits: `123-456`.
pub(super) fn short(id: i64) -> String {
    in_groups(id, '-')
}

/// A number in groups of three digits: `1,234`.
pub(super) fn grouped(number: i64) -> String {
    in_groups(number, ',')
}

fn in_groups(number: i64, separator: char) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    let n_digits = digits.trim_start_matches('-').len();
    let mut left = n_digits;
    for character in digits.chars() {
        if character != '-' {
            if left.is_multiple_of(3) && left != n_digits {
                out.push(separator);
            }
            left = left.saturating_sub(1);
        }
        out.push(character);
    }
    out
}

/// The objects in a list of the API, which stands alone or beside other keys.
pub(in crate::commands) fn items<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], String> {
    let list = value.as_array().or_else(|| value.get(name)?.as_array());
    list.map(Vec::as_slice).ok_or_else(|| format!("it holds no list `{name}`"))
}

/// The time of the one who answers, or else of this host, in seconds since 1970.
pub(in crate::commands) fn now(answer: &Value) -> i64 {
    times::parse(text(answer, "now")).unwrap_or_else(times::now)
}

/// A text in an object; empty if there is none.
pub(in crate::commands) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

/// A number in an object; 0 if there is none.
pub(in crate::commands) fn int(value: &Value, name: &str) -> i64 {
    value.get(name).and_then(Value::as_i64).unwrap_or(0)
}

/// Checks that `text` can be the number of a task, or the end of one after a dash, before it is sent.
pub(super) fn check_id(text: &str) -> Result<&str, String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '-');
    match is_number && (1..=19).contains(&digits) {
        true => Ok(text),
        false => Err(format!(
            "`{text}` is no number of a task: write 123456, 123-456, or its last digits as -456"
        )),
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(number_or_null(deserializer)?.unwrap_or(0))
}

/// A number of a task, also where it is written as text.
fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.replace('-', "").parse().ok(),
        value => value.as_i64(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_shown_in_groups() {
        assert_eq!([7, 999, 1_000, 123_456].map(short), ["7", "999", "1-000", "123-456"]);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-1_234), "-1,234");
    }

    #[test]
    fn an_id_is_checked_before_it_is_sent() {
        for good in ["7", "123456", "1-234-567", "-456"] {
            assert_eq!(check_id(good), Ok(good));
        }
        for bad in ["", "-", "--json", "abc", "12/3", "7?wait=1", "12345678901234567890"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_task_is_read_with_what_it_has() {
        let value = json!({"id": 7, "state": "running", "kind": "a", "stage": "walk", "done": 12,
                           "total": 100, "parent": "1-000", "new_key": []});
        let task = TaskRecord::read(&value).expect("a task");
        assert_eq!(task.progress().as_deref(), Some("walk 12 of 100 (12 %)"));
        assert_eq!((task.parent, task.exit_status()), (Some(1_000), None));
        assert_eq!(TaskRecord::read(&json!({"task": value})).expect("a task").id, 7);
        let odd = json!({"id": 7, "state": "running", "stage": "walk", "done": i64::MAX,
                         "total": i64::MAX});
        assert!(TaskRecord::read(&odd).expect("a task").progress().is_some());
        for bad in [json!({}), json!([]), json!({"id": 1}), json!({"id": "x", "state": "failed"})] {
            assert!(TaskRecord::read(&bad).is_err(), "{bad}");
        }
    }
}
