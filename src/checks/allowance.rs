//! How many requests a mirror gets in a day: those of regular visits, and some more for what is confirmed soon.
//!
//! Each request is paid for at a rate a little above that of regular visits, and a few can be owed. A mirror that owes
//! as many rests until one is paid for, and nothing is confirmed soon but, once, that it works again. So one that goes up
//! and down all day costs about as much as one that is up, and is found to be dead more slowly.
//!
//! It takes a day or more until all is paid for. A mirror that has worked for hours meanwhile and then fails has most
//! likely died, so it can owe more: a reserve, from which this failure is confirmed as soon as any other. It keeps the
//! reserve while it is down and after it is back, until it fails again. If it has not worked for hours by then, it goes
//! up and down, and the reserve is lost: nothing is confirmed from it any more. What was owed of it by then does not keep
//! regular visits away until all of it is paid for: the mirror rests until half of what is owed beyond the most that
//! others can owe is paid for, and about an hour at most.

use model::families::IpVersion;
use serde::{Deserialize, Serialize};

use crate::inventory::{Entry, Tree};
use crate::moment::is_to_come;
use crate::settings::Settings;

const DAY: u64 = 86_400;
/// The most requests that can be owed for each URL and version of IP: a death with its retries, or three restarts.
const OWED: u64 = 10;
/// So many more are the reserve: a death of which every answer is an error, and its retries. With 6 a mirror that was
/// broken four hours before was found after an hour.
const RESERVE: u64 = 9;
/// A mirror can owe as much as one with so many of them at least: two URLs over two versions of IP.
const LEAST_ROUTES: u64 = 4;
/// How long a mirror must have worked, in seconds, before a failure of it is confirmed from the reserve.
const STEADY: u64 = 3 * 3_600;
/// The longest rest after the reserve was lost, in milliseconds: with ten URLs half of what is owed of it is hours.
const MAX_REST: u64 = 3_600_000;
/// So many more can be owed for what shows that a failure of another mirror is not our own.
const WITNESS: u64 = 8;

/// About how many requests a mirror gets in a day if all is well.
pub fn requests_per_day(entry: &Entry, settings: &Settings) -> u64 {
    let mean = settings.visit_interval.saturating_mul(200 - settings.jitter_percent.min(100)) / 200;
    let mean = mean.max(1);
    let each = settings.hash_interval.saturating_add(mean / 2).max(1);
    let of_tree = |tree: &Tree| {
        let n = u64::try_from(tree.repositories.len()).unwrap_or(u64::MAX);
        (n.saturating_mul(DAY) / each).max(DAY / mean)
    };
    entry.trees.iter().map(of_tree).sum()
}

/// What is owed for the requests to a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debt {
    /// The milliseconds that will have paid for them.
    owed: u64,
    /// The time of the last one, in seconds since 1970.
    at: u64,
    /// What more can be owed.
    #[serde(default, skip_serializing_if = "Reserve::is_none")]
    reserve: Reserve,
}

/// Whether a mirror can owe the reserve as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reserve {
    /// It cannot.
    #[default]
    None,
    /// It can: the last failure came after hours in which it worked.
    Whole,
    /// It could, and has failed again soon: confirmations cannot owe it any more.
    Lost {
        /// The milliseconds that were owed then.
        owed: u64,
    },
}

impl Reserve {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Debt {
    /// What is left of it at `clock`. While the clock was set back no time has passed.
    fn left(self, clock: u64) -> u64 {
        self.owed.saturating_sub(clock.saturating_sub(self.at).saturating_mul(1_000))
    }

    /// Whether anything is known of a reserve.
    pub(crate) fn names_reserve(self) -> bool {
        !self.reserve.is_none()
    }

    /// Whether failures can be confirmed from the reserve.
    #[cfg(test)]
    pub(crate) fn has_reserve(self) -> bool {
        self.reserve == Reserve::Whole
    }
}

/// What the requests to a mirror may cost.
pub(crate) struct Allowance {
    /// The milliseconds that pay for a request.
    each: u64,
    /// The most milliseconds that can be owed.
    most: u64,
    /// So many more can be owed by one that has its reserve.
    reserve: u64,
    /// So many more can be owed by one that bears witness.
    witness: u64,
}

impl Allowance {
    pub(crate) fn new(entry: &Entry, settings: &Settings) -> Self {
        let regular = requests_per_day(entry, settings).max(1);
        let each = (1_000 * DAY).saturating_mul(9) / regular.saturating_mul(10);
        let n_routes =
            u64::try_from(entry.urls().count() * IpVersion::ALL.len()).unwrap_or(u64::MAX);
        let n_routes = n_routes.max(LEAST_ROUTES);
        let most = n_routes.saturating_mul(OWED).max(regular / 7);
        let reserve = n_routes.saturating_mul(RESERVE);
        let of = |n_requests: u64| each.saturating_mul(n_requests);
        Self { each, most: of(most), reserve: of(reserve), witness: of(WITNESS) }
    }

    /// What is owed after so many more requests at `clock`.
    pub(crate) fn pay(&self, debt: Debt, n_requests: u32, clock: u64) -> Debt {
        let most = self.most.saturating_add(self.reserve).saturating_add(self.witness);
        let left = debt.left(clock).min(most);
        // Without it as much can be owed by now.
        let reserve = match debt.reserve {
            Reserve::Whole if left == 0 => Reserve::None,
            Reserve::Lost { .. } if left < self.most => Reserve::None,
            reserve => reserve,
        };
        let owed = left.saturating_add(self.each.saturating_mul(n_requests.into()));
        Debt { owed, at: clock, reserve }
    }

    /// What can be owed when a mirror fails after so many seconds in which it worked.
    pub(crate) fn fail_after(&self, debt: Debt, seconds: u64, clock: u64) -> Debt {
        let owed = debt.left(clock).min(self.most.saturating_add(self.reserve));
        let reserve = match self.suspect_after(debt, seconds).reserve {
            Reserve::Whole if seconds < STEADY => Reserve::Lost { owed },
            reserve => reserve,
        };
        Debt { reserve, ..debt }
    }

    /// The same if its failure may be our own: it is confirmed as any other, and takes nothing away.
    pub(crate) fn suspect_after(&self, debt: Debt, seconds: u64) -> Debt {
        let reserve = if seconds >= STEADY { Reserve::Whole } else { debt.reserve };
        Debt { reserve, ..debt }
    }

    /// The most milliseconds that can be owed for confirmations.
    fn confirming_limit(&self, debt: Debt) -> u64 {
        match debt.reserve {
            Reserve::Whole => self.most.saturating_add(self.reserve),
            Reserve::None | Reserve::Lost { .. } => self.most,
        }
    }

    /// The most milliseconds that can be owed for regular visits.
    fn resting_limit(&self, debt: Debt) -> u64 {
        match debt.reserve {
            Reserve::Whole => self.most.saturating_add(self.reserve),
            Reserve::Lost { owed } => {
                let rest = (owed.saturating_sub(self.most) / 2).min(MAX_REST);
                self.most.max(owed.saturating_sub(rest))
            }
            Reserve::None => self.most,
        }
    }

    /// Until when so many milliseconds are owed, in seconds since 1970; `None` if they are not.
    fn owes_until(debt: Debt, limit: u64, clock: u64) -> Option<u64> {
        let until = debt.at.saturating_add(debt.owed.checked_sub(limit)? / 1_000);
        // If the clock was set back, the next visit says what is owed by it.
        (!is_to_come(debt.at, clock) && clock <= until).then_some(until)
    }

    /// Whether as much is owed as can be for confirmations: then nothing is confirmed between regular visits.
    pub(crate) fn is_spent(&self, debt: Debt, clock: u64) -> bool {
        Self::owes_until(debt, self.confirming_limit(debt), clock).is_some()
    }

    /// If as much is owed as can be at all, until when nothing is asked, in seconds since 1970.
    pub(crate) fn rests_until(&self, debt: Debt, clock: u64) -> Option<u64> {
        Self::owes_until(debt, self.resting_limit(debt), clock)
    }

    /// Whether as much is owed that the rest is left for confirmations: a death can cost more than half of what can be owed.
    pub(crate) fn is_scarce(&self, debt: Debt, clock: u64) -> bool {
        debt.left(clock) > self.most / 3
    }

    /// Whether a mirror that rests can be asked whether another one has failed by itself.
    pub(crate) fn spares_witness(&self, debt: Debt, clock: u64) -> bool {
        debt.left(clock) < self.resting_limit(debt).saturating_add(self.witness / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that a mirror of few URLs and no repositories can owe.
    const LEAST_OWED: u64 = LEAST_ROUTES * OWED;

    #[test]
    fn what_is_owed_is_paid_with_time_and_bounded() {
        let entry = Entry { trees: vec![Tree::default()], ..Entry::default() };
        let allowance = Allowance::new(&entry, &Settings::default());
        let clock = 1_800_000_000;
        let rests = |debt, clock| allowance.rests_until(debt, clock);
        let most = u32::try_from(LEAST_OWED).unwrap();
        let debt = allowance.pay(Debt::default(), most - 1, clock);
        assert_eq!(rests(debt, clock), None);
        let debt = allowance.pay(debt, 1, clock);
        assert_eq!(rests(debt, clock), Some(clock));
        assert_eq!(rests(debt, clock + 1), None);
        let debt = allowance.pay(debt, 10, clock);
        let until = clock + 10 * allowance.each / 1_000;
        assert_eq!(rests(debt, clock), Some(until));
        assert_eq!(rests(debt, until), Some(until));
        assert_eq!(rests(debt, until + 1), None);
    }

    #[test]
    fn a_mirror_with_many_urls_can_owe_a_death_over_each_of_them() {
        let of = |n_urls: usize| {
            let urls = (0..n_urls).map(|n| format!("https://a{n}.example/")).collect();
            let entry = Entry { trees: vec![Tree { urls, ..Tree::default() }], ..Entry::default() };
            let allowance = Allowance::new(&entry, &Settings::default());
            let rests =
                |n| allowance.rests_until(allowance.pay(Debt::default(), n, 1), 1).is_some();
            (1..1_000).find(|&n| rests(n))
        };
        assert_eq!([1, 2, 3, 10].map(of), [Some(40), Some(40), Some(60), Some(200)]);
    }

    /// How many requests are owed when nothing is confirmed any more, and how many when the mirror rests.
    fn limits(allowance: &Allowance, debt: Debt, clock: u64) -> (u32, u32) {
        let owing = |n| Debt { owed: allowance.each * u64::from(n), at: clock, ..debt };
        let first = |is_it: &dyn Fn(Debt) -> bool| (1..1_000).find(|&n| is_it(owing(n))).unwrap();
        (
            first(&|debt| allowance.is_spent(debt, clock)),
            first(&|debt| allowance.rests_until(debt, clock).is_some()),
        )
    }

    #[test]
    fn what_fails_after_hours_can_owe_more_until_it_fails_sooner() {
        let entry = Entry { trees: vec![Tree::default()], ..Entry::default() };
        let allowance = Allowance::new(&entry, &Settings::default());
        let clock = 1_800_000_000;
        let limits = |debt| limits(&allowance, debt, clock);
        let mut debt = Debt::default();
        debt = allowance.fail_after(debt, STEADY - 1, clock);
        assert_eq!(limits(debt), (40, 40), "it never had a reserve");
        debt = allowance.fail_after(debt, STEADY, clock);
        assert_eq!(limits(debt), (76, 76));
        debt = allowance.fail_after(debt, STEADY - 1, clock);
        assert_eq!(limits(debt), (40, 40), "nothing was owed of it");
        debt = allowance.pay(debt, 30, clock);
        debt = allowance.fail_after(debt, STEADY, clock);
        debt = allowance.pay(debt, 30, clock);
        debt = allowance.fail_after(debt, STEADY - 1, clock);
        let limits_of_lost = (40, 60 - u32::try_from(MAX_REST / allowance.each).unwrap());
        assert_eq!(limits(debt), limits_of_lost, "regular visits go on");
        debt = allowance.fail_after(debt, STEADY - 1, clock);
        assert_eq!(limits(debt), limits_of_lost);
        debt = allowance.fail_after(debt, STEADY, clock);
        assert_eq!(limits(debt), (76, 76));
    }

    #[test]
    fn what_has_lost_its_reserve_rests_for_about_an_hour_at_most() {
        let clock = 1_800_000_000;
        for n_urls in [1, 2, 5, 10] {
            let urls = (0..n_urls).map(|n| format!("https://a{n}.example/")).collect();
            let entry = Entry { trees: vec![Tree { urls, ..Tree::default() }], ..Entry::default() };
            let allowance = Allowance::new(&entry, &Settings::default());
            // More than can be owed at all.
            let debt = allowance.pay(Debt::default(), 500, clock);
            let debt = allowance.fail_after(debt, STEADY, clock);
            let lost = allowance.fail_after(debt, 0, clock);
            let Reserve::Lost { owed } = lost.reserve else { panic!("{lost:?}") };
            assert_eq!(owed, allowance.most + allowance.reserve);
            let limit = allowance.resting_limit(lost);
            let rest = MAX_REST.min(allowance.reserve / 2);
            assert_eq!(limit, owed - rest, "{n_urls}");
            // What comes beside confirmations is paid for as well.
            let lost = Debt { owed, ..lost };
            assert_eq!(allowance.rests_until(lost, clock), Some(clock + rest / 1_000));
        }
    }

    #[test]
    fn what_is_paid_for_by_then_is_not_owed_of_a_lost_reserve() {
        let entry = Entry { trees: vec![Tree::default()], ..Entry::default() };
        let allowance = Allowance::new(&entry, &Settings::default());
        let clock = 1_800_000_000;
        let debt = allowance.pay(Debt::default(), 60, clock);
        let debt = allowance.fail_after(debt, STEADY, clock);
        let paid = 20 * allowance.each / 1_000;
        let lost = allowance.fail_after(debt, 0, clock + paid);
        assert_eq!(lost.reserve, Reserve::Lost { owed: debt.owed - paid * 1_000 });
    }

    #[test]
    fn a_reserve_is_forgotten_when_it_is_of_no_use_any_more() {
        let entry = Entry { trees: vec![Tree::default()], ..Entry::default() };
        let allowance = Allowance::new(&entry, &Settings::default());
        let clock = 1_800_000_000;
        let mut debt = allowance.pay(Debt::default(), 50, clock);
        debt = allowance.fail_after(debt, STEADY, clock);
        let after = |debt, n_paid: u64| {
            let clock = clock + (n_paid * allowance.each).div_ceil(1_000);
            let debt = allowance.pay(debt, 1, clock);
            (limits(&allowance, debt, clock), debt.names_reserve())
        };
        assert_eq!(after(debt, 49), ((76, 76), true));
        assert_eq!(after(debt, 50), ((40, 40), false));
        debt = allowance.fail_after(debt, 0, clock);
        assert_eq!(after(debt, 9), ((40, 45), true));
        assert_eq!(after(debt, 11), ((40, 40), false));
    }

    #[test]
    fn one_that_rests_bears_witness_a_few_times() {
        let entry = Entry { trees: vec![Tree::default()], ..Entry::default() };
        let allowance = Allowance::new(&entry, &Settings::default());
        let clock = 1_800_000_000;
        let mut debt = allowance.pay(Debt::default(), u32::try_from(LEAST_OWED).unwrap(), clock);
        let mut n_witnesses = 0;
        while allowance.spares_witness(debt, clock) {
            debt = allowance.pay(debt, 2, clock);
            n_witnesses += 1;
        }
        assert_eq!(n_witnesses, 2);
        assert!(allowance.rests_until(debt, clock).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_neither_pays_nor_makes_debts() {
        let entry = Entry { trees: vec![Tree::default()], ..Entry::default() };
        let allowance = Allowance::new(&entry, &Settings::default());
        let clock = 1_800_000_000;
        let debt = allowance.pay(Debt::default(), 1_000, clock);
        assert!(allowance.rests_until(debt, clock - 600).is_some(), "a little means nothing");
        for back in [3 * 3_600, 30 * DAY] {
            let earlier = clock - back;
            assert_eq!(allowance.rests_until(debt, earlier), None);
            let again = allowance.pay(debt, 1, earlier);
            let Allowance { each, most, reserve, witness } = allowance;
            let owed = most + reserve + witness + each;
            assert_eq!(again, Debt { owed, at: earlier, reserve: Reserve::None });
        }
    }
}
