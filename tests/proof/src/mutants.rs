//! Every broken variant is caught.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::driver::check;
use crate::history::{Step, histories};
use crate::mutant::Mutant;
use crate::random::block_on;
use crate::tests::in_memory;

/// Within how many histories each mutant must be caught.
const SEEDS: u64 = 60;
const STEPS: usize = 80;

fn history(seed: u64) -> Vec<Step> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    histories(STEPS).new_tree(&mut runner).unwrap().current()
}

#[test]
fn every_mutant_is_caught() {
    let mut escaped = Vec::new();
    for &mutant in Mutant::ALL {
        let caught = (1..=SEEDS).find_map(|seed| {
            let outcome = block_on(check(&in_memory(), &history(seed), Some(mutant)));
            outcome.err().map(|difference| (seed, difference))
        });
        match caught {
            Some((seed, difference)) => {
                let words: Vec<_> = difference.reason.split_whitespace().take(12).collect();
                println!("{mutant:?}: history {seed}, step {}: {}", difference.at, words.join(" "));
            }
            None => escaped.push(mutant),
        }
    }
    assert!(escaped.is_empty(), "{SEEDS} histories do not catch {escaped:?}");
}
