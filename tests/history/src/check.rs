//! The rules over records and rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use store::record::{State, Task, What};

use crate::record::{Answer, Record, Seen};
use crate::replay::replay;
use crate::rows::Rows;

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which one: `I1` to `I12`.
    pub invariant: &'static str,
    /// The task, if it is about one.
    pub task: Option<i64>,
    /// What proves it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.message)
    }
}

impl Violation {
    /// The violation, and below it everything that was seen of its task.
    pub fn explain(&self, history: &[Record], rows: &Rows) -> String {
        let mut lines = vec![self.to_string()];
        let Some(id) = self.task else { return self.to_string() };
        lines.extend(rows.tasks.get(&id).map(|task| format!("  row {task:?}")));
        let events = rows.events.values().filter(|event| event.task.0 == id);
        lines.extend(events.map(|event| {
            let (number, at, actor) = (event.id, event.at.0, &event.actor);
            format!("  event {number} at {at} by {actor}: {}, {}", event.what, event.detail)
        }));
        let records = history.iter().filter(|record| task_of(&record.seen) == Some(id));
        lines.extend(
            records.map(|record| {
                format!("  seen at {} by {}: {:?}", record.at, record.who, record.seen)
            }),
        );
        lines.join("\n")
    }
}

fn task_of(seen: &Seen) -> Option<i64> {
    match seen {
        Seen::EnqueueAcknowledged { task, .. }
        | Seen::CancelAcknowledged { task, .. }
        | Seen::EndSeen { task, .. }
        | Seen::RunBegan { task, .. }
        | Seen::EffectPublished { task, .. }
        | Seen::EndAsked { task, .. }
        | Seen::EndAccepted { task, .. }
        | Seen::EndRefused { task, .. }
        | Seen::EndUnknown { task, .. }
        | Seen::Renewed { task, .. }
        | Seen::Reaped { task, .. } => Some(*task),
        _ => None,
    }
}

/// The violations of I1 to I10 and I12, those that the store's events prove first.
pub fn check(history: &[Record], rows: &Rows) -> Vec<Violation> {
    let mut checker = Checker { history, rows, violations: replay(rows) };
    checker.slots();
    checker.requests();
    checker.repeated_requests();
    checker.ends_seen();
    checker.runs();
    checker.ends();
    checker.effects();
    checker.reaped();
    checker.violations
}

/// The tasks that have not ended, as violations of I11: for a store that was given time without faults.
/// Those of queues in `paused` may wait.
pub fn check_all_ended(rows: &Rows, paused: &[&str]) -> Vec<Violation> {
    let open = rows.tasks.values().filter(|task| {
        let may_wait = task.state == State::Enqueued && paused.contains(&task.queue.as_str());
        !task.state.is_terminal() && !may_wait
    });
    open.map(|task| Violation {
        invariant: "I11",
        task: Some(task.id.0),
        message: format!("task {} is still {}, without faults", task.id.0, task.state),
    })
    .collect()
}

/// The claims that were taken from their runners, as violations of I12: for a history in which all runners
/// were alive.
pub fn check_none_lost(rows: &Rows) -> Vec<Violation> {
    let lost = rows.attempts.iter().filter(|(_, attempt)| attempt.outcome == Some(What::Lost));
    lost.map(|(&(task, claim), attempt)| Violation {
        invariant: "I12",
        task: Some(task),
        message: format!(
            "claim {claim} of task {task} was taken from {}, which lived",
            attempt.node
        ),
    })
    .collect()
}

struct Checker<'h> {
    history: &'h [Record],
    rows: &'h Rows,
    violations: Vec<Violation>,
}

impl<'h> Checker<'h> {
    fn found(&mut self, invariant: &'static str, task: i64, message: String) {
        self.violations.push(Violation { invariant, task: Some(task), message });
    }

    /// The row of a task that somebody was told of. A row that is missing is a violation unless rows may
    /// have been purged.
    fn row(&mut self, task: i64, whence: &str) -> Option<&'h Task> {
        let row = self.rows.tasks.get(&task);
        let is_purged = || self.history.iter().any(|record| record.seen == Seen::PurgeAsked);
        if row.is_none() && !is_purged() {
            self.found("I1", task, format!("task {task} has no row, and {whence}"));
        }
        row
    }

    fn slots(&mut self) {
        let mut taken = BTreeMap::new();
        for task in self.rows.tasks.values() {
            let (Some(schedule), Some(slot)) = (&task.schedule, task.slot) else { continue };
            if let Some(other) = taken.insert((schedule, slot), task.id.0) {
                let (id, slot) = (task.id.0, slot.0);
                self.found("I6", id, format!("slot {slot} of {schedule} made {other} and {id}"));
            }
        }
    }

    fn requests(&mut self) {
        let mut keys = BTreeMap::new();
        let mut told: BTreeMap<&str, (i64, usize)> = BTreeMap::new();
        let mut promises: BTreeMap<i64, usize> = BTreeMap::new();
        for (at, record) in self.history.iter().enumerate() {
            match &record.seen {
                Seen::EnqueueAsked { request, key } => {
                    keys.entry(request.as_str()).or_insert((key.as_deref(), at));
                }
                Seen::EnqueueAcknowledged { request, task, state, is_new } => {
                    let whence = format!("request {request} was told that it is accepted");
                    let Some(row) = self.row(*task, &whence) else { continue };
                    let before = told.insert(request, (*task, at));
                    let is_other = |(other, since): &(i64, usize)| {
                        other != task && !self.has_purged(*since..at)
                    };
                    if let Some((other, _)) = before.filter(is_other) {
                        let message = format!("request {request} was told {other} and {task}");
                        self.found("I1", *task, message);
                    }
                    if before.is_none()
                        && !is_new
                        && state == State::Running.as_str()
                        && row.request_id != *request
                    {
                        // Who asks again under the same name only learns where it is.
                        *promises.entry(*task).or_default() += 1;
                        self.began_since(request, *task, keys.get(request.as_str()).copied());
                    }
                }
                _ => {}
            }
        }
        // Answers may be lost, so the store may have promised more than clients know of.
        for (task, n_told) in promises {
            let events = self.rows.events.values();
            let merged = events.filter(|event| event.task.0 == task && event.what == What::Merged);
            let n_kept = merged.count();
            if n_kept < n_told {
                let message = format!(
                    "{n_told} clients were promised another run of task {task}, the store knows of {n_kept}"
                );
                self.found("I9", task, message);
            }
        }
    }

    /// Whether rows may have been purged between these records.
    fn has_purged(&self, between: Range<usize>) -> bool {
        let mut records = self.history.iter().take(between.end).skip(between.start);
        records.any(|record| record.seen == Seen::PurgeAsked)
    }

    /// I1: a request that is repeated stands for one task, also where its answers were lost. Merges are found
    /// of clients who act under the names of their requests.
    fn repeated_requests(&mut self) {
        // From where it was asked first to where its last answer came.
        let mut spans: BTreeMap<&str, Range<usize>> = BTreeMap::new();
        for (at, record) in self.history.iter().enumerate() {
            match &record.seen {
                Seen::EnqueueAsked { request, .. } => {
                    spans.entry(request).or_insert(at..at).end = self.history.len();
                }
                Seen::EnqueueAcknowledged { request, .. }
                | Seen::EnqueueUnknown { request }
                | Seen::EnqueueRefused { request } => {
                    if let Some(span) = spans.get_mut(request.as_str()) {
                        span.end = at;
                    }
                }
                _ => {}
            }
        }
        let rows = self.rows;
        let mut tasks: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for task in rows.tasks.values() {
            tasks.entry(&task.request_id).or_default().insert(task.id.0);
        }
        for event in rows.events.values().filter(|event| event.what == What::Merged) {
            tasks.entry(&event.actor).or_default().insert(event.task.0);
        }
        for (request, span) in spans {
            let Some(ids) = tasks.get(request).filter(|ids| ids.len() > 1) else { continue };
            if !self.has_purged(span) {
                let last = ids.last().copied().unwrap_or_default();
                self.found("I1", last, format!("request {request} stands for the tasks {ids:?}"));
            }
        }
    }

    /// I9 as clients see it: since the request a task of its key has begun, or none may begin any more.
    fn began_since(&mut self, request: &str, task: i64, asked: Option<(Option<&str>, usize)>) {
        let (rows, history) = (self.rows, self.history);
        let Some((Some(key), at)) = asked else { return };
        let is_of_key = |id: i64| {
            rows.tasks.get(&id).is_some_and(|task| task.unique_key.as_deref() == Some(key))
        };
        let began = history.iter().skip(at).any(|record| match &record.seen {
            Seen::RunBegan { task, .. } => is_of_key(*task),
            _ => false,
        });
        let is_excused = rows.tasks.range(task..).any(|(&id, row)| {
            is_of_key(id) && !matches!(row.state, State::Completed | State::Failed)
        });
        if !began && !is_excused && rows.tasks.contains_key(&task) {
            self.found("I9", task, format!("nothing of `{key}` has begun since request {request}"));
        }
    }

    fn ends_seen(&mut self) {
        for record in self.history {
            let who = &record.who;
            let (task, expected, why) = match &record.seen {
                Seen::EndSeen { task, state } => (*task, state.as_str(), "I7"),
                Seen::CancelAcknowledged { task, answer: Answer::Ended(state) } => {
                    (*task, state.as_str(), "I8")
                }
                Seen::CancelAcknowledged { task, answer: Answer::AtOnce | Answer::Asked } => {
                    (*task, State::Cancelled.as_str(), "I8")
                }
                _ => continue,
            };
            let whence = format!("{who} was told that it is {expected}");
            let Some(row) = self.row(task, &whence) else { continue };
            // A task that was asked to end may still run.
            let is_open = why == "I8" && !row.state.is_terminal();
            if row.state.as_str() != expected && !is_open {
                self.found(why, task, format!("task {task} is {}, and {whence}", row.state));
            }
        }
    }

    fn runs(&mut self) {
        let mut began = BTreeSet::new();
        for record in self.history {
            let Seen::RunBegan { task, claim, boot, .. } = &record.seen else { continue };
            let Some(row) = self.row(*task, "has run") else { continue };
            if !began.insert((*task, *claim)) {
                self.found("I2", *task, format!("claim {claim} of task {task} began twice"));
            }
            if *claim > row.claim.0 {
                let (known, who) = (row.claim.0, &record.who);
                let message = format!("task {task} has claim {known}, and {who} ran under {claim}");
                self.found("I2", *task, message);
            }
            let attempt = self.rows.attempts.get(&(*task, *claim));
            if attempt.is_some_and(|attempt| attempt.outcome == Some(What::Returned)) {
                let message =
                    format!("claim {claim} of task {task} was given back although it had begun");
                self.found("I3", *task, message);
            }
            if let Some(attempt) = attempt.filter(|attempt| attempt.boot != *boot) {
                let message = format!(
                    "claim {claim} of task {task} belongs to process {}, and {boot} ran it",
                    attempt.boot
                );
                self.found("I2", *task, message);
            }
        }
    }

    fn ends(&mut self) {
        let mut accepted = BTreeSet::new();
        let mut asked = BTreeMap::new();
        for (at, record) in self.history.iter().enumerate() {
            match &record.seen {
                Seen::EndAsked { task, claim } => {
                    asked.insert((*task, *claim), at);
                }
                Seen::EndAccepted { task, claim, state }
                | Seen::Reaped { task, claim, state, .. } => {
                    if !accepted.insert((*task, *claim)) {
                        let message =
                            format!("two ends of claim {claim} of task {task} were accepted");
                        self.found("I3", *task, message);
                    }
                    let since = asked.get(&(*task, *claim)).copied().unwrap_or(at);
                    self.no_higher_claim_before(since, *task, *claim);
                    let is_reaped = matches!(record.seen, Seen::Reaped { .. });
                    self.compare_attempt((*task, *claim), state, is_reaped);
                }
                Seen::EndRefused { task, claim } => {
                    let outcome = self.outcome(*task, *claim);
                    if outcome.is_some_and(|outcome| outcome != Some(What::Lost)) {
                        let message = format!(
                            "the end of claim {claim} of task {task} was refused, and nobody else ended it"
                        );
                        self.found("I3", *task, message);
                    }
                }
                _ => {}
            }
        }
    }

    fn no_higher_claim_before(&mut self, at: usize, task: i64, claim: i64) {
        let higher = self.history.iter().take(at).find_map(|record| match record.seen {
            Seen::RunBegan { task: other, claim: higher, .. }
                if other == task && higher > claim =>
            {
                Some(higher)
            }
            _ => None,
        });
        if let Some(higher) = higher {
            let message = format!(
                "an end of claim {claim} of task {task} was accepted after claim {higher} began"
            );
            self.found("I3", task, message);
        }
    }

    fn outcome(&self, task: i64, claim: i64) -> Option<Option<What>> {
        self.rows.attempts.get(&(task, claim)).map(|attempt| attempt.outcome)
    }

    /// Whether the store has kept the end that was accepted.
    fn compare_attempt(&mut self, (task, claim): (i64, i64), state: &str, is_reaped: bool) {
        let Some(outcome) = self.outcome(task, claim) else { return };
        let fits = match State::find(state) {
            _ if is_reaped => outcome == Some(What::Lost),
            Some(State::Completed) => outcome == Some(What::Completed),
            Some(State::Failed) => outcome == Some(What::Failed),
            Some(State::Cancelled) => outcome == Some(What::Cancelled),
            Some(State::Dropped) => outcome == Some(What::Dropped),
            Some(State::Enqueued) => {
                matches!(outcome, Some(What::Retried | What::Interrupted))
            }
            Some(State::Running) | None => false,
        };
        if !fits {
            let kept = outcome.map_or("nothing", What::as_str);
            let message = format!(
                "claim {claim} of task {task} was accepted as {state}, and the store keeps {kept}"
            );
            self.found("I3", task, message);
        }
    }

    /// I12: who is reaped has not been renewed since the one who reaps has looked.
    fn reaped(&mut self) {
        let mut beats: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        for record in self.history {
            match record.seen {
                Seen::Renewed { task, claim } => *beats.entry((task, claim)).or_default() += 1,
                Seen::Reaped { task, claim, beat, .. } => {
                    let n = beats.get(&(task, claim)).copied().unwrap_or(0);
                    if n > beat {
                        let message = format!(
                            "claim {claim} of task {task} was reaped with beat {beat}, and had been renewed \
                             {n} times"
                        );
                        self.found("I12", task, message);
                    }
                }
                _ => {}
            }
        }
    }

    fn effects(&mut self) {
        let mut latest: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for record in self.history {
            let Seen::EffectPublished { task, claim, place } = &record.seen else { continue };
            let effect = (*task, *claim);
            let before = latest.insert(place, effect);
            if let Some((other, higher)) = before.filter(|&before| before > effect) {
                let message = format!(
                    "claim {claim} of task {task} wrote {place} after claim {higher} of task {other}"
                );
                self.found("I10", *task, message);
            }
        }
    }
}
