//! The value of the header Date, formatted once a second.
//!
//! hyper would write one as well, but goes on with the one it has for as long as a clock was set back.
//!
//! It does not help hyper beyond the year 9999, where that panics for each connection.

use std::time::{Duration, UNIX_EPOCH};

use hyper::header::HeaderValue;

/// The last second that the format can hold, the end of 9999; it stands for later ones.
const LAST: u64 = 253_402_300_799;

/// The value of the last second for which one was asked.
#[derive(Default)]
pub(super) struct HttpDate {
    second: u64,
    value: Option<HeaderValue>,
}

impl HttpDate {
    /// `Sat, 21 Nov 2026 11:01:29 GMT`; `now` in seconds since 1970.
    pub(super) fn at(&mut self, now: u64) -> Option<HeaderValue> {
        if self.value.is_none() || self.second != now {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now.min(LAST)));
            self.value = HeaderValue::try_from(text).ok();
            self.second = now;
        }
        self.value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_with_the_clock_in_both_directions_and_stay_at_the_end_of_9999() {
        let mut date = HttpDate::default();
        for (now, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_795_258_889, "Sat, 21 Nov 2026 11:01:29 GMT"),
            (1_795_258_889, "Sat, 21 Nov 2026 11:01:29 GMT"),
            (1_795_255_289, "Sat, 21 Nov 2026 10:01:29 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (LAST + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let value = date.at(now).expect("a date is a value");
            assert_eq!(value.to_str().expect("ASCII"), expected);
        }
    }
}
