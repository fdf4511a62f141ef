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
/// least two intervals after the first, and in that time everybody who is alive has renewed. So nobody is
/// reaped for an outage of the store that hit all nodes.
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

    /// How long it may stand still.
    pub fn stall_after(&self) -> Duration {
        self.stall_after
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use store::record::ClaimNumber;

    use super::*;

    const TTL: Duration = Duration::from_secs(32);
    const INTERVAL: Duration = Duration::from_secs(8);

    fn heartbeat(id: i64, beat: i64, node: &str) -> Heartbeat {
        Heartbeat {
            id: TaskId(id),
            claim: ClaimNumber(1),
            beat,
            node: node.to_owned(),
            boot: String::new(),
        }
    }

    /// A reader whose clock the test moves.
    struct Reader(Liveness, Instant);

    impl Reader {
        fn new() -> Self {
            Self(Liveness::new(TTL, INTERVAL), Instant::now())
        }

        fn after(&mut self, seconds: u64, running: &[Heartbeat]) -> Verdict {
            self.1 += Duration::from_secs(seconds);
            self.0.observe(self.1, running)
        }

        /// After how many reads, one in each interval, the first one is dead.
        fn reads_until_dead(&mut self, running: &[Heartbeat]) -> usize {
            let dead = (1..100).find(|_| !self.after(8, running).dead.is_empty());
            dead.expect("somebody is found dead in the end")
        }
    }

    #[test]
    fn a_beat_that_stands_still_for_the_time_to_live_is_dead() {
        let mut reader = Reader::new();
        let running = [heartbeat(1, 5, "a"), heartbeat(2, 5, "b")];
        let mut moving = running.clone();
        for beat in 0..4 {
            moving[1].beat = beat;
            assert_eq!(reader.after(8, &moving), Verdict::default());
        }
        moving[1].beat = 9;
        assert_eq!(reader.after(8, &moving).dead, [running[0].clone()]);
    }

    #[test]
    fn who_has_just_started_waits_a_whole_time_to_live() {
        let mut reader = Reader::new();
        assert_eq!(reader.reads_until_dead(&[heartbeat(1, 5, "a")]), 5);
    }

    #[test]
    fn another_claim_of_the_same_task_is_another_life() {
        let mut reader = Reader::new();
        let mut running = [heartbeat(1, 0, "a")];
        for claim in 0..20 {
            running[0].claim = ClaimNumber(claim / 3);
            assert_eq!(reader.after(8, &running), Verdict::default());
        }
    }

    #[test]
    fn a_jump_of_the_clock_counts_as_two_intervals_and_others_get_time() {
        let mut reader = Reader::new();
        let running = [heartbeat(1, 5, "a")];
        for _ in 0..3 {
            assert_eq!(reader.after(8, &running).dead, []);
        }
        // 16 s are credited: enough to be dead, but the pause may have hit all.
        assert_eq!(reader.after(100_000, &running).dead, []);
        assert_eq!(reader.after(8, &running).dead, []);
        assert_eq!(reader.after(8, &running).dead.len(), 1);
    }

    #[test]
    fn nobody_is_reaped_right_after_an_outage_of_the_store() {
        let mut reader = Reader::new();
        let running = [heartbeat(1, 5, "a")];
        for _ in 0..4 {
            assert_eq!(reader.after(8, &running).dead, []);
        }
        reader.1 += Duration::from_secs(8);
        reader.0.note_failure();
        assert_eq!(reader.after(8, &running).dead, []);
        assert_eq!(reader.after(8, &running).dead, []);
        assert_eq!(reader.after(8, &running).dead.len(), 1);
    }

    #[test]
    fn many_deaths_at_once_are_waited_for_once_more() {
        let mut reader = Reader::new();
        let mut running: Vec<_> = (1..=5).map(|id| heartbeat(id, 0, "a")).collect();
        (running[3].node, running[4].node) = ("b".into(), "c".into());
        let mut verdicts = Vec::new();
        for beat in 0..12 {
            // That of c lives.
            running[4].beat = beat;
            let verdict = reader.after(8, &running);
            verdicts.push((verdict.dead.len(), verdict.doubts));
        }
        let mut expected = [(0, None); 12];
        expected[4].1 = Some(4);
        expected[8..].fill((4, None));
        assert_eq!(verdicts, expected);
    }

    #[test]
    fn who_lives_again_while_it_is_doubted_is_spared() {
        let mut reader = Reader::new();
        let mut running = [heartbeat(1, 0, "a"), heartbeat(2, 0, "b")];
        let mut dead = 0;
        for round in 0..40 {
            if round > 5 {
                running.iter_mut().for_each(|heartbeat| heartbeat.beat += round % 2);
            }
            dead += reader.after(8, &running).dead.len();
        }
        assert_eq!(dead, 0);
    }

    #[test]
    fn the_death_of_one_node_is_no_reason_for_doubt() {
        let mut reader = Reader::new();
        let running: Vec<_> = (1..=5).map(|id| heartbeat(id, 0, "a")).collect();
        assert_eq!(reader.reads_until_dead(&running), 5);
    }

    #[test]
    fn a_pulse_that_stands_still_has_stalled() {
        let mut pulse = Pulse::new(Duration::from_secs(60));
        let tick = Duration::from_secs(20);
        assert!(
            [(1, false), (1, false), (1, false), (2, false), (2, false), (2, false), (2, true)]
                .into_iter()
                .all(|(value, stalled)| pulse.has_stalled(value, tick) == stalled)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever else dies, whatever the clock does, and however often the store fails.
        #[test]
        fn who_moves_every_half_time_to_live_is_never_reaped(
            steps in prop::collection::vec((0_u64..40, any::<bool>(), 0_u8..10), 1..300),
        ) {
            let mut reader = Reader::new();
            let (mut beat, mut still) = (0, 0);
            for (seconds, moves, fault) in steps {
                // Time as it is credited: at most two intervals for a read, and for what passes before it.
                still += seconds.min(16);
                if fault == 0 {
                    reader.1 += Duration::from_secs(seconds);
                    reader.0.note_failure();
                    continue;
                }
                if moves || still > 16 {
                    (beat, still) = (beat + 1, 0);
                }
                let running = [heartbeat(1, beat, "a"), heartbeat(2, 0, "b"), heartbeat(3, 0, "c")];
                let verdict = reader.after(seconds, &running);
                prop_assert!(verdict.dead.iter().all(|dead| dead.id != TaskId(1)), "{verdict:?}");
            }
        }

        /// Recovery is for ever: whatever has happened before, who stands still is found in bounded time.
        #[test]
        fn who_stands_still_is_found_in_the_end(
            steps in prop::collection::vec((0_u64..100, 0_i64..3, any::<bool>()), 0..50),
        ) {
            let mut reader = Reader::new();
            for (seconds, beat, fails) in steps {
                let running = [heartbeat(1, beat, "a"), heartbeat(2, beat / 2, "b")];
                reader.after(seconds, &running);
                if fails {
                    reader.0.note_failure();
                }
            }
            let running = [heartbeat(1, 9, "a"), heartbeat(2, 9, "b")];
            prop_assert!(reader.reads_until_dead(&running) <= 9);
        }
    }
}
