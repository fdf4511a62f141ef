//! The verdict on one mirror: its state, and a visit, make its next state and what has happened.
//!
//! A failure that is not of the mirror ([`is_of_mirror`](crate::class::FailureClass::is_of_mirror)), or that
//! comes while everything fails ([`OwnFault`]), or in a maintenance window, changes no verdict. What works counts
//! always. A mirror of which everything is down that is not in doubt is dead as a whole, whoever fails with it.

use std::collections::BTreeSet;

use crate::allowance::{Allowance, Debt};
use crate::class::FailureClass;
use crate::history::History;
use crate::inventory::Entry;
use crate::moment::{Moment, is_to_come};
use crate::observation::{
    Content, DirectorySeen, End, Outcome, RepositorySeen, Tier, UrlSeen, Visit,
};
use crate::own_fault::{Fault, OwnFault, summarize};
use crate::settings::Settings;
use crate::state::{
    DayState, Event, EventKind, LastVisit, MAX_DIRECTORIES, MAX_URLS, MirrorState, Reachability,
    RepositoryState, RouteVerdict, Routes, Status, Trust,
};

/// How long a busy mirror is left alone if it does not say.
const BUSY_DEFAULT: u64 = 600;

/// What a visit is judged with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The numbers.
    pub settings: &'a Settings,
    /// What the primary had.
    pub history: &'a History,
    /// What is expected of the mirror.
    pub entry: &'a Entry,
    /// When the visit began.
    pub now: Moment,
    /// Which failures are our own.
    pub own_fault: OwnFault,
    /// The repositories, by the directory that holds `repomd.xml`, of which so many mirrors have what the primary
    /// never had that the primary is in doubt.
    pub distrusted: &'a BTreeSet<String>,
}

/// Judges a visit, and returns what has happened.
pub fn judge(state: &mut MirrorState, visit: &Visit, context: &Context<'_>) -> Vec<Event> {
    let now = context.now;
    let is_counted = state.switches.maintenance_at(now.clock).is_none();
    let mut judging = Judging {
        state,
        context,
        is_counted,
        worst: DayState::Good,
        failing: Failing::No,
        events: Vec::new(),
    };
    if visit.tier == Tier::Listing {
        judging.is_counted &= judging.state.switches.maintenance_at(visit.started).is_none();
        judging.listing(visit);
        return judging.events;
    }
    let before = judging.state.reachability(context.settings);
    let last_visit = summarize(visit, judging.state, now);
    judging.state.last_visit = Some(last_visit);
    let allowance = Allowance::new(context.entry, context.settings);
    // What somebody has asked for neither costs nor forgives anything.
    if !visit.is_asked {
        judging.state.debt = allowance.pay(judging.state.debt, visit.n_charged(), now.clock);
    }
    if visit.tier == Tier::Sample {
        judging.state.sampled = now;
    }
    judging.note_busy(visit);
    // Those in doubt come last: what is beyond doubt decides on them.
    for is_doubted in [false, true] {
        let fault = |seen: &UrlSeen| context.own_fault.of(&seen.url, seen.version);
        let seen = visit.urls.iter();
        seen.filter(|seen| (fault(seen) != Fault::None) == is_doubted)
            .for_each(|seen| judging.url(seen));
    }
    for seen in &visit.repositories {
        judging.repository(seen);
    }
    if context.entry.is_always_fresh {
        judging.state.awaits_content = false;
    }
    for seen in &visit.directories {
        judging.directory(seen, now);
    }
    judging.mirror(before, last_visit, &allowance);
    judging.events
}

/// What a visit says of those URLs that were not down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Failing {
    /// None has failed.
    No,
    /// What has failed may be our own fault.
    Suspected,
    /// One fails for certain that has failed when it was tried before. Others may have worked in between.
    GoesOn,
    /// One fails for certain that has worked when it was tried before.
    Anew,
}

struct Judging<'a> {
    state: &'a mut MirrorState,
    context: &'a Context<'a>,
    is_counted: bool,
    worst: DayState,
    failing: Failing,
    events: Vec<Event>,
}

impl Judging<'_> {
    /// Whether failures count that are of no version of IP.
    fn is_trusted(&self) -> bool {
        self.is_counted && !self.context.own_fault.all
    }

    fn add(&mut self, kind: EventKind, subject: &str, detail: &str) {
        let clock = self.context.now.clock;
        let event = self.state.events.add(kind, subject, detail, clock, self.context.settings);
        self.events.push(event);
    }

    /// A listing says something of files alone: how rsync is reached is no concern of those who use other
    /// protocols. It takes minutes, so it counts as of its begin. One that began no later than the last one is
    /// ignored, and so is a second look that comes too soon after the one which has put something in doubt. What was in
    /// doubt and is not told any more is not. The few requests of a day are beside what other visits may make.
    fn listing(&mut self, visit: &Visit) {
        let now = self.context.now;
        if matches!(visit.end, End::Busy(Some(_))) {
            self.note_busy(visit);
        }
        let last = self.state.listed.clock;
        let is_late = visit.started <= last && !is_to_come(last, now.clock);
        if is_late || !visit.urls.iter().any(|seen| seen.outcome == Outcome::Good) {
            return;
        }
        let begin = Moment { clock: visit.started, ..now };
        if visit.end == End::Complete {
            self.state.listed = begin;
        }
        let told: BTreeSet<&String> =
            visit.directories.iter().map(|seen| &seen.directory).collect();
        let untold = self.state.directories.iter_mut().filter(|(name, _)| !told.contains(name));
        untold.for_each(|(_, known)| known.forget_doubt());
        for seen in &visit.directories {
            let known = self.state.directories.get(&seen.directory);
            if known.is_none_or(|known| known.may_be_looked_at(seen, begin, now.clock)) {
                self.directory(seen, begin);
            }
        }
    }

    fn note_busy(&mut self, visit: &Visit) {
        let is_busy = |seen: &UrlSeen| matches!(&seen.outcome, Outcome::Failed(failure) if failure.class == FailureClass::Busy);
        let state = &mut *self.state;
        if matches!(visit.end, End::Busy(_)) || visit.urls.iter().any(is_busy) {
            let wish = match visit.end {
                End::Busy(Some(seconds)) => u64::from(seconds),
                _ => BUSY_DEFAULT,
            };
            state.n_busy = state.n_busy.saturating_add(1);
            let wait = wish.min(self.context.settings.busy_max);
            state.busy_until = self.context.now.clock.saturating_add(wait);
        } else if visit.urls.iter().any(|seen| seen.outcome == Outcome::Good) {
            state.n_busy = 0;
            state.busy_until = 0;
        }
    }

    fn url(&mut self, seen: &UrlSeen) {
        let Context { settings, now, entry, own_fault, .. } = *self.context;
        let routes = &mut self.state.routes;
        let fits = routes.contains_key(&seen.url) || routes.len() < MAX_URLS;
        if !fits || !entry.urls().any(|url| *url == seen.url) {
            return;
        }
        let failure = match &seen.outcome {
            Outcome::Failed(failure) if failure.class.is_of_mirror() => Some(failure),
            _ => None,
        };
        let is_busy = failure.is_some_and(|failure| failure.class == FailureClass::Busy);
        let is_excused = is_busy && self.state.n_busy <= settings.busy_grace;
        let trust = match own_fault.of(&seen.url, seen.version) {
            _ if !self.is_counted || is_excused => Trust::None,
            Fault::None => Trust::Full,
            _ if own_fault.is_whole(self.state, &seen.url, seen.version, now, settings) => {
                Trust::Whole
            }
            Fault::Suspected => Trust::Later,
            Fault::Certain => Trust::None,
        };
        if !self.state.routes.contains_key(&seen.url) {
            if self.state.routes.is_empty() {
                self.state.routes_since = Some(now);
            }
            self.state.routes.insert(seen.url.clone(), Routes::default());
        }
        let Some(routes) = self.state.routes.get_mut(&seen.url) else { return };
        let route = routes.over_mut(seen.version);
        let was_down = route.verdict == RouteVerdict::Down;
        // What may be our own fault is not among the probes that count.
        let had_failed = route.window.last().is_some_and(|probe| !probe.is_good);
        route.observe(seen, now, trust, settings);
        let warning = route.certificate_warning(settings);
        let failing = match trust {
            _ if failure.is_none() || was_down => Failing::No,
            Trust::None => Failing::No,
            Trust::Later => Failing::Suspected,
            Trust::Full | Trust::Whole if had_failed => Failing::GoesOn,
            Trust::Full | Trust::Whole => Failing::Anew,
        };
        self.failing = self.failing.max(failing);
        if let Some(failure) = failure.filter(|_| matches!(trust, Trust::Full | Trust::Whole)) {
            let subject = format!("{} over IPv{}", seen.url, seen.version.as_str());
            self.add(EventKind::Failed(failure.class), &subject, &failure.detail);
        }
        if let Some(expires) = seen.certificate_expires
            && expires < now.clock.saturating_add(warning)
        {
            let days = expires.saturating_sub(now.clock) / 86_400;
            self.add(EventKind::Certificate, &seen.url, &format!("expires in {days} days"));
        }
    }

    fn repository(&mut self, seen: &RepositorySeen) {
        let Context { settings, now, entry, history, .. } = *self.context;
        let repositories = &mut self.state.repositories;
        if !repositories.contains_key(&seen.directory) {
            if repositories.len() >= MAX_DIRECTORIES
                || !entry.repositories().any(|known| *known == seen.directory)
            {
                return;
            }
            repositories.insert(seen.directory.clone(), RepositoryState::default());
        }
        let is_trusted = self.is_counted && !self.context.own_fault.of_content();
        let Some(repository) = repositories.get_mut(&seen.directory) else { return };
        repository.observe(&seen.content, now, is_trusted, settings);
        let status = match entry.is_always_fresh {
            true => Status::NotComparable,
            false => repository.status(&seen.directory, history, now, settings),
        };
        let is_read = !matches!(seen.content, Content::Failed(_));
        if is_read && status.is_accepted() {
            self.state.awaits_content = false;
        }
        let worst = match status {
            Status::Behind { is_offered: true, .. } => DayState::Behind,
            status if status.class().is_some() => DayState::Bad,
            _ => DayState::Good,
        };
        self.worst = self.worst.max(worst);
        match &seen.content {
            Content::Failed(failure) if is_trusted && failure.class.is_of_mirror() => {
                self.add(EventKind::Failed(failure.class), &seen.directory, &failure.detail);
            }
            Content::Failed(_) => {}
            Content::Hash(_) | Content::Unchanged => {
                if let Some(class) = status.class() {
                    self.add(EventKind::Failed(class), &seen.directory, "");
                }
            }
        }
    }

    fn directory(&mut self, seen: &DirectorySeen, at: Moment) {
        let Context { settings, entry, own_fault, .. } = *self.context;
        let is_trusted = self.is_counted && !own_fault.of_content();
        let directories = &mut self.state.directories;
        let is_known = directories.contains_key(&seen.directory);
        if (is_known || directories.len() < MAX_DIRECTORIES) && entry.carries(&seen.directory) {
            let directory = directories.entry(seen.directory.clone()).or_default();
            directory.observe(seen, at, is_trusted, settings);
        }
    }

    /// What follows for the mirror as a whole.
    fn mirror(&mut self, before: Reachability, visit: LastVisit, allowance: &Allowance) {
        let Context { settings, now, entry, history, distrusted, .. } = *self.context;
        let after = self.state.reachability(settings);
        if visit.is_good() == Some(true) && self.state.down_since.is_some() {
            self.state.returned.get_or_insert(now);
        }
        if before != Reachability::Down && after == Reachability::Down {
            self.state.down_since = Some(now);
            self.state.returned = None;
            let has_content = |repository: &RepositoryState| repository.hash.is_some();
            self.state.awaits_content = self.state.repositories.values().any(has_content);
            let failure = self.state.all_routes().find_map(|(_, _, route)| route.failure.clone());
            let (subject, detail) = failure
                .map(|failure| (failure.url, format!("{}: {}", failure.class, failure.detail)))
                .unwrap_or_default();
            self.add(EventKind::Down, &subject, &detail);
        } else if after == Reachability::Up && self.state.down_since.take().is_some() {
            self.add(EventKind::Recovered, "", "");
        }
        let has_content = self.state.has_content(entry, history, now, settings);
        let is_up = after == Reachability::Up;
        let is_fine = is_up && has_content && !self.state.awaits_content;
        self.state.is_proven |= is_fine;
        let is_distrusted = |repodata: &str| distrusted.contains(repodata);
        let is_empty =
            || self.state.is_without_content(entry, history, now, settings, is_distrusted);
        let is_useless = after == Reachability::Down || (is_up && is_empty());
        match is_useless {
            true => _ = self.state.useless_since.get_or_insert(now),
            false => self.state.useless_since = None,
        }
        // A retry of what is down says nothing new of a mirror that works.
        let is_retry = visit.is_good() == Some(false) && is_fine && self.failing == Failing::No;
        match visit.is_good() {
            Some(true) if is_fine => _ = self.state.good_since.get_or_insert(now),
            Some(is_good) if self.is_trusted() => {
                if !is_good {
                    self.state.debt = self.debt_of_failing(allowance);
                }
                if !is_fine || self.failing == Failing::Anew {
                    self.state.good_since = None;
                }
            }
            _ => {}
        }
        self.switch(is_fine, visit);
        let is_counted = |is_good| is_good || (self.is_trusted() && !is_retry);
        if let Some(is_good) = visit.is_good().filter(|&is_good| is_counted(is_good)) {
            let is_down = after == Reachability::Down;
            let worst = if is_down { DayState::Down } else { self.worst };
            self.state.days.add(now.clock, is_good, worst);
        }
    }

    /// What is owed, and what more can be, after a visit in which nothing has worked.
    fn debt_of_failing(&self, allowance: &Allowance) -> Debt {
        let (debt, now) = (self.state.debt, self.context.now);
        let Some(since) = self.state.good_since else { return debt };
        let seconds = now.credited.saturating_sub(since.credited);
        match self.failing {
            Failing::No | Failing::GoesOn => debt,
            Failing::Suspected => allowance.suspect_after(debt, seconds),
            Failing::Anew => allowance.fail_after(debt, seconds, now.clock),
        }
    }

    /// Switches the mirror off or on again; only what was seen does that, not time alone.
    fn switch(&mut self, is_fine: bool, visit: LastVisit) {
        let Context { settings, now, .. } = *self.context;
        let Some(is_good) = visit.is_good().filter(|&is_good| is_good || self.is_trusted()) else {
            return;
        };
        let has_passed = |since: Option<Moment>, time| {
            since.is_some_and(|since| now.credited.saturating_sub(since.credited) >= time)
        };
        if self.state.switches.disabled.is_none() {
            if self.is_trusted() && has_passed(self.state.useless_since, settings.disable_after) {
                self.state.switches.disabled = Some(now);
                self.add(EventKind::Disabled, "", "down or without content for days");
            }
        } else if is_fine && is_good {
            let is_lifted = self.state.switches.is_recheck_asked
                || has_passed(self.state.good_since, settings.enable_after);
            if is_lifted {
                self.state.switches.disabled = None;
                self.add(EventKind::Enabled, "", "");
            }
        }
        if is_fine || (!is_good && self.failing != Failing::Suspected) {
            self.state.switches.is_recheck_asked = false;
        }
    }
}

#[cfg(test)]
mod tests;
