//! Texts of the store, numbers and times as people read them.

use std::fmt;

use store::record::Timestamp;

/// The most bytes that are shown of a line.
pub(super) const MAX_LINE: usize = 500;
/// The most bytes that are shown of arguments, results and errors.
pub(super) const MAX_BLOCK: usize = 16 * 1024;

/// A text that somebody else has written, bounded, with everything visible that would change how the text
/// around it looks. Templates get texts of the store in this type only, and escape it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Shown(String);

impl Shown {
    /// On one line, of at most [`MAX_LINE`] bytes.
    pub(super) fn line(text: &str) -> Self {
        Self::bounded(text, MAX_LINE, false)
    }

    /// On one line, shorter, where there are many of them.
    pub(super) fn short(text: &str) -> Self {
        Self::bounded(text, MAX_LINE / 3, false)
    }

    /// With its lines, of at most [`MAX_BLOCK`] bytes.
    pub(super) fn block(text: &str) -> Self {
        Self::bounded(text, MAX_BLOCK, true)
    }

    /// With its lines, of at most so many bytes and never more than [`MAX_BLOCK`].
    pub(super) fn block_of(text: &str, max: usize) -> Self {
        Self::bounded(text, max.min(MAX_BLOCK), true)
    }

    fn bounded(text: &str, max: usize, keeps_lines: bool) -> Self {
        let mut shown = String::with_capacity(text.len().min(max));
        let mut n_read = 0;
        for character in text.chars() {
            n_read += character.len_utf8();
            if n_read > max {
                shown.push('…');
                break;
            }
            match character {
                '\n' if keeps_lines => shown.push('\n'),
                '\n' | '\t' => shown.push(' '),
                _ if is_unseen(character) => shown.extend(character.escape_unicode()),
                _ => shown.push(character),
            }
        }
        Self(shown)
    }

    /// How many bytes there are to be seen.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is to be seen.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character is invisible and yet has an effect: control characters, those that turn the direction
/// of writing, those of no width, and tags.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A point in time, seen from now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct When {
    /// For programs: `2026-11-21T11:01:29Z`.
    pub(super) machine: String,
    /// For people, in UTC: `2026-11-21 11:01:29`.
    pub(super) absolute: String,
    /// `3 min ago`, `in 4 h 5 min`.
    pub(super) relative: String,
    /// How long it has been: `3 min`; of what is still to come, `0 s`.
    pub(super) since: String,
}

impl When {
    /// The time `at`, seen from `now`.
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        let seconds = u64::try_from(at.0.div_euclid(1_000)).unwrap_or(0);
        let machine = model::date::Timestamp { seconds }.to_string();
        let absolute = machine.trim_end_matches('Z').replace('T', " ");
        let away = now.since(at);
        let relative = match away {
            0..1_000 => "just now".to_owned(),
            1_000.. => format!("{} ago", coarse(away)),
            _ => format!("in {}", coarse(away.saturating_neg())),
        };
        Self { machine, absolute, relative, since: coarse(away) }
    }
}

/// A duration in milliseconds, to the millisecond if it is short.
pub(super) fn duration(milliseconds: i64) -> String {
    match milliseconds.max(0) {
        short @ 0..1_000 => format!("{short}\u{a0}ms"),
        #[allow(clippy::cast_precision_loss, reason = "it is small, and rounded for display")]
        short @ 1_000..60_000 => format!("{:.1}\u{a0}s", short as f64 / 1_000.0),
        long => coarse(long),
    }
}

/// A duration in milliseconds, as its two largest units: `3 d 4 h`, `12 min 5 s`.
pub(super) fn coarse(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let pair = match (days, hours, minutes) {
        (0, 0, 0) => [(seconds, "s"), (0, "")],
        (0, 0, _) => [(minutes, "min"), (seconds % 60, "s")],
        (0, _, _) => [(hours, "h"), (minutes % 60, "min")],
        _ => [(days, "d"), (hours % 24, "h")],
    };
    let parts = pair.iter().enumerate().filter(|(place, (n, _))| *place == 0 || *n > 0);
    parts.map(|(_, (n, unit))| format!("{n}\u{a0}{unit}")).collect::<Vec<_>>().join("\u{a0}")
}

/// `1 234 567`, with narrow blanks that do not break.
pub(super) fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    if n < 0 {
        text.push('−');
    }
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 task`, `2 tasks`.
pub(super) fn count(n: i64, one: &str) -> String {
    format!("{}\u{a0}{one}{}", number(n), if n == 1 { "" } else { "s" })
}

/// How many of hundred `part` is of `whole`.
pub(super) fn percent(part: i64, whole: i64) -> i64 {
    let percent = i128::from(part.max(0)) * 100 / i128::from(whole.max(1));
    i64::try_from(percent).unwrap_or(100).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        let hostile = "a\u{202e}b\u{0}c\u{200b}d\ne\tf";
        assert_eq!(Shown::line(hostile).to_string(), "a\\u{202e}b\\u{0}c\\u{200b}d e f");
        assert_eq!(Shown::block("a\nb\r").to_string(), "a\nb\\u{d}");
        assert_eq!(Shown::line("Grüße, 🦀").to_string(), "Grüße, 🦀");
    }

    #[test]
    fn texts_are_cut() {
        let long = Shown::line(&"ä".repeat(10_000)).to_string();
        assert_eq!(long, "ä".repeat(MAX_LINE / 2) + "…");
        assert!(Shown::block(&"\u{202e}".repeat(100_000)).to_string().len() < 8 * MAX_BLOCK);
    }

    #[test]
    fn times_are_told_from_now() {
        let now = Timestamp(1_795_258_889_000);
        let told = |milliseconds| When::new(now.plus(milliseconds), now).relative;
        assert_eq!(told(0), "just now");
        assert_eq!(told(-999), "just now");
        assert_eq!(told(-61_000).replace('\u{a0}', " "), "1 min 1 s ago");
        assert_eq!(told(90_000_000).replace('\u{a0}', " "), "in 1 d 1 h");
        let when = When::new(now, now);
        assert_eq!(
            (&*when.machine, &*when.absolute),
            ("2026-11-21T11:01:29Z", "2026-11-21 11:01:29")
        );
        for odd in [i64::MIN, -1, i64::MAX] {
            let when = When::new(Timestamp(odd), now);
            assert!(when.machine.ends_with('Z'), "{when:?}");
            assert!(!When::new(now, Timestamp(odd)).since.is_empty());
        }
    }

    #[test]
    fn durations_and_numbers_are_for_people() {
        let plain = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
        let durations =
            [0, 120, 4_250, 61_000, 3_600_000, 90_000_000, i64::MIN].map(duration).map(plain);
        assert_eq!(durations, ["0 ms", "120 ms", "4.2 s", "1 min 1 s", "1 h", "1 d 1 h", "0 ms"]);
        assert_eq!(plain(number(-1_234_567)), "−1 234 567");
        assert_eq!([count(1, "task"), count(2, "task")].map(plain), ["1 task", "2 tasks"]);
        assert_eq!(
            [percent(1, 3), percent(9, 3), percent(1, 0), percent(i64::MAX, i64::MAX)],
            [33, 100, 100, 100]
        );
    }
}
