//! A YAML file as a tree whose values know their lines, read within bounds.
//!
//! AlmaLinux's files use a small part of YAML: mappings, lists and texts. The rest is refused, with its
//! line: aliases (a few bytes can stand for gigabytes), tags, several documents, keys that are no words,
//! and control characters. Depth and number of values are bounded, and nothing here recurses, so no file
//! costs more than a small multiple of its size. Of a key that is there twice, the last counts, as for the
//! original; each repetition is reported.
//!
//! Texts stay texts, as they are written: `8.10` is no number that becomes 8.1, and `NO` is no truth value
//! but Norway. What a value must be is decided by the one who reads it.

use std::collections::BTreeMap;

use model::one_line::one_line;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::fault::{Fault, MAX_DEPTH, MAX_NODES, Problem};

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    /// Keys that were in their mapping before, in the order of the file.
    pub(super) repeated: Vec<Repeated>,
}

/// A key that was in its mapping before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Repeated {
    pub(super) line: u64,
    pub(super) key: String,
    /// The line where it was before.
    pub(super) first: u64,
}

/// A value and the line where it begins, counted from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Nothing, or one of the words for it without quotes.
    Nothing,
    /// A text, with or without quotes.
    Text(String),
    List(Vec<Node>),
    /// A mapping, in the order of the file; each key is there once.
    Table(Vec<Entry>),
}

/// A key with its line and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) key: String,
    pub(super) value: Node,
}

impl Value {
    /// What kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a mapping",
        }
    }
}

/// Reads a file that holds one document.
pub(super) fn parse(bytes: &[u8]) -> Result<Document, Fault> {
    let text = decode(bytes)?;
    let mut tree = Tree::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Fault {
            line: line_number(error.marker().line()),
            problem: Problem::Syntax(one_line(&error.info())),
        })?;
        tree.take(event, span)?;
    }
    let root = tree.root.ok_or(Fault { line: 1, problem: Problem::Empty })?;
    Ok(Document { root, repeated: tree.repeated })
}

/// The text of a file: UTF-8 without control characters.
fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    let line_at = |end: usize| {
        let before = bytes.get(..end).unwrap_or(bytes);
        1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Fault { line: line_at(error.valid_up_to()), problem: Problem::NotUtf8 })?;
    let is_refused = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    match text.char_indices().find(|&(_, c)| is_refused(c)) {
        Some((at, c)) => Err(Fault { line: line_at(at), problem: Problem::Control(u32::from(c)) }),
        None => Ok(text),
    }
}

fn line_number(line: usize) -> u64 {
    (line as u64).max(1)
}

/// The tree so far.
#[derive(Default)]
struct Tree {
    /// The lists and mappings that are not complete, the outermost first.
    open: Vec<Open>,
    root: Option<Node>,
    repeated: Vec<Repeated>,
    n_nodes: usize,
}

/// A list or a mapping that is not complete.
enum Open {
    List {
        line: u64,
        items: Vec<Node>,
    },
    Table {
        line: u64,
        entries: Vec<Entry>,
        /// The positions of its keys in `entries`.
        known: BTreeMap<String, usize>,
        /// A key whose value has not come yet.
        key: Option<(u64, String)>,
    },
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let line = line_number(span.start.line());
        let fault = |problem| Err(Fault { line, problem });
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => fault(Problem::SecondDocument),
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(_) => fault(Problem::Alias),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => fault(Problem::Tag),
            Event::Scalar(text, style, _, None) => {
                self.count(line)?;
                let is_nothing = style == ScalarStyle::Plain
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = match is_nothing {
                    true => Value::Nothing,
                    false => Value::Text(text.into_owned()),
                };
                self.add(Node { line, value })
            }
            Event::SequenceStart(_, None) => self.begin(line, Open::List { line, items: vec![] }),
            Event::MappingStart(_, None) => {
                let (entries, known) = (Vec::new(), BTreeMap::new());
                self.begin(line, Open::Table { line, entries, known, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { line, items }) => {
                    self.add(Node { line, value: Value::List(items) })
                }
                Some(Open::Table { line, entries, .. }) => {
                    self.add(Node { line, value: Value::Table(entries) })
                }
                None => Ok(()),
            },
        }
    }

    fn count(&mut self, line: u64) -> Result<(), Fault> {
        self.n_nodes += 1;
        match self.n_nodes > MAX_NODES {
            true => Err(Fault { line, problem: Problem::TooMany }),
            false => Ok(()),
        }
    }

    fn begin(&mut self, line: u64, open: Open) -> Result<(), Fault> {
        self.count(line)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault { line, problem: Problem::TooDeep });
        }
        self.open.push(open);
        Ok(())
    }

    /// Adds a complete value to what it lies in.
    fn add(&mut self, node: Node) -> Result<(), Fault> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Table { entries, known, key, .. }) => match key.take() {
                Some((line, key)) => {
                    let entry = Entry { line, key, value: node };
                    match known.get(&entry.key).and_then(|&at| entries.get_mut(at)) {
                        Some(known) => {
                            let (key, first) = (entry.key.clone(), known.line);
                            self.repeated.push(Repeated { line, key, first });
                            *known = entry;
                        }
                        None => {
                            known.insert(entry.key.clone(), entries.len());
                            entries.push(entry);
                        }
                    }
                }
                None => match node.value {
                    Value::Text(text) => *key = Some((node.line, text)),
                    other => {
                        let problem = Problem::Key(other.kind());
                        return Err(Fault { line: node.line, problem });
                    }
                },
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in one line: texts in quotes, `~` for nothing, the line before each key.
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Nothing => "~".into(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            Value::Table(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| format!("{}:{} {}", entry.line, entry.key, shown(&entry.value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[track_caller]
    fn read(text: &str, expected: &str) {
        assert_eq!(shown(&parse(text.as_bytes()).expect(text).root), expected);
    }

    #[track_caller]
    fn refused(bytes: &[u8]) -> String {
        let Fault { line, problem } = parse(bytes).expect_err("it is refused");
        let message = format!("{line}: {problem}");
        assert!(!message.contains('\n') && message.len() < 300, "{message}");
        message
    }

    #[test]
    fn texts_stay_as_they_are_written() {
        read(
            "---\nversion: 8.10\ncountry: NO\nasn: 0x10\nflag: True\n...\n",
            r#"{2:version "8.10", 3:country "NO", 4:asn "0x10", 5:flag "True"}"#,
        );
        read("a: 'null'\nb: null\nc: ~\nd:\ne: ''", r#"{1:a "null", 2:b ~, 3:c ~, 4:d ~, 5:e ""}"#);
        read("a: {b: [1, 2001:db8::/32], c: []}", r#"{1:a {1:b ["1", "2001:db8::/32"], 1:c []}}"#);
        read("\u{feff}a:\r\n  - b\r\n  - c: d\r\n", r#"{1:a ["b", {3:c "d"}]}"#);
        read("a: &anchor b # comment\n", r#"{1:a "b"}"#);
        read("- ~", "[~]");
        read("...\n---\ntext", r#""text""#);
    }

    #[test]
    fn what_is_more_than_keys_and_values_is_refused_with_its_line() {
        for (text, expected) in [
            ("a: &x b\nc: *x", "2: aliases (`*name`) are not read: write the value out"),
            (
                "a: &x {b: c}\nd:\n  <<: *x",
                "3: aliases (`*name`) are not read: write the value out",
            ),
            ("a: !!str 8", "1: tags (`!name`) are not read: put text in quotes"),
            ("a: !x {}", "1: tags (`!name`) are not read: put text in quotes"),
            ("a: b\n---\nc: d", "2: a second document begins here: a file holds one"),
            ("[a]: b", "1: a key is a list: keys are words"),
            ("? {a: b}\n: c", "1: a key is a mapping: keys are words"),
            ("~: b", "1: a key is nothing: keys are words"),
            ("", "1: the file is empty: it must hold keys with values"),
            ("# only this\n", "1: the file is empty: it must hold keys with values"),
            ("a: b\nc: \u{0}d", "2: the line holds the control character U+0000"),
            ("a: \u{1b}[1m", "1: the line holds the control character U+001B"),
        ] {
            assert_eq!(refused(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(refused(b"a: b\nc: \xff"), "2: the line is not UTF-8");
        assert_eq!(refused(b"\xff\xfea\0"), "1: the line is not UTF-8");
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        read("a: b\n\na: {c: d}\ne: f\na: g", r#"{5:a "g", 4:e "f"}"#);
        let document = parse(b"a: b\nx: {a: c}\n'a': {y: 1, y: 2}\n").expect("it is read");
        let repeated =
            document.repeated.iter().map(|Repeated { line, key, first }| (*line, &**key, *first));
        assert_eq!(repeated.collect::<Vec<_>>(), [(3, "y", 3), (3, "a", 1)]);
        let many = "a: b\n".repeat(20_000);
        assert_eq!(parse(many.as_bytes()).expect("it is read").repeated.len(), 19_999);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, line) in [
            ("a:\n\tb: c\n", 2),
            ("a: b\nc\n", 3),
            ("a: [b, c\n", 2),
            ("a: b\n  c: d\n", 2),
            ("a: 'b\n", 1),
            ("a: \"\\q\"\n", 1),
            ("a: b\n%YAML 1.2\n", 2),
            ("<<<<<<< HEAD\na: b\n=======\na: c\n>>>>>>> x\n", 2),
            ("@", 1),
        ] {
            let message = refused(text.as_bytes());
            let start = format!("{line}: this is no YAML: ");
            assert!(message.starts_with(&start), "{text:?}: {message}");
        }
    }

    #[test]
    fn hostile_files_are_refused() {
        const MIB: usize = 1 << 20;
        let deep = "lists and mappings lie more than 16 levels deep";
        let many = "the file holds more than 50000 keys and values";
        let keys: String = (0..1_000_000).map(|i| format!("k{i}: v\n")).collect();
        assert_eq!(refused(keys.as_bytes()), format!("25000: {many}"));
        assert_eq!(refused("- a\n".repeat(MIB / 4).as_bytes()), format!("50000: {many}"));
        assert_eq!(refused("- ".repeat(MIB / 2).as_bytes()), format!("1: {deep}"));
        // The parser looks ahead, and has a bound of its own.
        let ahead = "this is no YAML: recursion limit exceeded";
        assert_eq!(refused("[".repeat(MIB).as_bytes()), format!("1: {ahead}"));
        assert_eq!(refused("{a: ".repeat(MIB / 4).as_bytes()), format!("1: {ahead}"));
        assert_eq!(refused("[\n".repeat(MIB / 2).as_bytes()), format!("256: {ahead}"));
        assert_eq!(refused("? ".repeat(MIB / 2).as_bytes()), format!("1: {deep}"));
        let nested: String = (0..1_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert_eq!(refused(nested.as_bytes()), format!("17: {deep}"));
        // The billion laughs: refused at the first alias.
        let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
        assert!(refused(laughs.as_bytes()).starts_with("2: aliases"));
        for hostile in [
            "[a, ".repeat(15) + &"a, ".repeat(MIB / 3),
            "&a ".repeat(MIB / 3),
            "\"".to_owned() + &"\\\n".repeat(MIB / 2),
            "a: ".repeat(MIB / 3),
            "%TAG ! x\n".repeat(MIB / 10),
            "---\n".repeat(MIB / 4),
            "#\n".repeat(MIB / 2) + "[",
            "\n".repeat(MIB) + "[",
            "?\n".repeat(MIB / 2),
            "!".repeat(MIB),
        ] {
            refused(hostile.as_bytes());
        }
    }

    #[test]
    fn a_large_text_is_one_value() {
        let text = format!("a: {}\nb: {}\n", "9".repeat(1 << 20), "x ".repeat(1 << 19));
        let root = parse(text.as_bytes()).expect("it is read").root;
        assert!(matches!(root.value, Value::Table(entries) if entries.len() == 2));
        let text = format!("a: |\n{}\tx: [", " ".repeat(1 << 20));
        let root = parse(text.as_bytes()).expect("it is read").root;
        assert!(matches!(root.value, Value::Table(entries) if entries.len() == 1));
    }
}
