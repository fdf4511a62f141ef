//! Numbers and times as people read them.

/// `1 234 567`, with narrow blanks that do not break.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

pub(super) fn rate(per_second: f64) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is rounded for display, and a rate is not negative"
    )]
    let whole = || number(per_second.round() as u64);
    if per_second < 10.0 { format!("{per_second:.1}") } else { whole() }
}

/// The two largest units: `3 d 4 h`, `12 min 5 s`.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567).replace('\u{202f}', " "), "1 234 567");
        assert_eq!(number(123).replace('\u{202f}', " "), "123");
        let durations = [59, 61, 3_600, 90_000].map(duration);
        assert_eq!(durations, ["59 s", "1 min 1 s", "1 h 0 min", "1 d 1 h"]);
    }
}
