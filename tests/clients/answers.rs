//! curl, and every answer linted: what no client may ever see.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::client::curl;
use crate::data::Data;
use crate::director::{Director, get};
use crate::lint;
use crate::mirror::Behaviour::{self, Serves};
use crate::packages;
use crate::repository::{Version, repository};
use crate::stage::{List, Stage};

tests! {
    every_answer_about_the_demo_data_is_sound,
    every_answer_about_the_fixture_is_sound_and_in_order,
    parameters_may_come_in_any_order_and_filter_the_answer,
    curl_downloads_through_a_redirect_and_keeps_its_connection_after_a_404,
    head_is_answered_like_get,
}

const NEW: Behaviour = Serves(Version::New);

/// Clients of the demo data: two continents, both families, a campus, an unknown place, nowhere.
const DEMO_CLIENTS: [&str; 8] = [
    "192.0.2.10",
    "192.0.2.200",
    "198.51.100.7",
    "198.18.4.1",
    "2001:db8:100::1",
    "2001:db8:3000::1",
    "203.0.113.77",
    "8.8.8.8",
];

fn every_answer_about_the_demo_data_is_sound() {
    packages::require();
    let folder = tempfile::tempdir().unwrap();
    let director = Director::start_demo(folder.path());
    let unknown = get(director.address, "/mirrorlist?repo=none&arch=none");
    assert_eq!(unknown.status, 404, "{}", unknown.body);
    let targets: Vec<&str> =
        unknown.body.lines().filter_map(|l| l.strip_prefix("# repo=")).collect();
    assert!(targets.len() >= 6, "the answer names too few repositories: {}", unknown.body);

    let mut disabled = BTreeSet::new();
    for target in targets {
        for list in List::BOTH {
            for client in DEMO_CLIENTS {
                let target = format!("/{}?repo={target}&ip={client}", list.name());
                let reply = get(director.address, &target);
                assert_eq!(reply.status, 200, "{target}: {}", reply.body);
                if reply.body.contains("repo disabled") {
                    disabled.insert(target.split('&').next().unwrap().to_owned());
                    continue;
                }
                let (causes, content_type) = match list {
                    List::Metalink => (lint::metalink(&reply.body), "application/metalink+xml"),
                    List::Mirrorlist => (lint::text_list(&reply.body), "text/plain"),
                };
                assert!(causes.is_empty(), "{target}: {}\n{}", causes.join("; "), reply.body);
                let said = reply.header("content-type").unwrap_or_default();
                assert!(said.starts_with(content_type), "{target}: Content-Type {said:?}");
                assert!(reply.header("content-length").is_some(), "{target}: no Content-Length");
            }
        }
    }
    let expected = ["/metalink?repo=demo-old-8", "/mirrorlist?repo=demo-old-8"];
    assert!(disabled.iter().eq(expected), "disabled: {disabled:?}");
}

fn every_answer_about_the_fixture_is_sound_and_in_order() {
    let here: IpAddr = [127, 0, 0, 1].into();
    let campus: IpAddr = [192, 0, 2, 10].into();
    let data = Data {
        orders: vec![(here, vec![13, 11, 12]), (campus, vec![12, 13, 11])],
        ..Data::ordered(&[])
    };
    let stage = Stage::with(&[(11, NEW), (12, NEW), (13, NEW)], data);
    for list in List::BOTH {
        for client in [here, campus] {
            let url = format!("{}&ip={client}", stage.url(list));
            let run = curl(&stage, &[&url]);
            stage.check_success(&run);
            let (mut causes, urls) = match list {
                List::Metalink => {
                    (lint::metalink(&run.output), lint::urls_of_metalink(&run.output))
                }
                List::Mirrorlist => (lint::text_list(&run.output), lint::urls_of_text(&run.output)),
            };
            causes.extend(lint::order(&urls, &stage.expected(list, client)));
            stage.check(causes.is_empty(), &causes.join("; "), &run);
        }
    }
    let metalink = get(stage.director.address, &List::Metalink.target()).body;
    let metalink = lint::parse_metalink(&metalink).unwrap();
    let [new, old] = [Version::New, Version::Old].map(|v| repository(v).details.clone());
    let sums = [new.clone(), old.clone()].map(|d| [d.md5, d.sha1, d.sha256, d.sha512]);
    let listed = metalink.hashes.iter().map(|(_, digest)| digest.clone());
    assert!(listed.eq(sums.into_iter().flatten().flatten()), "hashes differ: {metalink:?}");
    assert_eq!(metalink.sizes, [new.size.to_string(), old.size.to_string()]);
    assert_eq!(metalink.timestamps, [new.time_stamp.to_string(), old.time_stamp.to_string()]);
}

fn parameters_may_come_in_any_order_and_filter_the_answer() {
    let data = Data { https: vec![11, 13], ..Data::ordered(&[13, 12, 11]) };
    let stage = Stage::with(&[(11, NEW), (12, NEW), (13, NEW)], data);
    let base = format!("http://{}", stage.recorder.address);
    for list in List::BOTH {
        let ask = |query: &str| {
            let run = curl(&stage, &[&format!("{base}/{}?{query}", list.name())]);
            stage.check(run.is_success(), "curl failed", &run);
            let body = run.output.clone();
            let urls = match list {
                List::Metalink => lint::urls_of_metalink(&body),
                List::Mirrorlist => lint::urls_of_text(&body),
            };
            (urls, run)
        };
        let (plain, _) = ask("repo=epel-9&arch=x86_64");
        for query in ["arch=x86_64&repo=epel-9", "arch=x86_64&countme=3&repo=epel-9&infra=stock"] {
            let (permuted, run) = ask(query);
            stage.check(permuted == plain, &format!("{query} changes the answer"), &run);
        }
        for query in [
            "repo=epel-9&arch=x86_64&protocol=https&country=de",
            "country=DE&protocol=https&arch=x86_64&repo=epel-9",
        ] {
            let (filtered, run) = ask(query);
            let [only] = filtered.as_slice() else {
                stage.fail(&format!("{filtered:?}: expected one German mirror's https URL"), &run)
            };
            let is_asked = only.starts_with("https://mirror11.example/");
            stage.check(is_asked, &format!("{only} is not German and https"), &run);
        }
    }
}

fn curl_downloads_through_a_redirect_and_keeps_its_connection_after_a_404() {
    let stage = Stage::of(&[(12, NEW), (11, NEW)]);
    let base = format!("http://{}", stage.recorder.address);
    let redirect =
        format!("{base}/mirrorlist?path=pub/fixture/1/x86_64/repodata/repomd.xml&redirect=1");
    let run = curl(&stage, &["--location", "--fail", &redirect]);
    stage.check(run.is_success(), "curl failed", &run);
    stage.check_asked(&[12], &run);
    let current = repository(Version::New).repomd();
    stage.check(run.output.as_bytes() == current, "not the current repomd.xml", &run);

    stage.clear();
    let unknown = format!("{base}/mirrorlist?repo=nowhere&arch=x86_64");
    let run = curl(&stage, &[&unknown, &stage.url(List::Mirrorlist), &stage.url(List::Metalink)]);
    stage.check_success(&run);
    let exchanges = stage.recorder.exchanges();
    let statuses: Vec<u16> = exchanges.iter().map(|exchange| exchange.status()).collect();
    stage.check(statuses == [404, 200, 200], &format!("statuses {statuses:?}"), &run);
    let same = exchanges.iter().all(|e| e.connection == exchanges[0].connection);
    stage.check(same, "the connection was closed after a 404", &run);
}

fn head_is_answered_like_get() {
    let stage = Stage::of(&[(12, NEW), (11, NEW)]);
    for list in List::BOTH {
        stage.clear();
        let get = curl(&stage, &[&stage.url(list)]);
        stage.check_success(&get);
        let run = curl(&stage, &["--head", &stage.url(list)]);
        stage.check(run.is_success(), "curl --head failed", &run);
        let length = |response: &str| {
            let lower = response.to_ascii_lowercase();
            lower.lines().find(|line| line.starts_with("content-length")).map(str::to_owned)
        };
        let lengths: Vec<_> =
            stage.recorder.exchanges().iter().map(|e| length(&e.response)).collect();
        stage.check(lengths[0].is_some() && lengths[0] == lengths[1], "lengths differ", &run);
    }
}
