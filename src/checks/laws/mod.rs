//! Laws of verdicts, checked on random mirrors and visits.

mod own_faults;
mod outages;

use std::collections::BTreeSet;

use model::families::IpVersion;
use proptest::prelude::*;

use crate::class::FailureClass;
use crate::findings::{Findings, MirrorFindings, Standing};
use crate::history::{PrimaryScan, PrimaryVersion};
use crate::inventory::{Entry, Inventory, Tree};
use crate::observation::{Content, End, Failure, Outcome, RepositorySeen, Tier, UrlSeen, Visit};
use crate::replay::{Checks, Record, Turn, replay};
use crate::settings::Settings;
use crate::state::{MirrorState, Pause};

const START: u64 = 1_800_000_000;
const N_MIRRORS: usize = 8;
const REPOSITORIES: [&str; 3] = ["linux/8/os/repodata", "linux/9/os/repodata", EPEL];
/// The one in a tree of its own.
const EPEL: &str = "epel/9/repodata";
const SUBJECTS: [&str; 6] =
    ["epel", "epel/9", "linux", "linux/8/os", "linux/9/os", "linux/9/os/Packages"];

fn url(mirror: usize) -> String {
    format!("https://m{mirror}.example/pub")
}

fn epel_url(mirror: usize) -> String {
    format!("http://m{mirror}.example/epel")
}

fn hash(digit: u8) -> String {
    format!("{digit:x}").repeat(64)
}

fn inventory() -> Inventory {
    let tree = |url, top: &str| Tree {
        urls: vec![url],
        repositories: REPOSITORIES
            .iter()
            .filter(|repodata| repodata.starts_with(top))
            .map(|&repodata| repodata.to_owned())
            .collect(),
        directories: vec![top.to_owned()],
    };
    let entry = |mirror| Entry {
        trees: vec![tree(url(mirror), "linux"), tree(epel_url(mirror), "epel")],
        ..Entry::default()
    };
    let mirrors = (0..N_MIRRORS).map(|mirror| (format!("m{mirror}"), entry(mirror)));
    Inventory { mirrors: mirrors.collect() }
}

/// The primary has had the versions up to `current`, and offers the last two.
fn scan(clock: u64, current: u8) -> PrimaryScan {
    let mut versions = vec![PrimaryVersion { sha256: hash(current), replaced: None }];
    if current > 0 {
        versions.push(PrimaryVersion { sha256: hash(current - 1), replaced: Some(clock) });
    }
    let of = |repodata: &str| (repodata.to_owned(), versions.clone());
    PrimaryScan { scanned: clock, repositories: Some(REPOSITORIES.map(of).into()) }
}

fn failure(class: FailureClass) -> Failure {
    Failure::new(class, "https://m.example/x", "x")
}

fn visit(mirror: usize, round: u64, clock: u64, v4: Outcome, content: &Content) -> Visit {
    visit_trees(mirror, round, clock, [v4.clone(), v4], content)
}

/// A visit over IPv4 to the trees of a mirror: that of https, and that of http.
fn visit_trees(
    mirror: usize,
    round: u64,
    clock: u64,
    v4: [Outcome; 2],
    content: &Content,
) -> Visit {
    let seen = |url, version, outcome| UrlSeen {
        url,
        version,
        address: None,
        outcome,
        first_byte: Some(10),
        redirected_to: None,
        certificate_expires: None,
    };
    let repository = |&directory: &&str| RepositorySeen {
        url: url(mirror),
        directory: directory.to_owned(),
        content: content.clone(),
    };
    let is_read = |directory: &&&str| v4[usize::from(**directory == EPEL)] == Outcome::Good;
    let repositories = REPOSITORIES.iter().filter(is_read).map(repository).collect();
    let [tls, plain] = v4;
    Visit {
        mirror: format!("m{mirror}"),
        tier: Tier::Hash,
        round,
        started: clock,
        millis: 1,
        is_asked: false,
        requests: 3,
        bytes: 0,
        end: End::Complete,
        urls: vec![
            seen(url(mirror), IpVersion::V4, tls),
            seen(url(mirror), IpVersion::V6, Outcome::NotTested),
            seen(epel_url(mirror), IpVersion::V4, plain),
            seen(epel_url(mirror), IpVersion::V6, Outcome::NotTested),
        ],
        repositories,
        directories: Vec::new(),
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let class = proptest::sample::select(FailureClass::ALL);
    prop_oneof![
        3 => Just(Outcome::Good),
        2 => class.prop_map(|class| Outcome::Failed(failure(class))),
        2 => Just(Outcome::Failed(failure(FailureClass::ConnectTimeout))),
        1 => Just(Outcome::NotTested),
        1 => Just(Outcome::NoAddress),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let class = proptest::sample::select(FailureClass::ALL);
    prop_oneof![
        5 => (0_u8..4).prop_map(|digit| Content::Hash(hash(digit))),
        1 => Just(Content::Hash(hash(15))),
        1 => Just(Content::Unchanged),
        2 => class.prop_map(|class| Content::Failed(failure(class))),
    ]
}

/// What can happen next.
#[derive(Clone, Debug)]
enum Step {
    /// A round of visits, so many seconds later (or earlier).
    Round(i32, Vec<(usize, [Outcome; 2], Content)>),
    /// Everything fails in the same way.
    Outage(i32),
    /// The primary gets that version.
    Push(u8),
    /// Somebody pauses a mirror, or resumes it.
    Switch(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![9 => 200_i32..900, 1 => -100_000_i32..400_000];
    let outcomes = prop_oneof![
        1 => outcome().prop_map(|outcome| [outcome.clone(), outcome]),
        1 => [outcome(), outcome()],
    ];
    let visits = proptest::collection::vec((0..N_MIRRORS, outcomes, content()), 1..12);
    prop_oneof![
        8 => (seconds.clone(), visits).prop_map(|(seconds, visits)| Step::Round(seconds, visits)),
        2 => seconds.prop_map(Step::Outage),
        1 => (0_u8..4).prop_map(Step::Push),
        1 => (0..N_MIRRORS, any::<bool>()).prop_map(|(mirror, is_paused)| Step::Switch(mirror, is_paused)),
    ]
}

/// The records of these steps.
fn records(steps: &[Step]) -> Vec<Record> {
    let mut clock = START;
    let mut records = vec![Record::Inventory(inventory()), Record::Primary(scan(clock, 2))];
    for (round, step) in (0_u64..).zip(steps) {
        match step {
            Step::Round(seconds, visits) => {
                clock = clock.saturating_add_signed((*seconds).into());
                records.extend(visits.iter().map(|(mirror, outcomes, content)| {
                    let clock = clock + *mirror as u64;
                    Record::Visit(visit_trees(*mirror, round, clock, outcomes.clone(), content))
                }));
            }
            Step::Outage(seconds) => {
                clock = clock.saturating_add_signed((*seconds).into());
                let failed = Outcome::Failed(failure(FailureClass::ConnectTimeout));
                records.extend((0..N_MIRRORS).map(|mirror| {
                    Record::Visit(visit(mirror, round, clock, failed.clone(), &Content::Unchanged))
                }));
            }
            Step::Push(current) => records.push(Record::Primary(scan(clock, *current))),
            Step::Switch(mirror, is_paused) => {
                let pause = Pause { since: clock, note: "by hand".into() };
                let turn = if *is_paused { Turn::Pause(pause) } else { Turn::Resume };
                records.push(Record::Switch { mirror: format!("m{mirror}"), turn });
            }
        }
    }
    records
}

fn live(records: &[Record]) -> Checks {
    let mut checks = Checks::default();
    for record in records {
        checks.apply(record.clone());
    }
    checks.end_round();
    checks
}

/// Whether findings list a mirror for a directory, from their documentation alone.
fn is_listed(findings: &Findings, mirror: &str, directory: &str) -> bool {
    let Some(MirrorFindings { hidden, urls, directories, .. }) = findings.mirrors.get(mirror)
    else {
        return true;
    };
    let above = |name: &&String| {
        name.is_empty() || *name == directory || directory.starts_with(&format!("{name}/"))
    };
    let nearest = directories.keys().filter(above).max_by_key(|name| name.len());
    let is_of_tree = |url: &str| url.ends_with("epel") == directory.starts_with("epel");
    let mut of_tree = urls.iter().filter(|(url, _)| is_of_tree(url));
    let has_url = of_tree.all(|(_, found)| found.hidden.is_none());
    let is_hidden = |name| matches!(directories[name], Standing::Hidden(_));
    hidden.is_none() && has_url && !nearest.is_some_and(is_hidden)
}

fn is_down(state: &MirrorState) -> bool {
    state.down_since.is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_directory_never_falls_below_the_minimum(steps in proptest::collection::vec(step(), 1..40)) {
        let checks = live(&records(&steps));
        let selection = checks.select();
        let min_mirrors = checks.settings.min_mirrors;
        for directory in SUBJECTS {
            let keys = || checks.inventory.mirrors.keys();
            let n_listed = keys().filter(|key| is_listed(&selection.findings, key, directory)).count();
            let is_on = |key: &&String| {
                checks.register.mirrors.get(*key).is_none_or(|state| state.switches.paused.is_none())
            };
            // Mirrors that lack it, or have what the primary never had, count only if there is no other.
            let is_useful = |key: &&String| {
                let Some(state) = checks.register.mirrors.get(*key) else { return true };
                let repodata = format!("{}/repodata", directory.trim_end_matches("/Packages"));
                let Some(repository) = state.repositories.get(&repodata) else { return true };
                let now = checks.view().now();
                let status = repository.status(&repodata, &checks.history, now, &checks.settings);
                !matches!(status.word(), "missing" | "foreign" | "ahead")
            };
            let n_on = keys().filter(is_on).count();
            let n_useful = keys().filter(is_on).filter(is_useful).count();
            prop_assert!(n_listed >= min_mirrors.min(n_useful), "{}: {:?}", directory, selection);
            prop_assert!(n_listed >= 1.min(n_on), "{}: {:?}", directory, selection);
        }
    }

    #[test]
    fn nothing_changes_from_unknown_alone(
        steps in proptest::collection::vec(step(), 1..30),
        unknown in proptest::collection::vec(
            (0..N_MIRRORS, proptest::sample::select(vec![
                FailureClass::Budget,
                FailureClass::Cancelled,
                FailureClass::OwnNetwork,
                FailureClass::BlockedAddress,
            ])),
            1..60,
        ),
    ) {
        let mut checks = live(&records(&steps));
        // What nobody could look at for days goes; that is another law.
        checks.settings.unknown_keep = u64::MAX;
        let before = checks.select();
        let clock = checks.register.progress.now.clock;
        for (n, (mirror, class)) in (0_u64..).zip(unknown) {
            let outcome = Outcome::Failed(failure(class));
            let mut visit = visit(mirror, 1_000 + n, clock + n * 300, outcome, &Content::Unchanged);
            let content = Content::Failed(failure(class));
            let directory = REPOSITORIES[0].to_owned();
            visit.repositories.push(RepositorySeen { url: url(mirror), directory, content });
            if checks.register.progress.settled.is_some() {
                checks.apply(Record::Visit(visit));
                checks.end_round();
            }
        }
        prop_assert_eq!(checks.select().findings.mirrors, before.findings.mirrors);
    }

    #[test]
    fn the_order_of_visits_in_a_round_does_not_matter(
        steps in proptest::collection::vec(step(), 1..20),
        seed in any::<u64>(),
    ) {
        let records = records(&steps);
        let mut shuffled = records.clone();
        let mut rng = fastrand::Rng::with_seed(seed);
        let round = |record: &Record| match record {
            Record::Visit(visit) => Some(visit.round),
            _ => None,
        };
        for round in shuffled.chunk_by_mut(|a, b| round(a).is_some() && round(a) == round(b)) {
            // The same mirror at the same time keeps its order: it is the order of the records.
            let key = |record: &Record| match record {
                Record::Visit(visit) => visit.mirror.clone(),
                _ => String::new(),
            };
            let keys: BTreeSet<String> = round.iter().map(key).collect();
            let mut keys: Vec<String> = keys.into_iter().collect();
            rng.shuffle(&mut keys);
            round.sort_by_key(|record| keys.iter().position(|known| *known == key(record)));
        }
        let (one, other) = (live(&records), live(&shuffled));
        prop_assert_eq!(&one.register, &other.register);
        prop_assert_eq!(one.select(), other.select());
    }

    #[test]
    fn many_failures_at_once_demote_nobody(
        contents in proptest::collection::vec(content(), 1..6),
        pushes in proptest::collection::vec(0_u8..4, 0..4),
        n_failed in 5..=N_MIRRORS,
        class in proptest::sample::select(vec![
            FailureClass::ConnectTimeout,
            FailureClass::TlsOther,
            FailureClass::Forbidden,
        ]),
    ) {
        let mut records = vec![Record::Inventory(inventory()), Record::Primary(scan(START, 2))];
        let mut clock = START;
        for (round, content) in (0..).zip(&contents) {
            clock += 500;
            let good = |mirror| Record::Visit(visit(mirror, round, clock, Outcome::Good, content));
            records.extend((0..N_MIRRORS).map(good));
        }
        records.extend(pushes.iter().map(|&current| Record::Primary(scan(clock, current))));
        for minute in (0_u64..60).step_by(4) {
            for mirror in 0..N_MIRRORS {
                let failed = Outcome::Failed(failure(class));
                let outcome = if mirror < n_failed { failed } else { Outcome::Good };
                let clock = clock + 1_000 + 60 * minute;
                let visit = visit(mirror, 5_000 + minute, clock, outcome, &Content::Unchanged);
                records.push(Record::Visit(visit));
            }
        }
        let checks = live(&records);
        prop_assert_eq!(checks.register.mirrors.len(), N_MIRRORS);
        prop_assert!(!checks.register.mirrors.values().any(|state| is_down(state)));
    }

    #[test]
    fn a_replay_gives_what_was_live(steps in proptest::collection::vec(step(), 1..30)) {
        let records = records(&steps);
        // Live: rounds are judged at once, and states are stored and read in between.
        let mut checks = Checks::default();
        let mut events = Vec::new();
        let last = records.len() - 1;
        for (n, record) in records.iter().enumerate() {
            let round = |record: &Record| match record {
                Record::Visit(visit) => Some(visit.round),
                _ => None,
            };
            let ends = n == last || round(record) != round(&records[n + 1]);
            events.extend(checks.apply(record.clone()).into_iter().flat_map(|verdict| verdict.events));
            if ends {
                events.extend(checks.end_round().into_iter().flat_map(|verdict| verdict.events));
                for state in checks.register.mirrors.values_mut() {
                    *state = MirrorState::from_json(&state.to_json().unwrap()).unwrap().into();
                }
            }
        }
        let lines: Vec<String> =
            records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let replayed = replay(lines.join("\n").as_bytes()).unwrap();
        prop_assert_eq!(&replayed.checks.register, &checks.register);
        prop_assert_eq!(&replayed.events, &events);
        prop_assert_eq!(replayed.checks.select(), checks.select());
    }
}

#[test]
fn bad_records_are_named_by_their_line() {
    let error = replay(&b"\n{\"visit\": 1}\n"[..]).unwrap_err().to_string();
    assert!(error.starts_with("line 2: invalid type"), "{error}");
    let error = replay(&b"{\"other\": 1}"[..]).unwrap_err().to_string();
    assert!(error.starts_with("line 1: unknown variant `other`"), "{error}");
}

#[test]
fn switching_checks_on_hides_nothing_before_every_mirror_was_visited() {
    let mut records = vec![Record::Inventory(inventory()), Record::Primary(scan(START, 2))];
    let failed = || Outcome::Failed(failure(FailureClass::ConnectRefused));
    for minute in 0..20 {
        let clock = START + 60 * minute;
        records.push(Record::Visit(visit(0, minute, clock, failed(), &Content::Unchanged)));
        let hash = Content::Hash(hash(2));
        records.push(Record::Visit(visit(1, minute, clock, Outcome::Good, &hash)));
    }
    let checks = live(&records);
    let selection = checks.select();
    assert!(is_listed(&selection.findings, "m0", "linux"), "{selection:?}");
    assert!(checks.register.progress.settled.is_none());
    for mirror in 2..N_MIRRORS {
        let clock = START + 1_300;
        let hash = Content::Hash(hash(2));
        records.push(Record::Visit(visit(mirror, 100, clock, Outcome::Good, &hash)));
    }
    let selection = live(&records).select();
    assert!(!is_listed(&selection.findings, "m0", "linux"), "{selection:?}");
    // A mirror that comes later has to prove itself.
    let mut later = inventory();
    later.mirrors.insert("m9".into(), Entry::default());
    records.push(Record::Inventory(later));
    let selection = live(&records).select();
    assert!(selection.findings.mirrors["m9"].hidden.is_some());
}

#[test]
fn settings_of_a_replay_count() {
    let settings = Settings { min_mirrors: 5, ..Settings::default() };
    let line = serde_json::to_string(&Record::Settings(settings)).unwrap();
    assert_eq!(replay(line.as_bytes()).unwrap().checks.settings.min_mirrors, 5);
}

/// Rounds every four minutes, in which the first `n_failed` mirrors fail.
fn fail_together(n_failed: usize, minutes: u64) -> Checks {
    let mut records = vec![Record::Inventory(inventory()), Record::Primary(scan(START, 2))];
    for round in 0..=minutes / 4 {
        for mirror in 0..N_MIRRORS {
            let is_failing = round > 0 && mirror < n_failed;
            let failed = Outcome::Failed(failure(FailureClass::ConnectTimeout));
            let outcome = if is_failing { failed } else { Outcome::Good };
            let clock = START + 240 * round;
            let content = Content::Hash(hash(2));
            records.push(Record::Visit(visit(mirror, round, clock, outcome, &content)));
        }
    }
    live(&records)
}

fn n_down(checks: &Checks) -> usize {
    checks.register.mirrors.values().filter(|state| is_down(state)).count()
}

#[test]
fn few_failures_are_of_the_mirrors_and_many_are_so_after_a_day() {
    assert_eq!(n_down(&fail_together(4, 60)), 4);
    assert_eq!(n_down(&fail_together(5, 60)), 0);
    assert_eq!(n_down(&fail_together(5, 25 * 60)), 5);
    let long = fail_together(N_MIRRORS, 10 * 24 * 60);
    assert_eq!(n_down(&long), 0);
    let findings = long.select().findings;
    assert!(long.inventory.mirrors.keys().all(|key| is_listed(&findings, key, "linux/9/os")));
}

#[test]
fn a_version_of_ip_that_fails_for_all_is_our_own_fault() {
    let outage = |n_failed: usize| {
        let mut checks = Checks::default();
        checks.apply(Record::Inventory(inventory()));
        for round in 0..20 {
            for mirror in 0..N_MIRRORS {
                let clock = START + 240 * round;
                let hash = Content::Hash(hash(2));
                let mut visit = visit(mirror, round, clock, Outcome::Good, &hash);
                let failed = Outcome::Failed(failure(FailureClass::ConnectTimeout));
                let is_failing = round > 5 && mirror < n_failed;
                visit.urls[1].outcome = if is_failing { failed } else { Outcome::Good };
                checks.apply(Record::Visit(visit));
            }
        }
        checks.end_round();
        let is_v6_down = |state: &MirrorState| {
            state.all_routes().any(|(_, _, route)| route.word(&Settings::default()) == "down")
        };
        checks.register.mirrors.values().filter(|state| is_v6_down(state)).count()
    };
    assert_eq!(outage(N_MIRRORS - 1), N_MIRRORS - 1);
    assert_eq!(outage(N_MIRRORS), 0);
}
