use maxminddb::{PathElement, Reader};

use super::*;

#[track_caller]
fn check(bytes: &[u8], path: &[&str], address: &str, expect: Option<&str>) {
    let reader = Reader::from_source(bytes).unwrap();
    let path: Vec<_> = path.iter().map(|key| PathElement::Key(key)).collect();
    let found = reader.lookup(address.parse().unwrap()).unwrap();
    assert_eq!(found.decode_path::<&str>(&path).unwrap(), expect, "{address}");
}

const NETWORKS: &[(&str, &str)] = &[
    ("192.0.2.128/25", "FR"),
    ("192.0.2.0/24", "DE"),
    ("192.0.2.200", "JP"),
    ("2001:db8::/32", "US"),
    ("2001:db8:1::/48", "BR"),
];

#[test]
fn the_more_specific_prefix_wins_in_any_order() {
    let mut reversed = NETWORKS.to_vec();
    reversed.reverse();
    for networks in [NETWORKS, &reversed] {
        let bytes = write(Layout::GeoLite2, networks);
        let path = ["country", "iso_code"];
        check(&bytes, &path, "192.0.2.1", Some("DE"));
        check(&bytes, &path, "192.0.2.129", Some("FR"));
        check(&bytes, &path, "192.0.2.200", Some("JP"));
        check(&bytes, &path, "192.0.3.1", None);
        check(&bytes, &path, "2001:db8::1", Some("US"));
        check(&bytes, &path, "2001:db8:1::1", Some("BR"));
        check(&bytes, &path, "2001:db9::1", None);
    }
}

#[test]
fn every_layout_holds_the_code_in_its_own_place() {
    for (layout, path) in [
        (Layout::GeoLite2, &["country", "iso_code"][..]),
        (Layout::IpLocationDb, &["country_code"]),
        (Layout::Ipinfo, &["country"]),
        (Layout::IpinfoLite, &["country_code"]),
    ] {
        let bytes = write(layout, NETWORKS);
        check(&bytes, path, "192.0.2.129", Some("FR"));
        check(&bytes, path, "2001:db8:1::1", Some("BR"));
    }
    check(&write(Layout::GeoLite2, NETWORKS), &["continent", "code"], "192.0.2.1", Some("EU"));
    check(&write(Layout::Ipinfo, NETWORKS), &["country_name"], "192.0.2.1", Some("Germany"));
    check(&write(Layout::IpinfoLite, NETWORKS), &["country"], "192.0.2.1", Some("Germany"));
}

#[test]
fn an_unknown_code_has_no_continent() {
    let bytes = write(Layout::GeoLite2, &[("192.0.2.0/24", "T1")]);
    check(&bytes, &["country", "iso_code"], "192.0.2.1", Some("T1"));
    check(&bytes, &["continent", "code"], "192.0.2.1", None);
}

#[test]
fn ipv6_aliases_of_ipv4_answer_alike() {
    let bytes = write(Layout::IpLocationDb, NETWORKS);
    check(&bytes, &["country_code"], "2002:c000:281::", Some("FR"));
    let reader = Reader::from_source(&bytes).unwrap();
    assert!(reader.lookup("2002:c000:281::".parse().unwrap()).unwrap().has_data());
}

#[test]
fn whole_families_and_single_addresses_are_prefixes_too() {
    let path = ["country_code"];
    let bytes = write(Layout::IpLocationDb, &[("0.0.0.0/0", "AQ"), ("::/0", "US"), ("::1", "DE")]);
    check(&bytes, &path, "2a00::1", Some("US"));
    check(&bytes, &path, "198.51.100.1", Some("AQ"));
    assert_eq!(Reader::from_source(write(Layout::GeoLite2, &[])).unwrap().metadata().node_count, 1);
}

#[test]
fn metadata_and_structure_pass_the_readers_own_verification() {
    for layout in [Layout::GeoLite2, Layout::IpLocationDb, Layout::Ipinfo, Layout::IpinfoLite] {
        let reader = Reader::from_source(write(layout, NETWORKS)).unwrap();
        assert_eq!(reader.metadata().ip_version, 6);
        assert_eq!(reader.metadata().record_size, 24);
        reader.verify().unwrap();
    }
}

#[test]
fn wide_records_are_laid_out_as_the_format_says() {
    let mut out = Vec::new();
    push_node(28, 0xa12_3456, 0xb65_4321, &mut out);
    assert_eq!(out, [0x12, 0x34, 0x56, 0xab, 0x65, 0x43, 0x21]);
    out.clear();
    push_node(32, 1, 2, &mut out);
    assert_eq!(out, [0, 0, 0, 1, 0, 0, 0, 2]);
}

#[test]
fn pointers_of_every_width_are_encoded_as_the_format_says() {
    for (offset, expect) in [
        (5, vec![0x20, 5]),
        (2_047, vec![0x27, 0xff]),
        (2_048, vec![0x28, 0, 0]),
        (526_336, vec![0x30, 0, 0, 0]),
        (134_744_064, vec![0x38, 8, 8, 8, 0]),
    ] {
        let mut data = Data::default();
        data.pointer(offset);
        assert_eq!(data.bytes, expect, "{offset}");
    }
}
