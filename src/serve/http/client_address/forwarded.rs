//! A parser for the header `Forwarded` (RFC 7239) that reads from the right.
//!
//! ```text
//! Forwarded: for=192.0.2.43;proto=http, for="[2001:db8:cafe::17]:4711";by=203.0.113.60
//! ```
//!
//! A quoted value may hold commas, so a parser that begins on the left depends on every quotation mark
//! that a client has sent: one that is never closed would swallow what the proxy appended after it. Read
//! from the right, the element that a proxy wrote is complete, and its own bytes decide where its quotes
//! begin.
//!
//! It allocates nothing and reads each byte a few times at most. It does not check `by`, `host` and
//! `proto`, which nothing here uses.

use std::net::IpAddr;

use super::hop::parse_hop;

/// Size of the buffer for unescaping a quoted address. The longest address with brackets and port has 53
/// bytes, and an obfuscated port may be longer than any real one.
const MAX_NODE_BYTES: usize = 128;

/// Returns the addresses named by `line`, from the right; `None` for one that is malformed, missing,
/// hidden or `unknown`. The iterator ends at an element that is malformed.
pub fn hops(line: &[u8]) -> impl Iterator<Item = Option<IpAddr>> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest.take()?;
        let Some(element) = split_last_element(line) else {
            return Some(None);
        };
        rest = element.before;
        Some(element.node.and_then(Value::parse))
    })
}

/// One element of the header, written by one proxy.
struct Element<'h> {
    /// The value of `for`.
    node: Option<Value<'h>>,
    /// The part of the line before this element and its comma; `None` for the first element.
    before: Option<&'h [u8]>,
}

/// The last element of a line; `None` if it is malformed.
fn split_last_element(line: &[u8]) -> Option<Element<'_>> {
    let mut node = None;
    let mut rest = line;
    // Whether a parameter may end at the end of `rest`.
    let mut is_delimited = true;
    loop {
        rest = rest.trim_ascii_end();
        match rest.split_last() {
            None => return Some(Element { node, before: None }),
            Some((b',', before)) => return Some(Element { node, before: Some(before) }),
            Some((b';', before)) => (rest, is_delimited) = (before, true),
            Some(_) if is_delimited => {
                let pair = split_last_pair(rest)?;
                let is_node = pair.name.eq_ignore_ascii_case(b"for");
                // A parameter may occur once per element; if it occurs twice, either may be false.
                if is_node && node.replace(pair.value).is_some() {
                    return None;
                }
                (rest, is_delimited) = (pair.before, false);
            }
            Some(_) => return None,
        }
    }
}

struct Pair<'h> {
    name: &'h [u8],
    value: Value<'h>,
    before: &'h [u8],
}

#[derive(Clone, Copy)]
enum Value<'h> {
    Plain(&'h [u8]),
    /// The text between the quotes, with its escapes.
    Quoted(&'h [u8]),
}

fn split_last_pair(text: &[u8]) -> Option<Pair<'_>> {
    let (value, before) = match text.strip_suffix(b"\"") {
        Some(text) => {
            let (before, inner) = split_at_opening_quote(text)?;
            (Value::Quoted(inner), before)
        }
        None => {
            let (before, value) = split_trailing(text, is_plain);
            (Value::Plain(value), before)
        }
    };
    let (before, name) = split_trailing(before.strip_suffix(b"=")?, is_token);
    (!name.is_empty()).then_some(Pair { name, value, before })
}

/// Splits at the quotation mark that opens the string: returns the text before it, and the string.
fn split_at_opening_quote(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut before = text;
    loop {
        let at = before.iter().rposition(|&byte| byte == b'"')?;
        before = before.get(..at)?;
        let n_backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\').count();
        if n_backslashes % 2 == 0 {
            return Some((before, text.get(at + 1..)?));
        }
    }
}

/// Splits off the longest suffix of `text` for whose bytes `is_part` holds.
fn split_trailing(text: &[u8], is_part: fn(u8) -> bool) -> (&[u8], &[u8]) {
    let n = text.iter().rev().take_while(|&&byte| is_part(byte)).count();
    text.split_at_checked(text.len() - n).unwrap_or((text, &[]))
}

/// A `tchar` of RFC 9110.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns whether a byte is accepted in a value without quotes. RFC 7239 wants quotes around ports and
/// IPv6 addresses, but proxies forget them, and these characters delimit nothing.
fn is_plain(byte: u8) -> bool {
    is_token(byte) || b":[]".contains(&byte)
}

impl Value<'_> {
    fn parse(self) -> Option<IpAddr> {
        match self {
            Self::Plain(node) => parse_node(node),
            Self::Quoted(inner) => {
                let mut buffer = [0; MAX_NODE_BYTES];
                parse_node(unescape(inner, &mut buffer)?)
            }
        }
    }
}

/// `inner` without the backslashes that escape its characters.
fn unescape<'b>(inner: &[u8], buffer: &'b mut [u8; MAX_NODE_BYTES]) -> Option<&'b [u8]> {
    let mut slots = buffer.iter_mut();
    let mut bytes = inner.iter();
    let mut n = 0;
    while let Some(&byte) = bytes.next() {
        let byte = if byte == b'\\' { *bytes.next()? } else { byte };
        *slots.next()? = byte;
        n += 1;
    }
    buffer.get(..n)
}

/// Parses an address, with or without a port; the port may be obfuscated (`192.0.2.43:_name`).
fn parse_node(node: &[u8]) -> Option<IpAddr> {
    let (before, name) = split_trailing(node, is_token);
    let address = match (before.strip_suffix(b":"), name.first()) {
        (Some(address), Some(b'_')) => address,
        _ => node,
    };
    parse_hop(address)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::super::{AddressHeader, Peer, TrustedProxies};
    use super::*;
    use model::net::Prefix;

    fn client(proxies: &TrustedProxies, peer: Peer, lines: &[&[u8]]) -> String {
        proxies.client_address(peer, AddressHeader::Forwarded, lines.iter().copied()).to_string()
    }

    /// The truth table: peer, lines of the header, client.
    #[test]
    fn the_rightmost_untrusted_node_is_the_client() {
        let trusted = ["127.0.0.0/8", "::1", "10.0.0.0/8", "2001:db8:ffff::/48"];
        let trusted = trusted.map(|text| Prefix::parse(text).expect("a valid literal").0);
        let proxies = TrustedProxies(trusted.to_vec());
        let table: &[(&str, &[&str], &str)] = &[
            // No header, or a peer that is not trusted.
            ("192.0.2.1", &["for=198.51.100.7"], "192.0.2.1"),
            ("::ffff:192.0.2.1", &["for=198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            ("127.0.0.1", &[","], "127.0.0.1"),
            ("127.0.0.1", &[";"], "127.0.0.1"),
            ("unix", &[], "127.0.0.1"),
            ("unix", &["for=198.51.100.7"], "198.51.100.7"),
            // Ways to write an address.
            ("127.0.0.1", &["for=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["For=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["for=\"198.51.100.7\""], "198.51.100.7"),
            ("127.0.0.1", &["for=\"198.51.100.7:4711\""], "198.51.100.7"),
            ("127.0.0.1", &["for=\"198.51.100.7:_port\""], "198.51.100.7"),
            ("127.0.0.1", &["for=198.51.100.7:4711"], "198.51.100.7"),
            ("127.0.0.1", &["for=\"[2001:db8::7]\""], "2001:db8::7"),
            ("127.0.0.1", &["for=\"[2001:db8::7]:80\""], "2001:db8::7"),
            ("127.0.0.1", &["for=\"[2001:db8::7]:_port\""], "2001:db8::7"),
            ("127.0.0.1", &["for=[2001:db8::7]:80"], "2001:db8::7"),
            ("127.0.0.1", &["for=\"[::ffff:198.51.100.7]:80\""], "198.51.100.7"),
            ("127.0.0.1", &["for=\"\\1\\98.51.100.7\""], "198.51.100.7"),
            ("127.0.0.1", &["for=\"[2001:db8::7\\]:80\""], "2001:db8::7"),
            // Other parameters.
            ("127.0.0.1", &["for=198.51.100.7;proto=https;by=203.0.113.1"], "198.51.100.7"),
            ("127.0.0.1", &["proto=https;by=203.0.113.1;for=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["for=198.51.100.7; host=\"a,b;for=203.0.113.9\""], "198.51.100.7"),
            ("127.0.0.1", &["for=198.51.100.7;x=\"a\\\", for=203.0.113.9\""], "198.51.100.7"),
            ("127.0.0.1", &[";;for=198.51.100.7;"], "198.51.100.7"),
            // Several hops, on one line or more.
            ("127.0.0.1", &["for=203.0.113.9, for=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["for=198.51.100.7,for=10.1.2.3"], "198.51.100.7"),
            ("127.0.0.1", &["for=203.0.113.9", "for=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["for=198.51.100.7", "for=10.1.2.3, for=10.9.9.9"], "198.51.100.7"),
            ("127.0.0.1", &["for=\"[2001:db8::7]\", for=\"[2001:db8:ffff::1]:9\""], "2001:db8::7"),
            ("127.0.0.1", &["for=10.1.2.3"], "10.1.2.3"),
            // Elements that end the walk at the last good hop.
            ("127.0.0.1", &["for=unknown"], "127.0.0.1"),
            ("127.0.0.1", &["for=_hidden"], "127.0.0.1"),
            ("127.0.0.1", &["for=203.0.113.9, for=_hidden, for=10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["for=203.0.113.9, proto=https, for=10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["for=203.0.113.9, , for=10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["for=203.0.113.9", "", "for=10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["for=203.0.113.9;for=198.51.100.7"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"], "127.0.0.1"),
            ("127.0.0.1", &["for 198.51.100.7"], "127.0.0.1"),
            ("127.0.0.1", &["for = 198.51.100.7"], "127.0.0.1"),
            ("127.0.0.1", &["for=198.51.100.7 proto=https"], "127.0.0.1"),
            ("127.0.0.1", &["=198.51.100.7"], "127.0.0.1"),
            ("127.0.0.1", &["for="], "127.0.0.1"),
            ("127.0.0.1", &["for=\"198.51.100.7"], "127.0.0.1"),
            ("127.0.0.1", &["for=198.51.100.7\""], "127.0.0.1"),
            ("127.0.0.1", &["for=\"198.51.100.7\\\""], "127.0.0.1"),
            ("127.0.0.1", &["for=198.51.100.256"], "127.0.0.1"),
            ("127.0.0.1", &["for=\"[2001:db8::7\""], "127.0.0.1"),
            // Text that a client puts before does not matter.
            ("127.0.0.1", &["for=\"203.0.113.9, for=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["for=203.0.113.9\\, for=198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["x=\", for=\"198.51.100.7\""], "198.51.100.7"),
        ];
        for (peer, lines, expected) in table {
            let peer = match *peer {
                "unix" => Peer::Unix,
                peer => Peer::Address(peer.parse().expect("a valid literal")),
            };
            let bytes: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            assert_eq!(client(&proxies, peer, &bytes), *expected, "{peer:?} {lines:?}");
        }
    }

    #[test]
    fn a_node_longer_than_any_address_is_none() {
        let line = format!("for=\"198.51.100.7:_{}\"", "x".repeat(MAX_NODE_BYTES));
        assert_eq!(hops(line.as_bytes()).next(), Some(None));
        let line = format!("for=\"198.51.100.7:_{}\"", "x".repeat(100));
        assert!(hops(line.as_bytes()).next().flatten().is_some());
    }

    const LOOPBACK: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const STRANGER: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    /// Elements that a proxy appends.
    const APPENDED: [&str; 4] = [
        "for=198.51.100.7",
        "for=\"198.51.100.7:80\"",
        "by=10.0.0.1;for=\"198.51.100.7\";proto=https",
        "for=198.51.100.7;host=\"a, \\\"b\"",
    ];

    /// Random bytes, in which those that matter to the grammar are more frequent.
    fn attack() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop_oneof![prop::sample::select(&b"\"\\,;= for127.0.0.1:[]_\t"[..]), any::<u8>()];
        prop::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn no_header_moves_an_untrusted_peer(lines in prop::collection::vec(attack(), 0..4)) {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(client(&TrustedProxies::default(), STRANGER, &lines), "192.0.2.1");
        }

        #[test]
        fn nothing_before_the_appended_element_counts(
            attack in prop::collection::vec(attack(), 0..4),
            appended in prop::sample::select(&APPENDED[..]),
        ) {
            let proxies = TrustedProxies::default();
            let mut lines: Vec<&[u8]> = attack.iter().map(Vec::as_slice).collect();
            lines.push(appended.as_bytes());
            prop_assert_eq!(client(&proxies, LOOPBACK, &lines), "198.51.100.7");
            let mut joined = attack.join(&b", "[..]);
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(appended.as_bytes());
            prop_assert_eq!(client(&proxies, LOOPBACK, &[&joined]), "198.51.100.7");
        }

        /// An address is parsed back from every form in which it can be written.
        #[test]
        fn an_address_that_is_written_is_read(bits in any::<u128>(), port in any::<u16>()) {
            let v6 = std::net::Ipv6Addr::from_bits(bits);
            let v4 = Ipv4Addr::from_bits((bits >> 96) as u32);
            for (line, address) in [
                (format!("for={v4}"), IpAddr::V4(v4)),
                (format!("for=\"{v4}:{port}\""), IpAddr::V4(v4)),
                (format!("for=\"[{v6}]\""), IpAddr::V6(v6)),
                (format!("proto=http;for=\"[{v6}]:{port}\""), IpAddr::V6(v6)),
            ] {
                let read: Vec<_> = hops(line.as_bytes()).collect();
                prop_assert_eq!(read, [Some(model::net::canonical(address))]);
            }
        }
    }
}
