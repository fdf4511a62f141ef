//! What the owner of a mirror has asked for, beside what keeps it out.

use serde::{Deserialize, Serialize};

/// How many seconds lie between two visits that an owner asks for, at least.
pub const ASK_PAUSE: u64 = 600;

/// How many seconds lie between two visits that check-ins lead to, at least.
const CHECKIN_PAUSE: u64 = 600;
/// How often a check-in is written down, in seconds, if a visit for the one before is still to come.
const WRITE_PAUSE: u64 = 60;
/// How many switches an owner turns in [`TURNS`] seconds at most. Each makes another list.
const MAX_TURNS: u32 = 6;
const TURNS: u64 = 600;

/// What the owner of a mirror has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Owner {
    /// When they asked for a visit last, in seconds since 1970; `None` if they never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
    /// The last check-in; `None` if there never was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_in: Option<CheckedIn>,
    /// How often they turned switches of late; `None` if they never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<Turns>,
}

/// How often an owner has turned switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// Since when it is counted, in seconds since 1970.
    since: u64,
    /// How often since then; at least 1.
    n: u32,
}

/// A mirror has said that it has new content. What it says of it is not believed: a visit looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedIn {
    /// When, in seconds since 1970, by our clock.
    pub at: u64,
    /// The time of the first check-in that no visit to all of its repositories has followed yet.
    pub since: u64,
    /// From when on a visit is made for it.
    pub from: u64,
    /// When its sync finished, by its own clock; `None` if it did not say.
    pub finished_at: Option<u64>,
    /// How many directories it named; `None` if it named a manifest.
    pub n_directories: Option<u64>,
}

impl Owner {
    /// Asks for a visit. The error is after how many seconds that may be done, from 1 to [`ASK_PAUSE`].
    pub fn ask(&mut self, clock: u64) -> Result<(), u64> {
        // A time that has not come yet is of a clock that was set back since.
        let last = self.asked.filter(|&asked| asked <= clock);
        let left = last.map_or(0, |asked| asked.saturating_add(ASK_PAUSE).saturating_sub(clock));
        if left > 0 {
            return Err(left);
        }
        self.asked = Some(clock);
        Ok(())
    }

    /// Turns a switch. The error is after how many seconds that may be done.
    pub fn turn(&mut self, clock: u64) -> Result<(), u64> {
        // A time that has not come yet is of a clock that was set back since.
        let open = self.turns.filter(|turns| turns.since <= clock);
        let open = open.filter(|turns| clock < turns.since.saturating_add(TURNS));
        let Turns { since, n } = open.unwrap_or(Turns { since: clock, n: 0 });
        if n >= MAX_TURNS {
            return Err(since.saturating_add(TURNS).saturating_sub(clock));
        }
        self.turns = Some(Turns { since, n: n + 1 });
        Ok(())
    }

    /// Takes in a check-in. `has_looked` says whether all repositories were asked since a time.
    pub(super) fn check_in(
        &mut self,
        clock: u64,
        finished_at: Option<u64>,
        n_directories: Option<u64>,
        has_looked: impl Fn(u64) -> bool,
    ) {
        // A time that has not come yet is of a clock that was set back since.
        let last = self.checked_in.filter(|last| last.at <= clock);
        // What the visit for it has left out, as of a tree that no URL serves, does not hold up the next one.
        let is_open = |last: &CheckedIn| clock < last.from.saturating_add(CHECKIN_PAUSE);
        let open = last.filter(|last| is_open(last) && !has_looked(last.since));
        if open.is_some_and(|open| clock < open.at.saturating_add(WRITE_PAUSE)) {
            return;
        }
        let (since, from) = match open {
            Some(open) => (open.since, open.from),
            None => {
                let from = last.map_or(0, |last| last.from.saturating_add(CHECKIN_PAUSE));
                (clock, clock.max(from.min(clock.saturating_add(CHECKIN_PAUSE))))
            }
        };
        self.checked_in = Some(CheckedIn { at: clock, since, from, finished_at, n_directories });
    }

    /// Whether there is nothing to be written.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_asks_for_a_visit_every_ten_minutes() {
        let mut owner = Owner::default();
        assert_eq!(owner.ask(1_000), Ok(()));
        assert_eq!((owner.ask(1_000), owner.ask(1_599)), (Err(600), Err(1)));
        assert_eq!(owner.ask(1_600), Ok(()));
        assert_eq!(owner.ask(900), Ok(()), "the clock was set back");
    }

    #[test]
    fn an_owner_turns_switches_a_few_times_in_ten_minutes() {
        let mut owner = Owner::default();
        for clock in 1_000..1_006 {
            assert_eq!(owner.turn(clock), Ok(()));
        }
        assert_eq!((owner.turn(1_006), owner.turn(1_599)), (Err(594), Err(1)));
        assert_eq!(owner.turn(1_600), Ok(()));
        assert_eq!(owner.turn(900), Ok(()), "the clock was set back");
    }

    #[test]
    fn check_ins_do_not_put_off_the_visit_that_the_first_of_them_asks_for() {
        let mut owner = Owner::default();
        let mut check_in = |clock, has_looked: bool| {
            owner.check_in(clock, Some(1), Some(2), |_| has_looked);
            owner.checked_in.map(|last| (last.at, last.since, last.from)).unwrap()
        };
        let first = (1_000, 1_000, 1_000);
        assert_eq!(check_in(1_000, false), first);
        assert_eq!(check_in(1_059, false), first, "it is not written every second");
        assert_eq!(check_in(1_060, false), (1_060, 1_000, 1_000));
        assert_eq!(check_in(1_070, true), (1_070, 1_070, 1_600));
        assert_eq!(check_in(1_130, false), (1_130, 1_070, 1_600));
        assert_eq!(check_in(1_140, true), (1_140, 1_140, 1_740), "at most so far ahead");
        assert_eq!(check_in(2_339, false), (2_339, 1_140, 1_740));
        let next = (2_340, 2_340, 2_340);
        assert_eq!(check_in(2_340, false), next, "a repository that is never asked");
        assert_eq!(check_in(9_000, true), (9_000, 9_000, 9_000));
        assert_eq!(check_in(900, false), (900, 900, 900), "the clock was set back");
    }
}
