//! What requests leave out: hosts (`exclude=`), countries (`not_country=`), and mirrors that do not work over
//! a version of IP (`ip_version=`).

use answer::policy::Policy;
use answer::shaping::Fallback;
use answer::trace::{Reason, Verdict};
use model::families::IpVersion;
use model::ids::HostId;

use crate::fixture::{World, check, check_mirrors};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const BERLIN: &str = "192.0.2.1";

/// The standard world, in which Madrid has no IPv6 and New York nothing else.
fn world() -> World {
    let mut world = World::standard();
    world.of_one_version = vec![("madrid", IpVersion::V4), ("newyork", IpVersion::V6)];
    world
}

#[test]
fn mirrors_are_left_out_by_host_country_and_version_of_ip() {
    for policy in [Policy::Tiers, Policy::Nearest] {
        let mut world = world();
        world.options.policy = policy;
        for (asked, tiers) in [
            ("", "berlin / isp madrid / newyork"),
            ("&exclude=berlin.example", "isp madrid / newyork"),
            ("&exclude=BERLIN.Example.,,nobody.example", "isp madrid / newyork"),
            ("&exclude=berlin.example,newyork.example", "isp madrid"),
            // The port of the URLs is the default one.
            ("&exclude=berlin.example:443", "isp madrid / newyork"),
            ("&exclude=berlin.example:8080", "berlin / isp madrid / newyork"),
            // Hosts are whole.
            ("&exclude=example", "berlin / isp madrid / newyork"),
            ("&exclude=erlin.example", "berlin / isp madrid / newyork"),
            ("&exclude=berlin", "berlin / isp madrid / newyork"),
            ("&not_country=DE", "isp madrid / newyork"),
            ("&not_country=fr,es", "berlin / newyork"),
            ("&not_country=DE,FR,ES,US", ""),
            ("&not_country=germany", "berlin / isp madrid / newyork"),
            ("&ip_version=4", "berlin / isp madrid"),
            ("&ip_version=6", "berlin / isp / newyork"),
            ("&ip_version=4,6", "berlin / isp madrid / newyork"),
            ("&ip_version=6&exclude=berlin.example&not_country=US", "isp"),
            // Who asks for a country and does not want it gets those around it.
            ("&country=DE&not_country=DE", "isp madrid"),
            ("&country=FR,ES&not_country=ES", "isp"),
            ("&country=FR&exclude=isp.example&not_country=DE", "madrid"),
            ("&country=global&not_country=DE", "isp madrid newyork"),
        ] {
            // By distance Madrid is farther than the ISP, and America follows where nobody is in the country.
            let is_global = asked.contains("=global");
            let tiers = match policy {
                Policy::Nearest if !is_global => tiers.replace("isp madrid", "isp / madrid"),
                Policy::Tiers | Policy::Nearest => tiers.to_owned(),
            };
            let tiers = match (policy, asked.contains("&country=")) {
                (Policy::Nearest, true) if tiers.ends_with("madrid") => tiers + " / newyork",
                _ => tiers,
            };
            check_mirrors(&world, &format!("{LIST}{asked} from {BERLIN}"), &tiers);
        }
    }
}

#[test]
fn private_mirrors_and_those_of_the_own_network_are_left_out_as_well() {
    let world = world();
    let campus = "192.0.2.200";
    for (asked, tiers) in [
        // The ISP's system has the network of the campus.
        ("", "lab / campus / isp / berlin / madrid"),
        ("&exclude=campus.example", "lab / isp / berlin / madrid / newyork"),
        ("&not_country=DE", "isp / madrid / newyork"),
    ] {
        check_mirrors(&world, &format!("{LIST}{asked} from {campus}"), tiers);
    }
    // A monopoly that is left out is none.
    let mut world = world;
    world.monopolies = vec![2];
    check_mirrors(&world, &format!("{LIST} from {campus}"), "campus");
    let asked = format!("{LIST}&exclude=campus.example from {campus}");
    check_mirrors(&world, &asked, "lab / isp / berlin / madrid / newyork");
}

#[test]
fn the_fallback_is_left_out_by_its_host_alone() {
    let mut world = world();
    world.options.shaping.fallback = Some(Fallback::parse("https://berlin.example/main").unwrap());
    world.options.shaping.max_mirrors = Some(1);
    for (asked, mirrors) in [
        ("", ["isp", "berlin"].as_slice()),
        ("&not_country=DE", &["isp", "berlin"]),
        ("&exclude=berlin.example", &["isp"]),
        ("&exclude=isp.example,madrid.example,newyork.example", &["berlin"]),
        ("&exclude=isp.example,madrid.example,newyork.example,berlin.example", &[]),
    ] {
        let request = format!("{LIST}{asked} from 198.51.100.7");
        assert_eq!(world.serve().get(&request).mirrors(), mirrors, "{asked}");
    }
}

#[test]
fn the_first_line_says_what_was_left_out() {
    for (asked, expected) in [
        (
            "country=DE&not_country=fr,es&exclude=M.example,n.example:8080&ip_version=6",
            "200\n# repo = main-9 arch = x86_64 country = DE exclude = m.example,n.example:8080 \
             not_country = ES,FR ip_version = 6\nhttps://berlin.example/test/9/x86_64/\n",
        ),
        (
            "country=DE&protocol=http&exclude=m.example",
            "200\n# repo = main-9 arch = x86_64 country = DE protocol = http exclude = m.example\n\
             http://berlin.example/test/9/x86_64/\n",
        ),
        (
            "not_country=DE,FR,ES,US",
            "200\n# repo = main-9 arch = x86_64 not_country = DE,ES,FR,US error: the request leaves \
             no mirror\n",
        ),
        (
            "protocol=gopher&ip_version=4&exclude=berlin.example",
            "200\n# repo = main-9 arch = x86_64 protocol = gopher exclude = berlin.example ip_version = 4 \
             error: the request leaves no mirror\n",
        ),
    ] {
        let answer = world().serve().get(&format!("{LIST}&{asked}"));
        assert_eq!(answer.text(), expected, "{asked}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_in_each_format() {
    let many: Vec<String> = (0..17).map(|n| format!("m{n}")).collect();
    for (asked, reason) in [
        (format!("exclude={}", many.join(",")), "more than 16 excluded hosts"),
        ("exclude=http://a/".to_owned(), "the value of exclude= is not a list of host names"),
        ("ip_version=5".to_owned(), "the IP version is neither 4 nor 6"),
    ] {
        check(&format!("{LIST}&{asked}"), &format!("400\nerror: {reason}\n"));
        for path in ["metalink?", "metalink4?", "mirrorlist?format=json&"] {
            let request = format!("/{path}repo=main-9&arch=x86_64&{asked}");
            let answer = World::standard().serve().get(&request);
            assert_eq!(answer.status, 400, "{request}");
            assert!(answer.body.contains(reason), "{request}: {}", answer.body);
        }
    }
    let mut world = World::standard();
    world.options.max_excluded = 1;
    let status = |asked: &str| world.serve().get(&format!("{LIST}&exclude={asked}")).status;
    assert_eq!((status("a,A.,a"), status("a,b")), (200, 400));
}

#[test]
fn an_empty_answer_says_so_in_each_format() {
    let server = world().serve();
    let all = "&not_country=DE,FR,ES,US,JP";
    for path in ["metalink", "metalink4"] {
        let answer = server.get(&format!("/{path}?repo=main-9&arch=x86_64{all}"));
        assert_eq!(answer.status, 200);
        let comment = "<!-- no mirror offers this file in the way that was asked for -->";
        assert!(answer.body.contains(comment), "{}", answer.body);
        crate::lint_law::check(&answer);
    }
    assert_eq!(server.get(&format!("{LIST}&format=json{all}")).body.trim_end(), "[]");
    let redirect = server.get(&format!("{LIST}&redirect{all}"));
    let nothing = "error: the request leaves no mirror that offers this over http or https";
    assert_eq!(redirect.text(), format!("404\n{nothing}"));
    let usual = server.get(&format!("{LIST}&redirect&protocol=ftp"));
    assert_eq!(usual.text(), "404\nerror: no mirror offers this over http or https");
    let redirect = server.get(&format!("{LIST}&redirect&exclude=berlin.example from {BERLIN}"));
    let location = redirect.location.unwrap();
    assert!(!location.contains("berlin") && !redirect.link.unwrap().contains("berlin"));
}

#[test]
fn a_verdict_names_the_first_reason() {
    for policy in [Policy::Tiers, Policy::Nearest] {
        let mut world = world();
        world.options.policy = policy;
        world.options.shaping.fallback = Some(Fallback::parse("https://isp.example").unwrap());
        let server = world.serve();
        let asked = "&exclude=madrid.example,isp.example:8080,campus.example,tokyo.example\
                     &not_country=es,de,ca&ip_version=4";
        let request = format!("{LIST}{asked} from {BERLIN}");
        let explanation = server.explain_seeded(&request, 1).unwrap();
        for (name, reason) in [
            ("isp", Reason::IsFallback),
            ("toronto", Reason::NoProtocol),
            ("madrid", Reason::Excluded),
            ("campus", Reason::Excluded),
            ("tokyo", Reason::Excluded),
            ("berlin", Reason::ExcludedCountry),
            ("lab", Reason::ExcludedCountry),
            ("newyork", Reason::IpVersion),
        ] {
            let HostId(host) = server.snapshot().hosts().at(&format!("{name}.example"))[0];
            let verdict = explanation.verdicts[host as usize];
            assert_eq!(verdict, Verdict::Out(reason), "{name}");
        }
    }
}

#[test]
fn routes_leave_out_what_their_variables_say() {
    let routes = |options: &str| {
        format!(
            "route r\npath /r\nquery avoid exclude:list?\nquery not not_country:list?\n\
             query v ip_version:list?\ntarget repo main-9\ntarget arch x86_64\n\
             option header false\n{options}"
        )
    };
    let mut world = world();
    let mut check = |options: &str, asked: &str, mirrors: &[&str], cache: Option<u32>| {
        world.routes = routes(options);
        let answer = world.serve().get(&format!("/r?{asked} from {BERLIN}"));
        assert_eq!(answer.mirrors(), mirrors, "{options} {asked}: {}", answer.body);
        assert_eq!(answer.cache_seconds, cache, "{options} {asked}");
    };
    // What is the same for all clients is so with these parameters as well, and may be kept under its URL.
    let fixed = "option order name\noption cache 60";
    check(fixed, "", &["berlin", "isp", "madrid", "newyork"], Some(60));
    check(fixed, "avoid=isp.example&avoid=berlin.example", &["madrid", "newyork"], Some(60));
    check(fixed, "not=DE&not=US", &["isp", "madrid"], Some(60));
    check(fixed, "v=4", &["berlin", "isp", "madrid"], Some(60));
    check(fixed, "v=4&v=6", &["berlin", "isp", "madrid", "newyork"], Some(60));
    // Nobody may keep that there is nobody.
    check(fixed, "not=DE,US,FR,ES", &[], None);
    check("option country_only true", "not=DE", &[], None);
    let fallback = "option country_only true\noption fallback https://origin.example";
    check(fallback, "not=DE", &["origin"], None);
    check(fallback, "not=DE&avoid=origin.example", &[], None);
    for order in ["tier", "nearest", "random"] {
        let order = format!("option order {order}");
        check(&order, "avoid=isp.example,madrid.example&v=4", &["berlin"], None);
    }
}

#[test]
fn errors_of_routes_have_the_style_of_the_route() {
    let mut world = World::standard();
    let mut text = |more: &str, asked: &str| {
        world.routes = format!(
            "route r\npath /r/{{repo}}\nquery exclude exclude?\nquery not_country not_country?\n\
             query ip_version ip_version?\ntarget repo {{repo}}\ntarget arch x86_64\n{more}"
        );
        world.serve().get(&format!("/r/{asked}")).text()
    };
    let no_host = "error: the value of exclude= is not a list of host names\n";
    assert_eq!(text("", "main-9?exclude=a/b"), format!("400\n{no_host}"));
    assert_eq!(text("errors alma", "main-9?exclude=a/b"), format!("200\n{no_host}"));
    let country = "Invalid input for country, valid options are 2 letter country codes";
    assert_eq!(text("errors alma", "main-9?not_country=DE,all"), format!("200\n{country}"));
    assert_eq!(text("errors empty", "main-9?ip_version=5"), "200\n");
    let fallback = "errors fallback\noption fallback https://origin.example/main";
    assert_eq!(text(fallback, "gone?exclude=a"), "200\nhttps://origin.example/main/\n");
    assert_eq!(text(fallback, "gone?exclude=origin.example"), "200\n");
    assert_eq!(text(fallback, "main-9?ip_version=5"), "200\nhttps://origin.example/main/\n");
}
