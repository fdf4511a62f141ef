//! Who may ask what: `ip=`, and private mirrors of other networks.

use answer::requester::Requesters;

use crate::fixture::{Server, World};

const LIST: &str = "repo=main-9&arch=x86_64";
/// Private mirrors of the standard world: `campus` and `lab` within it.
const CAMPUS: &str = "192.0.2.200";
const STRANGER: &str = "203.0.113.9";

fn with(allow_ip: Requesters, private_for_ip: Requesters) -> Server {
    let mut world = World::standard();
    (world.options.allow_ip, world.options.private_for_ip) = (allow_ip, private_for_ip);
    world.serve()
}

/// Whether an answer says anything about the private mirrors.
fn shows_private(body: &str) -> bool {
    ["campus", "lab.", "netblock ", "private", "\"tier\":\"netblock\""]
        .iter()
        .any(|word| body.replace("\"private\":false", "").contains(word))
}

#[test]
fn private_mirrors_are_listed_for_their_network_and_for_nobody_else_who_names_it() {
    let server = World::standard().serve();
    let formats = [
        format!("/mirrorlist?{LIST}"),
        format!("/mirrorlist?{LIST}&format=json"),
        format!("/mirrorlist?{LIST}&redirect=1"),
        format!("/metalink?{LIST}"),
        format!("/metalink4?{LIST}&protocol=https"),
    ];
    for request in formats {
        let shows = |extra: &str| {
            let answer = server.get(&format!("{request}{extra}"));
            let location = answer.location.clone().unwrap_or_default();
            assert!(matches!(answer.status, 200 | 302), "{}", answer.text());
            let found = answer.found == Some("Netblock".into());
            (shows_private(&answer.body) || shows_private(&location), found)
        };
        assert_eq!(shows(&format!(" from {CAMPUS}")), (true, true), "{request}");
        assert_eq!(shows(&format!("&ip={CAMPUS} from {CAMPUS}")), (true, true), "{request}");
        assert_eq!(shows(&format!("&ip={CAMPUS} from ::ffff:{CAMPUS}")), (true, true));
        for extra in ["", "&country=de", "&country=global", "&netblock=1", "&netblock=0"] {
            // Not even who is trusted, unless the operator allows it.
            for requester in [STRANGER, "127.0.0.1"] {
                let asked = format!("{extra}&ip={CAMPUS} from {requester}");
                assert_eq!(shows(&asked), (false, false), "{request}{asked}");
            }
            let own = format!("{extra} from {STRANGER}");
            assert_eq!(shows(&own), (false, false), "{request}{own}");
        }
        // A neighbour in the campus, but not in the lab.
        let asked = format!("/mirrorlist?{LIST}&ip={CAMPUS} from 192.0.2.130");
        assert!(!shows_private(&server.get(&asked).body));
    }
}

#[test]
fn a_private_mirror_in_a_system_is_as_private() {
    let mut world = World::standard();
    world.list.host_asn_cache[0].value = vec![2];
    let server = world.serve();
    let asn = |from: &str| server.get(&format!("/mirrorlist?{LIST}{from}")).header().to_owned();
    assert!(asn(" from 198.51.100.1").contains("Using ASN 64500"));
    let header = asn(&format!("&ip=198.51.100.1 from {STRANGER}"));
    assert!(header.contains("arch = x86_64 country = FR "), "{header}");
}

#[test]
fn each_switch_is_open_to_all_to_trusted_askers_or_to_nobody() {
    let (all, trusted, nobody) = (Requesters::All, Requesters::Trusted, Requesters::Nobody);
    // Whose ip= counts, who sees private mirrors with it; then for a stranger and for this host:
    // whether the answer is for the address named, and whether it shows the private mirror.
    for (allow_ip, private_for_ip, stranger, trusted_asker) in [
        (all, all, (true, true), (true, true)),
        (all, trusted, (true, false), (true, true)),
        (all, nobody, (true, false), (true, false)),
        (trusted, all, (false, false), (true, true)),
        (trusted, nobody, (false, false), (true, false)),
        (nobody, all, (false, false), (false, false)),
    ] {
        let server = with(allow_ip, private_for_ip);
        for (from, expected) in [(STRANGER, stranger), ("127.0.0.1", trusted_asker)] {
            let answer = server.get(&format!("/mirrorlist?{LIST}&ip={CAMPUS} from {from}"));
            let is_for_campus = answer.header().contains("country = DE");
            let measured = (is_for_campus, shows_private(&answer.body));
            assert_eq!(measured, expected, "{allow_ip:?} {private_for_ip:?} from {from}");
        }
    }
}

#[test]
fn an_ip_that_does_not_count_is_left_unread() {
    let server = with(Requesters::Nobody, Requesters::Nobody);
    let own = server.get(&format!("/mirrorlist?{LIST} from {STRANGER}"));
    for ip in ["198.51.100.1", "nobody", "--%3E"] {
        let answer = server.get(&format!("/mirrorlist?{LIST}&ip={ip} from {STRANGER}"));
        assert_eq!(answer, own, "{ip}");
    }
}

#[test]
fn the_log_holds_who_asked_unless_who_asked_is_trusted() {
    let log = |server: &Server, from: &str| {
        server.get(&format!("/mirrorlist?{LIST}&ip=198.51.100.1 from {from}")).log.unwrap()
    };
    let server = World::standard().serve();
    assert_eq!(log(&server, STRANGER), format!("{STRANGER} JP main-9 x86_64"));
    assert_eq!(log(&server, "127.0.0.1"), "198.51.100.1 FR main-9 x86_64");
    let server = with(Requesters::Nobody, Requesters::Nobody);
    assert_eq!(log(&server, "127.0.0.1"), "127.0.0.1 N/A main-9 x86_64");
}
