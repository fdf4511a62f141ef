//! Check-ins as they are sent, and as nobody should send them.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use bzip2::Compression;
use bzip2::write::BzEncoder;
use proptest::prelude::*;

use super::json::{Checkin, Content};
use super::report_mirror::{self, Report};
use super::*;

const NOW: u64 = 1_795_689_000;

fn packed(json: &[u8]) -> Vec<u8> {
    let mut encoder = BzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(json).unwrap();
    encoder.finish().unwrap()
}

fn argument(json: &str) -> String {
    URL_SAFE.encode(packed(json.as_bytes()))
}

/// A call as Python's xmlrpc.client writes it.
fn call(argument: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodCall>\n<methodName>checkin</methodName>\n<params>\n<param>\n\
         <value><string>{argument}</string></value>\n</param>\n</params>\n</methodCall>\n"
    )
}

fn report(json: &str) -> Result<Report, CheckinError> {
    report_mirror::decode_call(call(&argument(json)).as_bytes(), &Limits::default(), |_| true)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, CheckinError>, expected: &str) {
    let message = found.unwrap_err().to_string();
    assert!(message.contains(expected), "{message:?} and not {expected:?}");
    assert!(!message.contains('\n'));
}

const HEAD: &str = r#"{"version": 0, "global": {"enabled": "1", "server": "s"},
    "site": {"enabled": "1", "name": "Site", "password": "pässword"},
    "host": {"enabled": "1", "name": "mirror.example", "user_active": "1"}, "stats": {"a": [1]}"#;

#[test]
fn a_report_is_read_as_the_program_sends_it() {
    let json = [
        HEAD,
        r#", "fedora linux": {"enabled": "1", "dirtree": {"": {}, "releases/41": {"x.rpm": 17},
            "a\ud83d\ude00/b//": {}, "odd\udcff": {}, "../up": {}, "a\nb": {}, "releases": {}}},
           "EPEL": {"dirtree": {}, "other": {"deep": [[[]]]}}}"#,
    ];
    let report = report(&json.concat()).unwrap();
    assert_eq!((&*report.site, &*report.host), ("Site", "mirror.example"));
    assert!(report.password.is("pässword".as_bytes()));
    assert_eq!(report.user_active, Some(true));
    assert!(report.categories.keys().eq(["epel", "fedora linux"]));
    let fedora = &report.categories["fedora linux"];
    let names: Vec<_> = fedora.names().iter().map(|name| &**name).collect();
    assert_eq!(names, ["", "a\u{1f600}/b", "releases", "releases/41"]);
    assert_eq!(fedora.n_skipped(), 3);
    assert!(fedora.contains("releases/41") && !fedora.contains("releases/4"));
    assert!(!format!("{report:?}").contains("pässword"));
}

/// Base64 of bzip2 that Python has written: `json.dumps` of a small report.
#[test]
fn a_report_of_the_program_itself_is_read() {
    let report =
        report_mirror::decode(include_str!("report_mirror.txt"), &Limits::default(), |_| true);
    let report = report.unwrap();
    assert_eq!(
        (&*report.site, &*report.host, report.user_active),
        ("Example", "mirror.example", None)
    );
    let names: Vec<_> =
        report.categories["fedora linux"].names().iter().map(|name| &**name).collect();
    assert_eq!(names, ["", "releases", "releases/41", "releases/41/f\u{fc}r"]);
}

#[test]
fn the_forms_of_a_call_are_those_of_xml_rpc() {
    let json = [HEAD, "}"].concat();
    let bytes = packed(json.as_bytes());
    let decode = |argument: &str| report_mirror::decode(argument, &Limits::default(), |_| true);
    for text in [
        URL_SAFE.encode(&bytes),
        URL_SAFE_NO_PAD.encode(&bytes),
        format!("\n {} ", URL_SAFE.encode(&bytes)),
    ] {
        assert_eq!(decode(&text), report(&json));
    }
    let untyped = call(&argument(&json)).replace("<string>", "").replace("</string>", "");
    assert_eq!(
        report_mirror::decode_call(untyped.as_bytes(), &Limits::default(), |_| true),
        report(&json)
    );
    let parsed = xml_rpc::parse(b"<methodCall><methodName> a </methodName><params><param><value>\
        <string>&lt;&#65;<![CDATA[&]]></string></value></param><param><value/></param></params></methodCall>");
    let expected =
        xml_rpc::Call { method: "a".into(), parameters: vec!["<A&".into(), String::new()] };
    assert_eq!(parsed, Ok(expected));
}

#[test]
fn other_calls_are_refused() {
    let decode =
        |body: &str| report_mirror::decode_call(body.as_bytes(), &Limits::default(), |_| true);
    refused(decode(""), "is no call of XML-RPC: it names no method");
    refused(decode("<a/>"), "is no call of XML-RPC: it names no method");
    refused(decode("<methodCall>"), "ends before its last element");
    refused(decode("<!DOCTYPE x><methodCall/>"), "it has a document type");
    refused(decode("<methodCall/><methodCall/>"), "second outermost element");
    refused(decode("<a></b>"), "is no call of XML-RPC: at byte");
    refused(decode("<a>&x;</a>"), "unknown entity &x;");
    refused(decode(&"<a>".repeat(100)), "too deep");
    refused(
        decode(&call("x").replace("checkin", "system.listMethods")),
        "calls the method \"system.listMethods\"",
    );
    refused(decode(&call("x").replace("string", "int")), "a parameter that is no string");
    let two = call("x").replace("</params>", "<param><value>y</value></param></params>");
    refused(decode(&two), "takes one parameter");
    refused(decode(&call("")), "no bzip2");
    refused(decode(&call("a*b=")), "no base64");
    refused(decode(&call(&STANDARD.encode([0xff; 30]))), "no base64");
    refused(decode(&call("AAAA")), "no bzip2");
    let bytes = packed([HEAD, "}"].concat().as_bytes());
    refused(decode(&call(&URL_SAFE.encode(&bytes[..bytes.len() - 4]))), "no bzip2");
    refused(decode(&call(&URL_SAFE.encode([&bytes[..], b"x"].concat()))), "something follows it");
    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert!(decode(&call(&URL_SAFE.encode(&damaged))).is_err());
}

#[test]
fn parts_that_are_missing_are_named() {
    let with = |from: &str, to: &str| report(&[&HEAD.replace(from, to), "}"].concat());
    refused(with("\"version\": 0", "\"version\": 1"), "is of version 1");
    refused(with("\"version\": 0", "\"stats\": 0"), "has no version");
    refused(
        with("{\"enabled\": \"1\", \"server\"", "{\"enabled\": \"0\", \"server\""),
        "not enabled",
    );
    refused(with("\"global\"", "\"stats\""), "has no section [global]");
    refused(with("\"site\"", "\"stats\""), "has no section [site]");
    refused(with("\"host\"", "\"stats\""), "has no section [host]");
    refused(with("\"password\"", "\"passwort\""), "missing field `password`");
    refused(with("\"Site\"", "\"\""), "has a `name` in [site] that is empty");
    refused(report(&[HEAD, r#", "epel": {}}"#].concat()), "has no `dirtree` in [epel]");
    let twice = r#", "epel": {"dirtree": {}}, "EPEL": {"dirtree": {}}}"#;
    refused(report(&[HEAD, twice].concat()), "has two sections [EPEL]");
    refused(report(&[HEAD, r#", "\u0007": {"dirtree": {}}}"#].concat()), "without a proper name");
    refused(report(&[HEAD, "} x"].concat()), "trailing characters");
    refused(report(HEAD), "EOF while parsing");
    refused(report("[]"), "the sections of a report_mirror.conf");
}

/// A few kilobytes that stand for much are refused at the limit, and not when memory ends.
#[test]
fn bombs_are_refused_at_their_limits() {
    let small = Limits {
        packed: 20_000,
        unpacked: 1 << 20,
        before_password: 1 << 20,
        directories: 1_000,
        names: 10_000,
    };
    let decode = |json: &str| report_mirror::decode(&argument(json), &small, |_| true);
    let blanks = [HEAD, &" ".repeat(2 << 20), "}"].concat();
    refused(decode(&blanks), "more than the 1048576 bytes that are accepted when it is unpacked");
    let long = [HEAD, ", \"x\": \"", &"y".repeat(100_000), "\"}"].concat();
    refused(decode(&long), "a string of more than 24576 bytes");
    let quotes = [HEAD, ", \"x\": \"", &"\\\"".repeat(50_000), "\"}"].concat();
    refused(decode(&quotes), "a string of more than 24576 bytes");
    let tree = |n: usize, name: &str| {
        let names: Vec<_> = (0..n).map(|n| format!("\"{name}{n}\": {{}}")).collect();
        [HEAD, ", \"epel\": {\"dirtree\": {", &names.join(","), "}}}"].concat()
    };
    refused(decode(&tree(1_001, "")), "more than the 1000 directories");
    refused(decode(&tree(100, &"x".repeat(200))), "10000 bytes of names");
    assert_eq!(decode(&tree(1_000, "")).unwrap().categories["epel"].names().len(), 1_000);
    let categories: Vec<_> =
        (0..1_001).map(|n| format!("\"c{n}\": {{\"dirtree\": {{}}}}")).collect();
    refused(
        decode(&[HEAD, ",", &categories.join(","), "}"].concat()),
        "more than 1,000 categories",
    );
    let deep = [HEAD, ", \"stats\": ", &"[".repeat(10_000)].concat();
    refused(decode(&deep), "is more than 64 levels deep");
    let body = call(&"A".repeat(100_000));
    refused(report_mirror::decode_call(body.as_bytes(), &small, |_| true), "more than the");
    refused(
        report_mirror::decode(&"A".repeat(30_000), &small, |_| true),
        "has 22500 bytes, more than the 20000",
    );
}

#[test]
fn answers_are_read_back_as_they_were_meant() {
    let texts = |answer: &str| {
        let mut reader = quick_xml::Reader::from_str(answer);
        let mut texts = vec![String::new()];
        loop {
            use quick_xml::events::Event;
            match reader.read_event().unwrap() {
                Event::Text(text) => texts.last_mut().unwrap().push_str(&text),
                Event::GeneralRef(entity) => {
                    let text = quick_xml::escape::resolve_xml_entity(&entity).unwrap();
                    texts.last_mut().unwrap().push_str(text);
                }
                Event::Eof => break,
                _ => texts.push(String::new()),
            }
        }
        texts.retain(|text| !text.trim().is_empty());
        texts
    };
    assert_eq!(texts(&xml_rpc::success("<a> & \"b\"")), ["<a> & \"b\""]);
    assert_eq!(texts(&xml_rpc::fault(-4, "]]>")), ["faultCode", "-4", "faultString", "]]>"]);
}

fn own(text: &str) -> Result<Checkin, CheckinError> {
    json::decode(text.as_bytes(), &Limits::default(), NOW)
}

#[test]
fn a_check_in_of_ours_names_directories_or_a_manifest() {
    let checkin = own(r#"{"mirror": "berlin", "category": "fedora", "finished_at": 1795689000,
        "directories": ["41/os/", "41", "41//os", "..", "a\u00fc"]}"#)
    .unwrap();
    assert_eq!(
        (&*checkin.mirror, &*checkin.category, checkin.finished_at),
        ("berlin", "fedora", NOW)
    );
    let Content::Directories(directories) = checkin.content else { panic!("directories") };
    let names: Vec<_> = directories.names().iter().map(|name| &**name).collect();
    assert_eq!((names, directories.n_skipped()), (vec!["41", "41/os", "aü"], 1));
    let hash = "0f".repeat(32);
    let with =
        |rest: &str| own(&format!(r#"{{"mirror": "a", "category": "b", "finished_at": 1{rest}}}"#));
    let checkin = with(&format!(r#", "manifest_sha256": "{hash}""#)).unwrap();
    assert_eq!(checkin.content, Content::Manifest([15; 32]));
    refused(with(r#", "manifest_sha256": "0f""#), "is not 64 hexadecimal digits");
    refused(with(""), "either `directories` or `manifest_sha256`");
    refused(
        with(&format!(r#", "directories": [], "manifest_sha256": "{hash}""#)),
        "either `directories`",
    );
    refused(with(r#", "directories": [], "x": 1"#), "unknown field `x`");
    refused(with(r#", "directories": [1]"#), "is no check-in: invalid type");
}

#[test]
fn odd_check_ins_of_ours_are_refused() {
    let with = |mirror: &str, time: &str| {
        own(&format!(
            r#"{{"mirror": "{mirror}", "category": "b", "finished_at": {time}, "directories": []}}"#
        ))
    };
    refused(with("", "1"), "`mirror` is empty");
    refused(with(&"x".repeat(501), "1"), "`mirror` is empty, longer");
    refused(with("a\\nb", "1"), "holds control characters");
    refused(
        with("a", "1795689601"),
        "`finished_at` is in the future: 1795689601, 2026-11-26T10:40:01Z",
    );
    refused(with("a", "18446744073709551615"), "9999-12-31T23:59:59Z");
    refused(with("a", "-1"), "is no check-in");
    assert!(with("a", "1795689600").is_ok());
    refused(own(""), "is no check-in: EOF");
    let limits = Limits { packed: 100, directories: 2, ..Limits::default() };
    refused(json::decode(&[b' '; 101], &limits, NOW), "has 101 bytes, more than the 100");
    let three = br#"{"mirror":"a","category":"b","finished_at":1,"directories":["a","b","c"]}"#;
    refused(json::decode(three, &limits, NOW), "more than the 2 directories");
}

proptest! {
    /// Whatever its names, a report reads back as it was written, as far as clients can ask for them.
    #[test]
    fn names_read_back(names in proptest::collection::vec("[a-c/.\u{fc}\u{7}\"\\\\]{0,8}", 0..20)) {
        let tree: serde_json::Map<_, _> =
            names.iter().map(|name| (name.clone(), serde_json::json!({}))).collect();
        let json = [HEAD, ", \"c\": {\"dirtree\": ", &serde_json::to_string(&tree).unwrap(), "}}"].concat();
        let found = report(&json).unwrap();
        let usable = |name: &&String| {
            !name.chars().any(char::is_control) && !model::path::leads_above(name)
        };
        let expected: std::collections::BTreeSet<_> =
            names.iter().filter(usable).map(|name| model::path::canonical(name).into_owned()).collect();
        let found: Vec<_> = found.categories["c"].names().iter().map(|name| name.to_string()).collect();
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    /// Any bytes behind the right head of bzip2 and base64 are refused or read, and nothing else.
    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let body = [b"BZh9", &bytes[..]].concat();
        prop_assert!(report_mirror::decode(&URL_SAFE.encode(body), &Limits::default(), |_| true).is_err());
        prop_assert!(json::decode(&bytes, &Limits::default(), NOW).is_err());
    }
}

#[test]
fn little_is_unpacked_before_it_is_known_whose_report_it_is() {
    let decode = |json: &str, is_known: bool| {
        let limits = Limits { before_password: 100_000, ..Limits::default() };
        report_mirror::decode(&argument(json), &limits, |_| is_known)
    };
    let names: String = (0..20_000).map(|n| format!("\"{n}\": {{}}, ")).collect();
    let tree = format!("\"many\": {{\"dirtree\": {{{names}\"\": {{}}}}}}");
    let whole = format!("{HEAD}, {tree}}}");
    assert_eq!(decode(&whole, true).unwrap().categories["many"].names().len(), 20_001);
    // What follows is not even read: it is no JSON.
    assert_eq!(decode(&format!("{HEAD}, broken"), false), Err(CheckinError::Password));
    let early = format!("{{{tree}, {}}}", HEAD.trim_start_matches('{'));
    assert_eq!(decode(&early, true), Err(CheckinError::LatePassword(100_000)));
}
