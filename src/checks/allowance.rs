//! How many requests a mirror gets in a day: those of regular visits, and some more for what is confirmed soon.
//!
//! Each request is paid for at a rate a little above that of regular visits, and a few can be owed. A mirror that owes
//! as many rests until one is paid for, and nothing is confirmed soon but, once, that it works again. So one that goes up
//! and down all day costs about as much as one that is up, and is found to be dead more slowly.

use model::families::IpVersion;
use serde::{Deserialize, Serialize};

use crate::inventory::{Entry, Tree};
use crate::moment::is_to_come;
use crate::settings::Settings;

const DAY: u64 = 86_400;
/// The most requests that can be owed for each URL and version of IP: two deaths or four restarts.
const OWED: u64 = 12;
/// Those that a mirror can owe at least: of two URLs over two versions of IP.
const LEAST_OWED: u64 = 4 * OWED;
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
}

impl Debt {
    /// What is left of it at `clock`. While the clock was set back no time has passed.
    fn left(self, clock: u64) -> u64 {
        self.owed.saturating_sub(clock.saturating_sub(self.at).saturating_mul(1_000))
    }
}

/// What the requests to a mirror may cost.
pub(crate) struct Allowance {
    /// The milliseconds that pay for a request.
    each: u64,
    /// The most milliseconds that can be owed.
    most: u64,
    /// So many more can be owed by one that bears witness.
    witness: u64,
}

impl Allowance {
    pub(crate) fn new(entry: &Entry, settings: &Settings) -> Self {
        let regular = requests_per_day(entry, settings).max(1);
        let each = (1_000 * DAY).saturating_mul(9) / regular.saturating_mul(10);
        let n_routes =
            u64::try_from(entry.urls().count() * IpVersion::ALL.len()).unwrap_or(u64::MAX);
        let most = n_routes.saturating_mul(OWED).max(LEAST_OWED).max(regular / 6);
        let most = each.saturating_mul(most);
        Self { each, most, witness: each.saturating_mul(WITNESS) }
    }

    /// What is owed after so many more requests at `clock`.
    pub(crate) fn pay(&self, debt: Debt, n_requests: u32, clock: u64) -> Debt {
        let owed = debt.left(clock).min(self.most.saturating_add(self.witness));
        Debt { owed: owed.saturating_add(self.each.saturating_mul(n_requests.into())), at: clock }
    }

    /// If as much is owed as can be, until when nothing is asked, in seconds since 1970.
    pub(crate) fn rests_until(&self, debt: Debt, clock: u64) -> Option<u64> {
        let until = debt.at.saturating_add(debt.owed.checked_sub(self.most)? / 1_000);
        // If the clock was set back, the next visit says what is owed by it.
        (!is_to_come(debt.at, clock) && clock <= until).then_some(until)
    }

    /// Whether as much is owed that the rest is left for confirmations: a death can cost half of what can be owed.
    pub(crate) fn is_scarce(&self, debt: Debt, clock: u64) -> bool {
        debt.left(clock) > self.most / 3
    }

    /// Whether a mirror that rests can be asked whether another one has failed by itself.
    pub(crate) fn spares_witness(&self, debt: Debt, clock: u64) -> bool {
        debt.left(clock) < self.most.saturating_add(self.witness / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!([1, 2, 3, 10].map(of), [Some(48), Some(48), Some(72), Some(240)]);
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
            assert_eq!(
                again,
                Debt { owed: allowance.most + allowance.witness + allowance.each, at: earlier }
            );
        }
    }
}
