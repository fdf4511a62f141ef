//! The world: three nodes, their faults, their clients, and what must hold in the end.

use fastrand::Rng;
use history::{Record, Rows, Seen, Violation, check, check_all_ended, check_none_lost};
use store::operations::doctor::{Examine, Invariant};
use store::operations::people::{Pausable, Pause, Resume};
use store::operations::purge::Purge;
use store::operations::read::List;
use store::record::{State, What};
use store::sqlite::{Inline, Rewrite};
use store::{Operation, Store};
use tokio::runtime::{Builder, Runtime};

use crate::clients::Clients;
use crate::clock::WorldClock;
use crate::journal::Journal;
use crate::kinds::{OFTEN, SELDOM};
use crate::line::Weather;
use crate::process::{Process, STOP_DEADLINE, TIME_TO_LIVE};
use crate::profile::Profile;
use crate::shared::{Careless, Shared};

const NAMES: [&str; 3] = ["a", "b", "c"];
const QUEUES: [&str; 3] = ["cpu", "net", "db"];
/// How long faults happen.
const FAULTS_FOR: i64 = 150_000;
/// How long everything may take to end without faults: of one queue, tasks that hang for a quarter of a
/// minute at each attempt run one after the other.
const PEACE_FOR: i64 = 900_000;
/// How much longer than its deadline a stop may take: what it writes into a slow store.
const STOP_GRACE: i64 = 15_000;
/// How often the store is examined.
const EXAMINE_EVERY: i64 = 5_000;
/// How long a stall waits for a task that asks for its fence.
const AIM_FOR: i64 = 10_000;
const HOUR: i64 = 3_600_000;

/// What has happened in a world.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its profile.
    pub profile: &'static str,
    /// What was seen.
    pub history: Vec<Record>,
    /// The rows at the end, and those that were purged.
    pub rows: Rows,
    /// What should not have happened.
    pub violations: Vec<Violation>,
    /// How long it took until everything had ended without faults, in milliseconds.
    pub peace: i64,
}

impl Outcome {
    /// How many events of this kind there are.
    pub fn n_events(&self, what: What) -> usize {
        self.rows.events.values().filter(|event| event.what == what).count()
    }

    /// How many records are of some kind.
    pub fn n_seen(&self, is_meant: impl Fn(&Seen) -> bool) -> usize {
        self.history.iter().filter(|record| is_meant(&record.seen)).count()
    }

    /// The violations, each with everything that was seen of its task; empty if there are none.
    pub fn report(&self) -> String {
        let explain = |violation: &Violation| violation.explain(&self.history, &self.rows);
        self.violations.iter().take(3).map(explain).collect::<Vec<_>>().join("\n")
    }
}

/// Lets the world of `seed` live.
pub fn run(seed: u64) -> Outcome {
    run_careless(seed, None)
}

/// Lets the world of `seed` live, with tasks that leave out what they should do before they publish.
pub fn run_careless(seed: u64, careless: Option<Careless>) -> Outcome {
    live(seed, careless, None)
}

/// Lets the world of `seed` live on a store whose statements are broken.
pub fn run_broken(seed: u64, rewrite: Rewrite) -> Outcome {
    live(seed, None, Some(rewrite))
}

fn live(seed: u64, careless: Option<Careless>, rewrite: Option<Rewrite>) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let profile = Profile::of_seed(seed, &mut rng);
    let mut world = World::new(rng, profile, careless, rewrite);
    while world.now() < FAULTS_FOR {
        world.disturb();
        world.ask();
        world.step();
    }
    world.make_peace();
    let begin = world.now();
    let mut next_look = begin;
    let mut n_quiet = 0;
    while world.now() < begin + PEACE_FOR {
        world.step();
        if world.now() >= next_look {
            next_look += 2_000;
            let is_quiet =
                !world.has_open_tasks() && world.zombies.is_empty() && !world.has_stalled();
            // A client in a process that was stalled a moment ago may still ask for tasks.
            n_quiet = if is_quiet { n_quiet + 1 } else { 0 };
            if n_quiet == 2 {
                break;
            }
        }
    }
    let peace = world.now() - begin;
    world.end(peace)
}

struct World {
    rng: Rng,
    profile: Profile,
    shared: Shared,
    clients: Clients,
    nodes: Vec<Node>,
    /// Processes whose name another one has taken.
    zombies: Vec<Process>,
    /// Rows that may have been purged since.
    remembered: Vec<Rows>,
    violations: Vec<Violation>,
    /// When the store was examined last.
    examined_at: i64,
    /// Runs what the world itself asks of the store.
    runtime: Runtime,
    is_peace: bool,
}

struct Node {
    name: &'static str,
    process: Option<Process>,
    starts_at: i64,
    mends_at: i64,
    /// A stall that begins while a task asks for its fence.
    aimed: Option<Aimed>,
}

/// A stall at the place where it does the most harm: between the fence and the effect.
struct Aimed {
    /// When it begins at the latest.
    latest: i64,
    stall: Stall,
}

/// A process that is to do nothing for a while.
#[derive(Clone, Copy)]
struct Stall {
    length: i64,
    is_suspended: bool,
    /// Whether another process takes its name meanwhile.
    is_usurped: bool,
}

impl World {
    fn new(
        rng: Rng,
        profile: Profile,
        careless: Option<Careless>,
        rewrite: Option<Rewrite>,
    ) -> Self {
        let clock = WorldClock::default();
        let inline = Inline::new(clock.of_store()).expect("a store in memory opens");
        let store = Store::from(match rewrite {
            Some(rewrite) => inline.rewritten_by(rewrite),
            None => inline,
        });
        let journal = Journal::new(clock.clone());
        let node = |&name| Node { name, process: None, starts_at: 0, mends_at: 0, aimed: None };
        let runtime = Builder::new_current_thread().build().expect("a runtime starts");
        Self {
            rng,
            profile,
            clients: Clients::new(journal.clone()),
            shared: Shared { careless, ..Shared::new(store, clock, journal) },
            nodes: NAMES.iter().map(node).collect(),
            zombies: Vec::new(),
            remembered: Vec::new(),
            violations: Vec::new(),
            examined_at: 0,
            runtime,
            is_peace: false,
        }
    }

    fn now(&self) -> i64 {
        self.shared.clock.now()
    }

    fn note(&self, text: String) {
        self.shared.journal.note("world", text);
    }

    fn found(&mut self, message: String) {
        self.violations.push(Violation { invariant: "world", task: None, message });
    }

    fn ask_store<O: Operation>(&self, operation: O) -> O::Reply {
        let outcome = self.runtime.block_on(self.shared.store.run(operation));
        outcome.expect("the store in memory works")
    }

    fn read(&self) -> Rows {
        self.runtime.block_on(Rows::read(&self.shared.store)).expect("the store in memory works")
    }

    fn has_open_tasks(&self) -> bool {
        let states = vec![State::Enqueued, State::Running];
        !self.ask_store(List { states, limit: 1, ..List::default() }).is_empty()
    }

    /// Whether something that happens every `every` milliseconds happens in this step.
    fn happens(&mut self, every: u64) -> bool {
        every > 0 && self.rng.u64(0..every) < 75
    }

    /// Lets everybody live for a moment.
    fn step(&mut self) {
        self.stall_the_aimed();
        self.examine();
        let length = self.rng.i64(10..140);
        let now = self.now();
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        self.rng.shuffle(&mut order);
        for at in order {
            if self.nodes[at].process.is_none() && self.nodes[at].starts_at <= now {
                self.start(at);
            }
            let Some(process) = &mut self.nodes[at].process else { continue };
            process.drive(now, length);
            self.look_after(at);
        }
        for mut zombie in std::mem::take(&mut self.zombies) {
            zombie.drive(now, length);
            match zombie.ended() {
                None => self.zombies.push(zombie),
                Some(end) => {
                    self.note(format!("the former process of {} ended: {end:?}", zombie.name))
                }
            }
        }
        self.shared.clock.pass(length);
    }

    fn start(&mut self, at: usize) {
        let name = self.nodes[at].name;
        let seed = self.rng.u64(..);
        self.note(format!("{name} starts"));
        let process = Process::start(&self.shared, name, seed);
        if !self.is_peace {
            process.line.set_weather(self.profile.weather);
        }
        self.nodes[at].process = Some(process);
    }

    /// Looks whether a process has ended, and whether that was right.
    fn look_after(&mut self, at: usize) {
        let now = self.now();
        let mends_at = self.nodes[at].mends_at;
        let Some(process) = &mut self.nodes[at].process else { return };
        if process.line.is_cut() && mends_at <= now {
            process.line.cut(false);
        }
        let is_late = process
            .stopping_for
            .is_some_and(|driven| driven > STOP_DEADLINE.as_millis() as i64 + STOP_GRACE);
        let was_told = process.stopping_for.is_some();
        let Some(end) = process.ended() else {
            if is_late {
                self.found(format!("{} has not stopped in time", self.nodes[at].name));
                self.nodes[at].process = None;
            }
            return;
        };
        let name = self.nodes[at].name;
        self.note(format!("{name} ended: {end:?}"));
        if !was_told && self.profile.is_calm() {
            self.found(format!("{name} ended without a reason: {end:?}"));
        }
        self.nodes[at].process = None;
        self.nodes[at].starts_at = now + self.rng.i64(500..5_000);
    }

    /// Lets faults happen.
    fn disturb(&mut self) {
        let profile = self.profile.clone();
        let now = self.now();
        let at = self.rng.usize(0..self.nodes.len());
        let name = self.nodes[at].name;
        if self.happens(profile.jump_every) {
            let offset = self.rng.i64(-1..=1) * HOUR + self.rng.i64(-5_000..5_000);
            self.note(format!("the clock of the store jumps: it is off by {offset}"));
            self.shared.clock.set_offset(offset);
        }
        if self.happens(25_000) {
            let (remembered, limit) = (self.read(), self.rng.i64(1..200));
            self.remembered.push(remembered);
            self.shared.journal.saw("world", Seen::PurgeAsked);
            let keep = self.rng.i64(0..90_000);
            // The row of a slot remembers that it was taken, also where the clock is set back. Rows are
            // kept for days, and clocks jump by less; here they are kept for seconds.
            let except = vec![OFTEN.to_owned(), SELDOM.to_owned()];
            self.ask_store(Purge { kind: None, except, keep, limit });
        }
        if self.happens(20_000) {
            self.pause_or_resume();
        }
        if self.happens(profile.crash_every) && self.nodes[at].process.take().is_some() {
            self.note(format!("{name} crashes"));
            self.nodes[at].starts_at = now + self.rng.i64(0..20_000);
        }
        let Some(process) = &mut self.nodes[at].process else { return };
        if process.is_stalled() {
            return;
        }
        let every = |rng: &mut Rng, every: u64| every > 0 && rng.u64(0..every) < 75;
        let rng = &mut self.rng;
        let times = |rng: &mut Rng| TIME_TO_LIVE.as_millis() as i64 * rng.i64(1..50) / 10;
        if every(rng, profile.stall_every) {
            let is_usurped = profile.has_usurpers && rng.u32(0..3) == 0;
            let stall = Stall { length: times(rng), is_suspended: rng.bool(), is_usurped };
            if rng.bool() {
                // Long enough that others take over.
                let length = TIME_TO_LIVE.as_millis() as i64 * rng.i64(20..50) / 10;
                let stall = Stall { length, ..stall };
                self.nodes[at].aimed = Some(Aimed { latest: now + AIM_FOR, stall });
            } else {
                self.stall(at, stall, "");
            }
        } else if every(rng, profile.cut_every) {
            process.line.cut(true);
            self.nodes[at].mends_at = now + times(rng);
            self.note(format!("{name} loses the store until {}", self.nodes[at].mends_at));
        } else if every(rng, profile.stop_every) {
            process.stop();
            self.note(format!("{name} is told to stop"));
        }
    }

    fn stall(&mut self, at: usize, stall: Stall, place: &str) {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return };
        let (name, now) = (node.name, self.shared.clock.now());
        let until = now + stall.length;
        process.stall(until, stall.is_suspended);
        if stall.is_usurped {
            self.zombies.extend(node.process.take());
            node.starts_at = now + self.rng.i64(0..5_000);
        }
        let how = if stall.is_usurped { " and loses its name" } else { "" };
        self.note(format!("{name} stalls{place} until {until}{how}"));
    }

    /// Begins the stalls whose place or time has come.
    fn stall_the_aimed(&mut self) {
        for at in 0..self.nodes.len() {
            let now = self.now();
            let node = &mut self.nodes[at];
            let Some(Aimed { latest, stall }) = node.aimed.take() else { continue };
            match &node.process {
                Some(process) if process.is_stalled() => {}
                Some(process) if process.line.is_checking() => self.stall(at, stall, " at a fence"),
                Some(_) if now >= latest => self.stall(at, stall, ""),
                Some(_) => node.aimed = Some(Aimed { latest, stall }),
                None => {}
            }
        }
    }

    /// Looks now and then whether the rows of the store can be.
    fn examine(&mut self) {
        if self.now() < self.examined_at + EXAMINE_EVERY {
            return;
        }
        self.examined_at = self.now();
        for fault in self.ask_store(Examine::default()) {
            // A task of a queue that no node has declared yet waits for one.
            if fault.invariant != Invariant::Runs {
                self.found(format!("{}: {}", fault.invariant.as_str(), fault.message));
            }
        }
    }

    fn pause_or_resume(&mut self) {
        let queue = self.rng.choice(QUEUES).unwrap_or("cpu").to_owned();
        let (what, name, is_paused) = (Pausable::Queue, queue.clone(), self.rng.bool());
        let is_there = match is_paused {
            true => {
                let (actor, reason) = ("world".to_owned(), "maintenance".to_owned());
                self.ask_store(Pause { what, name, actor, reason })
            }
            false => self.ask_store(Resume { what, name }),
        };
        if !is_there {
            // No node has ever started.
            return;
        }
        self.shared.journal.saw("world", Seen::Paused { queue, is_paused });
    }

    /// Lets a client do something now and then.
    fn ask(&mut self) {
        if !self.happens(700) {
            return;
        }
        let at = self.rng.usize(0..self.nodes.len());
        let Some(process) = &self.nodes[at].process else { return };
        let act = self.clients.act(&mut self.rng, process.tasks.clone());
        if let Some(act) = act {
            process.spawn(act);
        }
    }

    /// Whether a process stands still.
    fn has_stalled(&self) -> bool {
        let mut processes = self.nodes.iter().filter_map(|node| node.process.as_ref());
        processes.any(|process| process.is_stalled())
    }

    /// Ends all faults. The clock of the store stays where it is.
    fn make_peace(&mut self) {
        self.is_peace = true;
        self.note("peace".to_owned());
        for node in &mut self.nodes {
            node.mends_at = 0;
            node.starts_at = 0;
            node.aimed = None;
        }
        let weather = Weather::default();
        let nodes = self.nodes.iter().filter_map(|node| node.process.as_ref());
        for process in nodes.chain(&self.zombies) {
            process.line.set_weather(weather);
            process.line.cut(false);
        }
        for queue in QUEUES {
            self.ask_store(Resume { what: Pausable::Queue, name: queue.to_owned() });
        }
        for schedule in ["often", "seldom"] {
            let (name, what) = (schedule.to_owned(), Pausable::Schedule);
            let (actor, reason) = ("world".to_owned(), "peace".to_owned());
            self.ask_store(Pause { what, name, actor, reason });
        }
    }

    /// Stops everything, and proves what must hold.
    fn end(mut self, peace: i64) -> Outcome {
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                process.stop();
            }
        }
        let deadline = self.now() + STOP_DEADLINE.as_millis() as i64 + STOP_GRACE;
        while self.now() < deadline && self.nodes.iter().any(|node| node.process.is_some()) {
            for node in &mut self.nodes {
                node.starts_at = i64::MAX;
            }
            self.step();
        }
        for zombie in std::mem::take(&mut self.zombies) {
            self.found(format!("a former process of {} goes on", zombie.name));
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at].process.take().is_some() {
                self.found(format!("{} has not stopped at the end", self.nodes[at].name));
            }
        }
        let mut rows = self.read();
        for earlier in std::mem::take(&mut self.remembered).into_iter().rev() {
            let lost = self.runtime.block_on(rows.remember(earlier, &self.shared.store));
            for id in lost.expect("the store in memory works") {
                self.found(format!("the row of task {id} was removed before its end"));
            }
        }
        let history = self.shared.records();
        let mut violations = check(&history, &rows);
        violations.extend(check_all_ended(&rows, &[]));
        if self.profile.is_calm() {
            let stalled = |violation: &Violation| {
                let task = violation.task.and_then(|task| rows.tasks.get(&task));
                task.is_some_and(|task| task.args.contains("hang"))
            };
            violations.extend(check_none_lost(&rows).into_iter().filter(|found| !stalled(found)));
        }
        violations.append(&mut self.violations);
        Outcome { profile: self.profile.name, history, rows, violations, peace }
    }
}
