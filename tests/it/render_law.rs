//! Law: documents hold what was put into them, whatever characters that is made of.
//!
//! A metalink is parsed back by a parser that is not ours; a text list keeps the rules that break
//! dnf and zypper when broken.

use model::base_url::BaseUrl;
use proptest::prelude::*;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

use crate::fixture::{Answer, Public, World, details};

/// A metalink as a parser sees it.
#[derive(Debug, Default)]
struct Parsed {
    /// `name` of each file.
    files: Vec<String>,
    hashes: Vec<(String, String)>,
    urls: Vec<(String, String)>,
    comments: Vec<String>,
    n_elements: usize,
}

/// Parses strictly: well-formed, comments without `--`, every entity known.
#[track_caller]
fn parse(text: &str) -> Parsed {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut parsed = Parsed::default();
    let mut content = String::new();
    let mut attribute = String::new();
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}\n{text}")) {
            Event::Start(start) => {
                depth += 1;
                parsed.n_elements += 1;
                content.clear();
                attribute.clear();
                for pair in start.attributes() {
                    let pair = pair.unwrap();
                    let value = pair.normalized_value(XmlVersion::Implicit1_0).unwrap();
                    match (start.name().as_ref(), pair.key.as_ref()) {
                        ("file", "name") => parsed.files.push(value.into_owned()),
                        ("hash" | "url", "type") => attribute = value.into_owned(),
                        _ => {}
                    }
                }
            }
            Event::Text(part) => content.push_str(&part),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().unwrap() {
                Some(character) => content.push(character),
                None => content.push(match &*entity {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    other => panic!("unknown entity {other}"),
                }),
            },
            Event::End(end) => {
                depth -= 1;
                let pair = (attribute.clone(), content.clone());
                match end.name().as_ref() {
                    "hash" => parsed.hashes.push(pair),
                    "url" => parsed.urls.push(pair),
                    _ => {}
                }
            }
            Event::Comment(comment) => parsed.comments.push(comment.to_string()),
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("unexpected {other:?}\n{text}"),
        }
    }
    assert_eq!(depth, 0, "{text}");
    // The parser does not check which characters stand there.
    let is_xml = |c| matches!(c, '\n' | ' '..'\u{fffe}' | '\u{10000}'..);
    assert!(text.chars().all(is_xml), "{text:?}");
    parsed
}

/// Text of the characters that documents, URLs and comments trip over.
fn odd(at_least: usize) -> impl Strategy<Value = String> {
    let odd: Vec<char> =
        "---<>&\"'%+=;#?!$[]\\^`{|}~, ü日\u{2028}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}"
            .chars()
            .collect();
    let letter = prop::char::range('a', 'z');
    let character = prop_oneof![4 => prop::sample::select(odd), 2 => letter, 1 => any::<char>()];
    prop::collection::vec(character, at_least..12).prop_map(String::from_iter)
}

/// The same, as it can name a file: no control characters (those are refused), no slashes.
fn odd_name() -> impl Strategy<Value = String> {
    odd(1).prop_map(|name| {
        let name = name.replace(|c: char| c.is_control() || c == '/', "_");
        if matches!(&*name, "" | "." | "..") { "x".into() } else { name }
    })
}

/// Every byte but letters and digits as an escape.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(byte).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What XML cannot hold is replaced there.
fn in_xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[track_caller]
fn check_lines(answer: &Answer) {
    assert!(!answer.body.contains('\r'), "{:?}", answer.body);
    assert!(answer.body.is_empty() || !answer.body.starts_with('\n'));
    for line in answer.body.strip_suffix('\n').unwrap_or(&answer.body).split('\n') {
        assert!(!line.trim().is_empty(), "a blank line in {:?}", answer.body);
        assert!(line.len() < 4_095, "a line of {} bytes", line.len());
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

proptest! {
    #[test]
    fn a_metalink_reads_back_as_what_was_put_in(
        base in odd(0),
        directory in odd_name(),
        file in odd_name(),
        digit in prop::sample::select(vec!['0', 'a', 'F']),
    ) {
        // What is refused is not tried here, nor what is an escape already.
        let base = base.replace(|c: char| c.is_control() || c.is_whitespace(), "_");
        let base = format!("https://odd.example/{}", base.replace(['?', '#', '\\', '%'], "_"));
        let mut world = World::empty();
        world.mirror(1, "DE", 1, Public, &["https", "rsync"], "even");
        world.list.hc_url_cache[0].value = base.clone();
        let name = format!("top/{directory}");
        world.directory(&name, &directory, &[1]);
        world.file(&name, &file, &[details(1, digit)]);
        let server = world.serve();
        let path = encoded(&format!("{name}/{file}"));

        let answer = server.get(&format!("/metalink?path={path}"));
        prop_assert_eq!(answer.status, 200);
        let parsed = parse(&answer.body);
        prop_assert_eq!(parsed.files, [in_xml(&file)]);
        prop_assert!(parsed.comments.is_empty());
        let digit = digit.to_ascii_lowercase().to_string();
        let hash = |kind: &str, length| (kind.to_owned(), digit.repeat(length));
        prop_assert_eq!(
            parsed.hashes,
            [hash("md5", 32), hash("sha1", 40), hash("sha256", 64), hash("sha512", 128)]
        );
        let types: Vec<&str> = parsed.urls.iter().map(|(kind, _)| kind.as_str()).collect();
        prop_assert_eq!(types, ["https", "rsync"]);
        let canonical = BaseUrl::parse(&base).unwrap();
        let tail = parsed.urls[0].1.strip_prefix(canonical.as_str()).unwrap();
        prop_assert!(tail.bytes().all(|byte| byte.is_ascii_graphic()), "{}", tail);
        prop_assert_eq!(decoded(tail), format!("/{directory}/{file}"));
        prop_assert_eq!(&parsed.urls[1].1, &format!("rsync://even.example/test{tail}"));

        let answer = server.get(&format!("/mirrorlist?path={path}"));
        prop_assert_eq!(answer.status, 200);
        check_lines(&answer);
        prop_assert_eq!(answer.urls(), [format!("{}{tail}", canonical.as_str())]);
    }

    #[test]
    fn errors_read_back_as_one_comment_whatever_was_asked(
        (repo, arch, path, ip) in (odd(0), odd(0), odd(0), odd(1)),
        known in odd_name(),
    ) {
        let mut world = World::empty();
        world.mirror(1, "DE", 1, Public, &["https"], "only");
        world.directory("d", "d", &[1]);
        world.directory("d/repodata", "d/repodata", &[1]);
        // Listed in the answer to a request for an unknown repository.
        world.repository(&format!("{known}-->+{known}--"), "d");
        world.repository("known+x86_64", "d");
        let server = world.serve();
        let [repo, arch, path, ip] = [repo, arch, path, ip].map(|text| encoded(&text));
        for query in [
            format!("repo={repo}&arch={arch}"),
            format!("path={path}"),
            format!("path=d/{path}"),
            format!("repo=known&arch=x86_64&ip={ip}"),
            format!("repo=known&arch=x86_64&country={repo}&protocol={ip}"),
        ] {
            let answer = server.get(&format!("/metalink?{query}"));
            prop_assert!(answer.status >= 400, "{}", answer.text());
            let parsed = parse(&answer.body);
            prop_assert_eq!((parsed.n_elements, parsed.comments.len()), (1, 1), "{}", answer.body);
            check_lines(&server.get(&format!("/mirrorlist?{query}")));
        }
    }

    #[test]
    fn no_query_at_all_makes_a_bad_document(query in "[ -~]{0,60}", odd_query in odd(0)) {
        let server = World::standard().serve();
        for query in [query, odd_query] {
            if query.contains(" from ") {
                continue;
            }
            parse(&server.get(&format!("/metalink?{query}")).body);
            check_lines(&server.get(&format!("/mirrorlist?{query}")));
        }
    }
}
