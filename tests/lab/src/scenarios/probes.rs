//! Probes: URLs over versions of IP, names, certificates, and mirrors that have trouble.

use checks::class::FailureClass;
use checks::observation::{End, Tier};
use model::families::IpVersion;
use visits::limits::Limits;
use visits::own_versions;

use super::stage::{
    BOTH, FILES, NOW, PROBE, V4, V6, class, http_date, over, plan, probe_v4, urls, visit, visit_by,
};
use crate::authority::{Authority, EXPIRED_SINCE, GOOD_UNTIL, GOOD_UNTIL_SECONDS};
use crate::mirror::{Behaviour, Mirror};
use crate::names::Answer;
use crate::network::Listener;
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_good_mirror_is_good_over_both_versions_with_one_request_each() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", BOTH, Behaviour::Good, FILES);
    let base =
        ["https://m.example.org/pub", "http://m.example.org/pub", "rsync://m.example.org/pub"];
    let (visited, lines) = visit(&world, &plan(Tier::Probe, &base)).await;
    assert_eq!(
        urls(&visited),
        [
            "https://m.example.org/pub 4 good",
            "https://m.example.org/pub 6 good",
            "http://m.example.org/pub 4 good",
            "http://m.example.org/pub 6 good",
        ]
    );
    let visit = &visited.visit;
    assert_eq!((visit.requests, visit.end.clone()), (4, End::Complete));
    assert_eq!(visit.bytes, 4 * FILES[0].1.len() as u64);
    assert_eq!((visit.mirror.as_str(), visit.round, visit.started), ("berlin", 7, NOW));
    let addresses: Vec<_> =
        visit.urls.iter().map(|seen| seen.address.unwrap().to_string()).collect();
    assert_eq!(addresses, [V4, V6, V4, V6]);
    let expires: Vec<_> = visit.urls.iter().map(|seen| seen.certificate_expires).collect();
    let good = Some(GOOD_UNTIL_SECONDS);
    assert_eq!(expires, [good, good, None, None]);
    assert!(visit.urls.iter().all(|seen| seen.first_byte == Some(0)));
    assert_eq!(world.network.attempts().len(), 4);
    assert_eq!(world.network.n_open(), 0);
    assert_eq!(world.names.n_asked("m.example.org"), 1);
    let asked = &mirror.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", &*format!("/pub/{PROBE}")));
    assert_eq!(asked.headers["host"], "m.example.org");
    assert_eq!(asked.headers["user-agent"], "mirrorlistd-crawler/0.0 (+https://lab.example/)");
    assert_eq!(asked.headers["range"], "bytes=0-1023");
    assert_eq!(asked.headers["accept-encoding"], "identity");
    assert!(lines.last().unwrap().contains("end: complete; 4 requests"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_address_of_ipv6_fails_over_ipv6_alone() {
    for (listener, expected, millis) in [
        (Listener::Silent, "connect_timeout", 10_000..15_000),
        (Listener::Unreachable, "connect_timeout", 2_000..5_000),
    ] {
        let world = World::default();
        world.mirror("m.example.org", BOTH, Behaviour::Good, FILES);
        world.listen(V6, 80, listener);
        let (visited, lines) =
            visit(&world, &plan(Tier::Probe, &["http://m.example.org/pub"])).await;
        let v6 = format!("http://m.example.org/pub 6 {expected}");
        assert_eq!(urls(&visited), ["http://m.example.org/pub 4 good", &v6]);
        assert_eq!(visited.visit.requests, 1);
        // One retry.
        assert_eq!(world.network.attempts().len(), 3);
        assert!(millis.contains(&visited.visit.millis), "{}", visited.visit.millis);
        let curl = "repeat: curl -6 -gsv -o /dev/null --connect-timeout 5 --max-time 30 \
                    -A 'mirrorlistd-crawler/0.0 (+https://lab.example/)' -r 0-1023 \
                    --resolve 'm.example.org:80:[2a00::1]' \
                    'http://m.example.org/pub/9/os/repodata/repomd.xml'";
        assert!(lines.iter().any(|line| line.ends_with(curl)), "{lines:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_of_a_version_are_tried_in_turn_and_four_at_most() {
    let world = World::default();
    world.mirror("m.example.org", &["8.8.8.5"], Behaviour::Good, FILES);
    world.names.add("m.example.org", &["8.8.8.1", "8.8.8.5", "8.8.8.2"]);
    assert_eq!(probe_v4(&world).await.0, None);
    assert_eq!(world.network.attempts().len(), 2);

    let world = World::default();
    world.mirror("m.example.org", &["8.8.8.5"], Behaviour::Good, FILES);
    world.names.add("m.example.org", &["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5"]);
    assert_eq!(probe_v4(&world).await.0, Some(FailureClass::ConnectRefused));
    assert_eq!(world.network.attempts().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn versions_that_nobody_has_are_not_tested() {
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let mut plan = plan(Tier::Probe, &["http://m.example.org/pub"]);
    let (visited, _) = visit(&world, &plan).await;
    let v6 = "http://m.example.org/pub 6 no address";
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 good", v6]);
    plan.versions = vec![IpVersion::V6];
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 not tested", v6]);
    assert_eq!(visited.visit.requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_gone_is_the_mirrors_fault_and_a_dead_resolver_is_ours() {
    let url = ["http://m.example.org/pub"];
    for (answers, expected, millis) in [
        (vec![], "dns", 0),
        (vec![Answer::Addresses(vec![])], "dns", 0),
        (vec![Answer::TryAgain], "own_network", 0),
        (vec![Answer::Never], "own_network", 5_000),
    ] {
        let world = World::default();
        if !answers.is_empty() {
            world.names.script("m.example.org", answers);
        }
        let (visited, _) = visit(&world, &plan(Tier::Probe, &url)).await;
        let line = |version| format!("http://m.example.org/pub {version} {expected}");
        assert_eq!(urls(&visited), [line(4), line(6)]);
        // One look-up for the visit.
        assert!((millis..millis + 10).contains(&visited.visit.millis), "{}", visited.visit.millis);
        assert_eq!(visited.visit.requests, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_certificate_ends_the_https_url_alone() {
    let expired = Some(1_577_836_800);
    for (name, year, authority, expected, expires) in [
        ("m.example.org", EXPIRED_SINCE, None, "tls_expired", expired),
        ("other.example.org", GOOD_UNTIL, None, "tls_name", None),
        ("m.example.org", GOOD_UNTIL, Some(Authority::default()), "tls_other", None),
    ] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
        let tls = authority.as_ref().unwrap_or(&world.authority).certify(&[name], year);
        world.listen(V4, 443, Listener::Tls(mirror, tls));
        let mut plan =
            plan(Tier::Probe, &["https://m.example.org/pub", "http://m.example.org/pub"]);
        plan.versions = vec![IpVersion::V4];
        let (visited, _) = visit(&world, &plan).await;
        let https = format!("https://m.example.org/pub 4 {expected}");
        let seen = urls(&visited);
        assert_eq!([&*seen[0], &*seen[2]], [&*https, "http://m.example.org/pub 4 good"]);
        assert_eq!(visited.visit.urls[0].certificate_expires, expires);
        // A certificate does not get better by asking again.
        assert_eq!(world.network.attempts().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_speak_tls_at_its_port_ends_in_time() {
    for (behaviour, millis) in [(Behaviour::Silent, 5_000), (Behaviour::Garbage, 5_000)] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], behaviour, FILES);
        world.listen(V4, 443, Listener::Plain(mirror));
        let (visited, _) = visit(&world, &plan(Tier::Probe, &["https://m.example.org/pub"])).await;
        assert_eq!(class(&visited.visit.urls[0].outcome), Some(FailureClass::TlsOther));
        assert!(visited.visit.millis <= millis + 10, "{}", visited.visit.millis);
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_mirror_is_left_alone() {
    for (status, value, seconds) in [
        (429, http_date(NOW + 90), Some(90)),
        (503, "7200".into(), Some(3_600)),
        (503, "x".into(), None),
    ] {
        let world = World::default();
        let headers = vec![("Retry-After", value)];
        let behaviour = Behaviour::Status(status, headers);
        let mirror = world.mirror("m.example.org", BOTH, behaviour, FILES);
        let base = ["http://m.example.org/pub", "https://m.example.org/pub"];
        let (visited, _) = visit(&world, &plan(Tier::Probe, &base)).await;
        assert_eq!(visited.visit.end, End::Busy(seconds));
        assert_eq!(urls(&visited), ["http://m.example.org/pub 4 busy"]);
        assert_eq!(mirror.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_have_their_classes_and_server_errors_one_retry() {
    use FailureClass::*;
    for (status, expected, n_asked) in [
        (401, Forbidden, 1),
        (403, Forbidden, 1),
        (404, Missing, 1),
        (410, Missing, 1),
        (418, Http4xx, 1),
        (500, Http5xx, 2),
        (502, Http5xx, 2),
        (204, Protocol, 1),
    ] {
        let world = World::default();
        let behaviour = Behaviour::Status(status, vec![]);
        let mirror = world.mirror("m.example.org", &[V4], behaviour, FILES);
        let (class, _) = probe_v4(&world).await;
        assert_eq!((class, mirror.asked().len()), (Some(expected), n_asked), "{status}");
        // Over the same connection.
        assert_eq!(world.network.attempts().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_within_a_few_seconds_is_no_failure() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Flaky(1), FILES);
    let (class, millis) = probe_v4(&world).await;
    assert_eq!((class, mirror.asked().len()), (None, 2));
    assert!((2_000..5_010).contains(&millis), "{millis}");
}

#[tokio::test(start_paused = true)]
async fn a_page_for_people_is_no_file_and_a_directory_may_be_one() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Page, FILES);
    assert_eq!(probe_v4(&world).await.0, Some(FailureClass::Soft404));
    let mut top = plan(Tier::Probe, &["http://m.example.org/pub"]);
    top.trees[0].probes.clear();
    let (visited, _) = visit(&world, &top).await;
    assert_eq!(urls(&visited)[0], "http://m.example.org/pub 4 good");
    assert_eq!(mirror.lines().last().unwrap(), "GET /pub/");
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_leaves_out_a_repository_is_asked_for_another() {
    for (behaviour, files, expected, n_asked) in [
        (Behaviour::Good, FILES, None, 2),
        (Behaviour::Good, &[][..], Some(FailureClass::Missing), 3),
        (Behaviour::Status(403, vec![]), FILES, Some(FailureClass::Forbidden), 3),
        (Behaviour::Page, FILES, Some(FailureClass::Soft404), 3),
        // It is the server that fails: another file would show no more. With a retry.
        (Behaviour::Status(500, vec![]), FILES, Some(FailureClass::Http5xx), 2),
    ] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], behaviour.clone(), files);
        let mut plan = over(&[IpVersion::V4], plan(Tier::Probe, &["http://m.example.org/pub"]));
        let new = "10/new/repodata/repomd.xml";
        plan.trees[0].probes = [new, PROBE, "9/last/repodata/repomd.xml"].map(str::to_owned).into();
        let (visited, _) = visit(&world, &plan).await;
        assert_eq!(class(&visited.visit.urls[0].outcome), expected, "{behaviour:?}");
        assert_eq!((visited.visit.urls.len(), mirror.asked().len()), (1, n_asked), "{behaviour:?}");
        assert_eq!(world.network.attempts().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_replaced_by_an_expired_one_is_seen_at_the_next_visit() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Good, FILES);
    let crawler = world.crawler(Limits::default());
    let plan = over(&[IpVersion::V4], plan(Tier::Probe, &["https://m.example.org/pub"]));
    let (visited, _) = visit_by(&crawler, &plan).await;
    assert_eq!(urls(&visited), ["https://m.example.org/pub 4 good"]);
    let expired = world.authority.certify(&["m.example.org"], EXPIRED_SINCE);
    world.listen(V4, 443, Listener::Tls(mirror, expired));
    let (visited, _) = visit_by(&crawler, &plan).await;
    assert_eq!(urls(&visited), ["https://m.example.org/pub 4 tls_expired"]);
}

#[tokio::test(start_paused = true)]
async fn our_own_versions_are_those_over_which_a_known_host_is_there() {
    let world = World::default();
    world.mirror("a.example.org", &[V4, V6], Behaviour::Good, &[]);
    world.listen(V6, 443, Listener::Silent);
    world.names.add("b.example.org", &["8.8.4.4"]);
    world.names.script("dead.example.org", vec![Answer::Never]);
    let crawler = world.crawler(Limits::default());
    let targets = [("dead.example.org", 443), ("b.example.org", 443), ("a.example.org", 443)];
    let mut lines = Vec::new();
    let versions = own_versions::find(&crawler, targets, &mut lines).await;
    assert_eq!(versions, [IpVersion::V4], "{lines:#?}");
    assert_eq!(lines.len(), 6);
    world.listen(V6, 443, Listener::Plain(Mirror::default().into()));
    let versions = own_versions::find(&crawler, targets, &mut lines).await;
    assert_eq!(versions, IpVersion::ALL);
}
