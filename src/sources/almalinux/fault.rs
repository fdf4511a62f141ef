//! What can be wrong in a file: one line, with the key, the value and what would be right.

use std::fmt::Display;

use model::base_url::Redacted;
use model::one_line::one_line;

/// The most levels of lists and mappings within each other.
pub(super) const MAX_DEPTH: usize = 16;
/// The most keys, values, lists and mappings of a file.
pub(super) const MAX_NODES: usize = 50_000;

/// A fault and its line, counted from 1.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{problem}")]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) problem: Problem,
}

/// Why a file, or a value in it, cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The bytes are no text.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// YAML holds no such characters, and a parser may take one for the end of the file.
    #[error("the line holds the control character U+{0:04X}")]
    Control(u32),
    /// The text is no YAML.
    #[error("this is no YAML: {0}")]
    Syntax(String),
    /// An alias stands for any number of values.
    #[error("aliases (`*name`) are not read: write the value out")]
    Alias,
    /// A tag changes what a value means.
    #[error("tags (`!name`) are not read: put text in quotes")]
    Tag,
    /// The file holds several documents.
    #[error("a second document begins here: a file holds one")]
    SecondDocument,
    /// There is no document.
    #[error("the file is empty: it must hold keys with values")]
    Empty,
    /// Lists and mappings lie too deep within each other.
    #[error("lists and mappings lie more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Versions and repositories cannot be served at the URLs of the service.
    #[error("its versions and repositories make no routes: {0}")]
    Routes(String),
    /// The file is larger than any real one.
    #[error("the file holds more than {MAX_NODES} keys and values")]
    TooMany,
    /// A key is a list, a mapping or nothing.
    #[error("a key is {0}: keys are words")]
    Key(&'static str),
    /// A mapping holds a key twice.
    #[error("`{key}` is in line {first} already: remove one of them")]
    Twice {
        /// The key.
        key: String,
        /// The line where it was first.
        first: u64,
    },
    /// A value is not what it must be.
    #[error("`{key}` is {found}: {wanted}")]
    Value {
        /// The key with those around it, as in `geolocation.country`.
        key: String,
        /// The value, or its kind, fit for a log line.
        found: String,
        /// What would be right.
        wanted: String,
    },
    /// A key that nobody knows is so much like one that keeps clients from the mirror that it may be
    /// meant for it.
    #[error("`{key}` is no known key: write `{nearest}` if it is meant, or remove the line")]
    Misspelt {
        /// The key with those around it.
        key: String,
        /// The known key that is nearest, with those around it.
        nearest: String,
    },
    /// A key is missing.
    #[error("`{key}` is missing: {wanted}")]
    Missing {
        /// The key with those around it.
        key: String,
        /// What would be right.
        wanted: &'static str,
    },
}

impl Fault {
    /// A value that is not what it must be. A password in it is not shown.
    pub(super) fn value(line: u64, key: &str, found: &str, wanted: impl Display) -> Self {
        let found = format!("\"{}\"", one_line(&Redacted(found)));
        let (key, wanted) = (one_line(&key), one_line(&wanted));
        Self { line, problem: Problem::Value { key, found, wanted } }
    }

    /// A value of another kind than it must be.
    pub(super) fn kind(line: u64, key: &str, found: &str, wanted: &str) -> Self {
        let problem = Problem::Value {
            key: one_line(&key),
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        };
        Self { line, problem }
    }
}
