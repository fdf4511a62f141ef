//! Who counts as dead. Pure: observations in, verdicts out.
//!
//! [`Liveness`] watches the heartbeats of all claims in the store, whoever holds them. It measures with its
//! own monotonic clock only, and no clock of another machine is read. [`Pulse`] watches whether the code of
//! one task makes progress in this process.

use std::collections::BTreeMap;
use std::time::Duration;

use store::operations::renew::Heartbeat;
use store::record::TaskId;
use tokio::time::Instant;

/// How many reads in a row must have succeeded before a claim counts as dead: the last one then lies at
/// least two intervals, half of the time to live, after the first, and in that time everybody who is alive
/// has renewed. So nobody is reaped for an outage of the store that hit all nodes.
const MIN_READS: u32 = 3;

/// Watches heartbeats, and says which claims are dead.
#[derive(Debug)]
pub struct Liveness {
    time_to_live: Duration,
    /// How often it is asked, if all is well.
    interval: Duration,
    /// The time that has passed, as far as it is believed: at most two intervals for each read. The clock of
    /// a virtual machine that was paused can jump.
    credited: Duration,
    last_read: Option<Instant>,
    /// How many reads in a row have succeeded.
    n_reads: u32,
    seen: BTreeMap<TaskId, Seen>,
    doubt: Doubt,
}

#[derive(Debug)]
struct Seen {
    heartbeat: Heartbeat,
    /// The credited time at which it had this beat first.
    since: Duration,
}

/// Many deaths at once are a reason to suspect ourselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doubt {
    None,
    /// Until this credited time nobody is reaped.
    Until(Duration),
    /// It was waited once; they are dead.
    Settled,
}

/// Which claims are dead.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Their heartbeat has stood still for the time to live.
    pub dead: Vec<Heartbeat>,
    /// So many look dead at once that it waits once more. Said at the first read that finds it.
    pub doubts: Option<usize>,
}

impl Liveness {
    /// A watch that is asked every `interval`.
    pub fn new(time_to_live: Duration, interval: Duration) -> Self {
        Self {
            time_to_live,
            interval,
            credited: Duration::ZERO,
            last_read: None,
            n_reads: 0,
            seen: BTreeMap::new(),
            doubt: Doubt::None,
        }
    }

    /// The store could not be read.
    pub fn note_failure(&mut self) {
        self.n_reads = 0;
    }

    /// The store was read: `running` are all claims that are held.
    pub fn observe(&mut self, now: Instant, running: &[Heartbeat]) -> Verdict {
        self.credit(now);
        let mut seen = BTreeMap::new();
        for heartbeat in running {
            let known = self.seen.remove(&heartbeat.id);
            let known = known.filter(|known| known.heartbeat == *heartbeat);
            let since = known.map_or(self.credited, |known| known.since);
            seen.insert(heartbeat.id, Seen { heartbeat: heartbeat.clone(), since });
        }
        self.seen = seen;
        if self.n_reads < MIN_READS {
            return Verdict::default();
        }
        let dead: Vec<Heartbeat> = self
            .seen
            .values()
            .filter(|seen| self.credited.saturating_sub(seen.since) >= self.time_to_live)
            .map(|seen| seen.heartbeat.clone())
            .collect();
        self.judge(dead, running.len())
    }

    fn credit(&mut self, now: Instant) {
        let most = 2 * self.interval;
        let passed = self.last_read.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.last_read = Some(now);
        self.credited += passed.min(most);
        // After a pause of this process others may have been paused as well: they get time to renew.
        self.n_reads = if passed > most { 1 } else { self.n_reads.saturating_add(1) };
    }

    fn judge(&mut self, dead: Vec<Heartbeat>, n_running: usize) -> Verdict {
        let has_several_nodes = dead.iter().any(|one| dead.iter().any(|b| b.node != one.node));
        let is_suspicious = has_several_nodes && 2 * dead.len() > n_running;
        match self.doubt {
            Doubt::Until(until) if self.credited < until => return Verdict::default(),
            Doubt::Until(_) => self.doubt = Doubt::Settled,
            Doubt::None if is_suspicious => {
                self.doubt = Doubt::Until(self.credited + self.time_to_live);
                return Verdict { dead: Vec::new(), doubts: Some(dead.len()) };
            }
            Doubt::Settled if !is_suspicious => self.doubt = Doubt::None,
            Doubt::None | Doubt::Settled => {}
        }
        Verdict { dead, doubts: None }
    }
}

/// Watches whether a number that counts progress moves.
#[derive(Debug)]
pub struct Pulse {
    stall_after: Duration,
    value: u64,
    still: Duration,
}

impl Pulse {
    /// A pulse that may stand still for so long.
    pub fn new(stall_after: Duration) -> Self {
        Self { stall_after, value: 0, still: Duration::ZERO }
    }

    /// Says whether it has stood still for too long, `credit` after the last call.
    pub fn has_stalled(&mut self, value: u64, credit: Duration) -> bool {
        if value == self.value {
            self.still = self.still.saturating_add(credit);
        } else {
            (self.value, self.still) = (value, Duration::ZERO);
        }
        self.still >= self.stall_after
    }
}
