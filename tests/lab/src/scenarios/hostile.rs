//! Mirrors that stall, flood, or speak no HTTP: each costs its limits and nothing more.

use checks::class::FailureClass;
use checks::observation::End;
use model::families::IpVersion;

use super::stage::{FILES, V4, hash_plan, over, probe_v4, repositories, sample_plan, urls, visit};
use crate::mirror::Behaviour;
use crate::world::World;

/// Probes a mirror; its failure, how long it took in milliseconds, how many requests it got, and how many bytes
/// it sent.
async fn probe(behaviour: Behaviour) -> (Option<FailureClass>, u64, usize, u64) {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], behaviour, FILES);
    let (class, millis) = probe_v4(&world).await;
    assert_eq!(world.network.n_open(), 0);
    (class, millis, mirror.asked().len(), mirror.sent())
}

/// Reads the hash of a mirror; what was seen of the repository, how long it took in milliseconds, bytes that
/// count for the budget, and bytes that the mirror sent.
async fn hash(behaviour: Behaviour) -> (Vec<String>, u64, u64, u64) {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], behaviour, FILES);
    let plan = over(&[IpVersion::V4], hash_plan(&["http://m.example.org/pub"], &["9/os"]));
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(visited.visit.end, End::Complete);
    assert_eq!(world.network.n_open(), 0);
    (repositories(&visited), visited.visit.millis, visited.visit.bytes, mirror.sent())
}

#[tokio::test(start_paused = true)]
async fn whoever_stalls_is_given_up_in_time_and_not_asked_again() {
    for (behaviour, millis) in
        [(Behaviour::Silent, 10_000), (Behaviour::DripHead, 10_000), (Behaviour::Drip, 30_000)]
    {
        let (class, took, n_asked, sent) = probe(behaviour.clone()).await;
        assert_eq!((class, n_asked), (Some(FailureClass::ReadTimeout), 1), "{behaviour:?}");
        assert!((millis..millis + 10).contains(&took), "{behaviour:?}: {took}");
        assert!(sent < 200, "{sent}");
    }
    let (seen, took, bytes, _) = hash(Behaviour::Drip).await;
    assert_eq!(seen, ["9/os read_timeout"]);
    assert!((30_000..30_010).contains(&took) && bytes < 31, "{took} {bytes}");
}

#[tokio::test(start_paused = true)]
async fn whoever_floods_costs_a_little_for_a_probe() {
    for (behaviour, expected) in [
        // These say 200 and begin to send a file.
        (Behaviour::Endless, None),
        (Behaviour::Huge(10 << 30), None),
        // Six bytes for each one of the file.
        (Behaviour::EndlessChunks, Some(FailureClass::Protocol)),
        (Behaviour::EndlessHead, Some(FailureClass::Protocol)),
        (Behaviour::HugeHead, Some(FailureClass::Protocol)),
        (Behaviour::EndlessInformation, Some(FailureClass::Protocol)),
    ] {
        let (class, millis, n_asked, sent) = probe(behaviour.clone()).await;
        assert_eq!((class, n_asked), (expected, 1), "{behaviour:?}");
        assert!(millis < 10, "{behaviour:?}: {millis}");
        // What the buffers of the connection hold is sent though nobody reads it.
        let most = if behaviour == Behaviour::HugeHead { 2 << 20 } else { 256 << 10 };
        assert!(sent <= most, "{behaviour:?}: {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_floods_costs_eight_mebibytes_for_a_hash() {
    for (behaviour, expected) in [
        (Behaviour::Endless, "9/os size_mismatch"),
        (Behaviour::Huge(10 << 30), "9/os size_mismatch"),
        (Behaviour::EndlessChunks, "9/os protocol"),
    ] {
        let (seen, _, bytes, sent) = hash(behaviour.clone()).await;
        assert_eq!(seen, [expected], "{behaviour:?}");
        assert!(bytes <= (8 << 20) + (64 << 10), "{behaviour:?}: {bytes}");
        assert!(sent <= 18 << 20, "{behaviour:?}: {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_or_ends_early_has_its_class() {
    use FailureClass::{Protocol, Truncated};
    for (behaviour, expected, n_asked) in [
        (Behaviour::Garbage, Protocol, 1),
        (Behaviour::HangUp, Truncated, 2),
        (Behaviour::Truncated, Truncated, 2),
    ] {
        let (class, _, n, _) = probe(behaviour.clone()).await;
        assert_eq!((class, n), (Some(expected), n_asked), "{behaviour:?}");
    }
    for (behaviour, expected) in [
        (Behaviour::Truncated, "9/os truncated"),
        (Behaviour::Encoded, "9/os protocol"),
        (Behaviour::Page, "9/os soft_404"),
    ] {
        assert_eq!(hash(behaviour).await.0, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_never_answers_is_not_asked_for_all_of_its_repositories() {
    let world = World::default();
    let mirror = world.mirror("m.example.org", &[V4], Behaviour::Silent, FILES);
    let plan = over(&[IpVersion::V4], hash_plan(&["http://m.example.org/pub"], &["9/os"; 100]));
    let (visited, _) = visit(&world, &plan).await;
    // Nothing is known of the repositories.
    assert_eq!(repositories(&visited), Vec::<String>::new());
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 read_timeout"]);
    assert_eq!(mirror.asked().len(), 1);
    mirror.behave(Behaviour::Status(500, vec![]));
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(repositories(&visited), ["9/os http_5xx"; 3]);
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 http_5xx"]);
    // Each one with a retry.
    assert_eq!(mirror.asked().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn whoever_fails_for_all_that_is_asked_has_failed_however_little_that_is() {
    let url = ["http://m.example.org/pub"];
    for (behaviour, expected) in [
        (Behaviour::Status(500, vec![]), "http_5xx"),
        (Behaviour::Drip, "read_timeout"),
        (Behaviour::Truncated, "truncated"),
    ] {
        let world = World::default();
        let mirror = world.mirror("m.example.org", &[V4], behaviour.clone(), FILES);
        let failed = format!("http://m.example.org/pub 4 {expected}");
        for names in [&["9/os"][..], &["9/os", "9/os"]] {
            let plan = over(&[IpVersion::V4], hash_plan(&url, names));
            let (visited, _) = visit(&world, &plan).await;
            assert_eq!(urls(&visited), [&*failed], "{behaviour:?}");
            let each = format!("9/os {expected}");
            assert_eq!(repositories(&visited), vec![each; names.len()], "{behaviour:?}");
        }
        // One that has read something has not failed as a whole.
        mirror.behave(Behaviour::Good);
        let plan = over(&[IpVersion::V4], hash_plan(&url, &["9/gone", "9/os"]));
        let (visited, _) = visit(&world, &plan).await;
        assert_eq!(urls(&visited), ["http://m.example.org/pub 4 good"]);
    }
    let world = World::default();
    world.mirror("m.example.org", &[V4], Behaviour::Status(500, vec![]), FILES);
    let plan = over(&[IpVersion::V4], sample_plan(&url, &[("a/1.rpm", 3)]));
    let (visited, _) = visit(&world, &plan).await;
    assert_eq!(urls(&visited), ["http://m.example.org/pub 4 http_5xx"]);
}
