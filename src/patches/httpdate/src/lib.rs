//! HTTP dates that stay at the ends of the format: the first second of 1970 and the last one of 9999.
//!
//! hyper formats the date of its own clock whenever it polls a connection, also where a response has a
//! Date already or none is wanted, and the original `httpdate` panics for a clock before 1970 or beyond
//! 9999: no connection would be served. This crate takes its place below hyper, clamps, and leaves the
//! format to the original. It offers what hyper and mirrorlistd use, and nothing else.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that the format can hold, in seconds since 1970.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// A moment, shown as `Sat, 21 Nov 2026 11:01:29 GMT`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HttpDate(original::HttpDate);

impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self((UNIX_EPOCH + since.min(LAST)).into())
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text of a moment.
pub fn fmt_http_date(time: SystemTime) -> String {
    HttpDate::from(time).to_string()
}

/// The moment of a text in one of the three forms that HTTP knows; `None` if it is in none of them.
pub fn parse_http_date(text: &str) -> Option<SystemTime> {
    original::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_stay_at_the_ends_of_the_format() {
        let second = Duration::from_secs(1);
        for (time, expected) in [
            (UNIX_EPOCH - second, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (UNIX_EPOCH + Duration::from_secs(1_795_258_889), "Sat, 21 Nov 2026 11:01:29 GMT"),
            (UNIX_EPOCH + LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (UNIX_EPOCH + LAST + second, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (UNIX_EPOCH + LAST * 1_000, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(fmt_http_date(time), expected);
        }
    }

    #[test]
    fn a_date_is_read_as_it_is_written() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_258_889);
        assert_eq!(parse_http_date(&fmt_http_date(time)), Some(time));
        assert_eq!(parse_http_date("soon"), None);
    }
}
