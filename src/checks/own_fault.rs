//! Which failures are our own: what fails for everybody at the same time is not the fault of the mirrors.
//!
//! Failures are counted by what they share: a version of IP, a scheme (our clock or our authorities are wrong, or a
//! port is blocked), or content (a page of our own network in place of every file). A visit goes over one route,
//! so what is known of a mirror is kept from visit to visit ([`Recents`](crate::shared::Recents)).

use std::ops::BitOr;

use model::families::IpVersion;

use crate::class::FailureClass;
use crate::moment::Moment;
use crate::observation::{Content, Outcome, UrlSeen, Visit};
use crate::settings::Settings;
use crate::shared::{ByShared, Recent, Shared};
use crate::state::{LastVisit, MirrorState, RepositoryState, RouteState, RouteVerdict};

/// Of so many mirrors that have something in common one is visited soon that shows whether it works.
const MANY: usize = 12;
/// How long visits that are due together take, in seconds.
const TOGETHER: u64 = 60;

/// Whether failures are our own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Fault {
    /// They are of the mirrors.
    #[default]
    None,
    /// They may be: nobody has worked since they began. They do not count, and are confirmed.
    Suspected,
    /// They are.
    Certain,
}

impl BitOr for Fault {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.max(other)
    }
}

/// Which failures of a round of visits are our own fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OwnFault {
    /// Whether all of them are.
    pub all: bool,
    /// Those that have something in common.
    pub shared: ByShared<Fault>,
}

impl OwnFault {
    /// Whether a failure of that URL over that version of IP is our own.
    pub fn of(&self, url: &str, version: IpVersion) -> Fault {
        let all = if self.all { Fault::Certain } else { Fault::None };
        let shared = Shared::ALL.into_iter().filter(|shared| shared.covers(url, version));
        shared.fold(all, |fault, shared| fault | *self.shared.get(shared))
    }

    /// Whether a mirror has failed as a whole, though that URL over that version of IP may fail by our own fault: it
    /// has failed before now, and whatever is beyond doubt is down, and was not before this began to fail.
    pub(crate) fn is_whole(
        &self,
        state: &MirrorState,
        url: &str,
        version: IpVersion,
        now: Moment,
        settings: &Settings,
    ) -> bool {
        let doubted = Shared::ALL.into_iter().filter(|&shared| {
            shared.covers(url, version) && *self.shared.get(shared) != Fault::None
        });
        let failing = doubted.filter_map(|shared| state.recents.get(shared).failing).min();
        let Some(Moment { credited: failing, .. }) = failing else { return false };
        let is_confirmed = now.credited.saturating_sub(failing) >= settings.probe_gap();
        let is_down = |route: &RouteState| {
            let since = route.since.credited.saturating_add(settings.own_fault_window);
            route.verdict == RouteVerdict::Down && since >= failing
        };
        let mut beyond_doubt = state
            .all_routes()
            .filter(|&(url, version, route)| {
                route.verdict != RouteVerdict::NotTested && self.of(url, version) == Fault::None
            })
            .peekable();
        is_confirmed
            && beyond_doubt.peek().is_some()
            && beyond_doubt.all(|(_, _, route)| is_down(route))
    }

    /// Whether it is certain that any failures are our own.
    pub fn is_certain(&self) -> bool {
        self.all || Shared::ALL.iter().any(|&of| *self.shared.get(of) == Fault::Certain)
    }

    /// Whether what repositories lack is our own fault.
    pub fn of_content(&self) -> bool {
        self.all || self.shared.content != Fault::None
    }
}

/// A visit in short. `state` is that of the mirror before the visit.
pub fn summarize(visit: &Visit, state: &MirrorState, at: Moment) -> LastVisit {
    let over = |shared: Shared| {
        let seen = visit.urls.iter().filter(|seen| shared.covers(&seen.url, seen.version));
        seen.filter_map(is_good).reduce(|one, other| one || other)
    };
    let seen = ByShared {
        v4: over(Shared::V4),
        v6: over(Shared::V6),
        plain: over(Shared::Plain),
        tls: over(Shared::Tls),
        content: content(visit, state),
    };
    LastVisit { at, seen }
}

/// Whether a URL worked; `None` if nothing is said of it.
fn is_good(seen: &UrlSeen) -> Option<bool> {
    match &seen.outcome {
        Outcome::Good => Some(true),
        Outcome::NotTested | Outcome::NoAddress => None,
        Outcome::Failed(failure) => {
            let is_said = failure.class.is_of_mirror() && failure.class != FailureClass::Busy;
            is_said.then_some(false)
        }
    }
}

/// Whether something failed in a visit that is of both.
pub(crate) fn has_failed(visit: &Visit, shared: Shared, version: IpVersion) -> bool {
    let seen = visit.urls.iter().filter(|seen| seen.version == version);
    let mut seen = seen.filter(|seen| shared.covers(&seen.url, version));
    seen.any(|seen| is_good(seen) == Some(false))
}

/// Whether repositories hold something; `None` if nothing is lost that was there before.
fn content(visit: &Visit, state: &MirrorState) -> Option<bool> {
    let mut has_lost = false;
    for seen in &visit.repositories {
        match &seen.content {
            Content::Hash(_) | Content::Unchanged => return Some(true),
            Content::Failed(failure) => {
                let is_absent = matches!(
                    failure.class,
                    FailureClass::Missing
                        | FailureClass::Forbidden
                        | FailureClass::Http4xx
                        | FailureClass::Soft404
                );
                let known = state.repositories.get(&seen.directory);
                has_lost |= is_absent && known.is_some_and(RepositoryState::is_there);
            }
        }
    }
    has_lost.then_some(false)
}

/// Whether somebody has said something: then our own network works.
pub(crate) fn is_heard(visit: &Visit) -> bool {
    let is_said = |seen: &UrlSeen| match &seen.outcome {
        Outcome::Good => true,
        Outcome::NotTested | Outcome::NoAddress => false,
        Outcome::Failed(failure) => failure.class.is_of_mirror(),
    };
    visit.urls.iter().any(is_said)
}

/// Counts of mirrors at a time.
pub(crate) struct Counts<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) now: Moment,
    /// Whether IPv4 certainly fails for all.
    pub(crate) is_v4_dead: bool,
    /// Whether IPv6 does.
    pub(crate) is_v6_dead: bool,
}

/// What fails at the same time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    /// Mirrors that have it, whenever it was tried.
    n_sharing: usize,
    n_known: usize,
    n_failed: usize,
    /// When anybody worked last, in credited seconds.
    last_good: Option<u64>,
    /// Since when the one fails that has begun to fail last, in credited seconds.
    failing: Option<u64>,
    /// Those that failed when they were visited last, though nobody may have been for a while.
    resting: Resting,
}

/// What has failed, within the longest time between two visits to a mirror.
#[derive(Clone, Copy, Default)]
struct Resting {
    n_known: usize,
    n_failed: usize,
    failing: Option<u64>,
}

impl Counts<'_> {
    fn is_within(&self, at: Moment, seconds: u64) -> bool {
        self.now.credited.saturating_sub(at.credited) <= seconds
    }

    /// Whether a mirror has been down for so long that it says nothing new.
    fn is_long_down(&self, state: &MirrorState) -> bool {
        state.down_since.is_some_and(|since| !self.is_within(since, self.settings.own_fault_window))
    }

    /// The last visit to a mirror without what was seen over a version of IP that fails for all: that says nothing of
    /// mirrors and schemes.
    fn last_visit(&self, state: &MirrorState) -> Option<LastVisit> {
        let LastVisit { at, mut seen } = state.last_visit?;
        seen.v4 = seen.v4.filter(|_| !self.is_v4_dead);
        seen.v6 = seen.v6.filter(|_| !self.is_v6_dead);
        Some(LastVisit { at, seen })
    }

    /// The mirrors visited within the window, and those of them that failed.
    pub(crate) fn whole<'s>(&self, states: impl Iterator<Item = &'s MirrorState>) -> Count {
        let mut count = Count::default();
        for state in states.filter(|state| !self.is_long_down(state)) {
            if let Some(visit) = self.last_visit(state)
                && self.is_within(visit.at, self.settings.retry_max_disabled)
                && let Some(is_good) = visit.is_good()
            {
                count.resting.n_known += 1;
                count.resting.n_failed += usize::from(!is_good);
                if self.is_within(visit.at, self.settings.own_fault_window) {
                    count.n_known += 1;
                    count.n_failed += usize::from(!is_good);
                }
            }
        }
        count
    }

    /// The mirrors of which something is known, and those of them that fail since a visit within the window. Visits
    /// take turns over the routes of a mirror, of which there are four as a rule.
    pub(crate) fn shared<'s>(
        &self,
        shared: Shared,
        states: impl Iterator<Item = &'s MirrorState>,
    ) -> Count {
        let window = self.settings.own_fault_window;
        let turn = window.max(self.settings.visit_interval.saturating_mul(4));
        let mut count = Count::default();
        for state in states.filter(|state| !self.is_long_down(state)) {
            let recent = *state.recents.get(shared);
            let failing = self.failing(shared, recent);
            count.last_good = count.last_good.max(recent.good.map(|at| at.credited));
            let Some(tried) = recent.tried else { continue };
            let is_down = self.is_known_down(shared, state);
            if is_down {
                continue;
            }
            count.n_sharing += 1;
            count.n_known += usize::from(self.is_within(tried, turn));
            // What is decided to be missing is not looked for any more, and nothing follows from it.
            let is_decided = shared == Shared::Content
                && !state.repositories.values().any(RepositoryState::is_there);
            if !is_decided && self.is_within(tried, self.settings.retry_max_disabled) {
                count.resting.n_known += 1;
                count.resting.n_failed += usize::from(failing.is_some());
                count.resting.failing = count.resting.failing.max(failing.map(|at| at.credited));
            }
            if let Some(since) = failing
                && self.is_within(tried, window)
            {
                count.n_failed += 1;
                count.failing = count.failing.max(Some(since.credited));
            }
        }
        count
    }

    /// Since when something fails. Of a scheme, what fails over a version of IP that is dead for all says nothing.
    fn failing(&self, shared: Shared, recent: Recent) -> Option<Moment> {
        match (self.is_v4_dead, self.is_v6_dead) {
            (false, false) => recent.failing,
            _ if !shared.is_scheme() => recent.failing,
            (false, true) => recent.failing_v4,
            (true, false) => recent.failing_v6,
            (true, true) => None,
        }
    }

    /// Whether everything of a mirror that shares this has been down for a while.
    fn is_known_down(&self, shared: Shared, state: &MirrorState) -> bool {
        let of = |&(url, version, _): &(&str, _, _)| shared.covers(url, version);
        let mut routes = state.all_routes().filter(of).peekable();
        routes.peek().is_some()
            && routes.all(|(_, _, route)| {
                route.verdict == RouteVerdict::Down
                    && !self.is_within(route.since, self.settings.own_fault_window)
            })
    }

    /// Whether nobody works, of enough mirrors: where there are two in all, both. One that nothing can be compared with
    /// fails by itself.
    pub(crate) fn dead(&self, count: Count, n_mirrors: usize) -> Fault {
        let least = self.settings.own_fault_family_min.min(n_mirrors.max(2));
        let Some(failing) = count.failing else { return Fault::None };
        // What a mirror that fails for long has outlived says nothing of one that has just begun to.
        match count.n_known > 1 && !self.has_worked(count, failing) {
            true if count.n_failed >= least => Fault::Certain,
            true => Fault::Suspected,
            false => Fault::None,
        }
    }

    /// Whether something has worked that shows that what fails since then is not our own fault. What worked at the same
    /// time shows nothing: time may have stood still in between, as it does while the clock catches up.
    pub(crate) fn has_worked(&self, count: Count, failing: u64) -> bool {
        let is_recent =
            |good: u64| good.saturating_add(self.settings.down_span) > self.now.credited;
        count.last_good.is_some_and(|good| good > failing || is_recent(good))
    }

    /// Whether nobody works over a version of IP, and has since over the other one.
    pub(crate) fn is_nobody_heard(&self, dead: Count, other: Count) -> bool {
        dead.failing.is_some_and(|failing| !self.has_worked(other, failing))
    }

    /// The mirrors that are not down for long.
    pub(crate) fn n_mirrors<'s>(&self, states: impl Iterator<Item = &'s MirrorState>) -> usize {
        states.filter(|state| !self.is_long_down(state)).count()
    }

    /// Whether this has begun to fail of a mirror, and it is not decided yet whether that is down.
    pub(crate) fn has_doubt<'s>(
        &self,
        shared: Shared,
        mut states: impl Iterator<Item = &'s MirrorState>,
    ) -> bool {
        states.any(|state| {
            let failing = state.recents.get(shared).failing;
            let window = self.settings.own_fault_window;
            state.down_since.is_none() && failing.is_some_and(|since| self.is_within(since, window))
        })
    }

    /// Since when somebody is wanted who works, while a mirror is in doubt: who worked must still count when failures
    /// are confirmed next.
    pub(crate) fn unwitnessed(&self, count: Count, since: Option<Moment>) -> Option<Moment> {
        let Settings { down_span, confirm_interval, .. } = *self.settings;
        let left = down_span.saturating_sub(confirm_interval.saturating_add(TOGETHER));
        let recent = self.now.credited.saturating_sub(left);
        let first = count.failing.map_or(recent, |failing| failing.min(recent));
        let is_shown = |since| count.last_good.is_some_and(|good| good >= since);
        match since {
            Some(since) if !is_shown(since.credited) => Some(since),
            _ => (count.n_known > 1 && !is_shown(first)).then_some(self.now),
        }
    }

    /// Whether so many fail that it cannot be chance.
    pub(crate) fn is_mass(&self, count: Count) -> bool {
        count.n_failed >= self.settings.own_fault_min
            && count.is_more(self.settings.own_fault_percent)
    }
}

impl Count {
    /// As if those had just failed that have when they were visited last.
    pub(crate) fn with_resting(self) -> Self {
        let Resting { n_known, n_failed, failing } = self.resting;
        Self { n_known, n_failed, failing, ..self }
    }

    /// Whether more than so many percent fail.
    pub(crate) fn is_more(self, percent: usize) -> bool {
        self.n_failed.saturating_mul(100) > self.n_known.saturating_mul(percent)
    }

    /// Whether so many mirrors have it that one is visited soon over whatever route.
    pub(crate) fn is_of_many(self) -> bool {
        self.n_sharing >= MANY
    }
}
