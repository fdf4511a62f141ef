//! Judges recorded visits: live and in a replay with the same code, so that the same records give the same
//! verdicts.
//!
//! Records are lines of JSON. The order is that in which things became known. Visits of one round that follow
//! each other are judged together, when something else follows them.

use std::io::{BufRead, Read as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::history::{History, PrimaryScan};
use crate::inventory::Inventory;
use crate::observation::Visit;
use crate::round::{Register, RoundVerdict};
use crate::select::{Selection, select};
use crate::settings::{BadSetting, Settings};
use crate::state::{Event, Pause, Window};
use crate::verdict::View;

/// The most bytes of a line of records.
pub const MAX_LINE: u64 = 64 << 20;

/// Something that became known.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The numbers that hold from now on.
    Settings(Settings),
    /// What the catalog expects from now on.
    Inventory(Inventory),
    /// A scan of the primary.
    Primary(PrimaryScan),
    /// A visit.
    Visit(Visit),
    /// Somebody has turned a switch.
    Switch {
        /// The key of the mirror.
        mirror: String,
        /// Which one.
        turn: Turn,
    },
}

/// What somebody does to a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Its owner or an operator pauses it.
    Pause(Pause),
    /// They end that.
    Resume,
    /// They plan a maintenance window.
    Maintenance(Window),
    /// They ask for a visit that, if it is good, undoes what the checks switched off.
    Recheck,
}

/// What records lead to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Checks {
    /// The numbers.
    pub settings: Settings,
    /// What the catalog expects.
    pub inventory: Inventory,
    /// What the primary had.
    pub history: History,
    /// What is known of mirrors.
    pub register: Register,
    /// The visits of the round that goes on.
    round: Vec<Visit>,
}

impl Checks {
    /// Takes in a record. If it ends a round, the verdict on that one is returned.
    pub fn apply(&mut self, record: Record) -> Option<RoundVerdict> {
        if let Record::Visit(visit) = record {
            let is_other = self.round.last().is_some_and(|last| last.round != visit.round);
            let verdict = if is_other { self.end_round() } else { None };
            self.round.push(visit);
            return verdict;
        }
        let verdict = self.end_round();
        match record {
            Record::Settings(settings) => self.settings = settings,
            Record::Inventory(inventory) => {
                self.inventory = inventory;
                self.register.retain(&self.inventory);
            }
            Record::Primary(scan) => self.history.absorb(&scan, &self.settings),
            Record::Switch { mirror, turn } => self.turn(mirror, turn),
            Record::Visit(_) => {}
        }
        verdict
    }

    /// Judges the visits of the round that goes on, if there are any.
    pub fn end_round(&mut self) -> Option<RoundVerdict> {
        let visits = std::mem::take(&mut self.round);
        let Self { settings, inventory, history, register, .. } = self;
        (!visits.is_empty()).then(|| register.judge_round(&visits, inventory, history, settings))
    }

    /// What verdicts depend on.
    pub fn view(&self) -> View<'_> {
        let progress = &self.register.progress;
        View { settings: &self.settings, history: &self.history, progress }
    }

    /// What the next snapshot lists, as of the last round that has ended.
    pub fn select(&self) -> Selection {
        select(&self.register, &self.inventory, &self.view())
    }

    /// Turns a switch of a mirror that the inventory has.
    fn turn(&mut self, mirror: String, turn: Turn) {
        if !self.inventory.mirrors.contains_key(&mirror) {
            return;
        }
        let clock = self.register.progress.now.clock;
        let state = self.register.mirrors.entry(mirror).or_default();
        let switches = &mut Arc::make_mut(state).switches;
        match turn {
            Turn::Pause(pause) => switches.paused = Some(pause),
            Turn::Resume => switches.paused = None,
            // What makes no sense is not planned, as it would not be live.
            Turn::Maintenance(window) => drop(switches.plan(window.into(), clock)),
            Turn::Recheck => switches.is_recheck_asked = true,
        }
    }
}

/// What a replay has led to.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Replayed {
    /// Everything that is known at the end.
    pub checks: Checks,
    /// What happened, with the keys of mirrors, in order.
    pub events: Vec<(String, Event)>,
    /// In how many rounds failures were our own fault.
    pub n_own_faults: usize,
}

/// Why records cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// They cannot be read.
    #[error("line {0}: {1}")]
    Io(usize, std::io::Error),
    /// A line is too long.
    #[error("line {0}: longer than {MAX_LINE} bytes")]
    TooLong(usize),
    /// A line is no record.
    #[error("line {0}: {1}")]
    Json(usize, serde_json::Error),
    /// Settings with which nothing can be judged.
    #[error("line {0}: {1}")]
    Settings(usize, BadSetting),
}

/// Replays records, one for each line; empty lines are left out.
pub fn replay(mut reader: impl BufRead) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    let mut line = Vec::new();
    for n in 1.. {
        line.clear();
        let mut limited = reader.by_ref().take(MAX_LINE + 1);
        let length =
            limited.read_until(b'\n', &mut line).map_err(|error| ReplayError::Io(n, error))?;
        if length == 0 {
            break;
        }
        if u64::try_from(length).is_ok_and(|length| length > MAX_LINE) {
            return Err(ReplayError::TooLong(n));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = serde_json::from_slice(&line).map_err(|error| ReplayError::Json(n, error))?;
        if let Record::Settings(settings) = &record {
            settings.check().map_err(|error| ReplayError::Settings(n, error))?;
        }
        let verdict = replayed.checks.apply(record);
        replayed.add(verdict);
    }
    let verdict = replayed.checks.end_round();
    replayed.add(verdict);
    Ok(replayed)
}

impl Replayed {
    fn add(&mut self, verdict: Option<RoundVerdict>) {
        if let Some(verdict) = verdict {
            self.n_own_faults += usize::from(verdict.own_fault.is_certain());
            self.events.extend(verdict.events);
        }
    }
}
