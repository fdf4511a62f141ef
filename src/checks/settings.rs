//! When a mirror is visited and how visits are judged: every number, with its default and its reason.

use serde::{Deserialize, Serialize};

/// The largest window: it is part of each state.
const MAX_WINDOW: usize = 64;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The numbers of schedules and verdicts. Times are in seconds.
///
/// The defaults are tied to each other: together they decide how long a bad mirror stays listed, and how many
/// requests a mirror gets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The longest time between two visits to a mirror that is up. Each visit uses one URL over one version
    /// of IP, in turn, and asks for the repositories that are due: it probes and compares in one.
    pub visit_interval: u64,
    /// By how many percent an interval is shortened at most, differently each time.
    pub jitter_percent: u64,
    /// How long after a repository was asked for it is due again. A visit comes up to
    /// [`visit_interval`](Self::visit_interval) later.
    pub hash_interval: u64,
    /// How long after a change of the primary a repository is due at the earliest.
    pub change_delay: u64,
    /// Over how long a time from then on mirrors are spread. The next visit asks, so that the last mirror is
    /// asked after the sum of these two and of [`visit_interval`](Self::visit_interval).
    pub change_spread: u64,
    /// The time to the next probe of what has failed, or has worked for the first time again.
    pub confirm_interval: u64,
    /// How many of the last probes of a URL over a version of IP are judged.
    pub window: usize,
    /// How many of them must have failed before it is down.
    pub down_failures: usize,
    /// The least time between the first and the last of these failures. Shorter outages, such as a restart,
    /// change nothing. (20 minutes, as drafted, would leave a dead mirror listed for 40.)
    pub down_span: u64,
    /// How many probes in a row must succeed before it is up again.
    pub up_successes: usize,
    /// A first byte that takes longer than so many milliseconds is slow.
    pub slow_first_byte: u32,
    /// How many of the last probes must be slow.
    pub slow_probes: usize,
    /// The time to the next visit once a mirror is down, or to the next try of what is down at a mirror that is
    /// up. It doubles each time, up to one of the following three.
    pub retry_first: u64,
    /// The longest time between two visits to a mirror that is down. (6 hours, as drafted, would leave a
    /// recovered one out for as long.)
    pub retry_max: u64,
    /// The longest time between two tries of a URL and version of IP that is down at a mirror that is up.
    pub retry_max_route: u64,
    /// The longest time between two visits to a mirror that is switched off by the checks.
    pub retry_max_disabled: u64,
    /// The longest time for which a mirror can ask to be left alone.
    pub busy_max: u64,
    /// How many visits in a row a mirror can be busy before that counts as a failure.
    pub busy_grace: u32,
    /// After how many looks in a row a repository or a file of a directory counts as missing.
    pub missing_looks: u32,
    /// How long what was known holds if nothing more is learned.
    pub unknown_keep: u64,
    /// How long a mirror must be down, or without any content, before the checks switch it off.
    pub disable_after: u64,
    /// How long it must be good before they switch it on again.
    pub enable_after: u64,
    /// More than so many percent of the mirrors that fail at the same time are a fault of our own.
    pub own_fault_percent: usize,
    /// If they are at least so many.
    pub own_fault_min: usize,
    /// All mirrors that fail over a version of IP, or with a scheme, or lose their content, are a fault of our own if
    /// they are at least so many.
    pub own_fault_family_min: usize,
    /// Within how long a time visits count as being at the same time, for
    /// [`own_fault_percent`](Self::own_fault_percent).
    pub own_fault_window: u64,
    /// More than so many percent are our own fault for as long as it lasts.
    pub own_fault_sure_percent: usize,
    /// How long fewer of them can be our own fault; then they are theirs.
    pub own_fault_max: u64,
    /// How many mirrors a directory keeps, however bad they are, if it has as many.
    pub min_mirrors: usize,
    /// If more than so many percent of the mirrors of a repository have a version that the primary never
    /// had, then it is the primary that is not known well, and they stay.
    pub distrust_percent: usize,
    /// How long before its end a certificate is warned of; a third of its life if that is less.
    pub certificate_warning: u64,
    /// How long after the first visit at the latest checks begin to hide mirrors, if not every mirror was
    /// visited earlier.
    pub first_round_max: u64,
    /// A mirror of which a URL fails over one version of IP loses this URL.
    pub require_all_families: bool,
    /// How often files of a mirror are sampled.
    pub sample_interval: u64,
    /// How often the files of a mirror are listed, where that is wanted.
    pub listing_interval: u64,
    /// How long events are kept.
    pub event_keep: u64,
    /// How long versions that the primary replaced are remembered.
    pub history_keep: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visit_interval: 9 * MINUTE,
            jitter_percent: 20,
            hash_interval: 44 * MINUTE,
            change_delay: 5 * MINUTE,
            change_spread: 15 * MINUTE,
            confirm_interval: 210,
            window: 4,
            down_failures: 3,
            down_span: 7 * MINUTE,
            up_successes: 2,
            slow_first_byte: 5_000,
            slow_probes: 3,
            retry_first: 10 * MINUTE,
            retry_max: 25 * MINUTE,
            retry_max_route: 2 * HOUR,
            retry_max_disabled: 6 * HOUR,
            busy_max: HOUR,
            busy_grace: 3,
            missing_looks: 2,
            unknown_keep: 3 * DAY,
            disable_after: 4 * DAY,
            enable_after: 2 * DAY,
            own_fault_percent: 30,
            own_fault_min: 5,
            own_fault_family_min: 3,
            own_fault_window: 15 * MINUTE,
            own_fault_sure_percent: 90,
            own_fault_max: DAY,
            min_mirrors: 3,
            distrust_percent: 50,
            certificate_warning: 14 * DAY,
            first_round_max: 2 * HOUR,
            require_all_families: false,
            sample_interval: DAY,
            listing_interval: DAY,
            event_keep: 30 * DAY,
            history_keep: 30 * DAY,
        }
    }
}

/// A number that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{key}` is {value}: it must be from {least} to {most}")]
pub struct BadSetting {
    key: &'static str,
    value: u64,
    least: u64,
    most: u64,
}

impl Settings {
    /// Refuses numbers with which verdicts would never change, or mirrors would be flooded.
    pub fn check(&self) -> Result<(), BadSetting> {
        let n = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let window = n(self.window);
        let ranges = [
            ("visit_interval", self.visit_interval, MINUTE, DAY),
            ("jitter_percent", self.jitter_percent, 0, 90),
            ("hash_interval", self.hash_interval, MINUTE, 30 * DAY),
            ("confirm_interval", self.confirm_interval, MINUTE, DAY),
            ("window", window, 1, n(MAX_WINDOW)),
            ("down_failures", n(self.down_failures), 1, window),
            ("up_successes", n(self.up_successes), 1, window),
            ("slow_probes", n(self.slow_probes), 1, window),
            ("retry_first", self.retry_first, MINUTE, DAY),
            ("retry_max", self.retry_max, MINUTE, 30 * DAY),
            ("retry_max_route", self.retry_max_route, MINUTE, 30 * DAY),
            ("retry_max_disabled", self.retry_max_disabled, MINUTE, 30 * DAY),
            ("missing_looks", self.missing_looks.into(), 1, 100),
            ("own_fault_percent", n(self.own_fault_percent), 1, 100),
            ("own_fault_min", n(self.own_fault_min), 1, u64::MAX),
            ("own_fault_family_min", n(self.own_fault_family_min), 1, u64::MAX),
            ("own_fault_sure_percent", n(self.own_fault_sure_percent), 1, 100),
            ("min_mirrors", n(self.min_mirrors), 1, 1_000),
            ("distrust_percent", n(self.distrust_percent), 1, 100),
            ("sample_interval", self.sample_interval, HOUR, 365 * DAY),
            ("listing_interval", self.listing_interval, HOUR, 365 * DAY),
        ];
        match ranges.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            None => Ok(()),
            Some((key, value, least, most)) => Err(BadSetting { key, value, least, most }),
        }
    }

    /// The least time between two probes of the same result that both count: so that the window spans
    /// [`down_span`](Self::down_span) however often somebody visits.
    pub(super) fn probe_gap(&self) -> u64 {
        let gaps = u64::try_from(self.window.saturating_sub(1)).unwrap_or(u64::MAX).max(1);
        self.down_span.div_ceil(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_of_failures_is_long_enough() {
        let settings = Settings::default();
        let gaps = u64::try_from(settings.window - 1).unwrap();
        assert!(settings.probe_gap() * gaps >= settings.down_span);
        assert!(settings.probe_gap() <= settings.confirm_interval, "confirmations count");
    }

    #[test]
    fn numbers_without_sense_are_named() {
        assert_eq!(Settings::default().check(), Ok(()));
        let error = Settings { up_successes: 5, ..Settings::default() }.check().unwrap_err();
        assert_eq!(error.to_string(), "`up_successes` is 5: it must be from 1 to 4");
    }

    #[test]
    fn settings_are_read_with_defaults_and_without_unknown_keys() {
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
        let three: Settings = serde_json::from_str("{\"min_mirrors\": 5}").unwrap();
        assert_eq!(three.min_mirrors, 5);
        assert!(serde_json::from_str::<Settings>("{\"min_mirror\": 5}").is_err());
    }
}
