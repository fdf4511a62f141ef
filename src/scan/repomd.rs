//! Reads the `repomd.xml` of a repository: when it was made, and which files it names.
//!
//! It is written by many tools and read while it may be half-written, so it is validated: it must be
//! well-formed to its end, without a document type (and hence without entities of its own), of limited
//! depth and with a limited number of files.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use model::one_line::one_line;

/// The most bytes of a `repomd.xml`. Fedora's have 5 KB.
pub const MAX_BYTES: usize = 16 << 20;
/// The deepest element. The format has three levels.
const MAX_DEPTH: usize = 32;
/// The most files that a `repomd.xml` can name.
const MAX_FILES: usize = 10_000;

/// What a `repomd.xml` says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Repomd {
    /// The largest `<timestamp>` in it, in seconds since 1970; `None` if there is none.
    pub timestamp: Option<u64>,
    /// The files that it names.
    pub files: Vec<NamedFile>,
}

/// A file that a `repomd.xml` names, in the same tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedFile {
    /// Its path from the repository's directory, such as `repodata/primary.xml.gz`.
    pub href: String,
    /// Its size in bytes, if it is said.
    pub size: Option<u64>,
}

/// The reason why bytes are no complete `repomd.xml`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRepomd {
    /// There is nothing in it.
    #[error("is empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("is longer than 16 MiB")]
    TooLong,
    /// It is no text.
    #[error("is no UTF-8 from byte {0} on")]
    NotText(usize),
    /// It is no XML.
    #[error("is no well-formed XML at byte {at}: {error}")]
    Malformed {
        /// Where.
        at: u64,
        /// What is wrong.
        error: String,
    },
    /// It has a document type, which can define entities.
    #[error("has a document type (<!DOCTYPE …>), which is not accepted")]
    DocumentType,
    /// Elements lie too deep in one another.
    #[error("has elements more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// It names too many files.
    #[error("names more than {MAX_FILES} files")]
    TooManyFiles,
    /// It is XML of another kind.
    #[error("is no repomd.xml: its outermost element is <{0}>")]
    NotRepomd(String),
    /// It ends before its outermost element does.
    #[error("ends before its last element does: it is half-written")]
    CutOff,
}

/// Parses a `repomd.xml`.
pub fn parse(bytes: &[u8]) -> Result<Repomd, BadRepomd> {
    if bytes.len() > MAX_BYTES {
        return Err(BadRepomd::TooLong);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| BadRepomd::NotText(error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(BadRepomd::Empty);
    }
    let mut reader = Reader::from_str(text);
    let mut parser = Parser::default();
    loop {
        let at = reader.buffer_position();
        let malformed = |error: String| BadRepomd::Malformed { at, error: one_line(&error) };
        match reader.read_event().map_err(|error| malformed(error.to_string()))? {
            Event::Start(start) => parser.open(&start, at)?,
            Event::Empty(start) => {
                parser.open(&start, at)?;
                parser.close()?;
            }
            Event::End(_) => parser.close()?,
            Event::Text(part) => parser.content.push_str(&part),
            Event::CData(part) => parser.content.push_str(&part),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(character)) => parser.content.push(character),
                Ok(None) => match quick_xml::escape::resolve_xml_entity(&entity) {
                    Some(text) => parser.content.push_str(text),
                    None => return Err(malformed(format!("unknown entity &{};", &*entity))),
                },
                Err(error) => return Err(malformed(error.to_string())),
            },
            Event::DocType(_) => return Err(BadRepomd::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return parser.finish(),
        }
    }
}

/// Elements that matter; the others are only counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    /// The description of a file.
    Data,
    Timestamp,
    Size,
    Other,
}

#[derive(Default)]
struct Parser {
    repomd: Repomd,
    /// The elements that are open, from the outermost.
    open: Vec<Element>,
    has_begun: bool,
    /// Text since the last start of an element.
    content: String,
    /// What the open `<data>` says.
    href: Option<String>,
    size: Option<u64>,
}

impl Parser {
    fn open(&mut self, start: &BytesStart<'_>, at: u64) -> Result<(), BadRepomd> {
        let name = start.local_name();
        let name = name.as_ref();
        if self.open.is_empty() {
            if self.has_begun {
                let error = "a second outermost element".to_owned();
                return Err(BadRepomd::Malformed { at, error });
            }
            if name != "repomd" {
                return Err(BadRepomd::NotRepomd(one_line(&name)));
            }
            self.has_begun = true;
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(BadRepomd::TooDeep);
        }
        let is_in_data = self.open.last() == Some(&Element::Data);
        let element = match name {
            "data" => {
                (self.href, self.size) = (None, None);
                Element::Data
            }
            "timestamp" => Element::Timestamp,
            "size" if is_in_data => Element::Size,
            _ => Element::Other,
        };
        if name == "location" && is_in_data {
            self.href = href(start, at)?;
        }
        self.open.push(element);
        self.content.clear();
        Ok(())
    }

    fn close(&mut self) -> Result<(), BadRepomd> {
        match self.open.pop() {
            Some(Element::Timestamp) => {
                self.repomd.timestamp = self.repomd.timestamp.max(parse_time(&self.content));
            }
            Some(Element::Size) => self.size = self.content.trim().parse().ok(),
            Some(Element::Data) => {
                if let Some(href) = self.href.take() {
                    if self.repomd.files.len() >= MAX_FILES {
                        return Err(BadRepomd::TooManyFiles);
                    }
                    self.repomd.files.push(NamedFile { href, size: self.size });
                }
            }
            Some(Element::Other) | None => {}
        }
        self.content.clear();
        Ok(())
    }

    fn finish(self) -> Result<Repomd, BadRepomd> {
        match self.has_begun && self.open.is_empty() {
            true => Ok(self.repomd),
            false => Err(BadRepomd::CutOff),
        }
    }
}

/// The path of a `<location>`; `None` if its file is not in this tree.
fn href(start: &BytesStart<'_>, at: u64) -> Result<Option<String>, BadRepomd> {
    let mut href = None;
    let malformed = |error: String| BadRepomd::Malformed { at, error: one_line(&error) };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed(error.to_string()))?;
        match attribute.key.as_ref() {
            "href" => {
                let value = attribute.normalized_value(XmlVersion::Implicit1_0);
                href = Some(value.map_err(|error| malformed(error.to_string()))?.into_owned());
            }
            "xml:base" => return Ok(None),
            _ => {}
        }
    }
    Ok(href.filter(|href| !href.contains("://")))
}

/// A time in seconds since 1970. Old versions of createrepo wrote fractions of a second.
fn parse_time(text: &str) -> Option<u64> {
    let text = text.trim();
    text.split_once('.').map_or(text, |(seconds, _)| seconds).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1795000000</revision>
  <data type="primary">
    <checksum type="sha256">00</checksum>
    <open-checksum type="sha256">11</open-checksum>
    <location href="repodata/00-primary.xml.gz"/>
    <timestamp>1795258889</timestamp>
    <size>1234</size>
    <open-size>99999</open-size>
  </data>
  <data type="filelists">
    <location href="repodata/a&amp;b.xml"></location>
    <timestamp>1795258890.75</timestamp>
  </data>
  <data type="delta">
    <location xml:base="http://else.example/" href="repodata/c.xml"/>
    <timestamp>7</timestamp>
  </data>
</repomd>
"#;

    fn named(href: &str, size: Option<u64>) -> NamedFile {
        NamedFile { href: href.into(), size }
    }

    #[test]
    fn the_largest_time_and_the_files_are_read() {
        let expected = Repomd {
            timestamp: Some(1_795_258_890),
            files: vec![
                named("repodata/00-primary.xml.gz", Some(1_234)),
                named("repodata/a&b.xml", None),
            ],
        };
        assert_eq!(parse(USUAL.as_bytes()), Ok(expected.clone()));
        assert_eq!(parse(format!("\u{feff}{USUAL}").as_bytes()), Ok(expected));
    }

    #[test]
    fn every_cut_is_noticed() {
        let end = USUAL.trim_end().len();
        for length in 0..end {
            assert!(parse(&USUAL.as_bytes()[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_no_index_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("<html></html>", "is no repomd.xml: its outermost element is <html>"),
            ("<repomd/>x<repomd/>", "is no well-formed XML at byte 10: a second outermost element"),
            ("no xml", "ends before its last element does: it is half-written"),
            (
                "<!DOCTYPE repomd [<!ENTITY a 'b'>]><repomd/>",
                "has a document type (<!DOCTYPE …>), which is not accepted",
            ),
            (
                "<repomd><data></da\nta></repomd>",
                "is no well-formed XML at byte 14: ill-formed document: expected `</data>`, but \
                 `</da\\nta>` was found",
            ),
            ("<repomd>&a;</repomd>", "is no well-formed XML at byte 8: unknown entity &a;"),
        ] {
            assert_eq!(parse(text.as_bytes()).expect_err(text).to_string(), reason);
        }
        assert_eq!(parse(b"<repomd>\xff"), Err(BadRepomd::NotText(8)));
        let deep = "<repomd>".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()), Err(BadRepomd::TooDeep));
        let many = "<data><location href='a'/></data>".repeat(MAX_FILES + 1);
        let many = format!("<repomd>{many}</repomd>");
        assert_eq!(parse(many.as_bytes()), Err(BadRepomd::TooManyFiles));
        let long = vec![b' '; MAX_BYTES + 1];
        assert_eq!(parse(&long), Err(BadRepomd::TooLong));
    }

    #[test]
    fn times_that_are_none_do_not_count() {
        let text = "<repomd><timestamp>x</timestamp><timestamp>-5</timestamp><timestamp/>\
                    <timestamp>99999999999999999999</timestamp></repomd>";
        assert_eq!(parse(text.as_bytes()), Ok(Repomd::default()));
        let text = "<repomd><timestamp> &#49;2<![CDATA[3]]> </timestamp></repomd>";
        assert_eq!(parse(text.as_bytes()).map(|repomd| repomd.timestamp), Ok(Some(123)));
    }

    proptest! {
        /// Compares with the largest of the numbers that were put in.
        #[test]
        fn the_largest_time_is_found(times in proptest::collection::vec(any::<u64>(), 0..9)) {
            let data = times.iter().map(|time| format!("<data><timestamp>{time}</timestamp></data>"));
            let text = format!("<repomd>{}</repomd>", data.collect::<String>());
            let expected = Repomd { timestamp: times.into_iter().max(), files: vec![] };
            prop_assert_eq!(parse(text.as_bytes()), Ok(expected));
        }

        #[test]
        fn nothing_panics(text in r#"(<repomd>)?(<(/)?(data|timestamp|size|location href="a|x)[>/]|[0-9&;#<]|]]>|<!--|-->){0,20}"#) {
            drop(parse(text.as_bytes()));
        }
    }
}
