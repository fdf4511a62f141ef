//! The present time, and the value of the header Date, formatted at most once per second.
//!
//! hyper would write one too, but keeps its old value while a clock was set back. Only its own refusals,
//! sent before there is a request, have hyper's value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::header::HeaderValue;

/// The last second that the format can hold, the end of 9999; later times are shown as this one.
const LAST: u64 = 253_402_300_799;

/// Returns the present time, in seconds since 1970. A clock before 1970 gives 0: the `pubdate` is wrong,
/// but there is an answer.
pub(crate) fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The value for the last second that was requested.
pub(super) struct DateHeader {
    second: Option<u64>,
    value: HeaderValue,
}

impl Default for DateHeader {
    fn default() -> Self {
        Self { second: None, value: HeaderValue::from_static("") }
    }
}

impl DateHeader {
    /// `Sat, 21 Nov 2026 11:01:29 GMT`; `now` in seconds since 1970.
    pub(super) fn at(&mut self, now: u64) -> HeaderValue {
        if self.second != Some(now) {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now.min(LAST)));
            // Letters, digits, `,`, `:` and spaces are a valid value.
            self.value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
            self.second = Some(now);
        }
        self.value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_with_the_clock_in_both_directions_and_stay_at_the_end_of_9999() {
        let mut date = DateHeader::default();
        for (now, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_795_258_889, "Sat, 21 Nov 2026 11:01:29 GMT"),
            (1_795_258_889, "Sat, 21 Nov 2026 11:01:29 GMT"),
            (1_795_255_289, "Sat, 21 Nov 2026 10:01:29 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (LAST + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(date.at(now), expected);
        }
    }
}
