//! Who is first in a list, where weights are not all: limited shares, versions of IP, redirects that are asked
//! for again.

use std::collections::BTreeSet;

use answer::requester::Requester;
use answer::shaping::Shaping;
use answer::trace::{Moved, Verdict};
use answer::{Endpoint, Options, Request, Scratch, respond};
use encode::text::Text;
use model::embedded::Nat64Prefix;
use model::families::{Families, IpVersion};
use model::ids::HostId;

use crate::fixture::{NOW, Server};
use crate::nearest_twin::globe::{DIRECTORY, Globe, Mirror, client, host_of};

/// Enough for shares of a few percent.
const DRAWS: u32 = 4_000;

/// A client in Germany, whose centre is 500 km from the one that France has here, and 9,000 km from that of Japan.
fn globe(mirrors: Vec<Mirror>) -> Globe {
    Globe {
        mirrors,
        centres: vec![("DE", (51, 10)), ("FR", (48, 15)), ("JP", (36, 138))],
        areas: vec![("DE", None)],
        ..Globe::default()
    }
}

fn capped(country: &'static str, bandwidth: i64, max_share: u8) -> Mirror {
    Mirror { max_share, ..Mirror::of(country, bandwidth) }
}

fn only(version: IpVersion, country: &'static str, bandwidth: i64) -> Mirror {
    Mirror { families: Families::only([version]), ..Mirror::of(country, bandwidth) }
}

fn families() -> Options {
    Options { families: true, ..Options::default() }
}

fn request(more: &str, is_v6: bool) -> String {
    format!("/mirrorlist?path={DIRECTORY}{more} from {}", client(0, is_v6))
}

fn listed(server: &Server, request: &str, seed: u64) -> Vec<usize> {
    server.get_seeded(request, seed).urls().iter().map(|url| host_of(url)).collect()
}

/// A server that lists so many mirrors at most, and has no minimum.
fn limited(world: &Globe, max: usize, options: Options) -> Server {
    let shaping = Shaping { max_mirrors: Some(max), ..Shaping::default() };
    world.serve(Options { shaping, minimum: 0, ..options })
}

/// Asks many times, and compares how often each mirror is first with its share.
#[track_caller]
fn check_shares(server: &Server, request: &str, expected: &[f64]) {
    let mut counts = vec![0_u32; expected.len()];
    for seed in 0..DRAWS {
        counts[listed(server, request, seed.into())[0]] += 1;
    }
    compare_shares(&counts, expected);
}

#[track_caller]
fn compare_shares(counts: &[u32], expected: &[f64]) {
    let n = f64::from(counts.iter().sum::<u32>());
    for (&count, share) in counts.iter().zip(expected) {
        let allowed = 5.0 * (n * share * (1.0 - share)).sqrt();
        assert!((f64::from(count) - n * share).abs() <= allowed, "{counts:?}, not {expected:?}");
    }
}

#[test]
fn a_mirror_alone_in_its_country_can_be_limited() {
    let mirrors = vec![
        capped("DE", 100, 30),
        Mirror::of("FR", 100),
        Mirror::of("FR", 300),
        Mirror::of("JP", 9),
    ];
    let world = globe(mirrors);
    let server = world.serve(Options::default());
    check_shares(&server, &request("", false), &[0.3, 0.175, 0.525, 0.0]);
    // However short the list is.
    check_shares(
        &limited(&world, 1, Options::default()),
        &request("", false),
        &[0.3, 0.175, 0.525, 0.0],
    );
    // It is still the nearest: the second one, where it is not the first.
    for seed in 0..50 {
        assert!(listed(&server, &request("", false), seed)[..2].contains(&0), "{seed}");
    }
    // Nobody else is in the country that is asked for.
    check_shares(&server, &request("&country=DE", false), &[1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn what_a_limited_mirror_does_not_get_goes_to_its_neighbours_first() {
    let mirrors = vec![capped("DE", 800, 20), Mirror::of("DE", 100), Mirror::of("FR", 9_000)];
    let server = globe(mirrors).serve(Options::default());
    check_shares(&server, &request("", false), &[0.2, 0.8, 0.0]);
}

#[test]
fn a_mirror_at_half_load_gets_half_of_its_share() {
    let half = Mirror { load: 50, ..Mirror::of("DE", 1_000) };
    let server = globe(vec![half, Mirror::of("DE", 500)]).serve(Options::default());
    check_shares(&server, &request("", false), &[0.5, 0.5]);
    let resting = Mirror { load: 0, ..Mirror::of("DE", 1_000) };
    let server = globe(vec![resting, Mirror::of("DE", 500)]).serve(Options::default());
    check_shares(&server, &request("", false), &[0.0, 1.0]);
}

#[test]
fn a_mirror_that_fails_over_the_clients_version_is_not_first() {
    let v6 = only(IpVersion::V6, "DE", 9_000);
    let mirrors = vec![v6, Mirror::of("DE", 100), Mirror::of("DE", 300), Mirror::of("FR", 1)];
    let server = globe(mirrors.clone()).serve(families());
    // The others share what it would get by their weights.
    check_shares(&server, &request("", false), &[0.0, 0.25, 0.75, 0.0]);
    check_shares(&server, &request("", true), &[0.957, 0.011, 0.032, 0.0]);
    // Where nothing else is, a mirror that fails is better than none.
    let alone = globe(mirrors[..1].to_vec()).serve(families());
    assert_eq!(listed(&alone, &request("", false), 1), [0]);
    // A limited share goes to those that work.
    let mut mirrors = mirrors;
    mirrors[1].max_share = 10;
    let server = globe(mirrors).serve(families());
    check_shares(&server, &request("", false), &[0.0, 0.1, 0.9, 0.0]);
    // Unless versions do not count.
    let mirrors = vec![only(IpVersion::V6, "DE", 1_000_000), Mirror::of("DE", 1)];
    let off = globe(mirrors).serve(Options::default());
    assert_eq!(listed(&off, &request("", false), 1)[0], 0);
}

#[test]
fn clients_of_ipv6_have_a_mirror_of_ipv6_among_the_first_four() {
    let mut mirrors = vec![only(IpVersion::V4, "DE", 100); 3];
    mirrors.extend(vec![Mirror::of("DE", 100); 3]);
    mirrors.extend([only(IpVersion::V6, "JP", 1), only(IpVersion::V6, "JP", 1)]);
    let world = globe(mirrors);
    for n in [2, 4, 5, 8] {
        let server = limited(&world, n, families());
        for seed in 0..50 {
            let hosts = listed(&server, &request("", true), seed);
            assert_eq!(hosts.len(), n);
            let place = hosts.iter().position(|&host| host >= 6).expect("one of IPv6");
            assert_eq!(place, n.min(4) - 1, "the others are nearer: {hosts:?}");
            assert!((3..6).contains(&hosts[0]), "not known to fail: {hosts:?}");
        }
    }
    let server = limited(&world, 5, families());
    for seed in 0..50 {
        // A client of IPv4 needs nothing from Japan, and countries that are asked for are meant.
        for request in [request("", false), request("&country=DE", true)] {
            let hosts = listed(&server, &request, seed);
            assert!(hosts.iter().all(|&host| host < 6), "{hosts:?}");
        }
    }
    let explanation = server.explain_seeded(&request("", true), 1).unwrap();
    let moved: Vec<_> = (0..)
        .map(HostId)
        .zip(&explanation.verdicts)
        .filter_map(|(host, verdict)| match verdict {
            Verdict::Listed { selected, place: 3 } => Some((host.index() >= 6, selected.moved)),
            _ => None,
        })
        .collect();
    assert_eq!(moved, [(true, Some(Moved::IpVersion))]);
}

#[test]
fn clients_behind_translators_have_ipv4_and_those_in_tunnels_ipv6() {
    let world = globe(vec![only(IpVersion::V4, "DE", 100), only(IpVersion::V6, "DE", 100)]);
    let nat64 = vec![Nat64Prefix::parse("2001:db8:64::/96").unwrap()];
    let server = world.serve(Options { nat64, ..families() });
    let (v4, v6) = (0, 1);
    for (client, first) in [
        ("11.0.0.1", v4),
        ("::ffff:11.0.0.1", v4),
        ("64:ff9b::11.0.0.1", v4),
        ("64:ff9b::10.0.0.1", v4),
        ("64:ff9b:1::11.0.0.1", v4),
        ("64:ff9b:1:b00:0:100::", v4),
        ("2001:db8:64::11.0.0.1", v4),
        ("2001:db8::1", v6),
        // 6to4, Teredo, and a host of IPv6 where no translator puts an address.
        ("2002:b00:1::1", v6),
        ("2001:0:c633:6401:8000:63bf:f4ff:fffe", v6),
        ("64:ff9b:1:b00:100:100::", v6),
    ] {
        for seed in 0..20 {
            let request = format!("/mirrorlist?path={DIRECTORY} from {client}");
            assert_eq!(listed(&server, &request, seed)[0], first, "{client}");
        }
    }
}

#[test]
fn nothing_changes_where_the_data_do_not_say_what_works() {
    let mirrors: Vec<_> =
        ["DE", "DE", "FR", "JP", "DE"].map(|country| Mirror::of(country, 100)).into();
    let (on, off) =
        (globe(mirrors.clone()).serve(families()), globe(mirrors).serve(Options::default()));
    for seed in 0..50 {
        for is_v6 in [false, true] {
            let request = request("", is_v6);
            assert_eq!(on.get_seeded(&request, seed), off.get_seeded(&request, seed));
        }
    }
}

/// The mirror to which a client of this network is redirected.
fn redirected(server: &Server, client: &str, file: &str, now: u64, seed: u64) -> usize {
    let query = format!("path={DIRECTORY}/{file}&redirect=1");
    let host = "mirrors.example";
    let request = Request {
        endpoint: Endpoint::find(&server.edition, host, "/mirrorlist", &query).unwrap(),
        query: &query,
        requester: Requester { address: client.parse().unwrap(), is_trusted: false },
        host,
        now,
    };
    let (mut rng, mut scratch) = (fastrand::Rng::with_seed(seed), Scratch::default());
    let mut body = Text::default();
    let reply =
        respond(&server.edition, &server.options, &request, &mut rng, &mut scratch, &mut body);
    host_of(&reply.redirect.expect("a redirect").location)
}

fn retrying(mirrors: Vec<Mirror>) -> Server {
    let redirect_retry = std::num::NonZeroU64::new(60);
    globe(mirrors).serve(Options { redirect_retry, ..Options::default() })
}

#[test]
fn a_client_that_asks_again_is_redirected_elsewhere_in_minutes() {
    // Alone in its country, with half of the weight there, and among equals: minutes until another one comes.
    let alone = vec![Mirror::of("DE", 100), Mirror::of("FR", 100), Mirror::of("FR", 100)];
    let half = vec![Mirror::of("DE", 200), Mirror::of("DE", 100), Mirror::of("DE", 100)];
    for (mirrors, minutes) in [(alone, 3), (half, 2), (vec![Mirror::of("DE", 9); 4], 1)] {
        let server = retrying(mirrors);
        let mut n_new = 0;
        for n in 0..100 {
            let client = format!("11.0.0.{n}");
            let at = |minute| redirected(&server, &client, "f", NOW + 60 * minute, minute);
            // Whatever the draw is.
            assert_eq!(at(0), redirected(&server, &client, "f", NOW, 99));
            let got: Vec<usize> = (0..8).map(at).collect();
            // A client whose hour begins anew in these minutes does not repeat its four mirrors.
            if got[..4] != got[4..] {
                n_new += 1;
                continue;
            }
            let longest = got.chunk_by(PartialEq::eq).map(<[usize]>::len).max();
            assert!(longest <= Some(minutes), "{got:?}");
        }
        assert!(n_new < 30, "{n_new}");
    }
}

#[test]
fn redirects_keep_shares_but_for_a_quarter_of_those_of_a_mirror_alone() {
    let shares = |mirrors: Vec<Mirror>, expected: &[f64]| {
        let server = retrying(mirrors);
        let mut counts = vec![0_u32; expected.len()];
        for n in 0..DRAWS {
            let client = format!("11.0.0.{}", n % 250);
            let file = format!("f{}", n / 250);
            counts[redirected(&server, &client, &file, NOW + u64::from(n % 7) * 60, 1)] += 1;
        }
        compare_shares(&counts, expected);
    };
    shares([600, 300, 100].map(|bandwidth| Mirror::of("DE", bandwidth)).into(), &[0.6, 0.3, 0.1]);
    shares(
        vec![Mirror::of("DE", 1), Mirror::of("FR", 1), Mirror::of("FR", 1)],
        &[0.75, 0.125, 0.125],
    );
    shares(vec![capped("DE", 1, 20), Mirror::of("FR", 1), Mirror::of("FR", 1)], &[0.2, 0.4, 0.4]);
}

#[test]
fn mirrors_of_the_own_network_keep_their_clients() {
    let mut world =
        globe(vec![Mirror::of("DE", 1), Mirror { is_private: true, ..capped("DE", 1, 10) }]);
    world.netblocks = vec![(0, vec![1])];
    let server = world.serve(families());
    for minute in 0..20 {
        assert_eq!(redirected(&server, "11.0.0.1", "f", NOW + 60 * minute, minute), 1);
        assert_eq!(listed(&server, &request("", false), minute), [1, 0]);
    }
}

#[test]
fn a_redirect_that_is_asked_for_again_leaves_mirrors_of_the_own_network_as_well() {
    let redirect_retry = std::num::NonZeroU64::new(60);
    let options = Options { redirect_retry, ..families() };
    let own = |n_own: usize| {
        let mut world = globe(vec![Mirror::of("DE", 1); n_own + 2]);
        // What limits the others does not limit these.
        world.mirrors[0] = capped("DE", 900, 1);
        world.netblocks = vec![(0, (0..n_own).collect())];
        world.serve(options.clone())
    };
    for (n_own, minutes, share) in [(1, 3, 0.75), (2, 2, 0.5), (4, 1, 0.25)] {
        let server = own(n_own);
        let mut counts = vec![0; n_own + 2];
        let mut n_new = 0;
        for n in 0..200 {
            let client = format!("11.0.0.{n}");
            let at = |minute| redirected(&server, &client, "f", NOW + 60 * minute, minute);
            assert_eq!(at(0), redirected(&server, &client, "f", NOW, 99));
            let got: Vec<usize> = (0..8).map(at).collect();
            counts[got[0]] += 1;
            // A client whose hour begins anew in these minutes does not repeat its four mirrors.
            if got[..4] != got[4..] {
                n_new += 1;
                continue;
            }
            let longest = got.chunk_by(PartialEq::eq).map(<[usize]>::len).max();
            assert!(longest <= Some(minutes), "{n_own}: {got:?}");
        }
        assert!(n_new < 60, "{n_new}");
        let request = request("/f&redirect=1", false);
        let explanation = server.explain_seeded(&request, 1).unwrap();
        assert!(explanation.rules.rotates);
        assert!((explanation.chances[0] - share).abs() < 1e-9, "{:?}", explanation.chances);
        compare_shares(&counts, &explanation.chances);
    }
    let alone = globe(vec![Mirror::of("DE", 1)]).serve(options);
    let explanation = alone.explain_seeded(&request("/f&redirect=1", false), 1).unwrap();
    assert!(!explanation.rules.rotates, "there is no other mirror");
}

#[test]
fn a_redirect_over_ipv6_leads_to_a_mirror_that_is_known_to_work() {
    let v6 = |country| only(IpVersion::V6, country, 100);
    let world = globe(vec![Mirror::of("DE", 900), v6("FR"), v6("FR"), v6("JP")]);
    let redirect_retry = std::num::NonZeroU64::new(60);
    for max in [1, 2, 50] {
        for options in [families(), Options { redirect_retry, ..families() }] {
            let shaping = Shaping { max_mirrors: Some(max), ..Shaping::default() };
            let server = world.serve(Options { shaping, minimum: 9, ..options });
            let explanation = server.explain_seeded(&request("/f&redirect=1", true), 1).unwrap();
            let [de, fr, other, _] = explanation.chances[..] else { panic!("four mirrors") };
            assert_eq!((de, fr), (0.0, other), "{max}");
            for minute in 0..50 {
                let now = NOW + 60 * minute;
                let host = redirected(&server, "2001:db8::1", "f", now, minute);
                assert!(explanation.chances[host] > 0.0, "{max}: {host}");
                let same = redirected(&server, "2001:db8::1", "f", now, 99);
                assert!(server.options.redirect_retry.is_none() || same == host, "{max}");
            }
        }
    }
}

#[test]
fn lists_are_full_though_mirrors_share_urls() {
    // Every second mirror is another record of the server before it.
    let mirror = |at: usize| Mirror {
        twin_of: (at % 2 == 1).then(|| at - 1),
        ..Mirror::of(["DE", "FR", "JP"][at / 4], 100)
    };
    let world = globe((0..12).map(mirror).collect());
    for n in 1..=6 {
        let server = limited(&world, n, Options::default());
        for seed in 0..50 {
            let hosts = listed(&server, &request("", false), seed);
            let distinct: BTreeSet<_> = hosts.iter().collect();
            assert_eq!((hosts.len(), distinct.len()), (n, n), "{hosts:?}");
            assert!(hosts.is_sorted_by_key(|host| host / 4), "{hosts:?}");
        }
    }
}
