//! Finds errors in answers, and describes the cause of each.
//!
//! Every check is for an error with which some client fails; a comment at the check names the client.

use std::collections::HashSet;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// The content and attributes of a `<url>` element.
#[derive(Clone, Debug, Default)]
pub struct Url {
    pub protocol: String,
    pub kind: String,
    pub location: String,
    pub preference: String,
    /// In metalinks of version 4 only.
    pub priority: String,
    pub url: String,
}

/// The parts of a metalink that clients read.
#[derive(Clone, Debug, Default)]
pub struct Metalink {
    pub file: Option<String>,
    pub timestamps: Vec<String>,
    pub sizes: Vec<String>,
    /// Type and digest, of the current version and of alternates.
    pub hashes: Vec<(String, String)>,
    pub alternates: usize,
    pub urls: Vec<Url>,
    pub comments: String,
}

/// Reads a metalink by the literal names that librepo looks for.
pub fn parse_metalink(body: &str) -> Result<Metalink, String> {
    let mut reader = Reader::from_str(body);
    let mut metalink = Metalink::default();
    let mut path: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                open(&name, &start, &mut metalink)?;
                path.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(part) => {
                let resolved = quick_xml::escape::resolve_predefined_entity(&part);
                text.push_str(resolved.unwrap_or("\u{fffd}"));
            }
            Event::Comment(part) => metalink.comments.push_str(&part),
            Event::End(_) => match path.pop().unwrap_or_default().as_str() {
                "mm0:timestamp" => metalink.timestamps.push(text.clone()),
                "size" => metalink.sizes.push(text.clone()),
                "hash" => metalink.hashes.last_mut().unwrap().1.clone_from(&text),
                "url" => metalink.urls.last_mut().unwrap().url.clone_from(&text),
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    if path.is_empty() { Ok(metalink) } else { Err(format!("<{}> is not closed", path.join("><"))) }
}

fn open(name: &str, start: &BytesStart<'_>, metalink: &mut Metalink) -> Result<(), String> {
    let attribute = |name: &str| -> Result<String, String> {
        let found = start.try_get_attribute(name).map_err(|error| error.to_string())?;
        Ok(found.map(|a| a.value.into_owned()).unwrap_or_default())
    };
    match name {
        "file" => metalink.file = Some(attribute("name")?),
        "mm0:alternate" => metalink.alternates += 1,
        "hash" => metalink.hashes.push((attribute("type")?, String::new())),
        "url" => metalink.urls.push(Url {
            protocol: attribute("protocol")?,
            kind: attribute("type")?,
            location: attribute("location")?,
            preference: attribute("preference")?,
            priority: attribute("priority")?,
            url: String::new(),
        }),
        _ => {}
    }
    Ok(())
}

/// Finds errors in a metalink of any version and for any file, also one without mirrors or one that is
/// an error message. Empty if there are none.
pub fn any_metalink(body: &str) -> Vec<String> {
    let metalink = match parse_metalink(body) {
        Ok(metalink) => metalink,
        Err(error) => return vec![format!("the metalink is not well-formed: {error}")],
    };
    let mut causes = Vec::new();
    if body.contains('\r') {
        causes.push("the metalink holds a carriage return".to_owned());
    }
    if metalink.comments.contains("--") {
        causes.push(format!("a comment holds two dashes: {:?}", metalink.comments));
    }
    for number in metalink.timestamps.iter().chain(&metalink.sizes) {
        if number.parse::<u64>().is_ok_and(|number| number == 0) {
            causes
                .push("a timestamp or size is zero: it is not known, and must not be told".into());
        }
    }
    let flat: String = body.split_whitespace().collect();
    if flat.contains("<verification></verification>") {
        // dnf uses no mirror if a version has no checksums.
        causes.push("a version has an empty verification".to_owned());
    }
    if flat.contains("<mm0:alternates></mm0:alternates>") {
        causes.push("there is an empty list of alternates".to_owned());
    }
    for url in &metalink.urls {
        if !url.url.contains("://") || url.url.contains([' ', '$']) {
            causes.push(format!("no plain URL: {:?}", url.url));
        }
    }
    causes
}

/// Finds errors in a metalink of repomd.xml; empty if there are none.
pub fn metalink(body: &str) -> Vec<String> {
    let mut causes = Vec::new();
    let metalink = match parse_metalink(body) {
        Ok(metalink) => metalink,
        Err(error) => return vec![format!("the metalink is not well-formed: {error}")],
    };
    if metalink.file.as_deref() != Some("repomd.xml") {
        let comments = metalink.comments.trim();
        causes.push(format!("no <file name=\"repomd.xml\">, the metalink says: {comments:?}"));
        return causes;
    }
    // librepo looks for these names as text, whatever the prefix is bound to.
    if metalink.timestamps.is_empty() {
        causes.push("no element is literally called mm0:timestamp".to_owned());
    }
    if body.contains("alternate") && metalink.alternates == 0 {
        causes.push("alternates are not literally called mm0:alternate".to_owned());
    }
    causes.extend(any_metalink(body));
    for number in metalink.timestamps.iter().chain(&metalink.sizes) {
        if number.parse::<u64>().is_err() {
            causes.push(format!("a timestamp or size is no number: {number:?}"));
        }
    }
    lint_hashes(&metalink, &mut causes);
    lint_urls(&metalink, &mut causes);
    causes
}

/// Finds errors in a metalink 4 (RFC 5854) of repomd.xml; empty if there are none.
pub fn metalink4(body: &str) -> Vec<String> {
    let metalink = match parse_metalink(body) {
        Ok(metalink) => metalink,
        Err(error) => return vec![format!("the metalink is not well-formed: {error}")],
    };
    let mut causes = Vec::new();
    if !body.contains("<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">") {
        causes.push("the metalink is not in the namespace of RFC 5854".to_owned());
    }
    if metalink.file.as_deref() != Some("repomd.xml") {
        causes.push("no <file name=\"repomd.xml\">".to_owned());
    }
    for (kind, digits) in [("sha-512", 128), ("sha-256", 64)] {
        match metalink.hashes.iter().find(|(other, _)| other == kind) {
            Some((_, hex)) if hex.len() != digits => {
                causes.push(format!("{kind} is not {digits} hex digits: {hex:?}"));
            }
            Some((_, hex)) if hex.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
                causes.push(format!("hash is not lower-case hex: {kind} {hex}"));
            }
            Some(_) => {}
            None => causes.push(format!("there is no {kind} hash")),
        }
    }
    if metalink.urls.is_empty() {
        causes.push("the metalink lists no mirror".to_owned());
    }
    let mut last = 0;
    for url in &metalink.urls {
        match url.priority.parse::<u32>() {
            Ok(priority) if priority == last || priority == last + 1 => last = priority,
            _ => causes.push(format!(
                "priority does not rise from 1 in document order (order reversed?): {} after {last}",
                url.priority
            )),
        }
        if url.location.bytes().any(|b| b.is_ascii_uppercase()) {
            causes
                .push(format!("location is not in lower case, as aria2 compares it: {}", url.url));
        }
    }
    causes
}

fn lint_hashes(metalink: &Metalink, causes: &mut Vec<String>) {
    for (kind, digest) in &metalink.hashes {
        let digits = match kind.as_str() {
            "md5" => 32,
            "sha1" => 40,
            "sha256" => 64,
            "sha512" => 128,
            _ => {
                causes.push(format!("hash of unknown type {kind:?}"));
                continue;
            }
        };
        if digest.len() != digits || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            causes.push(format!("{kind} is not {digits} hex digits: {digest:?}"));
        } else if digest.bytes().any(|b| b.is_ascii_uppercase()) {
            // librepo compares digests as text, and makes its own in lower case.
            causes.push(format!("hash is not lower-case hex: {kind} {digest}"));
        }
    }
    for needed in ["sha256", "sha512"] {
        let current = metalink.hashes.iter().filter(|(kind, _)| kind == needed).count();
        if current != 1 + metalink.alternates {
            let versions = 1 + metalink.alternates;
            causes.push(format!("{current} of {versions} versions have a {needed} hash"));
        }
    }
}

fn lint_urls(metalink: &Metalink, causes: &mut Vec<String>) {
    if metalink.urls.is_empty() {
        causes.push("the metalink lists no mirror".to_owned());
    }
    let mut last = None;
    let mut hosts_seen: Vec<(String, u32)> = Vec::new();
    for url in &metalink.urls {
        let name = &url.url;
        let scheme = name.split("://").next().unwrap_or_default();
        if url.protocol != scheme {
            causes.push(format!("protocol={:?} does not fit {name}", url.protocol));
        }
        // aria2 needs `type`, dnf and yum read `protocol`.
        if url.kind != url.protocol {
            causes.push(format!("type={:?} is missing or wrong at {name}", url.kind));
        }
        if !name.ends_with("/repodata/repomd.xml") {
            causes.push(format!("{name} does not end in /repodata/repomd.xml"));
        }
        if !url.location.bytes().all(|b| b.is_ascii_uppercase()) {
            causes.push(format!("location={:?} is not upper case at {name}", url.location));
        }
        let Ok(preference) = url.preference.parse::<u32>() else {
            causes.push(format!("preference={:?} is no number at {name}", url.preference));
            continue;
        };
        if !(1..=100).contains(&preference) {
            causes.push(format!("preference={preference} is not within 1 and 100 at {name}"));
        }
        let host = host_of(name);
        let falls = match (last, hosts_seen.last()) {
            (None, _) => preference == 100,
            (Some(last), Some((host_before, _))) if *host_before == host => preference == last,
            (Some(last), _) => preference < last || last == 1,
        };
        if !falls {
            let before = last.map_or("the start".to_owned(), |last| last.to_string());
            causes.push(format!(
                "preference does not fall from 100 in document order (order reversed?): \
                 {preference} after {before} at {name}"
            ));
        }
        last = Some(preference);
        hosts_seen.push((host, preference));
    }
}

fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default().to_owned()
}

/// Finds errors in a text list; empty if there are none.
pub fn text_list(body: &str) -> Vec<String> {
    let mut causes = Vec::new();
    if body.contains('\r') {
        // dnf and zypper take a carriage return for a part of the URL.
        causes.push("text list holds a carriage return".to_owned());
    }
    if !body.ends_with('\n') {
        causes.push("text list does not end in a newline".to_owned());
    }
    if !body.starts_with('#') {
        causes.push("text list does not start with a comment".to_owned());
    }
    let mut n_urls = 0;
    let mut seen = HashSet::new();
    for line in body.trim_end_matches('\n').split('\n').map(|line| line.trim_end_matches('\r')) {
        if line.is_empty() {
            // libzypp 17.38 ignores the whole list.
            causes.push("text list holds a blank line".to_owned());
        } else if line.len() >= 4_095 {
            causes.push(format!("text list has a line of {} bytes", line.len()));
        } else if !line.starts_with('#') {
            n_urls += 1;
            if line.contains(['$', ' ']) || !line.contains("://") {
                causes.push(format!("text list has a line that is no plain URL: {line:?}"));
            }
            if !seen.insert(line) {
                causes.push(format!("text list names a mirror twice: {line}"));
            }
        }
    }
    if n_urls == 0 {
        causes.push(format!("text list names no mirror: {body:?}"));
    }
    causes
}

/// The URLs of a text list.
pub fn urls_of_text(body: &str) -> Vec<String> {
    body.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The URLs of a metalink, in document order.
pub fn urls_of_metalink(body: &str) -> Vec<String> {
    let metalink = parse_metalink(body).unwrap_or_default();
    metalink.urls.into_iter().map(|url| url.url).collect()
}

/// How an order differs from the expected one; `None` if it does not.
pub fn order(listed: &[String], expected: &[String]) -> Option<String> {
    let reversed = || listed.iter().rev().eq(expected);
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let problem = if listed == expected {
        return None;
    } else if listed.len() > 1 && reversed() {
        "the order is reversed: the nearest mirror comes last"
    } else if sorted(listed) == sorted(expected) {
        "the mirrors are right, their order is not"
    } else {
        "other mirrors are listed than expected"
    };
    Some(format!(
        "{problem}\n    listed   {}\n    expected {}",
        listed.join(" "),
        expected.join(" ")
    ))
}
