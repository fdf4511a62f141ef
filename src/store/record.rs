//! What rows of the store say.

use std::fmt;

/// A point in time by the store's clock, in milliseconds since 1970. For display, `run_after` and slots
/// only: who is alive is not decided by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The point this many milliseconds later.
    pub fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// The milliseconds since `earlier`.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The number of a task. It is never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    /// The number in groups of three digits, `1-234-567`: short to say, and to be pasted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (above, low) = (self.0 / 1_000, self.0 % 1_000);
        match above {
            0 => write!(f, "{low}"),
            _ => write!(f, "{}-{low:03}", Self(above)),
        }
    }
}

/// The fence of a task: how often it has been claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ClaimNumber(pub i64);

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the store, in JSON and on pages.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one that a word stands for.
            pub fn find(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Where a task is in its life.
    State {
        /// Waits for a runner, or for its time.
        Enqueued = "enqueued",
        /// A runner has claimed it.
        Running = "running",
        /// Ended well.
        Completed = "completed",
        /// Ended with an error, as often as it may.
        Failed = "failed",
        /// Ended because somebody asked for that.
        Cancelled = "cancelled",
        /// Its runner was lost, and it must not be run again.
        Dropped = "dropped",
    }
}

impl State {
    /// Whether nothing will happen to the task any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Enqueued | Self::Running)
    }
}

words! {
    /// What becomes of a task whose runner is lost.
    OnLoss {
        /// It is run again.
        Requeue = "requeue",
        /// It is dropped: it runs at most once.
        Drop = "drop",
    }
}

words! {
    /// What a schedule does about slots that nobody took.
    CatchUp {
        /// Runs once, however many slots were missed.
        One = "one",
        /// Waits for the next slot.
        None = "none",
    }
}

words! {
    /// What has happened to a task.
    What {
        /// It was accepted.
        Enqueued = "enqueued",
        /// Somebody asked for it while it was there already.
        Merged = "merged",
        /// A runner took it.
        Claimed = "claimed",
        /// It ended well.
        Completed = "completed",
        /// An attempt failed; another one follows.
        Retried = "retried",
        /// It failed for good.
        Failed = "failed",
        /// Somebody asked to end it while it ran.
        CancelAsked = "cancel_asked",
        /// It was ended because somebody asked.
        Cancelled = "cancelled",
        /// Its runner was found dead.
        Lost = "lost",
        /// Its runner was not told that it had it, and has given it back.
        Returned = "returned",
        /// Its runner shut down.
        Interrupted = "interrupted",
        /// It will not be run again.
        Dropped = "dropped",
        /// A runner that had lost it tried to write.
        StaleWrite = "stale_write",
        /// A task that follows it was made.
        FollowUp = "follow_up",
        /// A note by a person.
        Comment = "comment",
    }
}

/// A task that is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTask {
    /// What is to be done: the name of a kind.
    pub kind: String,
    /// The queue, which stands for a resource: its budget bounds what runs at the same time.
    pub queue: String,
    /// The smaller, the sooner; ten minutes of waiting count as one step.
    pub priority: i64,
    /// JSON that the kind understands.
    pub args: String,
    /// One line for people.
    pub summary: String,
    /// The site whose files it is about: only its nodes run it. `None` if any node may.
    pub site: Option<String>,
    /// Of tasks with equal keys, one is enqueued or running.
    pub unique_key: Option<String>,
    /// A name that the asker gives: asked twice with one name, there is one task.
    pub request_id: Option<String>,
    /// What becomes of it if its runner is lost.
    pub on_loss: OnLoss,
    /// How many attempts may fail.
    pub max_failures: i64,
    /// How long it waits before it may run, in milliseconds.
    pub delay: i64,
    /// Who asks.
    pub actor: String,
    /// The task that it follows.
    pub parent: Option<TaskId>,
}

/// Bounds of what a row holds, in bytes.
pub mod bounds {
    /// Of arguments.
    pub const ARGS: usize = 16 * 1024;
    /// Of a result.
    pub const RESULT: usize = 64 * 1024;
    /// Of an error's message.
    pub const ERROR: usize = 4 * 1024;
    /// Of names, summaries, reasons and notes.
    pub const LINE: usize = 500;
    /// Of what is known of a mirror, of the record of a visit, and of a fact.
    pub const CHECKS: usize = 16 * 1024 * 1024;
    /// States that are written at once.
    pub const STATES: usize = 100;

    /// A priority that can be reckoned with: a step of priority is worth ten minutes, and beyond these a
    /// task would wait for twenty years.
    pub fn priority(wanted: i64) -> i64 {
        wanted.clamp(-1_000_000, 1_000_000)
    }

    /// A delay, in milliseconds, of at most ten years.
    pub fn delay(wanted: i64) -> i64 {
        wanted.clamp(0, 10 * 366 * 24 * 3_600_000)
    }
}

/// `text` on one line, and cut to `max` bytes at the border of a character.
pub fn bounded(text: &str, max: usize) -> String {
    let mut kept: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if kept.len() > max {
        let mark = '…';
        let room = max.saturating_sub(mark.len_utf8());
        let end = (0..=room).rev().find(|&at| kept.is_char_boundary(at)).unwrap_or(0);
        kept.truncate(end);
        kept.push(mark);
    }
    kept
}

/// The row of a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// What is to be done.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// Where it is in its life.
    pub state: State,
    /// The smaller, the sooner.
    pub priority: i64,
    /// JSON that the kind understands.
    pub args: String,
    /// One line for people.
    pub summary: String,
    /// The site whose files it is about: only its nodes run it. `None` if any node may.
    pub site: Option<String>,
    /// Of tasks with equal keys, one is enqueued or running.
    pub unique_key: Option<String>,
    /// The name that the asker has given.
    pub request_id: String,
    /// Whether it was asked for again while it ran, so that another run follows.
    pub rerun: bool,
    /// What becomes of it if its runner is lost.
    pub on_loss: OnLoss,
    /// How many attempts have failed or were lost.
    pub failures: i64,
    /// How many may.
    pub max_failures: i64,
    /// It is not run before.
    pub run_after: Timestamp,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Who has asked.
    pub actor: String,
    /// The task that it follows.
    pub parent: Option<TaskId>,
    /// The schedule that has made it.
    pub schedule: Option<String>,
    /// The slot of that schedule: when it begins.
    pub slot: Option<Timestamp>,
    /// Its fence.
    pub claim: ClaimNumber,
    /// The node that runs it, or has run it last.
    pub node: Option<String>,
    /// The process of that node, while it runs.
    pub boot: Option<String>,
    /// How often this claim was renewed.
    pub beat: i64,
    /// When it was renewed last; of a task that waits for another attempt, when the last one has ended.
    pub beat_at: Option<Timestamp>,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// What it is doing.
    pub stage: Option<String>,
    /// How much of that is done.
    pub done: Option<i64>,
    /// Of how much.
    pub total: Option<i64>,
    /// When somebody asked to end it.
    pub cancel_at: Option<Timestamp>,
    /// Who.
    pub cancel_by: Option<String>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The class of its error: a stable word.
    pub error_code: Option<String>,
    /// Its last error.
    pub error: Option<String>,
    /// JSON that it has returned.
    pub result: Option<String>,
}

/// One event of a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskEvent {
    /// Its number; later events have higher ones.
    pub id: i64,
    /// The task.
    pub task: TaskId,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: a person, or a node.
    pub actor: String,
    /// What happened.
    pub what: What,
    /// More, for people.
    pub detail: String,
}

/// One attempt to run a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The task.
    pub task: TaskId,
    /// The claim under which it ran.
    pub claim: ClaimNumber,
    /// The node.
    pub node: String,
    /// The process.
    pub boot: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<What>,
    /// Its stages and their milliseconds, as JSON: `[["walk",1200],…]`.
    pub stages: Option<String>,
}

/// A queue, which stands for a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// How many of its tasks may run at the same time, on all nodes together.
    pub max_running: i64,
    /// When it was paused.
    pub paused_at: Option<Timestamp>,
    /// By whom.
    pub paused_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// How many tasks wait that may run now.
    pub ready: i64,
    /// How many tasks wait for their time.
    pub delayed: i64,
    /// How many run.
    pub running: i64,
    /// Since when the oldest of those that may run now could have run.
    pub oldest_ready: Option<Timestamp>,
}

/// A node: a process that runs tasks, under a name that outlives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its name.
    pub id: String,
    /// Its present process.
    pub boot: String,
    /// The site whose files it has; `None` if it takes tasks of all sites.
    pub site: Option<String>,
    /// These files, a line each.
    pub files: String,
    /// The version of the program.
    pub version: String,
    /// The kinds that it runs.
    pub kinds: Vec<String>,
    /// When the process started.
    pub started_at: Timestamp,
    /// When it has written last.
    pub seen_at: Timestamp,
    /// Whether it is shutting down, or has.
    pub stopping: bool,
}

/// A schedule as it is configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSchedule {
    /// Its name.
    pub id: String,
    /// The time between two slots, in milliseconds.
    pub period: i64,
    /// Where in the period slots begin, in milliseconds.
    pub phase: i64,
    /// What it does about slots that were missed.
    pub catch_up: CatchUp,
    /// The task that it makes. Its `request_id`, `parent` and `delay` are not used.
    pub task: NewTask,
}

/// The row of a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Its name.
    pub id: String,
    /// The kind of its tasks.
    pub kind: String,
    /// Their arguments.
    pub args: String,
    /// The site that they are of; `None` if any node may run them.
    pub site: Option<String>,
    /// The nodes that declare it, by name. It goes with the last of them.
    pub nodes: Vec<String>,
    /// The time between two slots, in milliseconds.
    pub period: i64,
    /// Where in the period slots begin, in milliseconds.
    pub phase: i64,
    /// What it does about slots that were missed.
    pub catch_up: CatchUp,
    /// The last slot that was taken or counted as missed.
    pub last_slot: Timestamp,
    /// How many slots were missed.
    pub missed: i64,
    /// When it was paused.
    pub paused_at: Option<Timestamp>,
    /// By whom.
    pub paused_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When a task of it has completed last.
    pub last_success: Option<Timestamp>,
}

/// The begin of the slot that `now` lies in.
pub fn slot_of(now: Timestamp, period: i64, phase: i64) -> Timestamp {
    let period = period.max(1);
    Timestamp(
        now.0.saturating_sub(phase).div_euclid(period).saturating_mul(period).saturating_add(phase),
    )
}

/// What is known of a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MirrorState {
    /// Its key in the catalog.
    pub key: String,
    /// How often it was written, when it is read; the version that it follows, when it is written.
    pub version: i64,
    /// What is known, as who judges has written it.
    pub state: String,
}

/// What is known of all mirrors together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// How often it was written, when it is read; the version that it follows, when it is written.
    pub version: i64,
    /// What is known, as who judges has written it.
    pub value: String,
}

/// A visit to a mirror.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MirrorVisit {
    /// The key of the mirror.
    pub mirror: String,
    /// What was looked for: a word.
    pub tier: String,
    /// The round that it belongs to. A mirror is visited once in a round for each tier.
    pub round: i64,
    /// When it ended.
    pub at: Timestamp,
    /// What was seen, as who visited has written it.
    pub record: String,
}

impl MirrorVisit {
    /// Which visit it is.
    pub fn name(&self) -> VisitName {
        let Self { mirror, round, tier, .. } = self;
        VisitName { mirror: mirror.clone(), round: *round, tier: tier.clone() }
    }
}

/// Which visit. There is one of these at a site.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct VisitName {
    /// The key of the mirror.
    pub mirror: String,
    /// The round.
    pub round: i64,
    /// What was looked for.
    pub tier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_groups() {
        let shown = [7, 999, 1_000, 123_456, 1_000_001].map(|id| TaskId(id).to_string());
        assert_eq!(shown, ["7", "999", "1-000", "123-456", "1-000-001"]);
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(bounded("a\nb", 10), "a b");
        assert_eq!(bounded("ääää", 6), "ä…");
        assert!(bounded(&"ä".repeat(50), 21).len() <= 21);
    }

    #[test]
    fn slots_begin_at_the_phase() {
        assert_eq!(slot_of(Timestamp(1_234), 100, 30), Timestamp(1_230));
        assert_eq!(slot_of(Timestamp(1_229), 100, 30), Timestamp(1_130));
        assert_eq!(slot_of(Timestamp(10), 100, 30), Timestamp(-70));
    }
}
