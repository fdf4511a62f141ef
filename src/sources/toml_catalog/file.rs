//! A file of a catalog, and the places in it.

use std::path::Path;

use toml::de::DeTable;

use crate::declared::fault::{Fault, Faults, Problem};
use catalog::Origin;
use model::one_line::one_line;

/// The most syntax errors of a file that are reported: one error can make others.
const MAX_SYNTAX_ERRORS: usize = 20;

/// The name of a file and where its lines begin.
#[derive(Debug)]
pub(super) struct File {
    name: String,
    /// Offsets of the lines after the first, ascending.
    starts: Vec<usize>,
}

impl File {
    /// A file with this text. `name` is for messages.
    pub(super) fn new(name: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { name: name.into(), starts: ends.map(|(offset, _)| offset + 1).collect() }
    }

    /// The place of a byte.
    pub(super) fn origin(&self, offset: usize) -> Origin {
        let line = self.starts.partition_point(|&start| start <= offset) + 1;
        Origin::line(&self.name, line as u64)
    }
}

/// The name of a file in messages: its path as the operator wrote it.
pub(super) fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// Parses a text. `None` if it is no TOML; a key that is repeated is reported, and its first value used.
pub(super) fn parse<'a>(file: &File, text: &'a str, faults: &mut Faults) -> Option<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut n_broken = 0;
    for error in &errors {
        // Errors at the end of the text have no place.
        let span = error.span().unwrap_or(text.len()..text.len());
        let origin = || file.origin(span.start.min(text.len().saturating_sub(1)));
        if error.message().starts_with("duplicate key") {
            let key = text.get(span.clone()).unwrap_or_default();
            faults.push_with(|| Fault::new(&origin(), key, Problem::KeyRepeated));
        } else {
            n_broken += 1;
            if n_broken <= MAX_SYNTAX_ERRORS {
                let message = one_line(&error.message());
                faults.push(Fault::new(&origin(), "", Problem::Syntax(message)));
            }
        }
    }
    (n_broken == 0).then(|| table.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn faults(text: &str) -> String {
        let mut faults = Faults::default();
        parse(&File::new("c.toml", text), text, &mut faults);
        faults.to_string()
    }

    #[test]
    fn lines_are_counted_from_one() {
        let file = File::new("c.toml", "a\n\nb");
        for (offset, line) in [(0, 1), (1, 1), (2, 2), (3, 3), (9, 3)] {
            assert_eq!(file.origin(offset).to_string(), format!("c.toml:{line}"), "{offset}");
        }
    }

    #[test]
    fn syntax_errors_name_their_line() {
        for (text, line) in [
            ("a = 1\nb = \n", 2),
            ("a = 1\n\n[b\n", 3),
            ("a = \"x\nb = 2\n", 1),
            ("a = 1\nb = [1,\n\n", 2),
            ("a = 1 2", 1),
            ("a = 1\n\u{0}\n", 2),
        ] {
            let told = faults(text);
            let start = format!("c.toml:{line}: is no valid TOML here: ");
            assert!(told.starts_with(&start), "{text:?}: {told}");
        }
        let told = faults("a = 1\nb = 2\na = 3\n");
        assert_eq!(told, "c.toml:3: a: is written twice: keep one of them");
    }
}
