//! What an answer means: its status and its headers, read without looking at the body.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use checks::class::FailureClass;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};

use super::request::Ask;

/// The longest ETag that is kept, in bytes.
const MAX_ETAG: usize = 256;
/// How much of a body is looked at to tell data from a page for people.
pub const SNIFFED: usize = 1_024;

/// What an answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The file is there; its size, where that is said.
    There(Option<u64>),
    /// The file is as it was.
    Unchanged,
    /// It is elsewhere: the value of `Location`.
    Elsewhere(String),
    /// The server asks to be left alone, for so many seconds if it says so.
    Busy(Option<u32>),
    /// Anything else.
    Failed(FailureClass, String),
}

/// Reads an answer to `ask`. `now` is in seconds since 1970; `longest` is the longest pause that a server can
/// ask for.
pub fn read(
    status: StatusCode,
    headers: &HeaderMap,
    ask: &Ask,
    now: u64,
    longest: Duration,
) -> Meaning {
    let failed = |class, detail: &str| Meaning::Failed(class, detail.to_owned());
    let is_ranged = ask.last_byte().is_some();
    match status.as_u16() {
        200 if matches!(ask, Ask::Whole { .. }) && encoding(headers).is_some() => failed(
            FailureClass::Protocol,
            &format!("encoded ({}) though that was refused", encoding(headers).unwrap_or("")),
        ),
        // The size of what was encoded is not that of the file.
        200 if encoding(headers).is_some() => Meaning::There(None),
        200 => Meaning::There(length(headers)),
        206 if is_ranged => match total(headers) {
            Some(total) => Meaning::There(total),
            None => failed(FailureClass::Protocol, "206 without a Content-Range that can be read"),
        },
        // The file is empty, so it has no first byte.
        416 if is_ranged && total(headers) == Some(Some(0)) => Meaning::There(Some(0)),
        304 if matches!(ask, Ask::Whole { etag: Some(_) }) => Meaning::Unchanged,
        301 | 302 | 303 | 307 | 308 => match text(headers, &header::LOCATION) {
            Some(location) => Meaning::Elsewhere(location.to_owned()),
            None => {
                failed(FailureClass::Protocol, "a redirect without a Location that can be read")
            }
        },
        429 | 503 => Meaning::Busy(retry_after(headers, now, longest)),
        401 | 403 => failed(FailureClass::Forbidden, status.as_str()),
        404 | 410 => failed(FailureClass::Missing, status.as_str()),
        400..=499 => failed(FailureClass::Http4xx, status.as_str()),
        500..=599 => failed(FailureClass::Http5xx, status.as_str()),
        _ => failed(
            FailureClass::Protocol,
            &format!("status {} makes no sense here", status.as_str()),
        ),
    }
}

/// Whether a server that answered so to HEAD may answer GET.
pub fn is_head_refused(status: u16) -> bool {
    matches!(status, 403 | 405 | 501)
}

/// Whether a file that is XML is a page for people: an error page or a login page that says 200. `beginning`
/// is that of the body.
pub fn is_page(headers: &HeaderMap, beginning: &[u8]) -> bool {
    let beginning = String::from_utf8_lossy(beginning).to_ascii_lowercase();
    let beginning = beginning.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    // A server can be wrong about its types.
    if beginning.contains("<repomd") {
        return false;
    }
    let kind = text(headers, &header::CONTENT_TYPE).unwrap_or("").to_ascii_lowercase();
    kind.starts_with("text/html")
        || kind.starts_with("application/xhtml")
        || beginning.starts_with("<!doctype html")
        || beginning.starts_with("<html")
}

/// The ETag, if it can be sent back.
pub fn etag(headers: &HeaderMap) -> Option<String> {
    text(headers, &header::ETAG).filter(|etag| etag.len() <= MAX_ETAG).map(str::to_owned)
}

/// What says how fresh a cache in front of the mirror may be, for a trace: `Age`, `Via`, `X-Cache` and
/// `Last-Modified`.
pub fn freshness(headers: &HeaderMap) -> String {
    let mut out = String::new();
    for name in ["age", "via", "x-cache", "last-modified"] {
        if let Some(value) = text(headers, &HeaderName::from_static(name)) {
            out.extend(["; ", name, ": ", value]);
        }
    }
    out
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The encoding of the body, if it has one.
fn encoding(headers: &HeaderMap) -> Option<&str> {
    let encoding = headers.get(header::CONTENT_ENCODING)?.to_str().unwrap_or("?").trim();
    (!encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    parse_number(text(headers, &header::CONTENT_LENGTH)?)
}

/// The size of the whole file in `Content-Range`; `Some(None)` if it says that it does not know.
fn total(headers: &HeaderMap) -> Option<Option<u64>> {
    let range = text(headers, &header::CONTENT_RANGE)?.trim().strip_prefix("bytes ")?;
    match range.rsplit_once('/')?.1 {
        "*" => Some(None),
        total => parse_number(total).map(Some),
    }
}

fn parse_number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Seconds, from a number or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: u64, longest: Duration) -> Option<u32> {
    let value = text(headers, &header::RETRY_AFTER)?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if is_number {
        // One that does not fit is the longest.
        value.parse().unwrap_or(u64::MAX)
    } else {
        let at: SystemTime = httpdate::parse_http_date(value)?;
        at.duration_since(UNIX_EPOCH).map_or(0, |at| at.as_secs()).saturating_sub(now)
    };
    u32::try_from(seconds.min(longest.as_secs())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = list
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[track_caller]
    fn check(status: u16, list: &[(&'static str, &str)], ask: &Ask, expected: Meaning) {
        let status = StatusCode::from_u16(status).unwrap();
        let longest = Duration::from_secs(3_600);
        assert_eq!(read(status, &headers(list), ask, NOW, longest), expected);
    }

    fn failed(class: FailureClass, detail: &str) -> Meaning {
        Meaning::Failed(class, detail.into())
    }

    #[test]
    fn sizes_are_read_where_they_are_said() {
        use Meaning::There;
        let whole = Ask::Whole { etag: None };
        check(200, &[("content-length", "4096")], &whole, There(Some(4096)));
        check(200, &[], &Ask::Size, There(None));
        check(
            200,
            &[("content-length", "9"), ("content-encoding", "gzip")],
            &Ask::Size,
            There(None),
        );
        check(
            200,
            &[("content-length", "9"), ("content-encoding", "identity")],
            &whole,
            There(Some(9)),
        );
        let part = Ask::Beginning(10);
        check(206, &[("content-range", "bytes 0-9/4096")], &part, There(Some(4096)));
        check(206, &[("content-range", "bytes 0-9/*")], &part, There(None));
        check(416, &[("content-range", "bytes */0")], &Ask::SizeByGet, There(Some(0)));
        check(200, &[("content-length", "4096")], &part, There(Some(4096)));
    }

    #[test]
    fn what_makes_no_sense_is_a_broken_protocol() {
        let whole = Ask::Whole { etag: None };
        let check = |status, list: &[(&'static str, &str)], ask| {
            let meaning = read(
                StatusCode::from_u16(status).unwrap(),
                &headers(list),
                ask,
                NOW,
                Duration::from_secs(3_600),
            );
            assert!(matches!(meaning, Meaning::Failed(FailureClass::Protocol, _)), "{meaning:?}");
        };
        check(206, &[("content-range", "bytes 0-9/4096")], &whole);
        check(206, &[], &Ask::Beginning(10));
        check(206, &[("content-range", "lines 0-9/-1")], &Ask::Beginning(10));
        check(304, &[], &whole);
        check(302, &[], &whole);
        check(204, &[], &whole);
        check(300, &[], &whole);
        check(200, &[("content-encoding", "gzip")], &whole);
    }

    #[test]
    fn a_status_has_its_class() {
        use FailureClass::*;
        let ask = Ask::Whole { etag: Some("\"1\"".into()) };
        check(304, &[], &ask, Meaning::Unchanged);
        check(302, &[("location", "/x")], &ask, Meaning::Elsewhere("/x".into()));
        for (status, class) in [
            (401, Forbidden),
            (403, Forbidden),
            (404, Missing),
            (410, Missing),
            (400, Http4xx),
            (451, Http4xx),
            (500, Http5xx),
            (504, Http5xx),
        ] {
            check(status, &[], &ask, failed(class, &status.to_string()));
        }
        check(416, &[("content-range", "bytes */5")], &Ask::Beginning(9), failed(Http4xx, "416"));
    }

    #[test]
    fn a_busy_server_says_until_when_within_an_hour() {
        let ask = Ask::Size;
        let date = |at| httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at));
        for (value, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("99999", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            (&*date(NOW + 90), Some(90)),
            (&*date(NOW - 90), Some(0)),
            (&*date(NOW + 90_000), Some(3_600)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            for status in [429, 503] {
                check(status, &[("retry-after", value)], &ask, Meaning::Busy(seconds));
            }
        }
        check(503, &[], &ask, Meaning::Busy(None));
    }

    #[test]
    fn pages_for_people_are_no_data() {
        let html = headers(&[("content-type", "text/html; charset=utf-8")]);
        let xml = headers(&[("content-type", "text/xml")]);
        assert!(is_page(&html, b"<?xml version=\"1.0\"?><html xmlns=..."));
        assert!(is_page(&xml, b"\n <!DOCTYPE HTML><title>Login"));
        assert!(is_page(&xml, b"<HTML>"));
        assert!(!is_page(&html, b"<?xml version=\"1.0\"?>\n<repomd xmlns=..."));
        assert!(!is_page(&xml, b"<?xml"));
        assert!(!is_page(&xml, b"\xff\xfe\x00"));
    }

    #[test]
    fn an_etag_is_kept_if_it_can_be_sent_back() {
        assert_eq!(etag(&headers(&[("etag", "W/\"1\"")])), Some("W/\"1\"".into()));
        assert_eq!(etag(&headers(&[("etag", &"1".repeat(257))])), None);
        let odd: HeaderMap =
            [(header::ETAG, hyper::header::HeaderValue::from_bytes(b"\"\xff\"").unwrap())]
                .into_iter()
                .collect();
        assert_eq!(etag(&odd), None);
    }
}
