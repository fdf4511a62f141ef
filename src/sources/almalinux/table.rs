//! Mappings read by their known keys: each value with its kind checked, each other key named.

use catalog::{Origin, Report};
use model::one_line::one_line;

use super::fault::{Fault, Problem};
use super::yaml::{Entry, Node, Value};

/// The longest text that is taken, in bytes: URLs are shorter.
const MAX_TEXT: usize = 1_000;
/// The longest text for people, in characters.
const MAX_LINE: usize = 200;

/// The file that is read.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    /// Its name in messages.
    pub(super) name: &'a str,
}

impl File<'_> {
    /// A line of the file, as the origin of what was read there.
    pub(super) fn origin(self, line: u64) -> Origin {
        Origin::line(self.name, line)
    }
}

/// The known keys of a mapping.
pub(super) struct Table<'a> {
    /// The keys around it with a dot at the end, or nothing.
    path: &'a str,
    line: u64,
    /// Each known key that is there.
    fields: Vec<(&'static str, &'a Entry)>,
}

/// A value with the name of its key.
#[derive(Clone)]
pub(super) struct Field<'a> {
    /// The key with those around it, as in `geolocation.country`.
    pub(super) name: String,
    pub(super) node: &'a Node,
}

impl<'a> Table<'a> {
    /// Reads a mapping. Keys that differ from a known one in their case are taken for it; others are
    /// reported and skipped.
    pub(super) fn read(
        place: (&'a str, &'a Node),
        known: &[&'static str],
        file: File<'_>,
        report: &mut Report,
    ) -> Result<Self, Fault> {
        Self::read_guarded(place, known, &[], file, report)
    }

    /// Reads a mapping as [`Self::read`] does. An unknown key that is probably meant for one of `guarding`
    /// is a fault: without that key, the mirror would be for everybody.
    pub(super) fn read_guarded(
        (path, node): (&'a str, &'a Node),
        known: &[&'static str],
        guarding: &[&str],
        file: File<'_>,
        report: &mut Report,
    ) -> Result<Self, Fault> {
        let Value::Table(entries) = &node.value else {
            let name = path.strip_suffix('.').unwrap_or("file");
            let wanted = "write keys with values (`key: value`)";
            return Err(Fault::kind(node.line, name, node.value.kind(), wanted));
        };
        let mut fields: Vec<(&'static str, &Entry)> = Vec::new();
        for entry in entries {
            if let Some(&key) = known.iter().find(|&&known| known == entry.key) {
                fields.push((key, entry));
            }
        }
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let origin = file.origin(entry.line);
            let name = format!("{path}{}", entry.key);
            let same = known.iter().find(|known| known.eq_ignore_ascii_case(&entry.key));
            match same.filter(|&same| !fields.iter().any(|(key, _)| key == same)) {
                Some(&key) => {
                    fields.push((key, entry));
                    let value = format_args!("`{name}` is read as `{path}{key}`");
                    report.mended(&origin, "key in other letters, mended", value);
                }
                None => {
                    let nearest = find_nearest(&entry.key, known);
                    if let Some(nearest) = nearest.filter(|key| guarding.contains(key)) {
                        let (key, nearest) = (one_line(&name), format!("{path}{nearest}"));
                        let problem = Problem::Misspelt { key, nearest };
                        return Err(Fault { line: entry.line, problem });
                    }
                    let nearest = nearest.map(|key| format!(" (did you mean `{path}{key}`?)"));
                    let value = format_args!("`{name}`{}", nearest.unwrap_or_default());
                    report.skipped(&origin, "unknown key, skipped", value);
                }
            }
        }
        Ok(Self { path, line: node.line, fields })
    }

    /// The line where it begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The value of a key; `None` if it is not there.
    pub(super) fn find(&self, key: &'static str) -> Option<Field<'a>> {
        let (_, entry) = self.fields.iter().find(|(known, _)| *known == key)?;
        Some(Field { name: format!("{}{key}", self.path), node: &entry.value })
    }

    /// The value of a key that must be there.
    pub(super) fn get(&self, key: &'static str, wanted: &'static str) -> Result<Field<'a>, Fault> {
        let missing = || Problem::Missing { key: format!("{}{key}", self.path), wanted };
        self.find(key).ok_or_else(|| Fault { line: self.line, problem: missing() })
    }
}

/// The known key that is at most two letters away; `None` if none is.
fn find_nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    // The time grows with the product of the lengths.
    let distance = |known: &str| strsim::osa_distance(&key.to_ascii_lowercase(), known);
    let near = known.iter().filter(|known| key.len() <= known.len() + 2);
    let nearest = near.map(|&known| (distance(known), known)).min()?;
    (nearest.0 <= 2 && nearest.0 < nearest.1.len() / 2).then_some(nearest.1)
}

impl<'a> Field<'a> {
    /// Its line.
    pub(super) fn line(&self) -> u64 {
        self.node.line
    }

    /// A fault of this value.
    pub(super) fn fault(&self, wanted: &str) -> Fault {
        match &self.node.value {
            Value::Text(text) => Fault::value(self.node.line, &self.name, text, wanted),
            other => Fault::kind(self.node.line, &self.name, other.kind(), wanted),
        }
    }

    /// Its text without blanks around it, in one line; not empty.
    pub(super) fn text(&self, wanted: &str) -> Result<&'a str, Fault> {
        match &self.node.value {
            Value::Text(text) => {
                let text = text.trim();
                let is_fine =
                    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control);
                if is_fine { Ok(text) } else { Err(self.fault(wanted)) }
            }
            _ => Err(self.fault(wanted)),
        }
    }

    /// Its text, where it may be nothing.
    pub(super) fn optional_text(&self, wanted: &str) -> Result<Option<&'a str>, Fault> {
        match self.node.value {
            Value::Nothing => Ok(None),
            _ => self.text(wanted).map(Some),
        }
    }

    /// Its text for people, where it may be nothing: one line, at most 200 characters, without marks that
    /// turn the direction of writing and without what XML cannot hold.
    pub(super) fn line_of_text(&self, wanted: &str) -> Result<Option<&'a str>, Fault> {
        let is_odd = |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}');
        match self.optional_text(wanted)? {
            Some(text) if text.chars().any(is_odd) || text.chars().count() > MAX_LINE => {
                Err(self.fault(wanted))
            }
            text => Ok(text),
        }
    }

    /// Whether it says yes or no, in the words of YAML 1.1, which the original reads.
    pub(super) fn flag(&self) -> Result<bool, Fault> {
        let wanted = "write true or false";
        let text = self.text(wanted)?.to_ascii_lowercase();
        match &*text {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(self.fault(wanted)),
        }
    }

    /// The items of a list; nothing is an empty list.
    pub(super) fn items(
        &self,
        wanted: &str,
    ) -> Result<impl Iterator<Item = Self> + use<'a>, Fault> {
        let items = match &self.node.value {
            Value::List(items) => &items[..],
            Value::Nothing => &[],
            _ => return Err(self.fault(wanted)),
        };
        let name = self.name.clone();
        Ok(items.iter().map(move |node| Self { name: name.clone(), node }))
    }

    /// The entries of a mapping whose keys are not known before; nothing is an empty one.
    pub(super) fn entries(
        &self,
        wanted: &str,
    ) -> Result<impl Iterator<Item = (&'a Entry, Self)> + use<'a>, Fault> {
        let entries = match &self.node.value {
            Value::Table(entries) => &entries[..],
            Value::Nothing => &[],
            _ => return Err(self.fault(wanted)),
        };
        let name = self.name.clone();
        Ok(entries.iter().map(move |entry| {
            let name = format!("{name}.{}", one_line(&entry.key));
            (entry, Self { name, node: &entry.value })
        }))
    }
}
