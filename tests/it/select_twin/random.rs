//! Random small worlds and requests, in spaces so small that everything meets everything.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use testdata::mirrormanager::{
    IntIntMap, IntRepeatedIntMap, IntRepeatedStringMap, IntStringMap, MirrorList,
    MirrorListCacheType, StringRepeatedIntMap, StringStringMap,
};

use super::{DIRECTORY, SCHEMES};

/// Numbers of mirrors; those from 9 on carry nothing.
const HOSTS: std::ops::Range<i64> = 1..12;

/// A request, before it is written as one.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) metalink: bool,
    pub(super) client: IpAddr,
    pub(super) countries: Vec<&'static str>,
    /// Distinct.
    pub(super) protocols: Vec<&'static str>,
    pub(super) netblock: bool,
    pub(super) minimum: usize,
    /// By somebody elsewhere, with `ip=`.
    pub(super) by_ip: bool,
    pub(super) max: Option<usize>,
}

/// An address in a space so small that networks overlap and are hit.
fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4_u8, 0..4_u8).prop_map(|(a, b)| format!("11.{a}.0.{b}")),
        (0..4_u16, 0..4_u16).prop_map(|(a, b)| format!("2001:db8:{a}::{b}")),
        (0..4_u8).prop_map(|a| format!("::ffff:11.{a}.0.1")),
        (0..4_u8, 0..4_u8, select(&TUNNELS[..])).prop_map(|(a, b, (tunnel, _))| {
            let inverted = !u32::from(std::net::Ipv4Addr::new(11, a, 0, b));
            match tunnel {
                "6to4" => format!("2002:b{a:02x}:{b:x}::1"),
                "teredo" => {
                    format!("2001:0:b{a:02x}::{:x}:{:x}", inverted >> 16, inverted & 0xffff)
                }
                prefix => format!("{prefix}11.{a}.0.{b}"),
            }
        }),
    ]
}

/// Kinds of addresses that hold one of IPv4, and a network around them, in pieces.
pub(super) const TUNNELS: [(&str, &str); 5] = [
    ("6to4", "2002::"),
    ("teredo", "2001::"),
    ("64:ff9b::", "64:ff9b::"),
    ("64:ff9b:1::", "64:ff9b:1::"),
    ("2001:db8:64::", "2001:db8:64::"),
];

/// A network, most often with host bits set; some have no length, some are no networks.
fn network() -> impl Strategy<Value = String> {
    let v4 = (0..4_u8, 0..4_u8, select(vec![0, 8, 14, 15, 16, 24, 30, 31, 32]))
        .prop_map(|(a, b, length)| format!("11.{a}.0.{b}/{length}"));
    let v6 = (0..4_u16, 0..4_u16, select(vec![0, 32, 46, 47, 48, 64, 127, 128]))
        .prop_map(|(a, b, length)| format!("2001:db8:{a}::{b}/{length}"));
    let single = (0..4_u8, 0..4_u8).prop_map(|(a, b)| format!("11.{a}.0.{b}"));
    // Around a tunnel, and within 6to4.
    let tunnel = (select(&TUNNELS[..]), select(vec![3, 16, 32, 48, 96]))
        .prop_map(|((_, network), length)| format!("{network}/{length}"));
    let within = (0..4_u8, 0..4_u8, select(vec![17, 24, 32, 48, 64]))
        .prop_map(|(a, b, length)| format!("2002:b{a:02x}:{b:x}::/{length}"));
    prop_oneof![6 => v4, 4 => v6, 2 => single, 2 => tunnel, 2 => within, 1 => Just("11.0.0.0/33".into()), 1 => Just("x".into())]
}

fn country() -> impl Strategy<Value = &'static str> {
    select(vec!["DE", "FR", "fr", "ES", "US", "CA", "JP", "XX", "EU"])
}

fn some_hosts(at_most: usize) -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(HOSTS, 0..=at_most)
}

/// One directory. Mirrors 1 to 8 may carry it; lists hold others as well, and some twice.
fn directory(name: &'static str) -> impl Strategy<Value = MirrorListCacheType> {
    let by_host = prop::collection::vec((1..9_i64, subsequence(vec![0, 1, 2, 3, 4], 0..=5)), 1..10);
    let by_country = prop::collection::vec((country(), some_hosts(6)), 0..8);
    (some_hosts(10), by_host, by_country).prop_map(move |(global, by_host, by_country)| {
        MirrorListCacheType {
            directory: name.into(),
            subpath: Some("sub".into()),
            global,
            by_host_id: by_host
                .into_iter()
                .map(|(host, urls)| {
                    let urls: Vec<_> = urls.into_iter().map(|url| host * 10 + url).collect();
                    IntRepeatedIntMap::new(host, urls)
                })
                .collect(),
            by_country: by_country
                .into_iter()
                .map(|(country, hosts)| StringRepeatedIntMap::new(country, hosts))
                .collect(),
            ..Default::default()
        }
    })
}

fn int_lists(keys: std::ops::Range<i64>) -> impl Strategy<Value = Vec<IntRepeatedIntMap>> {
    let entry = (keys, some_hosts(3)).prop_map(|(key, hosts)| IntRepeatedIntMap::new(key, hosts));
    prop::collection::vec(entry, 0..5)
}

/// Mirrors with a monopoly; mostly there are none.
pub(super) fn monopolies() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![2 => Just(Vec::new()), 1 => some_hosts(4)]
}

pub(super) fn message() -> impl Strategy<Value = MirrorList> {
    let urls =
        prop::collection::vec((1..9_i64, 0..5_i64, select(&SCHEMES[..])), 0..50).prop_map(|urls| {
            let url = |(host, n, scheme)| {
                let bad = if n == 4 { "\n" } else { "" };
                let id = host * 10 + n;
                IntStringMap::new(id, format!("{scheme}://h{host}-{n}.example{bad}"))
            };
            urls.into_iter().map(url).collect()
        });
    let countries = prop::collection::vec((HOSTS, country()), 0..8);
    let bandwidths = prop::collection::vec((HOSTS, -1..1_000_i64), 0..8);
    let served = (country(), prop::bool::weighted(0.4))
        .prop_map(|(code, denied)| if denied { format!("!{code}") } else { code.to_owned() });
    let allowed = prop::collection::vec((HOSTS, prop::collection::vec(served, 1..3)), 0..5);
    let netblocks = prop::collection::vec((network(), some_hosts(3)), 0..10);
    let overrides = prop::collection::vec((network(), country()), 0..6);
    let continents = prop::collection::vec(select(vec![("FR", "NA"), ("US", "EU")]), 0..3);
    let directories = (directory(DIRECTORY), directory("pub/e"), directory(DIRECTORY));
    let tables = (urls, countries, bandwidths, allowed, int_lists(1..4));
    (tables, (netblocks, overrides, continents), directories).prop_map(
        |((urls, countries, bandwidths, allowed, asns), networks, directories)| {
            let (netblocks, overrides, continents) = networks;
            let pair = |(key, value): (String, &str)| StringStringMap::new(key, value);
            MirrorList {
                hc_url_cache: urls,
                host_country_cache: countries
                    .into_iter()
                    .map(|(host, country)| IntStringMap::new(host, country))
                    .collect(),
                host_bandwidth_cache: bandwidths
                    .into_iter()
                    .map(|(host, bandwidth)| IntIntMap::new(host, bandwidth))
                    .collect(),
                host_country_allowed_cache: allowed
                    .into_iter()
                    .map(|(host, codes)| IntRepeatedStringMap::new(host, codes))
                    .collect(),
                host_asn_cache: asns,
                host_netblock_cache: netblocks
                    .into_iter()
                    .map(|(prefix, hosts)| StringRepeatedIntMap::new(prefix, hosts))
                    .collect(),
                netblock_country_cache: overrides.into_iter().map(pair).collect(),
                country_continent_redirect_cache: continents
                    .into_iter()
                    .map(|(country, continent)| pair((country.to_owned(), continent)))
                    .collect(),
                // The last one is a duplicate: the first counts.
                mirror_list_cache: vec![directories.1, directories.0, directories.2],
                ..Default::default()
            }
        },
    )
}

pub(super) fn asn_table() -> impl Strategy<Value = String> {
    let asn = select(super::ASN_COLUMNS.map(|(text, _)| text).to_vec());
    let line = (network().prop_filter("the table has prefixes", |n| n.contains('/')), asn);
    prop::collection::vec(line.prop_map(|(network, asn)| format!("{network} {asn}\n")), 1..12)
        .prop_map(|lines| lines.concat() + "203.0.113.0/24 9\n")
}

pub(super) fn asked() -> impl Strategy<Value = Asked> {
    let countries = prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec(
            select(vec!["DE", "de", "FR", "ES", "US", "CA", "JP", "XX", "ZZ", "global", "GLOBAL"]),
            1..4,
        ),
    ];
    let protocols = prop_oneof![
        1 => Just(Vec::new()),
        1 => subsequence(vec!["rsync", "gopher", "http", "https", "ftp"], 1..=3),
    ];
    let client = address().prop_map(|address| address.parse().unwrap());
    let figures = (0..7_usize, any::<bool>(), prop::option::of(1..5_usize));
    (any::<bool>(), client, countries, protocols, prop::bool::weighted(0.8), figures).prop_map(
        |(metalink, client, countries, protocols, netblock, (minimum, by_ip, max))| Asked {
            metalink,
            client,
            countries,
            protocols,
            netblock,
            minimum,
            by_ip,
            max,
        },
    )
}

impl Asked {
    pub(super) fn as_request(&self) -> String {
        let (path, file) = if self.metalink { ("metalink", "/f") } else { ("mirrorlist", "") };
        let netblock = u8::from(self.netblock);
        let client = if self.by_ip { "&ip=" } else { " from " };
        format!(
            "/{path}?path={DIRECTORY}{file}&netblock={netblock}&country={}&protocol={}{client}{}",
            self.countries.join(","),
            self.protocols.join(","),
            self.client
        )
    }
}
