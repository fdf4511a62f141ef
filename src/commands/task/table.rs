//! Tables for a terminal, or for a pipe.

use std::io::{self, IsTerminal};

use encode::terminal::{cut, printable, width};

/// The columns of a terminal that does not tell them.
const USUAL_WIDTH: usize = 80;
/// What an empty cell shows.
const NOTHING: &str = "-";
/// The least columns that the last one is cut to.
const LEAST_LAST: usize = 10;

/// The columns of the terminal that `stream` is; `None` if it is none.
pub(super) fn terminal_width(stream: impl IsTerminal + std::os::fd::AsFd) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok();
    Some(size.map_or(USUAL_WIDTH, |size| usize::from(size.ws_col)).max(20))
}

/// Rows of text under headings.
pub(in crate::commands) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(in crate::commands) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row. What would do something to a terminal is escaped.
    pub(in crate::commands) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let shown = |cell: String| match printable(&cell) {
            cell if cell.is_empty() => NOTHING.to_owned(),
            cell => cell,
        };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The same without a column in which no row says anything.
    pub(in crate::commands) fn without_empty(mut self, heading: &str) -> Self {
        let column = self.rows.first().and_then(|row| row.iter().position(|cell| cell == heading));
        let says_nothing = |row: &Vec<String>, at| row.get(at).is_none_or(|cell| cell == NOTHING);
        if let Some(at) = column
            && self.rows.iter().skip(1).all(|row| says_nothing(row, at))
        {
            for row in self.rows.iter_mut().filter(|row| at < row.len()) {
                row.remove(at);
            }
        }
        self
    }

    /// The table for standard output.
    pub(in crate::commands) fn for_stdout(&self) -> String {
        self.render(terminal_width(io::stdout()))
    }

    /// The table, whose lines are cut to `max` columns.
    fn render(&self, max: Option<usize>) -> String {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..n_columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        if let Some(max) = max
            && let Some((last, others)) = widths.split_last_mut()
        {
            let used: usize = others.iter().map(|width| width + 2).sum();
            *last = (*last).min(max.saturating_sub(used).max(LEAST_LAST));
        }
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            let cells = row.iter().zip(&widths).enumerate();
            for (column, (cell, columns)) in cells {
                let cell = cut(cell, *columns);
                line += &cell;
                if column + 1 < n_columns {
                    line += &" ".repeat(columns.saturating_sub(width(&cell)) + 2);
                }
            }
            let line = max.map_or_else(|| line.clone(), |max| cut(&line, max));
            out += line.trim_end();
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["TASK", "STATE", "WHAT"]);
        table.row(["7".into(), "running".into(), "walk the tree of 日本".into()]);
        table.row(["123-456".into(), String::new(), "a\u{1b}[0m".into()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        assert_eq!(
            table().render(None),
            "TASK     STATE    WHAT\n\
             7        running  walk the tree of 日本\n\
             123-456  -        a\\u{1b}[0m\n"
        );
    }

    #[test]
    fn a_column_that_says_nothing_is_left_out() {
        let mut table = Table::new(&["TASK", "SITE", "WHAT"]);
        table.row(["7".into(), String::new(), "walk".into()]);
        let rendered = |table: &Table| table.render(None);
        assert_eq!(rendered(&table.without_empty("SITE")), "TASK  WHAT\n7     walk\n");
        let mut table = Table::new(&["TASK", "SITE", "WHAT"]);
        table.row(["7".into(), String::new(), "walk".into()]);
        table.row(["8".into(), "main".into(), "walk".into()]);
        let expected = "TASK  SITE  WHAT\n7     -     walk\n8     main  walk\n";
        assert_eq!(rendered(&table.without_empty("SITE")), expected);
    }

    #[test]
    fn the_last_column_is_cut_to_the_terminal() {
        assert_eq!(
            table().render(Some(30)),
            "TASK     STATE    WHAT\n\
             7        running  walk the tr…\n\
             123-456  -        a\\u{1b}[0m\n"
        );
        assert!(table().render(Some(20)).lines().all(|line| width(line) <= 20));
    }
}
