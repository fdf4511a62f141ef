//! What judging costs: a day of mirrors, with all that the process does between visits, and its memory.

use std::fs;
use std::time::Duration;

use super::run::Simulation;
use super::world::{DAY, MINUTE};
use crate::schedule::{next_visit, rank};
use crate::select::select;
use crate::state::MirrorState;
use crate::verdict::View;

/// Linux's name of what this thread has used.
const USED: &str = "/proc/thread-self/schedstat";
/// Linux's name of what this process has.
const STATUS: &str = "/proc/self/status";

/// What a day costs.
#[derive(Default)]
pub(super) struct Cost {
    n_visits: usize,
    n_requests: u64,
    /// For looking who is due, every minute.
    schedule: Duration,
    /// For verdicts, and for writing the states that have changed.
    judge: Duration,
    /// For making findings, and for writing them.
    select: Duration,
    /// The bytes of all states, as they are written.
    state_bytes: usize,
    findings_bytes: usize,
    /// The most memory that the process has had so far, in KiB.
    peak_memory: u64,
}

/// The processor time that this thread has used.
fn used() -> Duration {
    let text = fs::read_to_string(USED).expect("Linux says what a thread has used");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

fn peak_memory() -> u64 {
    let text = fs::read_to_string(STATUS).expect("Linux says what a process has");
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
    peak.expect("a number")
}

impl Cost {
    pub(super) fn seconds(&self) -> u64 {
        (self.schedule + self.judge + self.select).as_secs()
    }

    pub(super) fn mebibytes(&self) -> u64 {
        self.peak_memory / 1024
    }

    #[allow(clippy::print_stdout, reason = "the table is what the simulation is for")]
    pub(super) fn print(&self) {
        println!("\n{:50} {} with {} requests", "visits in a day", self.n_visits, self.n_requests);
        let all = self.schedule + self.judge + self.select;
        let parts = [self.schedule, self.judge, self.select];
        let [schedule, judge, select] = parts.map(|part| format!("{:.1}", part.as_secs_f64()));
        println!(
            "{:50} {:.1} (due {schedule}, verdicts {judge}, findings {select})",
            "processor time in a day, in seconds",
            all.as_secs_f64()
        );
        println!("{:50} {}", "memory of the process at its peak, in MiB", self.mebibytes());
        println!(
            "{:50} {} of all states, {} of findings",
            "bytes as written", self.state_bytes, self.findings_bytes
        );
    }
}

impl Simulation {
    /// A day more, in which each minute is as the process has it: who is due is looked for among all, verdicts are made
    /// and written, and findings of all.
    pub(super) fn cost(&mut self, day: u64) -> Cost {
        let mut cost = Cost::default();
        for minute in day * DAY / MINUTE..(day + 1) * DAY / MINUTE {
            let t = minute * MINUTE;
            if minute % 10 == 0 {
                self.history.absorb(&self.world.scan(t.cast_signed()), &self.settings);
            }
            self.sweep(minute, t, &mut cost);
        }
        let states = self.register.mirrors.values();
        cost.state_bytes = states.map(|state| state.to_json().expect("it is small").len()).sum();
        cost.peak_memory = peak_memory();
        cost
    }

    fn sweep(&mut self, round: u64, t: u64, cost: &mut Cost) {
        let Self { world, inventory, history, settings, register, .. } = self;
        let began = used();
        let clock = world.clock(t);
        let unvisited = MirrorState::default();
        let mut due: Vec<_> = inventory
            .mirrors
            .iter()
            .filter_map(|(key, entry)| {
                let state = register.mirrors.get(key).map_or(&unvisited, |state| &**state);
                let progress = &register.progress;
                let next = next_visit(key, state, entry, history, progress, settings, clock);
                Some((rank(Some(state)), key, next.filter(|next| next.at <= clock)?))
            })
            .collect();
        due.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
        cost.schedule += used().saturating_sub(began);
        let visits: Vec<_> = due
            .into_iter()
            .map(|(_, key, next)| {
                let mirror = world.mirrors.iter().find(|mirror| mirror.key == *key);
                world.visit(mirror.expect("it is there"), &next, round, t)
            })
            .collect();
        cost.n_visits += visits.len();
        cost.n_requests += visits.iter().map(|visit| u64::from(visit.requests)).sum::<u64>();
        let began = used();
        register.judge_round(&visits, inventory, history, settings);
        for visit in &visits {
            let written = register.mirrors[&visit.mirror].to_json();
            std::hint::black_box(written.expect("it is small"));
        }
        cost.judge += used().saturating_sub(began);
        let began = used();
        let view = View { settings, history, progress: &register.progress };
        let selection = select(register, inventory, &view);
        cost.findings_bytes = selection.findings.to_json().len();
        cost.select += used().saturating_sub(began);
    }
}
