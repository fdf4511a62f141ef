//! Breaks each line of a catalog in several ways.

use crate::declared::fault::Faults;

use super::super::parse;

/// Whether a line is part of the catalog, and no comment.
pub(in super::super) fn is_code(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The key that a line gives a value.
pub(in super::super) fn key_of(line: &str) -> Option<&str> {
    line.split_once(" = ").map(|(key, _)| key)
}

/// The text with another line in place of that at `n`.
pub(in super::super) fn with_line(text: &str, n: usize, line: &str) -> String {
    let lines = text.lines().enumerate();
    lines.map(|(at, old)| format!("{}\n", if at == n { line } else { old })).collect()
}

/// Whether a fault is in that line.
pub(in super::super) fn names_line(faults: &Faults, line: u64) -> bool {
    faults.iter().any(|fault| fault.line() == Some(line))
}

/// Breaks each line: as TOML, its key, and its value. Each must be a fault in that line, but for those for
/// which `is_fine` says that another key or value is right there, by the head of the table and the new
/// line. Returns the number of lines.
#[track_caller]
pub(in super::super) fn break_lines(text: &str, is_fine: impl Fn(&str, &str) -> bool) -> usize {
    let mut n_lines = 0;
    let mut head = "";
    for (n, line) in text.lines().enumerate().filter(|(_, line)| is_code(line)) {
        if line.starts_with('[') {
            head = line;
        }
        n_lines += 1;
        let number = n as u64 + 1;
        let mut broken =
            vec![format!("{line} ?"), format!("{line}]"), line.replace(['=', ']'], "")];
        if let Some(key) = key_of(line) {
            broken.push(line.replacen(key, &format!("{key}x"), 1));
            for value in ["1979-05-27", "{ x = 1 }", "\"\"", "[]", "-1", "\"\\u0007\""] {
                broken.push(format!("{key} = {value}"));
            }
        }
        for broken in broken.into_iter().filter(|broken| !is_fine(head, broken)) {
            let text = with_line(text, n, &broken);
            let faults = parse("catalog.toml", &text).expect_err(&text);
            assert!(names_line(&faults, number), "{number}: {broken}\n{faults}");
        }
    }
    n_lines
}
