//! Law: answers of routes name the mirrors and URLs that a slow, obvious twin names: for one architecture
//! and for all, with every order, preference of protocols and restriction to a country.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use testdata::mirrormanager::StringRepeatedIntMap;

use crate::fixture::{Private, Public, World};

const SCHEMES: [&str; 4] = ["https", "http", "ftp", "rsync"];
const ARCHES: [&str; 2] = ["a1", "b-2"];
/// Clients with their country; the first is in the network of some mirrors.
const CLIENTS: [(&str, Option<&str>); 3] =
    [("192.0.2.1", Some("DE")), ("198.18.0.1", Some("US")), ("198.18.255.1", None)];

#[derive(Clone, Debug)]
struct Mirror {
    number: i64,
    country: &'static str,
    is_public: bool,
    /// The only country that it serves.
    serves: Option<&'static str>,
    schemes: Vec<&'static str>,
    /// Which architectures it carries.
    carries: [bool; 2],
    /// Whether the network of the first client is its own.
    is_near: bool,
}

#[derive(Clone, Debug)]
struct Asked {
    order: &'static str,
    prefer: Vec<&'static str>,
    country_only: bool,
    each_arch: bool,
    client: (&'static str, Option<&'static str>),
    /// Not with a random order, where a country without mirrors stands for its continent.
    countries: Vec<&'static str>,
    protocols: Vec<&'static str>,
}

fn country() -> impl Strategy<Value = &'static str> {
    select(&["DE", "US", "FR"][..])
}

fn schemes() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(SCHEMES.to_vec(), 1..=4).prop_shuffle()
}

prop_compose! {
    fn mirror()(
        country in country(),
        is_public in prop::bool::weighted(0.8),
        serves in prop::option::weighted(0.2, country()),
        schemes in schemes(),
        carries in prop::array::uniform2(prop::bool::weighted(0.8)),
        is_near in prop::bool::weighted(0.3),
    ) -> Mirror {
        Mirror { number: 0, country, is_public, serves, schemes, carries, is_near }
    }
}

/// Mirrors, whose order is not that of their numbers. One carries everything, so that all directories are
/// there.
fn mirrors() -> impl Strategy<Value = Vec<Mirror>> {
    let numbers = Just((1..10).collect::<Vec<i64>>()).prop_shuffle();
    (prop::collection::vec(mirror(), 1..9), numbers).prop_map(|(mut mirrors, numbers)| {
        mirrors[0] = Mirror { carries: [true; 2], is_public: true, ..mirrors[0].clone() };
        mirrors.iter_mut().zip(numbers).for_each(|(mirror, number)| mirror.number = number);
        mirrors
    })
}

prop_compose! {
    fn asked()(
        order in select(&["tier", "random", "name", "static"][..]),
        prefer in schemes(),
        country_only: bool,
        each_arch: bool,
        client in select(&CLIENTS[..]),
        countries in subsequence(vec!["DE", "US", "FR"], 0..=2),
        protocols in subsequence(SCHEMES.to_vec(), 0..=2),
    ) -> Asked {
        let countries = if matches!(order, "name" | "static") { countries } else { Vec::new() };
        Asked { order, prefer, country_only, each_arch, client, countries, protocols }
    }
}

impl Asked {
    fn routes(&self) -> String {
        let Self { order, prefer, country_only, .. } = self;
        let prefer = prefer.join(" ");
        let has_world = *order == "tier" && !country_only;
        let minimum = if has_world { "option minimum 100\n" } else { "" };
        format!(
            "route r\npath /r\nquery arch arch?\nquery country country?\nquery protocol protocol?\n\
             target repo r\ntarget arch {{arch|literal:$basearch}}\noption order {order}\n\
             option prefer [{prefer}]\noption country_only {country_only}\n\
             {minimum}option urls_per_mirror 9\noption header false"
        )
    }

    fn request(&self) -> String {
        let Self { each_arch, client, countries, protocols, .. } = self;
        let arch = if *each_arch { "" } else { ARCHES[0] };
        let (countries, protocols) = (countries.join(","), protocols.join(","));
        format!("/r?arch={arch}&country={countries}&protocol={protocols} from {}", client.0)
    }

    /// The URLs of a mirror, in order.
    fn urls(&self, mirror: &Mirror) -> Vec<String> {
        let is_asked =
            |scheme: &&&str| self.protocols.is_empty() || self.protocols.contains(scheme);
        let arch = if self.each_arch { "$basearch" } else { ARCHES[0] };
        let schemes = self.prefer.iter().filter(is_asked);
        schemes
            .filter(|scheme| mirror.schemes.contains(scheme))
            .map(|scheme| format!("{scheme}://m{}.example/test/{arch}/", mirror.number))
            .collect()
    }

    /// The mirrors, in order where that is not chance.
    fn mirrors<'m>(&self, mirrors: &'m [Mirror]) -> Vec<&'m Mirror> {
        let (address, country) = self.client;
        let is_same_for_all = matches!(self.order, "name" | "static");
        let carries = |mirror: &Mirror| {
            if self.each_arch { mirror.carries == [true; 2] } else { mirror.carries[0] }
        };
        let is_listed = |mirror: &Mirror| {
            if is_same_for_all {
                return mirror.is_public && mirror.serves.is_none();
            }
            let is_own = mirror.is_near && address == CLIENTS[0].0;
            is_own || mirror.is_public && (mirror.serves.is_none() || mirror.serves == country)
        };
        let list = |is_there: &dyn Fn(&str) -> bool| -> Vec<&Mirror> {
            let listed = mirrors
                .iter()
                .filter(|mirror| carries(mirror) && is_there(mirror.country) && is_listed(mirror))
                .filter(|mirror| !self.urls(mirror).is_empty());
            listed.collect()
        };
        let is_american = |country: &str| country == "US";
        let mut listed = match &self.countries[..] {
            [] => list(&|there| !self.country_only || country == Some(there)),
            named => {
                let mut listed = list(&|country| named.contains(&country));
                if listed.is_empty() && !self.country_only {
                    let continents: Vec<bool> = named.iter().map(|c| is_american(c)).collect();
                    listed = list(&|country| continents.contains(&is_american(country)));
                }
                if listed.is_empty() && !self.country_only {
                    listed = list(&|_| true);
                }
                listed
            }
        };
        if self.order == "name" {
            listed.sort_by_key(|mirror| mirror.number);
        }
        listed
    }
}

fn world(mirrors: &[Mirror]) -> World {
    let mut world = World::empty();
    for mirror in mirrors {
        let audience = if mirror.is_public { Public } else { Private };
        let name = format!("m{}", mirror.number);
        world.mirror(mirror.number, mirror.country, 10, audience, &mirror.schemes, &name);
        if let Some(country) = mirror.serves {
            world.restrict(mirror.number, &[country]);
        }
    }
    for (index, arch) in ARCHES.into_iter().enumerate() {
        let carriers = mirrors.iter().filter(|mirror| mirror.carries[index]);
        let carriers: Vec<i64> = carriers.map(|mirror| mirror.number).collect();
        let path = format!("pub/{arch}");
        world.directory(&path, arch, &carriers);
        world.repository(&format!("r+{arch}"), &path);
    }
    world.path_templates = vec![("r", "pub/{arch}")];
    let near: Vec<i64> =
        mirrors.iter().filter(|mirror| mirror.is_near).map(|mirror| mirror.number).collect();
    world.list.host_netblock_cache = vec![StringRepeatedIntMap::new("192.0.2.0/24", near)];
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn routes_list_what_the_twin_lists(
        mirrors in mirrors(),
        asked in prop::collection::vec(asked(), 4),
    ) {
        let mut world = world(&mirrors);
        for asked in asked {
            world.routes = asked.routes();
            let answer = world.serve().get(&asked.request());
            let expected = asked.mirrors(&mirrors);
            let urls: Vec<Vec<String>> =
                expected.iter().map(|mirror| asked.urls(mirror)).collect();
            if matches!(asked.order, "name" | "static") {
                prop_assert_eq!(answer.urls(), urls.concat(), "{:?}", asked);
                continue;
            }
            let listed: BTreeSet<String> = answer.mirrors().into_iter().collect();
            let names: BTreeSet<String> =
                expected.iter().map(|mirror| format!("m{}", mirror.number)).collect();
            prop_assert_eq!(listed, names, "{:?}", asked);
            // The URLs of a mirror stand together, in the order of preference.
            let text = format!("{}\n", answer.urls().join("\n"));
            for urls in urls {
                let stretch = format!("{}\n", urls.join("\n"));
                prop_assert!(text.contains(&stretch), "{:?} {}", asked, text);
            }
        }
    }
}
