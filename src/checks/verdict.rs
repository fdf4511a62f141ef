//! Whether a mirror is listed, and if not, why: as a whole, and for a repository.

use crate::findings::{Cause, Standing};
use crate::history::History;
use crate::inventory::Entry;
use crate::moment::Moment;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::state::{MirrorState, Reachability, RouteVerdict, Status, Window};

/// What verdicts of all mirrors depend on.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The numbers.
    pub settings: &'a Settings,
    /// What the primary had.
    pub history: &'a History,
    /// How far checks have come.
    pub progress: &'a Progress,
}

/// Why a mirror is not listed at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhyHidden {
    /// Its owner or an operator has paused it, since that time (seconds since 1970).
    Paused(u64),
    /// It is in maintenance.
    Maintenance(Window),
    /// The checks switched it off, as it was down or without content for days.
    Disabled(Moment),
    /// No URL works.
    Down(Moment),
    /// It is new, and was not good yet.
    Unproven,
    /// It works again, and its content was not seen to be good yet.
    AwaitsContent,
    /// For days nothing was learned about it.
    Silent,
}

impl WhyHidden {
    /// Whether somebody decided it, so that the never-empty rule does not bring it back.
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Paused(_) | Self::Maintenance(_))
    }

    /// The same in words. The time stays the same while the cause does, so that equal findings make equal
    /// snapshots.
    pub fn cause(self, state: &MirrorState) -> Cause {
        match self {
            Self::Paused(since) => Cause::new("paused", since),
            Self::Maintenance(window) => Cause::new("in maintenance", window.from),
            Self::Disabled(since) => {
                Cause::new("switched off by the checks, after days without any use", since.clock)
            }
            Self::Down(since) => {
                // What is in doubt only is no cause.
                let routes = state.all_routes().map(|(_, _, route)| route);
                let mut down = routes.filter(|route| route.verdict == RouteVerdict::Down);
                let failure = down.find_map(|route| route.failure.as_ref());
                let class = failure.map(|failure| format!("down: {}", failure.class));
                Cause::new(class.as_deref().unwrap_or("down"), since.clock)
            }
            Self::Unproven => Cause::new("new, and no visit was good yet", 0),
            Self::AwaitsContent => {
                let since = state.returned.map_or(0, |returned| returned.clock);
                Cause::new("works again, and its content was not seen yet", since)
            }
            Self::Silent => {
                let checked = state.all_routes().map(|(_, _, route)| route.checked).max();
                let since = checked.max(state.routes_since).map_or(0, |since| since.clock);
                Cause::new("nothing was learned for days", since)
            }
        }
    }
}

impl View<'_> {
    /// The time of the last visit of all: verdicts are as of then.
    pub fn now(&self) -> Moment {
        self.progress.now
    }

    /// Whether verdicts of the checks count: the first round has ended.
    pub fn is_settled(&self) -> bool {
        self.progress.settled.is_some()
    }

    /// Why a mirror is not listed at all; `None` if it is listed.
    pub fn why_hidden(&self, state: &MirrorState, entry: &Entry) -> Option<WhyHidden> {
        let now = self.now();
        let switches = &state.switches;
        if let Some(pause) = &switches.paused {
            return Some(WhyHidden::Paused(pause.since));
        }
        if let Some(window) = switches.maintenance_at(now.clock) {
            return Some(WhyHidden::Maintenance(window));
        }
        if let Some(since) = switches.disabled {
            return Some(WhyHidden::Disabled(since));
        }
        if !self.is_settled() {
            return None;
        }
        if state.reachability(self.settings) == Reachability::Down {
            return Some(WhyHidden::Down(state.down_since.unwrap_or(now)));
        }
        if !state.is_proven {
            return Some(WhyHidden::Unproven);
        }
        if state.awaits_content && entry.has_repositories() {
            return Some(WhyHidden::AwaitsContent);
        }
        let checked = state.all_routes().map(|(_, _, route)| route.checked.credited).max();
        // A mirror that was never visited since checks began, or has got its URLs later, is silent from then on.
        let began = [self.progress.settled, state.routes_since].into_iter().flatten();
        let since = began.map(|began| began.credited).chain(checked).max();
        let is_silent = since
            .is_some_and(|since| now.credited.saturating_sub(since) > self.settings.unknown_keep);
        is_silent.then_some(WhyHidden::Silent)
    }

    /// How a repository of a mirror stands to the primary.
    pub fn status(&self, state: &MirrorState, entry: &Entry, repodata: &str) -> Status {
        state.status(repodata, entry, self.history, self.now(), self.settings)
    }

    /// Whether a mirror is listed for a repository; `None` if nothing is known, and it is listed as the
    /// catalog says. `is_distrusted` says that too many mirrors have what the primary never had.
    pub fn standing(
        &self,
        state: &MirrorState,
        entry: &Entry,
        repodata: &str,
        is_distrusted: bool,
    ) -> Option<Standing> {
        if !self.is_settled() {
            return None;
        }
        let known = state.repositories.get(repodata);
        let status = self.status(state, entry, repodata);
        // Each time stays the same while the cause does, so that equal findings make equal snapshots.
        let seen = known.map_or(0, |known| known.hash_since.clock);
        let (reason, since) = match status {
            Status::Current => return Some(Standing::Current),
            Status::NotComparable => return None,
            Status::Behind { since, n_newer: 1, .. } => ("1 version behind".to_owned(), since),
            Status::Behind { since, n_newer, .. } => (format!("{n_newer} versions behind"), since),
            Status::Ahead => ("a version that the primary did not have yet".to_owned(), seen),
            Status::Foreign => ("a version that the primary never had".to_owned(), seen),
            Status::Missing => {
                let since = known.and_then(|known| known.missing_since);
                ("not there".to_owned(), since.map_or(0, |since| since.clock))
            }
            Status::Unknown => {
                let is_silent =
                    known.is_some_and(|known| known.is_silent(self.now(), self.settings));
                let checked = known.and_then(|known| known.checked).map_or(0, |at| at.clock);
                let cause = Cause::new("nothing was learned for days", checked);
                return is_silent.then_some(Standing::Hidden(cause));
            }
        };
        let cause = Cause::new(&reason, since);
        Some(match status {
            Status::Behind { is_offered: true, .. } => Standing::Behind(cause),
            Status::Ahead | Status::Foreign if is_distrusted => Standing::Behind(cause),
            _ => Standing::Hidden(cause),
        })
    }
}
