//! Law: only a trusted proxy can name the client's address, and the address that it names is used.

use std::net::{IpAddr, Ipv4Addr};

use serve::http::client_address::proxy_protocol::parse;
use serve::http::client_address::{AddressHeader, Peer, TrustedProxies};

/// Checks the bytes as lines of the header X-Forwarded-For.
pub fn x_forwarded_for(bytes: &[u8]) {
    check_header(AddressHeader::XForwardedFor, bytes, "198.51.100.7");
}

/// Checks the bytes as lines of the header Forwarded.
pub fn forwarded(bytes: &[u8]) {
    check_header(AddressHeader::Forwarded, bytes, "for=198.51.100.7");
}

fn check_header(header: AddressHeader, bytes: &[u8], appended: &str) {
    let proxies = TrustedProxies::default();
    let client_address = |peer, lines: &[&[u8]]| {
        proxies.client_address(Peer::Address(peer), header, lines.iter().copied())
    };
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let stranger = IpAddr::from([192, 0, 2, 1]);
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(client_address(stranger, &lines), stranger);
    let client = client_address(proxy, &lines);
    assert!(!matches!(client, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()));

    // The address that the proxy appends is used, on a line of its own and after a comma.
    let expected: IpAddr = "198.51.100.7".parse().unwrap();
    let joined = [*lines.last().unwrap(), b", ", appended.as_bytes()].concat();
    lines.push(appended.as_bytes());
    assert_eq!(client_address(proxy, &lines), expected);
    assert_eq!(client_address(proxy, &[&joined]), expected);
}

/// Checks the bytes as a PROXY protocol header before the first request.
///
/// Law: the result does not depend on the pieces in which a header arrives, nor on what follows it.
pub fn proxy_protocol(bytes: &[u8]) {
    let whole = parse(bytes);
    let n_bytes = match whole {
        Ok(Some(header)) => header.n_bytes,
        Ok(None) | Err(_) => bytes.len(),
    };
    assert!(n_bytes <= bytes.len());
    for length in 0..n_bytes {
        match parse(&bytes[..length]) {
            Ok(None) => {}
            Ok(Some(header)) => panic!("a header of {} bytes in {length}", header.n_bytes),
            Err(error) => assert_eq!(whole, Err(error), "after {length} bytes"),
        }
    }
    if let Ok(Some(_)) = whole {
        assert_eq!(parse(&bytes[..n_bytes]), whole);
    }
}
