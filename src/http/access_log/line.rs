//! One line of the access log.

use std::io::Write;

use crate::answer::LogEntry;
use crate::model::date::Date;

/// The date of the present day as text, computed once a day.
#[derive(Default)]
pub(in crate::http) struct DateCache {
    day: Option<u64>,
    text: String,
}

impl DateCache {
    /// `YYYY-MM-DD` (UTC) of `now`, in seconds since 1970.
    pub(in crate::http) fn date(&mut self, now: u64) -> &str {
        let day = now / 86_400;
        if self.day != Some(day) {
            self.text = Date::of(now).to_string();
            self.day = Some(day);
        }
        &self.text
    }
}

/// Appends the line of one request.
pub(super) fn format_line(entry: &LogEntry<'_>, date: &str, out: &mut Vec<u8>) {
    let country = entry.country.as_ref().map_or("N/A", |country| country.as_str());
    // Writing to a Vec cannot fail.
    let _ = write!(out, "IP: {}; DATE: {date}; COUNTRY: {country}; REPO: ", entry.client);
    push_field(&entry.repo, out);
    out.extend_from_slice(b"; ARCH: ");
    push_field(&entry.arch, out);
    out.push(b'\n');
}

/// Appends text that a client chose, so that it stays one field: the scripts split at whitespace
/// and strip `;`, so an empty field would shift or end them.
fn push_field(text: &str, out: &mut Vec<u8>) {
    if text.is_empty() {
        out.extend_from_slice(b"N/A");
    }
    let mut utf8 = [0; 4];
    for c in text.chars() {
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        if c.is_whitespace() || c.is_control() || c == ';' || c == '%' {
            for byte in bytes {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::geo::Country;
    use std::borrow::Cow;

    fn entry<'a>(repo: &'a str, arch: &'a str) -> LogEntry<'a> {
        LogEntry {
            client: "194.140.93.10".parse().expect("a valid literal"),
            country: Country::parse("es"),
            repo: Cow::Borrowed(repo),
            arch: Cow::Borrowed(arch),
        }
    }

    fn line(entry: &LogEntry<'_>) -> String {
        let mut out = Vec::new();
        format_line(entry, "2026-11-21", &mut out);
        String::from_utf8(out).expect("lines are UTF-8")
    }

    #[test]
    fn a_line_is_what_the_statistics_scripts_read() {
        assert_eq!(
            line(&entry("fedora-40", "x86_64")),
            "IP: 194.140.93.10; DATE: 2026-11-21; COUNTRY: ES; REPO: fedora-40; ARCH: x86_64\n"
        );
        let unknown = LogEntry { country: None, ..entry("fedora-40", "x86_64") };
        assert!(line(&unknown).contains("COUNTRY: N/A; "));
    }

    #[test]
    fn a_client_cannot_add_fields_or_lines() {
        let hostile = line(&entry("a b;\n\r\u{2028}%20ü", "x\ty"));
        assert!(
            hostile.ends_with("REPO: a%20b%3B%0A%0D%E2%80%A8%2520ü; ARCH: x%09y\n"),
            "{hostile}"
        );
        assert_eq!(hostile.split_whitespace().count(), 10);
        assert_eq!(line(&entry("", "")).split_whitespace().count(), 10);
    }

    #[test]
    fn the_date_follows_the_day() {
        let mut cache = DateCache::default();
        assert_eq!(cache.date(86_399), "1970-01-01");
        assert_eq!(cache.date(86_400), "1970-01-02");
    }
}
