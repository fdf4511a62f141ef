//! Law: what is written is read as the same declaration.

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::{parse, read, starter, write, write_folder};
use super::random_routes::routes;
use super::routes::ROUTES;
use crate::declared::{
    Audience, Carried, Carries, Declaration, Disabled, Distribution, Load, MaxShare, Mirror,
    MirrorPlace, Network, Redirect, Repository, Sponsor, Url,
};
use catalog::Origin;
use model::base_url::BaseUrl;
use model::embedded::Nat64Prefix;
use model::families::IpVersion::{V4, V6};
use model::geo::Country;
use model::mirror_key::MirrorName;
use model::net::Prefix;

fn nowhere() -> Origin {
    Origin::table("", "")
}

/// A line of text, with what TOML escapes.
fn line() -> impl Strategy<Value = String> {
    let characters = vec(
        prop_oneof![
            4 => select(vec!['a', 'Z', '0', ' ', '"', '\'', '\\', '#', '=', '[', '{', '}', '\n', 'ü', '漢']),
            1 => any::<char>(),
        ],
        1..20,
    );
    characters.prop_filter_map("a line of text", |characters| {
        let is_plain = |c: &char| {
            !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
        };
        let text: String = characters.into_iter().filter(is_plain).collect();
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(text)
    })
}

fn countries() -> impl Strategy<Value = Vec<Country>> {
    let codes = select(vec!["DE", "FR", "US", "BR", "XK"]);
    btree_set(codes, 1..4).prop_map(|set| set.into_iter().filter_map(Country::parse).collect())
}

fn country() -> impl Strategy<Value = Country> {
    countries().prop_map(|countries| countries[0])
}

fn network() -> impl Strategy<Value = Prefix> {
    let v4 =
        (any::<[u8; 4]>(), 0_u8..=32).prop_map(|(bytes, length)| Prefix::new(bytes.into(), length));
    let v6 = (any::<[u8; 16]>(), 0_u8..=128)
        .prop_map(|(bytes, length)| Prefix::new(bytes.into(), length));
    prop_oneof![v4, v6].prop_map(|prefix| prefix.expect("a length of its family"))
}

fn names(pattern: &'static str) -> impl Strategy<Value = Vec<String>> {
    btree_set(pattern, 1..4).prop_map(|names| names.into_iter().collect())
}

/// A repository; its name is made unique later.
fn repository() -> impl Strategy<Value = Repository> {
    let lists = (
        prop_oneof![Just(Vec::new()), names("[0-9][a-z0-9._+~-]{0,5}")],
        names("[a-z][a-z0-9_]{0,8}"),
        prop_oneof![Just(Vec::new()), names("g-[a-z]{1,3}")],
        any::<bool>(),
    );
    let templates = (
        select(vec!["{name}", "x{name}y"]),
        select(vec!["{name}/{arch}/os", "pub/ü {name}/\"{arch}\"/it's", "{arch}"]),
    );
    (lists, templates, 0..3_u8).prop_flat_map(
        |((versions, arches, groups, has_alias), (head, path), off)| {
            let n_off = if off == 1 { 1..=arches.len() } else { 0..=0 };
            subsequence(arches.clone(), n_off).prop_map(move |off_arches| Repository {
                origin: nowhere(),
                name: String::new(),
                name_template: match versions.is_empty() {
                    true => head.to_owned(),
                    false => format!("{head}-{{version}}"),
                },
                versions: versions.clone(),
                arches: arches.clone(),
                path: if versions.is_empty() {
                    path.to_owned()
                } else {
                    format!("{path}/{{version}}")
                },
                aliases: if has_alias { vec![String::new()] } else { Vec::new() },
                groups: groups.clone(),
                disabled: match off {
                    0 => Disabled::No,
                    1 => Disabled::Arches(off_arches),
                    _ => Disabled::Yes,
                },
            })
        },
    )
}

fn place() -> impl Strategy<Value = MirrorPlace> {
    let coordinates = (-90.0..=90.0_f64, -180.0..=180.0_f64);
    let round = (-90_i8..=90, -127_i8..=127).prop_map(|(a, b)| (f64::from(a), f64::from(b)));
    (country(), of(line()), of(line()), of(prop_oneof![coordinates, round])).prop_map(
        |(country, state, city, coordinates)| MirrorPlace { country, state, city, coordinates },
    )
}

fn audience() -> impl Strategy<Value = Audience> {
    prop_oneof![
        Just(Audience::Everybody),
        countries().prop_map(Audience::Only),
        countries().prop_map(Audience::NotIn),
    ]
}

/// A mirror; key and URLs are made unique later. What it carries is chosen later, by these numbers.
fn mirror() -> impl Strategy<Value = (Mirror, Vec<(u8, u8, u8)>)> {
    let sponsor = (line(), of(Just("https://s.example/?a=\"%22".replace('"', ""))))
        .prop_map(|(name, url)| Sponsor { name, url });
    let identity = ("[a-zA-Z0-9]?[a-z][a-z0-9._-]{0,9}", any::<bool>(), 1..4_usize, of(sponsor));
    let clients = (
        btree_set(1..65_000_u32, 0..3),
        btree_set(network(), 0..4),
        any::<[bool; 2]>(),
        audience(),
        vec(any::<(u8, u8, u8)>(), 0..3),
    );
    let rest =
        (of(place()), of(1..=100_000_000_u32), of(line()), of(Just("a@b.example".to_owned())));
    let shares = (
        (0..=100_u8).prop_filter_map("a load", Load::new),
        (1..=100_u8).prop_filter_map("a share", MaxShare::new),
        select(vec![&[][..], &[V4], &[V6], &[V4, V6], &[V6, V4]]),
    );
    (identity, clients, rest, shares).prop_map(
        |((key, was_other, n_urls, sponsor), clients, rest, (load, max_share, versions))| {
            let (place, bandwidth, disabled, owner) = rest;
            let (mut asns, networks, [private, monopoly], audience, carried) = clients;
            asns.remove(&23_456);
            let has_clients = !asns.is_empty() || !networks.is_empty() || disabled.is_some();
            let url = |n| Url {
                origin: nowhere(),
                url: BaseUrl::parse(&format!("https://u{n}.example/'%22x")).expect("a URL"),
            };
            let mirror = Mirror {
                origin: nowhere(),
                key: MirrorName::parse(&key).expect("a name"),
                formerly: if was_other {
                    MirrorName::parse("f").into_iter().collect()
                } else {
                    Vec::new()
                },
                sponsor,
                urls: (0..n_urls).map(url).collect(),
                ip_versions: versions.to_vec(),
                place,
                bandwidth,
                load,
                max_share,
                asns: asns.into_iter().collect(),
                networks: networks.into_iter().collect(),
                private: private && has_clients,
                monopoly: monopoly && has_clients,
                audience,
                carries: Carries::Everything,
                disabled,
                owner,
            };
            (mirror, carried)
        },
    )
}

/// What one of the repositories is, in part.
fn carried(repositories: &[Repository], (which, what, parts): (u8, u8, u8)) -> Carried {
    let repository = &repositories[usize::from(which) % repositories.len()];
    let mut names = vec![Some(repository.name.clone()), None];
    names.extend(repository.groups.iter().cloned().map(Some));
    let part = |values: &[String], bit: u8| match parts & bit {
        0 => Vec::new(),
        _ => values.to_vec(),
    };
    let mut carried = Carried {
        origin: None,
        what: names[usize::from(what) % names.len()].clone(),
        versions: part(&repository.versions, 1),
        arches: part(&repository.arches, 2),
    };
    if carried == Carried::default() {
        carried.what = Some(repository.name.clone());
    }
    carried
}

prop_compose! {
    /// A declaration without faults.
    fn declaration()(
        head in (line(), of(Just("https://c.example/".to_owned())), any::<[bool; 2]>()),
        mut repositories in vec(repository(), 1..5),
        mirrors in vec(mirror(), 1..6),
        networks in btree_set(network(), 0..4),
        described in (country(), line(), 0..3_u8),
        n_redirects in 0..4_usize,
        (routes, maps) in routes(),
    ) -> Declaration {
        for (n, repository) in repositories.iter_mut().enumerate() {
            repository.name = format!("r{n}");
            repository.aliases.iter_mut().for_each(|alias| *alias = format!("alias{n}"));
        }
        let last = repositories.last().expect("a repository");
        let target = last.repo_name(last.versions.first().map(String::as_str));
        let mirrors = mirrors.into_iter().enumerate().map(|(n, (mut mirror, list))| {
            mirror.key = MirrorName::parse(&format!("{}-{n}", mirror.key.as_str())).expect("a name");
            mirror.formerly.iter_mut().for_each(|name| {
                *name = MirrorName::parse(&format!("former-{n}.x")).expect("a name");
            });
            for url in &mut mirror.urls {
                let unique = format!("{}/{n}", url.url.as_str());
                url.url = BaseUrl::parse(&unique).expect("a URL");
            }
            let mut list: Vec<_> = list.into_iter().map(|part| carried(&repositories, part)).collect();
            list.sort_by_key(|carried| format!("{carried:?}"));
            list.dedup();
            if !list.is_empty() {
                mirror.carries = Carries::Only(list);
            }
            mirror
        }).collect();
        let (name, contact, [has_fallback, has_nat64]) = head;
        let (country, called, which) = described;
        Declaration {
            distribution: Distribution {
                origin: None,
                name,
                contact,
                fallback: has_fallback.then(|| BaseUrl::parse("https://dl.example").expect("a URL")),
            },
            repositories,
            mirrors,
            networks: networks.into_iter().map(|prefix| Network {
                origin: nowhere(),
                prefix,
                country: (which != 1).then_some(country),
                name: (which != 0).then(|| called.clone()),
            }).collect(),
            redirects: (0..n_redirects).map(|n| Redirect {
                origin: nowhere(),
                from: format!("old.{n}"),
                to: if n == 0 { target.clone() } else { format!("old.{}", n - 1) },
            }).collect(),
            nat64: has_nat64.then(|| Nat64Prefix::parse("2001:db8:64::/96").expect("a prefix"))
                .into_iter().collect(),
            routes,
            maps,
            route_places: Vec::new(),
            route_warnings: Vec::new(),
        }
    }
}

/// What a declaration says.
fn shown(declaration: Declaration) -> String {
    format!("{:#?}", declaration.without_places())
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(declaration in declaration()) {
        let text = write(&declaration);
        let again = parse("c.toml", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        prop_assert_eq!(write(&again), text.clone());
        prop_assert_eq!(shown(again), shown(declaration), "{}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_folder_that_is_written_is_read_again(mut declaration in declaration()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("catalog");
        write_folder(&declaration, &path).expect("a folder");
        let (again, paths) = read(&path).unwrap_or_else(|faults| panic!("{faults}"));
        prop_assert_eq!(paths.len(), declaration.mirrors.len() + 1);
        declaration.mirrors.sort_by(|a, b| a.key.cmp(&b.key));
        prop_assert_eq!(shown(again), shown(declaration));
    }
}

/// A change of a text: at a place, a number of characters is replaced.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    let pieces = select(vec![
        "",
        " ",
        "\n",
        "\"",
        "'",
        "=",
        "[",
        "]",
        "[[",
        "{",
        "}",
        ",",
        ".",
        "#",
        "\\",
        "0",
        "-",
        "e9",
        "é",
        "\u{0}",
        "name = ",
        "{arch}",
        "{version}",
        "\n[[mirror]]\n",
        "\n[redirects]\n",
        "\n[[route]]\n",
        "\n[map.m]\n",
        "{ path = \"/\" }",
        "true",
        "\"\"",
        "[]",
        "a",
        "://",
    ]);
    vec((any::<prop::sample::Index>(), 0..6_usize, pieces.prop_map(str::to_owned)), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_damaged_catalog_is_refused_at_a_line_of_it_or_read_and_written(
        edits in edits(),
        has_routes in any::<bool>(),
    ) {
        let uncommented = |line: &str| match line.strip_prefix('#') {
            Some(code) if !code.starts_with(' ') => format!("{code}\n"),
            Some(_) => String::new(),
            None => format!("{line}\n"),
        };
        let starter: String = starter::TEXT.lines().map(uncommented).collect();
        let text = if has_routes { ROUTES } else { &starter };
        let mut text: Vec<char> = text.chars().collect();
        for (place, n_replaced, piece) in edits {
            let at = place.index(text.len());
            text.splice(at..(at + n_replaced).min(text.len()), piece.chars());
        }
        let text: String = text.into_iter().collect();
        match parse("c.toml", &text) {
            Ok(declaration) => {
                let written = write(&declaration);
                let again = parse("c.toml", &written).unwrap_or_else(|faults| panic!("{faults}\n{written}"));
                prop_assert_eq!(shown(again), shown(declaration), "{}", written);
            }
            Err(faults) => {
                let n_lines = text.split('\n').count() as u64;
                for fault in faults.iter() {
                    let line = fault.line().expect("a line");
                    prop_assert!((1..=n_lines).contains(&line), "{}", fault);
                    prop_assert!(!fault.to_string().contains(char::is_control), "{:?}", fault);
                }
            }
        }
    }
}
