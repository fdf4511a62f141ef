//! The header of the PROXY protocol, versions 1 (text) and 2 (binary), as HAProxy defines it.
//!
//! The header stands before the first request of a connection and names the client of the proxy. Both
//! versions are accepted; the first bytes tell them apart, and neither can begin an HTTP request that
//! this server would answer.
//!
//! It does not read the TLVs of version 2 (TLS details, authority), which nothing here uses, and it
//! ignores the addresses of other transports than TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::net::canonical;

/// The maximum length of a line of version 1 with its end, according to the specification.
pub const MAX_V1_BYTES: usize = 107;
/// The maximum length of a header of version 2 with its TLVs. The length field would allow 64 KiB.
/// Addresses and all TLVs that proxies send by default take a few hundred bytes, and nginx has the same
/// limit.
pub const MAX_V2_BYTES: usize = 4_096;

const SIGNATURE_V1: &[u8] = b"PROXY";
const SIGNATURE_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Length of the fixed part: signature, version and command, family and transport, length.
const FIXED_V2_BYTES: usize = 16;

/// A header that is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyHeader {
    /// The client of the proxy, in canonical form; `None` if the proxy speaks for itself, as in health
    /// checks, or does not know the client.
    pub client: Option<IpAddr>,
    /// The length of the header in bytes. The first request begins after it.
    pub n_bytes: usize,
}

/// The reason why bytes are not a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// They begin like neither version.
    #[error("no PROXY header")]
    Absent,
    /// The line of version 1 does not end within the maximum length.
    #[error("PROXY header of more than {MAX_V1_BYTES} bytes")]
    LongLine,
    /// The line of version 1 does not follow the grammar.
    #[error("malformed PROXY line")]
    Line,
    /// The binary header holds a value that is not defined.
    #[error("PROXY header with an undefined version, command or family")]
    Undefined,
    /// The length field of the binary header is above the limit.
    #[error("PROXY header of more than {MAX_V2_BYTES} bytes")]
    LongBlock,
    /// The binary header is too short for its addresses.
    #[error("PROXY header too short for its addresses")]
    ShortBlock,
    /// The connection ended, or the rest did not come in time.
    #[error("PROXY header cut short")]
    CutShort,
}

/// Parses the header at the beginning of `bytes`; `None` if more bytes are needed.
pub fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    if begins_alike(bytes, SIGNATURE_V2) {
        parse_v2(bytes)
    } else if begins_alike(bytes, SIGNATURE_V1) {
        parse_v1(bytes)
    } else {
        Err(Malformed::Absent)
    }
}

/// Returns whether the shorter of the two is a prefix of the other.
fn begins_alike(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(byte, expected)| byte == expected)
}

fn parse_v1(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    let window = bytes.get(..MAX_V1_BYTES).unwrap_or(bytes);
    let Some(length) = window.windows(2).position(|pair| pair == b"\r\n") else {
        let is_full = window.len() == MAX_V1_BYTES;
        return if is_full { Err(Malformed::LongLine) } else { Ok(None) };
    };
    let line = window.get(..length).ok_or(Malformed::Line)?;
    let line = std::str::from_utf8(line).map_err(|_| Malformed::Line)?;
    let client = parse_line(line).ok_or(Malformed::Line)?;
    Ok(Some(ProxyHeader { client: client.map(canonical), n_bytes: length + 2 }))
}

/// Parses a line and returns the client that it names, if any; the outer `None` means that it is
/// malformed.
fn parse_line(line: &str) -> Option<Option<IpAddr>> {
    let mut words = line.split(' ');
    let is_proxy = words.next().map(str::as_bytes) == Some(SIGNATURE_V1);
    let family = words.next().filter(|_| is_proxy)?;
    if family == "UNKNOWN" {
        // The rest of the line must be ignored.
        return Some(None);
    }
    let client = parse_address(family, words.next()?)?;
    parse_address(family, words.next()?)?;
    parse_port(words.next()?)?;
    parse_port(words.next()?)?;
    words.next().is_none().then_some(Some(client))
}

fn parse_address(family: &str, text: &str) -> Option<IpAddr> {
    match family {
        "TCP4" => text.parse().ok().map(IpAddr::V4),
        "TCP6" => text.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// Parses digits only, because Rust's parser would accept `+80`.
fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn parse_v2(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_V2_BYTES>() else {
        return Ok(None);
    };
    let [.., version_and_command, family_and_transport, high, low] = *fixed;
    let n_block = usize::from(u16::from_be_bytes([high, low]));
    let n_bytes = FIXED_V2_BYTES + n_block;
    if n_bytes > MAX_V2_BYTES {
        return Err(Malformed::LongBlock);
    }
    let find_client = match (version_and_command, family_and_transport) {
        // LOCAL: the proxy speaks for itself; the rest must be ignored.
        (0x20, _) => find_nobody,
        (0x21, 0x11) => find_v4,
        (0x21, 0x21) => find_v6,
        // Unspecified, datagrams, unix sockets: defined, but without a usable address.
        (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => find_nobody,
        _ => return Err(Malformed::Undefined),
    };
    let Some(block) = rest.get(..n_block) else { return Ok(None) };
    let client = find_client(block)?;
    Ok(Some(ProxyHeader { client: client.map(canonical), n_bytes }))
}

type FoundClient = Result<Option<IpAddr>, Malformed>;

fn find_nobody(_block: &[u8]) -> FoundClient {
    Ok(None)
}

/// Reads an IPv4 block: two addresses and two ports; TLVs follow.
fn find_v4(block: &[u8]) -> FoundClient {
    let [a, b, c, d, ..] = *block.first_chunk::<12>().ok_or(Malformed::ShortBlock)?;
    Ok(Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))))
}

/// Reads an IPv6 block: two addresses and two ports; TLVs follow.
fn find_v6(block: &[u8]) -> FoundClient {
    let addresses = block.first_chunk::<36>().ok_or(Malformed::ShortBlock)?;
    let source = *addresses.first_chunk::<16>().ok_or(Malformed::ShortBlock)?;
    Ok(Some(IpAddr::V6(Ipv6Addr::from(source))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(bytes: &[u8]) -> String {
        match parse(bytes) {
            Ok(Some(ProxyHeader { client: Some(client), n_bytes })) => {
                format!("{client} {n_bytes}")
            }
            Ok(Some(ProxyHeader { client: None, n_bytes })) => format!("nobody {n_bytes}"),
            Ok(None) => "more".into(),
            Err(reason) => format!("{reason:?}"),
        }
    }

    /// Truth table of version 1: bytes and the result.
    #[test]
    fn lines_are_read_strictly() {
        let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                       ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        assert_eq!(longest.len(), MAX_V1_BYTES);
        let long = longest.replace("\r\n", "x\r\n");
        let endless = longest.replace("\r\n", "xx");
        for (bytes, expected) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n", "192.0.2.7 39"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\nGET / HTTP/1.1\r\n", "192.0.2.7 39"),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "2001:db8::7 44"),
            ("PROXY TCP6 ::ffff:192.0.2.7 ::1 0 65535\r\n", "192.0.2.7 41"),
            ("PROXY UNKNOWN\r\n", "nobody 15"),
            ("PROXY UNKNOWN what ever\r\n", "nobody 25"),
            (longest, "nobody 107"),
            (&long, "LongLine"),
            (&endless, "LongLine"),
            ("", "more"),
            ("P", "more"),
            ("PROXY", "more"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r", "more"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\n", "more"),
            ("GET / HTTP/1.1\r\n", "Absent"),
            ("PRI * HTTP/2.0\r\n\r\n", "Absent"),
            ("proxy TCP4 192.0.2.7 10.0.0.1 4711 80\r\n", "Absent"),
            (" PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n", "Absent"),
            ("PROXY\r\n", "Line"),
            ("PROXY \r\n", "Line"),
            ("PROXYUNKNOWN\r\n", "Line"),
            ("PROXY TCP5 192.0.2.7 10.0.0.1 4711 80\r\n", "Line"),
            ("PROXY TCP6 192.0.2.7 10.0.0.1 4711 80\r\n", "Line"),
            ("PROXY TCP4 2001:db8::7 2001:db8::1 4711 80\r\n", "Line"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n", "Line"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80 1\r\n", "Line"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 80 \r\n", "Line"),
            ("PROXY TCP4  192.0.2.7 10.0.0.1 4711 80\r\n", "Line"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 65536\r\n", "Line"),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 +80\r\n", "Line"),
            ("PROXY TCP4 192.0.2.256 10.0.0.1 4711 80\r\n", "Line"),
            ("PROXY TCP4 192.0.2.7 nowhere 4711 80\r\n", "Line"),
            ("PROXY TCP4 \u{fc} 10.0.0.1 4711 80\r\n", "Line"),
        ] {
            assert_eq!(show(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    /// A header of version 2.
    fn v2(command: u8, family: u8, length: usize, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(length).expect("a length that can be written").to_be_bytes();
        [SIGNATURE_V2, &[command, family], &length, block].concat()
    }

    /// Truth table of version 2: command, family, length, block, and the result.
    #[test]
    fn binary_headers_are_read_strictly() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        let v6_source: Ipv6Addr = "2001:db8::7".parse().expect("a valid literal");
        let v6 = [&v6_source.octets()[..], &[1; 16], &[0, 9, 0, 80]].concat();
        let mapped: Ipv6Addr = "::ffff:192.0.2.7".parse().expect("a valid literal");
        let mapped = [&mapped.octets()[..], &[1; 16], &[0, 9, 0, 80]].concat();
        // A TLV with ALPN "h2".
        let with_tlv = [&v4[..], &[1, 0, 2, b'h', b'2']].concat();
        let unix = [b'x'; 216];
        let longest = vec![0; MAX_V2_BYTES - FIXED_V2_BYTES];
        let table: &[(u8, u8, usize, &[u8], &str)] = &[
            (0x21, 0x11, 12, &v4, "192.0.2.7 28"),
            (0x21, 0x11, 17, &with_tlv, "192.0.2.7 33"),
            (0x21, 0x21, 36, &v6, "2001:db8::7 52"),
            (0x21, 0x21, 36, &mapped, "192.0.2.7 52"),
            (0x21, 0x31, 216, &unix, "nobody 232"),
            (0x21, 0x32, 216, &unix, "nobody 232"),
            (0x21, 0x00, 0, &[], "nobody 16"),
            (0x21, 0x00, 3, &[1, 2, 3], "nobody 19"),
            (0x21, 0x12, 12, &v4, "nobody 28"),
            (0x21, 0x22, 36, &v6, "nobody 52"),
            (0x20, 0x00, 0, &[], "nobody 16"),
            (0x20, 0x11, 12, &v4, "nobody 28"),
            (0x20, 0xff, 0, &[], "nobody 16"),
            (0x21, 0x00, longest.len(), &longest, "nobody 4096"),
            (0x21, 0x00, longest.len() + 1, &longest, "LongBlock"),
            (0x20, 0x00, 0xffff, &[], "LongBlock"),
            (0x21, 0x11, 11, &v4[..11], "ShortBlock"),
            (0x21, 0x21, 12, &v4, "ShortBlock"),
            (0x21, 0x11, 0, &[], "ShortBlock"),
            (0x21, 0x11, 12, &v4[..11], "more"),
            (0x21, 0x11, 12, &[], "more"),
            (0x22, 0x11, 12, &v4, "Undefined"),
            (0x2f, 0x11, 12, &v4, "Undefined"),
            (0x11, 0x11, 12, &v4, "Undefined"),
            (0x31, 0x11, 12, &v4, "Undefined"),
            (0x21, 0x41, 12, &v4, "Undefined"),
            (0x21, 0x13, 12, &v4, "Undefined"),
            (0x21, 0x01, 12, &v4, "Undefined"),
            (0x21, 0x10, 12, &v4, "Undefined"),
        ];
        for (command, family, length, block, expected) in table {
            let bytes = v2(*command, *family, *length, block);
            assert_eq!(show(&bytes), *expected, "{command:x} {family:x} {length}");
            // The bytes of a first request after the header change nothing.
            if *expected != "more" {
                let followed = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
                assert_eq!(show(&followed), *expected, "{command:x} {family:x} {length}");
            }
        }
        assert_eq!(show(&SIGNATURE_V2[..11]), "more");
        assert_eq!(show(b"\r\n\r\nGET / HTTP/1.1\r\n"), "Absent");
        assert_eq!(show(b"\r\n\r\n\0\r\nQUIT\r"), "Absent");
    }

    /// Headers of both versions that name a client, and the client.
    fn header() -> impl Strategy<Value = (Vec<u8>, IpAddr)> {
        let tlvs = prop::collection::vec(any::<u8>(), 0..300);
        let addresses = (any::<u128>(), any::<u32>());
        (addresses, any::<(u16, u16)>(), tlvs, 0..4_u8).prop_map(|(bits, ports, tlvs, kind)| {
            let (v6, v4) = (Ipv6Addr::from_bits(bits.0), Ipv4Addr::from_bits(bits.1));
            let (from, to) = ports;
            let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
            match kind {
                0 => (format!("PROXY TCP4 {v4} {v4} {from} {to}\r\n").into_bytes(), v4.into()),
                1 => (format!("PROXY TCP6 {v6} {v6} {from} {to}\r\n").into_bytes(), v6.into()),
                2 => {
                    let block = [&v4.octets()[..], &v4.octets(), &ports, &tlvs].concat();
                    (v2(0x21, 0x11, block.len(), &block), v4.into())
                }
                _ => {
                    let block = [&v6.octets()[..], &v6.octets(), &ports, &tlvs].concat();
                    (v2(0x21, 0x21, block.len(), &block), v6.into())
                }
            }
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_no_header_is_longer_than_what_was_read(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            version in 0..3,
        ) {
            let signature = match version { 0 => SIGNATURE_V1, 1 => SIGNATURE_V2, _ => b"" };
            let bytes = [signature, &bytes].concat();
            if let Ok(Some(header)) = parse(&bytes) {
                prop_assert!(header.n_bytes <= bytes.len());
            }
        }

        /// However the bytes are split, the result is the same, and comes with the last byte.
        #[test]
        fn what_is_written_is_read_and_its_beginnings_ask_for_more((bytes, client) in header()) {
            let expected = ProxyHeader { client: Some(canonical(client)), n_bytes: bytes.len() };
            prop_assert_eq!(parse(&bytes), Ok(Some(expected)));
            for n in 0..bytes.len() {
                prop_assert_eq!(parse(&bytes[..n]), Ok(None), "{} bytes", n);
            }
        }

        /// The proxy writes its header first; what the client sends comes after it and is not read.
        #[test]
        fn nothing_behind_a_header_counts(
            (bytes, client) in header(),
            attack in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let expected = ProxyHeader { client: Some(canonical(client)), n_bytes: bytes.len() };
            prop_assert_eq!(parse(&[bytes, attack].concat()), Ok(Some(expected)));
        }
    }
}
