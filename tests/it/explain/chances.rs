//! Law: the probability of a mirror to be first that an explanation computes is the share of answers in
//! which it is.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use answer::{Endpoint, Options, Request, Scratch, respond};
use encode::text::Text;
use explain::Question;

use super::{explained, modern, question, serve, serve_checked};
use crate::fixture::{NOW, Server};

const DRAWS: u32 = 20_000;

/// How often each mirror is the first in many answers, by key.
fn drawn(server: &Server, request: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    let (mut scratch, mut body) = (Scratch::default(), Text::default());
    let mut rng = fastrand::Rng::with_seed(7);
    let Question { path, query, host, requester, .. } = question(request);
    for draw in 0..DRAWS {
        let endpoint = Endpoint::find(&server.edition, host, path, query).unwrap();
        // Each at another hour: who is first in redirects changes with time.
        let now = NOW + u64::from(draw) * 3_600;
        let request = Request { endpoint, query, requester, host, now };
        body.clear();
        let reply =
            respond(&server.edition, &server.options, &request, &mut rng, &mut scratch, &mut body);
        let url = match &reply.redirect {
            Some(redirect) => redirect.location.clone(),
            None => {
                let text = String::from_utf8_lossy(body.as_bytes()).into_owned();
                text.lines().find(|line| !line.starts_with('#')).unwrap_or_default().to_owned()
            }
        };
        let key = url.split('.').nth(1).unwrap_or_default().to_owned();
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[track_caller]
fn check(options: &Options, requests: &[&str]) {
    compare(&serve(options), requests);
}

#[track_caller]
fn compare(server: &Server, requests: &[&str]) {
    for request in requests {
        let report = explained(server, request);
        let mirrors = report.tiers.iter().flat_map(|tier| &tier.mirrors);
        let chances: BTreeMap<String, f64> = mirrors
            .filter(|mirror| mirror.first_percent > 0.0)
            .map(|mirror| (mirror.mirror.clone(), mirror.first_percent / 100.0))
            .collect();
        let sum: f64 = chances.values().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{request}: {chances:?}");
        let counts = drawn(server, request);
        for key in counts.keys() {
            assert!(chances.contains_key(key), "{request}: {key} has no chance of {chances:?}");
        }
        for (key, &chance) in &chances {
            let n = f64::from(counts.get(key).copied().unwrap_or(0));
            let expected = f64::from(DRAWS) * chance;
            // Five standard deviations, and what is lost by showing a share with four digits.
            let allowed = 5.0 * (expected * (1.0 - chance)).sqrt() + 0.02;
            assert!(
                (n - expected).abs() <= allowed,
                "{request}: {key} {n} of {expected} {chances:?} {counts:?}"
            );
        }
    }
}

/// Requests of all kinds of clients: in a country, in networks, in a system, with an IPv6 address, far from
/// everything, in no table.
const REQUESTS: [&str; 9] = [
    "repo=baseos-9&arch=x86_64 from 192.0.2.1",
    "repo=baseos-9&arch=x86_64 from 192.0.2.130",
    "repo=baseos-9&arch=x86_64 from 192.0.2.200",
    "repo=baseos-9&arch=x86_64 from 192.0.2.249",
    "repo=baseos-9&arch=x86_64 from 198.51.100.1",
    "repo=baseos-9&arch=x86_64 from 198.51.100.200",
    "repo=baseos-9&arch=x86_64 from 2001:db8::1",
    "repo=baseos-9&arch=x86_64&country=us,ca from 203.0.113.1",
    "repo=baseos-9&arch=x86_64&protocol=http from 233.252.0.1",
];

#[test]
fn in_the_order_of_tiers() {
    check(&Options::default(), &REQUESTS);
}

#[test]
fn in_the_order_of_distance() {
    check(&modern(), &REQUESTS);
}

#[test]
fn with_limits_and_versions_of_ip() {
    check(
        &modern(),
        &[
            "repo=baseos-9&arch=x86_64&exclude=mirror.berlin.example from 2001:db8::1",
            "repo=baseos-9&arch=x86_64&country=fr from 192.0.2.1",
            "repo=baseos-9&arch=x86_64&country=ca,us from 192.0.2.1",
            "repo=baseos-9&arch=x86_64&ip_version=6 from 198.18.0.1",
            "repo=baseos-9&arch=x86_64 from 198.18.0.1",
            "repo=baseos-9&arch=x86_64 from 198.18.1.1",
        ],
    );
    // The first one of a list of one works over IPv6.
    let mut options = modern();
    options.shaping.max_mirrors = Some(1);
    check(&options, &["repo=baseos-9&arch=x86_64 from 2001:db8::1"]);
}

#[test]
fn in_redirects() {
    let requests = [
        "repo=baseos-9&arch=x86_64&redirect from 192.0.2.1",
        "repo=baseos-9&arch=x86_64&redirect from 198.51.100.200",
        "repo=baseos-9&arch=x86_64&redirect from 198.18.0.1",
        "repo=baseos-9&arch=x86_64&redirect from 2001:db8::1",
    ];
    check(&Options::default(), &requests);
    check(&Options { redirect_retry: NonZeroU64::new(60), ..modern() }, &requests);
}

#[test]
fn with_mirrors_that_are_behind() {
    let redirect = "repo=baseos-9&arch=x86_64&redirect from 192.0.2.1";
    let requests = [&REQUESTS[..], &[redirect]].concat();
    for options in [Options::default(), modern()] {
        compare(&serve_checked(&options), &requests);
    }
    let mut options = Options { redirect_retry: NonZeroU64::new(60), ..modern() };
    options.shaping.max_mirrors = Some(1);
    compare(&serve_checked(&options), &requests);
}
