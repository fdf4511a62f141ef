//! Which mirrors, tier by tier: netblock, system, country, geoip, continent, global.

use testdata::mirrormanager::{IntRepeatedIntMap, StringRepeatedIntMap, StringStringMap};

use crate::fixture::{Private, Public, World, check_mirrors};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

/// The first line without what every one begins with.
#[track_caller]
fn header(world: &World, request: &str) -> String {
    let answer = world.serve().get(request);
    let rest = answer.header().strip_prefix("# repo = main-9 arch = x86_64 ");
    rest.expect("a list of the standard repository").to_owned()
}

#[test]
fn the_most_specific_netblock_comes_first() {
    let world = World::standard();
    let request = format!("{LIST} from 192.0.2.200");
    check_mirrors(&world, &request, "lab / campus / isp / berlin / madrid");
    assert_eq!(
        header(&world, &request),
        "Using preferred netblock Using ASN 64500 country = DE country = ES country = FR "
    );
}

#[test]
fn mirrors_of_one_netblock_are_shuffled() {
    let mut world = World::standard();
    world.list.host_netblock_cache = vec![StringRepeatedIntMap::new("192.0.2.0/24", [2, 7, 5])];
    check_mirrors(
        &world,
        &format!("{LIST} from 192.0.2.1"),
        "campus lab newyork / berlin / isp madrid",
    );
    let server = world.serve();
    let firsts: std::collections::BTreeSet<_> = (0..50)
        .map(|seed| server.get_seeded(&format!("{LIST} from 192.0.2.1"), seed).mirrors()[0].clone())
        .collect();
    assert_eq!(firsts.into_iter().collect::<Vec<_>>(), ["campus", "lab", "newyork"]);
}

#[test]
fn a_mirror_of_several_netblocks_takes_its_best_place_once() {
    let mut world = World::standard();
    world.list.host_netblock_cache = vec![
        StringRepeatedIntMap::new("192.0.0.0/16", [5, 2, 1]),
        StringRepeatedIntMap::new("192.0.2.0/24", [2]),
        StringRepeatedIntMap::new("192.0.2.1", [1, 1]),
    ];
    check_mirrors(
        &world,
        &format!("{LIST} from 192.0.2.1"),
        "berlin / campus / newyork / isp madrid",
    );
}

#[test]
fn a_netblock_counts_only_where_its_mirror_carries_the_directory() {
    let mut world = World::standard();
    world.directory("pub/test/some", "some", &[1, 3, 4, 5, 6, 7]);
    let request = "/mirrorlist?path=pub/test/some from 192.0.2.130";
    check_mirrors(&world, request, "isp / berlin / madrid / newyork");
    let answer = world.serve().get(request);
    assert!(answer.header().starts_with("# path = pub/test/some Using ASN 64500 country = DE "));
}

#[test]
fn netblocks_are_of_either_family() {
    let world = World::standard();
    let request = format!("{LIST} from 2001:db8:100::1");
    check_mirrors(&world, &request, "campus / berlin / isp madrid / newyork");
    check_mirrors(&world, &format!("{LIST} from 2001:db8:200::1"), "berlin / isp madrid / newyork");
}

#[test]
fn private_mirrors_are_hidden_from_everybody_else() {
    let world = World::standard();
    for client in ["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "2001:db8::1"] {
        let mirrors = world.serve().get(&format!("{LIST} from {client}")).mirrors();
        assert!(!mirrors.contains(&"campus".into()), "{client}: {mirrors:?}");
        assert!(!mirrors.contains(&"lab".into()), "{client}: {mirrors:?}");
    }
}

#[test]
fn mirrors_of_the_clients_system_come_after_netblocks_even_private_ones() {
    let mut world = World::standard();
    world.mirror(20, "FR", 1, Private, &["https"], "inner");
    world.directory("pub/test/20", "20", &[1, 2, 3, 20]);
    world.list.host_asn_cache = vec![IntRepeatedIntMap::new(64_500, [20, 3])];
    let request = "/mirrorlist?path=pub/test/20 from 192.0.2.130";
    check_mirrors(&world, request, "campus / inner isp / berlin");
    let answer = world.serve().get(request);
    assert_eq!(
        answer.header(),
        "# path = pub/test/20 Using preferred netblock Using ASN 64500 country = DE country = FR \
         country = global "
    );
}

#[test]
fn the_longest_prefix_of_the_global_table_decides_even_if_it_says_none() {
    let world = World::standard();
    // 198.51.100.64/26 is nobody's, within the ISP's /24.
    assert!(header(&world, &format!("{LIST} from 198.51.100.1")).starts_with("Using ASN 64500 "));
    assert!(header(&world, &format!("{LIST} from 198.51.100.65")).starts_with("country = FR "));
    assert!(header(&world, &format!("{LIST} from 192.0.2.1")).starts_with("country = DE "));
    assert!(header(&world, &format!("{LIST} from 192.0.2.129")).contains("Using ASN 64500 "));
    let v6 = header(&world, &format!("{LIST} from 2001:db8:1000::1"));
    assert!(v6.starts_with("Using ASN 64500 country = FR "), "{v6}");
}

#[test]
fn a_prefix_of_length_zero_in_the_global_table_is_ignored() {
    let mut world = World::standard();
    world.netblocks.push_str("0.0.0.0/0 64500\n::/0 64500\n");
    assert!(header(&world, &format!("{LIST} from 203.0.113.250")).starts_with("country = JP "));
    assert!(header(&world, &format!("{LIST} from 2001:db8::1")).starts_with("country = DE "));
}

#[test]
fn an_asked_country_gives_its_mirrors_and_nothing_else() {
    let world = World::standard();
    for client in ["192.0.2.130", "198.18.0.1"] {
        let request = format!("{LIST}&country=DE,ES from {client}");
        check_mirrors(&world, &request, "berlin madrid");
        assert_eq!(header(&world, &request), "country = DE country = ES ");
    }
}

#[test]
fn global_among_the_countries_is_every_public_mirror() {
    let world = World::standard();
    let request = format!("{LIST}&country=global from 192.0.2.130");
    check_mirrors(&world, &request, "berlin isp madrid newyork");
    assert_eq!(header(&world, &request), "country = global ");
}

#[test]
fn an_asked_country_without_mirrors_falls_back_to_its_continent() {
    let mut world = World::standard();
    world.continents.push_str("PT,EU\n");
    let request = format!("{LIST}&country=pt from 198.18.0.1");
    check_mirrors(&world, &request, "berlin isp madrid");
    assert_eq!(header(&world, &request), "country = DE country = ES country = FR ");
}

#[test]
fn one_asked_country_with_mirrors_is_enough() {
    let mut world = World::standard();
    world.continents.push_str("PT,EU\n");
    check_mirrors(&world, &format!("{LIST}&country=pt,us"), "newyork");
}

#[test]
fn the_clients_country_comes_before_its_continent_and_the_world() {
    let world = World::standard();
    check_mirrors(&world, &format!("{LIST} from 192.0.2.1"), "berlin / isp madrid / newyork");
    check_mirrors(&world, &format!("{LIST} from 198.18.0.1"), "newyork / berlin isp madrid");
    check_mirrors(&world, &format!("{LIST} from 203.0.113.1"), "tokyo / berlin isp madrid newyork");
}

#[test]
fn the_longest_override_beats_the_country_database() {
    let mut world = World::standard();
    assert_eq!(
        header(&world, &format!("{LIST} from 198.18.0.1")),
        "country = US country = global "
    );
    // Canada's only mirror speaks rsync; its continent has New York.
    let canadian = format!("{LIST} from 198.18.0.200");
    assert_eq!(header(&world, &canadian), "country = US country = global ");
    assert_eq!(world.serve().get(&canadian).log.as_deref(), Some("198.18.0.200 CA main-9 x86_64"));
    world.list.netblock_country_cache = vec![
        StringStringMap::new("198.18.0.0/16", "ES"),
        StringStringMap::new("198.18.0.128/25", "fr"),
        StringStringMap::new("198.18.0.0/24", "JP"),
    ];
    let country = |client: &str| {
        let log = world.serve().get(&format!("{LIST} from {client}")).log;
        log.unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(country("198.18.0.200"), "FR");
    assert_eq!(country("198.18.0.1"), "JP");
    assert_eq!(country("198.18.1.1"), "ES");
    assert_eq!(country("198.18.200.1"), "ES");
    assert_eq!(country("192.0.2.1"), "DE");
}

#[test]
fn a_client_of_no_known_country_gets_the_world() {
    let world = World::standard();
    check_mirrors(&world, LIST, "berlin isp madrid newyork");
    assert_eq!(header(&world, LIST), "country = global ");
}

#[test]
fn a_country_moved_to_another_continent_is_served_there() {
    let mut world = World::standard();
    world.list.country_continent_redirect_cache = vec![StringStringMap::new("us", "eu")];
    world.options.minimum = 0;
    check_mirrors(&world, &format!("{LIST} from 198.18.0.1"), "newyork / berlin isp madrid");
}

#[test]
fn the_world_is_added_only_when_fewer_than_the_minimum_were_found() {
    let mut world = World::standard();
    // Campus, ISP, Berlin and Madrid are found before.
    let request = format!("{LIST} from 192.0.2.130");
    for (minimum, mirrors, global) in [
        (0, "campus / isp / berlin / madrid", false),
        (4, "campus / isp / berlin / madrid", false),
        (5, "campus / isp / berlin / madrid / newyork", true),
        (100, "campus / isp / berlin / madrid / newyork", true),
    ] {
        world.options.minimum = minimum;
        check_mirrors(&world, &request, mirrors);
        assert_eq!(header(&world, &request).contains("country = global "), global, "{minimum}");
    }
}

#[test]
fn the_minimum_counts_each_mirror_once_and_only_those_with_usable_urls() {
    let mut world = World::standard();
    // The ISP's mirror is in the system's tier and in the country's, the rsync mirror counts for
    // nothing.
    world.options.minimum = 4;
    let request = format!("{LIST} from 198.51.100.1");
    check_mirrors(&world, &request, "isp / berlin madrid / newyork");
}

#[test]
fn bandwidth_decides_the_odds_within_a_tier() {
    let mut world = World::empty();
    world.mirror(1, "DE", 900, Public, &["https"], "big");
    world.mirror(2, "DE", 100, Public, &["https"], "small");
    world.directory("d", "d", &[1, 2]);
    let server = world.serve();
    let big_first = (0..1_000)
        .filter(|&seed| {
            server.get_seeded("/mirrorlist?path=d&country=de", seed).mirrors()[0] == "big"
        })
        .count();
    // 900 is expected; the standard deviation is 9.5.
    assert!((850..=950).contains(&big_first), "{big_first}");
}

#[test]
fn luck_changes_the_order_and_nothing_else() {
    let server = World::standard().serve();
    let request = format!("{LIST}&country=global");
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let answer = server.get_seeded(&request, seed);
        assert_eq!(answer, server.get_seeded(&request, seed), "the same luck, another answer");
        assert_eq!(answer.header(), server.get(&request).header());
        orders.insert(answer.mirrors());
    }
    assert!(orders.len() > 3, "{orders:?}");
}

#[test]
fn mirrors_in_by_country_that_are_not_global_stay_hidden() {
    let mut world = World::standard();
    let directory = world.list.mirror_list_cache.iter_mut();
    for directory in directory {
        let german = directory.by_country.iter_mut().find(|entry| entry.key == "DE");
        if let Some(german) = german {
            german.value.push(2);
        }
    }
    check_mirrors(&world, &format!("{LIST}&country=de"), "berlin");
    check_mirrors(&world, &format!("{LIST} from 192.0.2.1"), "berlin / isp madrid / newyork");
}

#[test]
fn a_mirror_is_as_public_as_each_directory_says() {
    let mut world = World::standard();
    world.directory("pub/test/mixed", "mixed", &[1, 4]);
    world.list.mirror_list_cache.last_mut().unwrap().global.retain(|&number| number != 4);
    check_mirrors(&world, "/mirrorlist?path=pub/test/mixed&country=global", "berlin");
    check_mirrors(&world, &format!("{LIST}&country=es"), "madrid");
}
