//! Times in the form of RFC 3339.

use model::date;
use store::record::Timestamp;

/// A time in UTC, to the millisecond: `2026-11-21T11:01:29.000Z`. Times before 1970 are shown as its begin.
pub(crate) fn text(time: Timestamp) -> String {
    let milliseconds = u64::try_from(time.0).unwrap_or(0);
    let whole = date::Timestamp { seconds: milliseconds / 1_000 }.to_string();
    let whole = whole.strip_suffix('Z').unwrap_or(&whole);
    format!("{whole}.{:03}Z", milliseconds % 1_000)
}

/// The same of seconds since 1970.
pub(crate) fn of_seconds(seconds: u64) -> String {
    text(Timestamp(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)))
}

/// Reads a time: `2026-11-21T11:01:29Z`, with a fraction and another offset if there are, or a day, which is
/// its first moment in UTC. Seconds and offset may be left out, as the forms of browsers do; that is UTC.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let mut reader = Reader(text);
    let (year, month, day) = (reader.digits(4)?, reader.after('-', 2)?, reader.after('-', 2)?);
    let days = days_since_1970(year, month, day)?;
    if reader.0.is_empty() {
        return Some(Timestamp(days * 86_400_000));
    }
    if !reader.takes('T') && !reader.takes('t') && !reader.takes(' ') {
        return None;
    }
    let (hour, minute) = (reader.digits(2)?, reader.after(':', 2)?);
    // As the forms of browsers send it.
    let second = if reader.0.is_empty() { 0 } else { reader.after(':', 2)? };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = if reader.takes('.') { reader.milliseconds()? } else { 0 };
    let offset = if reader.0.is_empty() || reader.takes('Z') || reader.takes('z') {
        0
    } else {
        let sign = match (reader.takes('+'), reader.takes('-')) {
            (true, _) => 1,
            (false, true) => -1,
            // A `+` of a query that was read as a blank.
            (false, false) if reader.takes(' ') => 1,
            (false, false) => return None,
        };
        let (hours, minutes) = (reader.digits(2)?, reader.after(':', 2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        sign * (hours * 60 + minutes)
    };
    let seconds = days * 86_400 + hour * 3_600 + (minute - offset) * 60 + second;
    reader.0.is_empty().then_some(Timestamp(seconds * 1_000 + fraction))
}

struct Reader<'t>(&'t str);

impl Reader<'_> {
    fn takes(&mut self, character: char) -> bool {
        let rest = self.0.strip_prefix(character);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn digits(&mut self, n: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(n)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    fn after(&mut self, character: char, n: usize) -> Option<i64> {
        self.takes(character).then(|| self.digits(n)).flatten()
    }

    /// What stands after a point, of which three digits count.
    fn milliseconds(&mut self) -> Option<i64> {
        let n = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        let three: String = digits.chars().chain("00".chars()).take(3).collect();
        if digits.is_empty() { None } else { three.parse().ok() }
    }
}

/// Days since 1970; `None` if there is no such day, or it is before.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1_970 || !(1..=length).contains(&day) {
        return None;
    }
    // A year that begins in March has its leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(days - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for milliseconds in [0, 1, 951_782_399_999, 951_782_400_000, 1_795_258_889_123] {
            let time = Timestamp(milliseconds);
            assert_eq!(parse(&text(time)), Some(time));
        }
        // Every day of four centuries.
        for day in 0..146_097 {
            let time = Timestamp(day * 86_400_000);
            let written = text(time);
            assert_eq!(parse(written.split('T').next().unwrap_or("")), Some(time));
        }
        assert_eq!(text(Timestamp(1_795_258_889_007)), "2026-11-21T11:01:29.007Z");
        assert_eq!(text(Timestamp(-5)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn offsets_and_fractions_count() {
        let utc = parse("2026-11-21T11:01:29Z");
        for same in [
            "2026-11-21T12:01:29+01:00",
            "2026-11-21T12:01:29 01:00",
            "2026-11-21T05:31:29-05:30",
            "2026-11-21 11:01:29.000000z",
            "2026-11-21T11:01:29",
        ] {
            assert_eq!(parse(same), utc, "{same}");
        }
        assert_eq!(parse("2026-11-21T11:01"), parse("2026-11-21T11:01:00Z"));
        let fraction = parse("2026-11-21T11:01:29.5Z").zip(utc);
        assert_eq!(fraction.map(|(later, earlier)| later.since(earlier)), Some(500));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for odd in [
            "",
            "now",
            "2026",
            "2026-11",
            "2026-13-01",
            "2026-02-29",
            "2026-00-01",
            "2026-01-00",
            "1969-12-31",
            "2026-11-21T",
            "2026-11-21T11",
            "2026-11-21T11:01Z",
            "2026-11-21T11:01:",
            "2026-11-21T24:00:00Z",
            "2026-11-21T11:60:00Z",
            "2026-11-21T11:01:29.Z",
            "2026-11-21T11:01:29Zz",
            "2026-11-21T11:01:29+1:00",
            "+026-11-21",
            "2026-11-21ü",
            "２０２６-11-21",
        ] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }
}
