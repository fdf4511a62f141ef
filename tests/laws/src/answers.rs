//! Law: for any query, all formats list the same mirrors, in lines that clients can read.

use std::net::IpAddr;
use std::sync::OnceLock;

use answer::query::Query;
use answer::requester::Requester;
use answer::shaping::Shaping;
use answer::{Edition, Endpoint, Format, Options, Request, Scratch, Status, respond};
use encode::append::Append;
use encode::text::Text;
use serve::build_snapshot::build;
use sources::Inputs;

use super::xml;

/// The longest line that dnf reads, in bytes without its end.
const MAX_LINE: usize = 4_095;
/// The longest query that is tried, in bytes.
const MAX_QUERY: usize = 8_000;

/// Clients in a private mirror's network, in an autonomous system with a mirror, with IPv6, and in no
/// network.
const CLIENTS: [&str; 4] = ["192.0.2.200", "198.51.100.7", "2001:db8:2000::1", "198.18.255.1"];

pub fn query(bytes: &[u8]) {
    static DEMO: OnceLock<Edition> = OnceLock::new();
    let edition = DEMO.get_or_init(|| Edition::new(build(&Inputs::Demo, None).unwrap().snapshot));
    if let Ok(query) = std::str::from_utf8(bytes)
        && query.len() <= MAX_QUERY
    {
        check(edition, query);
    }
}

/// Answers a query in all formats, with both profiles and for all clients, and checks the answers.
pub fn check(edition: &Edition, query: &str) {
    for options in [Options::default(), modern()] {
        for client in CLIENTS {
            check_formats(edition, &options, query, client.parse().unwrap());
        }
    }
}

fn modern() -> Options {
    Options { shaping: Shaping::modern(), ..Options::default() }
}

/// Answers a query in all formats, without checking the answers.
pub fn exercise(edition: &Edition, query: &str) {
    for format in [Format::Mirrorlist, Format::Json, Format::Metalink, Format::Metalink4] {
        for client in CLIENTS {
            let request = Request {
                endpoint: Endpoint::BuiltIn(format),
                query,
                requester: Requester::untrusted(client.parse().unwrap()),
                host: "",
                now: 0,
            };
            let mut rng = fastrand::Rng::with_seed(7);
            let (mut scratch, mut body) = (Scratch::default(), Text::default());
            respond(edition, &modern(), &request, &mut rng, &mut scratch, &mut body);
        }
    }
}

struct Answer {
    status: Status,
    content_type: String,
    body: String,
}

fn answer(
    edition: &Edition,
    options: &Options,
    query: &str,
    client: IpAddr,
    format: Format,
) -> Answer {
    let request = Request {
        endpoint: Endpoint::BuiltIn(format),
        query,
        requester: Requester::untrusted(client),
        host: "",
        now: 1_795_258_889,
    };
    // Reused memory that has held another body, as that of a worker.
    let mut body = Text::default();
    body.push_str(&"#".repeat(4_096));
    body.clear();
    // The same seed for each format.
    let mut rng = fastrand::Rng::with_seed(7);
    let mut scratch = Scratch::default();
    let reply = respond(edition, options, &request, &mut rng, &mut scratch, &mut body);
    for value in reply.redirect.iter().flat_map(|redirect| {
        [Some(&redirect.location), redirect.link.as_ref(), redirect.digest.as_ref()]
    }) {
        let is_visible = |text: &String| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(value.is_none_or(is_visible), "{value:?}");
    }
    let body = String::from_utf8(body.into_bytes()).expect("documents are UTF-8");
    let is_text = |c: char| c == '\n' || !c.is_control();
    assert!(body.chars().all(is_text), "{body:?}");
    if reply.content_type != Format::Json.content_type() {
        let longest = body.lines().map(str::len).max().unwrap_or_default();
        assert!(longest <= MAX_LINE, "a line of {longest} bytes: {query}");
    }
    Answer { status: reply.status, content_type: reply.content_type.to_owned(), body }
}

fn check_formats(edition: &Edition, options: &Options, query: &str, client: IpAddr) {
    let answer = |format| answer(edition, options, query, client, format);
    let [text, json] = [Format::Mirrorlist, Format::Json].map(answer);
    let [metalink, metalink4] = [Format::Metalink, Format::Metalink4].map(|format| {
        let answer = answer(format);
        (answer.status, xml::urls(&answer.body))
    });
    assert_eq!(metalink.0, metalink4.0, "{query}");

    let understood = Query::parse(query, options).ok();
    let asks_for_protocols = understood.as_ref().is_some_and(|query| query.protocols.is_some());
    // Otherwise only one of them lists rsync, and the mirrors selected differ.
    let lists_the_same = asks_for_protocols || !options.shaping.unlisted.is_empty();
    if lists_the_same {
        assert_eq!(metalink.1, metalink4.1, "{query}");
    }
    let json = json_urls(&json.body);
    if let Some((best, _)) = &json
        && text.status == Status::Ok
        && text.content_type == Format::Mirrorlist.content_type()
    {
        let lines: Vec<&str> = text.body.lines().filter(|line| !line.starts_with('#')).collect();
        if !asks_for_protocols {
            assert_eq!(&lines, best, "{query}");
        }
    }
    // The list of a repository has URLs of its folder, its metalink those of its index file.
    let is_one_file = understood.is_some_and(|query| query.path.is_some());
    if let Some((_, all)) = &json
        && is_one_file
        && metalink4.0 == Status::Ok
    {
        assert_eq!(&metalink4.1, all, "{query}");
    }
}

/// The best URL of each mirror, and all URLs; `None` if the answer is an error.
fn json_urls(body: &str) -> Option<(Vec<String>, Vec<String>)> {
    let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mirrors = value.as_array()?;
    let best = mirrors.iter().map(|mirror| text(&mirror["url"])).collect();
    let all = mirrors.iter().flat_map(|mirror| mirror["urls"].as_array().unwrap());
    Some((best, all.map(text).collect()))
}
