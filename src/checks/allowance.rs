//! How many requests a mirror gets in a day: those of regular visits, and some more for what is confirmed soon.
//!
//! Each request is paid for at a rate a little above that of regular visits, and a few can be owed. A mirror that owes
//! as many rests until one is paid for, and nothing is confirmed soon. So one that goes up and down all day costs about
//! as much as one that is up, and is found to be dead more slowly.

use crate::inventory::{Entry, Tree};
use crate::settings::Settings;

const DAY: u64 = 86_400;
/// The most requests that can be owed: two deaths or four restarts of a mirror with two URLs and two versions of IP.
const OWED: u64 = 48;

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

/// What the requests to a mirror may cost.
pub(crate) struct Allowance {
    /// The milliseconds that pay for a request.
    each: u64,
    /// The most milliseconds that can be owed.
    most: u64,
}

impl Allowance {
    pub(crate) fn new(entry: &Entry, settings: &Settings) -> Self {
        let regular = requests_per_day(entry, settings).max(1);
        let each = (1_000 * DAY).saturating_mul(8) / regular.saturating_mul(9);
        Self { each, most: each.saturating_mul(OWED.max(regular / 6)) }
    }

    /// Until when requests are paid for, in milliseconds since 1970, after so many more at `clock`.
    pub(crate) fn pay(&self, paid_until: u64, n_requests: u32, clock: u64) -> u64 {
        let now = clock.saturating_mul(1_000);
        // A clock that was set back leaves no debt behind.
        let is_believable = paid_until <= now.saturating_add(self.most.saturating_mul(2));
        let paid_until = if is_believable { paid_until } else { now };
        let paid_until = paid_until.clamp(now, now.saturating_add(self.most));
        paid_until.saturating_add(self.each.saturating_mul(n_requests.into()))
    }

    /// If as much is owed as can be, until when nothing is asked, in seconds since 1970.
    pub(crate) fn rests_until(&self, paid_until: u64, clock: u64) -> Option<u64> {
        let until = paid_until.checked_sub(self.most)? / 1_000;
        // Later than any visit leads to: the clock was set back.
        let is_believable = until <= clock.saturating_add(self.most / 1_000);
        (until >= clock && is_believable).then_some(until)
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
        let rests = |paid, clock| allowance.rests_until(paid, clock);
        let most = u32::try_from(OWED).unwrap();
        let paid = allowance.pay(0, most - 1, clock);
        assert_eq!(rests(paid, clock), None);
        let paid = allowance.pay(paid, 1, clock);
        assert_eq!(rests(paid, clock), Some(clock));
        assert_eq!(rests(paid, clock + 1), None);
        let paid = allowance.pay(paid, 10, clock);
        let until = clock + 10 * allowance.each / 1_000;
        assert_eq!(rests(paid, clock), Some(until));
        assert_eq!(rests(paid, until), Some(until));
        assert_eq!(rests(paid, until + 1), None);
        assert_eq!(rests(paid, clock - 30 * DAY), None, "the clock was set back");
        let again = allowance.pay(paid, 1, clock - 30 * DAY);
        assert_eq!(again, 1_000 * (clock - 30 * DAY) + allowance.each);
    }
}
