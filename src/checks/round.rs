//! All mirrors, and the visits of a round judged together: what fails everywhere is a fault of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::distrust::Holders;
use crate::history::History;
use crate::inventory::Inventory;
use crate::judge::{Context, judge};
use crate::moment::Moment;
use crate::observation::{Tier, Visit};
use crate::own_fault::{Count, Counts, Fault, OwnFault, has_failed, is_heard, summarize};
use crate::progress::Progress;
use crate::settings::Settings;
use crate::shared::{ByShared, Shared};
use crate::state::{Event, MirrorState};
use crate::verdict::View;

/// What is known of all mirrors.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Register {
    /// How far checks have come.
    pub progress: Progress,
    /// By the key of the mirror. A copy of the register shares those that do not change meanwhile.
    pub mirrors: BTreeMap<String, Arc<MirrorState>>,
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
        let now = self.progress.now;
        self.mirrors.retain(|key, state| match inventory.mirrors.get(key) {
            Some(entry) => {
                Arc::make_mut(state).retain(entry, now);
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
            // It may have begun long before others that are judged already, and says nothing of our network.
            let is_listing = visit.tier == Tier::Listing;
            let mut now = self.progress.now;
            if !is_listing {
                now = self.progress.clocks.next(self.progress.now, visit.started);
                self.progress.now = now;
                self.progress.started.get_or_insert(now);
            }
            if !self.mirrors.contains_key(&visit.mirror) {
                self.mirrors.insert(visit.mirror.clone(), Arc::default());
            }
            let Some(state) = self.mirrors.get_mut(&visit.mirror) else { continue };
            if is_listing {
                judged.push((visit, entry, now));
                continue;
            }
            let state = Arc::make_mut(state);
            let summary = summarize(visit, state, now);
            state.last_visit = Some(summary);
            let has_failed = |shared, version| has_failed(visit, shared, version);
            state.recents.note(now, &summary.seen, has_failed);
            let has_failed = Shared::ALL.iter().any(|&of| *summary.seen.get(of) == Some(false));
            has_failures |= has_failed && state.down_since.is_none();
            judged.push((visit, entry, now));
        }
        let (mut own_fault, mut is_sure) = match has_failures || self.has_own_fault() {
            true => self.find_own_fault(settings),
            false => (OwnFault::default(), false),
        };
        let visits = judged.iter().map(|(visit, ..)| *visit);
        let mut others = visits.filter(|visit| visit.tier != Tier::Listing).peekable();
        if others.peek().is_some() && self.is_deaf(others, settings) {
            (own_fault.all, is_sure) = (true, true);
        }
        if is_sure {
            // While nobody can be reached, nothing grows old either.
            self.progress.now = self.progress.now.held(before.credited);
        }
        let foreign = judged.iter().flat_map(|(visit, entry, now)| {
            let state = self.mirrors.get(&visit.mirror);
            // It matters to those without any content, which are few.
            let state = state.filter(|state| !state.has_content(entry, history, *now, settings));
            state.into_iter().flat_map(|state| state.foreign(entry, history, *now, settings))
        });
        let distrusted = self.distrusted(foreign.collect(), inventory, history, settings);
        let mut events = Vec::new();
        for (visit, entry, now) in judged {
            let now = now.held(self.progress.now.credited);
            let Some(state) = self.mirrors.get_mut(&visit.mirror) else { continue };
            let state = Arc::make_mut(state);
            state.recents.hold(now.credited);
            let distrusted = &distrusted;
            let context = Context { settings, history, entry, now, own_fault, distrusted };
            let happened = judge(state, visit, &context);
            events.extend(happened.into_iter().map(|event| (visit.mirror.clone(), event)));
        }
        self.settle(own_fault, inventory, settings);
        RoundVerdict { own_fault, events }
    }

    fn has_own_fault(&self) -> bool {
        let Progress { own_fault_since, shared_fault_since, unwitnessed, .. } = &self.progress;
        let is_open =
            |&of: &Shared| shared_fault_since.get(of).is_some() || unwitnessed.get(of).is_some();
        own_fault_since.is_some() || Shared::ALL.iter().any(is_open)
    }

    /// Whether no mirror has said anything for a while, good or bad: we reach nobody.
    fn is_deaf<'v>(
        &mut self,
        mut visits: impl Iterator<Item = &'v Visit>,
        settings: &Settings,
    ) -> bool {
        if visits.any(is_heard) {
            self.progress.unheard_since = None;
            return false;
        }
        let now = self.progress.now;
        let since = *self.progress.unheard_since.get_or_insert(now);
        now.credited.saturating_sub(since.credited) > settings.own_fault_window
    }

    /// Which failures are our own, from the last visits of all mirrors, and whether that is sure: then it does
    /// not end with time.
    fn find_own_fault(&mut self, settings: &Settings) -> (OwnFault, bool) {
        let now = self.progress.now;
        let mut counts = Counts { settings, now, is_v4_dead: false, is_v6_dead: false };
        let states = || self.mirrors.values().map(Arc::as_ref);
        let n_mirrors = counts.n_mirrors(states());
        let [v4, v6] = [Shared::V4, Shared::V6].map(|version| counts.shared(version, states()));
        counts.is_v4_dead = counts.dead(v4, n_mirrors) == Fault::Certain;
        counts.is_v6_dead = counts.dead(v6, n_mirrors) == Fault::Certain;
        let count = |shared| counts.shared(shared, states());
        let (plain, tls) = (count(Shared::Plain), count(Shared::Tls));
        let content = count(Shared::Content);
        let whole = counts.whole(states());
        // Asked for what few mirrors have, however many there are.
        let is_open =
            |shared, count: Count| !count.is_of_many() && counts.has_doubt(shared, states());
        // What so many have in common is ours for a day, then it is theirs. The day goes on while none of them is visited.
        let lasts = |count: Count, is_it: &dyn Fn(Count) -> bool, since: &mut Option<Moment>| {
            if !is_it(count) {
                *since = since.filter(|_| is_it(count.with_resting()));
                return false;
            }
            let first = *since.get_or_insert(now);
            now.credited.saturating_sub(first.credited) <= settings.own_fault_max
        };
        let Progress { own_fault_since, shared_fault_since, unwitnessed, .. } = &mut self.progress;
        let of = [(Shared::V4, v4), (Shared::V6, v6), (Shared::Plain, plain), (Shared::Tls, tls)];
        for (shared, count) in of {
            let since = unwitnessed.get_mut(shared);
            *since = if is_open(shared, count) { counts.unwitnessed(count, *since) } else { None };
        }
        let certain = |is_it: bool| if is_it { Fault::Certain } else { Fault::None };
        // What is suspected is ours for a day, too, where nobody else can be asked.
        let fault = |count, is_mass: fn(&Counts<'_>, Count) -> bool, since: &mut Option<Moment>| {
            let dead = |count| counts.dead(count, n_mirrors);
            let is_it = |count| is_mass(&counts, count) || dead(count) == Fault::Suspected;
            let is_ours = lasts(count, &is_it, since);
            match dead(count) {
                Fault::Certain => Fault::Certain,
                _ if !is_ours => Fault::None,
                dead => dead | certain(is_mass(&counts, count)),
            }
        };
        // Of a version of IP only all count: a part of the net that is down is not ours.
        let dead_v4 = fault(v4, |_, _| false, &mut shared_fault_since.v4);
        let dead_v6 = fault(v6, |_, _| false, &mut shared_fault_since.v6);
        let is_lasting = lasts(whole, &|whole| counts.is_mass(whole), own_fault_since);
        let plain =
            fault(plain, |counts, count| counts.is_mass(count), &mut shared_fault_since.plain);
        let tls = fault(tls, |counts, count| counts.is_mass(count), &mut shared_fault_since.tls);
        let is_lost = |count| counts.is_mass(count) || counts.dead(count, n_mirrors) != Fault::None;
        let content = certain(lasts(content, &is_lost, &mut shared_fault_since.content));
        let is_sure = (counts.is_mass(whole) && whole.is_more(settings.own_fault_sure_percent))
            || (counts.is_v4_dead && counts.is_nobody_heard(v4, v6))
            || (counts.is_v6_dead && counts.is_nobody_heard(v6, v4));
        let all = is_sure || is_lasting;
        let shared = ByShared { v4: dead_v4, v6: dead_v6, plain, tls, content };
        (OwnFault { all, shared }, is_sure)
    }

    /// Which of some repositories so many mirrors have in a version that the primary never had that it is the
    /// primary that is doubted.
    fn distrusted(
        &self,
        repositories: BTreeSet<String>,
        inventory: &Inventory,
        history: &History,
        settings: &Settings,
    ) -> BTreeSet<String> {
        let view = View { settings, history, progress: &self.progress };
        let is_doubted = |repodata: &String| {
            let mut holders = Holders::default();
            for (key, state) in &self.mirrors {
                if let Some(entry) = inventory.mirrors.get(key)
                    && state.repositories.contains_key(repodata)
                    && view.why_hidden(state, entry).is_none()
                {
                    holders.add(view.status(state, entry, repodata));
                }
            }
            holders.are_trusted_more(settings)
        };
        repositories.into_iter().filter(is_doubted).collect()
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
                let state = self.mirrors.entry(key.clone()).or_default();
                Arc::make_mut(state).is_proven = true;
            }
        }
    }
}
