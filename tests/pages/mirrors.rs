//! Pages of mirrors: as they are, as files, for hostile names, for many mirrors, and what clients may ask.

use std::sync::Arc;
use std::time::Duration;

use checks::class::FailureClass;
use checks::explain::{Gate, GateKind};
use checks::findings::Cause;
use checks::propagation::{Change, HOURS, Mass, Point, Spread};
use checks::state::{Day, DayState, Event, EventKind, Reachability, Status};
use control::mirrors::listed::Listed;
use control::mirrors::profile::Profile;
use control::mirrors::survey::{
    Condition, RepositoryStanding, Survey, SurveyedMirror, SurveyedRepository, SurveyedUrl, Visitor,
};
use control::mirrors::surveys::Surveys;
use control::pages::mirrors::{MirrorPages, answers};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use model::families::{Families, IpVersion, Reach};
use model::geo::{Continent, Country};
use model::url::Protocol;
use serve::admin::part::PartRequest;
use serve::pages::layout::PageLayout;

use crate::asking::{Answer, layout, request};
use crate::files;

tests! {
    pages_of_mirrors_look_like_this,
    programs_get_the_same,
    foreign_names_and_texts_stay_texts_in_pages_of_mirrors,
    two_thousand_mirrors_have_one_page,
    a_page_that_is_known_is_not_sent_again_until_there_is_another_survey,
    what_is_not_there_is_said_and_nothing_can_be_changed,
}

/// 2026-11-21T11:00:00Z.
const NOW: u64 = 1_795_258_800;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// A survey of a small world: two repositories, and mirrors in all conditions.
pub fn small() -> Survey {
    let mirrors = [
        ("berlin", "DE", "EU", Condition::InSync),
        ("campus", "DE", "EU", Condition::Behind),
        ("lima", "PE", "SA", Condition::Down),
        ("oslo", "NO", "EU", Condition::InSync),
        ("sendai", "JP", "AS", Condition::Unknown),
    ];
    let mut mirrors: Vec<_> =
        mirrors.map(|(key, country, on, condition)| mirror(key, country, on, condition)).into();
    // Nothing that can be visited, in no country that is known.
    let mut only_rsync = mirror("tape", "DE", "EU", Condition::Unknown);
    only_rsync.profile.urls = vec![(Protocol::Rsync, "rsync://tape.example/pub".into(), none())];
    (only_rsync.profile.country, only_rsync.profile.continent) = (None, None);
    (only_rsync.repositories, only_rsync.gates, only_rsync.next_visit) = (vec![], vec![], None);
    only_rsync.listed = Listed::Yes;
    only_rsync.why = None;
    mirrors.push(only_rsync);
    Survey {
        made: NOW,
        visited: NOW - 40,
        scanned: NOW - 600,
        is_stale: false,
        found: NOW - 900,
        is_settled: true,
        visitor: Visitor {
            agent: "mirrorlistd-crawler/0.1.0 (+https://mirrors.example.org/about)".into(),
            interval: 540,
        },
        mirrors,
        repositories: vec![repository("9/x86_64/extras", 30), repository("9/x86_64/os", 4)],
    }
}

fn none() -> Families {
    Families::default()
}

fn repository(directory: &str, hours_ago: u64) -> SurveyedRepository {
    let reached = |n: usize| {
        HOURS.iter().take(n).zip(1_u32..).map(|(_, n)| Point {
            reached: Mass(n.min(4), u64::from(n.min(4)) * 1_000),
            all: Mass(5, 5_000),
        })
    };
    let all = Mass(5, 5_000);
    let change = |days: u64, n: usize| Change {
        at: NOW - hours_ago * HOUR - days * DAY,
        points: reached(n).collect(),
    };
    SurveyedRepository {
        directory: directory.to_owned(),
        changed: Some(NOW - hours_ago * HOUR),
        current: Some("ab".repeat(32)),
        spread: Spread {
            all,
            current: Mass(2, 2_000),
            previous: Mass(1, 1_000),
            missing: Mass(1, 1_000),
            unknown: Mass(1, 1_000),
            ..Spread::default()
        },
        changes: vec![change(0, 4), change(1, 12), change(3, 12)],
    }
}

fn mirror(key: &str, country: &str, continent: &str, condition: Condition) -> SurveyedMirror {
    let https = format!("https://{key}.example/pub");
    let http = format!("http://{key}.example/pub");
    let works = Families { v4: Reach::Works, v6: Reach::Fails };
    let (reachability, families, failure) = match condition {
        Condition::InSync | Condition::Behind => (Reachability::Up, works, None),
        Condition::Down => {
            let fails = Families { v4: Reach::Fails, v6: Reach::Unknown };
            (Reachability::Down, fails, Some(FailureClass::ConnectTimeout))
        }
        Condition::Unknown => (Reachability::Unknown, none(), None),
    };
    let url = SurveyedUrl {
        is_hidden: condition == Condition::Down,
        families,
        first_byte: Some(42),
        checked: NOW - 300,
        since: NOW - 9 * DAY,
        failure,
    };
    let standing = |index, status, text: &str| RepositoryStanding {
        index,
        status,
        text: text.into(),
        seen: (status != Status::Unknown).then_some(NOW - 1_800),
    };
    let behind = Status::Behind { since: NOW - 4 * HOUR, is_offered: true, n_newer: 1 };
    let repositories = match condition {
        Condition::InSync => {
            vec![standing(0, Status::Current, "current"), standing(1, Status::Current, "current")]
        }
        Condition::Behind => vec![
            standing(0, Status::Missing, "not there: missing"),
            standing(1, behind, "1 version behind, for 4 h; clients still accept that"),
        ],
        Condition::Down | Condition::Unknown => vec![
            standing(0, Status::Unknown, "not asked for yet"),
            standing(1, Status::Unknown, "not asked for yet"),
        ],
    };
    let is_good = condition == Condition::InSync;
    let gate = |kind, is_passed, text: &str| Gate { kind, is_passed, text: text.to_owned() };
    let reachable = |version| GateKind::Reachable { url: https.clone(), version };
    let gates = vec![
        match condition {
            Condition::Down => gate(GateKind::Mirror, Some(false), "no URL works, for 9 d"),
            _ => gate(GateKind::Mirror, Some(true), "listed"),
        },
        gate(reachable(IpVersion::V4), Some(condition != Condition::Down), "up for 9 d"),
        gate(reachable(IpVersion::V6), Some(false), "down for 3 h: connect_timeout"),
        gate(GateKind::Certificate { url: https.clone() }, Some(true), "expires in 61 d"),
    ];
    let day = |n: u64| Day {
        day: NOW / DAY - n,
        n_good: if n % 7 == 3 { 0 } else { 150 },
        n_failed: if n % 7 == 3 { 60 } else { 1 },
        worst: match n % 7 {
            3 => DayState::Down,
            4 => DayState::Bad,
            5 => DayState::Behind,
            _ => DayState::Good,
        },
    };
    let event = |kind, subject: &str, detail: &str, count, hours: u64| Event {
        kind,
        subject: subject.to_owned(),
        detail: detail.to_owned(),
        first: NOW - hours * HOUR,
        last: NOW - HOUR,
        count,
    };
    let timeouts = EventKind::Failed(FailureClass::ConnectTimeout);
    SurveyedMirror {
        key: key.to_owned(),
        profile: Profile {
            name: key.to_owned(),
            country: Country::parse(country),
            continent: Continent::parse(continent),
            point: None,
            bandwidth: 2_500,
            rests: false,
            urls: vec![(Protocol::Https, https.clone(), none()), (Protocol::Http, http, none())],
            categories: vec!["linux".into()],
        },
        condition,
        reachability,
        since: (reachability != Reachability::Unknown).then_some(NOW - 9 * DAY),
        listed: match condition {
            Condition::Down => Listed::No,
            Condition::Behind => Listed::Partly,
            _ => Listed::Yes,
        },
        why: match condition {
            Condition::Down => Some(Cause::new("down: connect_timeout", NOW - 9 * DAY)),
            Condition::Behind => Some(Cause::new("not there", NOW - 2 * DAY)),
            _ => None,
        },
        urls: [(https.clone(), url)].into(),
        repositories,
        gates,
        last_visit: (condition != Condition::Unknown).then_some(NOW - 300),
        next_visit: Some(NOW + 240),
        days: if condition == Condition::Unknown {
            vec![]
        } else {
            (0..20).rev().map(day).collect()
        },
        availability: (condition != Condition::Unknown).then_some(if is_good { 1.0 } else { 0.87 }),
        events: match condition {
            Condition::Unknown => vec![],
            _ => vec![
                event(timeouts, &https, "", 14, 30),
                event(EventKind::Recovered, "", "", 1, 300),
            ],
        },
        n_earlier: if condition == Condition::Behind { 3 } else { 0 },
    }
}

/// Names, texts and URLs that nobody should meet, and long ones.
const HOSTILE: &str =
    "\"'></td></title><script>alert(1)</script>&amp;\u{202e}txt\u{2066}\u{200b}\u{feff}\u{7}";
const FORBIDDEN: [&str; 7] =
    ["<script", "&#38;#38;", "\u{202e}", "\u{2066}", "\u{200b}", "\u{feff}", "\u{7}"];

/// A survey in which everything that comes from others is hostile or long.
pub fn hostile() -> Survey {
    let mut survey = small();
    let long = "x".repeat(300);
    let rtl = "مرآة ".repeat(10);
    for (mirror, text) in
        survey.mirrors.iter_mut().zip([HOSTILE, &*long, &*rtl].into_iter().cycle())
    {
        mirror.profile.name = text.to_owned();
        mirror.profile.categories = vec![text.to_owned()];
        mirror.why = Some(Cause::new(text, NOW));
        for gate in &mut mirror.gates {
            gate.text = text.to_owned();
            gate.kind = GateKind::Directory(text.to_owned());
        }
        for event in &mut mirror.events {
            (event.subject, event.detail) = (text.to_owned(), text.to_owned());
        }
        for one in &mut mirror.repositories {
            one.text = text.into();
        }
    }
    survey.visitor.agent = HOSTILE.to_owned();
    survey.repositories[0].directory = HOSTILE.to_owned();
    survey.repositories[1].directory = "y".repeat(200);
    survey
}

/// What serves pages of a survey.
pub fn pages(survey: Survey) -> Arc<MirrorPages> {
    let surveys = Surveys::default();
    surveys.publish(survey);
    Arc::new(MirrorPages::new(surveys))
}

fn asked(pages: &MirrorPages, request: &PartRequest) -> Answer {
    assert!(answers(&request.path), "{}", request.path);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = runtime.block_on(async {
        let links = PageLayout { path: "", ..layout("/mirrors") };
        let (head, body) = pages.answer(request, links).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    });
    runtime.shutdown_timeout(Duration::ZERO);
    answer
}

fn get(pages: &MirrorPages, target: &str) -> Answer {
    asked(pages, &request(Method::GET, target, ""))
}

/// The part of a page that is its own.
fn own(page: &str) -> &str {
    page.split_once("</style>").expect("a page").1
}

fn pages_of_mirrors_look_like_this() {
    let pages = pages(small());
    for (name, target) in [
        ("all", "/mirrors"),
        ("filtered", "/mirrors?country=DE&protocol=https&state=behind"),
        ("none", "/mirrors?country=ZW"),
        ("good", "/mirror/berlin"),
        ("behind", "/mirror/campus"),
        ("not_visited", "/mirror/tape"),
        ("propagation", "/propagation"),
        ("repository", "/propagation/9/x86_64/os"),
    ] {
        let answer = get(&pages, target);
        assert_eq!(answer.status, 200, "{target}");
        files::check(&format!("mirrors/{name}.html"), own(&answer.body));
    }
    let empty = self::pages(Survey { made: NOW, ..Survey::default() });
    files::check("mirrors/empty.html", own(&get(&empty, "/mirrors").body));
    files::check("mirrors/empty_propagation.html", own(&get(&empty, "/propagation").body));
}

fn programs_get_the_same() {
    let pages = pages(small());
    for (name, target) in [
        ("all.json", "/mirrors.json?state=behind"),
        ("one.json", "/mirrors.json/campus"),
        ("propagation.json", "/propagation.json"),
        ("repository.json", "/propagation.json/9/x86_64/os"),
        ("archweb.json", "/mirrors/status.json?category=linux"),
    ] {
        let answer = get(&pages, target);
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        files::check(&format!("mirrors/{name}"), &(pretty + "\n"));
    }
    files::check("mirrors/mirmon.state", &get(&pages, "/mirrors/mirmon.state").body);
}

/// All pages of a survey, and the same for programs.
fn targets(survey: &Survey) -> Vec<String> {
    let mut targets: Vec<String> =
        ["/mirrors", "/mirrors.json", "/propagation", "/propagation.json", "/mirrors/status.json"]
            .map(str::to_owned)
            .into();
    for mirror in &survey.mirrors {
        targets
            .extend([format!("/mirror/{}", mirror.key), format!("/mirrors.json/{}", mirror.key)]);
    }
    targets
}

fn foreign_names_and_texts_stay_texts_in_pages_of_mirrors() {
    let survey = hostile();
    let targets = targets(&survey);
    let pages = pages(survey);
    // Links lead to names that have to be encoded.
    let spread = get(&pages, "/propagation").body;
    let links: Vec<&str> =
        spread.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let repositories = links.iter().filter(|link| link.starts_with("/propagation/"));
    let unescaped = |link: &str| link.replace("&#39;", "'").replace("&#38;", "&");
    let repositories: Vec<String> = repositories.map(|link| unescaped(link)).collect();
    assert_eq!(repositories.len(), 2, "{links:?}");
    for target in targets.iter().chain(&repositories) {
        let answer = get(&pages, target);
        assert_eq!(answer.status, 200, "{target}");
        if target.contains(".json") {
            serde_json::from_str::<serde_json::Value>(&answer.body).unwrap();
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            continue;
        }
        for part in FORBIDDEN {
            assert!(!answer.body.contains(part), "{part:?} in {target}: {}", answer.body);
        }
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
    assert!(get(&pages, "/mirror/berlin").body.contains("\\u{202e}txt"));
    let state = get(&pages, "/mirrors/mirmon.state").body;
    assert!(state.lines().count() > 0);
    assert!(state.lines().all(|line| line.split(' ').count() == 7), "{state}");
}

fn two_thousand_mirrors_have_one_page() {
    let mut survey = small();
    let countries: Vec<&str> = model::country_name::records().map(|(code, _)| code).collect();
    survey.mirrors = (0..2_000_usize)
        .map(|n| {
            let condition = Condition::ALL[n % 4];
            mirror(&format!("mirror-{n:04}"), countries[n % countries.len()], "EU", condition)
        })
        .collect();
    let pages = pages(survey);
    let page = get(&pages, "/mirrors").body;
    assert_eq!(page.matches("<a href=\"/mirror/mirror-").count(), 2_000);
    assert!(page.contains("500 of 2\u{202f}000\u{a0}mirrors"), "{}", &page[..6_000]);
    assert!(page.len() < 3_000_000, "{}", page.len());
    let mut asking = request(Method::GET, "/mirrors", "");
    asking.headers.insert("accept-encoding", HeaderValue::from_static("gzip"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let sent = runtime.block_on(async {
        let (head, body) = pages.answer(&asking, PageLayout::default()).await.into_parts();
        assert_eq!(head.headers["content-encoding"], "gzip");
        body.collect().await.unwrap().to_bytes().len()
    });
    assert!(sent < 250_000, "{sent}");
}

fn a_page_that_is_known_is_not_sent_again_until_there_is_another_survey() {
    let surveys = Surveys::default();
    let pages = MirrorPages::new(surveys.clone());
    let early = get(&pages, "/mirrors");
    assert_eq!((early.status, early.header("retry-after")), (503, "10"));
    surveys.publish(small());
    let first = get(&pages, "/mirrors");
    assert_eq!(first.header("cache-control"), "public, max-age=60, stale-if-error=86400");
    let mut again = request(Method::GET, "/mirrors", "");
    again.headers.insert(IF_NONE_MATCH, first.headers[ETAG].clone());
    let known = asked(&pages, &again);
    assert_eq!((known.status, &*known.body), (304, ""));
    surveys.publish(Survey { made: NOW + 60, ..small() });
    let other = asked(&pages, &again);
    assert_eq!(other.status, 200);
    assert!(other.body.contains("11:01:00"));
}

fn what_is_not_there_is_said_and_nothing_can_be_changed() {
    let pages = pages(small());
    for (target, status, text) in [
        ("/mirror/odd", 404, "there is no mirror with this key"),
        ("/mirrors?state=odd", 400, "state= is one of"),
        ("/mirrors.json?x=1", 400, "{\"error\":{\"code\":\"invalid\""),
        ("/mirrors.json/odd", 404, "\"unknown_mirror\""),
        ("/propagation.json/odd", 404, "\"unknown_repository\""),
        ("/mirrors/status.json?category=odd", 404, "\"unknown_category\""),
        ("/mirrors/odd", 404, "no page has this address"),
        ("/mirror/%3Cscript%3E", 404, "there is no mirror with this key"),
    ] {
        let answer = get(&pages, target);
        assert_eq!(answer.status, status, "{target}");
        assert!(answer.body.contains(text), "{target}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), "no-store", "{target}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = asked(&pages, &request(method.clone(), "/mirrors", "a=1"));
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
}
