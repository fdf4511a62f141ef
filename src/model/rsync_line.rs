//! A line of `rsync --list-only`: type, mode, size, time and name of an entry.
//!
//! ```text
//! drwxr-xr-x          4,096 2026/11/26 10:30:00 9/os
//! -rw-r--r--      1,234,567 2026/11/26 10:30:00 9/os/a b.rpm
//! ```
//!
//! Fields are found by their position, as a name may hold anything, also blanks at its ends. rsync writes
//! bytes of names that are not printable as `\#` and three octal digits, so that a name cannot forge a line
//! ([`unescape`]). Times are in the time zone of the rsync that printed them; they are read as UTC.

use std::borrow::Cow;

/// A line, with the name as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RsyncLine<'a> {
    /// The letter for its type: `-` for a file, `d` for a directory, `l` for a link, others for special files.
    pub kind: u8,
    /// Whether everybody may read it, and enter it if it is a directory.
    pub is_released: bool,
    /// Bytes; `None` if it is rounded (`1.23M`, as `-hh` has it).
    pub size: Option<u64>,
    /// When it was modified, in seconds since 1970; 0 for what lies before.
    pub modified: u64,
    /// Path with its escapes, and ` -> ` with a target where rsync shows those of links.
    pub name: &'a [u8],
}

impl<'a> RsyncLine<'a> {
    /// Reads a line without its end; `None` if it is not that of an entry.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (&[kind, ref mode @ ..], rest) = line.split_first_chunk::<10>()?;
        let is_mode = |byte: &u8| b"rwxsStT-".contains(byte);
        if !b"-dlcbps".contains(&kind) || !mode.iter().all(is_mode) {
            return None;
        }
        // A sign for access control lists may follow.
        let rest = rest.strip_prefix(b"+").or(rest.strip_prefix(b".")).unwrap_or(rest);
        let (size, rest) = split_at_blank(rest.trim_ascii_start())?;
        let (date, rest) = split_at_blank(rest)?;
        let (time, name) = split_at_blank(rest)?;
        let is_size = |byte: &u8| byte.is_ascii_digit() || b",.'KMGTP".contains(byte);
        if size.is_empty() || !size.iter().all(is_size) || name.is_empty() {
            return None;
        }
        let modified = parse_time(date, time)?;
        let [.., reads, _, enters] = mode;
        let is_released = *reads == b'r' && (b"xt".contains(enters) || kind != b'd');
        Some(Self { kind, is_released, size: parse_size(size), modified, name })
    }
}

fn split_at_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b' ')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Without a unit, signs other than digits separate groups of digits.
fn parse_size(text: &[u8]) -> Option<u64> {
    text.iter().filter(|byte| !b",.'".contains(byte)).try_fold(0_u64, |size, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        size.checked_mul(10)?.checked_add(digit)
    })
}

/// Seconds since 1970 of a date `2026/11/26` and a time `10:30:00`.
fn parse_time(date: &[u8], time: &[u8]) -> Option<u64> {
    let [year, month, day] = numbers::<10>(date, b"0000/00/00")?;
    let [hour, minute, second] = numbers::<8>(time, b"00:00:00")?;
    let is_sound = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let seconds = hour * 3_600 + minute * 60 + second;
    let days = days_since_1970(year, month, day);
    is_sound.then(|| days.map_or(0, |days| days * 86_400 + seconds))
}

/// The three numbers of a text that has digits where the form has, and the same other characters.
fn numbers<const N: usize>(text: &[u8], form: &[u8; N]) -> Option<[u64; 3]> {
    let text: &[u8; N] = text.try_into().ok()?;
    let mut numbers = [0; 3];
    let mut at = 0;
    for (byte, form) in text.iter().zip(form) {
        match form {
            b'0' if byte.is_ascii_digit() => {
                let number: &mut u64 = numbers.get_mut(at)?;
                *number = *number * 10 + u64::from(byte - b'0');
            }
            b'0' => return None,
            form if byte == form => at += 1,
            _ => return None,
        }
    }
    Some(numbers)
}

/// The inverse of [`Date::of`](super::date::Date::of), which explains the calendar; `None` before 1970.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month_from_march) = match month {
        3.. => (year, month - 3),
        _ => (year.saturating_sub(1), month + 9),
    };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day.saturating_sub(1);
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100;
    (days + day_of_year).checked_sub(719_468)
}

/// Decodes the escapes of a name.
pub fn unescape(name: &[u8]) -> Cow<'_, [u8]> {
    let octal = |digit: &u8| matches!(digit, b'0'..=b'7').then(|| u16::from(digit - b'0'));
    let escaped = |rest: &[u8]| match rest {
        [b'\\', b'#', a, b, c, ..] => {
            let (a, b, c) = (octal(a)?, octal(b)?, octal(c)?);
            u8::try_from(a << 6 | b << 3 | c).ok()
        }
        _ => None,
    };
    if !name.contains(&b'\\') {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, others)) = rest.split_first() {
        let (byte, behind) = match escaped(rest) {
            Some(byte) => (byte, rest.get(5..).unwrap_or(&[])),
            None => (first, others),
        };
        bytes.push(byte);
        rest = behind;
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;

    #[test]
    fn a_line_is_read_by_position() {
        let line = b"-rw-r--r--      1,234,567 2026/11/26 10:30:00  9/a -> b \\#012 ";
        let expected = RsyncLine {
            kind: b'-',
            is_released: true,
            size: Some(1_234_567),
            modified: 1_795_689_000,
            name: b" 9/a -> b \\#012 ",
        };
        assert_eq!(RsyncLine::parse(line), Some(expected));
    }

    #[test]
    fn sizes_are_exact_or_said_to_be_rounded() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12345678901", Some(12_345_678_901)),
            ("1.234.567", Some(1_234_567)),
            ("1'234", Some(1_234)),
            ("1.23M", None),
            ("99999999999999999999", None),
        ] {
            let line = format!("-rw-r--r-- {text:>14} 2026/11/26 10:30:00 a");
            let parsed = RsyncLine::parse(line.as_bytes()).expect(text);
            assert_eq!(parsed.size, expected, "{text}");
        }
    }

    #[test]
    fn who_may_read_is_read_from_the_mode() {
        for (mode, expected) in [
            ("-rw-r--r--", true),
            ("-rw-r-----", false),
            ("drwxr-xr-x", true),
            ("drwxrwxrwt", true),
            ("drwxr-xr--", false),
            ("drwxr-x--x", false),
            ("-rwxr-xr-x+", true),
        ] {
            let line = format!("{mode}  1 2026/11/26 10:30:00 a");
            let parsed = RsyncLine::parse(line.as_bytes()).expect(mode);
            assert_eq!(parsed.is_released, expected, "{mode}");
        }
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "Welcome to mirror.example",
            "sent 123 bytes",
            "xrw-r--r--  1 2026/11/26 10:30:00 a",
            "-rw-r--r--  1 2026/11/26 10:30:00 ",
            "-rw-r--r--  1 2026/11/26 10:30:00",
            "-rw-r--r--    2026/11/26 10:30:00 a",
            "-rw-r--r-- -1 2026/11/26 10:30:00 a",
            "-rw-r--r--  1 2026/13/26 10:30:00 a",
            "-rw-r--r--  1 2026/11/26 10:3a:00 a",
            "-rw-r--r--  1 2026-11-26 10:30:00 a",
            "-rw-r--r--  1 2026/11/26  10:30:00 a",
        ] {
            assert_eq!(RsyncLine::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn times_are_those_that_are_written() {
        // A day and some seconds, so that all hours come.
        for seconds in (0..20_000_000_000_u64).step_by(86_461 * 7) {
            let text = Timestamp { seconds }.to_string().replace('-', "/");
            let (date, time) = text.split_once('T').unwrap();
            let time = time.trim_end_matches('Z');
            assert_eq!(parse_time(date.as_bytes(), time.as_bytes()), Some(seconds), "{text}");
        }
        assert_eq!(parse_time(b"1969/12/31", b"00:00:01"), Some(0));
        assert_eq!(parse_time(b"0000/01/01", b"00:00:00"), Some(0));
    }

    #[test]
    fn escapes_are_those_of_rsync() {
        for (text, expected) in [
            ("a\\#012b", &b"a\nb"[..]),
            ("\\#377\\#376", b"\xff\xfe"),
            ("\\#777", b"\\#777"),
            ("\\#08", b"\\#08"),
            ("\\#134#101", b"\\#101"),
            ("\\", b"\\"),
            ("a b", b"a b"),
        ] {
            assert_eq!(&*unescape(text.as_bytes()), expected, "{text}");
        }
    }
}
