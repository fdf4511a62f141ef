//! What everybody is told of mirrors.

use store::operations::mirror::FindFact;
use store::record::Fact;

use super::*;
use crate::mirrors::listed::Listed;
use crate::mirrors::survey::Condition;
use crate::mirrors::surveyor::Desk;

#[tokio::test(start_paused = true)]
async fn a_survey_says_what_lists_have_and_is_made_when_something_has_changed() {
    let site = Site::new().await;
    let catalog = site.folder.path().join("catalog.toml");
    let private = "[[mirror]]\nkey = \"secret\"\nurls = [\"http://secret.example/pub\"]\n\
         country = \"DE\"\nprivate = true\nnetworks = [\"192.0.2.0/24\"]\n";
    fs::write(&catalog, fs::read_to_string(&catalog).unwrap() + private).unwrap();
    let mut last = Desk::default();
    let early = site.checker.survey(&mut last, true).await.unwrap().unwrap();
    assert!(!early.is_settled);
    let keys: Vec<&str> = early.mirrors.iter().map(|mirror| &*mirror.key).collect();
    assert_eq!(keys, NAMES, "none that is private");
    assert!(early.mirrors.iter().all(|mirror| mirror.condition == Condition::Unknown));
    assert!(site.checker.survey(&mut last, true).await.unwrap().is_none(), "nothing has changed");
    site.mirrors[1].behave(Behaviour::HangUp);
    site.sweep_until(|found| is_hidden(found, "lima")).await;
    let found = site.checker.survey(&mut last, true).await.unwrap().unwrap();
    for mirror in &found.mirrors {
        let (condition, listed) = match &*mirror.key {
            "lima" => (Condition::Down, Listed::No),
            _ => (Condition::InSync, Listed::Yes),
        };
        assert_eq!((mirror.condition, mirror.listed), (condition, listed), "{mirror:?}");
        assert_eq!(mirror.repositories.len(), 1);
    }
    let [repository] = &found.repositories[..] else { panic!("{:?}", found.repositories) };
    assert_eq!(repository.spread.all.0, 5);
    let pause = Pause { since: START, note: "root: the password is 123".to_owned() };
    site.turn("berlin", Switch::Pause { pause, is_by_owner: false }).await;
    site.sweep().await;
    let paused = site.checker.survey(&mut last, true).await.unwrap().unwrap();
    let berlin = paused.find("berlin").unwrap();
    assert_eq!(berlin.listed, Listed::No);
    assert_eq!(berlin.why.as_ref().map(|why| why.reason()), Some("paused"));
    assert!(!format!("{paused:?}").contains("password"), "{berlin:?}");
    // Visits alone make another one after a while.
    site.now.fetch_add(600, Ordering::Relaxed);
    site.sweep().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(site.checker.survey(&mut last, true).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn what_our_resolver_says_of_the_target_of_a_redirect_is_not_for_everybody() {
    let site = Site::new().await;
    site.world.mirror("git.corp.example", &["10.1.2.3"], Behaviour::Good, &[]);
    site.sweep().await;
    let elsewhere = Behaviour::Redirect("http://git.corp.example/secret".into());
    site.mirrors[1].behave(elsewhere);
    for _ in 0..30 {
        site.now.fetch_add(60, Ordering::Relaxed);
        site.sweep().await;
    }
    let shown = site.checker.show("lima", Disclosure::Full).await.unwrap().unwrap();
    assert!(shown.to_string().contains("10.1.2.3"), "operators are told: {shown}");
    let shown = site.checker.show("lima", Disclosure::Public).await.unwrap().unwrap().to_string();
    assert!(!shown.contains("10.1.2.3") && !shown.contains("corp.example"), "{shown}");
    assert!(shown.contains("not there: missing"), "{shown}");
    let survey = site.checker.survey(&mut Desk::default(), true).await.unwrap().unwrap();
    let lima = survey.find("lima").unwrap();
    let text = format!("{survey:?}");
    assert!(!text.contains("10.1.2.3") && !text.contains("corp.example"), "{lima:?}");
    assert!(text.contains("not there: missing"), "{lima:?}");
}

#[tokio::test(start_paused = true)]
async fn a_file_of_findings_that_cannot_be_read_is_not_taken_as_nothing_found() {
    let site = Site::new().await;
    site.sweep().await;
    let mut desk = Desk::default();
    site.checker.survey(&mut desk, true).await.unwrap().unwrap();
    fs::write(site.file(), "{\"format\":1").unwrap();
    tokio::time::advance(Duration::from_secs(61)).await;
    let error = site.checker.survey(&mut desk, true).await.unwrap_err().to_string();
    assert!(error.contains("findings: line 1"), "{error}");
    fs::remove_file(site.file()).unwrap();
    site.checker.survey(&mut desk, true).await.unwrap_err();
}

impl Site {
    /// The primary has another version of the repository.
    fn publish(&self, version: u32) {
        let path = |name: &str| self.folder.path().join(name);
        fs::write(path("tree").join(REPOMD), repomd(version)).unwrap();
        let source = scan::TreeSource::Tree(path("tree"));
        let now = Duration::from_secs(self.now.load(Ordering::Relaxed));
        let usual = scan::Options::usual(Duration::from_secs(86_400), false);
        let options = scan::Options { now, ..usual };
        let former = index::Index::read(&path("index")).unwrap();
        let scanned = scan::scan(&source, Some(&former), &options, &scan::Progress::default());
        fs::write(path("index"), scanned.unwrap().index.encode().unwrap()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_change_is_on_the_curve_although_nobody_had_looked_before() {
    let site = Site::new().await;
    site.now.fetch_add(60, Ordering::Relaxed);
    site.publish(2);
    let changed = START + 60;
    // A scan that finds nothing new comes before the first sweep as well.
    site.now.fetch_add(600, Ordering::Relaxed);
    site.publish(2);
    let has_it = format!("/pub/{REPOMD}");
    let files = [(&*has_it, repomd(2))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_bytes()));
    site.world.mirror("oslo.example", &["8.8.0.3"], Behaviour::Good, &files);
    // The first visit finds out which URLs work, the next one what is there.
    for seconds in [0, 60, 3_600] {
        site.now.fetch_add(seconds, Ordering::Relaxed);
        site.sweep().await;
    }
    let survey = site.checker.survey(&mut Desk::default(), true).await.unwrap().unwrap();
    let [repository] = &survey.repositories[..] else { panic!("{:?}", survey.repositories) };
    assert_eq!(repository.changed, Some(changed));
    let [change] = &repository.changes[..] else { panic!("{:?}", repository.changes) };
    assert_eq!(change.at, changed);
    let reached: Vec<_> =
        change.points.iter().map(|point| (point.reached.0, point.all.0)).collect();
    assert_eq!(reached, [(1, 5)]);
}

#[tokio::test(start_paused = true)]
async fn without_anybody_who_looks_no_survey_is_made_but_curves_go_on() {
    let site = Site::new().await;
    site.sweep().await;
    let mut desk = Desk::default();
    assert!(site.checker.survey(&mut desk, false).await.unwrap().is_none());
    let find = || FindFact { site: "main".into(), name: "propagation" };
    assert_eq!(site.store.run(find()).await.unwrap(), None, "nothing has changed");
    site.publish(2);
    site.now.fetch_add(3_600, Ordering::Relaxed);
    site.sweep().await;
    tokio::time::advance(Duration::from_secs(601)).await;
    assert!(site.checker.survey(&mut desk, false).await.unwrap().is_none());
    let fact = site.store.run(find()).await.unwrap().unwrap();
    assert!(fact.value.starts_with("{\"version\":1,\"repositories\":{\"9/"), "{}", fact.value);
    // It is not written again while nothing is added.
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert!(site.checker.survey(&mut desk, false).await.unwrap().is_none());
    assert_eq!(site.store.run(find()).await.unwrap().unwrap().version, fact.version);
    // What a newer program keeps is neither written nor shown.
    let (name, version) = ("propagation".to_owned(), fact.version);
    let newer = Fact { name, version, value: "{\"version\":2,\"x\":1}".to_owned() };
    let write = WriteChecks { site: "main".into(), facts: vec![newer], ..WriteChecks::default() };
    site.store.run(write).await.unwrap();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let survey = site.checker.survey(&mut desk, true).await.unwrap().unwrap();
    assert!(survey.repositories.iter().all(|one| one.changes.is_empty()));
    let kept = site.store.run(find()).await.unwrap().unwrap();
    assert_eq!(kept.value, "{\"version\":2,\"x\":1}");
}
