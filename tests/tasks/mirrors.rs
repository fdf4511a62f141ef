//! What is known of mirrors, in both engines and in a model of a few lines.

use std::collections::BTreeMap;

use store::operations::enqueue::Enqueue;
use store::operations::mirror::{
    Fence, FindFact, FindMirror, ForgetMirrors, LastVisits, MirrorVersions, OpenVisits,
    PurgeVisits, ReadMirrors, RecordVisit, WriteChecks, Written,
};
use store::operations::read::{Find, Found};
use store::record::{
    ClaimNumber, Fact, MirrorState, MirrorVisit, Task, Timestamp, VisitName, bounds,
};
use store::{Error, Store};
use support::postgres::Postgres;

use crate::stores::{block_on, claim, completed, in_memory, node, open, task};

tests! {
    mirrors_are_kept_alike_by_both_engines_and_a_model,
    checks_are_written_as_a_whole_or_not_at_all,
    what_has_lost_its_task_writes_nothing,
    sites_know_nothing_of_each_other,
}

/// In the order of their bytes.
const KEYS: [&str; 5] = ["7", "a'b\"c", "b", "berlin", "Ärger"];

/// What the store should hold.
#[derive(Default)]
struct Model {
    /// By key: version and state.
    mirrors: BTreeMap<String, (i64, String)>,
    visits: Vec<(MirrorVisit, bool)>,
}

/// The site of all that is written here.
fn site() -> String {
    "main".to_owned()
}

fn fact_of(name: &'static str) -> FindFact {
    FindFact { site: site(), name }
}

fn mirror_of(key: &str) -> FindMirror {
    FindMirror { site: site(), key: key.to_owned() }
}

async fn fence(store: &Store) -> Fence {
    store.run(node("a", 5)).await.unwrap();
    store.run(Enqueue(task())).await.unwrap();
    let claimed = store.run(claim("a", 1)).await.unwrap();
    Fence { id: claimed[0].id, claim: claimed[0].claim, boot: "a-1".into() }
}

fn visit(mirror: &str, tier: &str, round: i64, record: &str) -> MirrorVisit {
    let (mirror, tier, record) = (mirror.into(), tier.into(), record.into());
    MirrorVisit { mirror, tier, round, at: Timestamp(round), record }
}

fn name(mirror: &str, round: i64, tier: &str) -> VisitName {
    VisitName { mirror: mirror.into(), round, tier: tier.into() }
}

fn state(key: &str, version: i64, state: &str) -> MirrorState {
    MirrorState { key: key.into(), version, state: state.into() }
}

async fn live(store: &Store, seed: u64) {
    let fence = fence(store).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut model = Model::default();
    let mut n_overtaken = 0;
    for step in 0..200 {
        let key = random.choice(KEYS).unwrap();
        let round = random.i64(1..4);
        let text = format!("{{\"step\":{step}}}");
        match random.u8(0..10) {
            0..=3 => {
                let new = visit(key, random.choice(["probe", "hash"]).unwrap(), round, &text);
                let record = RecordVisit { fence: fence.clone(), site: site(), visit: new.clone() };
                assert_eq!(store.run(record).await.unwrap(), Written::Yes);
                let is_the_same = |(seen, _): &(MirrorVisit, bool)| {
                    (&seen.mirror, &seen.tier, seen.round) == (&new.mirror, &new.tier, new.round)
                };
                if !model.visits.iter().any(is_the_same) {
                    model.visits.push((new, false));
                }
            }
            4..=7 => {
                let version = random.i64(0..4);
                let tier = random.choice(["probe", "hash"]).unwrap();
                let write = WriteChecks {
                    fence: random.bool().then(|| fence.clone()),
                    site: site(),
                    states: vec![state(key, version, &text)],
                    facts: vec![],
                    judged: vec![name(key, round, tier)],
                };
                let written = store.run(write).await;
                let known = model.mirrors.get(key).map_or(0, |known| known.0);
                if known == version {
                    assert_eq!(written.unwrap(), Written::Yes, "{step}");
                    model.mirrors.insert(key.into(), (version + 1, text));
                    for (seen, is_judged) in &mut model.visits {
                        *is_judged |= seen.name() == name(key, round, tier);
                    }
                } else {
                    assert_eq!(written.unwrap_err(), Error::Overtaken(key.into()), "{step}");
                    n_overtaken += 1;
                }
            }
            8 => {
                let purge = PurgeVisits { keep: 0, keep_last: 1, limit: 1_000 };
                let removed = store.run(purge).await.unwrap();
                let last_of =
                    |key: &String| model.visits.iter().rposition(|(seen, _)| seen.mirror == *key);
                let last: Vec<_> = model.mirrors.keys().filter_map(last_of).collect();
                let before = model.visits.len();
                let mut at = 0;
                model.visits.retain(|(_, is_judged)| {
                    let stays = !is_judged || last.contains(&at);
                    at += 1;
                    stays
                });
                assert_eq!(removed, i64::try_from(before - model.visits.len()).unwrap(), "{step}");
            }
            _ => {
                let forget =
                    |unseen| ForgetMirrors { site: site(), keys: vec![key.into()], unseen };
                // Visits are of 1970: one is recent in a century.
                let is_visited = model.visits.iter().any(|(seen, _)| seen.mirror == key);
                if is_visited {
                    assert_eq!(store.run(forget(100 * 366 * 86_400_000)).await.unwrap(), 0);
                }
                let forgotten = store.run(forget(1_000)).await.unwrap();
                let was_known = model.mirrors.remove(key).is_some();
                assert_eq!(forgotten == 1, was_known, "{step}");
                model.visits.retain(|(seen, _)| !was_known || seen.mirror != key);
            }
        }
        check(store, &model, step).await;
    }
    assert!(model.mirrors.len() > 1 && !model.visits.is_empty(), "the seed leaves something");
    assert!(n_overtaken > 10, "the seed tries versions that are gone");
}

async fn check(store: &Store, model: &Model, step: i32) {
    // Two at a time, so that pages are turned.
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page =
            store.run(ReadMirrors { site: site(), after: after.clone(), limit: 2 }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        found.extend(page);
    }
    let expected = model.mirrors.iter().map(|(key, known)| state(key, known.0, &known.1));
    assert_eq!(found, expected.collect::<Vec<_>>(), "{step}");
    let open = store.run(OpenVisits { site: site(), limit: 1_000 }).await.unwrap();
    let expected = model.visits.iter().filter(|(_, is_judged)| !is_judged);
    assert_eq!(open, expected.map(|(seen, _)| seen.clone()).collect::<Vec<_>>(), "{step}");
    for key in KEYS {
        let seen =
            store.run(LastVisits { site: site(), mirror: key.into(), limit: 1_000 }).await.unwrap();
        let expected = model.visits.iter().rev().filter(|(seen, _)| seen.mirror == key);
        assert_eq!(seen, expected.map(|(seen, _)| seen.clone()).collect::<Vec<_>>(), "{step}");
    }
}

fn on_both(name: &str, test: impl AsyncFn(Store)) {
    let server = Postgres::start();
    block_on(test(in_memory()));
    block_on(test(open(&server.create_database(name))));
}

fn mirrors_are_kept_alike_by_both_engines_and_a_model() {
    on_both("a", async |store| live(&store, 1).await);
}

async fn write_as_a_whole(store: Store) {
    let fact = |version, value: &str| Fact { name: "history".into(), version, value: value.into() };
    let fence = fence(&store).await;
    let first = WriteChecks {
        fence: Some(fence.clone()),
        site: site(),
        states: vec![state("b", 0, "up"), state("a", 0, "up")],
        facts: vec![fact(0, "one")],
        judged: vec![],
    };
    assert_eq!(store.run(first.clone()).await.unwrap(), Written::Yes);
    let found = store.run(fact_of("history")).await.unwrap().unwrap();
    assert_eq!((found.version, &*found.value), (1, "one"));
    assert_eq!(store.run(fact_of("nothing")).await.unwrap(), None);
    store
        .run(RecordVisit { fence, site: site(), visit: visit("a", "probe", 1, "{}") })
        .await
        .unwrap();
    let judged = vec![name("a", 1, "probe")];
    // Each alone could be written; one of them cannot.
    let write = WriteChecks {
        fence: None,
        site: site(),
        states: vec![state("a", 1, "down"), state("c", 0, "down"), state("b", 9, "down")],
        facts: vec![fact(1, "two")],
        judged: judged.clone(),
    };
    assert_eq!(store.run(write.clone()).await.unwrap_err(), Error::Overtaken("b".into()));
    let states = vec![state("a", 1, "down")];
    let other = WriteChecks { states, facts: vec![fact(0, "two")], ..write };
    assert_eq!(store.run(other.clone()).await.unwrap_err(), Error::Overtaken("history".into()));
    assert_eq!(store.run(mirror_of("a")).await.unwrap(), Some(state("a", 1, "up")));
    assert_eq!(store.run(mirror_of("c")).await.unwrap(), None);
    assert_eq!(store.run(OpenVisits { site: site(), limit: 9 }).await.unwrap().len(), 1);
    let right = WriteChecks { facts: vec![fact(1, "two")], ..other };
    assert_eq!(store.run(right).await.unwrap(), Written::Yes);
    assert_eq!(store.run(mirror_of("a")).await.unwrap(), Some(state("a", 2, "down")));
    assert_eq!(store.run(OpenVisits { site: site(), limit: 9 }).await.unwrap(), []);
    let too_many = vec![state("x", 0, ""); bounds::STATES + 1];
    let refused = WriteChecks { states: too_many, ..WriteChecks::default() };
    let refused = store.run(refused).await.unwrap_err();
    assert_eq!(refused.to_string(), "more than 100 states at once");
    let long = vec![state("x", 0, &"y".repeat(bounds::CHECKS + 1))];
    let refused = store.run(WriteChecks { states: long, ..WriteChecks::default() }).await;
    assert!(refused.unwrap_err().to_string().starts_with("x: what is to be written has more than"));
    let control = vec![state("a\nb", 0, "")];
    let refused = store.run(WriteChecks { states: control, ..WriteChecks::default() }).await;
    assert_eq!(refused.unwrap_err().to_string(), "\"a\\nb\" is no key");
}

fn checks_are_written_as_a_whole_or_not_at_all() {
    on_both("a", write_as_a_whole);
}

async fn running(store: &Store, fence: &Fence) -> Task {
    match store.run(Find(fence.id)).await.unwrap() {
        Found::Task(task) => *task,
        other => panic!("{other:?}"),
    }
}

async fn lose(store: Store) {
    let fence = fence(&store).await;
    let other = Fence { boot: "a-2".into(), ..fence.clone() };
    let earlier = Fence { claim: ClaimNumber(fence.claim.0 - 1), ..fence.clone() };
    let write = |fence: &Fence| WriteChecks {
        fence: Some(fence.clone()),
        site: site(),
        states: vec![state("berlin", 0, "up")],
        ..WriteChecks::default()
    };
    let record = |fence: &Fence| RecordVisit {
        fence: fence.clone(),
        site: site(),
        visit: visit("berlin", "probe", 1, "{}"),
    };
    for stale in [&other, &earlier] {
        assert_eq!(store.run(record(stale)).await.unwrap(), Written::Stale);
        assert_eq!(store.run(write(stale)).await.unwrap(), Written::Stale);
    }
    store.run(completed(&running(&store, &fence).await)).await.unwrap();
    assert_eq!(store.run(record(&fence)).await.unwrap(), Written::Stale);
    assert_eq!(store.run(write(&fence)).await.unwrap(), Written::Stale);
    assert_eq!(store.run(mirror_of("berlin")).await.unwrap(), None);
    assert_eq!(store.run(OpenVisits { site: site(), limit: 9 }).await.unwrap(), []);
}

fn what_has_lost_its_task_writes_nothing() {
    on_both("a", lose);
}

async fn keep_apart(store: Store) {
    let fence = fence(&store).await;
    let write = |site: &str, text: &str| WriteChecks {
        site: site.to_owned(),
        states: vec![state("berlin", 0, text)],
        facts: vec![Fact { name: "history".into(), version: 0, value: text.into() }],
        judged: vec![name("berlin", 1, "probe")],
        ..WriteChecks::default()
    };
    for site in ["", "main"] {
        let visit = visit("berlin", "probe", 1, site);
        let record = RecordVisit { fence: fence.clone(), site: site.into(), visit };
        assert_eq!(store.run(record).await.unwrap(), Written::Yes);
    }
    assert_eq!(store.run(write("", "up")).await.unwrap(), Written::Yes);
    assert_eq!(store.run(MirrorVersions(site())).await.unwrap(), []);
    let open = OpenVisits { site: site(), limit: 9 };
    assert_eq!(store.run(open).await.unwrap().len(), 1);
    assert_eq!(store.run(write("main", "down")).await.unwrap(), Written::Yes);
    let versions = store.run(MirrorVersions(String::new())).await.unwrap();
    assert_eq!(versions, [("berlin".to_owned(), 1)]);
    assert_eq!(store.run(mirror_of("berlin")).await.unwrap(), Some(state("berlin", 1, "down")));
    assert_eq!(store.run(fact_of("history")).await.unwrap().unwrap().value, "down");
}

fn sites_know_nothing_of_each_other() {
    on_both("a", keep_apart);
}
