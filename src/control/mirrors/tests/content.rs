//! What visits ask for beside the version of a repository, and how they ask.

use std::sync::atomic::Ordering;

use checks::findings::Standing;
use visits::redirect::RedirectPolicy;

use super::*;

fn names() -> Vec<String> {
    NAMES.map(str::to_owned).into()
}

#[tokio::test(start_paused = true)]
async fn a_mirror_without_an_image_is_left_out_of_its_directory_alone() {
    let mut site = Site::with_image(names(), Some("oslo")).await;
    site.checker.is_sampling = true;
    let is_hidden = |findings: &Findings, key: &str, directory: &str| {
        let found = findings.mirrors.get(key).and_then(|found| found.standing(directory));
        matches!(found, Some(Standing::Hidden(_)))
    };
    // The second look decides, an hour after the first.
    let mut hours = 0;
    for hour in 0..9 {
        hours = hour;
        if is_hidden(&site.findings(), "oslo", "9/images") {
            break;
        }
        site.now.fetch_add(3_600, Ordering::Relaxed);
        site.sweep().await;
    }
    assert!(hours < 8, "never");
    let findings = site.findings();
    for key in NAMES {
        assert_eq!(is_hidden(&findings, key, "9/images"), key == "oslo", "{findings:?}");
        assert!(!is_hidden(&findings, key, "9/x86_64"), "{findings:?}");
    }
    let shown = site.checker.show("oslo", Disclosure::Full).await.unwrap().unwrap();
    let shown = shown["mirror"]["gates"].to_string();
    assert!(shown.contains("1 of 1 files are missing"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn what_has_not_changed_is_not_sent_again_but_once_a_day() {
    let site = Site::new().await;
    let mirror = &site.mirrors[0];
    let mut whole = Vec::new();
    for hour in 0..60 {
        let before = mirror.asked().len();
        site.sweep().await;
        let asked = mirror.asked();
        let of_repository =
            asked[before..].iter().filter(|asked| !asked.headers.contains_key("range"));
        for asked in of_repository {
            if !asked.headers.contains_key("if-none-match") {
                whole.push(hour);
            }
        }
        site.now.fetch_add(3_600, Ordering::Relaxed);
    }
    let days: Vec<u64> = whole.iter().map(|hour| hour / 24).collect();
    assert_eq!(days, [0, 1, 2], "{whole:?}");
}

#[tokio::test(start_paused = true)]
async fn redirects_that_are_not_wanted_are_failures() {
    let site = Site::new().await;
    let crawler = site.checker.crawling.crawler.clone();
    let mut crawling = Crawling::new(crawler, vec![IpVersion::V4]);
    crawling.redirects = RedirectPolicy::Refuse;
    let checker = Checker { crawling: Arc::new(crawling), ..site.checker };
    let site = Site { checker, ..site };
    site.mirrors[3].behave(Behaviour::Redirect("http://berlin.example/pub/".into()));
    site.sweep_until(|found| super::is_hidden(found, "paris")).await;
    let shown = site.checker.show("paris", Disclosure::Full).await.unwrap().unwrap().to_string();
    assert!(shown.contains("redirect_refused"), "{shown}");
}
