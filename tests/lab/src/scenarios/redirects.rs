//! Redirects.

use checks::class::FailureClass;
use checks::observation::Tier;
use model::families::IpVersion;
use visits::redirect::RedirectPolicy;

use super::stage::{
    FILES, REPOMD, V4, class, hash_plan, over, plan, probe_v4, repositories, visit,
};
use crate::mirror::Behaviour;
use crate::world::World;

const ELSEWHERE: &str = "8.8.4.4";

#[tokio::test(start_paused = true)]
async fn a_mirror_is_up_through_another_host_which_is_recorded() {
    let world = World::default();
    let to = Behaviour::Redirect("http://cdn.example.com".into());
    world.mirror("m.example.org", &[V4], to, &[]);
    let cdn = world.mirror("cdn.example.com", &[ELSEWHERE], Behaviour::Good, FILES);
    let mut plan = plan(Tier::Probe, &["http://m.example.org/pub"]);
    let (visited, _) = visit(&world, &plan).await;
    let seen = &visited.visit.urls[0];
    assert_eq!(class(&seen.outcome), None);
    assert_eq!(seen.redirected_to.as_deref(), Some("cdn.example.com"));
    assert_eq!(seen.address.unwrap().to_string(), ELSEWHERE);
    assert_eq!(cdn.asked()[0].headers["host"], "cdn.example.com");
    for policy in [RedirectPolicy::SameSite, RedirectPolicy::Refuse] {
        plan.redirects = policy;
        let (visited, _) = visit(&world, &plan).await;
        let seen = &visited.visit.urls[0];
        assert_eq!(class(&seen.outcome), Some(FailureClass::RedirectRefused));
        assert_eq!(seen.redirected_to, None);
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_within_a_site_are_no_other_host() {
    let world = World::default();
    let to = Behaviour::Redirect("https://files.example.org".into());
    world.mirror("m.example.org", &[V4], to, &[]);
    world.mirror("files.example.org", &[ELSEWHERE], Behaviour::Good, FILES);
    let mut plan = plan(Tier::Probe, &["http://m.example.org/pub"]);
    plan.redirects = RedirectPolicy::SameSite;
    let (visited, _) = visit(&world, &plan).await;
    let seen = &visited.visit.urls[0];
    assert_eq!((class(&seen.outcome), seen.redirected_to.as_deref()), (None, None));
    assert!(seen.certificate_expires.is_some());
}

#[tokio::test(start_paused = true)]
async fn from_https_to_http_none_is_followed() {
    let world = World::default();
    let to = Behaviour::Redirect("http://m.example.org".into());
    let mirror = world.mirror("m.example.org", &[V4], to, FILES);
    let (visited, _) = visit(&world, &plan(Tier::Probe, &["https://m.example.org/pub"])).await;
    assert_eq!(class(&visited.visit.urls[0].outcome), Some(FailureClass::RedirectRefused));
    assert_eq!(mirror.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn circles_and_chains_without_end_cost_five_redirects_at_most() {
    for (behaviour, n_asked) in [
        (Behaviour::Redirect(String::new()), 1),
        (Behaviour::Redirect("http://m.example.org/x".into()), 6),
        (Behaviour::RedirectForEver, 6),
        (Behaviour::Redirect("http://[::1".into()), 1),
        (Behaviour::Redirect("file:///etc".into()), 1),
    ] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], behaviour.clone(), &[]);
        let (class, _) = probe_v4(&world).await;
        assert_eq!(class, Some(FailureClass::RedirectRefused), "{behaviour:?}");
        assert_eq!(mirror.asked().len(), n_asked, "{behaviour:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_what_is_not_there_means_that_the_file_is_missing() {
    for name in ["gone.example.com", "dead.example.com", "empty.example.com", "v6.example.com"] {
        let world = World::default();
        let to = Behaviour::Redirect(format!("http://{name}"));
        world.mirror("m.example.org", &[V4], to, &[]);
        world.names.add("dead.example.com", &[ELSEWHERE]);
        world.names.add("v6.example.com", &["2a00::2"]);
        if name == "empty.example.com" {
            world.mirror(name, &["8.8.4.5"], Behaviour::Good, &[]);
        }
        assert_eq!(probe_v4(&world).await.0, Some(FailureClass::Missing), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_redirects_every_file_costs_two_connections() {
    let world = World::default();
    let to = Behaviour::Redirect("https://cdn.example.com".into());
    let mirror = world.mirror("m.example.org", &[V4], to, &[]);
    let cdn = world.mirror("cdn.example.com", &[ELSEWHERE], Behaviour::Good, FILES);
    let plan = over(&[IpVersion::V4], hash_plan(&["http://m.example.org/pub"], &["9/os"; 20]));
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(repositories(&visited), ["9/os good"; 20]);
    assert_eq!(visited.visit.bytes as usize, REPOMD.len());
    assert_eq!((mirror.asked().len(), cdn.asked().len()), (20, 20));
    assert_eq!(world.network.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_command_of_curl_asks_what_failed_and_not_what_led_there() {
    for (behaviour, address, options) in [
        (Behaviour::Status(404, vec![]), ELSEWHERE, " --resolve 'cdn.example.com:80:8.8.4.4'"),
        // There is no address of this version of IP to ask.
        (Behaviour::Good, "2a00::2", ""),
    ] {
        let world = World::default();
        let to = Behaviour::Redirect("http://cdn.example.com".into());
        world.mirror("m.example.org", &[V4], to, &[]);
        world.mirror("cdn.example.com", &[address], behaviour, &[]);
        let plan = over(&[IpVersion::V4], plan(Tier::Probe, &["http://m.example.org/pub"]));
        let (_, lines) = visit(&world, &plan).await;
        let end =
            format!(" -r 0-1023{options} 'http://cdn.example.com/pub/9/os/repodata/repomd.xml'");
        let curl = lines.iter().find(|line| line.contains("repeat: curl -4 ")).unwrap();
        assert!(curl.ends_with(&end), "{curl}");
    }
}
