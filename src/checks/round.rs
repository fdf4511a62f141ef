//! All mirrors, and the visits of a round judged together: what fails everywhere is a fault of our own.

use std::collections::BTreeMap;

use model::families::IpVersion;
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::inventory::Inventory;
use crate::judge::{Context, OwnFault, judge, summarize};
use crate::moment::Moment;
use crate::observation::Visit;
use crate::settings::Settings;
use crate::state::{Event, LastVisit, MirrorState, RouteVerdict, Routes};

/// What is known of all mirrors.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Register {
    /// How far checks have come.
    pub progress: Progress,
    /// By the key of the mirror.
    pub mirrors: BTreeMap<String, MirrorState>,
}

/// How far checks have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Progress {
    /// When the last visit began.
    pub now: Moment,
    /// When the first visit began.
    pub started: Option<Moment>,
    /// Since when mirrors can be hidden: the first round over all of them has ended. Mirrors that were there
    /// before need not prove themselves.
    pub settled: Option<Moment>,
    /// Since when too many mirrors fail at the same time.
    pub own_fault_since: Option<Moment>,
}

/// What came of a round.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RoundVerdict {
    /// Which failures were our own.
    pub own_fault: OwnFault,
    /// What happened, with the key of the mirror, in order.
    pub events: Vec<(String, Event)>,
}

impl Register {
    /// Forgets what the catalog does not have any more.
    pub fn retain(&mut self, inventory: &Inventory) {
        self.mirrors.retain(|key, state| match inventory.mirrors.get(key) {
            Some(entry) => {
                state.retain(entry);
                true
            }
            None => false,
        });
    }

    /// Judges the visits of a round, in whatever order they are given. Mirrors that the inventory does not have
    /// are left out.
    pub fn judge_round(
        &mut self,
        visits: &[Visit],
        inventory: &Inventory,
        history: &History,
        settings: &Settings,
    ) -> RoundVerdict {
        let mut visits: Vec<&Visit> = visits.iter().collect();
        visits.sort_by(|a, b| (a.started, &a.mirror, a.tier).cmp(&(b.started, &b.mirror, b.tier)));
        let before = self.progress.now;
        let mut judged = Vec::new();
        let mut has_failures = false;
        for visit in visits {
            let Some(entry) = inventory.mirrors.get(&visit.mirror) else { continue };
            self.progress.now = self.progress.now.at(visit.started);
            let now = self.progress.now;
            self.progress.started.get_or_insert(now);
            if !self.mirrors.contains_key(&visit.mirror) {
                self.mirrors.insert(visit.mirror.clone(), MirrorState::default());
            }
            let Some(state) = self.mirrors.get_mut(&visit.mirror) else { continue };
            let summary = summarize(visit, now);
            state.last_visit = Some(summary);
            let has_failed = summary.v4 == Some(false) || summary.v6 == Some(false);
            has_failures |= has_failed && state.down_since.is_none();
            judged.push((visit, entry, now));
        }
        let (own_fault, is_sure) = match has_failures || self.progress.own_fault_since.is_some() {
            true => self.find_own_fault(settings),
            false => (OwnFault::default(), false),
        };
        if is_sure {
            // While nobody can be reached, nothing grows old either.
            self.progress.now.credited = before.credited;
        }
        let mut events = Vec::new();
        for (visit, entry, now) in judged {
            let now = Moment { credited: now.credited.min(self.progress.now.credited), ..now };
            let Some(state) = self.mirrors.get_mut(&visit.mirror) else { continue };
            let context = Context { settings, history, entry, now, own_fault };
            let happened = judge(state, visit, &context);
            events.extend(happened.into_iter().map(|event| (visit.mirror.clone(), event)));
        }
        self.settle(own_fault, inventory, settings);
        RoundVerdict { own_fault, events }
    }

    /// Which failures are our own, from the last visits of all mirrors, and whether that is sure: then it does
    /// not end with time.
    fn find_own_fault(&mut self, settings: &Settings) -> (OwnFault, bool) {
        let now = self.progress.now;
        let (mut n_visited, mut n_failed) = (0_usize, 0_usize);
        // Tried and good, over each version of IP.
        let (mut v4, mut v6) = ((0_usize, 0_usize), (0_usize, 0_usize));
        for state in self.mirrors.values() {
            // What is down already says nothing new.
            let Some(visit) = state.last_visit.filter(|_| state.down_since.is_none()) else {
                continue;
            };
            let age = now.credited.saturating_sub(visit.at.credited);
            if age <= settings.own_fault_window
                && let Some(is_good) = visit.is_good()
            {
                n_visited += 1;
                n_failed += usize::from(!is_good);
            }
            if age <= settings.down_span {
                count(state, visit, IpVersion::V4, &mut v4);
                count(state, visit, IpVersion::V6, &mut v6);
            }
        }
        let is_dead = |(n_tried, n_good)| n_tried >= settings.own_fault_family_min && n_good == 0;
        let is_more =
            |percent: usize| n_failed.saturating_mul(100) > n_visited.saturating_mul(percent);
        let is_mass = n_failed >= settings.own_fault_min && is_more(settings.own_fault_percent);
        if is_mass {
            self.progress.own_fault_since.get_or_insert(now);
        } else {
            self.progress.own_fault_since = None;
        }
        let is_over = self.progress.own_fault_since.is_some_and(|since| {
            now.credited.saturating_sub(since.credited) > settings.own_fault_max
        });
        let no_other = |(n_tried, _)| n_tried == 0;
        let is_sure = (is_mass && is_more(settings.own_fault_sure_percent))
            || (is_dead(v4) && (is_dead(v6) || no_other(v6)))
            || (is_dead(v6) && no_other(v4));
        let all = is_sure || (is_mass && !is_over);
        (OwnFault { all, v4: is_dead(v4), v6: is_dead(v6) }, is_sure)
    }

    /// Ends the first round if every mirror was visited, or enough time has passed.
    fn settle(&mut self, own_fault: OwnFault, inventory: &Inventory, settings: &Settings) {
        let Progress { now, started: Some(started), settled: None, .. } = self.progress else {
            return;
        };
        let time = now.credited.saturating_sub(started.credited);
        let is_visited =
            |key| self.mirrors.get(key).is_some_and(|state| state.last_visit.is_some());
        let is_over = time >= settings.first_round_max || inventory.mirrors.keys().all(is_visited);
        if is_over && !own_fault.all {
            self.progress.settled = Some(now);
            for key in inventory.mirrors.keys() {
                self.mirrors.entry(key.clone()).or_default().is_proven = true;
            }
        }
    }
}

/// Counts a mirror if it was tried over that version of IP and is not down over it already.
fn count(
    state: &MirrorState,
    visit: LastVisit,
    version: IpVersion,
    (n_tried, n_good): &mut (usize, usize),
) {
    let Some(is_good) = visit.over(version) else { return };
    let is_down = |routes: &Routes| routes.over(version).verdict == RouteVerdict::Down;
    let is_known_down = !state.routes.is_empty() && state.routes.values().all(is_down);
    if is_good || !is_known_down {
        *n_tried += 1;
        *n_good += usize::from(is_good);
    }
}
