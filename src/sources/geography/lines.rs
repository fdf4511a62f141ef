//! Lines of a text table: up to a limit, and in UTF-8. Other lines are reported and skipped.

use std::ops::ControlFlow;

use catalog::{Origin, Report};

/// The most bytes of a line; a longer one belongs to another kind of file.
const MAX_LINE: usize = 4_096;

/// A line of a file, and the report that gets what is wrong with it.
pub(super) struct Line<'a, 'r> {
    /// Without the line break.
    pub(super) text: &'a str,
    /// Counted from 1.
    pub(super) number: u64,
    file: &'r str,
    report: &'r mut Report,
}

impl Line<'_, '_> {
    /// Reports the line as used, but not as it is written.
    pub(super) fn mended(&mut self, problem: &'static str) {
        self.report.mended(&Origin::line(self.file, self.number), problem, self.text.trim());
    }

    /// Reports the line as left out.
    pub(super) fn skipped(&mut self, problem: &'static str) {
        self.report.skipped(&Origin::line(self.file, self.number), problem, self.text.trim());
    }

    /// Whether it is a comment.
    pub(super) fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with(['#', ';', '%', '!'])
    }
}

/// Calls `read` with each line until it breaks. A byte order mark at the beginning is no part of the first
/// line.
pub(super) fn for_each_line<'a, B>(
    file: &str,
    bytes: &'a [u8],
    report: &mut Report,
    mut read: impl FnMut(Line<'a, '_>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return ControlFlow::Continue(());
    }
    for (number, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        if text.len() > MAX_LINE {
            let start = String::from_utf8_lossy(text.get(..80).unwrap_or(&[]));
            let value = format_args!("{start}…");
            let problem = "line is longer than 4,096 bytes, skipped";
            report.skipped(&Origin::line(file, number), problem, value);
            continue;
        }
        match std::str::from_utf8(text) {
            Ok(text) => read(Line { text, number, file, report })?,
            Err(_) => {
                let text = String::from_utf8_lossy(text);
                report.skipped(&Origin::line(file, number), "line is not UTF-8, skipped", text);
            }
        }
    }
    ControlFlow::Continue(())
}
