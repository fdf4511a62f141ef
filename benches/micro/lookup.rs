//! From an address to what is known about its place.

use std::collections::HashMap;
use std::net::IpAddr;

use ::snapshot::Snapshot;
use catalog::Report;
use divan::{Bencher, black_box};
use model::embedded::LookupAddresses;
use model::geo::Country;
use model::net::Prefix;
use sources::geography::table;
use support::data;

use crate::REQUESTS;
use crate::corpus::CORPUS;

fn each_address<R>(bencher: Bencher<'_, '_>, find: impl Fn(&Snapshot, IpAddr) -> R + Sync) {
    let mut next = CORPUS.cycle();
    bencher
        .with_inputs(move || next().client)
        .bench_local_values(|address| find(CORPUS.snapshot(), black_box(address)));
}

fn each_client<R>(bencher: Bencher<'_, '_>, find: impl Fn(&Snapshot, LookupAddresses) -> R + Sync) {
    each_address(bencher, |snapshot, address| find(snapshot, address.into()));
}

#[divan::bench(sample_size = REQUESTS)]
fn address_to_netblocks_asn_country(bencher: Bencher<'_, '_>) {
    each_client(bencher, |snapshot, address| {
        let mirrors: usize = snapshot.netblocks(address).map(|(_, hosts)| hosts.len()).sum();
        let asn = snapshot.find_asn(address).map(|(asn, hosts)| (asn, hosts.len()));
        (mirrors, asn, snapshot.find_location(address))
    });
}

#[divan::bench(sample_size = REQUESTS)]
fn netblocks(bencher: Bencher<'_, '_>) {
    each_client(bencher, |snapshot, address| snapshot.netblocks(address).count());
}

#[divan::bench(sample_size = REQUESTS)]
fn asn(bencher: Bencher<'_, '_>) {
    each_client(bencher, |snapshot, address| snapshot.find_asn(address).map(|(asn, _)| asn));
}

#[divan::bench(sample_size = REQUESTS)]
fn country(bencher: Bencher<'_, '_>) {
    each_client(bencher, Snapshot::find_location);
}

fn country_prefixes() -> Vec<(Prefix, Country)> {
    let bytes = std::fs::read(data::inputs(&CORPUS.folder).geoip).expect("a country table");
    let table = table::countries("", &bytes, &mut Report::default());
    let table = table.expect("a country table");
    let country = |index: u32| table.places[index as usize].country.expect("a country");
    table.networks.iter().map(|&(prefix, index)| (prefix, country(index))).collect()
}

/// The obvious structure: a hash map, asked for each prefix length.
#[divan::bench(sample_size = REQUESTS)]
fn country_in_a_hash_map_by_length(bencher: Bencher<'_, '_>) {
    let map: HashMap<Prefix, Country> = country_prefixes().into_iter().collect();
    each_address(bencher, |_, address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (0..=bits).rev().find_map(|length| map.get(&Prefix::new(address, length)?))
    });
}

/// What would do if prefixes never overlapped, as the country table's do not.
#[divan::bench(sample_size = REQUESTS)]
fn country_in_a_sorted_vector(bencher: Bencher<'_, '_>) {
    let mut table = country_prefixes();
    table.sort();
    each_address(bencher, |_, address| {
        let after = table.partition_point(|(prefix, _)| prefix.address() <= address);
        let (prefix, country) = table.get(after.checked_sub(1)?)?;
        prefix.contains(address).then_some(*country)
    });
}

#[divan::bench]
fn country_by_linear_scan(bencher: Bencher<'_, '_>) {
    let table = country_prefixes();
    each_address(bencher, |_, address| {
        table.iter().find(|(prefix, _)| prefix.contains(address)).map(|&(_, country)| country)
    });
}
