//! Checks of data that can be read but are probably wrong.

use super::error::{Error, Reason};
use model::date::Timestamp;
use snapshot::Stats;

/// The treatment of data that has shrunk to less than half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shrink {
    /// The reload is refused: it is probably a mistake of the tool that made the data.
    Refuse,
    /// The data is accepted: the operator expects the shrink.
    Accept,
}

/// Refuses data of which more than half is gone.
pub fn check_shrink(old: &Stats, new: &Stats) -> Result<(), Error> {
    let figures = [
        ("hosts", old.hosts, new.hosts),
        ("directories", old.directories, new.directories),
        ("repositories", old.repositories, new.repositories),
    ];
    for (what, old, new) in figures {
        if new < old.div_ceil(2) {
            return Err(Reason::Shrunk { what, old, new }.into());
        }
    }
    Ok(())
}

/// Tolerance in seconds for data made after the present time; beyond it, a clock must be wrong.
const CLOCK_TOLERANCE: u64 = 600;

/// Returns a warning if the data were made after `now`; both in seconds since 1970. The age of such data
/// means nothing: they would look fresh until then.
pub fn find_future(created: u64, now: u64) -> Option<String> {
    (created > now.saturating_add(CLOCK_TOLERANCE)).then(|| {
        let at = Timestamp { seconds: created };
        format!("the data say that they were made in the future, {at}: a clock is wrong")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(hosts: usize, directories: usize, repositories: usize) -> Stats {
        let mut stats = Stats::default();
        (stats.hosts, stats.directories, stats.repositories) = (hosts, directories, repositories);
        stats
    }

    #[test]
    fn half_of_the_data_is_plausible_and_less_is_not() {
        let old = stats(500, 1_001, 10);
        assert!(check_shrink(&old, &stats(250, 501, 5)).is_ok());
        let refused = check_shrink(&old, &stats(500, 500, 10)).expect_err("less than half");
        assert_eq!(
            refused.to_string(),
            "implausible shrink: directories fell from 1001 to 500 (--allow-shrink accepts it)"
        );
        assert!(check_shrink(&stats(0, 0, 0), &old).is_ok());
        assert!(check_shrink(&old, &stats(0, 0, 0)).is_err());
    }

    #[test]
    fn data_from_the_future_are_told_of() {
        assert_eq!(find_future(1_600, 1_000), None);
        let expected = "the data say that they were made in the future, 1970-01-01T00:26:41Z: a clock is wrong";
        assert_eq!(find_future(1_601, 1_000).as_deref(), Some(expected));
        assert!(find_future(u64::MAX, u64::MAX).is_none());
    }
}
