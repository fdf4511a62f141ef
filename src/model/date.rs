//! Calendar dates of Unix times, in UTC.

use std::fmt;

const SECONDS_PER_DAY: u64 = 86_400;

/// A time, shown in the form of RFC 3339: `2026-11-21T11:01:29Z`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: u64,
}

/// A day, shown as `2026-11-21`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Date {
    year: u64,
    month: u64,
    day: u64,
}

/// A time, shown in the form of access logs: `21/Nov/2026:11:01:29 +0000`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogTime {
    /// Seconds since 1970.
    pub seconds: u64,
}

impl Date {
    /// The day of `seconds` since 1970.
    ///
    /// Every 400 years have 146,097 days. A year that begins on 1 March has its leap day at the end,
    /// so the months before it have fixed lengths: 153 days in each five months.
    pub fn of(seconds: u64) -> Self {
        // Days since 0000-03-01.
        let days = seconds / SECONDS_PER_DAY + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let leap_days = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let (month, next_year) = match month_from_march {
            0..10 => (month_from_march + 3, 0),
            _ => (month_from_march - 9, 1),
        };
        Self { year: era * 400 + year_of_era + next_year, month, day }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.seconds % SECONDS_PER_DAY;
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{:02}Z", Date::of(self.seconds), second % 60)
    }
}

impl fmt::Display for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let Date { year, month, day } = Date::of(self.seconds);
        let month = MONTHS.into_iter().zip(1..).find(|&(_, number)| number == month);
        let month = month.map_or("-", |(name, _)| name);
        let second = self.seconds % SECONDS_PER_DAY;
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        write!(f, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{:02} +0000", second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_centuries() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (68_169_599, "1972-02-28T23:59:59Z"),
            (68_169_600, "1972-02-29T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_258_889, "2026-11-21T11:01:29Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp { seconds }.to_string(), date);
        }
        let seconds = 1_795_258_889;
        assert_eq!(LogTime { seconds }.to_string(), "21/Nov/2026:11:01:29 +0000");
    }

    /// Compares with a slow reference implementation that counts day by day.
    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let is_leap =
            |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..146_097_u64 {
            assert_eq!(Date::of(number * SECONDS_PER_DAY), Date { year, month, day });
            let length = match month {
                2 if is_leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
