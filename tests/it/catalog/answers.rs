//! What each key of a catalog does to answers.

use answer::shaping::Fallback;

use super::{Files, SMALLEST, mirrors, serve};
use crate::golden;

const LIST: &str = "/mirrorlist?repo=baseos-9&arch=x86_64";

/// The smallest catalog with more text at its end, which belongs to the last mirror at first.
fn smallest_and(more: &str) -> String {
    format!("{SMALLEST}{more}\n")
}

/// A mirror with one URL.
fn mirror(key: &str, more: &str) -> String {
    format!("[[mirror]]\nkey = \"{key}\"\nurls = [\"https://mirror.{key}.example/pub\"]\n{more}\n")
}

#[test]
fn the_smallest_catalog_serves() {
    let server = serve(SMALLEST);
    let mut text = String::new();
    for client in ["198.18.0.1", "192.0.2.7", "2001:db8:100::7"] {
        for request in [
            "/mirrorlist?repo=baseos-9&arch=x86_64",
            "/mirrorlist?repo=baseos-10&arch=aarch64&protocol=rsync,https",
            "/mirrorlist?path=9/BaseOS/x86_64/os/repodata",
            "/metalink?repo=baseos-9&arch=x86_64",
            "/mirrorlist?repo=baseos-8&arch=x86_64",
        ] {
            let answer = server.get(&format!("{request} from {client}")).text();
            text.push_str(&format!("{request} from {client}\n{answer}\n\n"));
        }
    }
    golden::check("catalog_smallest.txt", &text);
}

#[test]
fn a_private_mirror_is_for_its_networks_only() {
    let server = serve(SMALLEST);
    assert_eq!(mirrors(&server, &format!("{LIST} from 192.0.2.7")), "campus berlin download");
    assert_eq!(mirrors(&server, &format!("{LIST} from 192.0.3.7")), "berlin download");
    assert_eq!(mirrors(&server, &format!("{LIST}&ip=192.0.2.7")), "berlin download");
}

#[test]
fn a_monopoly_is_listed_alone_with_the_origin_behind_it() {
    let server = serve(&smallest_and("monopoly = true"));
    assert_eq!(mirrors(&server, &format!("{LIST} from 192.0.2.7")), "campus download");
    assert_eq!(mirrors(&server, &format!("{LIST} from 198.18.0.1")), "berlin download");
}

#[test]
fn countries_are_served_or_left_out() {
    let only = mirror("only", "countries = [\"JP\", \"US\"]");
    let not = mirror("not", "not_countries = [\"JP\", \"DE\"]");
    let server = serve(&smallest_and(&[only, not].concat()));
    let all = |client: &str| {
        let mut all: Vec<_> = mirrors(&server, &format!("{LIST} from {client}"))
            .split(' ')
            .map(str::to_owned)
            .collect();
        all.sort();
        all.join(" ")
    };
    assert_eq!(all("203.0.113.1"), "berlin download only");
    assert_eq!(all("198.18.0.1"), "berlin download not only");
    assert_eq!(all("192.0.2.1"), "berlin campus download");
    // Nobody knows the country of this one.
    assert_eq!(all("198.19.0.1"), "berlin download not");
}

#[test]
fn what_is_disabled_is_not_listed_and_counted() {
    let files = Files::new(&smallest_and(&mirror("gone", "disabled = \"moves house\"")));
    let server = files.serve();
    assert_eq!(mirrors(&server, &format!("{LIST} from 198.18.0.1")), "berlin download");
    let line = "mirror that is disabled, left out: gone: moves house";
    assert!(files.report().iter().any(|found| found.ends_with(line)), "{:?}", files.report());

    let disabled = |value: &str| {
        let catalog =
            SMALLEST.replace("versions = [", &format!("disabled = {value}\nversions = ["));
        let server = serve(&catalog);
        ["x86_64", "aarch64", "s390x"].map(|arch| {
            let answer = server.get(&format!("/mirrorlist?repo=baseos-9&arch={arch}"));
            let end = answer.body.lines().last().unwrap_or_default().to_owned();
            format!("{} {end}", answer.status)
        })
    };
    let listed = "200 https://download.example.org/pub/example/9/BaseOS/x86_64/os/";
    let available = "404 # repo=baseos-9&arch=x86_64";
    assert_eq!(disabled("[\"aarch64\"]"), [listed, "200 repo disabled", available]);
    assert_eq!(disabled("true"), ["200 repo disabled"; 3]);
}

/// Two tables may share a name, if their architectures differ.
#[test]
fn a_disabled_part_leaves_the_other_part_of_a_repository() {
    let more = "[[repository]]\nname = \"baseos\"\nversions = [\"9\"]\narches = [\"i686\"]\n\
                path = \"{version}/i686\"\ndisabled = true\n";
    let server = serve(&smallest_and(more));
    assert_eq!(server.get("/mirrorlist?repo=baseos-9&arch=i686").text(), "200\nrepo disabled");
    assert_eq!(mirrors(&server, LIST), "berlin download");
}

#[test]
fn other_names_of_a_repository_lead_to_it() {
    let catalog = SMALLEST.replace("versions = [", "aliases = [\"BaseOS\"]\nversions = [");
    let server =
        serve(&format!("{catalog}[redirects]\nlatest = \"newest\"\nnewest = \"BaseOS-10\"\n"));
    for (name, version) in [("BaseOS-9", 9), ("BaseOS-10", 10), ("latest", 10), ("newest", 10)] {
        let answer = server.get(&format!("/mirrorlist?repo={name}&arch=x86_64"));
        let expected = format!("# repo = baseos-{version} arch = x86_64 ");
        assert!(answer.header().starts_with(&expected), "{name}: {}", answer.text());
    }
}

#[test]
fn the_origin_is_the_fallback_unless_another_is_configured() {
    let mut server = serve(SMALLEST);
    let list = |server: &crate::fixture::Server, more: &str| {
        mirrors(server, &format!("{LIST}{more} from 198.18.0.1"))
    };
    assert_eq!(list(&server, ""), "berlin download");
    // It does not offer that.
    assert_eq!(list(&server, "&protocol=rsync"), "berlin");
    server.options.shaping.fallback = Some(Fallback::parse("https://cdn.example/pub").unwrap());
    assert_eq!(list(&server, ""), "berlin cdn");
    let server = serve(&SMALLEST.replace("origin", "#origin"));
    assert_eq!(list(&server, ""), "berlin");
    // A mirror on the same server is not listed twice.
    let same = mirror("same", "").replace("mirror.same.example", "download.example.org");
    assert_eq!(list(&serve(&smallest_and(&same)), ""), "berlin download");
}

#[test]
fn a_mirror_carries_what_it_says() {
    let more = "[[repository]]\nname = \"extras\"\ngroups = [\"more\"]\nversions = [\"9\", \"10\"]\n\
                arches = [\"x86_64\"]\npath = \"{version}/extras/{arch}\"\n";
    let mirrors_of = |carries: &str| {
        let one = mirror("one", &format!("carries = {carries}"));
        let server = serve(&smallest_and(&[more, &one].concat()));
        let repositories = ["baseos-9", "baseos-10", "extras-9", "extras-10"];
        let has_one = |repo: &&str| {
            let request = format!("/mirrorlist?repo={repo}&arch=x86_64 from 198.18.0.1");
            mirrors(&server, &request).split(' ').any(|name| name == "one")
        };
        repositories.into_iter().filter(has_one).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(mirrors_of("[\"baseos\"]"), "baseos-9 baseos-10");
    assert_eq!(mirrors_of("[\"more\"]"), "extras-9 extras-10");
    assert_eq!(mirrors_of("[{ versions = [\"9\"] }]"), "baseos-9 extras-9");
    assert_eq!(
        mirrors_of("[{ what = \"baseos\", versions = [\"9\"] }, \"more\"]"),
        "baseos-9 extras-9 extras-10"
    );
    assert_eq!(mirrors_of("[{ arches = [\"aarch64\"] }]"), "");
}

#[test]
fn a_mirror_of_unknown_bandwidth_gets_the_median() {
    let weights = |bandwidths: &[&str]| {
        let one = |(n, bandwidth): (usize, &&str)| {
            let key = format!("m{n}");
            let line = if bandwidth.is_empty() {
                String::new()
            } else {
                format!("bandwidth = {bandwidth}")
            };
            mirror(&key, &line)
        };
        let catalog = SMALLEST.split("[[mirror]]").next().unwrap().to_owned();
        let mirrors: String = bandwidths.iter().enumerate().map(one).collect();
        let server = serve(&(catalog + &mirrors));
        server.snapshot().mirrors().iter().map(|mirror| mirror.weight).collect::<Vec<_>>()
    };
    assert_eq!(weights(&["1000", "", "10", "500"]), [1_000, 500, 10, 500]);
    assert_eq!(weights(&["1000", "", "10"]), [1_000, 10, 10]);
    assert_eq!(weights(&["", ""]), [1, 1]);
}

#[test]
fn a_network_has_the_country_that_the_catalog_gives_it() {
    let more = "[[network]]\nprefix = \"198.18.0.128/25\"\ncountry = \"DE\"\n\
                [[network]]\nprefix = \"198.18.0.0/24\"\nname = \"only a name\"\n";
    let server = serve(&smallest_and(more));
    for (client, country) in [("198.18.0.200", "DE"), ("198.18.0.1", "US")] {
        let log = server.get(&format!("{LIST} from {client}")).log;
        assert_eq!(log, Some(format!("{client} {country} baseos-9 x86_64")));
    }
}

#[test]
fn a_client_behind_a_translator_of_the_catalog_is_found_by_its_ipv4_address() {
    let catalog =
        SMALLEST.replace("[distribution]", "[distribution]\nnat64 = [\"2001:db8:64::/96\"]");
    let server = serve(&catalog);
    let from = |client: &str| mirrors(&server, &format!("{LIST} from {client}"));
    assert_eq!(from("2001:db8:64::192.0.2.7"), "campus berlin download");
    assert_eq!(from("2001:db8:65::192.0.2.7"), "berlin download");
}

#[test]
fn clients_of_a_system_get_its_mirror_first() {
    let system = mirror("isp", "asns = [64500, \"AS64501\"]\nprivate = true");
    let server = serve(&smallest_and(&system));
    assert_eq!(mirrors(&server, &format!("{LIST} from 198.51.100.1")), "isp berlin download");
    assert_eq!(mirrors(&server, &format!("{LIST} from 198.18.0.1")), "berlin download");
}

#[test]
fn mirrors_of_one_network_share_it() {
    let other = mirror("other", "networks = [\"192.0.2.0/24\"]");
    let files = Files::new(&smallest_and(&other));
    let list = mirrors(&files.serve(), &format!("{LIST} from 192.0.2.7"));
    let mut first: Vec<_> = list.split(' ').take(2).collect();
    first.sort_unstable();
    assert_eq!(first, ["campus", "other"]);
    assert!(!files.report().iter().any(|line| line.contains("twice")), "{:?}", files.report());
}

#[test]
fn a_mirror_without_a_country_is_reported() {
    let files = Files::new(&smallest_and(&mirror("nowhere", "")));
    let line = "catalog.toml: mirrors: mirror without a country: nowhere";
    assert!(files.report().iter().any(|found| found == line), "{:?}", files.report());
}
