//! What was measured, beside what it should be.

use std::fmt;

/// Figures in the order in which they were measured.
#[derive(Default)]
pub struct Table {
    figures: Vec<Figure>,
}

struct Figure {
    what: String,
    target: String,
    measured: String,
}

impl Table {
    /// Adds a line.
    pub fn add(
        &mut self,
        what: impl Into<String>,
        target: impl Into<String>,
        measured: impl Into<String>,
    ) {
        self.figures.push(Figure {
            what: what.into(),
            target: target.into(),
            measured: measured.into(),
        });
    }

    /// Adds the lines of another one.
    pub fn append(&mut self, other: Self) {
        self.figures.extend(other.figures);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.figures.is_empty() {
            return Ok(());
        }
        writeln!(f, "| fault | target | measured |\n|---|---|---|")?;
        for Figure { what, target, measured } in &self.figures {
            writeln!(f, "| {what} | {target} | {measured} |")?;
        }
        Ok(())
    }
}
