//! Law: answers name the mirrors that a slow, obvious twin names.
//!
//! The twin works on the protobuf message itself, with linear scans, and is written from the
//! compatibility notes and of what is said of findings: no interning, no bit sets, no prefix tables. Where several mirrors share a
//! tier it gives a set, because their order is chance.

mod checked;
mod left_out;
mod network;
mod random;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::embedded::Nat64Prefix;
use proptest::prelude::*;
use testdata::mirrormanager::{IntStringMap, MirrorList, MirrorListCacheType};

use crate::fixture::{Answer, World};
use checked::Checked;
use network::{Network, ways};
use random::Asked;

const SCHEMES: [&str; 4] = ["https", "http", "ftp", "rsync"];
const DIRECTORY: &str = "pub/d";
/// What may stand in the ASN column: the systems that it names, or `None` where the line says nothing.
const ASN_COLUMNS: [(&str, Option<&[i64]>); 9] = [
    ("1", Some(&[1])),
    ("2", Some(&[2])),
    ("0.3", Some(&[3])),
    ("AS1", Some(&[1])),
    ("{4,2}", Some(&[4, 2])),
    ("3_1", Some(&[3, 1])),
    ("None", Some(&[])),
    ("9", Some(&[9])),
    ("EXAMPLE", None),
];

/// What is expected: for each tier what the header says and of which mirrors, and all its mirrors.
#[derive(Debug, Default)]
struct Expected {
    tiers: Vec<ExpectedTier>,
}

type ExpectedTier = (BTreeMap<String, BTreeSet<i64>>, BTreeSet<i64>);

/// Where a client is.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    Country(String),
    Continent(String),
}

/// The twin: everything it says is looked up anew in the message.
#[derive(Clone)]
struct Twin<'a> {
    /// Whether only mirrors with a monopoly count.
    only_monopolies: bool,
    world: &'a World,
    asked: &'a Asked,
    directory: &'a MirrorListCacheType,
    checked: Checked,
}

impl<'a> Twin<'a> {
    fn new(world: &'a World, asked: &'a Asked) -> Self {
        let mut directories = world.list.mirror_list_cache.iter();
        let directory = directories.find(|directory| directory.directory == DIRECTORY).unwrap();
        let twin =
            Self { only_monopolies: false, world, asked, directory, checked: Checked::default() };
        Self { checked: twin.check(), ..twin }
    }

    fn list(&self) -> &'a MirrorList {
        &self.world.list
    }

    /// Base URLs of a mirror in the directory, in the order of the data.
    fn all_urls(&self, host: i64) -> Vec<&'a str> {
        let Some(entry) = self.directory.by_host_id.iter().find(|entry| entry.key == host) else {
            return Vec::new();
        };
        let url = |id: &i64| self.list().hc_url_cache.iter().find(|entry| entry.key == *id);
        let urls = entry.value.iter().filter_map(url).map(|entry| entry.value.as_str());
        // The random worlds' only kind of URL that is refused.
        urls.filter(|url| !url.contains('\n')).collect()
    }

    /// Those that may be answered.
    fn usable_urls(&self, host: i64) -> Vec<&'a str> {
        if self.checked.out.contains(&host) {
            return Vec::new();
        }
        let urls = self.all_urls(host).into_iter();
        let urls = urls.filter(|url| !self.checked.urls.iter().any(|out| out == url));
        urls.filter(|url| {
            let scheme = url.split("://").next().unwrap_or("");
            let default = SCHEMES.contains(&scheme) && (self.asked.metalink || scheme != "rsync");
            if self.asked.protocols.is_empty() {
                default
            } else {
                SCHEMES.contains(&scheme) && self.asked.protocols.contains(&scheme)
            }
        })
        .collect()
    }

    /// The URLs listed for a mirror.
    fn listed_urls(&self, host: i64) -> Vec<&'a str> {
        let urls = self.usable_urls(host);
        if self.asked.metalink {
            return urls;
        }
        let n_known = self.asked.protocols.iter().filter(|p| SCHEMES.contains(p)).count();
        let by_preference = SCHEMES.iter().flat_map(|scheme| {
            let prefix = format!("{scheme}://");
            urls.iter().copied().filter(move |url| url.starts_with(&prefix))
        });
        by_preference.take(n_known.max(1)).collect()
    }

    /// Mirrors that may be listed at all: for the address of somebody else, only public ones.
    fn candidates(&self, hosts: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
        let shown = |host: i64| !self.asked.by_ip || self.directory.global.contains(&host);
        let counts = |host: i64| !self.only_monopolies || self.world.monopolies.contains(&host);
        let hosts = hosts.into_iter().filter(|&host| shown(host) && counts(host));
        hosts.filter(|&host| !self.usable_urls(host).is_empty()).collect()
    }

    /// Candidates that are public and serve the client's country.
    fn open(&self, hosts: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
        let country = match self.client_place() {
            Some(Place::Country(country)) => Some(country),
            _ => None,
        };
        let admitted = |host: i64| {
            let mut allowed = self.list().host_country_allowed_cache.iter();
            let Some(entry) = allowed.find(|entry| entry.key == host) else { return true };
            let names = |mark: &str| {
                let named = |code: &str| entry.value.contains(&format!("{mark}{code}"));
                country.as_ref().is_some_and(|code| named(code) || named(&code.to_lowercase()))
            };
            let lists_served = entry.value.iter().any(|code| !code.starts_with('!'));
            !names("!") && (names("") || !lists_served)
        };
        let public = |host: i64| self.directory.global.contains(&host);
        self.candidates(hosts).into_iter().filter(|&host| public(host) && admitted(host)).collect()
    }

    fn in_country(&self, code: &str) -> BTreeSet<i64> {
        let entries = self.directory.by_country.iter();
        let there = entries.filter(|entry| entry.key.eq_ignore_ascii_case(code));
        self.open(there.flat_map(|entry| entry.value.iter().copied()))
    }

    fn client_place(&self) -> Option<Place> {
        let longest = |networks: &[(Network, Place)]| {
            ways(self.asked.client).into_iter().find_map(|(address, min_length)| {
                let mut best: Option<&(Network, Place)> = None;
                for entry in networks {
                    let better = best.is_none_or(|(best, _)| entry.0.length > best.length);
                    if entry.0.contains(address) && entry.0.length >= min_length && better {
                        best = Some(entry);
                    }
                }
                best.map(|(_, place)| place.clone())
            })
        };
        let overrides = self.list().netblock_country_cache.iter();
        let overrides: Vec<_> = overrides
            .filter_map(|entry| Some((Network::parse(&entry.key)?, self.place(&entry.value)?)))
            .collect();
        let database = self.world.countries.iter();
        let database: Vec<_> = database
            .filter_map(|(network, code)| Some((Network::parse(network)?, self.place(code)?)))
            .collect();
        longest(&overrides).or_else(|| longest(&database))
    }

    /// What a code of a network says.
    fn place(&self, code: &str) -> Option<Place> {
        match &*code.to_uppercase() {
            "XX" => None,
            "EU" => Some(Place::Continent("EU".into())),
            code => Some(Place::Country(code.into())),
        }
    }

    fn continent(&self, country: &str) -> Option<String> {
        let mut redirects = self.list().country_continent_redirect_cache.iter();
        if let Some(entry) = redirects.find(|entry| entry.key == country) {
            return Some(entry.value.clone());
        }
        let quoted = format!("\"{country}\"");
        let line = self.world.continents.lines().find(|line| line.starts_with(&quoted))?;
        Some(line.split('"').nth(3)?.to_owned())
    }

    /// Every other country on the continents of these.
    fn neighbours(&self, countries: &[String]) -> BTreeSet<String> {
        let continents: BTreeSet<_> =
            countries.iter().filter_map(|country| self.continent(country)).collect();
        self.known_countries()
            .filter(|country| !countries.iter().any(|asked| asked == country))
            .filter(|country| self.continent(country).is_some_and(|c| continents.contains(&c)))
            .map(str::to_owned)
            .collect()
    }

    fn known_countries(&self) -> impl Iterator<Item = &'a str> {
        self.world.continents.lines().skip(1).filter_map(|line| line.split('"').nth(1))
    }

    /// A tier of several countries: those that contribute are named.
    fn country_tier(&self, countries: impl IntoIterator<Item = String>) -> ExpectedTier {
        let mut tier = ExpectedTier::default();
        for country in countries {
            let hosts = if country == "global" {
                self.open(self.directory.global.iter().copied())
            } else {
                self.in_country(&country)
            };
            if !hosts.is_empty() {
                tier.1.extend(&hosts);
                tier.0.insert(format!("country = {country}"), hosts);
            }
        }
        tier
    }

    fn netblock_tiers(&self, expected: &mut Expected) {
        let mut named = false;
        let lengths = |(address, min): (IpAddr, u32)| (min..=128).rev().map(move |n| (address, n));
        for (address, length) in ways(self.asked.client).into_iter().flat_map(lengths) {
            let mut hosts = BTreeSet::new();
            for entry in &self.list().host_netblock_cache {
                let network = Network::parse(&entry.key);
                let matches = |n: Network| n.length == length && n.contains(address);
                if network.is_some_and(matches) {
                    hosts.extend(self.candidates(entry.value.iter().copied()));
                }
            }
            if !hosts.is_empty() {
                let name = (!named).then(|| ("Using preferred netblock".to_owned(), hosts.clone()));
                expected.tiers.push((name.into_iter().collect(), hosts));
                named = true;
            }
        }
    }

    fn asn_tier(&self, expected: &mut Expected) {
        let systems = ways(self.asked.client).into_iter().find_map(|(address, min_length)| {
            let mut best: Option<(u32, &[i64])> = None;
            for line in self.world.netblocks.lines() {
                let (prefix, column) = line.split_once(' ').unwrap();
                let Some(network) = Network::parse(prefix) else { continue };
                let known = ASN_COLUMNS.iter().find(|(text, _)| *text == column).unwrap();
                let Some(systems) = known.1 else { continue };
                let better = best.is_none_or(|(length, _)| network.length >= length);
                let counts = network.length >= min_length.max(1);
                if counts && network.contains(address) && better {
                    best = Some((network.length, systems));
                }
            }
            best.map(|(_, systems)| systems)
        });
        let entry = |asn: &i64| self.list().host_asn_cache.iter().find(|entry| entry.key == *asn);
        // The first that hosts a mirror of anything.
        let hosts_any = |asn: &&i64| {
            entry(asn).is_some_and(|entry| entry.value.iter().any(|&host| self.carries_any(host)))
        };
        let Some(asn) = systems.and_then(|systems| systems.iter().find(hosts_any)) else { return };
        let hosts = self.candidates(entry(asn).into_iter().flat_map(|e| e.value.iter().copied()));
        if !hosts.is_empty() {
            expected.tiers.push(([(format!("Using ASN {asn}"), hosts.clone())].into(), hosts));
        }
    }

    /// Whether a mirror carries any directory; of those of one name the first counts.
    fn carries_any(&self, host: i64) -> bool {
        let all = &self.list().mirror_list_cache;
        all.iter().enumerate().any(|(at, directory)| {
            let is_first = all.iter().position(|d| d.directory == directory.directory) == Some(at);
            is_first && directory.by_host_id.iter().any(|entry| entry.key == host)
        })
    }

    /// The mirrors of the client's own networks and system.
    fn near(&self) -> Expected {
        let mut near = Expected::default();
        if self.asked.netblock && self.asked.countries.is_empty() {
            self.netblock_tiers(&mut near);
            self.asn_tier(&mut near);
        }
        near
    }

    /// The mirrors that are listed alone, if any of those nearby has a monopoly.
    fn alone(&self) -> Option<Expected> {
        let alone = Self { only_monopolies: true, ..self.clone() }.near();
        (!alone.tiers.is_empty()).then_some(alone)
    }

    fn expected(&self) -> Expected {
        if let Some(alone) = self.alone() {
            return alone;
        }
        let mut expected = self.near();
        let mut asked: Vec<String> = self
            .asked
            .countries
            .iter()
            .map(|country| match country.to_uppercase() {
                country if country == "GLOBAL" => "global".to_owned(),
                country => country,
            })
            .collect();
        asked.sort();
        asked.dedup();
        if !asked.is_empty() {
            let mut tier = self.country_tier(asked.clone());
            if tier.1.is_empty() {
                tier = self.country_tier(self.neighbours(&asked));
            }
            if !tier.1.is_empty() {
                expected.tiers.push(tier);
                return expected;
            }
        }
        match self.client_place() {
            Some(Place::Country(country)) => {
                let neighbours = self.neighbours(std::slice::from_ref(&country));
                expected.tiers.push(self.country_tier([country]));
                expected.tiers.push(self.country_tier(neighbours));
            }
            Some(Place::Continent(continent)) => {
                let all = self.known_countries();
                let there = all.filter(|c| self.continent(c).as_ref() == Some(&continent));
                expected.tiers.push(self.country_tier(there.map(str::to_owned)));
            }
            None => {}
        }
        let found: BTreeSet<i64> =
            expected.tiers.iter().flat_map(|(_, hosts)| hosts.iter().copied()).collect();
        // Those that are behind do not count as found.
        let current = found.iter().filter(|&&host| !self.checked.is_behind(host));
        if current.count() < self.asked.minimum {
            let mut tier = self.country_tier(["global".to_owned()]);
            if self.asked.max.is_some_and(|max| max < found.union(&tier.1).count()) {
                // Then it is named for whoever it adds.
                tier.0.values_mut().for_each(|hosts| hosts.retain(|host| !found.contains(host)));
            }
            expected.tiers.push(tier);
        }
        expected
    }
}

/// What an answer says in its first line, in pieces.
fn header_parts(header: &str) -> Vec<String> {
    let rest = header.strip_prefix(&format!("# path = {DIRECTORY} ")).unwrap();
    let rest = rest.split(" error: ").next().unwrap();
    let rest = rest.strip_prefix("error: ").map_or(rest, |_| "");
    let words: Vec<&str> = rest.split_whitespace().collect();
    words.chunks(3).map(|part| part.join(" ")).collect()
}

/// The number in `https://h7-2.example/…`.
fn host_of(url: &str) -> i64 {
    let (_, rest) = url.split_once("://h").unwrap();
    rest.split('-').next().unwrap().parse().unwrap()
}

fn compare(twin: &Twin<'_>, answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    crate::lint_law::check(answer);
    let expected = twin.expected();
    let urls = answer.urls();
    let mut hosts: Vec<i64> = urls.iter().map(|url| host_of(url)).collect();
    hosts.dedup();

    let mut seen = BTreeSet::new();
    let mut rest = &hosts[..];
    let mut room = twin.asked.max.unwrap_or(usize::MAX);
    let mut groups = [Vec::new(), Vec::new()];
    for (_, tier) in &expected.tiers {
        let new = tier.difference(&seen).copied();
        let (behind, current): (BTreeSet<i64>, _) =
            new.partition(|&host| twin.checked.is_behind(host));
        seen.extend(tier);
        groups[0].push(current);
        groups[1].push(behind);
    }
    for new in groups.concat() {
        let n_listed = new.len().min(room);
        room -= n_listed;
        let (here, others) = rest.split_at(n_listed.min(rest.len()));
        let distinct: BTreeSet<i64> = here.iter().copied().collect();
        assert!(distinct.is_subset(&new), "{expected:?}\n{hosts:?}");
        assert_eq!(distinct.len(), n_listed, "too few, or one twice: {expected:?}\n{hosts:?}");
        rest = others;
    }
    assert!(rest.is_empty(), "unexpected {rest:?} after {expected:?}");
    let was_cut = hosts.len() < seen.len();

    let file = if twin.asked.metalink { "f" } else { "" };
    let of_host = |&host: &i64| {
        let urls = twin.listed_urls(host).into_iter();
        urls.map(move |url| format!("{url}/sub/{file}"))
    };
    let expected_urls: Vec<String> = hosts.iter().flat_map(of_host).collect();
    assert_eq!(urls, expected_urls);

    if twin.asked.metalink {
        return;
    }
    let mut parts = header_parts(answer.header());
    if !twin.asked.protocols.is_empty() {
        let asked = format!("protocol = {}", twin.asked.protocols.join(","));
        assert_eq!(parts.pop(), Some(asked), "{}", answer.header());
    }
    let mut rest = &parts[..];
    for (named, _) in &expected.tiers {
        // What is named is listed.
        let is_listed = |of: &BTreeSet<i64>| !was_cut || hosts.iter().any(|host| of.contains(host));
        let named = named.iter().filter(|(_, of)| is_listed(of));
        let named: BTreeSet<&String> = named.map(|(name, _)| name).collect();
        let (here, others) = rest.split_at(named.len().min(rest.len()));
        assert_eq!(here.iter().collect::<BTreeSet<_>>(), named, "{}", answer.header());
        rest = others;
    }
    assert!(rest.is_empty(), "unexpected {rest:?}: {}", answer.header());
}

/// Adds URLs that are referred to. Two ids may lead nowhere; more would be taken for a damaged file.
fn add_urls(world: &mut World) {
    for id in (1..9).flat_map(|host| (0..5).map(move |n| host * 10 + n)) {
        let known = world.list.hc_url_cache.iter().any(|entry| entry.key == id);
        if !known && id != 10 && id != 20 {
            let scheme = SCHEMES[(id / 10 + id) as usize % 4];
            let url = format!("{scheme}://h{}-{}.example", id / 10, id % 10);
            world.list.hc_url_cache.push(IntStringMap::new(id, url));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn answers_equal_those_of_a_linear_scan(
        list in random::message(),
        netblocks in random::asn_table(),
        monopolies in random::monopolies(),
        requests in prop::collection::vec(random::asked(), 1..12),
        findings in checked::findings(),
        seed: u64,
    ) {
        let mut world = World::empty();
        world.list = MirrorList { time: 1, ..list };
        world.netblocks = netblocks;
        world.monopolies = monopolies;
        checked::put(&mut world, findings);
        world.countries = vec![
            ("11.0.0.0/15", "DE"),
            ("11.2.0.0/16", "FR"),
            ("11.3.0.0/31", "US"),
            ("11.3.0.2/32", "EU"),
            ("11.3.0.3/32", "XX"),
            ("2002:b02::/40", "JP"),
            ("2001:db8::/48", "DE"),
            ("2001:db8:1::/48", "JP"),
            ("2001:db8:1::/64", "US"),
        ];
        world.file(DIRECTORY, "f", &[crate::fixture::details(1, 'a')]);
        add_urls(&mut world);
        world.options.nat64 = vec![Nat64Prefix::parse("2001:db8:64::/96").unwrap()];
        let mut server = world.serve();
        for asked in &requests {
            server.options.minimum = asked.minimum;
            server.options.shaping.max_mirrors = asked.max;
            let answer = server.get_seeded(&asked.as_request(), seed);
            let twin = Twin::new(&world, asked);
            compare(&twin, &answer);
            let explanation = server.explain_seeded(&asked.as_request(), seed).unwrap();
            verdicts::compare(&twin, server.snapshot(), &answer, &explanation);
        }
    }
}
