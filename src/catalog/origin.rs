//! The place where a record was read.

use std::fmt;
use std::sync::Arc;

/// The place where a record was read. Records of one place share it, so it is as small as a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    file: Box<str>,
    place: Place,
}

/// A place within a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A line, counted from 1.
    Line(u64),
    /// A part of the file by its name, such as a field of the protobuf.
    Table(&'static str),
}

impl Origin {
    /// A place in a file, by the name by which the operator knows the file.
    pub fn new(file: &str, place: Place) -> Self {
        Self(Arc::new(Inner { file: file.into(), place }))
    }

    /// A line, counted from 1.
    pub fn line(file: &str, line: u64) -> Self {
        Self::new(file, Place::Line(line))
    }

    /// A part of the file by its name.
    pub fn table(file: &str, name: &'static str) -> Self {
        Self::new(file, Place::Table(name))
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The place within the file.
    pub fn place(&self) -> Place {
        self.0.place
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Place::Line(line) => write!(f, "{}:{line}", self.file()),
            Place::Table(table) => write!(f, "{}: {table}", self.file()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_costs_a_record_one_pointer() {
        assert_eq!(size_of::<Origin>(), size_of::<usize>());
        assert_eq!(Origin::line("netblocks.txt", 7).to_string(), "netblocks.txt:7");
        assert_eq!(Origin::table("cache", "HCUrlCache").to_string(), "cache: HCUrlCache");
    }
}
