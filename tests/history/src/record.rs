//! What clients and runners have seen.

use serde::{Deserialize, Serialize};

/// Something that somebody has seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When, in milliseconds, by a clock that does not jump.
    pub at: u64,
    /// Who: a client, or a process of a node.
    pub who: String,
    /// What.
    #[serde(flatten)]
    pub seen: Seen,
}

/// What can be seen. Tasks and claims are numbers, states are words, as in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum Seen {
    /// A client asks for a task, under a name of its own.
    EnqueueAsked {
        /// The name of the request.
        request: String,
        /// The unique key of the task, if it has one.
        key: Option<String>,
    },
    /// It was told that the task is accepted.
    EnqueueAcknowledged {
        /// The name of the request.
        request: String,
        /// The task.
        task: i64,
        /// Where the task was.
        state: String,
        /// Whether it was made for this request.
        is_new: bool,
    },
    /// It was told nothing, or that the store cannot be reached: the task may be there or not.
    EnqueueUnknown {
        /// The name of the request.
        request: String,
    },
    /// It was told that the task is not accepted.
    EnqueueRefused {
        /// The name of the request.
        request: String,
    },
    /// A client was told that its cancel is known.
    CancelAcknowledged {
        /// The task.
        task: i64,
        /// What it was told.
        answer: Answer,
    },
    /// A client has seen that a task has ended.
    EndSeen {
        /// The task.
        task: i64,
        /// How.
        state: String,
    },
    /// Old rows are about to be removed: from here on rows may be missing.
    PurgeAsked,
    /// A queue was paused or resumed.
    Paused {
        /// The queue.
        queue: String,
        /// Whether it was paused.
        is_paused: bool,
    },
    /// The code of a task begins.
    RunBegan {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
        /// The node.
        node: String,
        /// Its process.
        boot: String,
    },
    /// The code of a task has made an effect that others see.
    EffectPublished {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
        /// Where: of one place, the later run wins.
        place: String,
    },
    /// A runner asks to end a task.
    EndAsked {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
    },
    /// The end was accepted: now, and not before.
    EndAccepted {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
        /// Where the task is now.
        state: String,
    },
    /// The end came too late.
    EndRefused {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
    },
    /// The runner was not told whether the end was accepted.
    EndUnknown {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
    },
    /// The store has confirmed a claim to its runner.
    Renewed {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
    },
    /// A claim was ended by somebody else than its runner.
    Reaped {
        /// The task.
        task: i64,
        /// The claim.
        claim: i64,
        /// Where the task is now.
        state: String,
        /// How often it was confirmed, as far as the one who ended it knew.
        beat: i64,
    },
    /// For readers: a crash, a fault.
    Note {
        /// What happened.
        text: String,
    },
}

/// What a client was told of its cancel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The task waited, and is cancelled.
    AtOnce,
    /// The task runs, and will be cancelled, whoever has asked first.
    Asked,
    /// The task had ended, in this state.
    Ended(String),
    /// The task had ended long ago.
    Purged,
}

/// A history as text: one line of JSON for each record.
pub fn to_lines(history: &[Record]) -> String {
    let line =
        |record| serde_json::to_string(record).expect("a record of texts and numbers is JSON");
    history.iter().map(|record| line(record) + "\n").collect()
}

/// The history that `text` holds, in its order. The error names the line.
///
/// Who puts several files together sorts the records by `at` afterwards. What has no end was written by a
/// process that was killed meanwhile (a write ends early where a page of the file does), and is left out,
/// whether it is at the end or another process has gone on right behind it.
pub fn from_lines(text: &str) -> Result<Vec<Record>, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(at, line): (usize, &str)| {
        parse_line(line).map_err(|error| format!("line {}: {error}", at + 1))
    };
    whole.lines().enumerate().filter(|(_, line)| !line.is_empty()).map(parse).collect()
}

/// The record that ends with `line`, behind none or some that were torn.
fn parse_line(line: &str) -> serde_json::Result<Record> {
    let error = match serde_json::from_str(line) {
        Ok(record) => return Ok(record),
        Err(error) => error,
    };
    let is_torn = |part: &str| {
        let parsed: serde_json::Result<serde_json::Value> = serde_json::from_str(part);
        parsed.is_err_and(|error| error.is_eof())
    };
    let begins = line.match_indices("{\"").map(|(at, _)| at).filter(|at| *at > 0);
    let behind =
        begins.filter(|at| is_torn(&line[..*at])).find_map(|at| parse_line(&line[at..]).ok());
    behind.ok_or(error)
}
