//! Many seeds.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use history::{Seen, to_lines};
use store::record::What;

use crate::shared::Careless;
use crate::{Outcome, run, run_careless};

/// How many seeds are run unless `SEEDS` says otherwise.
const SEEDS: u64 = 200;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[track_caller]
fn assert_proved(seed: u64, outcome: &Outcome) {
    assert!(
        outcome.violations.is_empty(),
        "seed {seed} ({}) violates:\n{}\nreplay: SEED={seed} cargo test -p simulation seeds -- --nocapture",
        outcome.profile,
        outcome.report()
    );
}

#[test]
fn nothing_is_lost_in_any_of_the_seeds() {
    if let Some(seed) = number("SEED") {
        let outcome = run(seed);
        println!("{}", to_lines(&outcome.history));
        return assert_proved(seed, &outcome);
    }
    let n_seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let seen = Mutex::new(BTreeMap::<&str, usize>::new());
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= n_seeds {
                    return;
                }
                let outcome = run(seed);
                assert_proved(seed, &outcome);
                let mut seen = seen.lock().unwrap();
                for (name, n) in figures(&outcome) {
                    *seen.entry(name).or_default() += n;
                }
            }
        };
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                // The others need not go on.
                next.store(n_seeds, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    });
    let seen = seen.into_inner().unwrap();
    println!("{n_seeds} seeds: {seen:#?}");
    // What no longer happens is no longer proved.
    for (name, n) in seen {
        assert!(n > 0 || n_seeds < SEEDS, "no {name} in {n_seeds} seeds");
    }
}

fn figures(outcome: &Outcome) -> Vec<(&'static str, usize)> {
    let n_notes = |part: &str| {
        outcome.n_seen(|seen| matches!(seen, Seen::Note { text } if text.contains(part)))
    };
    vec![
        ("tasks", outcome.rows.tasks.len()),
        ("claims", outcome.n_events(What::Claimed)),
        ("completed", outcome.n_events(What::Completed)),
        ("failed", outcome.n_events(What::Failed)),
        ("retried", outcome.n_events(What::Retried)),
        ("lost", outcome.n_events(What::Lost)),
        ("given back", outcome.n_events(What::Returned)),
        ("interrupted", outcome.n_events(What::Interrupted)),
        ("cancelled", outcome.n_events(What::Cancelled)),
        ("dropped", outcome.n_events(What::Dropped)),
        ("merged", outcome.n_events(What::Merged)),
        ("stale writes", outcome.n_events(What::StaleWrite)),
        ("follow-ups", outcome.n_events(What::FollowUp)),
        ("effects", outcome.n_seen(|seen| matches!(seen, Seen::EffectPublished { .. }))),
        ("unknown requests", outcome.n_seen(|seen| matches!(seen, Seen::EnqueueUnknown { .. }))),
        ("ends seen", outcome.n_seen(|seen| matches!(seen, Seen::EndSeen { .. }))),
        ("crashes", n_notes("crashes")),
        ("stalls", n_notes("stalls")),
        ("stalls at a fence", n_notes("stalls at a fence")),
        ("usurpers", n_notes("loses its name")),
        ("cuts", n_notes("loses the store")),
        ("stops", n_notes("told to stop")),
        ("jumps", n_notes("jumps")),
    ]
}

#[test]
fn a_seed_makes_the_same_history_each_time() {
    for seed in 0..12 {
        let (one, other) = (run(seed), run(seed));
        let (one, other) = (to_lines(&one.history), to_lines(&other.history));
        let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
}

/// How many seeds must find careless tasks: one alone would be luck.
const ENOUGH: usize = 3;

/// The first seeds in which careless tasks violate an invariant.
#[track_caller]
fn assert_found(careless: Careless, invariant: &str) {
    // Nobody publishes too late who is never stopped.
    let seeds = (0..SEEDS).filter(|seed| matches!(seed % 6, 2 | 5));
    let is_found = |seed: &u64| {
        let violations = run_careless(*seed, Some(careless)).violations;
        violations.iter().any(|violation| violation.invariant == invariant)
    };
    let found: Vec<u64> = seeds.filter(is_found).take(ENOUGH).collect();
    println!("{careless:?} is caught by the seeds {found:?}");
    assert_eq!(found.len(), ENOUGH, "{careless:?} is caught by the seeds {found:?} of {SEEDS}");
}

#[test]
fn a_task_that_does_not_check_its_fence_is_caught() {
    assert_found(Careless::Fence, "I10");
}

#[test]
fn a_task_that_checks_its_fence_without_the_lock_is_caught() {
    assert_found(Careless::Lock, "I10");
}
