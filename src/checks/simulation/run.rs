//! Visits and judges, and watches what becomes of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use super::figures::Figures;
use super::world::{DAY, HOUR, IMAGES, Incident, Kind, MINUTE, Mirror, Site, World};
use crate::findings::Standing;
use crate::history::History;
use crate::inventory::{Inventory, repository_of};
use crate::round::Register;
use crate::schedule::next_visit;
use crate::select::select;
use crate::settings::Settings;
use crate::state::MirrorState;
use crate::verdict::View;

/// How long it takes at most from a visit until what it leaves out, or brings back, is in answers: a minute until the
/// next sweep begins, a minute for a visit that fails over four routes, and four until the slowest visit of the sweep has
/// ended; a compile follows.
const TO_ANSWERS: u64 = 6 * MINUTE;
/// What changes the order of lists only can wait for five minutes more.
const TO_ORDER: u64 = TO_ANSWERS + 5 * MINUTE;

/// The minutes that something took that was not seen for hours.
const NEVER: u64 = 10_000;

/// What is watched of a mirror.
#[derive(Clone, Default)]
struct Watch {
    is_hidden: bool,
    is_disabled: bool,
    /// The number of incidents that have begun, and whether the last one was found and left behind.
    n_begun: usize,
    is_found: bool,
    is_over: bool,
    /// The last time it got a version that was new, once lists had it, in seconds since the start.
    synced: i64,
    /// The requests of a day.
    requests: u64,
}

pub(super) struct Simulation {
    pub(super) world: World,
    pub(super) settings: Settings,
    pub(super) inventory: Inventory,
    pub(super) history: History,
    pub(super) register: Register,
    watches: Vec<Watch>,
    pub(super) figures: Figures,
    due: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Simulation {
    pub(super) fn new(site: Site, seed: u64) -> Self {
        let world = World::new(site, &mut Rng::with_seed(seed));
        let n_mirrors = world.mirrors.len();
        let mut history = History::default();
        let settings = Settings::default();
        for half_day in (-28..=0).map(|n| n * DAY.cast_signed() / 2) {
            history.absorb(&world.scan(half_day), &settings);
        }
        Self {
            inventory: world.inventory(),
            world,
            settings,
            history,
            register: Register::default(),
            watches: vec![Watch::default(); n_mirrors],
            figures: Figures::default(),
            due: (0..n_mirrors).map(|n| Reverse((n as u64 % 600, n))).collect(),
        }
    }

    /// Another site that adds to the same figures.
    pub(super) fn with(self, figures: Figures) -> Self {
        Self { figures, ..self }
    }

    /// So many days.
    pub(super) fn run(&mut self, n_days: u64) {
        // Enough are listed, which is looked at often where that is cheap.
        let often = if self.watches.len() < 10 { 5 } else { 120 };
        for minute in 0..n_days * 24 * 60 {
            let t = minute * MINUTE;
            if self.world.has_jump(t) {
                self.due = (0..self.watches.len()).map(|n| Reverse((t, n))).collect();
            }
            if minute % 10 == 0 {
                self.history.absorb(&self.world.scan(t.cast_signed()), &self.settings);
            }
            self.round(minute, t);
            let is_ours = self.world.is_ours(t, t + HOUR);
            if minute > 60 && (minute % often == 0 || (is_ours && minute % 20 == 0)) {
                self.check_selection(t);
            }
            if minute % (24 * 60) == 24 * 60 - 1 {
                let end = t + MINUTE;
                let name = match self.world.is_set_forward(end - DAY, end) {
                    true => REQUESTS_LONG,
                    false => REQUESTS,
                };
                for (watch, mirror) in self.watches.iter_mut().zip(&self.world.mirrors) {
                    add(&mut self.figures, name, watch.requests, mirror, t);
                    watch.requests = 0;
                }
            }
        }
    }

    /// The visits that are due within a minute. What comes to be due within it is visited in the next one.
    fn round(&mut self, round: u64, t: u64) {
        let (mut visits, mut visited) = (Vec::new(), Vec::new());
        let unvisited = MirrorState::default();
        let look_again = if self.watches.len() < 12 { MINUTE } else { 5 * MINUTE };
        while let Some(&Reverse((at, n))) = self.due.peek().filter(|due| due.0.0 < t + MINUTE) {
            self.due.pop();
            let at = at.max(t);
            let mirror = &self.world.mirrors[n];
            let state = self.register.mirrors.get(&mirror.key).map_or(&unvisited, |state| &**state);
            let entry = &self.inventory.mirrors[&mirror.key];
            let clock = self.world.clock(at);
            let progress = &self.register.progress;
            let next = next_visit(
                &mirror.key,
                state,
                entry,
                &self.history,
                progress,
                &self.settings,
                clock,
            );
            let next = next.unwrap();
            // What others do can make a visit due earlier: so each is asked again and again.
            let wait = next.at.saturating_sub(clock);
            if wait > 0 {
                self.due.push(Reverse((at + wait.min(look_again), n)));
                continue;
            }
            let visit = self.world.visit(mirror, &next, round, at);
            self.watches[n].requests += u64::from(visit.requests);
            visits.push(visit);
            visited.push((n, at));
        }
        let Self { inventory, history, settings, register, .. } = self;
        register.judge_round(&visits, inventory, history, settings);
        for (n, at) in visited {
            self.watch(n, at);
            self.watch_sync(n, at);
            self.due.push(Reverse((at + MINUTE, n)));
        }
    }

    fn watch(&mut self, n: usize, t: u64) {
        let mirror = &self.world.mirrors[n];
        let state = &self.register.mirrors[&mirror.key];
        let entry = &self.inventory.mirrors[&mirror.key];
        let progress = &self.register.progress;
        let view = View { settings: &self.settings, history: &self.history, progress };
        let why = view.why_hidden(state, entry);
        let is_hidden = why.is_some();
        // Somebody else has worked for a while, or it cannot be told whose fault a failure is.
        let is_steady = |other: &Mirror| {
            let is_bad = |one: &Incident| {
                matches!(one.kind, Kind::Dead | Kind::Broken | Kind::Flapping)
                    && one.from <= t
                    && one.until + HOUR > t
            };
            other.key != mirror.key && !other.incidents.iter().any(is_bad)
        };
        let is_alone = self.watches.len() < 3 && !self.world.mirrors.iter().any(is_steady);
        let watch = &mut self.watches[n];
        let n_begun = mirror.n_begun(t);
        if watch.n_begun != n_begun {
            *watch = Watch { n_begun, is_found: false, is_over: false, ..watch.clone() };
        }
        let minutes = |from: u64| (t + TO_ANSWERS).saturating_sub(from).div_ceil(MINUTE);
        let figures = &mut self.figures;
        let last = n_begun.checked_sub(1).map(|last| mirror.incidents[last]);
        let (was_hidden, was_disabled) = (watch.is_hidden, watch.is_disabled);
        watch.is_hidden = is_hidden;
        watch.is_disabled = state.switches.disabled.is_some();
        let Some(incident) = last else {
            if is_hidden && !was_hidden && !is_alone {
                figures.add_fault(DROPPED, format!("{} at the start", mirror.key));
            }
            return;
        };
        let Incident { kind, from, until, repository } = incident;
        let is_timely = |from: u64| !self.world.is_ours(from.saturating_sub(HOUR), from + 2 * HOUR);
        let (is_begin_timely, is_end_timely) = (is_timely(from), is_timely(until));
        // It has had as many requests as it gets.
        let has_flapped = mirror
            .incidents
            .iter()
            .any(|one| one.kind == Kind::Flapping && one.from < from && one.until + DAY > from);
        let watch = &mut self.watches[n];
        match kind {
            _ if is_alone => {}
            Kind::Dead | Kind::Broken => {
                let name = match is_begin_timely {
                    false => DEAD_OURS,
                    true if has_flapped => DEAD_AGAIN,
                    true => DEAD,
                };
                let begin = self.world.ours_until(from);
                if is_hidden && !watch.is_found && t < until {
                    watch.is_found = true;
                    let took = minutes(begin);
                    add(figures, name, took, mirror, t);
                }
                if is_hidden && !watch.is_found {
                    figures
                        .add_fault(DROPPED, format!("{} {why:?}, after {incident:?}", mirror.key));
                }
                let most = if has_flapped { 4 * HOUR } else { HOUR };
                if !watch.is_found && t > begin + most && t < until {
                    watch.is_found = true;
                    add(figures, name, NEVER, mirror, t);
                }
                if t >= until && was_hidden && !is_hidden && !watch.is_over {
                    watch.is_over = true;
                    let name = match was_disabled {
                        true => "disabled: minutes until it is back",
                        false if !is_end_timely => BACK_OURS,
                        false if has_flapped => BACK_AGAIN,
                        false => BACK,
                    };
                    let took = minutes(self.world.ours_until(until));
                    add(figures, name, took, mirror, t);
                }
            }
            Kind::Flapping if t < until + HOUR && is_hidden != was_hidden => {
                figures.add("flapping: minutes until it changes", minutes(from));
            }
            Kind::Flapping if t < until + HOUR => {}
            _ if is_hidden && !was_hidden => {
                figures.add_fault(
                    DROPPED,
                    format!("{} {why:?} at {t}, after {incident:?}", mirror.key),
                );
            }
            Kind::Garbage | Kind::Old => {
                let repodata = &self.world.repositories[repository];
                let standing = view.standing(state, entry, repodata, false);
                let is_out = matches!(standing, Some(Standing::Hidden(_)));
                let (name, back) = match kind {
                    Kind::Garbage => (GARBAGE, "garbage: minutes until it is back"),
                    _ => (STALE, "stale: minutes until it is back"),
                };
                if !watch.is_found && t < until && (is_out || t > from + 2 * HOUR) {
                    watch.is_found = true;
                    if is_begin_timely {
                        figures.add(name, minutes(from));
                    }
                }
                if t >= until && !is_out && !watch.is_over {
                    watch.is_over = true;
                    if is_end_timely {
                        figures.add(back, minutes(until));
                    }
                }
            }
            Kind::Holes => {
                let known = state.directories.get(IMAGES[repository]);
                let is_out =
                    known.is_some_and(|one| one.is_incomplete_at(view.now(), view.settings));
                if is_out && t < until && !watch.is_found {
                    watch.is_found = true;
                    figures.add(HOLES, minutes(from));
                }
                if t >= until && !is_out && watch.is_found && !watch.is_over {
                    watch.is_over = true;
                    figures.add(FILLED, minutes(until));
                }
            }
            _ => {}
        }
    }

    /// When a mirror that has caught up with the primary is listed with those that are current.
    fn watch_sync(&mut self, n: usize, t: u64) {
        let mirror = &self.world.mirrors[n];
        let repository = n % self.world.repositories.len();
        let synced = mirror.synced(t);
        let Ok(from) = u64::try_from(synced) else { return };
        let has = |at: i64| self.world.version(repository, at);
        let is_new = has(synced) != has(synced - mirror.sync_every.cast_signed());
        if self.watches[n].synced == synced || !is_new || has(synced) != has(t.cast_signed()) {
            return;
        }
        let is_disturbed = |one: &Incident| one.from <= t && one.until + 3 * HOUR > from;
        let is_ours = self.world.is_ours(from.saturating_sub(HOUR), t);
        let repodata = &self.world.repositories[repository];
        let state = &self.register.mirrors[&mirror.key];
        let entry = &self.inventory.mirrors[&mirror.key];
        let progress = &self.register.progress;
        let view = View { settings: &self.settings, history: &self.history, progress };
        let is_current = view.standing(state, entry, repodata, false) == Some(Standing::Current);
        // What is not found for so long may never be.
        if !is_current && t <= from + 2 * HOUR {
            return;
        }
        self.watches[n].synced = synced;
        if is_ours || self.watches[n].is_disabled || mirror.incidents.iter().any(is_disturbed) {
            return;
        }
        let took = if is_current { (t + TO_ORDER - from).div_ceil(MINUTE) } else { NEVER };
        add(&mut self.figures, CAUGHT_UP, took, mirror, t);
    }

    /// No directory has too few mirrors, and good mirrors are listed with all that they have.
    fn check_selection(&mut self, t: u64) {
        let progress = &self.register.progress;
        let view = View { settings: &self.settings, history: &self.history, progress };
        let selection = select(&self.register, &self.inventory, &view);
        let mut n_useless = 0;
        let mut n_listed = vec![0; self.world.repositories.len()];
        let rest = |one: &Incident| match one.kind {
            Kind::Restart => 0,
            Kind::Holes => 3 * DAY,
            _ if self.world.is_ours(one.from, one.until + 2 * HOUR) => 2 * DAY,
            _ => 2 * HOUR + 30 * MINUTE,
        };
        // Visits of this minute have seen what begins in it.
        let is_over = |one: &Incident| {
            one.kind == Kind::Restart || one.from >= t + MINUTE || one.until + rest(one) <= t
        };
        let works = |mirror: &&Mirror| mirror.incidents.iter().all(is_over);
        let is_alone = self.world.mirrors.iter().filter(works).take(2).count() < 2;
        for mirror in &self.world.mirrors {
            let Some(found) = selection.findings.mirrors.get(&mirror.key) else {
                n_listed.iter_mut().for_each(|n| *n += 1);
                continue;
            };
            let is_garbage = |one: &Incident| one.kind == Kind::Garbage && !is_over(one);
            n_useless += usize::from(mirror.incidents.iter().any(is_garbage));
            let state = self.register.mirrors.get(&mirror.key);
            let is_disabled = state.is_some_and(|state| state.switches.disabled.is_some());
            let is_good = works(&mirror) && !is_disabled && !is_alone;
            let mut faults = Vec::new();
            faults.extend(found.hidden.iter().map(|cause| format!("{cause:?}")));
            faults.extend(
                found.urls.iter().filter_map(|(url, found)| {
                    Some(format!("{url}: {:?}", found.hidden.as_ref()?))
                }),
            );
            let lacks =
                |&&name: &&&str| matches!(found.directories.get(name), Some(Standing::Hidden(_)));
            faults.extend(IMAGES.iter().filter(lacks).map(|name| format!("{name} is out")));
            for (n_listed, repodata) in n_listed.iter_mut().zip(&self.world.repositories) {
                let standing = found.directories.get(repository_of(repodata));
                let is_out = matches!(standing, Some(Standing::Hidden(_)));
                // What is ahead of our scan is listed after the next one.
                let is_out = is_out
                    && !matches!(standing, Some(Standing::Hidden(cause)) if cause.reason().ends_with("yet"));
                *n_listed += usize::from(found.hidden.is_none() && !is_out);
                if is_out {
                    faults.push(format!("{repodata}: {standing:?}"));
                }
            }
            if is_good && !faults.is_empty() {
                let example = format!(
                    "{} at {t}: {faults:?}, {:?}",
                    mirror.key,
                    mirror.incidents.get(mirror.n_begun(t).saturating_sub(1))
                );
                self.figures.add_fault(HIDDEN, example);
            }
        }
        let least = n_listed.into_iter().min().unwrap_or(0);
        let n_mirrors = self.world.mirrors.len();
        self.figures.add(
            "percent of mirrors that a list lacks",
            100 - 100 * least as u64 / n_mirrors as u64,
        );
        if least < self.settings.min_mirrors.min((n_mirrors - n_useless).max(1)) {
            self.figures.add_fault(SHORT, format!("{least} at {t}"));
        }
    }
}

/// Adds a value, with what has happened to the mirror if it is more than is wanted of most sites.
fn add(figures: &mut Figures, name: &'static str, value: u64, mirror: &Mirror, t: u64) {
    figures.add(name, value);
    if WANTED.iter().any(|&(wanted, _, most)| wanted == name && value > most) {
        figures.add_example(name, format!("{value} {}", mirror.recent(t)));
    }
}

pub(super) const DEAD: &str = "dead: minutes until it is out";
pub(super) const DEAD_AGAIN: &str = "dead after a day of flapping: minutes";
pub(super) const DEAD_OURS: &str = "dead at a fault of ours: minutes after it";
pub(super) const BACK: &str = "recovered: minutes until it is back";
pub(super) const BACK_AGAIN: &str = "recovered after a day of flapping: minutes";
pub(super) const BACK_OURS: &str = "recovered at a fault of ours: minutes after it";
pub(super) const GARBAGE: &str = "garbage: minutes until it is out";
pub(super) const STALE: &str = "stale: minutes until it is out";
pub(super) const HOLES: &str = "files missing: minutes until it is out";
pub(super) const FILLED: &str = "files are there again: minutes until it is back";
pub(super) const CAUGHT_UP: &str = "caught up: minutes until it is listed as current";
pub(super) const REQUESTS: &str = "requests to a mirror in a day";
pub(super) const REQUESTS_LONG: &str = "requests in a day in which clocks are set forward";
pub(super) const DROPPED: &str = "good mirrors that were dropped";
pub(super) const HIDDEN: &str = "good mirrors that lack something";
pub(super) const SHORT: &str = "lists that are too short";

/// The figures that hold everywhere: the least number of values, and what the worst one may be.
///
/// Some are beyond what is wanted of others. A mirror that has flapped has had the requests of that day, so that failures
/// of it are confirmed at regular visits only, unless it has worked for hours since then. What begins in a fault of our own
/// is known after it has ended, and no time passes for half an hour after a clock was set back. A day in which the clock is
/// set three hours forward has 27 hours that pay for requests.
pub(super) const WANTED: [(&str, usize, u64); 14] = [
    (DEAD, 10, 25),
    (DEAD_AGAIN, 1, 120),
    (DEAD_OURS, 1, 60),
    (BACK, 10, 40),
    (BACK_AGAIN, 1, 60),
    (BACK_OURS, 1, 75),
    (GARBAGE, 10, 60),
    (STALE, 10, 90),
    (CAUGHT_UP, 10, 90),
    (REQUESTS, 10, 400),
    (REQUESTS_LONG, 1, 450),
    (DROPPED, 0, 0),
    (HIDDEN, 0, 0),
    (SHORT, 0, 0),
];
