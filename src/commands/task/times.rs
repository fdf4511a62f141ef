//! Times of the API (RFC 3339, UTC), as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The seconds since 1970 of a time such as `2026-11-26T12:00:00.123Z`; fractions are left out.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let time = rest.strip_suffix('Z')?;
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let is_date = (0..=9_999).contains(&year) && (1..=12).contains(&month);
    let is_time =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !is_date || !(1..=31).contains(&day) || !is_time {
        return None;
    }
    // Years that begin in March: the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The seconds since 1970, now.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// How long ago a time was: `3 min ago`, or `in 3 min`; as it is if it is no time.
pub(in crate::commands) fn ago(text: &str, now: i64) -> String {
    match parse(text).map(|then| now.saturating_sub(then)) {
        None => text.to_owned(),
        Some(0) => "now".into(),
        Some(past @ 1..) => format!("{} ago", length(past)),
        Some(future) => format!("in {}", length(future.saturating_neg())),
    }
}

/// The seconds between two times of the API.
pub(super) fn between(from: Option<&str>, to: Option<&str>) -> Option<i64> {
    Some(parse(to?)?.saturating_sub(parse(from?)?).max(0))
}

/// A length of time, in its largest unit.
pub(in crate::commands) fn length(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A time without its fractions: `2026-11-26 12:00:00 UTC`; as it is if it is no time.
pub(in crate::commands) fn absolute(text: &str) -> String {
    let whole = text.split_once('.').map_or(text.trim_end_matches('Z'), |(whole, _)| whole);
    match parse(text) {
        Some(_) => format!("{} UTC", whole.replacen('T', " ", 1)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2000-02-29T12:34:56.789Z"), Some(951_827_696));
        assert_eq!(parse("2026-11-26T00:00:00Z"), Some(1_795_651_200));
        for bad in ["", "2026-11-26", "2026-13-01T00:00:00Z", "T:Z", "2026-11-26T12:00:00+01:00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_are_told_to_people() {
        let now = parse("2026-11-26T12:00:00Z").expect("a time");
        assert_eq!(ago("2026-11-26T11:58:30.5Z", now), "90 s ago");
        assert_eq!(ago("2026-11-26T11:50:00Z", now), "10 min ago");
        assert_eq!(ago("2026-11-26T14:00:01Z", now), "in 2 h");
        assert_eq!(ago("2026-11-16T12:00:00Z", now), "10 days ago");
        assert_eq!(ago("soon", now), "soon");
        assert_eq!(absolute("2026-11-26T11:58:30.5Z"), "2026-11-26 11:58:30 UTC");
    }
}
