//! Base URLs of mirrors, normalised when data are read to a form that every client accepts.
//!
//! A base URL is `SCHEME://HOST[:PORT][/PATH]`, and a directory and a file are appended to it. A URL
//! that one client cannot read can break more than that mirror: zypper gives up a whole repository when
//! a host with an open bracket is listed early, and aria2 does not know `HTTP://`. So
//! [`BaseUrl::parse`] parses the whole text (RFC 3986), mends what has one meaning only, and refuses the
//! rest:
//!
//! | mended | refused |
//! |---|---|
//! | blanks around it | blanks within; control characters, also encoded |
//! | scheme and host in upper case | another scheme, no host, a host that is no name and no address |
//! | a name in another script: punycode (IDNA, UTS 46) | `http://1.2.3`, `http://0x7f`: addresses in an odd form |
//! | the default port, an empty one, zeros before it | a port of 0 or above 65535 |
//! | slashes at the end, runs of slashes, `.` and `..` | a query, a fragment: they would swallow the directory |
//! | `rsync://host::module`: `rsync://host/module` | an IPv6 address without brackets |
//! | characters that a path cannot hold, a lone `%`, `$` | a user, with or without a password; a backslash |
//!
//! Percent-encoded characters stay encoded: `%2F` is no slash, and `%7E` stays `%7E`. A URL that is in
//! this form already is kept byte for byte.
//!
//! Runs of slashes become one. RFC 3986 leaves this to the server: nginx, Apache and lighttpd merge
//! them, and some clients read a `//` as the beginning of a host.

use std::fmt;
use std::net::Ipv4Addr;

use ::url::Host;

use super::url::Protocol;
use encode::write::{is_plain_in_path, push_percent_encoded};

/// The greatest length of a base URL in bytes.
const MAX_LEN: usize = 1_000;

/// A normalised base URL, without a slash at its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseUrl {
    text: String,
    protocol: Protocol,
}

/// The reason why a text is refused as a base URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadUrl {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// A control character would break a text list, and XML cannot hold most of them.
    #[error("holds a control character")]
    Control,
    /// libzypp decodes an encoded control character, and fails.
    #[error("holds an encoded control character")]
    EncodedControl,
    /// A blank ends the URL for some clients.
    #[error("holds a blank")]
    Blank,
    /// Some clients take a backslash for a slash, some do not.
    #[error("holds a backslash")]
    Backslash,
    /// librepo reads lines of text lists of less than 4,095 bytes: a base URL, a directory and a
    /// file, each byte of the latter two written as three at worst, stay below that.
    #[error("is longer than 1,000 bytes")]
    TooLong,
    /// No `scheme://`, or a scheme that no client fetches from.
    #[error("has no scheme out of https, http, ftp, rsync")]
    Scheme,
    /// There is nothing between `://` and the path.
    #[error("names no host")]
    NoHost,
    /// The host is neither a valid name nor an address.
    #[error("has a host that is neither a name nor an address")]
    Host,
    /// Clients read an address such as `1.2.3`, `0x7f000001` or `0177.0.0.1` in different ways.
    #[error("has a host that is an address in an odd form")]
    OddAddress,
    /// The port is not a number from 1 to 65535.
    #[error("has a port that is not in 1 to 65535")]
    Port,
    /// A user name or password would be published.
    #[error("holds a user name or a password")]
    UserInfo,
    /// The directory would become a part of the query.
    #[error("holds a query (`?`)")]
    Query,
    /// The directory would become a part of the fragment, which clients do not send.
    #[error("holds a fragment (`#`)")]
    Fragment,
}

impl BaseUrl {
    /// Reads a base URL and normalises it.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(BadUrl::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(BadUrl::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(BadUrl::Control);
        }
        if text.chars().any(char::is_whitespace) {
            return Err(BadUrl::Blank);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
        let protocol = Protocol::parse(scheme).ok_or(BadUrl::Scheme)?;
        if rest.contains('\\') {
            return Err(BadUrl::Backslash);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(BadUrl::UserInfo);
        }
        match path.find(['?', '#']).and_then(|at| path.as_bytes().get(at)) {
            Some(b'?') => return Err(BadUrl::Query),
            Some(_) => return Err(BadUrl::Fragment),
            None => {}
        }
        // `rsync://host::module/path` mixes rsync's two notations; a bracket begins an IPv6 address.
        let module = authority
            .split_once("::")
            .filter(|(host, _)| protocol == Protocol::Rsync && !host.contains(['[', ':']));
        let (authority, module) = module.unwrap_or((authority, ""));
        let (host, port) = split_port(authority)?;
        let mut canonical = [protocol.as_str(), "://", &parse_host(host)?].concat();
        if let Some(port) = parse_port(port)?.filter(|&port| port != protocol.default_port()) {
            canonical.extend([":", &port.to_string()]);
        }
        push_path(&["/", module, path].concat(), &mut canonical)?;
        if canonical.len() > MAX_LEN {
            return Err(BadUrl::TooLong);
        }
        Ok(Self { text: canonical, protocol })
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The protocol of its scheme.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }
}

/// Splits an authority into the host and the text after the port's colon.
pub(crate) fn split_port(authority: &str) -> Result<(&str, &str), BadUrl> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(BadUrl::Host)?;
        let (host, rest) = authority.split_at_checked(end + 1).ok_or(BadUrl::Host)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if rest.is_empty() => Ok((host, "")),
            None => Err(BadUrl::Host),
        };
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    // An IPv6 address needs its brackets.
    if port.contains(':') { Err(BadUrl::Host) } else { Ok((host, port)) }
}

pub(crate) fn parse_port(text: &str) -> Result<Option<u16>, BadUrl> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text);
    let port = digits.and_then(|digits| digits.parse().ok()).filter(|&port: &u16| port != 0);
    port.map(Some).ok_or(BadUrl::Port)
}

pub(crate) fn parse_host(text: &str) -> Result<String, BadUrl> {
    if text.is_empty() {
        return Err(BadUrl::NoHost);
    }
    match Host::parse(text).map_err(|_| BadUrl::Host)? {
        Host::Ipv4(address) if text.parse::<Ipv4Addr>() == Ok(address) => Ok(address.to_string()),
        Host::Ipv4(_) => Err(BadUrl::OddAddress),
        Host::Ipv6(address) => Ok(format!("[{address}]")),
        Host::Domain(name) => {
            // Servers do not expect the dot of the DNS root in the name they are asked for.
            let name = name.strip_suffix('.').unwrap_or(&name);
            // URLs allow more characters here, but libzypp refuses them.
            let is_character =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let is_label =
                |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_character);
            if name.len() <= 253 && name.split('.').all(is_label) {
                Ok(name.to_owned())
            } else {
                Err(BadUrl::Host)
            }
        }
    }
}

/// Appends a path, percent-encoded, without empty and dot segments (RFC 3986, section 5.2.4).
fn push_path(path: &str, out: &mut String) -> Result<(), BadUrl> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match &*segment.to_ascii_lowercase().replace("%2e", ".") {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in segments {
        out.push('/');
        push_segment(segment, out)?;
    }
    Ok(())
}

/// Appends a segment, percent-encoded; valid escapes in it are kept.
fn push_segment(segment: &str, out: &mut String) -> Result<(), BadUrl> {
    let mut rest = segment.chars();
    while let Some(character) = rest.next() {
        match character {
            '%' => match rest.as_str().get(..2).and_then(parse_byte) {
                Some(0..=0x1f | 0x7f) => return Err(BadUrl::EncodedControl),
                Some(_) => out.push('%'),
                None => out.push_str("%25"),
            },
            plain if is_plain_in_path(plain) => out.push(plain),
            other => push_percent_encoded(other, out),
        }
    }
    Ok(())
}

fn parse_byte(digits: &str) -> Option<u8> {
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Shows a text that should be a URL without the parts that may be secret: those before the last `@`
/// after the scheme, and those after a `?` or `#`.
pub struct Redacted<'a>(pub &'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        let (shown, query) = match self.0.split_at_checked(end) {
            Some((shown, query)) if query.len() > 1 && query.starts_with('?') => (shown, "?…"),
            Some((shown, query)) if query.len() > 1 => (shown, "#…"),
            _ => (self.0, ""),
        };
        // If an `@` follows a `?`, the `?` may belong to a password, and the text before it is the
        // beginning of that password: then the host is not shown either.
        let has_user = self.0.contains('@') || self.0.to_ascii_lowercase().contains("%40");
        let (scheme, rest) = match shown.split_once("://") {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => ("", None),
        };
        match (has_user, rest) {
            (false, _) => write!(f, "{shown}{query}"),
            (true, rest) => {
                let rest = rest.unwrap_or(shown);
                let host = rest.rsplit_once('@').map_or("", |(_, host)| host);
                let separator = if scheme.is_empty() { "" } else { "://" };
                write!(f, "{scheme}{separator}…@{host}{query}")
            }
        }
    }
}

/// The host and port of a base URL; empty if there is none.
pub fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fine_is_kept_byte_for_byte() {
        for url in [
            "https://m.example/fedora/linux",
            "http://m.example",
            "http://m.example:8080/a",
            "https://m.example:80/a",
            "rsync://m.example/fedora-buffet/fedora/linux",
            "ftp://192.0.2.1/pub",
            "https://[2001:db8::1]:8443/pub",
            "https://xn--mnchen-3ya.example/x",
            "http://under_score.example/~user/a%20b/%7efoo/%2Fx/a:b@c/!&'()*+,;=",
            "http://localhost/x",
        ] {
            assert_eq!(BaseUrl::parse(url).as_ref().map(BaseUrl::as_str), Ok(url));
        }
    }

    #[test]
    fn what_has_one_meaning_is_mended() {
        for (text, expected) in [
            ("HTTP://M.Example/Pub", "http://m.example/Pub"),
            (" https://m.example/pub/ ", "https://m.example/pub"),
            ("http://m.example/", "http://m.example"),
            ("http://m.example////", "http://m.example"),
            ("http://m.example//pub///x//", "http://m.example/pub/x"),
            ("http://m.example/a/./b/../c", "http://m.example/a/c"),
            ("http://m.example/a/%2e%2E/b", "http://m.example/b"),
            ("http://m.example/../../b", "http://m.example/b"),
            ("http://m.example:80/a", "http://m.example/a"),
            ("https://m.example:0443/a", "https://m.example/a"),
            ("ftp://m.example:21", "ftp://m.example"),
            ("rsync://m.example:873/a", "rsync://m.example/a"),
            ("rsync://m.example:80/a", "rsync://m.example:80/a"),
            ("rsync://m.example::alma/x/", "rsync://m.example/alma/x"),
            ("rsync://m.example::", "rsync://m.example"),
            ("http://m.example:/a", "http://m.example/a"),
            ("http://m.example./a", "http://m.example/a"),
            ("https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"),
            ("http://m.example/<a>\"{|}^`[]", "http://m.example/%3Ca%3E%22%7B%7C%7D%5E%60%5B%5D"),
            ("http://m.example/100%/%zz/%4", "http://m.example/100%25/%25zz/%254"),
            ("http://m.example/%+1", "http://m.example/%25+1"),
            ("http://m.example/%é1", "http://m.example/%25%C3%A91"),
            ("http://m.example/$basearch", "http://m.example/%24basearch"),
            ("http://m.example/\u{202e}", "http://m.example/%E2%80%AE"),
            ("http://[2001:DB8:0:0::1]/", "http://[2001:db8::1]"),
            ("http://%6d.example/", "http://m.example"),
        ] {
            let mended = BaseUrl::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
            assert_eq!(mended.as_str(), expected, "{text}");
            assert_eq!(BaseUrl::parse(expected).as_ref(), Ok(&mended), "{text}");
        }
    }

    #[test]
    fn what_has_no_meaning_or_several_is_refused() {
        use BadUrl::*;
        for (text, reason) in [
            ("", Empty),
            ("  ", Empty),
            ("http://m.example/\n", Control),
            ("http://m.example/\r\nSet-Cookie: x", Control),
            ("http://m.example/\u{85}", Control),
            ("http://m.example/%00", EncodedControl),
            ("http://m.example/%0A", EncodedControl),
            ("http://m.example/a b", Blank),
            ("http://m.example/\u{a0}", Blank),
            ("http://m.example\\pub", Backslash),
            ("gopher://m.example/", Scheme),
            ("m.example/fedora", Scheme),
            ("//m.example/fedora", Scheme),
            ("http:/m.example/fedora", Scheme),
            ("http:///fedora", NoHost),
            ("http://", NoHost),
            ("http://:80/", NoHost),
            ("http://[::1/", Host),
            ("http://[::1]x/", Host),
            ("http://[fe80::1%25eth0]/", Host),
            ("http://2001:db8::1/", Host),
            ("rsync://2001:db8::1/", Host),
            ("http://m.example::pub/", Host),
            ("http://a..b/", Host),
            ("http://.m.example/", Host),
            ("http://a,b/", Host),
            ("http://<m>/", Host),
            ("http://xn--a/", Host),
            ("http://1.2.3.256/", Host),
            ("http://1.2.3/", OddAddress),
            ("http://0x7f.1/", OddAddress),
            ("http://0177.0.0.1/", OddAddress),
            ("http://2130706433/", OddAddress),
            ("http://m.example:99999/", Port),
            ("http://m.example:0/", Port),
            ("http://m.example:-1/", Port),
            ("http://m.example:+80/", Port),
            ("http://m.example:8o/", Port),
            ("http://me:secret@m.example/", UserInfo),
            ("http://@m.example/", UserInfo),
            ("http://m.example/?x=1", Query),
            ("http://m.example?x=1#f", Query),
            ("http://m.example/a?", Query),
            ("http://m.example/#f", Fragment),
            ("http://m.example#?", Fragment),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(reason), "{text:?}");
        }
        let long = |n: usize| format!("http://m.example/{}", "ü".repeat(n));
        assert!(BaseUrl::parse(&long(163)).is_ok_and(|url| url.as_str().len() == 995));
        assert_eq!(BaseUrl::parse(&long(164)), Err(TooLong));
        assert_eq!(BaseUrl::parse(&format!("http://{}.example", "a".repeat(64))), Err(Host));
        assert_eq!(BaseUrl::parse(&format!("http://{}", "a.".repeat(128))), Err(Host));
    }

    #[test]
    fn messages_hold_no_secret() {
        for (text, shown) in [
            ("http://m.example/a", "http://m.example/a"),
            ("http://me:secret@m.example/a", "http://…@m.example/a"),
            ("http://me:sec@ret@m.example/a", "http://…@m.example/a"),
            ("http://me:sec/ret@m.example/a", "http://…@m.example/a"),
            ("http://me:sec?ret@m.example/a", "http://…@?…"),
            ("http://me:secret%40m.example/a", "http://…@"),
            ("me:secret@m.example/a", "…@m.example/a"),
            ("http://m.example/?token=secret", "http://m.example/?…"),
            ("http://m.example/#token=secret", "http://m.example/#…"),
            ("http://m.example/#a?secret", "http://m.example/#…"),
            ("http://me:sec#ret@m.example/", "http://…@#…"),
            ("http://m.example/?", "http://m.example/?"),
        ] {
            let redacted = Redacted(text).to_string();
            assert!(!redacted.contains("sec") && !redacted.contains("ret"), "{redacted}");
            assert_eq!(redacted.trim_end_matches('?'), shown.trim_end_matches('?'), "{text}");
        }
    }

    #[test]
    fn the_authority_is_host_and_port() {
        assert_eq!(authority("https://m.example:8443/a/b"), "m.example:8443");
        assert_eq!(authority("ftp://m.example"), "m.example");
        assert_eq!(authority("nonsense"), "");
    }
}
