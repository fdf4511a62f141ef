//! Each invariant is violated once, and found.

use std::sync::Arc;

use store::Store;
use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish, Finished};
use store::operations::lose::Reap;
use store::operations::node::StartNode;
use store::operations::people::Cancel;
use store::operations::purge::Purge;
use store::operations::renew::Running;
use store::operations::tick::Tick;
use store::record::{
    CatchUp, ClaimNumber, NewSchedule, NewTask, OnLoss, State, TaskId, Timestamp, What,
};
use store::sqlite::Inline;

use crate::{
    Answer, Record, Rows, Seen, check, check_all_ended, check_none_lost, from_lines, to_lines,
};

/// A store whose rows come from its own operations, and what was seen of it.
struct World {
    store: Store,
    history: Vec<Record>,
}

fn new(key: Option<&str>) -> NewTask {
    NewTask {
        site: None,
        kind: "test.sleep".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "sleeps".into(),
        unique_key: key.map(str::to_owned),
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "me".into(),
        parent: None,
    }
}

impl World {
    async fn new() -> Self {
        let store = Store::from(Inline::new(Arc::new(|| Timestamp(5_500))).unwrap());
        let schedule = NewSchedule {
            id: "nightly".into(),
            period: 1_000,
            phase: 0,
            catch_up: CatchUp::One,
            task: new(None),
        };
        let start = StartNode {
            site: None,
            files: String::new(),
            node: "a".into(),
            boot: "1".into(),
            version: "0".into(),
            kinds: vec!["test.sleep".into()],
            queues: vec![("cpu".into(), 2)],
            schedules: vec![schedule],
        };
        store.run(start).await.unwrap();
        Self { store, history: Vec::new() }
    }

    fn saw(&mut self, seen: Seen) {
        self.history.push(Record { at: self.history.len() as u64, who: "somebody".into(), seen });
    }

    async fn enqueue(&mut self, request: &str, key: Option<&str>) -> i64 {
        self.saw(Seen::EnqueueAsked { request: request.into(), key: key.map(str::to_owned) });
        let new = NewTask { request_id: Some(request.into()), ..new(key) };
        let enqueued = self.store.run(Enqueue(new)).await.unwrap();
        self.saw(Seen::EnqueueAcknowledged {
            request: request.into(),
            task: enqueued.id.0,
            state: enqueued.state.to_string(),
            is_new: enqueued.is_new,
        });
        enqueued.id.0
    }

    async fn claim(&mut self) -> Vec<(i64, i64)> {
        let claim = Claim {
            site: None,
            node: "a".into(),
            boot: "1".into(),
            kinds: vec!["test.sleep".into()],
            room: vec![("cpu".into(), 9)],
        };
        let claimed = self.store.run(claim).await.unwrap();
        let claimed: Vec<_> = claimed.iter().map(|task| (task.id.0, task.claim.0)).collect();
        for &(task, claim) in &claimed {
            self.saw(Seen::RunBegan { task, claim, node: "a".into(), boot: "1".into() });
        }
        claimed
    }

    async fn finish(&mut self, (task, claim): (i64, i64)) {
        self.saw(Seen::EffectPublished { task, claim, place: "snapshot".into() });
        self.saw(Seen::EndAsked { task, claim });
        let finish = Finish {
            id: TaskId(task),
            claim: ClaimNumber(claim),
            node: "a".into(),
            boot: "1".into(),
            end: End::Completed { result: None },
            stages: None,
            then: vec![],
        };
        match self.store.run(finish).await.unwrap() {
            Finished::Accepted { state, .. } => {
                self.saw(Seen::EndAccepted { task, claim, state: state.to_string() });
            }
            _ => self.saw(Seen::EndRefused { task, claim }),
        }
    }

    async fn rows(&self) -> Rows {
        Rows::read(&self.store).await.unwrap()
    }
}

/// Tasks 1 (asked for again while it ran), 2 (reaped once), 3 (cancelled while it ran), 4 (follows 1),
/// 5 X, all ended.
async fn honest() -> (Vec<Record>, Rows) {
    let mut world = World::new().await;
    assert_eq!(world.enqueue("r1", Some("k")).await, 1);
    assert_eq!(world.enqueue("r2", None).await, 2);
    assert_eq!(world.enqueue("r3", None).await, 3);
    assert_eq!(world.claim().await, [(1, 1), (2, 1)]);
    assert_eq!(world.enqueue("r4", Some("k")).await, 1);
    let running = world.store.run(Running).await.unwrap();
    world.store.run(Reap { seen: running[1].clone(), by: "b".into(), hung: None }).await.unwrap();
    world.saw(Seen::Reaped { task: 2, claim: 1, state: "enqueued".into(), beat: 0 });
    world.finish((2, 1)).await;
    world.finish((1, 1)).await;
    world.saw(Seen::EndSeen { task: 1, state: "completed".into() });
    assert_eq!(world.claim().await, [(2, 2), (3, 1)]);
    let cancel = Cancel { id: TaskId(3), actor: "me".into(), reason: String::new() };
    world.store.run(cancel).await.unwrap();
    world.saw(Seen::CancelAcknowledged { task: 3, answer: Answer::Asked });
    world.finish((3, 1)).await;
    world.finish((2, 2)).await;
    assert_eq!(world.store.run(Tick).await.unwrap().made.len(), 1);
    assert_eq!(world.claim().await, [(4, 1), (5, 1)]);
    world.finish((4, 1)).await;
    world.finish((5, 1)).await;
    // Task 2 was reaped while its first runner went on: what that one wrote was overwritten before.
    let is_zombie = |record: &Record| matches!(&record.seen, Seen::EffectPublished { task, .. } if [2, 3].contains(task));
    world.history.retain(|record| !is_zombie(record));
    let rows = world.rows().await;
    (world.history, rows)
}

#[track_caller]
fn finds(history: &[Record], rows: &Rows, invariant: &str, part: &str) {
    let found = check(history, rows);
    let is_meant = |violation: &crate::Violation| {
        violation.invariant == invariant && violation.message.contains(part)
    };
    assert!(found.iter().any(is_meant), "{invariant} `{part}` is not among {found:#?}");
}

fn at(history: &[Record], is_meant: impl Fn(&Seen) -> bool) -> usize {
    history.iter().position(|record| is_meant(&record.seen)).unwrap()
}

fn record(seen: Seen) -> Record {
    Record { at: 99, who: "liar".into(), seen }
}

#[tokio::test]
async fn an_honest_history_violates_nothing() {
    let (history, rows) = honest().await;
    assert_eq!(check(&history, &rows), []);
    assert_eq!(check_all_ended(&rows, &[]), []);
    assert_eq!(rows.tasks.len(), 5);
}

#[tokio::test]
async fn a_history_survives_as_lines() {
    let (history, _) = honest().await;
    let lines = to_lines(&history);
    assert_eq!(from_lines(&lines).unwrap(), history);
    assert_eq!(from_lines(&lines[..lines.len() - 9]).unwrap(), history[..history.len() - 1]);
    // Its writers were killed in the middle of a line, wherever, and others went on.
    let (first, others) = lines.split_once('\n').unwrap();
    for end in (1..first.len()).filter(|end| first.is_char_boundary(*end)) {
        let torn = format!("{first}\n{}{others}", &first[..end]);
        assert_eq!(from_lines(&torn).unwrap(), history, "{torn}");
    }
    let broken = format!("x{lines}");
    assert!(from_lines(&broken).unwrap_err().starts_with("line 1: "));
    let broken = format!("{first}{lines}");
    assert!(from_lines(&broken).unwrap_err().starts_with("line 1: "));
    let broken = lines.replacen("enqueue_asked", "something", 1);
    assert!(from_lines(&broken).unwrap_err().starts_with("line 1: "));
}

#[tokio::test]
async fn i1_an_acknowledged_task_without_a_row_is_found() {
    let (mut history, rows) = honest().await;
    history.push(record(Seen::EnqueueAcknowledged {
        request: "r9".into(),
        task: 77,
        state: "enqueued".into(),
        is_new: true,
    }));
    finds(&history, &rows, "I1", "task 77 has no row");
    history.insert(0, record(Seen::PurgeAsked));
    assert_eq!(check(&history, &rows), []);
}

#[tokio::test]
async fn i1_a_row_that_was_removed_before_its_end_is_found() {
    let mut world = World::new().await;
    world.enqueue("r1", None).await;
    world.enqueue("r2", None).await;
    for claimed in world.claim().await {
        world.finish(claimed).await;
    }
    let mut earlier = world.rows().await;
    world.store.run(Purge { kind: None, except: vec![], keep: -1, limit: 9 }).await.unwrap();
    let mut rows = world.rows().await;
    // Nothing is older than now on a clock that stands, so the row is taken away by hand.
    rows.tasks.remove(&1);
    earlier.tasks.get_mut(&1).unwrap().state = State::Running;
    assert_eq!(rows.remember(earlier, &world.store).await.unwrap(), [TaskId(1)]);
    assert_eq!(rows.tasks.len(), 2);
}

#[tokio::test]
async fn i1_two_tasks_of_one_request_are_found() {
    let (mut history, rows) = honest().await;
    history.push(record(Seen::EnqueueAcknowledged {
        request: "r2".into(),
        task: 4,
        state: "enqueued".into(),
        is_new: true,
    }));
    finds(&history, &rows, "I1", "request r2 was told 2 and 4");
    // What was purged before it was told of the first is no reason.
    let told = at(&history, |seen| matches!(seen, Seen::EnqueueAcknowledged { task: 2, .. }));
    history.insert(told, record(Seen::PurgeAsked));
    finds(&history, &rows, "I1", "request r2 was told 2 and 4");
    history.insert(told + 2, record(Seen::PurgeAsked));
    assert_eq!(check(&history, &rows), []);
}

#[tokio::test]
async fn i1_a_request_that_was_merged_and_made_is_found_although_nobody_was_told() {
    let (mut history, mut rows) = honest().await;
    let merged = rows.events.values_mut().find(|event| event.what == What::Merged).unwrap();
    merged.actor = "r2".into();
    finds(&history, &rows, "I1", "request r2 stands for the tasks {1, 2}");
    history.push(record(Seen::PurgeAsked));
    finds(&history, &rows, "I1", "request r2 stands for the tasks {1, 2}");
    let asked = |seen: &Seen| matches!(seen, Seen::EnqueueAsked { request, .. } if request == "r2");
    history.insert(at(&history, asked) + 1, record(Seen::PurgeAsked));
    assert_eq!(check(&history, &rows), []);
}

#[tokio::test]
async fn i3_a_failure_without_an_attempt_that_failed_is_found() {
    let (history, mut rows) = honest().await;
    rows.tasks.get_mut(&2).unwrap().failures += 1;
    finds(
        &history,
        &rows,
        "I3",
        "task 2 has 2 failures, and 1 of its attempts failed or were lost",
    );
}

#[tokio::test]
async fn i2_a_claim_that_fell_is_found() {
    let (history, mut rows) = honest().await;
    rows.tasks.get_mut(&2).unwrap().claim = ClaimNumber(1);
    finds(&history, &rows, "I2", "task 2 has claim 1");
}

#[tokio::test]
async fn i2_a_claim_that_was_given_twice_is_found() {
    let (mut history, rows) = honest().await;
    let (node, boot) = ("b".to_owned(), "2".to_owned());
    history.push(record(Seen::RunBegan { task: 2, claim: 2, node, boot }));
    finds(&history, &rows, "I2", "claim 2 of task 2 began twice");
    finds(&history, &rows, "I2", "belongs to process 1, and 2 ran it");
}

#[tokio::test]
async fn i2_a_claim_of_a_claimed_task_is_found() {
    let (history, mut rows) = honest().await;
    rows.events.retain(|_, event| event.what != What::Lost);
    finds(&history, &rows, "I2", "claims a task that is claimed");
}

#[tokio::test]
async fn i3_two_accepted_ends_are_found() {
    let (mut history, rows) = honest().await;
    history.push(record(Seen::EndAccepted { task: 1, claim: 1, state: "failed".into() }));
    finds(&history, &rows, "I3", "two ends of claim 1 of task 1");
    finds(&history, &rows, "I3", "was accepted as failed, and the store keeps completed");
}

#[tokio::test]
async fn i3_an_end_after_a_higher_claim_is_found() {
    let (mut history, rows) = honest().await;
    let reaped = at(&history, |seen| matches!(seen, Seen::Reaped { .. }));
    history.remove(reaped);
    history.push(record(Seen::EndAccepted { task: 2, claim: 1, state: "completed".into() }));
    history.retain(|record| !matches!(record.seen, Seen::EndAsked { task: 2, claim: 1 }));
    finds(&history, &rows, "I3", "after claim 2 began");
}

#[tokio::test]
async fn i3_an_end_that_was_refused_without_a_reason_is_found() {
    let (mut history, rows) = honest().await;
    history.push(record(Seen::EndRefused { task: 4, claim: 1 }));
    finds(&history, &rows, "I3", "claim 1 of task 4 was refused, and nobody else ended it");
}

#[tokio::test]
async fn i3_an_end_without_a_claim_is_found() {
    let (history, mut rows) = honest().await;
    let claimed =
        |event: &store::record::TaskEvent| event.task == TaskId(4) && event.what == What::Claimed;
    rows.events.retain(|_, event| !claimed(event));
    finds(&history, &rows, "I3", "ends a claim that nobody holds");
}

#[tokio::test]
async fn i4_more_running_tasks_than_the_budget_are_found() {
    let (history, mut rows) = honest().await;
    rows.budgets.insert("cpu".into(), 1);
    finds(&history, &rows, "I4", "makes 2 tasks of `cpu` run at once: 1, 2");
}

#[tokio::test]
async fn i5_two_living_tasks_of_one_key_are_found() {
    let (history, mut rows) = honest().await;
    rows.tasks.get_mut(&3).unwrap().unique_key = Some("k".into());
    finds(&history, &rows, "I5", "is the second living one of the key `k` beside 1");
}

#[tokio::test]
async fn i6_two_tasks_of_one_slot_are_found() {
    let (history, mut rows) = honest().await;
    let made = rows.tasks[&5].clone();
    let other = rows.tasks.get_mut(&4).unwrap();
    (other.schedule, other.slot) = (made.schedule, made.slot);
    finds(&history, &rows, "I6", "slot 5000 of nightly made 4 and 5");
}

#[tokio::test]
async fn i7_a_change_after_the_end_is_found() {
    let (history, mut rows) = honest().await;
    let (&last, event) = rows.events.last_key_value().unwrap();
    let late = store::record::TaskEvent { id: last + 1, task: TaskId(1), ..event.clone() };
    rows.events.insert(last + 1, late);
    finds(&history, &rows, "I7", "changes a task that is completed");
}

#[tokio::test]
async fn i7_an_end_that_changed_is_found() {
    let (history, mut rows) = honest().await;
    rows.tasks.get_mut(&1).unwrap().state = State::Failed;
    finds(&history, &rows, "I7", "task 1 is failed, and somebody was told that it is completed");
    finds(&history, &rows, "I7", "task 1 is failed, its events leave it completed");
}

#[tokio::test]
async fn i8_a_cancel_that_was_forgotten_is_found() {
    let (history, mut rows) = honest().await;
    rows.tasks.get_mut(&3).unwrap().state = State::Completed;
    finds(&history, &rows, "I8", "task 3 is completed, and somebody was told that it is cancelled");
}

#[tokio::test]
async fn i9_a_second_run_that_never_came_is_found() {
    let (mut history, mut rows) = honest().await;
    rows.tasks.remove(&4);
    rows.events.retain(|_, event| event.task != TaskId(4));
    history.retain(|record| !matches!(record.seen, Seen::RunBegan { task: 4, .. }));
    finds(&history, &rows, "I9", "promises another run, and nothing has run since");
    finds(&history, &rows, "I9", "nothing of `k` has begun since request r4");
    rows.events.retain(|_, event| event.what != What::Merged);
    finds(
        &history,
        &rows,
        "I9",
        "1 clients were promised another run of task 1, the store knows of 0",
    );
}

#[tokio::test]
async fn i10_an_effect_of_an_earlier_run_is_found() {
    let (mut history, rows) = honest().await;
    let place = "snapshot".to_owned();
    history.push(record(Seen::EffectPublished { task: 2, claim: 2, place: place.clone() }));
    finds(&history, &rows, "I10", "claim 2 of task 2 wrote snapshot after claim 1 of task 5");
    history.push(record(Seen::EffectPublished { task: 2, claim: 1, place }));
    finds(&history, &rows, "I10", "claim 1 of task 2 wrote snapshot after claim 2 of task 2");
}

#[tokio::test]
async fn i12_a_claim_that_was_reaped_although_it_was_renewed_is_found() {
    let (mut history, rows) = honest().await;
    let reaped = at(&history, |seen| matches!(seen, Seen::Reaped { .. }));
    // One of another claim is no reason.
    history.insert(0, record(Seen::Renewed { task: 2, claim: 2 }));
    assert_eq!(check(&history, &rows), []);
    history.insert(reaped, record(Seen::Renewed { task: 2, claim: 1 }));
    finds(
        &history,
        &rows,
        "I12",
        "claim 1 of task 2 was reaped with beat 0, and had been renewed 1 times",
    );
}

#[tokio::test]
async fn i11_and_i12_are_found() {
    let mut world = World::new().await;
    world.enqueue("r1", None).await;
    let rows = world.rows().await;
    assert_eq!(check_all_ended(&rows, &[])[0].invariant, "I11");
    assert_eq!(check_all_ended(&rows, &["cpu"]), []);
    let (history, rows) = honest().await;
    let found = check_none_lost(&rows);
    assert!(found[0].explain(&history, &rows).contains("I12: claim 1 of task 2 was taken from a"));
}
