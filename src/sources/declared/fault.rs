//! Faults of a catalog that people write: the place, the key, the value, and what would be right.
//!
//! A reader collects all faults and returns them together, so that a catalog is mended in one go. Each is
//! one line: ``catalog.toml:14: mirror.country: "Germany" is no country: write its two letters, as in
//! "DE"``. Passwords in URLs are not shown.

use std::fmt::{self, Display};

use catalog::{Origin, Place};
use model::base_url::{BadUrl, Redacted};
use model::embedded::BadNat64Prefix;
use model::net::{BadPrefix, Prefix};
use model::one_line::one_line;

/// The most faults that are kept; further ones are only counted.
const MAX_KEPT: usize = 500;

/// All faults of a catalog; none if it is sound.
#[derive(Debug, Default)]
pub struct Faults {
    kept: Vec<Fault>,
    n_more: u64,
}

/// A fault of a catalog.
#[derive(Debug)]
pub struct Fault {
    /// The file, as the operator named it.
    file: String,
    /// Counted from 1; `None` for a fault of the file as a whole.
    line: Option<u64>,
    /// The key with its table, as in `mirror.country`; empty if no key is at fault.
    key: String,
    problem: Problem,
}

impl Fault {
    /// A fault of a key at a place.
    pub fn new(origin: &Origin, key: &str, problem: Problem) -> Self {
        let line = match origin.place() {
            Place::Line(line) => Some(line),
            Place::Table(_) => None,
        };
        Self { file: origin.file().into(), line, key: key.into(), problem }
    }

    /// A fault of a file as a whole.
    pub fn of_file(file: impl Display, problem: Problem) -> Self {
        Self { file: file.to_string(), line: None, key: String::new(), problem }
    }

    /// The line of the fault, counted from 1; `None` for a fault of the file as a whole.
    pub fn line(&self) -> Option<u64> {
        self.line
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, problem } = self;
        let message = problem.to_string();
        // Names of files and keys can hold any character.
        write!(f, "{}", one_line(file))?;
        if let Some(line) = line {
            write!(f, ":{line}")?;
        }
        match key.as_str() {
            "" => write!(f, ": {message}"),
            key => write!(f, ": {}: {message}", one_line(&key)),
        }
    }
}

impl Faults {
    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.push_with(|| fault);
    }

    /// Adds a fault, which is made only if it is kept.
    pub fn push_with(&mut self, make: impl FnOnce() -> Fault) {
        match self.kept.len() >= MAX_KEPT {
            true => self.n_more += 1,
            false => self.kept.push(make()),
        }
    }

    /// Adds the faults of another collection.
    pub fn append(&mut self, other: Self) {
        other.kept.into_iter().for_each(|fault| self.push(fault));
        self.n_more += other.n_more;
    }

    /// The number of faults.
    pub fn count(&self) -> u64 {
        self.kept.len() as u64 + self.n_more
    }

    /// Whether there is no fault.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The faults that are kept.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.iter()
    }

    /// Returns `value` if there is no fault; otherwise the faults, sorted by their places.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.kept.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(self)
    }
}

impl Display for Faults {
    /// Writes a line for each fault, without a line break at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.kept.iter().enumerate() {
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        match self.n_more {
            0 => Ok(()),
            n => write!(f, "\nand {n} more faults like these"),
        }
    }
}

impl std::error::Error for Faults {}

/// A value as messages show it: one line, not too long, without a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown(String);

impl Shown {
    /// A text, in quotes.
    pub fn text(text: &str) -> Self {
        match text.contains("://") {
            true => Self::url(text),
            false => Self(format!("\"{}\"", one_line(&text))),
        }
    }

    /// A text that should be a URL, in quotes.
    pub fn url(text: &str) -> Self {
        Self(format!("\"{}\"", one_line(&Redacted(text))))
    }

    /// Anything else, as it is.
    pub fn plain(value: impl Display) -> Self {
        Self(one_line(&value))
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong, and what would be right.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what each field is")]
pub enum Problem {
    /// The file cannot be read, or is none of a catalog.
    #[error("{0}")]
    File(String),
    /// The text of the file is no TOML.
    #[error("is no valid TOML here: {0}")]
    Syntax(String),
    /// A key occurs twice in one table.
    #[error("is written twice: keep one of them")]
    KeyRepeated,
    /// The value is of another kind.
    #[error("{value} is no {what}: write {write}")]
    NotA { value: Shown, what: &'static str, write: &'static str },
    /// The value is no base URL.
    #[error("{value} {reason}: write a base URL, as in \"https://mirror.example.org/pub\"")]
    Url { value: Shown, reason: BadUrl },
    /// The value is no network.
    #[error("{value} {reason}: write a network, as in \"192.0.2.0/24\" or \"2001:db8::/32\"")]
    Prefix { value: Shown, reason: BadPrefix },
    /// The value is an address within a network, and not the network.
    #[error("{value} has bits set behind its length: write \"{network}\"")]
    HostBits { value: Shown, network: Prefix },
    /// The value is no NAT64 prefix.
    #[error("{value} {reason}: write a prefix of RFC 6052, as in \"2001:db8:64::/96\"")]
    Nat64 { value: Shown, reason: BadNat64Prefix },
    /// A number is too small or too large.
    #[error("{value} is not in {min} to {max}{unit}")]
    Range { value: Shown, min: i64, max: i64, unit: &'static str },
    /// A text or a list is empty.
    #[error("is empty: {write}")]
    Empty { write: &'static str },
    /// A key is not known.
    #[error("is not a key of {table}{instead}")]
    UnknownKey { table: &'static str, instead: Instead },
    /// A key or a table is missing.
    #[error("is missing: write {write}")]
    Missing { write: &'static str },
    /// A list holds a value twice.
    #[error("{value} occurs twice in the list: keep one of them")]
    Twice { value: Shown },
    /// Two keys contradict each other.
    #[error("and `{other}` exclude each other: keep one of them")]
    Excludes { other: &'static str },
    /// A key means nothing without another.
    #[error("means nothing without `{other}`: write that, too")]
    Needs { other: &'static str },
    /// Nobody would be served.
    #[error("no client would get this mirror: name its clients with `networks` or `asns`")]
    Nobody,
    /// A network has neither a country nor a name.
    #[error("says nothing of the network: write `country` or `name`, too")]
    NothingSaid,
    /// A template names a word that is not replaced.
    #[error("{value} holds {{{word}}}{instead}")]
    Word { value: Shown, word: String, instead: Instead },
    /// A template holds a brace that is part of no word.
    #[error("{value} holds a single brace: the words that are replaced are written as in {{arch}}")]
    Brace { value: Shown },
    /// A template names versions, but there are none.
    #[error("{value} holds {{version}}, but the repository has no versions")]
    NoVersions { value: Shown },
    /// A template lacks a word without which aliases are equal.
    #[error("mean nothing, as `name_template` does not hold {{name}}")]
    SameAliases,
    /// A value is not in the list that it refers to.
    #[error("{value} is none of its {list}")]
    NotAmong { value: Shown, list: &'static str },
    /// There is too much of something.
    #[error("holds {n} {what}, more than the {max} that are accepted")]
    TooMany { what: &'static str, n: u64, max: u64 },
    /// A mirror in a folder says its key.
    #[error("is the name of the file in a folder, here \"{0}\": leave the key out")]
    KeyInFolder(String),
    /// The mirrors of a folder are not in files of their own.
    #[error("is a file of its own in a folder: move it to mirrors/KEY.toml, without its head")]
    MirrorInFolder,
    /// The file of a mirror has the head that mirrors have elsewhere.
    #[error("a mirror's file in a folder holds its keys alone: leave the head [[mirror]] out")]
    MirrorHead,

    /// Two mirrors have one key, now or formerly.
    #[error("{value} is the key of two mirrors: also at {other}")]
    MirrorTwice { value: Shown, other: Origin },
    /// A URL is listed twice.
    #[error("{value} is listed twice: also at {other}")]
    UrlTwice { value: Shown, other: Origin },
    /// A network is described twice.
    #[error("{value} is described twice: also at {other}")]
    NetworkTwice { value: Shown, other: Origin },
    /// A pair of `repo=` and `arch=` means two directories.
    #[error("repo={repo} with arch={arch} is made twice: also at {other}")]
    PairTwice { repo: Shown, arch: Shown, other: Origin },
    /// Another name of a repository has a meaning already.
    #[error("repo={repo} has a meaning already: see {other}")]
    NameTaken { repo: Shown, other: Origin },
    /// A redirect leads to a repository that does not exist.
    #[error("leads to {to}, which is no name of a repository{instead}")]
    LeadsNowhere { to: Shown, instead: Instead },
    /// Redirects lead in a circle.
    #[error("leads in a circle: {0}")]
    Circle(Shown),
    /// A name is that of a group and of a repository.
    #[error("{value} is a repository, too: mirrors could not say which they carry; see {other}")]
    GroupIsRepository { value: Shown, other: Origin },
    /// A mirror carries something that does not exist.
    #[error("{value} is no {what}{instead}")]
    NothingCarried { value: Shown, what: &'static str, instead: Instead },
    /// A mirror carries a combination that does not exist.
    #[error("names no repository: none has one of these versions with one of these architectures")]
    NothingCombined,
    /// A route or a map is wrong.
    #[error("{problem}{instead}")]
    Route { problem: routes::Problem, instead: Instead },
    /// A name of sources means a repository for other architectures.
    #[error(
        "repo={repo} holds \"source\", so that every request for it means arch=source: write {write}"
    )]
    SourceArch { repo: Shown, write: &'static str },
}

/// What could have been meant instead; shown as the end of a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Instead {
    /// A similar word.
    Similar(String),
    /// The same key in another place: the head of a table, or the name of a file.
    Elsewhere(&'static str),
    /// The other place of what may be there once.
    AlsoAt(Origin),
    /// Any of these words.
    AnyOf(Vec<String>),
    /// Nothing is known.
    Nothing,
}

/// The longest word that is compared with others.
const MAX_COMPARED: usize = 64;
/// The most known words that are shown or compared with.
const MAX_KNOWN: usize = 1_000;

impl Instead {
    /// Finds what is most like `word` among the known words.
    pub fn find<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().take(MAX_KNOWN).collect();
        let word = word.get(..MAX_COMPARED.min(word.len())).unwrap_or("").to_ascii_lowercase();
        let distance = |known: &str| {
            let known = known.get(..MAX_COMPARED.min(known.len())).unwrap_or("");
            strsim::osa_distance(&word, &known.to_ascii_lowercase())
        };
        let nearest = known.iter().map(|known| (distance(known), *known)).min_by_key(|pair| pair.0);
        match nearest {
            Some((distance, nearest)) if distance <= (nearest.len() / 3).max(1) => {
                Self::Similar(nearest.to_owned())
            }
            Some(_) if known.len() <= 30 => {
                Self::AnyOf(known.into_iter().map(str::to_owned).collect())
            }
            _ => Self::Nothing,
        }
    }
}

impl Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Similar(word) => write!(f, ": did you mean `{}`?", one_line(word)),
            Self::Elsewhere(place) => write!(f, ": it belongs into {place}"),
            Self::AlsoAt(origin) => write!(f, ": also at {origin}"),
            Self::AnyOf(words) => {
                f.write_str("; known are ")?;
                for (n, word) in words.iter().enumerate() {
                    let separator = if n == 0 { "" } else { ", " };
                    write!(f, "{separator}`{}`", one_line(word))?;
                }
                Ok(())
            }
            Self::Nothing => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_with_place_key_value_and_what_would_be_right() {
        let origin = Origin::line("catalog.toml", 14);
        let problem = Problem::NotA {
            value: Shown::text("Ger\nmany"),
            what: "country",
            write: "its two letters, as in \"DE\"",
        };
        assert_eq!(
            Fault::new(&origin, "mirror.country", problem).to_string(),
            r#"catalog.toml:14: mirror.country: "Ger\nmany" is no country: write its two letters, as in "DE""#
        );
        let fault = Fault::of_file("mirrors/a\nb.toml", Problem::File("is a pipe".into()));
        assert_eq!(fault.to_string(), r"mirrors/a\nb.toml: is a pipe");
    }

    #[test]
    fn passwords_are_not_shown() {
        for shown in [Shown::url("https://me:secret@m.example/x"), Shown::text("x://a:secret@b/")] {
            assert!(!shown.to_string().contains("secret"), "{shown}");
        }
    }

    #[test]
    fn similar_words_are_proposed_and_few_are_listed() {
        let find = |word: &str| Instead::find(word, ["networks", "name", "urls"]).to_string();
        assert_eq!(find("network"), ": did you mean `networks`?");
        assert_eq!(find("netwokrs"), ": did you mean `networks`?");
        assert_eq!(find("URLs"), ": did you mean `urls`?");
        assert_eq!(find("colour"), "; known are `networks`, `name`, `urls`");
        assert_eq!(find(&"é".repeat(1_000)), "; known are `networks`, `name`, `urls`");
        assert_eq!(Instead::find("x", []).to_string(), "");
    }

    #[test]
    fn faults_are_sorted_by_place_and_bounded() {
        let mut faults = Faults::default();
        for line in (1..=600).rev() {
            faults.push(Fault::new(&Origin::line("b", line), "k", Problem::KeyRepeated));
        }
        faults.push_with(|| panic!("it is not made"));
        assert_eq!(faults.count(), 601);
        let faults = faults.or(()).expect_err("there are faults");
        let text = faults.to_string();
        assert!(text.starts_with("b:101: k: is written twice"), "{text}");
        assert!(text.ends_with("\nand 101 more faults like these"), "{text}");
        assert_eq!(text.lines().count(), 501);
        assert!(Faults::default().or(()).is_ok());
    }
}
