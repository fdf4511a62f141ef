//! What keeps a mirror out whatever it does: its owner, a maintenance window, or the checks.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The most maintenance windows of a mirror.
pub const MAX_WINDOWS: usize = 16;

/// The switches of a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// By its owner or an operator; the checks never touch it.
    pub paused: Option<Pause>,
    /// By the checks: it was down, or without any content, for days.
    pub disabled: Option<Moment>,
    /// Times in which it is not listed and its failures do not count, in seconds since 1970; at most
    /// [`MAX_WINDOWS`].
    pub maintenance: Vec<Window>,
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

impl Switches {
    /// The maintenance window in which `clock` lies.
    pub fn maintenance_at(&self, clock: u64) -> Option<Window> {
        self.maintenance.iter().copied().find(|window| (window.from..window.until).contains(&clock))
    }

    /// Adds a maintenance window, and removes those that have ended; false if there are too many, or it ends
    /// before it begins.
    pub fn add_maintenance(&mut self, window: Window, clock: u64) -> bool {
        self.maintenance.retain(|window| window.until > clock);
        let fits = self.maintenance.len() < MAX_WINDOWS && window.from < window.until;
        if fits {
            self.maintenance.push(window);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_half_open_and_bounded() {
        let mut switches = Switches::default();
        assert!(!switches.add_maintenance(Window { from: 5, until: 5 }, 0));
        for _ in 0..MAX_WINDOWS {
            assert!(switches.add_maintenance(Window { from: 10, until: 20 }, 0));
        }
        assert!(!switches.add_maintenance(Window { from: 10, until: 20 }, 0));
        assert!(switches.maintenance_at(9).is_none());
        assert!(switches.maintenance_at(10).is_some());
        assert!(switches.maintenance_at(20).is_none());
        assert!(switches.add_maintenance(Window { from: 30, until: 40 }, 20));
        assert_eq!(switches.maintenance.len(), 1);
    }
}
