//! What the next snapshot needs to know of the mirrors, and the file that holds it.
//!
//! The file is JSON, with a line for each mirror, so that two of them are easy to compare and a message can
//! name the line at fault:
//!
//! ```json
//! {"format":1,"made":1795258889,"mirrors":{
//! "berlin":{"urls":{"https://berlin.example/pub":{"v4":true,"v6":false}}},
//! "campus":{"hidden":{"reason":"down: connect_timeout","since":1795250000}}
//! }}
//! ```
//!
//! Nothing in it is taken for granted: unknown keys, keys that stand twice, and more than the limits below are
//! errors. Whether a mirror, a URL or a directory exists is found out where findings are applied.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use model::families::{Families, IpVersion, Reach};
use model::one_line::one_line;
use model::path::{canonical, is_within};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::inventory::around;

/// The number of the file's format.
pub const FORMAT: u32 = 1;
/// The most bytes of a file: some 100 bytes for each repository of each mirror.
pub const MAX_BYTES: u64 = 64 << 20;
/// The most mirrors.
pub const MAX_MIRRORS: usize = 100_000;
/// The most base URLs of a mirror.
pub const MAX_URLS: usize = 1_000;
/// The most directories of a mirror.
pub const MAX_DIRECTORIES: usize = 100_000;
/// The most bytes of the text of a cause.
pub const MAX_CAUSE: usize = 120;

/// What is known of all mirrors that were visited. A mirror, a URL or a directory that it does not name is
/// listed as the catalog says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// When they were made, in seconds since 1970.
    pub made: u64,
    /// By the key of the mirror ([`model::mirror_key::MirrorKey`]), as text.
    pub mirrors: BTreeMap<String, MirrorFindings>,
}

/// What is known of a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorFindings {
    /// Why it is left out as a whole; `None` if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Cause>,
    /// Whether somebody has decided that it is left out: then it never comes back to keep a list from being empty.
    #[serde(default, rename = "decided", skip_serializing_if = "is_false")]
    pub is_decided: bool,
    /// Whether it is slow, which halves its weight.
    #[serde(default, rename = "slow", skip_serializing_if = "is_false")]
    pub is_slow: bool,
    /// By base URL, as the catalog has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(deserialize_with = "distinct::<_, _, MAX_URLS>")]
    pub urls: BTreeMap<String, UrlFindings>,
    /// By the full name of a directory, as the catalog has it: each one holds for everything below it that has
    /// no entry of its own. The empty name is that of the tree.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(deserialize_with = "distinct::<_, _, MAX_DIRECTORIES>")]
    pub directories: BTreeMap<String, Standing>,
}

impl MirrorFindings {
    /// Whether they leave out anything of the mirror.
    pub fn hides(&self) -> bool {
        let is_hidden = |standing| matches!(standing, &Standing::Hidden(_));
        self.hidden.is_some()
            || self.urls.values().any(|url| url.hidden.is_some())
            || self.directories.values().any(is_hidden)
    }

    /// The standing that holds for a directory: its own, or that of the nearest one above it.
    pub fn standing(&self, directory: &str) -> Option<&Standing> {
        around(directory).find_map(|name| self.directories.get(name))
    }
}

/// What is known of a base URL.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "WrittenUrl", into = "WrittenUrl")]
pub struct UrlFindings {
    /// Why it is left out; `None` if it is not.
    pub hidden: Option<Cause>,
    /// Over which versions of IP it works. What is unknown stays as the catalog says.
    pub families: Families,
}

/// Whether a mirror is listed for a directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "WrittenStanding", into = "WrittenStanding")]
pub enum Standing {
    /// It has the current content.
    Current,
    /// It has older content that clients still accept: listed after those that are current.
    Behind(Cause),
    /// It is left out.
    Hidden(Cause),
}

/// Why a mirror is left out or listed last, and since when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "WrittenCause", into = "WrittenCause")]
pub struct Cause {
    /// One line of at most [`MAX_CAUSE`] bytes.
    reason: String,
    since: u64,
}

impl Cause {
    /// A cause since `since`, in seconds since 1970. The reason is the end of a sentence that begins with
    /// "left out" or "behind", as `down: connect_timeout`; it is brought onto one line and cut.
    pub fn new(reason: &str, since: u64) -> Self {
        let one_line = |char: char| if char.is_control() { ' ' } else { char };
        let mut reason: String = reason.chars().map(one_line).collect();
        let mut end = MAX_CAUSE.min(reason.len());
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        Self { reason, since }
    }

    /// The reason, on one line.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Since when, in seconds since 1970.
    pub fn since(&self) -> u64 {
        self.since
    }
}

/// The reason why bytes are no findings.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadFindings {
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong there, on one line.
    pub reason: String,
}

impl Findings {
    /// Reads the bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadFindings> {
        let Written { made, mirrors, .. } =
            serde_json::from_slice(bytes).map_err(|error| BadFindings::new(&error))?;
        Ok(Self { made, mirrors })
    }

    /// The bytes of the file. Equal findings give equal bytes. What says only that a mirror is listed as usual is left
    /// out, as it is most of what is known of mirrors.
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\"format\":{FORMAT},\"made\":{},\"mirrors\":{{", self.made);
        for (number, mirror) in self.mirrors.iter().enumerate() {
            text.push_str(if number > 0 { ",\n" } else { "\n" });
            // Maps of texts and numbers can always be written.
            let (key, findings) = mirror;
            let findings = &findings.without_usual();
            let key = serde_json::to_string(key).unwrap_or_default();
            let findings = serde_json::to_string(findings).unwrap_or_default();
            text.push_str(&key);
            text.push(':');
            text.push_str(&findings);
        }
        text.push_str("\n}}\n");
        text
    }
}

impl MirrorFindings {
    /// The same without directories that are current and lie in no other one that is not.
    fn without_usual(&self) -> Self {
        let is_usual = |standing: &Standing| *standing == Standing::Current;
        let others = self.directories.iter().filter(|(_, standing)| !is_usual(standing));
        let others: Vec<_> = others.map(|(name, _)| canonical(name)).collect();
        let is_told = |(name, standing): &(&String, &Standing)| {
            let name = canonical(name);
            !is_usual(standing) || others.iter().any(|outer| is_within(&name, outer))
        };
        let told = self.directories.iter().filter(is_told);
        let directories = told.map(|(name, standing)| (name.clone(), standing.clone())).collect();
        Self { hidden: self.hidden.clone(), urls: self.urls.clone(), directories, ..*self }
    }
}

impl BadFindings {
    fn new(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        Self {
            line: line.max(1) as u64,
            reason: one_line(&text.strip_suffix(&place).unwrap_or(&text)),
        }
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "format")]
    _format: Format,
    made: u64,
    #[serde(deserialize_with = "distinct::<_, _, MAX_MIRRORS>")]
    mirrors: BTreeMap<String, MirrorFindings>,
}

#[derive(Deserialize)]
#[serde(try_from = "u64")]
struct Format;

impl TryFrom<u64> for Format {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match number == u64::from(FORMAT) {
            true => Ok(Self),
            false => Err(format!("`format` is {number}, but this program reads {FORMAT}")),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCause {
    reason: String,
    since: u64,
}

impl TryFrom<WrittenCause> for Cause {
    type Error = String;

    fn try_from(WrittenCause { reason, since }: WrittenCause) -> Result<Self, String> {
        let cause = Self::new(&reason, since);
        match cause.reason == reason {
            true => Ok(cause),
            false => Err(format!("`reason` is not one line of at most {MAX_CAUSE} bytes")),
        }
    }
}

impl From<Cause> for WrittenCause {
    fn from(Cause { reason, since }: Cause) -> Self {
        Self { reason, since }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenUrl {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<Cause>,
    /// Whether it works; unknown if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v4: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v6: Option<bool>,
}

impl From<WrittenUrl> for UrlFindings {
    fn from(WrittenUrl { hidden, v4, v6 }: WrittenUrl) -> Self {
        let reach = |works: Option<bool>| match works {
            None => Reach::Unknown,
            Some(true) => Reach::Works,
            Some(false) => Reach::Fails,
        };
        Self { hidden, families: Families { v4: reach(v4), v6: reach(v6) } }
    }
}

impl From<UrlFindings> for WrittenUrl {
    fn from(UrlFindings { hidden, families }: UrlFindings) -> Self {
        let works = |version| match families.over(version) {
            Reach::Unknown => None,
            Reach::Works => Some(true),
            Reach::Fails => Some(false),
        };
        Self { hidden, v4: works(IpVersion::V4), v6: works(IpVersion::V6) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Current,
    Behind,
    Hidden,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStanding {
    standing: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
}

impl TryFrom<WrittenStanding> for Standing {
    type Error = &'static str;

    fn try_from(WrittenStanding { standing, cause }: WrittenStanding) -> Result<Self, Self::Error> {
        match (standing, cause) {
            (Word::Current, None) => Ok(Self::Current),
            (Word::Behind, Some(cause)) => Ok(Self::Behind(cause)),
            (Word::Hidden, Some(cause)) => Ok(Self::Hidden(cause)),
            (Word::Current, Some(_)) => Err("the standing `current` has no `cause`"),
            (Word::Behind | Word::Hidden, None) => {
                Err("the standings `behind` and `hidden` need a `cause`")
            }
        }
    }
}

impl From<Standing> for WrittenStanding {
    fn from(standing: Standing) -> Self {
        let (standing, cause) = match standing {
            Standing::Current => (Word::Current, None),
            Standing::Behind(cause) => (Word::Behind, Some(cause)),
            Standing::Hidden(cause) => (Word::Hidden, Some(cause)),
        };
        Self { standing, cause }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Reads an object of at most `MAX` entries, in which no key stands twice.
fn distinct<'de, V, D, const MAX: usize>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Distinct<V, const MAX: usize>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>, const MAX: usize> Visitor<'de> for Distinct<V, MAX> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an object of at most {MAX} entries")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = BTreeMap::new();
            while let Some(key) = map.next_key::<String>()? {
                if entries.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("`{key}` stands twice")));
                }
                if entries.len() >= MAX {
                    return Err(A::Error::custom(format_args!("more than {MAX} entries")));
                }
                entries.insert(key, map.next_value()?);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(Distinct::<V, MAX>(PhantomData))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cause() -> impl Strategy<Value = Cause> {
        ("\\PC{0,50}", any::<u64>()).prop_map(|(reason, since)| Cause::new(&reason, since))
    }

    fn standing() -> impl Strategy<Value = Standing> {
        prop_oneof![
            Just(Standing::Current),
            cause().prop_map(Standing::Behind),
            cause().prop_map(Standing::Hidden),
        ]
    }

    fn reach() -> impl Strategy<Value = Reach> {
        prop_oneof![Just(Reach::Unknown), Just(Reach::Works), Just(Reach::Fails)]
    }

    fn url() -> impl Strategy<Value = UrlFindings> {
        (prop::option::of(cause()), reach(), reach())
            .prop_map(|(hidden, v4, v6)| UrlFindings { hidden, families: Families { v4, v6 } })
    }

    fn mirror() -> impl Strategy<Value = MirrorFindings> {
        let urls = prop::collection::btree_map("\\PC{0,9}", url(), 0..3);
        let directories = prop::collection::btree_map(".{0,9}", standing(), 0..3);
        (prop::option::of(cause()), any::<[bool; 2]>(), urls, directories).prop_map(
            |(hidden, [is_decided, is_slow], urls, directories)| MirrorFindings {
                hidden,
                is_decided,
                is_slow,
                urls,
                directories,
            },
        )
    }

    proptest! {
        #[test]
        fn findings_are_read_as_they_are_written(
            made: u64,
            mirrors in prop::collection::btree_map(".{0,9}", mirror(), 0..5),
        ) {
            let findings = Findings { made, mirrors };
            let text = findings.to_json();
            prop_assert_eq!(text.lines().count(), findings.mirrors.len() + 2);
            let mirrors = findings.mirrors.iter();
            let told = mirrors.map(|(key, found)| (key.clone(), found.without_usual())).collect();
            prop_assert_eq!(Findings::parse(text.as_bytes()), Ok(Findings { made, mirrors: told }));
        }

        #[test]
        fn any_bytes_are_read_or_refused_on_one_line(text in "[{}\\[\\]\":,a-f0-9\n\\PC]{0,60}") {
            if let Err(error) = Findings::parse(text.as_bytes()) {
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }

    #[track_caller]
    fn check(mirrors: &str, error: &str) {
        let text = format!("{{\"format\":1,\"made\":7,\"mirrors\":{{\n{mirrors}\n}}}}\n");
        let found = Findings::parse(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(found, Err(error.to_owned()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cause = r#"{"reason":"down","since":1}"#;
        for (mirror, error) in [
            (
                r#""a":{"hiden":true}"#,
                "line 2: unknown field `hiden`, expected one of `hidden`, `decided`, `slow`, `urls`, `directories`",
            ),
            (r#""a":{"slow":1}"#, "line 2: invalid type: integer `1`, expected a boolean"),
            ("\"a\":{},\n\"a\":{}", "line 3: `a` stands twice"),
            (
                r#""a":{"directories":{"9":{"standing":"gone"}}}"#,
                "line 2: unknown variant `gone`, expected one of `current`, `behind`, `hidden`",
            ),
            (
                r#""a":{"directories":{"9":{"standing":"behind"}}}"#,
                "line 2: the standings `behind` and `hidden` need a `cause`",
            ),
            (
                &*format!(
                    r#""a":{{"directories":{{"9":{{"standing":"current","cause":{cause}}}}}}}"#
                ),
                "line 2: the standing `current` has no `cause`",
            ),
            (
                r#""a":{"hidden":{"reason":"down\nup","since":1}}"#,
                "line 2: `reason` is not one line of at most 120 bytes",
            ),
            (r#""a":{"urls":{"b\u001b":{},"b\u001b":{}}}"#, "line 2: `b\\u{1b}` stands twice"),
        ] {
            check(mirror, error);
        }
        let bad = |text: &str| Findings::parse(text.as_bytes()).map_err(|error| error.to_string());
        let other = "line 1: `format` is 2, but this program reads 1";
        assert_eq!(bad("{\"format\":2,\"made\":1,\"mirrors\":{}}"), Err(other.to_owned()));
        assert_eq!(bad(""), Err("line 1: EOF while parsing a value".to_owned()));
    }

    #[test]
    fn what_is_as_usual_is_not_written() {
        let cause = || Cause::new("old", 1);
        let directories = [
            ("8/os", Standing::Current),
            ("9", Standing::Hidden(cause())),
            ("9/os", Standing::Current),
            ("//9/os/x", Standing::Current),
            ("90", Standing::Current),
        ];
        let directories = directories.map(|(name, standing)| (name.to_owned(), standing)).into();
        let found = MirrorFindings { directories, ..MirrorFindings::default() };
        let told = found.without_usual().directories.into_keys().collect::<Vec<_>>();
        assert_eq!(told, ["//9/os/x", "9", "9/os"]);
    }

    #[test]
    fn limits_hold() {
        let urls: Vec<_> = (0..=MAX_URLS).map(|n| format!("\"{n}\":{{}}")).collect();
        let most = urls.get(1..).unwrap_or_default().join(",");
        let text = |urls: &str| {
            format!("{{\"format\":1,\"made\":7,\"mirrors\":{{\"a\":{{\"urls\":{{{urls}}}}}}}}}")
        };
        assert!(Findings::parse(text(&most).as_bytes()).is_ok());
        let error = Findings::parse(text(&urls.join(",")).as_bytes()).map(drop);
        let error = error.map_err(|error| error.to_string());
        assert_eq!(error, Err("line 1: more than 1000 entries".to_owned()));
    }

    #[test]
    fn a_reason_is_one_short_line() {
        let cause = Cause::new(&format!("a\nb{}", "ü".repeat(200)), 1);
        assert!(cause.reason().starts_with("a b") && cause.reason().len() <= MAX_CAUSE);
    }
}
