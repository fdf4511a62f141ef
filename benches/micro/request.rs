//! The parsers of a request.

use std::net::{IpAddr, Ipv4Addr};

use answer::Options;
use answer::query::Query;
use divan::{Bencher, black_box};
use serve::http::client_address::{AddressHeader, Peer, TrustedProxies, proxy_protocol};

use crate::REQUESTS;
use crate::corpus::CORPUS;

#[divan::bench(sample_size = REQUESTS)]
fn query(bencher: Bencher<'_, '_>) {
    let options = Options::default();
    let mut next = CORPUS.cycle();
    bencher
        .with_inputs(&mut next)
        .bench_local_values(|asked| Query::parse(black_box(&asked.query), &options).is_ok());
}

#[divan::bench]
fn hostile_query_of_escapes(bencher: Bencher<'_, '_>) {
    let options = Options::default();
    let query = format!("path={}", "%2F".repeat(2_630));
    bencher.bench_local(|| Query::parse(black_box(&query), &options).is_ok());
}

#[divan::bench]
fn hostile_query_of_parameters(bencher: Bencher<'_, '_>) {
    let options = Options::default();
    let query = "&country=DE,FR,JP,BR,US,CA,ZA,IN,CN,AU,GB,IT".repeat(31);
    bencher.bench_local(|| Query::parse(black_box(&query), &options).is_ok());
}

const PEER: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

fn client_address_in(bencher: Bencher<'_, '_>, header: AddressHeader, line: String) {
    let proxies = TrustedProxies::default();
    bencher.bench_local(|| {
        let lines = std::iter::once(black_box(&line).as_bytes());
        proxies.client_address(PEER, header, lines)
    });
}

#[divan::bench]
fn client_address(bencher: Bencher<'_, '_>) {
    let line = CORPUS.usual.client.to_string();
    client_address_in(bencher, AddressHeader::XForwardedFor, line);
}

#[divan::bench]
fn client_address_forwarded(bencher: Bencher<'_, '_>) {
    let line = format!("for=\"{}:4711\";proto=https", CORPUS.usual.client);
    client_address_in(bencher, AddressHeader::Forwarded, line);
}

#[divan::bench]
fn proxy_header(bencher: Bencher<'_, '_>) {
    let line = "PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\n";
    bencher.bench_local(|| proxy_protocol::parse(black_box(line.as_bytes())).is_ok());
}

/// Every hop a trusted proxy, so that the walk goes to the end.
#[divan::bench]
fn hostile_client_address(bencher: Bencher<'_, '_>) {
    client_address_in(bencher, AddressHeader::XForwardedFor, ["127.0.0.1"; 790].join(","));
}

#[divan::bench]
fn hostile_client_address_forwarded(bencher: Bencher<'_, '_>) {
    client_address_in(bencher, AddressHeader::Forwarded, ["for=\"127.0.0.1\""; 530].join(","));
}

/// Quotation marks that never open a string.
#[divan::bench]
fn hostile_client_address_quotes(bencher: Bencher<'_, '_>) {
    client_address_in(bencher, AddressHeader::Forwarded, "\\\"".repeat(4_000));
}
