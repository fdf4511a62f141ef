//! What owners and operators say of mirrors.

use checks::state::Maintenance;

use super::*;
use crate::mirrors::owners::CheckIn;

#[tokio::test(start_paused = true)]
async fn a_pause_is_in_the_findings_after_the_next_sweep() {
    let site = Site::new().await;
    site.sweep().await;
    site.pause("oslo").await;
    let resume = Switch::Resume { is_by_owner: false };
    assert_eq!(site.checker.turn("olso", &resume).await.unwrap(), None);
    let shown = site.checker.show("oslo", Disclosure::Full).await.unwrap().unwrap();
    assert_eq!(shown["mirror"]["paused"]["note"], "moves house", "{shown}");
    assert_eq!(shown["mirror"]["listed"], "no");
    site.sweep().await;
    assert!(site.findings().mirrors["oslo"].is_decided, "{:?}", site.findings());
    assert_eq!(site.checker.turn("oslo", &resume).await.unwrap(), Some(Ok(())));
    site.sweep().await;
    assert!(!is_hidden(&site.findings(), "oslo"));
}

#[tokio::test(start_paused = true)]
async fn what_operators_have_noted_is_not_told_to_owners() {
    let site = Site::new().await;
    site.sweep().await;
    site.pause("oslo").await;
    let (from, until) = (START + 3_600, START + 7_200);
    let note = "does not pay".to_owned();
    site.turn("oslo", Switch::Plan(Maintenance { from, until, note, is_by_owner: false })).await;
    let shown = site.checker.show("oslo", Disclosure::Full).await.unwrap().unwrap().to_string();
    assert!(shown.contains("moves house") && shown.contains("does not pay"), "{shown}");
    let shown = site.checker.show("oslo", Disclosure::Public).await.unwrap().unwrap();
    let (paused, planned) = (&shown["mirror"]["paused"], &shown["mirror"]["maintenance"][0]);
    assert!(paused["since"].is_string() && paused["note"].is_null(), "{shown}");
    assert!(planned["until"].is_string() && planned["note"].is_null(), "{shown}");
    let text = shown.to_string();
    assert!(!text.contains("moves house") && !text.contains("does not pay"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn maintenance_begins_and_ends_by_itself_and_its_failures_do_not_count() {
    let site = Site::new().await;
    site.sweep().await;
    let (from, until) = (START + 3_600, START + 7_200);
    let note = "new disks".to_owned();
    site.turn("oslo", Switch::Plan(Maintenance { from, until, note, is_by_owner: true })).await;
    let now = || site.now.load(Ordering::Relaxed);
    let shown = site.checker.show("oslo", Disclosure::Full).await.unwrap().unwrap();
    assert_eq!(shown["mirror"]["listed"], "yes", "{shown}");
    assert_eq!(shown["mirror"]["maintenance"][0]["note"], "new disks", "{shown}");
    site.sweep_until(|found| is_hidden(found, "oslo")).await;
    assert!((from..from + 180).contains(&now()), "{}", now() - from);
    assert!(site.findings().mirrors["oslo"].is_decided);
    let mirror = &site.mirrors[2];
    mirror.behave(Behaviour::HangUp);
    while now() < until - 120 {
        site.now.fetch_add(60, Ordering::Relaxed);
        site.sweep().await;
    }
    mirror.behave(Behaviour::Good);
    site.sweep_until(|found| !is_hidden(found, "oslo")).await;
    assert!((until..until + 180).contains(&now()), "{}", now() - until);
    let shown = site.checker.show("oslo", Disclosure::Full).await.unwrap().unwrap();
    let (mirror, none) = (&shown["mirror"], Value::Array(Vec::new()));
    assert_eq!((&mirror["events"], &mirror["maintenance"]), (&none, &none), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_check_in_is_followed_by_a_visit_and_lifts_nothing() {
    let site = Site::new().await;
    site.sweep().await;
    site.now.fetch_add(60, Ordering::Relaxed);
    site.sweep().await;
    let what = CheckIn { finished_at: None, n_directories: Some(7) };
    assert_eq!(site.checker.check_in("olso", what).await.unwrap(), None);
    let begin = site.now.fetch_add(700, Ordering::Relaxed) + 700;
    site.sweep().await;
    let before = site.asked();
    // It is not due for minutes; others are neither.
    site.pause("oslo").await;
    assert_eq!(site.checker.check_in("oslo", what).await.unwrap(), Some(begin));
    let mut minutes = 0;
    while site.asked()[2] == before[2] {
        minutes += 1;
        assert!(minutes <= 5, "it was not visited");
        site.now.fetch_add(60, Ordering::Relaxed);
        site.sweep().await;
    }
    assert!(minutes > 1, "it was visited at once");
    let shown = site.checker.show("oslo", Disclosure::Full).await.unwrap().unwrap();
    assert_eq!(shown["mirror"]["checked_in"]["directories"], 7, "{shown}");
    assert_eq!(shown["mirror"]["why"], "paused", "{shown}");
}
