//! Lookups can say where their answer came from, and say the same as those that cannot.

use std::fmt::Debug;
use std::net::IpAddr;

use model::embedded::LookupAddresses;
use snapshot::Snapshot;
use snapshot::provenance::Found;

use crate::fixture::World;

fn lookup(client: &str) -> LookupAddresses {
    client.parse::<IpAddr>().unwrap().into()
}

/// `VALUE from PREFIX in TABLE by FORM`.
fn tell<T: Debug>(found: &Found<T>) -> String {
    let Found { value, table, prefix, form } = found;
    format!("{value:?} from {prefix} in {} by {form:?}", table.as_str())
}

#[track_caller]
fn check_location(snapshot: &Snapshot, client: &str, expected: Option<&str>) {
    let found = snapshot.trace_area(lookup(client));
    let told = found.map(|found| Found {
        value: found.value.location,
        table: found.table,
        prefix: found.prefix,
        form: found.form,
    });
    assert_eq!(told.as_ref().map(tell).as_deref(), expected, "{client}");
    assert_eq!(told.map(|found| found.value), snapshot.find_location(lookup(client)), "{client}");
}

#[track_caller]
fn check_asn(snapshot: &Snapshot, client: &str, expected: Option<&str>) {
    let found = snapshot.trace_asn(lookup(client));
    assert_eq!(found.as_ref().map(tell).as_deref(), expected, "{client}");
    let plain = snapshot.find_asn(lookup(client)).map(|(asn, _)| asn);
    assert_eq!(found.and_then(|found| found.value), plain, "{client}");
}

#[test]
fn a_location_names_the_network_of_the_country_database() {
    let snapshot = World::standard().compile().unwrap().snapshot;
    let expected = "country US from 198.18.0.0/24 in country database by Own";
    check_location(&snapshot, "198.18.0.1", Some(expected));
    let expected = "country FR from 2001:db8:1000::/36 in country database by Own";
    check_location(&snapshot, "2001:db8:1000::1", Some(expected));
    check_location(&snapshot, crate::fixture::NOWHERE, None);
}

#[test]
fn a_location_set_by_hand_names_its_own_table() {
    let snapshot = World::standard().compile().unwrap().snapshot;
    let expected = "country CA from 198.18.0.128/25 in locations set by hand by Own";
    check_location(&snapshot, "198.18.0.129", Some(expected));
}

#[test]
fn a_location_of_the_address_within_an_address_says_so() {
    let snapshot = World::standard().compile().unwrap().snapshot;
    let expected = "country DE from 192.0.2.0/24 in country database by Embedded";
    check_location(&snapshot, "2002:c000:201::1", Some(expected));
    let expected = "country CA from 198.18.0.128/25 in locations set by hand by Embedded";
    check_location(&snapshot, "64:ff9b::198.18.0.129", Some(expected));
}

#[test]
fn a_system_names_its_network_even_where_that_hides_a_wider_one() {
    let snapshot = World::standard().compile().unwrap().snapshot;
    let table = "in networks of autonomous systems";
    for (client, expected) in [
        ("192.0.2.129", Some("Some(64500) from 192.0.2.128/25 TABLE by Own")),
        ("198.51.100.1", Some("Some(64500) from 198.51.100.0/24 TABLE by Own")),
        ("198.51.100.65", Some("None from 198.51.100.64/26 TABLE by Own")),
        ("64:ff9b::198.51.100.1", Some("Some(64500) from 198.51.100.0/24 TABLE by Embedded")),
        // Its system hosts no mirror, so that its network is not kept.
        ("203.0.113.1", None),
    ] {
        let expected = expected.map(|text| text.replace("TABLE", table));
        check_asn(&snapshot, client, expected.as_deref());
    }
}

#[test]
fn netblocks_name_their_networks_the_most_specific_first() {
    let snapshot = World::standard().compile().unwrap().snapshot;
    let tell_all = |client| {
        let found = snapshot.trace_netblocks(lookup(client));
        let told: Vec<_> = found
            .map(|found| {
                assert_eq!(found.value.len(), 1, "each network of this world has one mirror");
                format!("{} by {:?}", found.prefix, found.form)
            })
            .collect();
        told.join(", ")
    };
    assert_eq!(tell_all("192.0.2.200"), "192.0.2.192/26 by Own, 192.0.2.128/25 by Own");
    assert_eq!(
        tell_all("2002:c000:2c8::1"),
        "192.0.2.192/26 by Embedded, 192.0.2.128/25 by Embedded"
    );
    assert_eq!(tell_all("2001:db8:100::1"), "2001:db8:100::/48 by Own");
    assert_eq!(tell_all("198.51.100.1"), "");
}
