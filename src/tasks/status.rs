//! What a node does now, for pages and metrics.

use std::fmt;
use std::time::Duration;

use store::record::{ClaimNumber, TaskId};

use crate::failure::Stop;

/// What a node does now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its process.
    pub boot: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// Why it takes no tasks; `None` if it does.
    pub idle: Option<Idle>,
    /// What it runs, by number.
    pub running: Vec<RunningTask>,
    /// Tasks that nobody waits for any more, whose threads still run.
    pub zombies: Vec<Zombie>,
    /// How long ago the store has last confirmed what it runs; `None` if it never has.
    pub renewed_ago: Option<Duration>,
    /// What the store has answered last, if that was an error: one line.
    pub store_error: Option<String>,
    /// By how much its loop was late at most in the last minute: the code of kinds holds it up.
    pub loop_lag: Duration,
}

impl NodeStatus {
    /// How many threads do not end although nobody waits for them.
    pub fn n_zombie_threads(&self) -> u64 {
        self.zombies.iter().map(|zombie| zombie.n_threads).sum()
    }

    /// Whether another process has taken its name.
    pub fn is_superseded(&self) -> bool {
        self.phase == Phase::Superseded
    }
}

/// Where a node is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It has not written its name into the store yet.
    Starting,
    /// It works.
    Working,
    /// It stops.
    Stopping,
    /// It has stopped.
    Stopped,
    /// Another process has taken its name: it does nothing any more.
    Superseded,
}

/// Why a node takes no tasks. Its text is one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Idle {
    /// It has not started, or stops.
    Phase(Phase),
    /// Too many threads do not end.
    Zombies {
        /// How many there are.
        n: u64,
        /// How many there may be.
        max: u32,
    },
    /// The store fails.
    Store(String),
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(Phase::Starting) => f.write_str("it starts"),
            Self::Phase(Phase::Working) => f.write_str("it works"),
            Self::Phase(Phase::Stopping) => f.write_str("it stops"),
            Self::Phase(Phase::Stopped) => f.write_str("it has stopped"),
            Self::Phase(Phase::Superseded) => f.write_str("another process has taken its name"),
            Self::Zombies { n, max } => {
                write!(f, "{n} threads of tasks do not end, at most {max} may; restart the process")
            }
            Self::Store(error) => f.write_str(error),
        }
    }
}

/// A task that a node runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunningTask {
    /// Its number.
    pub id: TaskId,
    /// The claim under which it runs.
    pub claim: ClaimNumber,
    /// Its kind.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// What it does: one line.
    pub summary: String,
    /// How long it has run.
    pub since: Duration,
    /// What it is doing.
    pub stage: Option<String>,
    /// How much of that is done.
    pub done: Option<i64>,
    /// Of how much.
    pub total: Option<i64>,
    /// Why it was told to stop, if it was.
    pub told: Option<Stop>,
    /// Whether it has done its work, and its end is being written.
    pub is_finishing: bool,
}

/// A task that nobody waits for any more, whose threads still run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zombie {
    /// Its number.
    pub id: TaskId,
    /// The claim under which it ran.
    pub claim: ClaimNumber,
    /// Its kind.
    pub kind: String,
    /// Its queue, of which it takes a place.
    pub queue: String,
    /// How many threads of it run.
    pub n_threads: u64,
    /// For how long nobody has waited for it.
    pub since: Duration,
}
