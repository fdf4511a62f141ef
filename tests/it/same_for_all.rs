//! Law: what caches may keep for all clients is the same for all of them.

use std::num::NonZeroU64;

use answer::Options;
use answer::explain::ExplainedOrder;
use answer::policy::Policy;
use answer::shaping::Shaping;
use model::families::IpVersion;

use crate::fixture::{Answer, Server, World};

/// Clients of both versions of IP, of all tables and of none.
const CLIENTS: [&str; 12] = [
    "192.0.2.1",
    "192.0.2.130",
    "192.0.2.200",
    "198.51.100.7",
    "203.0.113.1",
    "198.18.0.1",
    "233.252.0.1",
    "2001:db8::1",
    "2001:db8:1000::1",
    "3fff::1",
    "64:ff9b::192.0.2.1",
    "2002:c000:201::1",
];

/// Everything that may change who is first for a client.
fn all_rules() -> Options {
    Options {
        policy: Policy::Nearest,
        families: true,
        redirect_retry: NonZeroU64::new(60),
        shaping: Shaping::modern(),
        ..Options::default()
    }
}

/// The standard world, in which hardly any mirror works over both versions of IP, with a route of each of
/// these orders in each of these formats.
fn serve(orders: &[&str], formats: &[&str]) -> Server {
    let mut world = World::standard();
    world.options = all_rules();
    world.of_one_version = vec![
        ("berlin", IpVersion::V4),
        ("isp", IpVersion::V4),
        ("madrid", IpVersion::V4),
        ("newyork", IpVersion::V6),
    ];
    for order in orders {
        for format in formats {
            world.routes += &format!(
                "route {order}-{format}\npath /{order}/{format}\nquery redirect redirect?\n\
                 query ip_version ip_version?\nquery country country?\ntarget repo main-9\n\
                 target arch x86_64\nformat {format}\noption order {order}\noption limit 2\noption cache 600\n"
            );
        }
    }
    world.serve()
}

#[test]
fn answers_that_caches_may_keep_are_the_same_for_all() {
    let orders = ["static", "name"];
    let formats = ["text", "json", "apt", "pacman", "urpmi", "isolist"];
    let server = serve(&orders, &formats);
    for order in orders {
        for format in formats {
            for query in ["", "?ip_version=6", "?country=FR", "?redirect=1"] {
                let path = format!("/{order}/{format}{query}");
                // The log names the client.
                let answers = CLIENTS.map(|client| Answer {
                    log: None,
                    ..server.get(&format!("{path} from {client}"))
                });
                for (client, answer) in CLIENTS.iter().zip(&answers) {
                    assert_eq!(answer.cache_seconds, Some(600), "{path}");
                    assert_eq!(answer, &answers[0], "{path} from {client}");
                }
            }
        }
    }
}

#[test]
fn explanations_say_that_the_client_does_not_count() {
    let server = serve(&["static"], &["text"]);
    for client in CLIENTS {
        let request = format!("/static/text?redirect=1 from {client}");
        let rules = server.explain_seeded(&request, 1).unwrap().rules.clone();
        assert_eq!(rules.order, ExplainedOrder::Fixed);
        assert_eq!((rules.speaks, rules.rotates), (None, false), "{client}");
    }
}
