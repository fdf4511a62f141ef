//! Diagnostics of records that were mended or skipped, or with which clients fail. All are counted; a
//! limited number is kept as examples.

use std::fmt::{Display, Write};

use super::origin::{Origin, Place};
use model::one_line::one_line;

/// The most diagnostics of a kind that are kept with their value; further ones are only counted.
const KEPT_PER_KIND: usize = 100;

/// The most diagnostics of one problem that have a line each, if they are meant to.
const ALONE_PER_PROBLEM: usize = 20;

/// The effect of a fault on answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The record is used, in a form that every client takes.
    Mended,
    /// The record is left out. No other record is lost and no answer is wrong: requests for the
    /// missing record are answered like those for anything else that does not exist.
    Skipped,
    /// Some answer with status 200 makes a client fail, or install files that it cannot verify. The
    /// data are served nevertheless, because most answers are correct; `check` reports them as faulty.
    Harmful,
}

/// Diagnostics in the order in which their kinds first occurred.
#[derive(Debug, Default)]
pub struct Report {
    kinds: Vec<Kind>,
}

/// Diagnostics that differ in place and value only. The files of one folder are one place: a catalog can
/// have a file for each mirror.
#[derive(Debug)]
struct Kind {
    severity: Severity,
    /// The folder of the file if its name has one, else the file.
    folder: String,
    /// The table within the file, or nothing.
    table: &'static str,
    problem: &'static str,
    count: u64,
    examples: Vec<Diagnostic>,
}

#[derive(Debug)]
struct Diagnostic {
    /// The file's name as the operator knows it.
    file: String,
    line: Option<u64>,
    value: String,
}

impl Report {
    /// Adds a diagnostic of a record that is used: `problem` describes the fault and what was done
    /// about it, `value` is the faulty value.
    pub fn mended(&mut self, origin: &Origin, problem: &'static str, value: impl Display) {
        self.add(Severity::Mended, origin, problem, value);
    }

    /// Adds a diagnostic of a record that is left out.
    pub fn skipped(&mut self, origin: &Origin, problem: &'static str, value: impl Display) {
        self.add(Severity::Skipped, origin, problem, value);
    }

    /// Adds a diagnostic as [`Self::skipped`] does, with a line of its own: its place and value say more than
    /// the problem does. Those of one problem beyond the first 20 are counted together.
    pub fn skipped_alone(&mut self, origin: &Origin, problem: &'static str, value: impl Display) {
        let n_lines = self.kinds.iter().filter(|kind| kind.problem == problem).count();
        if n_lines < ALONE_PER_PROBLEM {
            let kind = Kind::new(Severity::Skipped, origin, problem);
            self.kinds.push(kind);
        }
        self.add(Severity::Skipped, origin, problem, value);
    }

    /// Adds a diagnostic of a record with which clients fail.
    pub fn harmful(&mut self, origin: &Origin, problem: &'static str, value: impl Display) {
        self.add(Severity::Harmful, origin, problem, value);
    }

    fn add(
        &mut self,
        severity: Severity,
        origin: &Origin,
        problem: &'static str,
        value: impl Display,
    ) {
        // There are a few dozen kinds at most: each is a literal of this program. The last counts, as one
        // may have been added for this diagnostic.
        let known = self.kinds.iter().rposition(|kind| kind.is_of(origin, problem));
        let index = known.unwrap_or_else(|| {
            self.kinds.push(Kind::new(severity, origin, problem));
            self.kinds.len() - 1
        });
        let Some(kind) = self.kinds.get_mut(index) else { return };
        kind.count += 1;
        if kind.examples.len() < KEPT_PER_KIND {
            let (file, value) = (origin.file().to_owned(), one_line(&value));
            let line = match origin.place() {
                Place::Line(line) => Some(line),
                Place::Table(_) => None,
            };
            kind.examples.push(Diagnostic { file, line, value });
        }
    }

    /// Adds the diagnostics of another report, such as one made on another thread.
    pub fn append(&mut self, other: Report) {
        self.kinds.extend(other.kinds);
    }

    /// The number of diagnostics.
    pub fn count(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// Whether there are no diagnostics.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// A line for each kind: its first place and value, and how many more there are.
    pub fn lines(&self) -> Vec<String> {
        self.lines_where(|_| true)
    }

    /// A line for each kind of fault with which clients fail.
    pub fn harmful_lines(&self) -> Vec<String> {
        self.lines_where(|severity| severity == Severity::Harmful)
    }

    /// A line for each kind of fault that was mended or skipped.
    pub fn harmless_lines(&self) -> Vec<String> {
        self.lines_where(|severity| severity != Severity::Harmful)
    }

    fn lines_where(&self, is_wanted: impl Fn(Severity) -> bool) -> Vec<String> {
        self.kinds
            .iter()
            .filter(|kind| is_wanted(kind.severity))
            .filter_map(|kind| {
                let mut line = kind.line(kind.examples.first()?);
                if kind.count > 1 {
                    let _ = write!(line, " (and {} more like it)", kind.count - 1);
                }
                Some(line)
            })
            .collect()
    }

    /// A line for each diagnostic that was kept, and one for each kind that has more.
    pub fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for kind in &self.kinds {
            lines.extend(kind.examples.iter().map(|example| kind.line(example)));
            let left_out = kind.count - kind.examples.len() as u64;
            if left_out > 0 {
                lines.push(format!("{}: {}: {left_out} more like it", kind.folder, kind.problem));
            }
        }
        lines
    }
}

impl Kind {
    /// A kind without diagnostics.
    fn new(severity: Severity, origin: &Origin, problem: &'static str) -> Self {
        let (folder, table) = (folder_of(origin.file()).to_owned(), table_of(origin));
        Self { severity, folder, table, problem, count: 0, examples: Vec::new() }
    }

    fn is_of(&self, origin: &Origin, problem: &'static str) -> bool {
        self.problem == problem
            && self.table == table_of(origin)
            && self.folder == folder_of(origin.file())
    }

    fn line(&self, example: &Diagnostic) -> String {
        let Self { table, problem, .. } = self;
        let Diagnostic { file, line, value } = example;
        match line {
            Some(line) => format!("{file}:{line}: {problem}: {value}"),
            None => format!("{file}: {table}: {problem}: {value}"),
        }
    }
}

/// The table within the file, or nothing.
fn table_of(origin: &Origin) -> &'static str {
    match origin.place() {
        Place::Line(_) => "",
        Place::Table(table) => table,
    }
}

fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_once_with_their_count() {
        let mut report = Report::default();
        for line in 1..=250 {
            let origin = Origin::line("netblocks.txt", line);
            report.skipped(&origin, "not a prefix, skipped", "x\ny");
        }
        report.harmful(&Origin::table("cache", "HCUrlCache"), "odd", "v".repeat(1_000));
        let lines = report.lines();
        assert_eq!(
            lines[0],
            "netblocks.txt:1: not a prefix, skipped: x\\ny (and 249 more like it)"
        );
        assert!(lines[1].starts_with("cache: HCUrlCache: odd: vvv"), "{}", lines[1]);
        assert!(lines[1].len() < 250, "{}", lines[1]);
        assert_eq!((report.harmless_lines(), report.harmful_lines()), {
            let (harmless, harmful) = lines.split_at(1);
            (harmless.to_vec(), harmful.to_vec())
        });
        assert_eq!(report.count(), 251);
        assert_eq!(report.details().len(), 102);
    }

    #[test]
    fn what_says_more_than_its_problem_has_a_line_of_its_own() {
        let mut report = Report::default();
        for line in 1..=25 {
            report.skipped_alone(&Origin::line("c.toml", line), "odd", line);
        }
        report.skipped(&Origin::line("c.toml", 1), "even", "x");
        let lines = report.lines();
        assert_eq!(lines.len(), 21);
        assert_eq!(
            (lines[0].as_str(), lines[18].as_str()),
            ("c.toml:1: odd: 1", "c.toml:19: odd: 19")
        );
        assert_eq!(lines[19], "c.toml:20: odd: 20 (and 5 more like it)");
        assert_eq!(lines[20], "c.toml:1: even: x");
        assert_eq!(report.count(), 26);
    }

    #[test]
    fn files_of_one_folder_are_told_together() {
        let mut report = Report::default();
        for (file, line) in [("c/mirrors/a.toml", 3), ("c/mirrors/b.toml", 1), ("c/c.toml", 9)] {
            report.skipped(&Origin::line(file, line), "odd", "x");
        }
        for file in ["a.txt", "b.txt"] {
            report.skipped(&Origin::line(file, 1), "odd", "x");
        }
        assert_eq!(
            report.lines(),
            [
                "c/mirrors/a.toml:3: odd: x (and 1 more like it)",
                "c/c.toml:9: odd: x",
                "a.txt:1: odd: x",
                "b.txt:1: odd: x",
            ]
        );
        assert_eq!(report.details()[1], "c/mirrors/b.toml:1: odd: x");
    }
}
