//! Worlds on stores that are broken on purpose: whole nodes run on them, and the history of what everybody has
//! seen shows that something is wrong.
//!
//! `proof` compares each statement with a model. Here nobody knows what the store should say: only the
//! invariants are checked, and each mutant must break one of them, or is listed with the reason why not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use history::Violation;
use proof::mutant::Mutant;

use crate::run_broken;

/// Within how many seeds each must be found.
const SEEDS: u64 = 60;

/// What these seeds do not show, and why. `proof` catches all of them.
const HIDDEN: [(Mutant, &str); 9] = [
    (Mutant::FinishByBootOnly, "who is too late must hold a later claim of the very same task"),
    (
        Mutant::ClaimOfPaused,
        "no event says when a queue was paused, and a claim may have come before",
    ),
    (
        Mutant::RequestForgotten,
        "the reply to a merge must be lost, and the task end before it is asked again",
    ),
    (Mutant::MergeKeepsPriority, "no invariant says which of two tasks runs first"),
    (Mutant::ClaimBeforeItsTime, "no invariant says when a task runs at the earliest: clocks jump"),
    (Mutant::SlotTwice, "the row of its task keeps a slot from being taken twice"),
    (Mutant::SiteIgnored, "the nodes of a world have no sites"),
    (Mutant::OtherFilesIgnored, "the nodes of a world have no sites"),
    (Mutant::ScheduleOfOthersRemoved, "the nodes of a world declare the same schedules"),
];

/// The first violation that a mutant leads to, with its seed.
fn find(mutant: Mutant) -> Option<(u64, Violation)> {
    (0..SEEDS).find_map(|seed| {
        let rewrite = Arc::new(move |name: &'static str, sql: &str| mutant.rewrite(name, sql));
        // Where the store fails of itself, nothing is proved.
        let outcome = catch_unwind(AssertUnwindSafe(|| run_broken(seed, rewrite))).ok()?;
        Some((seed, outcome.violations.into_iter().next()?))
    })
}

#[test]
fn every_mutant_breaks_an_invariant_that_somebody_sees() {
    let is_hidden = |mutant: &&Mutant| HIDDEN.iter().any(|(hidden, _)| hidden == *mutant);
    let sought: Vec<Mutant> = Mutant::ALL.iter().filter(|one| !is_hidden(one)).copied().collect();
    let (next, escaped) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&mutant) = sought.get(next.fetch_add(1, Ordering::Relaxed)) {
            match find(mutant) {
                Some((seed, one)) => println!("{mutant:?}: seed {seed}: {one}"),
                None => escaped.lock().unwrap().push(mutant),
            }
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..n_threads).for_each(|_| drop(scope.spawn(work))));
    let escaped = escaped.into_inner().unwrap();
    assert!(escaped.is_empty(), "{SEEDS} seeds do not show {escaped:?}");
}
