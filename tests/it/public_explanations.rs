//! The law that public explanations never name a private mirror, over random worlds.

use answer::policy::Policy;
use answer::requester::{Requester, Requesters};
use answer::shaping::Shaping;
use model::net::canonical;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use serve::pages::explaining::{Asker, Asking};
use serve::pages::explanation;
use serve::pages::layout::PageLayout;
use testdata::mirrormanager::{IntRepeatedIntMap, StringRepeatedIntMap};

use crate::fixture::{self, NOW, World};

/// Networks of the world around which clients and mirrors are.
const NETWORKS: [&str; 5] =
    ["192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24", "203.0.113.0/24", "2001:db8:1000::/36"];
const CLIENTS: [&str; 6] = [
    "192.0.2.10",
    "192.0.2.200",
    "198.51.100.70",
    "203.0.113.1",
    "2001:db8:1000::1",
    fixture::NOWHERE,
];
const COUNTRIES: [&str; 5] = ["DE", "FR", "JP", "US", ""];
const LIST: &str = "repo=main-9&arch=x86_64";

/// A mirror, before it is written as one.
#[derive(Clone, Debug)]
struct Drawn {
    country: &'static str,
    is_private: bool,
    network: Option<&'static str>,
    has_asn: bool,
    has_monopoly: bool,
    carries: bool,
}

fn mirror() -> impl Strategy<Value = Drawn> {
    (
        select(&COUNTRIES[..]),
        any::<bool>(),
        prop::option::of(select(&NETWORKS[..])),
        any::<bool>(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.8),
    )
        .prop_map(|(country, is_private, network, has_asn, has_monopoly, carries)| Drawn {
            country,
            is_private,
            network,
            has_asn,
            has_monopoly,
            carries,
        })
}

/// The name of a private mirror tells what it is.
fn name_of(number: i64, drawn: &Drawn) -> String {
    if drawn.is_private { format!("secret{number}") } else { format!("mirror{number}") }
}

/// The world of these mirrors, of which one carries something.
fn world_of(mirrors: &[Drawn]) -> World {
    let mut world = World::empty();
    let numbered = || (1..).zip(mirrors);
    for (number, drawn) in numbered() {
        let audience = if drawn.is_private { fixture::Private } else { fixture::Public };
        let name = name_of(number, drawn);
        world.mirror(number, drawn.country, 100, audience, &["https", "http"], &name);
        if drawn.has_monopoly {
            world.monopolies.push(number);
        }
    }
    let of = |has: &dyn Fn(&Drawn) -> bool| -> Vec<i64> {
        numbered().filter(|(_, drawn)| has(drawn)).map(|(number, _)| number).collect()
    };
    world.list.host_asn_cache = vec![IntRepeatedIntMap::new(64_500, of(&|drawn| drawn.has_asn))];
    let networks = NETWORKS.iter().map(|&network| {
        StringRepeatedIntMap::new(network, of(&|drawn| drawn.network == Some(network)))
    });
    world.list.host_netblock_cache = networks.collect();
    let carriers = of(&|drawn| drawn.carries);
    world.repository("main-9+x86_64", "pub/test/9");
    world.directory("pub/test", "", &carriers);
    world.directory("pub/test/9", "9", &carriers);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_private_mirror_is_in_a_public_page_or_json(
        mirrors in prop::collection::vec(mirror(), 1..10),
        is_near in any::<bool>(),
        is_shaped in any::<bool>(),
        private_for_ip in select(&[Requesters::All, Requesters::Trusted, Requesters::Nobody][..]),
        is_trusted in any::<bool>(),
        client in select(&CLIENTS[..]),
        by_ip in prop::option::of(select(&CLIENTS[..])),
        more in select(&["", "&country=DE", "&client=dnf", "&client=zypper", "&seed=7"][..]),
    ) {
        prop_assume!(mirrors.iter().any(|drawn| drawn.carries));
        let mut world = world_of(&mirrors);
        world.options.policy = if is_near { Policy::Nearest } else { Policy::Tiers };
        world.options.private_for_ip = private_for_ip;
        if is_shaped {
            world.options.shaping = Shaping::modern();
        }
        let server = world.serve();
        let ip = by_ip.map(|ip| format!("&ip={ip}")).unwrap_or_default();
        let query = format!("{LIST}{more}{ip}");
        let address = canonical(client.parse().expect("a valid literal"));
        let asking = Asking {
            edition: &server.edition,
            options: &server.options,
            query: &query,
            asker: Asker::Public { requester: Requester { address, is_trusted }, host: "m.example" },
            now: NOW,
        };
        let page = explanation::page(&asking, PageLayout::default()).expect("a page").body;
        prop_assert!(!page.contains("secret"), "{}", page);
        let json = explanation::json(&asking).expect("JSON").body;
        prop_assert!(!json.contains("secret"), "{}", json);
        let report: Value = serde_json::from_str(&json).expect("JSON");
        // Their keys are numbers.
        let private: Vec<String> = (1..).zip(&mirrors)
            .filter(|(_, drawn): &(i64, &Drawn)| drawn.is_private && drawn.carries)
            .map(|(number, _)| number.to_string())
            .collect();
        let mut named = Vec::new();
        names(&report, &mut named);
        prop_assert!(named.iter().all(|name| !private.contains(name)), "{:?} {:?}", named, private);
        // The operator sees them.
        let operator = explanation::json(&Asking {
            asker: Asker::Operator,
            query: &format!("{LIST}&ip={client}"),
            ..asking
        });
        let operator = operator.expect("JSON").body;
        let mut named = Vec::new();
        names(&serde_json::from_str(&operator).expect("JSON"), &mut named);
        prop_assert!(private.iter().all(|name| named.contains(name)), "{}", operator);
    }
}

/// Every key of a mirror in a report.
fn names(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("mirror", Value::String(key)) => out.push(key.clone()),
                    ("mirrors", Value::Array(keys)) => {
                        out.extend(keys.iter().filter_map(Value::as_str).map(str::to_owned));
                        keys.iter().for_each(|key| names(key, out));
                    }
                    _ => names(value, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, out)),
        _ => {}
    }
}
