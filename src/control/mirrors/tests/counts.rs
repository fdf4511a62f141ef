//! What metrics tell of sweeps.

use checks::observation::{End, Tier, Visit};
use tasks::changes::Changes;
use tasks::{Kinds, Tasks};

use super::super::counts::{Summary, SweepNumbers};
use super::*;
use crate::freshness::PublishTimes;
use crate::metrics::{Sources, write};

impl Site {
    /// What `/metrics` says of the checks.
    async fn metrics(&self) -> String {
        let sources = Sources {
            tasks: Tasks::new(self.store.clone(), Kinds::default(), Changes::default()),
            node: Arc::new(|| None),
            publish_times: Arc::new(PublishTimes::default),
            checks: Some(Arc::clone(&self.checker.counts)),
        };
        write(&sources).await
    }

    /// The value of a metric; `None` if it is not there.
    async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.metrics().await;
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let found = lines.find(|(name, _)| *name == series)?;
        found.1.parse().ok()
    }

    #[track_caller]
    fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_what_a_sweep_has_seen() {
    let site = Site::new().await;
    assert_eq!(site.metric("mirrorlistd_checks_settled").await, None, "nothing is known yet");
    // The first visit asks whether a mirror is there, the next one what it has.
    site.sweep().await;
    site.pass(60);
    site.sweep().await;
    let text = site.metrics().await;
    for line in [
        "mirrorlistd_mirrors{state=\"up\",listed=\"yes\"} 5.0",
        "mirrorlistd_mirrors{state=\"down\",listed=\"no\"} 0.0",
        "mirrorlistd_mirrors_unvisited 0.0",
        "mirrorlistd_checks_settled 1.0",
        "mirrorlistd_mirror_own_fault 0.0",
        "mirrorlistd_mirror_own_fault_judgings_total 0",
        "mirrorlistd_mirror_sweep_age_seconds 0.0",
        "mirrorlistd_mirror_visits_due 0.0",
        "mirrorlistd_mirror_visits_running 0.0",
        "mirrorlistd_mirror_visits_total{tier=\"probe\",end=\"good\"} 5",
        "mirrorlistd_mirror_visits_total{tier=\"hash\",end=\"good\"} 5",
        "mirrorlistd_mirror_visits_total{tier=\"hash\",end=\"failed\"} 0",
        "mirrorlistd_mirror_visit_seconds_count{tier=\"hash\"} 5",
        "mirrorlistd_mirror_requests_total 10",
        "mirrorlistd_mirror_urls_asked_total{scheme=\"http\",ip=\"4\",outcome=\"good\"} 10",
        "mirrorlistd_mirror_urls_asked_total{scheme=\"http\",ip=\"6\",outcome=\"untested\"} 5",
        "mirrorlistd_mirror_failures_total{of=\"url\",class=\"dns\"} 0",
        "mirrorlistd_mirror_certificates{validity=\"ends_soon\"} 0.0",
        "mirrorlistd_mirror_repositories{status=\"current\"} 5.0",
        "mirrorlistd_mirror_behind_seconds{quantile=\"1\"} 0.0",
        "mirrorlistd_repositories{best=\"current\"} 1.0",
        "mirrorlistd_repositories{best=\"none\"} 0.0",
        "mirrorlistd_findings_age_seconds 0.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let made = format!("mirrorlistd_findings_made_timestamp_seconds {}.0", site.findings().made);
    assert!(text.lines().any(|found| found == made), "{made} is not in\n{text}");
    assert!(!NAMES.iter().any(|name| text.contains(name)), "no mirror is a label");
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_mirrors_by_state_and_by_what_is_listed() {
    let site = Site::new().await;
    site.sweep().await;
    site.mirrors[1].behave(Behaviour::HangUp);
    site.sweep_until(|found| is_hidden(found, "lima")).await;
    site.pause("oslo").await;
    site.pass(60);
    site.sweep().await;
    for (state, listed, n) in [("up", "yes", 3.0), ("down", "no", 1.0), ("paused", "no", 1.0)] {
        let series = format!("mirrorlistd_mirrors{{state=\"{state}\",listed=\"{listed}\"}}");
        assert_eq!(site.metric(&series).await, Some(n), "{series}");
    }
    let failed =
        site.metric("mirrorlistd_mirror_visits_total{tier=\"probe\",end=\"failed\"}").await;
    assert!(failed.unwrap() >= 2.0, "{failed:?}");
    let classes = "mirrorlistd_mirror_failures_total{of=\"url\",class=\"truncated\"}";
    assert!(site.metric(classes).await.unwrap() >= 3.0, "{}", site.metrics().await);
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_that_the_fault_is_our_own_while_it_is() {
    let site = Site::new().await;
    site.sweep().await;
    site.mirrors.iter().for_each(|mirror| mirror.behave(Behaviour::HangUp));
    for _ in 0..30 {
        site.pass(60);
        site.sweep().await;
    }
    assert_eq!(site.metric("mirrorlistd_mirror_own_fault").await, Some(1.0));
    let n = site.metric("mirrorlistd_mirror_own_fault_judgings_total").await.unwrap();
    assert!(n > 1.0, "{n}");
    assert!(!NAMES.iter().any(|name| is_hidden(&site.findings(), name)));
    site.mirrors.iter().for_each(|mirror| mirror.behave(Behaviour::Good));
    for _ in 0..30 {
        site.pass(60);
        site.sweep().await;
    }
    assert_eq!(site.metric("mirrorlistd_mirror_own_fault").await, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_for_how_long_no_sweep_has_come_to_its_end() {
    let site = Site::new().await;
    site.sweep().await;
    let ages = async || {
        let names = ["mirrorlistd_mirror_sweep_age_seconds", "mirrorlistd_findings_age_seconds"];
        [site.metric(names[0]).await.unwrap(), site.metric(names[1]).await.unwrap()]
    };
    site.break_after(0, "write_checks");
    site.pass(600);
    site.try_sweep(None).await.unwrap_err();
    assert_eq!(ages().await, [600.0, 0.0], "at its beginning, findings were right");
    site.pass(600);
    site.try_sweep(None).await.unwrap_err();
    assert_eq!(ages().await, [1_200.0, 600.0]);
    assert!(site.metric("mirrorlistd_checks_settled").await.is_some());
    site.pass(3_600);
    // Somebody else may have learned more meanwhile.
    assert_eq!(site.metric("mirrorlistd_checks_settled").await, None);
    assert_eq!(site.metric("mirrorlistd_repositories{best=\"current\"}").await, None);
    site.mend();
    // One mirror is not all of them.
    site.try_sweep(Some("oslo")).await.unwrap();
    assert_eq!(ages().await, [4_800.0, 0.0]);
    site.sweep().await;
    assert_eq!(ages().await, [0.0, 0.0]);
    // The clock is set back.
    site.now.store(START - 5, Ordering::Relaxed);
    assert_eq!(ages().await, [0.0, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn visits_that_wait_are_told_with_the_age_of_the_oldest() {
    let site = Site::new().await;
    let counts = &site.checker.counts;
    let due = counts.due();
    due.set([0, START - 50, START - 70].into_iter());
    assert_eq!((counts.n_due(), counts.due_age()), (3, 70));
    due.set([0].into_iter());
    assert_eq!((counts.n_due(), counts.due_age()), (1, 0), "it was never visited");
    due.set([START - 50].into_iter());
    drop(due);
    assert_eq!((counts.n_due(), counts.due_age()), (0, 0), "the sweep has ended");
}

fn visit(mirror: &str) -> Visit {
    Visit {
        mirror: mirror.to_owned(),
        tier: Tier::Hash,
        round: 1,
        started: START,
        millis: 70_000,
        is_asked: false,
        requests: 3,
        bytes: 4_096,
        end: End::Budget("bytes".into()),
        urls: Vec::new(),
        repositories: Vec::new(),
        directories: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn visits_count_by_their_end_and_as_cancelled_without_one() {
    let site = Site::new().await;
    let counts = &site.checker.counts;
    let (ended, dropped) = (counts.begin(Tier::Hash), counts.begin(Tier::Probe));
    assert_eq!(counts.n_running(), 2);
    ended.end(&visit("oslo"));
    drop(dropped);
    assert_eq!(counts.n_running(), 0);
    for (series, n) in [
        ("mirrorlistd_mirror_visits_total{tier=\"hash\",end=\"budget\"}", 1.0),
        ("mirrorlistd_mirror_visits_total{tier=\"probe\",end=\"cancelled\"}", 1.0),
        ("mirrorlistd_mirror_visit_seconds_bucket{tier=\"hash\",le=\"60.0\"}", 0.0),
        ("mirrorlistd_mirror_visit_seconds_bucket{tier=\"hash\",le=\"120.0\"}", 1.0),
        ("mirrorlistd_mirror_visit_seconds_count{tier=\"probe\"}", 0.0),
        ("mirrorlistd_mirror_received_bytes_total", 4_096.0),
    ] {
        assert_eq!(site.metric(series).await, Some(n), "{series}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_visit_that_the_store_refuses_does_not_end_the_sweep() {
    let site = Site::new().await;
    let task = site.task().await;
    let run = Run::new(site.store.clone(), "1".into(), (task.id, task.claim));
    // The store has no room for such a key.
    site.checker.record(&visit(&"k".repeat(1_000)), &run).await.unwrap();
    site.checker.record(&visit("oslo"), &run).await.unwrap();
    let open = OpenVisits { site: "main".into(), limit: 9 };
    let open = site.store.run(open).await.unwrap();
    assert_eq!(open.iter().map(|visit| &*visit.mirror).collect::<Vec<_>>(), ["oslo"]);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_rests_whose_visit_the_store_refuses() {
    let site = Site::new().await;
    site.break_after(0, "record_visit");
    site.faults.is_lasting.store(true, Ordering::Relaxed);
    assert_eq!(site.sweep().await["visits"], 5);
    let asked = site.asked();
    for _ in 0..10 {
        site.pass(300);
        assert_eq!(site.sweep().await["visits"], 0);
    }
    assert_eq!(site.asked(), asked);
    // Who asks for a visit gets it.
    assert_ne!(site.try_sweep(Some("oslo")).await.unwrap()["visits"], 0);
    site.mend();
    site.pass(3_600);
    assert_eq!(site.sweep().await["visits"], 5);
    assert_eq!(site.metric("mirrorlistd_mirrors_unvisited").await, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_mirrors_is_told_while_nothing_changes() {
    let site = Site::new().await;
    site.sweep().await;
    for name in NAMES {
        site.pause(name).await;
    }
    let paused = "mirrorlistd_mirrors{state=\"paused\",listed=\"no\"}";
    for _ in 0..5 {
        site.sweep().await;
        assert_eq!(site.metric(paused).await, Some(5.0));
        site.pass(3_000);
        assert_eq!(site.metric(paused).await, Some(5.0));
    }
}

#[test]
fn where_sweeps_are_rare_what_they_knew_is_told_for_longer() {
    let now = Arc::new(AtomicU64::new(START));
    let of_counts = Arc::clone(&now);
    let clock = Arc::new(move || of_counts.load(Ordering::Relaxed));
    let counts = SweepNumbers::new(clock, Duration::from_secs(7_200));
    assert!(counts.summary().is_none() && counts.is_own_fault().is_none());
    counts.set_summary(Summary::default());
    counts.note_judging(1, true);
    now.store(START + 21_600, Ordering::Relaxed);
    assert!(counts.summary().is_some() && counts.is_own_fault() == Some(true));
    now.store(START + 21_601, Ordering::Relaxed);
    assert!(counts.summary().is_none() && counts.is_own_fault().is_none());
}

#[tokio::test(start_paused = true)]
async fn without_a_network_the_fault_is_our_own_until_that_was_long_ago() {
    let mut site = Site::new().await;
    let own_fault = "mirrorlistd_mirror_own_fault";
    assert_eq!(site.metric(own_fault).await, None, "nothing was judged yet");
    site.sweep().await;
    assert_eq!(site.metric(own_fault).await, Some(0.0));
    // A world without the hosts that everybody knows.
    let crawler = World::default().crawler(Limits::default());
    site.checker.crawling = Arc::new(Crawling::new(crawler, Vec::new()));
    site.pass(3_600);
    let failed = site.try_sweep(None).await.unwrap_err();
    assert!(matches!(failed, Failure::Failed { code: "no_network", .. }), "{failed:?}");
    assert_eq!(site.metric(own_fault).await, Some(1.0));
    assert_eq!(site.metric("mirrorlistd_mirror_own_fault_judgings_total").await, Some(0.0));
    // Another node makes the sweeps.
    site.pass(3_601);
    assert_eq!(site.metric(own_fault).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_scan_does_not_look_fresh_because_somebody_edits_the_catalog() {
    let site = Site::new().await;
    let later = std::time::SystemTime::now() + Duration::from_secs(1_000_000);
    let catalog = fs::File::options().append(true).open(site.folder.path().join("catalog.toml"));
    catalog.unwrap().set_modified(later).unwrap();
    site.sweep().await;
    let index = index::Index::read(&site.folder.path().join("index")).unwrap();
    let told = site.metric("mirrorlistd_primary_scan_timestamp_seconds").await;
    #[allow(clippy::cast_precision_loss, reason = "far less than 2^53")]
    let scanned = index.scanned() as f64;
    assert_eq!(told, Some(scanned));
    assert_eq!(site.checker.known.lock().await.history.scanned(), index.scanned());
}
