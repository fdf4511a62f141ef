//! Law: the answer to a request that leaves mirrors out is that of a world in which they do not carry what is
//! asked for, with the same luck, in each order of mirrors.

use answer::policy::Policy;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use testdata::mirrormanager::{IntRepeatedIntMap, IntStringMap, MirrorList};

use super::{DIRECTORY, SCHEMES, random};
use crate::fixture::{Answer, World};

/// Takes from a list all that is said a second time, so that it is clear which country a mirror is in.
fn once(mut list: MirrorList) -> MirrorList {
    let mut seen = Vec::new();
    list.host_country_cache.retain(|entry| {
        let is_first = !seen.contains(&entry.key);
        seen.push(entry.key);
        is_first
    });
    let mut names = Vec::new();
    list.mirror_list_cache.retain(|directory| {
        let is_first = !names.contains(&directory.directory);
        names.push(directory.directory.clone());
        is_first
    });
    for directory in &mut list.mirror_list_cache {
        directory.subpath = Some("sub".to_owned());
        let mut seen = Vec::new();
        directory.by_host_id.retain(|entry| {
            let is_first = !seen.contains(&entry.key);
            seen.push(entry.key);
            is_first
        });
        // Each mirror carries the other directory, so those that are left out are mirrors all the same.
        if directory.directory != DIRECTORY {
            for host in (1..9).filter(|host| !seen.contains(host)) {
                directory.by_host_id.push(IntRepeatedIntMap::new(host, [host * 10]));
            }
        }
    }
    for id in (1..9).flat_map(|host| (0..5).map(move |n| host * 10 + n)) {
        if !list.hc_url_cache.iter().any(|entry| entry.key == id) {
            let scheme = SCHEMES[id as usize % 4];
            let url = format!("{scheme}://h{}-{}.example", id / 10, id % 10);
            list.hc_url_cache.push(IntStringMap::new(id, url));
        }
    }
    list
}

/// Whether a mirror is in one of these countries: by itself, or by the lists of the directory.
fn is_in(list: &MirrorList, host: i64, countries: &[&str]) -> bool {
    let is_one = |code: &str| countries.iter().any(|country| country.eq_ignore_ascii_case(code));
    let own = list.host_country_cache.iter().filter(|entry| entry.key == host);
    let directories = list.mirror_list_cache.iter();
    let mut listed = directories
        .filter(|directory| directory.directory == DIRECTORY)
        .flat_map(|directory| &directory.by_country)
        .filter(|entry| entry.value.contains(&host));
    own.map(|entry| &*entry.value).any(is_one) || listed.any(|entry| is_one(&entry.key))
}

/// The list without what the first line says of the request.
fn without_reasons(answer: &Answer, asked: &str) -> String {
    let body = answer.body.replace(asked, "");
    let (first, rest) = body.split_once('\n').unwrap_or((&body, ""));
    let first = first.split("error: ").next().unwrap_or("").trim_end();
    format!("{first}\n{rest}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_out_is_as_what_is_not_carried(
        list in random::message(),
        netblocks in random::asn_table(),
        monopolies in random::monopolies(),
        requests in prop::collection::vec(
            (
                random::asked(),
                subsequence((1..9_i64).collect::<Vec<_>>(), 0..4),
                subsequence(vec!["DE", "FR", "ES", "US", "JP"], 0..3),
            ),
            1..8,
        ),
        policy in select(vec![Policy::Tiers, Policy::Nearest]),
        spread: bool,
        seed: u64,
    ) {
        let mut world = World::empty();
        world.list = once(MirrorList { time: 1, ..list });
        world.netblocks = netblocks;
        world.monopolies = monopolies;
        world.options.policy = policy;
        world.options.shaping.spread = spread;
        world.countries = vec![
            ("11.0.0.0/15", "DE"),
            ("11.2.0.0/16", "FR"),
            ("11.3.0.0/31", "US"),
            ("2001:db8::/48", "DE"),
            ("2001:db8:1::/48", "JP"),
        ];
        world.file(DIRECTORY, "f", &[crate::fixture::details(1, 'a')]);
        let mut server = world.serve();
        for (asked, hosts, countries) in &requests {
            let mut less = world.clone();
            let is_left_out = |host: i64| {
                hosts.contains(&host) || is_in(&world.list, host, countries)
            };
            for directory in &mut less.list.mirror_list_cache {
                if directory.directory == DIRECTORY {
                    directory.by_host_id.retain(|entry| !is_left_out(entry.key));
                }
            }
            let mut less = less.serve();
            for server in [&mut server, &mut less] {
                server.options.minimum = asked.minimum;
                server.options.shaping.max_mirrors = asked.max;
                server.options.max_excluded = 64;
            }
            let names = |host: i64| (0..5).map(move |n| format!("h{host}-{n}.example"));
            let names: Vec<_> = hosts.iter().copied().flat_map(names).collect();
            let mut countries = countries.clone();
            countries.sort_unstable();
            let (names, countries) = (names.join(","), countries.join(","));
            let request = asked.as_request();
            let (target, client) = request.split_once(" from ").unwrap_or((&request, ""));
            let more = format!("{target}&exclude={names}&not_country={countries}");
            let more = if client.is_empty() { more } else { format!("{more} from {client}") };
            let all = server.get_seeded(&more, seed);
            let rest = less.get_seeded(&request, seed);
            prop_assert_eq!(all.status, 200);
            prop_assert_eq!(&all.found, &rest.found);
            let said = [("exclude", names), ("not_country", countries)];
            let said = said.into_iter().filter(|(_, list)| !list.is_empty());
            let said: Vec<_> = said.map(|(name, list)| format!("{name} = {list}")).collect();
            prop_assert_eq!(
                without_reasons(&all, &said.join(" ")),
                without_reasons(&rest, "nothing"),
                "{}", more
            );
        }
    }
}
