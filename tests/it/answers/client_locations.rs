//! Where clients are, and whom mirrors serve: tunnels, country databases of all kinds, restrictions.

use model::embedded::Nat64Prefix;
use testdata::mirrormanager::{StringRepeatedIntMap, StringStringMap};
use testdata::mmdb;

use crate::fixture::{World, check_mirrors};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

/// Every way in which `192.0.2.193`, the lab within the campus, can come as an address of IPv6.
const LAB: [&str; 8] = [
    "::ffff:192.0.2.193",
    "64:ff9b::192.0.2.193",
    "64:ff9b:1::192.0.2.193",
    "64:ff9b:1:c000:2:c100::",
    "2002:c000:2c1::1",
    "2002:c000:2c1:ffff:a:b:c:d",
    "2001:0:c633:6401:8000:63bf:3fff:fd3e",
    // Behind a translator of the operator's.
    "2001:db8:64:c000:2:c100::",
];

fn world_with_a_translator() -> World {
    let mut world = World::standard();
    world.options.nat64 = vec![Nat64Prefix::parse("2001:db8:64::/48").unwrap()];
    world
}

/// What the access log says of a client: its address and its country.
fn logged(world: &World, client: &str) -> String {
    let log = world.serve().get(&format!("{LIST} from {client}")).log.unwrap();
    log.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn country(world: &World, client: &str) -> String {
    logged(world, client).split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn every_table_knows_a_client_behind_a_tunnel_by_its_ipv4_address() {
    let mut world = world_with_a_translator();
    // The isp's own system.
    world.netblocks.push_str("192.0.2.192/27 64500\n");
    let plain = "lab / campus / isp / berlin / madrid";
    check_mirrors(&world, &format!("{LIST} from 192.0.2.193"), plain);
    for client in LAB {
        check_mirrors(&world, &format!("{LIST} from {client}"), plain);
        // As `ip=` as well.
        let asked = format!("{LIST}&ip={client} from 127.0.0.1");
        assert_eq!(
            world.serve().get(&asked).log,
            world.serve().get(&format!("{LIST} from {client}")).log
        );
        if let Some(v6) =
            client.parse::<std::net::Ipv6Addr>().ok().filter(|v6| v6.to_ipv4_mapped().is_none())
        {
            assert_eq!(logged(&world, client), format!("{v6} DE"), "the log has its own address");
        }
    }
    world.list.netblock_country_cache = vec![StringStringMap::new("192.0.2.192/26", "US")];
    for client in LAB {
        assert_eq!(country(&world, client), "US", "{client}");
    }
}

#[test]
fn a_network_of_its_own_comes_before_that_of_the_address_within() {
    for (client, own) in [
        ("64:ff9b::192.0.2.193", "64:ff9b::192.0.2.128/121"),
        ("2002:c000:2c1::1", "2002:c000:2c1::/48"),
        ("2001:0:c633:6401:8000:63bf:3fff:fd3e", "2001:0:c633:6401::/64"),
        ("2001:db8:64:c000:2:c100::", "2001:db8:64:c000::/64"),
    ] {
        let mut world = world_with_a_translator();
        world.list.host_netblock_cache.push(StringRepeatedIntMap::new(own, [3]));
        let request = format!("{LIST} from {client}");
        check_mirrors(&world, &request, "isp / lab / campus / berlin / madrid");
        world.list.host_netblock_cache.pop();
        world.netblocks.push_str(&format!("192.0.2.128/25 9\n{own} 64500\n"));
        check_mirrors(&world, &request, "lab / campus / isp / berlin / madrid");
        world.list.netblock_country_cache =
            vec![StringStringMap::new("192.0.2.0/24", "JP"), StringStringMap::new(own, "US")];
        assert_eq!(country(&world, client), "US", "{client}");
    }
}

#[test]
fn a_network_of_a_relay_or_translator_is_not_that_of_its_clients() {
    for (client, around) in [
        ("64:ff9b::192.0.2.193", "64:ff9b::/32"),
        ("64:ff9b::192.0.2.193", "64:ff9b::/96"),
        ("2002:c000:2c1::1", "2002::/16"),
        ("2002:c000:2c1::1", "2000::/3"),
        ("2001:0:c633:6401:8000:63bf:3fff:fd3e", "2001::/32"),
        ("2001:db8:64:c000:2:c100::", "2001:db8:64::/48"),
        ("2001:db8:64:c000:2:c100::", "2001:db8::/32"),
    ] {
        let mut world = world_with_a_translator();
        world.list.host_netblock_cache.push(StringRepeatedIntMap::new(around, [5]));
        world.netblocks.push_str(&format!("192.0.2.128/25 9\n{around} 64500\n"));
        world.list.netblock_country_cache = vec![StringStringMap::new(around, "US")];
        let request = format!("{LIST} from {client}");
        check_mirrors(&world, &request, "lab / campus / berlin / isp madrid");
        assert_eq!(country(&world, client), "DE", "{client}");
    }
}

#[test]
fn private_addresses_within_are_not_used() {
    let mut world = world_with_a_translator();
    world.list.host_netblock_cache.push(StringRepeatedIntMap::new("10.0.0.0/8", [7]));
    check_mirrors(&world, &format!("{LIST} from 10.0.0.1"), "lab / berlin isp madrid newyork");
    for client in [
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "2002:a00:1::1",
        "2001:0:c633:6401:8000:63bf:f5ff:fffe",
        "2001:db8:64:a00:0:100::",
    ] {
        check_mirrors(&world, &format!("{LIST} from {client}"), "berlin isp madrid newyork");
    }
}

/// A world whose country database holds one record, for the network of `192.0.2.0/24`.
fn world_of(record: &[(&str, &str)]) -> World {
    let mut world = World::standard();
    let other: &[(&str, &str)] = &[("country.iso_code", "JP")];
    let networks = [("192.0.2.0/24", record), ("203.0.113.0/24", other)];
    world.database = Some(mmdb::write_records("Test", &networks));
    world
}

#[test]
fn a_record_without_a_country_says_as_much_as_it_can() {
    let germany = "berlin / isp madrid / newyork";
    let europe = "berlin isp madrid / newyork";
    let america = "newyork / berlin isp madrid";
    let world = "berlin isp madrid newyork";
    for (record, logged, mirrors) in [
        (&[("registered_country.iso_code", "DE")][..], "DE", germany),
        (&[("registered_country.iso_code", "de"), ("continent.code", "EU")], "DE", germany),
        (&[("registered_country.iso_code", "US"), ("continent.code", "EU")], "N/A", europe),
        (&[("continent.code", "EU")], "N/A", europe),
        (&[("continent.code", "eu"), ("traits.network", "x")], "N/A", europe),
        (&[("continent_code", "EU")], "N/A", europe),
        (&[("continent", "EU"), ("continent_name", "Europe")], "N/A", europe),
        (&[("country_code", ""), ("continent_code", "EU")], "N/A", europe),
        (&[("country_code", "--"), ("continent_code", "EU")], "N/A", europe),
        (&[("represented_country.iso_code", "US")], "US", america),
        (&[("represented_country.iso_code", "US"), ("continent.code", "EU")], "N/A", europe),
        (&[("country.iso_code", "DE"), ("registered_country.iso_code", "US")], "DE", germany),
        (&[("country_code", "de")], "DE", germany),
        (&[("country", "DE"), ("asn", "AS64500")], "DE", germany),
        (&[("country", "EU")], "N/A", europe),
        (&[("country.iso_code", "A1")], "N/A", world),
        (&[("country.iso_code", "A2"), ("continent.code", "EU")], "N/A", europe),
        (&[("country_code", "XX")], "N/A", world),
        (&[("country_code", "Germany"), ("continent_code", "EU")], "N/A", europe),
        (&[("asn", "AS64500")], "N/A", world),
    ] {
        let made = world_of(record);
        assert_eq!(country(&made, "192.0.2.1"), logged, "{record:?}");
        check_mirrors(&made, &format!("{LIST} from 192.0.2.1"), mirrors);
    }
}

#[test]
fn a_client_of_which_only_the_continent_is_known_is_answered_like_one_there() {
    let world = world_of(&[("continent.code", "EU")]);
    let answer = world.serve().get(&format!("{LIST} from 192.0.2.1"));
    let header =
        "# repo = main-9 arch = x86_64 country = DE country = ES country = FR country = global ";
    assert_eq!(answer.header(), header);
    // The metalink names the same mirrors.
    let metalink = "/metalink?repo=main-9&arch=x86_64 from 192.0.2.1";
    check_mirrors(&world, metalink, "berlin isp madrid / newyork");
    // Set by hand.
    let mut world = World::standard();
    world.list.netblock_country_cache = vec![StringStringMap::new("203.0.113.0/24", "EU")];
    let asked = format!("{LIST} from 203.0.113.1");
    check_mirrors(&world, &asked, "berlin isp madrid / newyork");
    assert_eq!(country(&world, "203.0.113.1"), "N/A");
    // And where the table makes a country of it, as MaxMind's does.
    world.continents.push_str("\"EU\",\"EU\"\n");
    check_mirrors(&world, &asked, "berlin isp madrid / newyork");
    assert_eq!(country(&world, "203.0.113.1"), "EU");
}

/// MirrorManager's table of continents lacks some countries, as that of the standard world does.
#[test]
fn continents_that_the_table_lacks_are_built_in() {
    // The last one is withdrawn, but still in tables of networks.
    for (code, mirrors) in [
        ("XK", "berlin isp madrid / newyork"),
        ("SX", "newyork / berlin isp madrid"),
        ("AN", "newyork / berlin isp madrid"),
    ] {
        let mut world = World::standard();
        assert!(!world.continents.contains(code));
        world.list.netblock_country_cache = vec![StringStringMap::new("203.0.113.0/24", code)];
        check_mirrors(&world, &format!("{LIST} from 203.0.113.1"), mirrors);
        let report = world.serve().report.lines();
        assert!(!report.iter().any(|line| line.contains("no table knows")), "{report:?}");
    }
}

#[test]
fn a_database_of_something_else_is_refused_by_its_type() {
    let mut world = World::standard();
    let record: &[(&str, &str)] = &[("autonomous_system_organization", "Example")];
    world.database = Some(mmdb::write_records("GeoLite2-ASN", &[("192.0.2.0/24", record)]));
    let error = world.compile().err().unwrap().to_string();
    assert!(
        error.contains("country.mmdb: holds no country: it is of the type \"GeoLite2-ASN\","),
        "{error}"
    );
}

#[test]
fn ipv4_under_its_mapped_prefix_only_is_found() {
    let mut world = World::standard();
    let record: &[(&str, &str)] = &[("country_code", "DE")];
    let networks = [("::ffff:192.0.2.0/120", record), ("2001:db8::/32", record)];
    world.database = Some(mmdb::write_records("Mapped", &networks));
    assert_eq!(country(&world, "192.0.2.1"), "DE");
    assert_eq!(country(&world, "2002:c000:201::1"), "DE");
}

#[test]
fn a_mirror_may_refuse_countries() {
    let mut world = World::standard();
    world.restrict(5, &["!US", "!JP"]);
    check_mirrors(&world, &format!("{LIST} from 198.18.0.1"), "berlin isp madrid");
    check_mirrors(&world, &format!("{LIST} from 203.0.113.1"), "tokyo / berlin isp madrid");
    check_mirrors(&world, &format!("{LIST} from 192.0.2.1"), "berlin / isp madrid / newyork");
    check_mirrors(&world, &format!("{LIST}&country=us from 198.18.0.1"), "berlin isp madrid");
    // Of unknown country: whoever denies some serves the others; Japan's serves its own only.
    check_mirrors(&world, LIST, "berlin isp madrid newyork");
    // Both kinds: what is denied is taken from what is served.
    world.list.host_country_allowed_cache.pop();
    world.restrict(5, &["US", "DE", "!DE"]);
    check_mirrors(&world, &format!("{LIST} from 198.18.0.1"), "newyork / berlin isp madrid");
    check_mirrors(&world, &format!("{LIST} from 192.0.2.1"), "berlin / isp madrid");
    check_mirrors(&world, LIST, "berlin isp madrid");
    // Its own network gets it all the same.
    world.list.host_netblock_cache.push(StringRepeatedIntMap::new("192.0.2.0/25", [5]));
    check_mirrors(&world, &format!("{LIST} from 192.0.2.1"), "newyork / berlin / isp madrid");
}

#[test]
fn britain_and_greece_have_one_code_each() {
    let mut world = World::standard();
    world.continents.push_str("\"GB\",\"EU\"\n");
    world.countries.push(("198.18.3.0/24", "GB"));
    world.list.host_country_cache[3].value = "uk".into();
    for directory in &mut world.list.mirror_list_cache {
        for entry in directory.by_country.iter_mut().filter(|entry| entry.key == "ES") {
            entry.key = "UK".into();
        }
    }
    check_mirrors(&world, &format!("{LIST} from 198.18.3.1"), "madrid / berlin isp / newyork");
    check_mirrors(&world, &format!("{LIST}&country=uk"), "madrid");
    check_mirrors(&world, &format!("{LIST}&country=gb"), "madrid");
}

#[test]
fn the_asn_column_is_read_in_every_form() {
    for (column, is_isp) in [
        ("64500", true),
        ("AS64500", true),
        ("{64999,64500}", true),
        ("64999_64500", true),
        ("0.64500", true),
        ("64999", false),
        ("None", false),
        ("0", false),
    ] {
        let mut world = World::standard();
        // The wider network is the isp's.
        world.netblocks.push_str("203.0.112.0/22 64500\n");
        world.netblocks = world
            .netblocks
            .replace("203.0.113.0/24 64497\n", &format!("203.0.113.0/24 {column}\n"));
        let asked = format!("{LIST} from 203.0.113.1");
        let header = world.serve().get(&asked).header().to_owned();
        assert_eq!(header.contains("Using ASN 64500"), is_isp, "{column}: {header}");
    }
    // What is no number and no word for nothing does not hide the wider network.
    for column in ["EXAMPLE-NET", "23456", "4294967296", ""] {
        let mut world = World::standard();
        world.netblocks.push_str("203.0.112.0/22 64500\n");
        world.netblocks = world
            .netblocks
            .replace("203.0.113.0/24 64497\n", &format!("203.0.113.0/24 {column}\n"));
        let header = world.serve().get(&format!("{LIST} from 203.0.113.1")).header().to_owned();
        assert!(header.contains("Using ASN 64500"), "{column}: {header}");
    }
}
