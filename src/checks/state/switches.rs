//! What keeps a mirror out whatever it does: its owner, a maintenance window, or the checks.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The most maintenance windows of a mirror that its owners have planned, and likewise that operators have.
pub const MAX_WINDOWS: usize = 16;
/// The longest maintenance window, in seconds. What takes longer is a pause.
const MAX_WINDOW: u64 = 30 * 86_400;
/// The shortest one that an owner plans, in seconds: each leads to two visits.
const MIN_WINDOW: u64 = 600;

/// The switches of a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// By its owner or an operator; the checks never touch it.
    pub paused: Option<Pause>,
    /// Whether it was its owner, who can end it then.
    #[serde(skip_serializing_if = "Not::not")]
    pub is_paused_by_owner: bool,
    /// By the checks: it was down, or without any content, for days.
    pub disabled: Option<Moment>,
    /// When it is not listed and its failures do not count; at most [`MAX_WINDOWS`] of owners, and of operators.
    pub maintenance: Vec<Maintenance>,
    /// Its owner has asked for a visit: if that one is good, the checks switch it on again.
    pub is_recheck_asked: bool,
}

/// A pause that somebody has set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// Who set it, and why, on one line.
    pub note: String,
}

/// A time from `from` up to, and without, `until`, in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When it begins.
    pub from: u64,
    /// When it ends.
    pub until: u64,
}

/// A maintenance window that somebody has planned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// When it begins, in seconds since 1970.
    pub from: u64,
    /// When it ends.
    pub until: u64,
    /// Who has planned it, and why, on one line; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Whether it was the owner of the mirror, who can end it then.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub is_by_owner: bool,
}

/// The reason why a switch was not turned; one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTurned {
    /// An operator has turned it.
    #[error("an operator has paused the mirror, so that its owner cannot change that")]
    OfOperator,
    /// The window ends before it begins.
    #[error("the maintenance ends before it begins")]
    Backwards,
    /// The window has ended.
    #[error("the maintenance would have ended already")]
    Past,
    /// The window is longer than 30 days.
    #[error("maintenance lasts 30 days at most; what takes longer is a pause without an end")]
    TooLong,
    /// The window is shorter than 10 minutes, and an owner plans it.
    #[error("the owner of a mirror plans maintenance of 10 minutes at least")]
    TooShort,
    /// An owner turns switches too often; after so many seconds they may again.
    #[error("the owner of a mirror can change this 6 times in 10 minutes; ask again in {0} s")]
    TooOften(u64),
    /// There are [`MAX_WINDOWS`] of them.
    #[error("16 maintenance windows are planned already, which is the most")]
    TooMany,
}

impl Maintenance {
    /// Its time.
    pub fn window(&self) -> Window {
        Window { from: self.from, until: self.until }
    }
}

impl From<Window> for Maintenance {
    fn from(Window { from, until }: Window) -> Self {
        Self { from, until, note: String::new(), is_by_owner: false }
    }
}

impl Window {
    /// Whether a time lies in it.
    fn holds(self, clock: u64) -> bool {
        (self.from..self.until).contains(&clock)
    }
}

impl Switches {
    /// The maintenance window in which `clock` lies.
    pub fn maintenance_at(&self, clock: u64) -> Option<Window> {
        self.maintenance.iter().map(Maintenance::window).find(|window| window.holds(clock))
    }

    /// The maintenance that goes on at `clock` or is still to come, the earliest first.
    pub fn maintenance_after(&self, clock: u64) -> Vec<&Maintenance> {
        let open = self.maintenance.iter().filter(|planned| planned.until > clock);
        let mut open: Vec<&Maintenance> = open.collect();
        open.sort_by_key(|planned| (planned.from, planned.until));
        open
    }

    /// Plans maintenance, and forgets what has ended.
    pub fn plan(&mut self, planned: Maintenance, clock: u64) -> Result<(), NotTurned> {
        self.maintenance.retain(|planned| planned.until > clock);
        if planned.until <= clock {
            return Err(NotTurned::Past);
        } else if planned.from >= planned.until {
            return Err(NotTurned::Backwards);
        } else if planned.until - planned.from > MAX_WINDOW {
            return Err(NotTurned::TooLong);
        } else if planned.is_by_owner && planned.until - planned.from < MIN_WINDOW {
            return Err(NotTurned::TooShort);
        }
        let known = self.maintenance.iter();
        if known.filter(|known| known.is_by_owner == planned.is_by_owner).count() >= MAX_WINDOWS {
            return Err(NotTurned::TooMany);
        }
        self.maintenance.push(planned);
        Ok(())
    }

    /// Pauses the mirror until it is resumed.
    pub fn pause(&mut self, pause: Pause, is_by_owner: bool) -> Result<(), NotTurned> {
        self.refuse_of_operator(is_by_owner)?;
        self.paused = Some(pause);
        self.is_paused_by_owner = is_by_owner;
        Ok(())
    }

    /// Ends the pause and all maintenance, also that which is still to come. An owner ends what owners have begun.
    pub fn resume(&mut self, is_by_owner: bool, clock: u64) -> Result<(), NotTurned> {
        self.refuse_of_operator(is_by_owner)?;
        let mut planned = self.maintenance.iter();
        let of_operator = |planned: &Maintenance| !planned.is_by_owner;
        if is_by_owner
            && planned.any(|planned| of_operator(planned) && planned.window().holds(clock))
        {
            return Err(NotTurned::OfOperator);
        }
        self.paused = None;
        self.is_paused_by_owner = false;
        self.maintenance.retain(|planned| is_by_owner && of_operator(planned));
        Ok(())
    }

    /// Whether it holds what is known of owners only.
    pub(super) fn names_owners(&self) -> bool {
        let mut planned = self.maintenance.iter();
        self.is_paused_by_owner
            || planned.any(|planned| planned.is_by_owner || !planned.note.is_empty())
    }

    fn refuse_of_operator(&self, is_by_owner: bool) -> Result<(), NotTurned> {
        match is_by_owner && self.paused.is_some() && !self.is_paused_by_owner {
            true => Err(NotTurned::OfOperator),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, until: u64) -> Maintenance {
        Window { from, until }.into()
    }

    fn pause(note: &str) -> Pause {
        Pause { since: 7, note: note.to_owned() }
    }

    #[test]
    fn windows_are_half_open_and_bounded() {
        let mut switches = Switches::default();
        assert_eq!(switches.plan(window(5, 5), 0), Err(NotTurned::Backwards));
        assert_eq!(switches.plan(window(5, 9), 9), Err(NotTurned::Past));
        assert_eq!(switches.plan(window(5, 6 + MAX_WINDOW), 0), Err(NotTurned::TooLong));
        assert_eq!(switches, Switches::default());
        for _ in 0..MAX_WINDOWS {
            assert_eq!(switches.plan(window(10, 20), 0), Ok(()));
        }
        assert_eq!(switches.plan(window(10, 20), 0), Err(NotTurned::TooMany));
        // Those of owners leave room for operators, and the other way round.
        let of_owner = |until| Maintenance { is_by_owner: true, ..window(10, until) };
        let mut both = switches.clone();
        assert_eq!(both.plan(of_owner(609), 0), Err(NotTurned::TooShort));
        assert_eq!(both.plan(of_owner(610), 0), Ok(()));
        assert!(switches.maintenance_at(9).is_none());
        assert!(switches.maintenance_at(10).is_some());
        assert!(switches.maintenance_at(20).is_none());
        assert_eq!(switches.plan(window(30, 40), 20), Ok(()));
        assert_eq!(switches.plan(window(25, 26), 20), Ok(()));
        let open: Vec<u64> = switches.maintenance_after(20).iter().map(|next| next.from).collect();
        assert_eq!(open, [25, 30]);
    }

    #[test]
    fn an_owner_ends_what_owners_have_begun() {
        let mut switches = Switches::default();
        let of_owner = Maintenance { is_by_owner: true, ..window(10, 620) };
        switches.plan(of_owner.clone(), 0).unwrap();
        switches.plan(window(30, 40), 0).unwrap();
        switches.pause(pause("mine"), true).unwrap();
        switches.resume(true, 15).unwrap();
        assert_eq!((&switches.paused, &switches.maintenance[..]), (&None, &[window(30, 40)][..]));
        assert_eq!(switches.resume(true, 35), Err(NotTurned::OfOperator));

        switches.plan(of_owner, 0).unwrap();
        switches.pause(pause("theirs"), false).unwrap();
        let before = switches.clone();
        assert_eq!(switches.pause(pause("mine"), true), Err(NotTurned::OfOperator));
        assert_eq!(switches.resume(true, 0), Err(NotTurned::OfOperator));
        assert_eq!(switches, before);
        switches.resume(false, 15).unwrap();
        assert_eq!(switches, Switches::default());
        switches.pause(pause("mine"), true).unwrap();
        switches.pause(pause("theirs"), false).unwrap();
        assert_eq!(
            switches.resume(true, 0),
            Err(NotTurned::OfOperator),
            "an operator took it over"
        );
    }

    #[test]
    fn switches_that_were_written_before_are_read() {
        let text = r#"{"paused":{"since":7,"note":"x"},"disabled":null,
            "maintenance":[{"from":1,"until":2}],"is_recheck_asked":true}"#;
        let read: Switches = serde_json::from_str(text).unwrap();
        assert_eq!((read.paused.clone(), read.is_paused_by_owner), (Some(pause("x")), false));
        assert_eq!(read.maintenance, [window(1, 2)]);
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(written, text.replace(['\n', ' '], ""), "what is not used is not written");
    }
}
