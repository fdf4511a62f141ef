//! One line of the access log.

use std::fmt::Write;
use std::net::IpAddr;

use answer::LogEntry;
use encode::append::Append;
use encode::text::Text;
use encode::write::{push_number, push_percent_encoded};
use model::date::Date;

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
pub(super) fn format_line(entry: &LogEntry<'_>, date: &str, out: &mut Text) {
    out.push_str("IP: ");
    push_address(entry.client, out);
    let country = entry.country.as_ref().map_or("N/A", |country| country.as_str());
    out.push_all(["; DATE: ", date, "; COUNTRY: ", country, "; REPO: "]);
    push_field(&entry.repo, out);
    out.push_str("; ARCH: ");
    push_field(&entry.arch, out);
    out.push('\n');
}

fn push_address(address: IpAddr, out: &mut Text) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push('.');
                }
                push_number(octet.into(), out);
            }
        }
        // Writing to a Text cannot fail.
        IpAddr::V6(address) => {
            let _ = write!(out, "{address}");
        }
    }
}

/// The limit of a field: longer than any repository's name. Longer text from a client is cut and ends in
/// `...`.
const MAX_FIELD_BYTES: usize = 256;

/// Appends text that a client chose, so that it stays one field: the scripts split at whitespace
/// and strip `;`, so an empty field would shift or end them.
fn push_field(text: &str, out: &mut Text) {
    let cut = (0..=MAX_FIELD_BYTES).rev().find_map(|end| text.get(..end));
    let (text, end) = match cut {
        Some(cut) if cut.len() < text.len() => (cut, "..."),
        _ => (text, ""),
    };
    if text.is_empty() {
        out.push_str("N/A");
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            if character.is_ascii() || character.is_whitespace() || character.is_control() {
                push_percent_encoded(character, out);
            } else {
                out.push(character);
            }
        }
        rest = characters.as_str();
    }
    out.push_all([rest, end]);
}

/// Returns whether a byte needs no escape: visible ASCII, except `;`, at which the scripts end a field,
/// and `%`, which begins an escape.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b';' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::geo::Country;
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
        let mut out = Text::default();
        format_line(entry, "2026-11-21", &mut out);
        String::from_utf8(out.into_bytes()).expect("lines are UTF-8")
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
    fn long_fields_are_cut_between_characters() {
        let long = line(&entry(&"ü".repeat(1_000), &"x".repeat(MAX_FIELD_BYTES + 1)));
        let expected = format!("REPO: {}...; ARCH: {}...\n", "ü".repeat(128), "x".repeat(256));
        assert!(long.ends_with(&expected), "{long}");
        let odd = line(&entry(&["x", &"ü".repeat(1_000)].concat(), &"x".repeat(MAX_FIELD_BYTES)));
        let expected = format!("REPO: x{}...; ARCH: {}\n", "ü".repeat(127), "x".repeat(256));
        assert!(odd.ends_with(&expected), "{odd}");
    }

    #[test]
    fn the_date_follows_the_day() {
        let mut cache = DateCache::default();
        assert_eq!(cache.date(86_399), "1970-01-01");
        assert_eq!(cache.date(86_400), "1970-01-02");
    }
}
