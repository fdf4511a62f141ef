//! Each reason for which a mirror is in an answer or not, told by the selection itself.

use answer::shaping::Fallback;
use answer::trace::{Cut, FoundVia, Reason, Selected, Verdict};
use model::embedded::AddressForm;
use model::ids::HostId;
use testdata::mirrormanager::{IntRepeatedIntMap, StringRepeatedIntMap};

use crate::fixture::{Public, Server, World};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const METALINK: &str = "/metalink?repo=main-9&arch=x86_64";

/// The verdict about the mirror with URLs at `NAME.example`.
#[track_caller]
fn verdict(server: &Server, request: &str, name: &str) -> Verdict {
    let explanation = server.explain_seeded(request, 1).expect("a request for mirrors");
    let hosts = server.snapshot().hosts();
    assert_eq!(explanation.verdicts.len(), hosts.len());
    let HostId(host) = hosts.at(&format!("{name}.example"))[0];
    explanation.verdicts[host as usize]
}

#[track_caller]
fn check_out(world: &World, request: &str, name: &str, reason: Reason) {
    assert_eq!(verdict(&world.serve(), request, name), Verdict::Out(reason), "{request}");
}

/// `TIER by WHAT at PLACE`, or the reason.
#[track_caller]
fn explain_mirror(world: &World, request: &str, name: &str) -> String {
    let selected = |Selected { tier, via, .. }: Selected| {
        let via = match via {
            FoundVia::Netblock(prefix) => prefix.to_string(),
            FoundVia::Asn(asn) => format!("AS{asn}"),
            FoundVia::Country(country) => country.to_string(),
            FoundVia::Continent(continent) => format!("continent {continent}"),
            FoundVia::Distance((from, to)) => format!("{from} to {to} km"),
            FoundVia::Global => "everybody".to_owned(),
        };
        format!("{} by {via}", tier.as_str())
    };
    match verdict(&world.serve(), request, name) {
        Verdict::Listed { selected: how, place } => format!("{} at {place}", selected(how)),
        Verdict::Cut { selected: how, cut } => format!("{}, {cut:?}", selected(how)),
        Verdict::Out(reason) => format!("{reason:?}"),
    }
}

#[test]
fn a_mirror_with_a_monopoly_is_listed_alone_in_its_own_networks() {
    let mut world = World::standard();
    world.monopolies = vec![2];
    let campus = format!("{LIST} from 192.0.2.200");
    assert_eq!(explain_mirror(&world, &campus, "campus"), "netblock by 192.0.2.128/25 at 0");
    // Even one in a narrower network, and private ones.
    for name in ["lab", "isp", "berlin", "madrid", "newyork"] {
        check_out(&world, &campus, name, Reason::Monopoly);
    }
    check_out(&world, &campus, "tokyo", Reason::RefusesCountry);
    // Outside of its networks nothing changes, nor for who asks for a country.
    let outside = format!("{LIST} from 192.0.2.1");
    assert_eq!(explain_mirror(&world, &outside, "berlin"), "geoip by DE at 0");
    check_out(&world, &outside, "campus", Reason::Private);
    assert_eq!(
        explain_mirror(&world, &format!("{LIST}&country=de from 192.0.2.200"), "berlin"),
        "country by DE at 0"
    );
    // Two with a monopoly share their clients: that of a system, and that of a network.
    world.monopolies = vec![2, 3];
    assert_eq!(explain_mirror(&world, &campus, "isp"), "asn by AS64500 at 1");
    // Where it has no directory, it has no clients either.
    world.directory("pub/test/some", "some", &[1, 3, 4]);
    world.monopolies = vec![2];
    let some = "/mirrorlist?path=pub/test/some from 192.0.2.200";
    assert_eq!(explain_mirror(&world, some, "isp"), "asn by AS64500 at 0");
    assert_eq!(explain_mirror(&world, some, "berlin"), "geoip by DE at 1");
}

#[test]
fn a_mirror_that_does_not_carry_the_directory_is_out() {
    let mut world = World::standard();
    world.directory("pub/test/some", "some", &[1, 3, 4]);
    let request = "/mirrorlist?path=pub/test/some from 192.0.2.200";
    for name in ["newyork", "tokyo", "toronto", "campus", "lab"] {
        check_out(&world, request, name, Reason::NotCarried);
    }
    assert_eq!(explain_mirror(&world, request, "berlin"), "geoip by DE at 1");
}

#[test]
fn a_mirror_without_a_protocol_that_counts_is_out() {
    let world = World::standard();
    check_out(&world, LIST, "toronto", Reason::NoProtocol);
    let request = format!("{LIST}&protocol=ftp from 192.0.2.1");
    check_out(&world, &request, "berlin", Reason::NoProtocol);
    assert_eq!(explain_mirror(&world, &request, "isp"), "continent by FR at 0");
}

#[test]
fn a_private_mirror_is_out_unless_a_network_of_its_own_has_the_client() {
    let world = World::standard();
    check_out(&world, &format!("{LIST} from 192.0.2.1"), "campus", Reason::Private);
    let request = format!("{LIST} from 192.0.2.130");
    assert_eq!(explain_mirror(&world, &request, "campus"), "netblock by 192.0.2.128/25 at 0");
    check_out(&world, &request, "lab", Reason::Private);
    // Of somebody else's network nothing private is shown.
    check_out(&world, &format!("{LIST}&ip=192.0.2.130"), "campus", Reason::Private);
}

#[test]
fn a_mirror_that_refuses_the_country_is_out_unless_a_network_of_its_own_has_the_client() {
    let mut world = World::standard();
    let request = format!("{LIST} from 192.0.2.1");
    check_out(&world, &request, "tokyo", Reason::RefusesCountry);
    check_out(&world, LIST, "tokyo", Reason::RefusesCountry);
    assert_eq!(
        explain_mirror(&world, &format!("{LIST} from 203.0.113.1"), "tokyo"),
        "geoip by JP at 0"
    );
    let netblock = StringRepeatedIntMap::new("192.0.2.0/24", [6]);
    world.list.host_netblock_cache.push(netblock);
    assert_eq!(explain_mirror(&world, &request, "tokyo"), "netblock by 192.0.2.0/24 at 0");
}

#[test]
fn a_mirror_that_is_the_fallback_is_out_whatever_else_it_is() {
    let mut world = World::standard();
    for name in ["berlin", "campus", "toronto"] {
        let fallback = Fallback::parse(&format!("https://{name}.example/test")).unwrap();
        world.options.shaping.fallback = Some(fallback);
        // toronto speaks rsync at that name, and is the same server all the same.
        check_out(&world, &format!("{LIST} from 192.0.2.1"), name, Reason::IsFallback);
    }
}

#[test]
fn a_mirror_that_nothing_leads_to_is_out() {
    let mut world = World::standard();
    let request = format!("{LIST}&country=DE from 192.0.2.1");
    check_out(&world, &request, "madrid", Reason::NotReached);
    world.options.minimum = 3;
    check_out(&world, &format!("{LIST} from 192.0.2.1"), "newyork", Reason::NotReached);
}

#[test]
fn a_mirror_is_in_by_the_nearest_that_leads_to_it() {
    let mut world = World::standard();
    let request = format!("{LIST} from 192.0.2.200");
    assert_eq!(explain_mirror(&world, &request, "lab"), "netblock by 192.0.2.192/26 at 0");
    assert_eq!(explain_mirror(&world, &request, "campus"), "netblock by 192.0.2.128/25 at 1");
    assert_eq!(explain_mirror(&world, &request, "isp"), "asn by AS64500 at 2");
    assert_eq!(explain_mirror(&world, &request, "berlin"), "geoip by DE at 3");
    assert_eq!(explain_mirror(&world, &request, "madrid"), "continent by ES at 4");
    let from_germany = |list| format!("{list} from 192.0.2.1");
    assert_eq!(explain_mirror(&world, &from_germany(LIST), "newyork"), "global by everybody at 3");
    let asked = format!("{LIST}&country=US,global");
    assert_eq!(
        explain_mirror(&world, &asked, "newyork").split(" at").next(),
        Some("country by US")
    );
    assert_eq!(
        explain_mirror(&world, &asked, "madrid").split(" at").next(),
        Some("country by everybody")
    );
    // A metalink does not say what contributed, and takes a continent as a whole.
    world.options.minimum = 0;
    let madrid = explain_mirror(&world, &from_germany(METALINK), "madrid");
    assert_eq!(madrid.split(" at").next(), Some("continent by continent EU"));
}

#[test]
fn a_mirror_behind_a_full_list_is_cut() {
    let mut world = World::standard();
    world.options.shaping.max_mirrors = Some(2);
    let request = format!("{LIST} from 192.0.2.200");
    assert_eq!(explain_mirror(&world, &request, "campus"), "netblock by 192.0.2.128/25 at 1");
    assert_eq!(explain_mirror(&world, &request, "isp"), "asn by AS64500, BeyondMax");
    assert_eq!(explain_mirror(&world, &request, "berlin"), "geoip by DE, BeyondMax");
}

#[test]
fn a_mirror_whose_urls_are_all_listed_before_is_cut() {
    let mut world = World::standard();
    // The same server under a second number.
    world.mirror(20, "FR", 1, Public, &["https"], "berlin");
    world.directory("pub/test/20", "20", &[1, 20]);
    let server = world.serve();
    let explanation = server.explain_seeded("/mirrorlist?path=pub/test/20 from 192.0.2.1", 1);
    let verdicts = explanation.expect("a list").verdicts;
    let of = |server: &Server, verdicts: &[Verdict]| {
        let hosts = server.snapshot().hosts().at("berlin.example");
        hosts.iter().map(|host| verdicts[host.index()]).collect::<Vec<_>>()
    };
    let [first, second] = of(&server, &verdicts)[..] else { panic!("two mirrors: {verdicts:?}") };
    assert!(matches!(first, Verdict::Listed { place: 0, .. }), "{first:?}");
    assert!(matches!(second, Verdict::Cut { cut: Cut::RepeatedUrls, .. }), "{second:?}");
}

#[test]
fn a_mirror_that_is_moved_keeps_the_place_at_which_it_was_drawn() {
    let mut world = World::standard();
    world.options.shaping.spread = true;
    for number in 20..24 {
        world.mirror(number, "FR", 10, Public, &["http"], &format!("near{number}"));
        world.mirror(number + 10, "FR", 10, Public, &["https"], &format!("safe{number}"));
    }
    world.directory("pub/wide", "wide", &(20..34).collect::<Vec<_>>());
    let explain = |seed| {
        let request = "/mirrorlist?path=pub/wide&netblock=0 from 198.51.100.1";
        world.serve().explain_seeded(request, seed).expect("a list").verdicts
    };
    let mut n_moved = 0;
    for verdict in (0..20).flat_map(explain) {
        let Verdict::Listed { selected, place } = verdict else { continue };
        assert_eq!(selected.drawn == 0, place == 0, "the first one stays the first");
        n_moved += usize::from(selected.drawn != place);
    }
    assert!(n_moved > 0, "no mirror was moved");
}

#[test]
fn the_client_is_explained_with_its_networks() {
    let mut world = World::standard();
    world.list.host_asn_cache = vec![IntRepeatedIntMap::new(64_500, [3])];
    let server = world.serve();
    // The IPv4 address is within one of 6to4.
    let request = format!("{LIST}&ip=2002:c000:2c8::1 from 203.0.113.1");
    let explanation = server.explain_seeded(&request, 1).expect("a list");
    assert_eq!(explanation.client.to_string(), "2002:c000:2c8::1");
    assert_eq!(explanation.lookup.embedded().unwrap().to_string(), "192.0.2.200");
    let location = explanation.area.expect("a place");
    assert_eq!(location.prefix.to_string(), "192.0.2.0/24");
    assert_eq!(location.form, AddressForm::Embedded);
    assert_eq!(location.value.location.country().unwrap().to_string(), "DE");
    assert_eq!(explanation.continent.unwrap().to_string(), "EU");
    assert_eq!(explanation.asn.unwrap().value, Some(64_500));
    let netblocks: Vec<_> =
        explanation.netblocks.iter().map(|found| found.prefix.to_string()).collect();
    assert_eq!(netblocks, ["192.0.2.192/26", "192.0.2.128/25"]);
    assert_eq!(explanation.directory, "pub/test/9/x86_64");
}

#[test]
fn what_gets_no_mirrors_is_explained_by_what_the_client_is_told() {
    let server = World::standard().serve();
    for (request, code, told) in [
        ("/mirrorlist?path=nothing/there", "unknown_path", "invalid path"),
        ("/mirrorlist?repo=old-8&arch=x86_64", "repository_disabled", "repo disabled"),
        ("/mirrorlist?path=pub/test&ip=x", "bad_address", "ip=x is no address"),
        (
            "/metalink?path=pub/test/9/x86_64/nothing",
            "no_metalink",
            "pub/test/9/x86_64/nothing not found or has not metalink",
        ),
    ] {
        let no_list = server.explain_seeded(request, 1).expect_err("no list");
        assert_eq!((no_list.code, no_list.message.as_str()), (code, told), "{request}");
    }
}
