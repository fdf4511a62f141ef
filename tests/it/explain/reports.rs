//! Reports as text and as JSON: golden files, and what holds for all of them.

use std::num::NonZeroU64;

use answer::shaping::Fallback;
use answer::{Endpoint, Options, Request, Scratch, respond};
use encode::text::Text;
use explain::{Audience, PackageManager, Question, Report, text};
use proptest::prelude::*;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::{ask, explained, modern, question, read_by, serve, serve_checked, serve_public};
use crate::fixture::Server;
use crate::golden;

/// Requests, each for another rule.
const REQUESTS: [(&str, &str); 9] = [
    ("country", "repo=baseos-9&arch=x86_64 from 192.0.2.1"),
    ("netblock", "/mirrorlist?repo=baseos-9&arch=x86_64 from 192.0.2.200"),
    ("monopoly", "repo=baseos-9&arch=x86_64 from 192.0.2.250"),
    ("system", "repo=baseos-9&arch=x86_64 from 198.51.100.1"),
    ("unknown_place", "repo=baseos-9&arch=x86_64 from 233.252.0.1"),
    ("asked_country", "repo=baseos-9&arch=x86_64&country=es,fr from 192.0.2.1"),
    (
        "left_out",
        "repo=baseos-9&arch=x86_64&exclude=mirror.berlin.example&not_country=FR from 192.0.2.1",
    ),
    ("embedded", "path=9/BaseOS/x86_64/os from 2002:c000:2c8::1"),
    ("redirect", "repo=baseos-9&arch=x86_64&redirect from 198.18.0.1"),
];

#[track_caller]
fn check(name: &str, report: &Report) {
    golden::check(&format!("explain/{name}.txt"), &text::render(report));
}

#[test]
fn reports_in_the_order_of_tiers() {
    let server = serve(&Options::default());
    for (name, request) in REQUESTS {
        check(&format!("tiers_{name}"), &explained(&server, request));
    }
}

#[test]
fn reports_in_the_order_of_distance() {
    let server = serve(&modern());
    for (name, request) in REQUESTS {
        check(&format!("nearest_{name}"), &explained(&server, request));
    }
}

#[test]
fn reports_say_what_checks_have_found() {
    let request = "repo=baseos-9&arch=x86_64 from 192.0.2.200";
    let server = serve_checked(&Options::default());
    check("tiers_checked", &explained(&server, request));
    let server = serve_checked(&modern());
    check("nearest_checked", &explained(&server, request));
    // Nobody is told of private mirrors what checks have found.
    let question = Question { audience: Audience::Public, ..question(request) };
    let text = text::render(&ask(&server, &question).unwrap());
    assert!(text.contains("left_out: checks leave it out: down: connect_timeout, since 2026-11-1"));
    for private in ["campus", "dormitory", "down: dns"] {
        assert!(!text.contains(private), "{text}");
    }
}

#[test]
fn reports_for_programs() {
    let json = |report: &Report| format!("{:#}\n", json!(report));
    let read = |options: &Options, request| read_by(PackageManager::Dnf, request, options);
    let tiers = read(&Options::default(), "repo=baseos-9&arch=x86_64 from 192.0.2.200");
    golden::check("explain/tiers.json", &json(&tiers));
    let mut options = modern();
    options.shaping.max_mirrors = Some(5);
    options.shaping.fallback = Some(Fallback::parse("https://dl.example/pub").unwrap());
    let nearest = read(&options, "repo=baseos-9&arch=x86_64 from 2001:db8::1");
    golden::check("explain/nearest.json", &json(&nearest));
    for report in [tiers, nearest] {
        let back: Report = serde_json::from_str(&json(&report)).unwrap();
        assert_eq!(back, report);
    }
}

/// The answer to what a question asks; `None` where no list is served.
fn answer(server: &Server, question: &Question<'_>) -> Option<String> {
    let Question { path, query, host, requester, now, seed, .. } = *question;
    let endpoint = Endpoint::find(&server.edition, host, path, query)?;
    let request = Request { endpoint, query, requester, host, now };
    let (mut scratch, mut body) = (Scratch::default(), Text::default());
    let mut rng = fastrand::Rng::with_seed(seed);
    respond(&server.edition, &server.options, &request, &mut rng, &mut scratch, &mut body);
    Some(String::from_utf8(body.into_bytes()).unwrap())
}

#[test]
fn what_gets_no_list_is_told_with_the_status_of_the_answer() {
    let server = serve(&Options::default());
    for (request, status, code) in [
        ("repo=nothing&arch=x86_64 from 192.0.2.1", 404, "unknown_repository"),
        ("repo=baseos-9 from 192.0.2.1", 200, "nothing_asked"),
        ("path=no/where from 192.0.2.1", 404, "unknown_path"),
        ("repo=baseos-9&arch=x86_64&ip=x from 192.0.2.1", 400, "bad_address"),
        ("repo=baseos-9&arch=%ff from 192.0.2.1", 400, "bad_query"),
        ("/metalink?repo=baseos-9&arch=x86_64 from 192.0.2.1", 404, "no_metalink"),
        ("repo=baseos-9&arch=x86_64&redirect&protocol=ftp from 192.0.2.1", 404, "no_list"),
        ("/nothing from 192.0.2.1", 404, "no_endpoint"),
    ] {
        let refused = ask(&server, &question(request)).expect_err(request);
        assert_eq!((refused.status, refused.code.as_str()), (status, code), "{request}");
        let body = answer(&server, &question(request));
        let first_line = body.map(|body| body.lines().next().unwrap_or_default().to_owned());
        assert_eq!(refused.first_line, first_line, "{request}");
        assert!(!refused.message.is_empty(), "{refused:?}");
        assert!(!refused.message.contains(['\n', '#']), "{refused:?}");
    }
}

#[test]
fn no_private_mirror_is_in_a_public_report() {
    let private = ["campus", "dormitory", "\"lab\"", "mirror.lab", "exchange", "vault"];
    let mut n_named = 0;
    for options in [Options::default(), modern()] {
        let server = serve(&options);
        for (_, request) in REQUESTS {
            let question = question(request);
            let of_operator = json!(ask(&server, &question).unwrap()).to_string();
            n_named += private.iter().filter(|name| of_operator.contains(**name)).count();
            let public = Question { audience: Audience::Public, ..question };
            let report = ask(&server, &public).unwrap();
            let shown = [json!(report).to_string(), text::render(&report)].concat();
            for name in private {
                assert!(!shown.contains(name), "{request}: {name} in {shown}");
            }
            // Nor is there a gap from which one could be guessed.
            let mirrors = report.tiers.iter().flat_map(|tier| &tier.mirrors);
            let drawn: Vec<usize> = mirrors.map(|mirror| mirror.drawn).collect();
            assert_eq!(drawn, (1..=drawn.len()).collect::<Vec<_>>(), "{request}");
        }
    }
    assert!(n_named > 20, "the operator sees them: {n_named}");
}

#[test]
fn each_chance_is_in_the_text_also_of_those_that_a_draw_does_not_list() {
    for max in [1, 3] {
        let mut options = modern();
        options.shaping.max_mirrors = Some(max);
        let report = explained(&serve(&options), "repo=baseos-9&arch=x86_64 from 233.252.0.1");
        let shown = text::render(&report);
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut hidden = 0.0;
        let mirrors = report.tiers.iter().flat_map(|tier| &tier.mirrors);
        for mirror in mirrors.filter(|mirror| mirror.first_percent > 0.0) {
            let (key, chance) = (&mirror.mirror, format!("{:.2} %", mirror.first_percent));
            let is_row = |line: &str| line.trim_start().starts_with(&chance) && line.contains(key);
            if mirror.place.is_some() {
                assert!(shown.lines().any(is_row), "{key} {shown}");
            } else {
                assert!(words.contains(&format!("{key} {chance}")), "{key} {shown}");
                hidden += mirror.first_percent;
            }
        }
        assert!(hidden > 1.0, "{shown}");
        assert!(report.tiers.len() > 1 || words.contains(&format!("first in {hidden:.2} %")));
    }
}

/// Whoever compares could find private mirrors by any difference.
#[test]
fn a_public_report_is_that_of_a_world_without_private_mirrors() {
    let clients = [
        "192.0.2.1",
        "192.0.2.130",
        "192.0.2.200",
        "192.0.2.250",
        "198.51.100.1",
        "198.51.100.200",
        "203.0.113.1",
        "203.0.113.200",
        "198.18.0.1",
        "198.18.1.1",
        "2001:db8::1",
        "2001:db8:100::1",
        "2002:c000:2c8::1",
        "2002:cb00:7101::1",
        "233.252.0.1",
    ];
    let (mut n_asn, mut n_private) = (0, 0);
    for options in [Options::default(), modern()] {
        let (server, twin) = (serve(&options), serve_public(&options));
        for (_, request) in REQUESTS {
            let (target, _) = request.split_once(" from ").unwrap();
            for client in clients {
                let request = format!("{target} from {client}");
                let of_operator = ask(&server, &question(&request)).unwrap();
                n_private += usize::from(of_operator.client.asn == Some(64999));
                let asked = Question { audience: Audience::Public, ..question(&request) };
                let report = ask(&server, &asked).unwrap();
                n_asn += usize::from(report.client.asn_by.is_some());
                assert_eq!(json!(report), json!(ask(&twin, &asked).unwrap()), "{request}");
            }
        }
    }
    assert!(n_asn > 0 && n_private > 0, "{n_asn} {n_private}");
}

#[test]
fn seeds_decide_the_order_and_nothing_else() {
    let server = serve(&modern());
    let question = question(REQUESTS[0].1);
    let draw = |seed| {
        let report = ask(&server, &Question { seed, ..question.clone() }).unwrap();
        let mut report_of_all = report.clone();
        report_of_all.tiers.iter_mut().for_each(|tier| {
            tier.mirrors.sort_by(|one, other| one.mirror.cmp(&other.mirror));
            for mirror in &mut tier.mirrors {
                (mirror.drawn, mirror.place) = (0, None);
            }
        });
        (report.urls, report_of_all.tiers)
    };
    assert_eq!(draw(1), draw(1));
    let orders: Vec<_> = (0..20).map(draw).collect();
    assert!(orders.iter().any(|(urls, _)| *urls != orders[0].0), "some order differs");
    assert!(orders.iter().all(|(_, tiers)| *tiers == orders[0].1));
}

/// `tries / after a time-out / skipped`, with the names of mirrors.
#[track_caller]
fn check_reading(client: PackageManager, request: &str, options: &Options, expected: &str) {
    let reading = read_by(client, request, options).reading.unwrap();
    let name = |url: &String| {
        let host = url.split('/').nth(2).unwrap();
        host.trim_start_matches("mirror.").trim_end_matches(".example").to_owned()
    };
    let names = |urls: &[String]| urls.iter().map(name).collect::<Vec<_>>().join("|");
    let tries: Vec<_> = reading.tries.iter().map(|step| names(step)).collect();
    let timeout = reading.after_timeout.map(|urls| names(&urls).replace('|', " "));
    let skipped: Vec<_> = reading.skipped.iter().map(|skipped| name(&skipped.url)).collect();
    let shown = [tries.join(" "), timeout.unwrap_or_default(), skipped.join(" ")].join(" / ");
    assert_eq!(shown, expected, "{client:?} {request}");
}

#[test]
fn package_managers_try_what_they_can_read() {
    let mut options = Options::default();
    options.shaping.max_mirrors = Some(5);
    options.shaping.fallback = Some(Fallback::parse("https://origin.example").unwrap());
    // Of netblocks, the most specific one first; then bonn, berlin and hamburg in an order of chance.
    let list = "repo=baseos-9&arch=x86_64&protocol=https,rsync from 192.0.2.200";
    let report = read_by(PackageManager::Dnf, list, &options);
    let order: Vec<_> = report.urls.iter().map(|url| url.url.clone()).collect();
    assert!(order.len() >= 6, "{order:?}");
    let without_rsync: Vec<_> =
        order.iter().filter(|url| !url.starts_with("rsync")).cloned().collect();
    let reading = report.reading.unwrap();
    assert_eq!(reading.tries.concat(), without_rsync);
    let mut stalled = without_rsync.clone();
    let last = stalled.pop().unwrap();
    stalled.insert(1, last);
    assert_eq!(reading.after_timeout, Some(stalled));

    let zypper = read_by(PackageManager::Zypper, list, &options).reading.unwrap();
    assert_eq!(zypper.tries.concat(), without_rsync[..4]);
    assert_eq!(zypper.skipped.len(), order.len() - 4);

    // aria2 reads no text, and follows redirects and their links.
    let aria2 = read_by(PackageManager::Aria2, list, &options).reading.unwrap();
    assert!(!aria2.reads_format && aria2.tries.is_empty());
    let redirect = "repo=baseos-9&arch=x86_64&redirect&country=es from 192.0.2.1";
    check_reading(PackageManager::Aria2, redirect, &options, "madrid origin /  / ");
    check_reading(PackageManager::Dnf, redirect, &options, "madrid /  / origin");
    let spain = "repo=baseos-9&arch=x86_64&country=es from 192.0.2.1";
    check_reading(PackageManager::Dnf, spain, &options, "madrid origin / madrid origin / ");
    check_reading(PackageManager::Yum, spain, &options, "madrid|origin /  / ");
    check_reading(PackageManager::Apt, spain, &options, "madrid|origin /  / ");
}

/// A redirect names fewer mirrors than a list: only these have a place.
#[test]
fn places_in_a_redirect_are_those_of_its_headers() {
    for links in [0, 1, 4] {
        let options = Options { redirect_links: links, ..modern() };
        let server = serve(&options);
        for request in [
            "repo=baseos-9&arch=x86_64&redirect from 192.0.2.1",
            "repo=baseos-9&arch=x86_64&redirect from 198.18.0.1",
            "repo=baseos-9&arch=x86_64&redirect from 198.51.100.1",
        ] {
            let report = explained(&server, request);
            let mut named: Vec<_> =
                report.urls.iter().filter_map(|url| url.mirror.clone()).collect();
            named.dedup();
            assert!(!named.is_empty() && named.len() <= links + 1, "{named:?}");
            let mirrors = || report.tiers.iter().flat_map(|tier| &tier.mirrors);
            for mirror in mirrors() {
                let place = named.iter().position(|name| *name == mirror.mirror);
                assert_eq!(mirror.place, place.map(|place| place + 1), "{request}: {named:?}");
                assert_eq!(mirror.cut.is_some(), place.is_none(), "{request}: {mirror:?}");
            }
            let n_unlinked = mirrors().filter(|mirror| mirror.cut.as_deref() == Some("not_linked"));
            assert!(n_unlinked.count() > 0, "{request}");
            assert_eq!(report.rules.redirect_links, Some(links));
        }
    }
}

/// In JSON zypper sees `url` of each object, whichever place it has in `urls`.
#[test]
fn zypper_reads_one_url_of_each_object() {
    let (mut n_read, mut n_skipped) = (Vec::new(), 0);
    for fallback in [None, Some(Fallback::parse("https://origin.example").unwrap())] {
        let mut options = Options::default();
        options.shaping.fallback = fallback;
        let server = serve(&options);
        for protocol in ["", "&protocol=http,https,rsync", "&protocol=rsync,http"] {
            let request = format!(
                "/mirrorlist?repo=baseos-9&arch=x86_64&format=json{protocol} from 192.0.2.1"
            );
            let question = Question { client: Some(PackageManager::Zypper), ..question(&request) };
            let report = ask(&server, &question).unwrap();
            let objects: serde_json::Value =
                serde_json::from_str(&answer(&server, &question).unwrap()).unwrap();
            let objects = objects.as_array().unwrap();
            let urls = objects.iter().map(|object| object["url"].as_str().unwrap().to_owned());
            let urls: Vec<_> = urls.filter(|url| !url.starts_with("rsync:")).collect();
            n_read.push(urls.len());
            let reading = report.reading.unwrap();
            assert_eq!(reading.tries.concat(), urls, "{request}");
            assert_eq!(reading.tries.len() + reading.skipped.len(), report.urls.len());
            n_skipped += reading.skipped.len();
        }
    }
    assert!(n_read.iter().any(|&n| n > 4) && n_skipped > 0, "{n_read:?} {n_skipped}");
}

#[test]
fn a_mirror_that_the_time_has_made_first_is_told_as_that() {
    let options = Options { redirect_retry: NonZeroU64::new(60), ..modern() };
    let server = serve(&options);
    let rules = (0..40).map(|minute| {
        let question = question("repo=baseos-9&arch=x86_64&redirect from 192.0.2.1");
        let question = Question { now: question.now + 60 * minute, ..question };
        let moved = ask(&server, &question).unwrap().shaping.moved;
        moved.first().map(|moved| moved.rule.clone())
    });
    assert!(rules.flatten().any(|rule| rule == "redirect_retry"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_line_is_wider_than_a_terminal(
        word in "\\PC{0,300}|[日本語한ｶa\u{301} ]{0,300}",
        long in "[a-z0-9.-]{1,400}",
        blanks in "[a-z ]{0,300}",
        request in 0..REQUESTS.len(),
    ) {
        let server = serve(&modern());
        let mut report = explained(&server, REQUESTS[request].1);
        report.request.query = word.clone();
        report.request.host = Some(long.clone());
        report.target.path = Some(blanks.clone());
        report.target.route = Some(word.clone());
        report.rules.fallback = Some(long.clone());
        report.client.netblocks.iter_mut().for_each(|netblock| netblock.mirrors.push(long.clone()));
        for mirror in report.tiers.iter_mut().flat_map(|tier| &mut tier.mirrors) {
            mirror.mirror.push_str(&long);
            mirror.server = Some(word.clone());
        }
        for url in &mut report.urls {
            url.url.push_str(&long);
        }
        for excluded in &mut report.excluded {
            excluded.detail.clone_from(&blanks);
        }
        for line in text::render(&report).lines() {
            prop_assert!(line.width() <= text::WIDTH, "{line}");
        }
    }
}
